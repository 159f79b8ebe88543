"""The catalogue of access patterns: each function declares beside its code what it asks for.

A declaration is a list of steps, and a step says which requests are made: with which operation,
on the table or which index, under which key condition, how many at the most, and what they may be
charged. `catalog_model.analysis.explain` holds the requests that were made against it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeVar

from catalog_model.declarations.formula import Formula
from catalog_model.dynamodb.callers import name_caller

_F = TypeVar("_F", bound=Callable[..., Any])

Role = Literal["read", "write"]
WRITING: Final = "TransactWriteItems"


@dataclass(frozen=True, slots=True)
class Step:
    """The requests of one kind that an access pattern makes.

    In a key condition ``<kind>`` stands for the argument of that name, and for any value where
    there is no such argument; a part in brackets may be missing; ``beyond`` is ``<=`` or ``>=``.

    The formulas are over the numbers among the arguments (of several values: how many they are),
    the sizes in bytes of `analysis.sizing.Sizes`, and ``read`` and ``returned``, the items
    that were. ``requests`` in the two others is what the first gives. They hold while nobody
    disturbs: not for what is asked again after a conflict, or because the service was too busy.
    """

    operation: str
    key_conditions: tuple[str, ...]
    index: str = "table"
    requests: Formula = field(default_factory=lambda: Formula("1"))
    """The most requests."""
    units: Formula = field(default_factory=lambda: Formula("0"))
    """The most capacity units of all of them, on the table and the indexes together."""
    items: Formula | None = None
    """The most items that a Query reads; None where that is as many as there are."""
    strong: bool | str = False
    """Whether the read is strongly consistent; or the name of the argument that says so."""
    when: Mapping[str, object] = field(default_factory=dict)
    """Values of arguments that the step is for; for all values where there is none."""
    unless: Mapping[str, object] = field(default_factory=dict)
    """Values of arguments that the step is not for."""
    rarely: str = ""
    """The unusual case that the step is for; such a step is not in the costs of its pattern."""

    @property
    def choice(self) -> str:
        """Name the arguments that the step is for; "" where it is for all."""
        only = [f"{name}={value}" for name, value in self.when.items()]
        return ", ".join([*only, *(f"{name}!={value}" for name, value in self.unless.items())])

    @property
    def is_write(self) -> bool:
        """Whether its units are write units."""
        return self.operation == WRITING

    def applies(self, arguments: Mapping[str, Any]) -> bool:
        """Tell whether the step may be part of a call with these arguments."""
        meets = all(arguments[name] == value for name, value in self.when.items())
        return meets and not any(arguments[name] == value for name, value in self.unless.items())

    def is_strong(self, arguments: Mapping[str, Any]) -> bool:
        """Tell whether a call with these arguments reads consistently here."""
        return bool(arguments[self.strong] if isinstance(self.strong, str) else self.strong)


def step(  # described at `Step`
    operation: str,
    *key_conditions: str,
    index: str = "table",
    requests: str = "1",
    units: str,
    items: str = "",
    strong: bool | str = False,
    when: Mapping[str, object] | None = None,
    unless: Mapping[str, object] | None = None,
    rarely: str = "",
) -> Step:
    """Declare a step, its formulas as text.

    >>> step("GetItem", "PK = <a> AND SK = <b>", units="0.5 * rcu(title)").requests
    Formula('1')
    """
    return Step(
        operation,
        key_conditions,
        index,
        Formula(requests),
        Formula(units),
        Formula(items) if items else None,
        strong,
        when or {},
        unless or {},
        rarely,
    )


class Cost(NamedTuple):
    """What a call may cost at the most, as formulas; ``when`` says for which arguments."""

    when: str
    requests: str
    reads: str
    writes: str


@dataclass(frozen=True, slots=True)
class AccessPattern:
    """One question that the table answers, or one change that it takes."""

    name: str
    question: str
    steps: tuple[Step, ...]
    order: str
    consistency: str
    function: Callable[..., Any]

    @property
    def usual(self) -> tuple[Step, ...]:
        """The steps, but for those of unusual cases."""
        return tuple(step for step in self.steps if not step.rarely)

    @property
    def role(self) -> Role:
        """Whether it only reads."""
        return "write" if any(step.is_write for step in self.steps) else "read"

    @property
    def operation(self) -> str:
        """The operations, each once, in the order of the steps."""
        return _listed(step.operation for step in self.usual)

    @property
    def index(self) -> str:
        """The indexes, each once; ``table`` for the table itself."""
        return _listed(step.index for step in self.usual)

    @property
    def key_condition(self) -> str:
        """The key conditions of all steps, each once."""
        return _listed((each for step in self.usual for each in step.key_conditions), "; ")

    @property
    def costs(self) -> tuple[Cost, ...]:
        """What a call costs at the most, for each choice of arguments where that differs."""
        choices: dict[tuple[str, str, str], list[str]] = {}
        always = [step for step in self.usual if not step.choice]
        for choice in dict.fromkeys(step.choice for step in self.usual if step.choice) or [""]:
            chosen = always + [step for step in self.usual if step.choice == choice and choice]
            reads = [step.units for step in chosen if not step.is_write]
            writes = [step.units for step in chosen if step.is_write]
            cost = _sum(step.requests for step in chosen), _sum(reads), _sum(writes)
            choices.setdefault(cost, []).append(choice)
        is_one = len(choices) == 1
        return tuple(
            Cost("" if is_one else " or ".join(names), *cost) for cost, names in choices.items()
        )

    def bind(self, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Give the arguments of a call by their names, without the catalogue.

        What a function takes under any name comes under that name.

        Raises:
            TypeError: If the function does not take them.
        """
        signature = inspect.signature(self.function)
        bound = signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        for each in signature.parameters.values():
            if each.kind is each.VAR_KEYWORD:
                arguments.update(arguments.pop(each.name))
        return arguments

    def steps_for(self, arguments: Mapping[str, Any]) -> tuple[Step, ...]:
        """Give the steps that a call with these arguments may take."""
        return tuple(step for step in self.steps if step.applies(arguments))


def quantities(arguments: Mapping[str, Any]) -> dict[str, float]:
    """Give the numbers among the arguments of a call, and how many there are of several values.

    >>> quantities({"kind": "movie", "limit": 20, "keys": ["a", "b"], "after": None})
    {'limit': 20, 'keys': 2}
    """
    numbers = {name: each for name, each in arguments.items() if isinstance(each, (int, float))}
    several = {n: len(each) for n, each in arguments.items() if isinstance(each, (list, tuple))}
    return numbers | several


_declared: Final[dict[str, AccessPattern]] = {}


def access_pattern(
    question: str, *steps: Step, order: str = "", consistency: str
) -> Callable[[_F], _F]:
    """Declare a function to be an access pattern, and give it back as it is."""

    def register(function: _F) -> _F:
        name = function.__name__
        _declared[name] = AccessPattern(name, question, steps, order, consistency, function)
        name_caller(function, name)
        return function

    return register


def catalogue_of(*functions: Callable[..., Any]) -> Mapping[str, AccessPattern]:
    """Give the declarations of *functions* by their names, in this order."""
    return MappingProxyType({each.__name__: _declared[each.__name__] for each in functions})


def declared_names() -> frozenset[str]:
    """Name every function that was declared to be an access pattern."""
    return frozenset(_declared)


def _sum(formulas: Iterable[Formula]) -> str:
    """Write a sum, what is constant in it worked out."""
    listed = list(formulas)
    constant = sum(formula() for formula in listed if not formula.names)
    named = [formula.text for formula in listed if formula.names]
    return " + ".join([*([f"{constant:g}"] if constant or not named else []), *named])


def _listed(words: Iterable[str], separator: str = ", ") -> str:
    return separator.join(dict.fromkeys(words))

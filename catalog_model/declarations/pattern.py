"""Declarations of access patterns: each function declares its requests next to its code.

`catalog_model.analysis.explain` compares these with the requests that a call makes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, ParamSpec, TypeVar, get_args

from catalog_model.declarations.caching import Cached
from catalog_model.declarations.formula import Formula
from catalog_model.dynamodb.callers import Caller, caller
from catalog_model.dynamodb.conversation import Conversation, hold

_P = ParamSpec("_P")
_T = TypeVar("_T")

Role = Literal["read", "write"]
WRITING: Final = "TransactWriteItems"


class Step:
    """Requests of one kind in an access pattern.

    In a key condition, ``<kind>`` stands for the argument of that name, or for any value if there
    is no such argument. A part in brackets is optional; ``beyond`` is ``<=`` or ``>=``.

    Formulas use the numeric arguments (for a collection, its length), the sizes in bytes of
    `analysis.sizing.Sizes`, and the numbers of items ``read`` and ``returned``. In ``units`` and
    ``items``, ``requests`` is the result of the first formula; in ``requests``, ``round_trips`` is
    how many times the call waited. They hold without interference: they do not include requests
    repeated after a conflict or because the service was too busy.

    Args:
        requests: The maximum number of requests.
        units: The maximum capacity units of all requests, on the table and the indexes together.
        items: The maximum number of items read by a Query; empty if it is unlimited.
        round_trips: The maximum number of times that the pattern waits for answers to these
            requests; requests of one round trip are sent at once.
        strong: Whether the read is strongly consistent, or the argument that decides it.
        when: Argument values to which the step applies; None if it applies to all.
        unless: Argument values to which the step does not apply.
        rarely: The unusual case in which the step is taken; the pattern's costs exclude it.
        needed: Whether a policy for the pattern allows the step although it is rare.
        sharded: The step that takes its place where lists are spread over several shards; its
            formulas also use their number, ``lists``.

    >>> step("GetItem", "PK = <a> AND SK = <b>", units="0.5 * rcu(title)").requests
    Formula('1')
    """

    def __init__(
        self,
        operation: str,
        *key_conditions: str,
        index: str = "table",
        requests: str = "1",
        units: str,
        items: str = "",
        round_trips: str = "1",
        strong: bool | str = False,
        when: Mapping[str, object] | None = None,
        unless: Mapping[str, object] | None = None,
        rarely: str = "",
        needed: bool = False,
        sharded: Step | None = None,
    ) -> None:
        self.operation = operation
        self.key_conditions = key_conditions
        self.index = index
        self.requests = Formula(requests)
        self.units = Formula(units)
        self.items = Formula(items) if items else None
        self.round_trips = Formula(round_trips)
        self.strong = strong
        self.when = when or {}
        self.unless = unless or {}
        self.rarely = rarely
        self.is_allowed = needed or not rarely
        self.sharded = sharded

    @property
    def choice(self) -> str:
        """The arguments to which the step applies; "" if it applies to all."""
        only = [f"{name}={value}" for name, value in self.when.items()]
        return ", ".join([*only, *(f"{name}!={value}" for name, value in self.unless.items())])

    @property
    def is_write(self) -> bool:
        """Whether the units are write units."""
        return self.operation == WRITING

    def applies(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether the step may be part of a call with these arguments."""
        meets = all(arguments[name] == value for name, value in self.when.items())
        return meets and not any(arguments[name] == value for name, value in self.unless.items())

    def is_strong(self, arguments: Mapping[str, Any]) -> bool:
        """Return whether the step reads with strong consistency in a call with these arguments."""
        return bool(arguments[self.strong] if isinstance(self.strong, str) else self.strong)


step = Step


class Cost(NamedTuple):
    """The maximum cost of a call, as formulas; ``when`` names the arguments to which it applies."""

    when: str
    requests: str
    reads: str
    writes: str
    round_trips: str


@dataclass(frozen=True, slots=True)
class AccessPattern:
    """A question that the table answers, or a change that it accepts."""

    name: str
    question: str
    steps: tuple[Step, ...]
    order: str
    consistency: str
    function: Callable[..., Any]
    conversation: Callable[..., Conversation[Any]] | None = None
    """The generator function behind the function; None if it holds several conversations."""

    @property
    def usual(self) -> tuple[Step, ...]:
        """The steps, without those of unusual cases."""
        return tuple(step for step in self.steps if not step.rarely)

    @property
    def role(self) -> Role:
        """``"read"`` if the pattern only reads, otherwise ``"write"``."""
        return "write" if any(step.is_write for step in self.steps) else "read"

    @property
    def operation(self) -> str:
        """The operations without duplicates, in the order of the steps."""
        return _listed(step.operation for step in self.usual)

    @property
    def index(self) -> str:
        """The indexes without duplicates; ``table`` stands for the table itself."""
        return _listed(step.index for step in self.usual)

    @property
    def key_condition(self) -> str:
        """The key conditions of all steps, without duplicates."""
        return _listed((each for step in self.usual for each in step.key_conditions), "; ")

    @property
    def costs(self) -> tuple[Cost, ...]:
        """The maximum cost of a call, for each choice of arguments that makes a difference."""
        choices: dict[tuple[str, str, str, str], list[str]] = {}
        always = [step for step in self.usual if not step.choice]
        for choice in dict.fromkeys(step.choice for step in self.usual if step.choice) or [""]:
            chosen = always + [step for step in self.usual if step.choice == choice and choice]
            reads = [step.units for step in chosen if not step.is_write]
            writes = [step.units for step in chosen if step.is_write]
            round_trips = _sum(step.round_trips for step in chosen)
            cost = _sum(step.requests for step in chosen), _sum(reads), _sum(writes), round_trips
            choices.setdefault(cost, []).append(choice)
        is_one = len(choices) == 1
        return tuple(
            Cost("" if is_one else " or ".join(names), *cost) for cost, names in choices.items()
        )

    def bind(self, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the arguments of a call by name, without the catalogue; ``**`` is unpacked.

        Arguments that the function does not accept raise `TypeError`.
        """
        signature = inspect.signature(self.function)
        bound = signature.bind(None, *args, **kwargs)
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        for each in signature.parameters.values():
            if each.kind is each.VAR_KEYWORD:
                arguments.update(arguments.pop(each.name))
        return arguments

    def steps_for(self, arguments: Mapping[str, Any], lists: int = 1) -> tuple[Step, ...]:
        """Return the steps that a call with these arguments may take, in lists of that many shards.

        A handle that does not read shards has lists of one.
        """
        steps = tuple(step for step in self.steps if step.applies(arguments))
        return steps if lists == 1 else tuple(step.sharded or step for step in steps)


def quantities(arguments: Mapping[str, Any]) -> dict[str, float]:
    """Return the numeric arguments of a call, and the lengths of its collections.

    >>> quantities({"kind": "movie", "limit": 20, "keys": ["a", "b"], "after": None})
    {'limit': 20, 'keys': 2}
    """
    numbers = {name: each for name, each in arguments.items() if isinstance(each, (int, float))}
    several = {n: len(each) for n, each in arguments.items() if isinstance(each, (list, tuple))}
    return numbers | several


_declared: Final[dict[str, AccessPattern]] = {}


def access_pattern(
    question: str, *steps: Step, order: str = "", consistency: str
) -> Callable[[Callable[_P, Conversation[_T]]], Callable[_P, _T]]:
    """Declare an access pattern, and make it a function from its conversation.

    The function holds the conversation through the gateway of its first argument, the handle. It
    has the name, the arguments and the docstring of the conversation, and its result.
    """

    def declare(conversation: Callable[_P, Conversation[_T]]) -> Callable[_P, _T]:
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            arguments: Any = (_itself(args[0]), *args[1:]) if args else ()
            asked: Any = arguments[0] if args else kwargs.get(first)
            if getattr(asked, "cache", None) is not None and caller.get() is None:
                return cached.call(asked, lambda: ask(*arguments, **kwargs), arguments, kwargs)
            return ask(*arguments, **kwargs)

        def ask(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            begun = conversation(*args, **kwargs)
            handle: Any = args[0] if args else kwargs[first]
            if caller.get() is not None:
                return hold(handle, begun)
            token = caller.set(Caller(name))
            try:
                return hold(handle, begun)
            finally:
                caller.reset(token)

        name, first = conversation.__name__, conversation.__code__.co_varnames[0]
        cached = Cached(conversation, is_write=any(each.is_write for each in steps))
        public: Callable[_P, _T] = _presented(call, conversation)
        _declared[name] = AccessPattern(
            name, question, steps, order, consistency, public, conversation
        )
        return public

    return declare


def _itself(handle: Any) -> Any:
    """Return what a proxy such as Flask's stands for, because each use of one looks for it."""
    found = getattr(handle, "_get_current_object", None)
    return handle if found is None else found()


def bulk_access_pattern(
    question: str, *steps: Step, order: str = "", consistency: str
) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Declare an access pattern that is a plain function and holds many conversations."""

    def declare(function: Callable[_P, _T]) -> Callable[_P, _T]:
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            token = caller.set(caller.get() or Caller(name))
            try:
                return function(*args, **kwargs)
            finally:
                caller.reset(token)
                cache = getattr(args[0] if args else kwargs.get(first), "cache", None)
                if cache is not None:
                    cache.clear()

        name, first = function.__name__, function.__code__.co_varnames[0]
        public = update_wrapper(call, function)
        _declared[name] = AccessPattern(name, question, steps, order, consistency, public, None)
        return public

    return declare


def _presented(call: Any, conversation: Callable[..., Any]) -> Any:
    """Return *call* with the signature of a conversation, which returns its result."""
    # `inspect.signature` follows `__wrapped__`, so the annotation there is that of the function.
    returned = conversation.__annotations__["return"]
    result = (
        returned[len("Conversation[") : -1] if isinstance(returned, str) else get_args(returned)[2]
    )
    conversation.__annotations__["return"] = result
    return update_wrapper(call, conversation)


def catalogue_of(*functions: Callable[..., Any]) -> Mapping[str, AccessPattern]:
    """Return the declarations of *functions* by name, in the given order."""
    return MappingProxyType({each.__name__: _declared[each.__name__] for each in functions})


def _sum(formulas: Iterable[Formula]) -> str:
    """Return the sum of formulas as text, with the constants added up."""
    listed = list(formulas)
    constant = sum(formula() for formula in listed if not formula.names)
    named = [formula.text for formula in listed if formula.names]
    return " + ".join([*([f"{constant:g}"] if constant or not named else []), *named])


def _listed(words: Iterable[str], separator: str = ", ") -> str:
    return separator.join(dict.fromkeys(words))

"""Compares the requests of a call with the declaration of its access pattern.

The same comparison serves ``catalog-model explain`` and the test suite.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from catalog_model.analysis.sizing import Sizes
from catalog_model.checks import counted
from catalog_model.declarations.pattern import WRITING, AccessPattern, Step, quantities
from catalog_model.dynamodb.trace import Request
from catalog_model.entities import Title

_PARTS: Final = re.compile(r"<([^<>=]+)>|( \[)|(\])|( beyond )|(.)", re.DOTALL)

Check = Literal["declared", "requests", "round trips", "units", "items", "filter", "consistency"]


class Departure(NamedTuple):
    """One departure of a call from its declaration: the failed check, and a description."""

    check: Check
    what: str


@dataclass(frozen=True, slots=True)
class Line:
    """A declared step with the values of its formulas, and its requests."""

    step: Step
    requests: tuple[Request, ...]
    most_requests: float
    most_round_trips: float
    budget: float
    most_items: float | None

    @property
    def units(self) -> float:
        """The capacity units charged for the step, on the table and the indexes."""
        return sum(request.total_units for request in self.requests)

    @property
    def items_read(self) -> int:
        """The items that the step read."""
        return sum(request.items_read for request in self.requests)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One call of an access pattern: its requests, its charges, its declaration.

    ``most_requests``, ``most_round_trips`` and the budgets are the declared maximum for such a
    call, without rare steps that it did not need.
    """

    pattern: AccessPattern
    arguments: Mapping[str, Any]
    requests: tuple[Request, ...]
    lines: tuple[Line, ...]
    undeclared: tuple[Request, ...]
    most_requests: float
    most_round_trips: float
    read_budget: float
    write_budget: float
    read_units: float
    write_units: float

    @property
    def round_trips(self) -> int:
        """How many times the call waited for answers."""
        return len({request.round_trip for request in self.requests})

    @property
    def departures(self) -> tuple[Departure, ...]:
        """The departures of the call from its declaration; empty if there are none."""
        return tuple(_departures(self))


def compare(
    pattern: AccessPattern,
    arguments: Mapping[str, Any],
    requests: Sequence[Request],
    *,
    sizes: Sizes,
    returned: int,
    lists: int = 1,
) -> Comparison:
    """Compare the requests of a call with the declaration of its pattern.

    *returned* is the number of titles returned, *sizes* are those of the titles involved, and
    *lists* is the number of shards of each list that the handle reads.
    """
    steps = pattern.steps_for(arguments, lists)
    named = named_values(arguments)
    declared = [[_expression(each, named) for each in step.key_conditions] for step in steps]
    known = {**quantities(arguments), **sizes.quantities(), "returned": returned, "lists": lists}
    made: list[list[Request]] = [[] for _ in steps]
    undeclared: list[Request] = []
    for request in requests:
        fits = (_fits(request, *pair) for pair in zip(steps, declared, strict=True))
        fitting = [made[at] for at, is_it in enumerate(fits) if is_it]
        # A second read of the same keys is that of a later step, if one has it, too.
        new = (each for each in fitting if not _repeats(request, each))
        next(new, next(iter(fitting), undeclared)).append(request)
    lines = [_line(step, asked, known) for step, asked in zip(steps, made, strict=True)]
    due = [line for line in lines if line.requests or not line.step.rarely]
    return Comparison(
        pattern,
        arguments,
        tuple(requests),
        tuple(lines),
        tuple(undeclared),
        most_requests=sum(line.most_requests for line in due),
        most_round_trips=sum(line.most_round_trips for line in due),
        read_budget=sum(line.budget for line in due if not line.step.is_write),
        write_budget=sum(line.budget for line in due if line.step.is_write),
        read_units=sum(line.units for line in lines if not line.step.is_write),
        write_units=sum(line.units for line in lines if line.step.is_write),
    )


def _repeats(request: Request, before: list[Request]) -> bool:
    """Whether a read asks only for keys that were read before."""
    read = {key for each in before for key in each.key_conditions}
    return request.operation != WRITING and read.issuperset(request.key_conditions)


def _line(step: Step, requests: list[Request], known: Mapping[str, float]) -> Line:
    read = sum(request.items_read for request in requests)
    round_trips = len({request.round_trip for request in requests})
    facts = {**known, "requests": len(requests), "read": read, "round_trips": round_trips}
    items = step.items(**facts) if step.items else None
    return Line(
        step,
        tuple(requests),
        step.requests(**facts),
        step.round_trips(**facts),
        step.units(**facts),
        items,
    )


def _departures(comparison: Comparison) -> Iterator[Departure]:
    for request in comparison.undeclared:
        asked = f"{request.operation} on {request.index}: {request.key_condition}"
        yield Departure("declared", f"not declared: {asked}")
    if comparison.round_trips > comparison.most_round_trips:
        many = counted(comparison.round_trips, "round trip")
        yield Departure("round trips", f"{many}, not {comparison.most_round_trips:g}")
    for line in comparison.lines:
        where = f"{line.step.operation} on {line.step.index}"
        if len(line.requests) > line.most_requests:
            many = f"{counted(len(line.requests), 'request')}, not {line.most_requests:g}"
            yield Departure("requests", f"{many}: {where}")
        if line.units > line.budget:
            yield Departure("units", f"{counted(line.units, 'unit')}, not {line.budget:g}: {where}")
        if line.most_items is not None and line.items_read > line.most_items:
            items = f"{counted(line.items_read, 'item')} read, not {line.most_items:g}"
            yield Departure("items", f"{items}: {where}")
        for request in line.requests:
            yield from _manners(request, line.step, comparison.arguments)


def _manners(request: Request, step: Step, arguments: Mapping[str, Any]) -> Iterator[Departure]:
    """Yield the faults of a request that has the right operation, index and keys."""
    where = f"{request.operation} on {request.index}"
    if "FilterExpression" in request.asked:
        yield Departure("filter", f"filters what it has read: {where}")
    if step.is_write:
        return
    tables = request.asked.get("RequestItems", {"": request.asked}).values()
    strong = any(each.get("ConsistentRead", False) for each in tables)
    if strong != step.is_strong(arguments):
        how = "strongly" if strong else "eventually"
        yield Departure("consistency", f"reads {how} consistently: {where}")


def _fits(request: Request, step: Step, allowed: Sequence[re.Pattern[str]]) -> bool:
    if (request.operation, request.index) != (step.operation, step.index):
        return False
    conditions = [each.replace("'", "") for each in request.key_conditions]
    return all(any(each.fullmatch(condition) for each in allowed) for condition in conditions)


def _expression(key_condition: str, arguments: Mapping[str, Any]) -> re.Pattern[str]:
    parts = (_for_part(part, arguments) for part in _PARTS.finditer(key_condition))
    return re.compile("".join(parts), re.DOTALL)


def _for_part(part: re.Match[str], arguments: Mapping[str, Any]) -> str:
    name, opens, closes, _, character = part.groups()
    if character:
        return re.escape(character)
    if name:
        return re.escape(str(arguments[name])) if name in arguments else ".+?"
    return "(?: " if opens else ")?" if closes else " (?:<=|>=) "


def named_values(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of names in key conditions: the arguments, and the key of a title."""
    named = {name: value for name, value in arguments.items() if isinstance(value, (int, str))}
    title = arguments.get("title")
    if isinstance(title, Title):
        named |= {"kind": title.kind, "title_id": title.key.id}
    return named

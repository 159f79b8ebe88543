"""Writes the generated parts of the documentation, or checks that they are up to date.

``python -m docs.generate`` writes them; with ``--check`` it reports the pages that are out of date,
and fails if there are any. Figures come from `docs/measured.json`, see `docs.measure`; rows of
tables from the sample data.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from catalog_model.access_patterns import PATTERNS
from catalog_model.checks import counted
from catalog_model.declarations.pattern import AccessPattern, Cost, Role
from docs import capacity, hot_lists, paced_loads, rooms, rows, scale
from docs.measure import Figures, measured
from docs.picture import picture

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/access-patterns.md",
    "docs/costs.md",
    "docs/data-model.md",
    "docs/scaling.md",
)

PICTURE: Final = "docs/images/one-table.svg"

Parts = Mapping[str, Callable[[], str]]


def main() -> int:
    """Write or check; return the exit code."""
    stale = {path: text for path, text in _documents() if path.read_text("utf-8") != text}
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `python -m docs.generate`")  # noqa: T201
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, "utf-8")
    return 0


def _documents() -> list[tuple[Path, str]]:
    parts = {name: make() for name, make in PARTS.items()}
    pages = [ROOT / name for name in PAGES]
    filled = [(page, _filled(page.read_text("utf-8"), parts)) for page in pages]
    return [*filled, (ROOT / PICTURE, picture())]


def _filled(text: str, parts: Mapping[str, str]) -> str:
    """Insert each part between the two comments with its name."""
    for name, part in parts.items():
        begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
        if begin in text:
            before, rest = text.split(begin)
            _, after = rest.split(end)
            text = f"{before}{begin}\n{part}\n{end}{after}"
    return text


def markdown(columns: Iterable[str], table: Iterable[Iterable[str]]) -> str:
    """Write a table."""
    names = list(columns)
    lines = [names, ["---" for _ in names], *(list(row) for row in table)]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _patterns(role: Role) -> Iterator[AccessPattern]:
    return (pattern for pattern in PATTERNS.values() if pattern.role == role)


def _short_table(role: Role) -> str:
    """Make the table of the front page."""
    columns = ("question", "function", "requests", "measured")
    return markdown(columns, (_short_row(each) for each in _patterns(role)))


def _short_row(pattern: AccessPattern) -> tuple[str, ...]:
    requests = f"{pattern.operation} on {pattern.index}"
    return pattern.question, f"`{pattern.name}`", requests, _measured(pattern.name)


def _full_table(role: Role) -> str:
    """Make the table of everything that a pattern declares."""
    columns = (
        "question",
        "function",
        "operation",
        "index",
        "key condition",
        *(("order",) if role == "read" else ()),
        "consistency",
        "budget",
        "round trips",
        "measured on the real data",
    )
    return markdown(columns, (_full_row(each) for each in _patterns(role)))


def _full_row(pattern: AccessPattern) -> Iterator[str]:
    conditions = dict.fromkeys(each for step in pattern.steps for each in step.key_conditions)
    yield pattern.question
    yield f"`{pattern.name}`"
    yield pattern.operation
    yield pattern.index
    yield "<br>".join(f"`{each}`" for each in conditions)
    if pattern.role == "read":
        yield pattern.order
    yield pattern.consistency
    yield "<br>".join(map(_cost, pattern.costs))
    yield "<br>".join(_round_trips(pattern.costs))
    yield _measured(pattern.name)


def _cost(cost: Cost) -> str:
    when = f"with {cost.when}: " if cost.when else ""
    units = ((cost.reads, "RCU"), (cost.writes, "WCU"))
    amounts = [f"`{formula}` {unit}" for formula, unit in units if formula != "0"]
    return f"{when}{_requests(cost.requests)}; {', '.join(amounts)}"


def _round_trips(costs: Iterable[Cost]) -> Iterator[str]:
    """Write the maximum round trips of a call; choices of arguments with the same share a line."""
    choices: dict[str, list[str]] = {}
    for each in costs:
        choices.setdefault(each.round_trips, []).append(each.when)
    for formula, names in choices.items():
        number = formula if formula.isdecimal() else f"`{formula}`"
        yield number if len(choices) == 1 else f"with {' or '.join(names)}: {number}"


def _requests(formula: str) -> str:
    number = f"`{formula}`" if not formula.isdecimal() else formula
    return counted(number, "request")


def _measured(name: str) -> str:
    """Write the measured figures; cases with the same figures share a line."""
    cases: dict[str, list[str]] = {}
    for each in measured():
        if each.pattern == name:
            trips = f" in {counted(each.round_trips, 'round trip')}" if each.round_trips else ""
            figures = f"{_requests(str(each.requests))}{trips}, {_units(each)}"
            cases.setdefault(figures, []).append(each.case)
    return "<br>".join(
        f"{figures} ({', '.join(names)})" if any(names) else figures
        for figures, names in cases.items()
    )


def _units(figures: Figures) -> str:
    unit = "RCU" if PATTERNS[figures.pattern].role == "read" else "units"
    is_mixed = unit == "units" and figures.mean_units != figures.units
    mean = f", {figures.mean_units:g} on average" if is_mixed else ""
    return f"{figures.units:g} {unit}{mean}"


def _costs() -> str:
    """Make the table of declared, predicted and consumed."""
    columns = (
        "pattern",
        "requests declared",
        "predicted",
        "made",
        "units declared",
        "predicted",
        "consumed",
        "consumed on average",
    )
    return markdown(columns, map(_costs_row, measured()))


def _costs_row(figures: Figures) -> tuple[str, ...]:
    case = f" ({figures.case})" if figures.case else ""
    numbers = (
        figures.declared_requests,
        figures.predicted_requests,
        figures.requests,
        figures.declared_units,
        figures.predicted_units,
        figures.units,
        figures.mean_units,
    )
    return f"`{figures.pattern}`{case}", *(f"{round(number, 1):,g}" for number in numbers)


PARTS: Final[Parts] = {
    "reads": lambda: _short_table("read"),
    "writes": lambda: _short_table("write"),
    "all reads": lambda: _full_table("read"),
    "all writes": lambda: _full_table("write"),
    "costs": _costs,
    "one title": lambda: markdown(*rows.of_one_title()),
    "one genre": lambda: "\n\n".join(
        f"`{index}`\n\n{markdown(*table)}" for index, table in rows.of_one_genre().items()
    ),
    "rooms": rooms.markdown,
    "small tables": lambda: markdown(*paced_loads.table()),
    "hot lists": lambda: markdown(*hot_lists.table()),
    "page views": lambda: markdown(*capacity.table_of_plans()),
    "growth": lambda: markdown(*scale.table()),
    "limits": lambda: markdown(*capacity.table_of_limits()),
    "tallies": lambda: markdown(*rows.of_tallies_and_slots()),
}

if __name__ == "__main__":
    sys.exit(main())

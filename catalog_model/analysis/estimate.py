"""What access patterns will cost: each is run once on a table in memory, and its units priced."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.analysis.prediction import stored_bytes
from catalog_model.analysis.prices import Bill, Calls, Prices, bill
from catalog_model.checks import counted
from catalog_model.declarations.pattern import WRITING, AccessPattern
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.trace import Request
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle, Page
from catalog_model.errors import CatalogError
from catalog_model.table.indexes import INDEXES
from catalog_model.writes.load import Rejection, load_titles

SEED: Final = 7
"""What versions and samples follow from, so that the same input has the same figures."""

NOT_PRICED: Final = "Not in them: free tier, backups, streams, the transfer of data."
SIZE_NOTE: Final = (
    "What a call costs does not depend on the size of the catalogue, once its pages are full; "
    "--scale multiplies what is stored, and that alone."
)


class Asked(NamedTuple):
    """A call to price: its words, how often it comes, and what it is."""

    text: str
    per_second: float
    pattern: AccessPattern
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Priced:
    """A call, what it asks for each time, and what is worth a word about it."""

    text: str
    pattern: str
    requests: int
    calls: Calls
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """All that is printed."""

    priced: Sequence[Priced]
    bill: Bill
    prices: Prices
    utilisation: float
    scale: float
    stored_bytes: int
    rejected: Sequence[Rejection]

    @property
    def notes(self) -> list[str]:
        """What to know before the figures are believed."""
        where, when = self.prices.region, self.prices.as_of
        use = f"{100 * self.utilisation:g}%"
        return [
            f"Prices of {where} as of {when}: check yours. {NOT_PRICED}",
            f"For calls that come steadily; capacity is provisioned to be used to {use}.",
            SIZE_NOTE,
            *(note for each in self.priced for note in each.notes),
        ]


def estimate(
    asked: Sequence[Asked],
    titles: Sequence[AnyTitle | Rejection],
    *,
    prices: Prices,
    utilisation: float,
    scale: float = 1,
    name: str,
    on_progress: Callable[[int], None] | None = None,
) -> Estimate:
    """Price calls on a table in memory that holds *titles*.

    Args:
        asked: The calls, each with how often it comes.
        titles: What the table holds; what of it cannot be loaded is left out and listed.
        prices: What a unit costs.
        utilisation: How much of provisioned capacity is to be used, above 0 and at most 1.
        scale: How many times as much is stored.
        name: What the table is called in errors.
        on_progress: Called with the number of titles done so far.

    Raises:
        CatalogError: As a call raises it, with its words before.
    """
    items, rejected = _stock(titles, on_progress)
    priced = [_price(each, OfflineCatalog(name, items=items)) for each in asked]
    stored = round(stored_bytes(items) * scale)
    calls = [each.calls for each in priced]
    total = bill(calls, prices=prices, utilisation=utilisation, stored_bytes=stored)
    return Estimate(priced, total, prices, utilisation, scale, stored, rejected)


@contextmanager
def naming(text: str) -> Iterator[None]:
    """Name the pattern in an error of its own; the exit code stays."""
    try:
        yield
    except CatalogError as error:
        raise type(error)(f"--pattern {text!r}: {error}") from error


@contextmanager
def _the_same_chance() -> Iterator[None]:
    """Let versions come out the same each time, and leave the program's chance as it was."""
    state = random.getstate()
    random.seed(SEED)
    try:
        yield
    finally:
        random.setstate(state)


def _stock(
    titles: Sequence[AnyTitle | Rejection], on_progress: Callable[[int], None] | None
) -> tuple[list[Item], list[Rejection]]:
    """Give the items of a table with these titles, and what a load would not take."""
    catalog = OfflineCatalog()
    with _the_same_chance():
        report = load_titles(catalog, titles, on_progress=on_progress)
    return catalog.items(), report.rejected


def _price(asked: Asked, catalog: OfflineCatalog) -> Priced:
    """Run a call once, on a table of its own: no pattern meets what another has changed."""
    arguments = asked.arguments
    if arguments.get("rng", SEED) is None:
        arguments = {**arguments, "rng": random.Random(SEED)}  # noqa: S311  # no secret
    with naming(asked.text), _the_same_chance(), catalog.trace() as trace:
        answer = asked.pattern.function(catalog, **arguments)
    calls = Calls(
        asked.per_second,
        reads=_units(each for each in trace if each.operation != WRITING),
        writes=_units(each for each in trace if each.operation == WRITING),
    )
    notes = tuple(f"{asked.text}: {note}" for note in _notes(asked, calls, answer))
    return Priced(asked.text, asked.pattern.name, len(trace), calls, notes)


def _units(requests: Iterable[Request]) -> Units:
    return sum((_as_units(request.units) for request in requests), Units())


def _as_units(units: Mapping[str, float]) -> Units:
    return Units(units.get(TABLE, 0), {each: units[each] for each in INDEXES if each in units})


def _notes(asked: Asked, calls: Calls, answer: Any) -> Iterator[str]:
    """Say where a call costs less than others of its kind will."""
    if asked.pattern.role == "write" and not calls.writes.total:
        yield "writes nothing, the data is so already."
    most = asked.arguments.get("limit", asked.arguments.get("count", 0))
    if isinstance(answer, (list, Page)) and len(answer) < most:
        found = counted(len(answer), "title")
        yield f"finds {found}, not {most}; with more of them a call costs more."


def by_place(units: Units) -> dict[str, float]:
    """Give units by the table and the indexes that have a share, in the order of the model."""
    shares: dict[str, float] = {TABLE: units.table}
    shares |= {index: units.indexes.get(index, 0) for index in INDEXES}
    return {place: share for place, share in shares.items() if share}

"""Estimates the cost of access patterns: runs each once in memory, and prices its units."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.analysis.prediction import stored_bytes
from catalog_model.analysis.prices import Bill, Calls, Prices, bill, shares_of
from catalog_model.checks import counted
from catalog_model.declarations.pattern import WRITING, AccessPattern
from catalog_model.domain.rejection import Rejection
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.trace import Request
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import Page
from catalog_model.errors import CatalogError
from catalog_model.table.indexes import INDEXES
from catalog_model.writes.load import Loadable, load_titles

SEED: Final = 7
"""The seed of versions and samples, so that the same input has the same figures."""

NOT_PRICED: Final = "Not included: free tier, backups, streams, data transfer."
SIZE_NOTE: Final = (
    "What a call costs does not depend on the size of the catalogue, once its pages are full; "
    "--scale multiplies only the stored data."
)


class Asked(NamedTuple):
    """A call to price: its text, its rate, its pattern and its arguments."""

    text: str
    per_second: float
    pattern: AccessPattern
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Priced:
    """A call, its requests and units, and notes about it."""

    text: str
    pattern: str
    requests: int
    calls: Calls
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """The complete estimate."""

    priced: Sequence[Priced]
    bill: Bill
    prices: Prices
    utilisation: float
    scale: float
    stored_bytes: int
    rejected: Sequence[Rejection]

    @property
    def notes(self) -> list[str]:
        """Notes on the assumptions behind the figures."""
        where, when = self.prices.region, self.prices.as_of
        use = f"{100 * self.utilisation:g}%"
        return [
            f"Prices of {where} as of {when}: check yours. {NOT_PRICED}",
            f"For calls at a steady rate, with provisioned capacity used to {use}.",
            SIZE_NOTE,
            *(note for each in self.priced for note in each.notes),
        ]


def estimate(
    asked: Sequence[Asked],
    titles: Sequence[Loadable],
    *,
    prices: Prices,
    utilisation: float,
    scale: float = 1,
    name: str,
    on_progress: Callable[[int], None] | None = None,
) -> Estimate:
    """Price calls on a table in memory with *titles*.

    Titles that cannot be loaded are omitted and listed. *utilisation* is the target of provisioned
    capacity, above 0 and at most 1; *scale* multiplies the stored data. An error of a call begins
    with the call; *name* is the name of the table in it.
    """
    items, rejected = stock(titles, on_progress)
    priced = [_price(each, OfflineCatalog(name, items=items)) for each in asked]
    stored = round(stored_bytes(items) * scale)
    calls = [each.calls for each in priced]
    total = bill(calls, prices=prices, utilisation=utilisation, stored_bytes=stored)
    return Estimate(priced, total, prices, utilisation, scale, stored, rejected)


@contextmanager
def naming(text: str) -> Iterator[None]:
    """Prefix an error with its pattern, without changing its class."""
    try:
        yield
    except CatalogError as error:
        raise type(error)(f"--pattern {text!r}: {error}") from error


@contextmanager
def reproducible() -> Iterator[None]:
    """Make versions reproducible, and restore the state of the random numbers afterwards."""
    state = random.getstate()
    random.seed(SEED)
    try:
        yield
    finally:
        random.setstate(state)


def stock(
    titles: Sequence[Loadable], on_progress: Callable[[int], None] | None = None
) -> tuple[list[Item], list[Rejection]]:
    """Return the items of a table with these titles, and the rejected titles."""
    catalog = OfflineCatalog()
    with reproducible():
        report = load_titles(catalog, titles, on_progress=on_progress)
    return catalog.items(), report.rejected


def _price(asked: Asked, catalog: OfflineCatalog) -> Priced:
    """Run a call once, on its own table, so that patterns do not affect each other."""
    with catalog.trace() as trace:
        answer = call(asked, catalog)
    calls = Calls(
        asked.per_second,
        reads=_units(each for each in trace if each.operation != WRITING),
        writes=_units(each for each in trace if each.operation == WRITING),
    )
    notes = tuple(f"{asked.text}: {note}" for note in _notes(asked, calls, answer))
    return Priced(asked.text, asked.pattern.name, len(trace), calls, notes)


def call(asked: Asked, catalog: OfflineCatalog) -> Any:
    """Make a call with reproducible versions and samples, and return its answer.

    Raises:
        CatalogError: If the call raises one; the message begins with the call.
    """
    arguments = asked.arguments
    if arguments.get("rng", SEED) is None:
        arguments = {**arguments, "rng": random.Random(SEED)}  # noqa: S311  # no secret
    with naming(asked.text), reproducible():
        return asked.pattern.function(catalog, **arguments)


def _units(requests: Iterable[Request]) -> Units:
    return sum((_as_units(request.units) for request in requests), Units())


def _as_units(units: Mapping[str, float]) -> Units:
    return Units(units.get(TABLE, 0), {each: units[each] for each in INDEXES if each in units})


def _notes(asked: Asked, calls: Calls, answer: Any) -> Iterator[str]:
    """Yield notes on calls that cost less than usual for their pattern."""
    if asked.pattern.role == "write" and not calls.writes.total:
        yield "writes nothing, because the data is already the same."
    most = asked.arguments.get("limit", asked.arguments.get("count", 0))
    if isinstance(answer, (list, Page)) and len(answer) < most:
        found = counted(len(answer), "title")
        yield f"finds {found}, not {most}; with more of them a call costs more."


def by_place(units: Units) -> dict[str, float]:
    """Return the units of the table and of each index that has any, in the order of the model."""
    return {place: share for place, share in shares_of(units).items() if share}

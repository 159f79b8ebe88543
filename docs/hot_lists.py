"""Measures how many changes and pages a second one list accepts, by its number of shards.

``python -m docs.hot_lists`` writes `docs/hot_lists.json` with dynoxide, for `docs.generate`. In
simulated time, only the partitions limit the calls: each has 3,000 read and 1,000 write units a
second. At four fifths of the measured rate none is throttled, at five fourths some are. Chance is
seeded.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.faults.buckets import PARTITION_UNITS, Demand, Resource
from catalog_model.local import start_engine
from catalog_model.operations import create_table, delete_table, migrate
from catalog_model.testing import SimulatedClock, Throughput, inject_faults, simulated_time
from docs.catalogues import titles

FIGURES: Final = Path(__file__).with_name("hot_lists.json")

SHARDS: Final = (1, 2, 4, 8)
TITLES: Final = 160
LIMIT: Final = 20
ENOUGH: Final = 1e9
"""Units of the table and of each index, so that only partitions limit the calls."""

CALLS: Final = 1000
"""The number of calls whose units are added up, by partition."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a list of all movies accepts a second, and what a page and a change of it cost."""

    shards: int
    changes: float
    """Changes of popularity a second, of all titles equally often."""
    pages: float
    """Pages of 20 titles a second, of the whole list equally often."""
    requests: float
    """Requests of a page."""
    units: float
    """Read units of a page."""
    most_units: float
    """The read units of a page from its partition that takes the most."""


def main() -> None:
    """Measure, and write the figures."""
    some = [each for each in titles(4 * TITLES) if each.kind == "movie"][:TITLES]
    with start_engine("dynoxide") as engine:
        found = [measure(engine.catalog(f"hot-{shards}"), shards, some) for shards in SHARDS]
    FIGURES.write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n")


def measured() -> list[Figures]:
    """Read the written figures."""
    return [Figures(**each) for each in json.loads(FIGURES.read_text("utf-8"))]


def measure(catalog: Catalog, shards: int, some: Sequence[Movie | TVShow]) -> Figures:
    """Measure a table with these movies, in lists of that many shards."""
    reader = Catalog(catalog.table, client=catalog.client, sharded_lists=shards > 1, fast=False)
    create_table(catalog)
    if shards > 1:
        with simulated_time():
            migrate(catalog, list_shards=shards)
    ap.load_titles(catalog, some)
    rng = random.Random(7)  # noqa: S311  # no secret
    cursors = _cursors(reader)

    def change() -> None:
        ap.update_popularity(reader, "movie", rng.choice(some).id, rng.uniform(1, 1000))

    def read() -> None:
        ap.list_titles(reader, "movie", limit=LIMIT, after=rng.choice(cursors))

    pages = _rate(reader, read)
    with reader.trace() as trace:
        for _ in range(100):
            read()
    queries = [request for request in trace if request.operation == "Query"]
    found = Figures(
        shards,
        changes=_rate(reader, change),
        pages=pages,
        requests=len(queries) / 100,
        units=sum(request.total_units for request in queries) / 100,
        most_units=max(request.total_units for request in queries),
    )
    delete_table(catalog)
    return found


def _cursors(reader: Catalog) -> list[str | None]:
    """Return the cursors of all full pages but the last."""
    found: list[str | None] = [None]
    while following := ap.list_titles(reader, "movie", limit=LIMIT, after=found[-1]).next:
        found.append(following)
    return found[:-2]


def _rate(catalog: Catalog, call: Callable[[], None]) -> float:
    """Return how many calls a second the busiest partition accepts."""
    random.seed(7)
    with simulated_time(0) as clock:
        throughput = _Throughput(clock, saved_seconds=ENOUGH)
        with inject_faults(catalog, [throughput]):
            for _ in range(CALLS):
                call()
    rate = CALLS / throughput.busiest_seconds
    if _refused(catalog, call, 0.8 * rate) or not _refused(catalog, call, 1.25 * rate):
        raise AssertionError(f"{rate} calls a second are not what the partitions accept")
    return round(rate)


def _refused(catalog: Catalog, call: Callable[[], None], rate: float) -> int:
    """Return how many attempts are throttled while calls arrive at a rate, for a second."""
    with simulated_time(0) as clock:
        throughput = _Throughput(clock, saved_seconds=0.2)
        with inject_faults(catalog, [throughput]):
            while clock() < 1 and not throughput.refusals:
                call()
                clock.advance(1 / rate)
    return len(throughput.refusals)


class _Throughput(Throughput):
    """A throughput that only the partitions limit, with the units that each of them took."""

    def __init__(self, clock: SimulatedClock, *, saved_seconds: float) -> None:
        super().__init__(
            read_units=ENOUGH,
            write_units=ENOUGH,
            clock=clock,
            partition_burst_seconds=saved_seconds,
        )
        self._taken: Counter[Resource] = Counter()

    def settle(self, reserved: Demand, taken: Demand) -> None:
        """Add up the units of a request."""
        super().settle(reserved, taken)
        for resource, units in taken.items():
            self._taken[resource] += units  # type: ignore[assignment]  # units may be halves

    @property
    def busiest_seconds(self) -> float:
        """The seconds that the busiest partition needs for what it took."""
        return max(
            units / PARTITION_UNITS[resource.direction]
            for resource, units in self._taken.items()
            if resource.partition is not None
        )


def table() -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the table of list shards for the page."""
    columns = (
        "shards",
        "changes of popularity a second",
        "pages of 20 a second",
        "requests of a page",
        "read units of a page",
    )
    return columns, [_row(each) for each in measured()]


def _row(figures: Figures) -> tuple[str, ...]:
    costs = (f"{each:.1f}" for each in (figures.requests, figures.units))
    return str(figures.shards), f"{figures.changes:,.0f}", f"{figures.pages:,.0f}", *costs


if __name__ == "__main__":
    main()

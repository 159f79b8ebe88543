"""Calculates what many processes and many page views a second take: units, partitions, dollars.

The units of a call are those measured on the application's files; prices are the package's table.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from math import inf
from typing import Final

from catalog_model.analysis.prices import Calls, bill
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.faults.buckets import PARTITION_UNITS
from catalog_model.dynamodb.faults.throughput import ON_DEMAND_UNITS
from docs.measure import measured

PROCESSES: Final = 200
VIEWS: Final = 1_000_000
"""Processes of the application, and page views a second."""

TABLE_QUOTA: Final = 40_000
"""Read units a second that an account may use on one table on demand, unless AWS raises it."""

CPU_SECONDS: Final = 0.002
"""The processor time of one page view in the application."""


@dataclass(frozen=True, slots=True)
class View:
    """One kind of page: its access pattern, and how its views spread over different pages.

    Args:
        share: The part of all page views, from 0 to 1.
        pages: The number of different pages; the n-th most popular gets 1/n of the views of the
            first (Zipf's law).
        is_cached: Whether a page cache may answer it.
    """

    name: str
    pattern: str
    case: str
    share: float
    pages: int
    is_cached: bool = True

    @property
    def units(self) -> float:
        """The read units of one call, on average."""
        return units_of(self.pattern, self.case)


@cache
def units_of(pattern: str, case: str) -> float:
    """Return the measured units of a call, on average."""
    wanted = pattern, case
    return next(each.mean_units for each in measured() if (each.pattern, each.case) == wanted)


@cache
def weight_of(pages: int) -> float:
    """Return the sum of the weights of pages, of which the first has 1."""
    return sum(count / rank for rank, count in ranks(pages))


@cache
def ranks(pages: int) -> tuple[tuple[float, int], ...]:
    """Return the ranks of pages; the less popular ones in groups, with their number."""
    found: list[tuple[float, int]] = []
    first = 1
    while first <= pages:
        count = min(max(1, first // 50), pages + 1 - first)
        found.append((first + (count - 1) / 2, count))
        first += count
    return tuple(found)


MIX: Final = (
    View("a genre's most popular titles", "list_titles_in_genre", "order=popularity", 0.60, 36),
    View("all most popular titles", "list_titles", "order=popularity", 0.15, 2),
    View("one title with its genres", "get_title_with_genres", "", 0.20, 100_000),
    View("20 random titles", "sample_titles", "", 0.05, 1, is_cached=False),
)
"""An assumption: the views of a catalogue of 100,000 titles."""


@dataclass(frozen=True)
class Load:
    """The load of page views on the table.

    Args:
        seconds: How long a page cache in each process keeps a page; 0 for no cache.
        in_front: The part of the views that an HTTP cache in front of the application answers.
    """

    views: float = VIEWS
    processes: int = PROCESSES
    seconds: float = 0
    in_front: float = 0
    mix: tuple[View, ...] = field(default=MIX)

    @property
    def arriving(self) -> float:
        """The page views a second that reach the application."""
        return self.views * (1 - self.in_front)

    def requests_of(self, view: View) -> float:
        """Return the requests a second for all pages of a kind."""
        return sum(count * self._requests(view, rank) for rank, count in ranks(view.pages))

    def units_of_hottest(self, view: View) -> float:
        """Return the read units a second of the most popular page of a kind."""
        return view.units * self._requests(view, 1)

    def _requests(self, view: View, rank: float) -> float:
        """Return the requests a second for the page with this rank.

        A page with *v* views a second in each of *p* processes is read when it has expired, and
        then at the next view: after ``seconds + 1 / v``.
        """
        views = self.arriving * view.share / rank / weight_of(view.pages)
        kept = self.seconds if view.is_cached else 0
        return views / (1 + views * kept / self.processes)

    @cached_property
    def requests(self) -> float:
        """Requests a second to the table."""
        return sum(self.requests_of(view) for view in self.mix)

    @cached_property
    def units(self) -> float:
        """Read units a second."""
        return sum(view.units * self.requests_of(view) for view in self.mix)

    @cached_property
    def hottest(self) -> tuple[View, float]:
        """The page whose partition takes the most read units a second, and these units.

        Random titles do not count: they are spread over all slots.
        """
        pages = (each for each in self.mix if each.is_cached)
        found = ((each, self.units_of_hottest(each)) for each in pages)
        return max(found, key=lambda pair: pair[1])

    @property
    def is_beyond_a_partition(self) -> bool:
        """Whether one page takes more read units than a partition has."""
        return self.hottest[1] > PARTITION_UNITS["read"]

    @property
    def dollars(self) -> float:
        """Dollars a month for reads, on demand."""
        return bill([Calls(1, reads=Units(self.units))]).on_demand

    @property
    def processors(self) -> float:
        """The processors that the application needs."""
        return self.arriving * CPU_SECONDS


PLANS: Final = {
    "no cache": Load(),
    "page cache of 1 s": Load(seconds=1),
    "page cache of 30 s": Load(seconds=30),
    "HTTP cache for 9 of 10 views, page cache of 30 s": Load(seconds=30, in_front=0.9),
}
"""Ways to serve the same views."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and the page views a second at which it is reached; None if it never is."""

    name: str
    views: float
    remedy: str


def limits(processes: int = PROCESSES, seconds: float = 0) -> list[Limit]:
    """Return the limits in the order in which growing traffic reaches them."""

    def at(views: float) -> Load:
        return Load(views=views, processes=processes, seconds=seconds)

    partition, account = PARTITION_UNITS["read"], TABLE_QUOTA
    found = [
        Limit(
            f"one list's partition: {partition:,.0f} read units a second",
            reached(lambda views: at(views).hottest[1], partition),
            "[a page cache](#the-page-cache) in each process",
        ),
        Limit(
            f"a new table on demand: {ON_DEMAND_UNITS['read']:,.0f} read units a second",
            reached(lambda views: at(views).units, ON_DEMAND_UNITS["read"]),
            "warm throughput before a launch; otherwise it grows with the traffic",
        ),
        Limit(
            f"the default quota of a table: {account:,} read units a second",
            reached(lambda views: at(views).units, account),
            "a longer time in the page cache; then a higher quota from AWS",
        ),
        Limit(
            f"the processors of {processes} processes",
            processes / CPU_SECONDS,
            "an HTTP cache in front; then more processes",
        ),
    ]
    return sorted(found, key=lambda each: each.views)


MOST_VIEWS: Final = 10.0**9


def reached(measure: Callable[[float], float], limit: float) -> float:
    """Return the views a second at which a measure that grows with them reaches a limit."""
    low, high = 0.0, MOST_VIEWS
    if measure(high) <= limit:
        return inf
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if measure(middle) <= limit else (low, middle)
    return low


Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


def table_of_plans() -> Table:
    """Return what the views take, in each of the ways to serve them."""
    columns = (
        "served by",
        "requests/s",
        "read units/s",
        "hottest page, units/s",
        "dollars a month",
        "processors",
    )
    return columns, [_plan_row(name, load) for name, load in PLANS.items()]


def _plan_row(name: str, load: Load) -> tuple[str, ...]:
    view, units = load.hottest
    figures = (load.requests, load.units, load.dollars, load.processors)
    requests, read, dollars, processors = (f"{figure:,.0f}" for figure in figures)
    return name, requests, read, f"{units:,.0f}: {view.name}", dollars, processors


def table_of_limits() -> Table:
    """Return what breaks first, without a page cache and with one."""
    with_cache = {each.name: each.views for each in limits(seconds=30)}
    columns = ("limit", "views/s, no cache", "views/s, page cache of 30 s", "what to turn on")
    rows: list[tuple[str, ...]] = [
        (each.name, _shown(each.views), _shown(with_cache[each.name]), each.remedy)
        for each in limits()
    ]
    return columns, rows


def _shown(views: float) -> str:
    return "never" if views == inf else f"{float(f'{views:.3g}'):,.0f}"

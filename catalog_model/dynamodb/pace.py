"""Work on the whole table at a pace that leaves capacity for other readers and writers."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Final

from catalog_model.checks import check_within, refuse
from catalog_model.checks.plain import plain
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.capacity import rcu
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import MALFORMED, Item, ItemKey
from catalog_model.dynamodb.waits import StoppedError

SLOWER: Final = 0.7
"""The factor for the pace after a throttled write."""

FASTER: Final = 0.002
FASTEST: Final = 0.1
"""The growth of the pace per successful write since the last throttled one, and its maximum."""

SLOWEST: Final = 0.1
"""Units per second that any table provides."""

LEAST_RATE: Final = 0.001
MOST_RATE: Final = 1e12
"""Bounds of a limit of units per second: every wait fits a timer, and no table has more units."""

SEGMENTS: Final = 4
MAX_SEGMENTS: Final = 64

PACED_PAGE: Final = 100
"""The items of a page if the pace is limited: smaller pages spread the load more evenly."""


class Pace:
    """Delays threads so that together they spend at most a number of units per second, if any."""

    def __init__(
        self,
        units_per_second: float | None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._rate = check_rate(units_per_second, "units_per_second")
        self._clock = clock or time.monotonic
        self._stopped = threading.Event()
        self._sleep = sleep or (lambda seconds: waits.sleep(seconds, self._stopped))
        self._lock = threading.Lock()
        self._paid_until = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self._rate is not None

    @property
    def is_stopped(self) -> bool:
        """Whether the work as a whole is ending."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End all waits, including current ones; they raise `StoppedError`."""
        self._stopped.set()

    def spend(self, units: float) -> None:
        """Record spent units, and wait until they are paid for."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now) + units / self._rate
            wait = self._paid_until - now
        self.rest(wait)

    def rest(self, seconds: float) -> None:
        """Wait for some seconds; raise `StoppedError` if the work ends meanwhile."""
        self._sleep(seconds)
        if self._stopped.is_set():
            raise StoppedError


class AdaptivePace:
    """A pace of writing that adapts to the table's throughput, up to a limit, if any.

    Without a limit, there is no delay until the first throttled write. A throttled write reduces
    the pace, and each successful one increases it slightly, also for a table that grows.
    """

    def __init__(
        self,
        most: float | None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.rate = most
        self._most = most or inf
        self._clock = clock or time.monotonic
        self._sleep = sleep or waits.sleep
        self._paid_until = 0.0
        self._taken = 0

    def await_turn(self) -> None:
        """Wait until all recorded units are paid for."""
        wait = self._paid_until - self._clock()
        if wait > 0:
            self._sleep(wait)

    def taken(self, units: float) -> None:
        """Record a successful write, and increase the pace slightly."""
        if self.rate is None:
            return
        self._paid_until = max(self._paid_until, self._clock()) + units / self.rate
        self._taken += 1
        self.rate = min(self.rate * (1 + min(FASTER * self._taken, FASTEST)), self._most)

    def seconds_for(self, units: float) -> float:
        """Return how many seconds *units* take at this pace."""
        return units / self.rate if self.rate else 0.0

    def refused(self, *, capacity: float | None, guess: float) -> None:
        """Reduce the pace after a throttled write: to the *capacity*, if known, or by a factor."""
        if capacity is not None and (self.rate is None or self.rate > capacity):
            rate = capacity
        else:
            rate = guess if self.rate is None else self.rate * SLOWER
        self.rate = max(SLOWEST, min(rate, self._most))
        self._taken = 0


def check_rate(units_per_second: float | None, name: str) -> float | None:
    """Check for a number of units per second; None means no limit."""
    if units_per_second is None:
        return None
    rate = plain(units_per_second)
    if type(rate) not in (int, float) or not LEAST_RATE <= rate <= MOST_RATE:
        refuse(name, units_per_second, f"a number from {LEAST_RATE:g} to {MOST_RATE:g}", float)
    return rate  # type: ignore[no-any-return]


class PacedReads:
    """Reads items, and pays for each answer before the next request."""

    def __init__(self, gateway: Gateway, pace: Pace) -> None:
        self._gateway = gateway
        self._pace = pace

    def stop(self) -> None:
        """End threads that read page by page, with a `StoppedError`."""
        self._pace.stop()

    def pages(self, segment: int, segments: int) -> Iterator[list[Item]]:
        """Read one segment of the whole table, page by page."""
        page = PACED_PAGE if self._pace.is_limited else None
        for items in self._gateway.scan(segment, segments, page=page):
            if self._pace.is_stopped:
                raise StoppedError
            yield self._paid(items)

    def every_page(self) -> Iterator[list[Item]]:
        """Read the whole table, page by page."""
        for segment in range(SEGMENTS):
            yield from self.pages(segment, SEGMENTS)

    def pages_after(
        self, last: Item | None, segment: int, segments: int, *, page: int
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """Read a segment, starting after the key *last*; each page comes with its last key."""
        for items, reached in self._gateway.scan_after(last, segment, segments, page=page):
            yield self._paid(items), reached

    def collection(self, partition: str) -> list[Item]:
        """Read all items of a partition."""
        return self._paid(self._gateway.query(partition, EVERYTHING, consistent=True))

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
        """Read many items; keys without an item are missing from the result."""
        asked = list(dict.fromkeys(keys))
        found = self._gateway.batch_get(asked, consistent=True)
        self._pace.spend(sum(rcu(_size_of(found.get(key, {}))) for key in asked))
        return found

    def get(self, key: ItemKey) -> Item | None:
        """Read one item; None if it does not exist."""
        item = self._gateway.get(key, consistent=True)
        self._paid([item or {}])
        return item

    def _paid(self, items: list[Item]) -> list[Item]:
        self._pace.spend(rcu(sum(map(_size_of, items))))
        return items


def check_segments(segments: object) -> int:
    """Check the number of segments of a table: 1 to 64."""
    return check_within(segments, "segments", 1, MAX_SEGMENTS)


def _size_of(item: Item) -> int:
    """Return the size of an item, which may have values of any type."""
    try:
        return item_size(item)
    except MALFORMED:  # a type of value that this package does not write
        return len(repr(item))

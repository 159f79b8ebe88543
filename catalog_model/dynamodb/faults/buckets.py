"""Token buckets: the units that a table, its indexes and their partitions admit. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from catalog_model.dynamodb.schema import TABLE

Direction = Literal["read", "write"]
Limit = Literal[
    "ProvisionedThroughputExceeded", "MaxOnDemandThroughputExceeded", "KeyRangeThroughputExceeded"
]
"""Why a request is throttled, as in the service's throttling reasons."""

PARTITION_UNITS: Final[Mapping[Direction, float]] = {"read": 3000.0, "write": 1000.0}
"""Units a second of one partition key value."""

PARTITION_BURST_SECONDS: Final = 1.0
"""The limits of a partition are fixed: it does not save units beyond the second."""

MOST_BUCKETS: Final = 10_000
"""More buckets of partitions than this are kept only if they are not full."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource with its own units: the table or an index, as a whole or one of its partitions.

    ``index`` is the index's name, or ``"table"``; ``partition`` a value of its partition key, or
    None for the whole.
    """

    index: str
    direction: Direction
    partition: str | None = None

    @property
    def whole(self) -> Resource:
        """The table or the index that it belongs to."""
        return Resource(self.index, self.direction)

    @property
    def is_index(self) -> bool:
        """Whether it is an index, or a partition of one."""
        return self.index != TABLE


Demand = Mapping[Resource, float]
"""The units of one request."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Units per second, the seconds for which unused ones are kept, and the limit behind them."""

    units: float
    burst_seconds: float
    limit: Limit

    @property
    def capacity(self) -> float:
        """The units of a full bucket."""
        return self.units * self.burst_seconds


class Bucket:
    """A number of units per second, and the unused ones of the last seconds."""

    __slots__ = ("_filled", "level", "rate")

    def __init__(self, rate: Rate, level: float, now: float) -> None:
        self.rate = rate
        self.level = level
        self._filled = now

    def refill(self, now: float) -> None:
        """Add the units for the time that has passed."""
        added = (now - self._filled) * self.rate.units
        self.level = min(self.rate.capacity, self.level + max(0.0, added))
        self._filled = now

    def has(self, units: float, now: float) -> bool:
        """Whether it contains this many units by now, or is full if that exceeds its capacity."""
        self.refill(now)
        return min(units, self.rate.capacity) <= self.level

    def is_full(self, now: float) -> bool:
        """Whether it is full by now."""
        self.refill(now)
        return self.level >= self.rate.capacity


class Buckets:
    """The buckets of a table; not thread-safe.

    Args:
        clock: Returns the time in seconds.
        burst: The initial level of the buckets of table and indexes, from 0 to 1.
        partition_burst_seconds: Seconds for which a partition keeps unused units.
    """

    def __init__(
        self, clock: Callable[[], float], burst: float, partition_burst_seconds: float
    ) -> None:
        self._clock = clock
        self._began = clock()
        self._burst = burst
        self._partition_rates = {
            direction: Rate(units, partition_burst_seconds, "KeyRangeThroughputExceeded")
            for direction, units in PARTITION_UNITS.items()
        }
        self._buckets: dict[Resource, Bucket] = {}
        self._parts: dict[Resource, Bucket] = {}
        self.charged: defaultdict[tuple[str, Direction], float] = defaultdict(float)

    def set_rates(self, rates: Mapping[Resource, Rate]) -> None:
        """Set the rates of table and indexes from now on; new ones begin with the initial burst."""
        now = self._clock()
        for resource, rate in rates.items():
            bucket = self._buckets.get(resource)
            if bucket is None:
                self._buckets[resource] = Bucket(rate, rate.capacity * self._burst, self._began)
                continue
            bucket.refill(now)
            bucket.rate = rate
            bucket.level = min(bucket.level, rate.capacity)
        for gone in self._buckets.keys() - rates.keys():
            del self._buckets[gone]

    def lacking(self, demand: Demand) -> Resource | None:
        """Return the first resource without enough units for a request; None if it is admitted."""
        now = self._clock()
        for resource, units in demand.items():
            bucket = self._bucket(resource, now)
            if bucket is not None and not bucket.has(units, now):
                return resource
        return None

    def reserve(self, demand: Demand) -> None:
        """Take the units of an admitted request."""
        self._take(demand.items())

    def release(self, demand: Demand) -> None:
        """Return reserved units."""
        self._take((resource, -units) for resource, units in demand.items())

    def charge(self, demand: Demand) -> None:
        """Take the units of a request that was carried out, and add them to ``charged``."""
        self._take(demand.items())
        for resource, units in demand.items():
            if resource.partition is None:
                self.charged[resource.index, resource.direction] += units

    def limit_of(self, resource: Resource) -> Limit:
        """Return why a resource throttles."""
        if resource.partition is not None:
            return self._partition_rates[resource.direction].limit
        return self._buckets[resource].rate.limit

    def _take(self, units: Iterable[tuple[Resource, float]]) -> None:
        now = self._clock()
        for resource, share in units:
            bucket = self._bucket(resource, now)
            if bucket is not None:
                bucket.refill(now)
                bucket.level -= share

    def _bucket(self, resource: Resource, now: float) -> Bucket | None:
        """Return the bucket; None for a table or an index without a limit."""
        if resource.partition is None:
            return self._buckets.get(resource)
        found = self._parts.get(resource)
        if found is None:
            self._forget_full(now)
            rate = self._partition_rates[resource.direction]
            found = self._parts[resource] = Bucket(rate, rate.capacity, now)
        return found

    def _forget_full(self, now: float) -> None:
        """Forget buckets of partitions that are full, if there are many: they begin full again."""
        if len(self._parts) >= MOST_BUCKETS and len(self._parts) % MOST_BUCKETS == 0:
            self._parts = {key: it for key, it in self._parts.items() if not it.is_full(now)}

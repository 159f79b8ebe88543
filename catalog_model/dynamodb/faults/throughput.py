"""The throughput of a table: throttles requests like DynamoDB, by the units that they take."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.awsrequest import AWSResponse

from catalog_model.checks import check_instance, refuse
from catalog_model.dynamodb.faults.buckets import (
    PARTITION_BURST_SECONDS,
    Buckets,
    Demand,
    Direction,
    Rate,
    Resource,
)
from catalog_model.dynamodb.faults.clock import SimulatedClock
from catalog_model.dynamodb.faults.kinds import Attempt
from catalog_model.dynamodb.faults.refused import refused
from catalog_model.dynamodb.limits import BURST_SECONDS
from catalog_model.dynamodb.numbers import check_number
from catalog_model.dynamodb.schema import TABLE

ON_DEMAND_UNITS: Final[Mapping[Direction, float]] = {"read": 12_000.0, "write": 4_000.0}
"""Units a second of a new table on demand. The service raises them slowly with the traffic; here
they stay."""

ON_DEMAND_BURST_SECONDS: Final = 1.0

_DEPLOYED: Final[Mapping[Direction, tuple[str, str]]] = {
    "read": ("ReadCapacityUnits", "MaxReadRequestUnits"),
    "write": ("WriteCapacityUnits", "MaxWriteRequestUnits"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A throttled attempt: the *number*-th of *operation*, and the resource that lacks units."""

    operation: str
    number: int
    resource: Resource


class Throughput:
    """Throttle like a table with this throughput; one of the faults of `inject_faults`.

    The table, each index and each partition key value have a bucket of read units and one of write
    units. Table and indexes keep the unused units of 300 seconds; a partition has 3,000 read and
    1,000 write units a second, and keeps none. Each request takes the units that the engine
    reports. A request that needs more than there are is throttled with the service's errors, which
    name the resource; a batch is carried out in part. The attributes accumulate over all blocks of
    `inject_faults` with this object.

    Args:
        read_units: Read units a second of the table and of each index. None for what is deployed:
            the provisioned units, which UpdateTable changes; on demand 12,000, as for a new table,
            or its configured maximum.
        write_units: The same for writes; on demand 4,000.
        burst: The part of the saved units at the start, from 0 to 1.
        clock: The time of `simulated_time`; None for the real time.
        partition_burst_seconds: Seconds for which a partition keeps unused units.

    Raises:
        InvalidArgumentError: If an argument is not a number within its bounds.

    >>> Throughput(read_units=5, write_units=5)
    Throughput(read_units=5, write_units=5)
    """

    def __init__(
        self,
        *,
        read_units: float | None = None,
        write_units: float | None = None,
        burst: float = 1.0,
        clock: SimulatedClock | None = None,
        partition_burst_seconds: float = PARTITION_BURST_SECONDS,
    ) -> None:
        self._units: dict[Direction, float | None] = {
            "read": _checked(read_units, "read_units"),
            "write": _checked(write_units, "write_units"),
        }
        if not 0 <= check_number(burst, "burst") <= 1:
            refuse("burst", burst, "a number from 0 to 1")
        if clock is not None:
            check_instance(clock, "clock", SimulatedClock)
        _checked(partition_burst_seconds, "partition_burst_seconds")
        self.clock = clock
        self.refusals: list[Refusal] = []
        self._buckets = Buckets(clock or time.monotonic, burst, partition_burst_seconds)
        self._lock = threading.RLock()
        self._described: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        shown = ", ".join(f"{way}_units={units}" for way, units in self._units.items())
        return f"Throughput({shown})"

    @property
    def units(self) -> Mapping[tuple[str, Direction], float]:
        """The units taken so far, such as of ``("table", "read")`` or ``("by_name", "write")``."""
        return self._buckets.charged

    @property
    def refused(self) -> Counter[str]:
        """The number of throttled attempts by operation."""
        return Counter(each.operation for each in self.refusals)

    def scale(self, *, read_units: float | None = None, write_units: float | None = None) -> None:
        """Change the units a second of the table and its indexes; None leaves them unchanged.

        Raises:
            InvalidArgumentError: If an argument is not a number, or not more than 0.
        """
        with self._lock:
            if read_units is not None:
                self._units["read"] = _checked(read_units, "read_units")
            if write_units is not None:
                self._units["write"] = _checked(write_units, "write_units")
            if self._described:
                self._set_rates()

    def deployed(self, described: Mapping[str, Any]) -> None:
        """Note the table as deployed, with its indexes and their rates."""
        with self._lock:
            self._described = described
            self._set_rates()

    def lacking(self, demand: Demand) -> Resource | None:
        """Return the resource that lacks units for a request; else None, with them reserved."""
        with self._lock:
            lacking = self._buckets.lacking(demand)
            if lacking is None:
                self._buckets.reserve(demand)
            return lacking

    def settle(self, reserved: Demand, taken: Demand) -> None:
        """Replace reserved units by those that a request took."""
        with self._lock:
            self._buckets.release(reserved)
            self._buckets.charge(taken)

    def refuse(self, attempt: Attempt, lacking: Resource, place: int | None = None) -> AWSResponse:
        """Note a throttled attempt, and return its answer.

        Args:
            place: The number of the action of a transaction that lacks the units, from 0.
        """
        with self._lock:
            self.refusals.append(Refusal(attempt.operation, attempt.number, lacking))
            limit = self._buckets.limit_of(lacking)
            arn = self._described.get("TableArn", "")
            return refused(
                attempt, lacking, limit, arn, is_on_demand=self._is_on_demand, place=place
            )

    @property
    def _is_on_demand(self) -> bool:
        billing = self._described.get("BillingModeSummary", {}).get("BillingMode")
        return billing == "PAY_PER_REQUEST" and not any(self._units.values())

    def _set_rates(self) -> None:
        self._buckets.set_rates(dict(self._rates()))

    def _rates(self) -> Iterator[tuple[Resource, Rate]]:
        indexes = self._described.get("GlobalSecondaryIndexes", ())
        parts = {TABLE: self._described, **{each["IndexName"]: each for each in indexes}}
        for name, part in parts.items():
            for way in _DEPLOYED:
                yield Resource(name, way), self._rate(part, way)

    def _rate(self, part: Mapping[str, Any], way: Direction) -> Rate:
        provisioned, most = _DEPLOYED[way]
        own = self._units[way] or part.get("ProvisionedThroughput", {}).get(provisioned)
        if own:
            return Rate(own, BURST_SECONDS, "ProvisionedThroughputExceeded")
        maximum = part.get("OnDemandThroughput", {}).get(most, -1)
        if maximum > 0:
            return Rate(maximum, ON_DEMAND_BURST_SECONDS, "MaxOnDemandThroughputExceeded")
        return Rate(ON_DEMAND_UNITS[way], ON_DEMAND_BURST_SECONDS, "KeyRangeThroughputExceeded")


def _checked(units: float | None, name: str) -> float | None:
    if units is not None and check_number(units, name) <= 0:
        refuse(name, units, "more than 0")
    return units

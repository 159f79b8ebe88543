"""From units to money: capacity to provision, and dollars a month, from a table of prices. Pure.

These are list prices of the Standard table class and will be out of date one day: **check yours**.
Neither the free tier, backups, streams nor the transfer of data are in them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import ceil
from typing import Any, Final

from catalog_model.checks import refuse
from catalog_model.dynamodb.capacity import NOTHING, Units
from catalog_model.dynamodb.schema import TABLE
from catalog_model.table.indexes import INDEXES

HOURS_A_MONTH: Final = 730
SECONDS_AN_HOUR: Final = 3600
GB: Final = 10**9
TARGET: Final = 0.7
"""How much of what is provisioned shall be used: the default of AWS's auto scaling."""

LEAST_USE: Final = 0.01
MOST: Final = 10**18
"""More than any table takes, stores or costs; every sum of such figures is finite."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What DynamoDB costs somewhere, in dollars."""

    region: str
    as_of: str
    million_reads: float
    """A million read request units, on demand."""
    million_writes: float
    """A million write request units, on demand."""
    read_hour: float
    """One unit of provisioned read capacity for an hour."""
    write_hour: float
    """One unit of provisioned write capacity for an hour."""
    gb_month: float
    """A gigabyte (10 to the 9th bytes) of storage for a month."""


PRICES: Final[Mapping[str, Prices]] = {
    "us-east-1": Prices("us-east-1", "2024-11", 0.125, 0.625, 0.00013, 0.00065, 0.25),
    "eu-west-1": Prices("eu-west-1", "2024-11", 0.1415, 0.70675, 0.000147, 0.000735, 0.283),
}
"""List prices as they were known in the month that each states; check yours."""

DEFAULT_PRICES: Final = PRICES["us-east-1"]


@dataclass(frozen=True, slots=True)
class Calls:
    """One kind of call: its rate, and the units that one call reads and writes."""

    per_second: float
    reads: Units = NOTHING
    writes: Units = NOTHING


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars a month in both ways to pay, and the capacity to provision, for table and indexes."""

    on_demand: float
    provisioned: float
    storage: float
    read_capacity: Mapping[str, int]
    write_capacity: Mapping[str, int]


def bill(
    calls: Iterable[Calls],
    *,
    prices: Prices = DEFAULT_PRICES,
    utilisation: float = TARGET,
    stored_bytes: int = 0,
) -> Bill:
    """Price calls that come steadily, all month long, at the target *utilisation*, 0.01 to 1.

    Raises:
        InvalidArgumentError: If *utilisation*, *stored_bytes* or a rate is out of its bounds.
    """
    reads, writes = units_per_second(calls)
    read_capacity = capacity_needed(reads, utilisation)
    write_capacity = capacity_needed(writes, utilisation)
    _check(stored_bytes, "stored_bytes")
    millions = HOURS_A_MONTH * SECONDS_AN_HOUR / 10**6
    asked = reads.total * prices.million_reads + writes.total * prices.million_writes
    hourly = (
        sum(read_capacity.values()) * prices.read_hour
        + sum(write_capacity.values()) * prices.write_hour
    )
    return Bill(
        on_demand=asked * millions,
        provisioned=hourly * HOURS_A_MONTH,
        storage=stored_bytes / GB * prices.gb_month,
        read_capacity=read_capacity,
        write_capacity=write_capacity,
    )


def units_per_second(calls: Iterable[Calls]) -> tuple[Units, Units]:
    """Add up the units that calls read and that they write in a second.

    >>> units_per_second([Calls(10, reads=Units(2)), Calls(4, writes=Units(6, {"by_name": 1}))])
    (Units(table=20, indexes={}), Units(table=24, indexes={'by_name': 4}))
    """
    reads = writes = NOTHING
    for each in calls:
        _check(each.per_second, "per_second")
        reads += each.reads.times(each.per_second)
        writes += each.writes.times(each.per_second)
    return reads, writes


def capacity_needed(per_second: Units, utilisation: float = TARGET) -> dict[str, int]:
    """Return the capacity to provision on the table and each index, at least 1.

    >>> capacity_needed(Units(14, {"by_name": 0.5}))["table"]
    20
    """
    if not LEAST_USE <= utilisation <= 1:
        refuse("utilisation", utilisation, f"a number from {LEAST_USE} to 1")
    needed = shares_of(per_second)
    return {name: max(1, _ceil(units / utilisation)) for name, units in needed.items()}


def shares_of(units: Units) -> dict[str, float]:
    """Return the units of the table and of each index, in the order of the model."""
    return {TABLE: units.table, **{index: units.indexes.get(index, 0) for index in INDEXES}}


def prices_from_json(record: Mapping[str, Any]) -> Prices:
    """Read prices of the user's own: a JSON object with all fields of `Prices`."""
    names = [each.name for each in fields(Prices)]
    if not isinstance(record, Mapping) or sorted(record) != sorted(names):
        refuse("prices", record, f"an object with {', '.join(names)}")
    for name in ("region", "as_of"):
        if not isinstance(record[name], str):
            refuse(name, record[name], "a text")
    for name in names[2:]:
        _check(record[name], name)
    return Prices(**record)


def _check(value: object, name: str) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MOST:
        return
    refuse(name, value, f"a number from 0 to {MOST:.0e}")


def _ceil(value: float) -> int:
    """Round up, but not for what floats add to a whole number."""
    return ceil(round(value, 9))

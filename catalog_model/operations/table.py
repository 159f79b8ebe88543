"""Create, describe and delete the table."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_text, check_within, counted, refuse, shown
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.clients import check_table
from catalog_model.dynamodb.numbers import check_number
from catalog_model.dynamodb.schema import description_of
from catalog_model.errors import SchemaMismatchError, ServiceError, TableNotFoundError
from catalog_model.table.indexes import SCHEMA

__all__ = ["TableStatus", "create_table", "delete_table", "table_status"]

POLL_SECONDS: Final = 0.5
ACTIVE: Final = "ACTIVE"
DELETING: Final = "DELETING"

MOST_UNITS: Final = 2**63 - 1
"""The maximum of the service's data type for capacity; account quotas are far lower."""

MOST_TAGS: Final = 50
LONGEST_TAG: Final = 128
LONGEST_TAG_VALUE: Final = 256
_OF_A_TAG: Final = re.compile(r"[\w\s+\-=.:/@]*")


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The state of a table as reported by the service.

    ``status`` is the service's value: ``ACTIVE`` once the table can be used. ``differences`` lists
    where it differs from this model's table; empty if it does not. ``item_count`` and
    ``size_bytes`` are the service's own figures, updated about every six hours.
    """

    table: str
    status: str
    billing_mode: str
    item_count: int
    size_bytes: int
    indexes: dict[str, str]
    differences: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        """Whether the table and all of its indexes can be used and match this model."""
        states = {self.status, *self.indexes.values()}
        return states == {ACTIVE} and not self.differences


def create_table(
    catalog: Catalog,
    *,
    read_capacity: int | None = None,
    write_capacity: int | None = None,
    tags: Mapping[str, str] | None = None,
    timeout: float = 300.0,
) -> TableStatus:
    """Create the table with its indexes, and wait until it can be used.

    Safe to repeat: an existing table of this model is left unchanged. Billing is on demand unless
    both capacities are given.

    Args:
        read_capacity: Provisioned read units a second, for the table and for each index.
        write_capacity: Provisioned write units a second, for the table and for each index.
        tags: Tags of the table: a mapping of keys to values.
        timeout: Maximum number of seconds to wait.

    Raises:
        InvalidArgumentError: If an argument is invalid, or only one capacity is given.
        SchemaMismatchError: If a table of that name exists that is not of this model.
        ServiceError: If it cannot be used in time.

    >>> create_table(catalog).status
    'ACTIVE'
    """
    check_instance(catalog, "catalog", Catalog)
    if (read_capacity is None) != (write_capacity is None):
        refuse("read_capacity and write_capacity", (read_capacity, write_capacity), "both or none")
    read_capacity, write_capacity = (
        units if units is None else check_within(units, name, 1, MOST_UNITS)
        for name, units in (("read_capacity", read_capacity), ("write_capacity", write_capacity))
    )
    _check_tags(tags)
    timeout = _check_timeout(timeout)
    check_table(catalog.table)
    if not _exists(catalog):
        _create(catalog, read_capacity, write_capacity, tags)
    status = _wait(catalog, timeout)
    if status.differences:
        raise SchemaMismatchError(
            f"table {catalog.table!r} is not of this model: {'; '.join(status.differences)}"
        )
    return status


def delete_table(catalog: Catalog, *, timeout: float = 300.0) -> None:
    """Delete the table with all of its items, and wait until it is gone.

    Args:
        timeout: Maximum number of seconds to wait.

    Raises:
        InvalidArgumentError: If *timeout* is not a number of seconds.
        TableNotFoundError: If the table does not exist.
        ServiceError: If it is protected from deletion, or not gone in time.

    >>> delete_table(catalog)
    """
    check_instance(catalog, "catalog", Catalog)
    _check_timeout(timeout)
    table_status(catalog)
    try:
        catalog.gateway.delete_table()
    except TableNotFoundError:  # an earlier attempt deleted it, and its answer was lost
        return
    except ServiceError as error:  # likewise, or another process deleted it
        if error.code != "ResourceInUseException" or table_status(catalog).status != DELETING:
            raise
    deadline = time.monotonic() + timeout
    while _exists(catalog):
        _pause_until(
            deadline, f"table {catalog.table!r} is still there after {counted(timeout, 'second')}"
        )


def table_status(catalog: Catalog) -> TableStatus:
    """Return the state of the table: one DescribeTable.

    Raises:
        TableNotFoundError: If the table does not exist.

    >>> table_status(catalog).is_ready
    True
    """
    check_instance(catalog, "catalog", Catalog)
    description = catalog.gateway.describe_table()
    billing = description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    return TableStatus(
        table=catalog.table,
        status=description["TableStatus"],
        billing_mode=billing,
        item_count=description.get("ItemCount", 0),
        size_bytes=description.get("TableSizeBytes", 0),
        indexes={
            index["IndexName"]: index.get("IndexStatus", ACTIVE)
            for index in description.get("GlobalSecondaryIndexes", [])
        },
        differences=_differences(description),
    )


def _check_timeout(timeout: object) -> float:
    seconds = check_number(timeout, "timeout")
    if seconds < 0:
        refuse("timeout", timeout, "a number of seconds from 0 on")
    return seconds


def _check_tags(tags: Any) -> None:
    """Check tags by the service's rules."""
    if tags is None:
        return
    if not isinstance(tags, Mapping):
        refuse("tags", tags, "a mapping of texts under their keys, or None")
    if len(tags) > MOST_TAGS:
        refuse("tags", tags, f"at most {MOST_TAGS} tags")
    for key, value in tags.items():
        _check_tag(key, "the key of a tag", 1, LONGEST_TAG)
        _check_tag(value, f"the value of tag {shown(key)}", 0, LONGEST_TAG_VALUE)
        if key.lower().startswith("aws:"):
            refuse("the key of a tag", key, 'a text that does not begin with "aws:"')


def _check_tag(text: object, name: str, least: int, most: int) -> None:
    checked = check_text(text, name)
    if not least <= len(checked) <= most:
        refuse(name, text, f"of {least} to {most} characters")
    if not _OF_A_TAG.fullmatch(checked):
        refuse(name, text, "of letters, digits, spaces and + - = . _ : / @")


def _exists(catalog: Catalog) -> bool:
    try:
        table_status(catalog)
    except TableNotFoundError:
        return False
    return True


def _create(
    catalog: Catalog,
    read_capacity: int | None,
    write_capacity: int | None,
    tags: Mapping[str, str] | None,
) -> None:
    declared = SCHEMA.declaration()
    capacity: dict[str, Any] = {"billing_mode": "PAY_PER_REQUEST"}
    if read_capacity is not None:
        units = {"ReadCapacityUnits": read_capacity, "WriteCapacityUnits": write_capacity}
        for index in declared["global_secondary_indexes"]:
            index["provisioned_throughput"] = units
        capacity = {
            "billing_mode": "PROVISIONED",
            "read_capacity_units": read_capacity,
            "write_capacity_units": write_capacity,
        }
    try:
        catalog.gateway.create_table({**declared, **capacity, "tags": dict(tags) if tags else None})
    except ServiceError as error:
        if error.code != "ResourceInUseException":  # another process created it
            raise


def _wait(catalog: Catalog, timeout: float) -> TableStatus:
    deadline = time.monotonic() + timeout
    while True:
        status = table_status(catalog)
        if status.is_ready or (status.status == ACTIVE and status.differences):
            return status
        _pause_until(
            deadline,
            f"table {catalog.table!r} is {status.status} after {counted(timeout, 'second')}",
        )


def _pause_until(deadline: float, message: str) -> None:
    if time.monotonic() >= deadline:
        raise ServiceError(message, code="Timeout")
    waits.sleep(POLL_SECONDS)


def _differences(description: dict[str, Any]) -> tuple[str, ...]:
    """Return where a table differs from this model's; other additions are up to its owner."""
    wanted = description_of(SCHEMA.declaration())
    found = description_of(description)
    differences = []
    if found["keys"] != wanted["keys"]:
        differences.append(f"its keys are {found['keys']}, not {wanted['keys']}")
    for name, kind in wanted["types"].items():
        if found["types"].get(name, kind) != kind:
            differences.append(f"{name} is of type {found['types'][name]}, not {kind}")
    for name, index in wanted["indexes"].items():
        if name not in found["indexes"]:
            differences.append(f"it has no index {name}")
        elif not _covers(found["indexes"][name], index):
            differences.append(f"index {name} is {found['indexes'][name]}, not {index}")
    return tuple(differences)


def _covers(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    projects = found["projection"] == "ALL" or set(wanted["attributes"]) <= set(found["attributes"])
    return bool(found["keys"] == wanted["keys"] and projects)

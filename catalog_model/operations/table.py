"""Create, describe and delete the table."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_within, counted, refuse
from catalog_model.deployment import creation
from catalog_model.deployment.control import Control
from catalog_model.deployment.creation import POLL_SECONDS
from catalog_model.deployment.deployed import (
    ACTIVE,
    Deployed,
    Recovery,
    ScalableTarget,
    limits_of,
    read_deployed,
    units_of,
    warm_of,
)
from catalog_model.deployment.drift import mismatches, remedy
from catalog_model.deployment.matching import departures, in_words, parts_of
from catalog_model.deployment.settings import MOST_UNITS, TableSettings, UnitsPerSecond, check_tags
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.clients import check_table
from catalog_model.errors import SchemaMismatchError, ServiceError, TableNotFoundError
from catalog_model.operations.control import check_timeout, control_of
from catalog_model.table.indexes import SCHEMA

__all__ = ["TableStatus", "create_table", "delete_table", "table_status"]

DELETING: Final = "DELETING"


@dataclass(frozen=True, slots=True)
class TableStatus:
    """The state of a table as reported by the service.

    ``status`` is the service's value: ``ACTIVE`` once the table can be used. ``differences`` lists
    where its keys and indexes differ from this model's table; empty if they do not. ``remedy`` is
    the next step if they do. ``item_count`` and ``size_bytes`` are the service's own figures,
    updated about every six hours.

    ``settings`` are those that were read, each explicit; None stands for one that was not read.
    ``capacity``, ``max_units`` and ``warm_throughput`` are the units a second of the table and of
    each index, under their names: provisioned units, limits of on-demand units (-1 for no limit),
    and the units that are supported at once. ``scaling`` lists each target of scaling; None if they
    were not read. ``recovery`` has the times that can be restored. ``unread`` has the operations
    without an answer: not offered by the endpoint, or not permitted. ``departures`` lists where the
    table departs from the settings passed to `create_table`.
    """

    table: str
    status: str
    billing_mode: str
    item_count: int
    size_bytes: int
    indexes: dict[str, str]
    differences: tuple[str, ...]
    settings: TableSettings = field(default_factory=TableSettings)
    capacity: dict[str, UnitsPerSecond] = field(default_factory=dict)
    max_units: dict[str, UnitsPerSecond] = field(default_factory=dict)
    warm_throughput: dict[str, UnitsPerSecond] = field(default_factory=dict)
    scaling: tuple[ScalableTarget, ...] | None = None
    recovery: Recovery | None = None
    unread: dict[str, str] = field(default_factory=dict)
    departures: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether the table and all of its indexes can be used and match this model."""
        states = {self.status, *self.indexes.values()}
        return states == {ACTIVE} and not self.differences


def create_table(
    catalog: Catalog,
    *,
    settings: TableSettings | None = None,
    read_capacity: int | None = None,
    write_capacity: int | None = None,
    tags: Mapping[str, str] | None = None,
    timeout: float = 300.0,
) -> TableStatus:
    """Create the table with its indexes and settings, and wait until it can be used.

    Safe to repeat: run again after an interruption, it finishes. On an existing table of this
    model, recovery, TTL and scaling are switched on if they are declared and off: CreateTable does
    not take them, so an interrupted creation lacks them. Nothing else is changed, and what departs
    from *settings* is in the result.

    Billing is on demand unless capacity or scaling is declared. Costs one CreateTable and a
    DescribeTable for each half second; with recovery, TTL, tags or scaling also the requests of
    `table_status` in full, one request for each of recovery and TTL, and four for the scaling of
    the table and of each index.

    Args:
        settings: The settings of the table; None for the service's defaults.
        read_capacity: Provisioned read units a second, for the table and for each index.
        write_capacity: Provisioned write units a second, for the table and for each index.
        tags: Tags of the table: a mapping of keys to values.
        timeout: Maximum number of seconds to wait.

    Raises:
        InvalidArgumentError: If an argument is invalid, only one capacity is given, or a setting is
            given twice.
        SchemaMismatchError: If a table of that name exists that is not of this model.
        ServiceError: If it cannot be used in time, or the endpoint does not offer recovery or
            scaling.

    >>> create_table(catalog).status
    'ACTIVE'
    >>> from catalog_model.operations import TableSettings
    >>> create_table(catalog, settings=TableSettings(protection=True)).departures
    ('protection is off, not on',)
    """
    check_instance(catalog, "catalog", Catalog)
    settings = _declared(settings, read_capacity, write_capacity, tags)
    deadline = time.monotonic() + check_timeout(timeout)
    check_table(catalog.table)
    control = control_of(catalog)
    if creation.start(control, SCHEMA, settings):
        settings = replace(settings, tags=None)  # CreateTable took them; reading needs a permission
    status = _wait(catalog, deadline, timeout)
    check_model(status)
    found = creation.complete(control, settings, deadline)
    return status if found is None else _compared(control, settings, found)


def check_model(status: TableStatus) -> None:
    """Raise SchemaMismatchError if a table is not of this model, with the next step."""
    if status.differences:
        raise SchemaMismatchError(
            f"table {status.table!r} is not of this model: {'; '.join(status.differences)}; "
            f"{status.remedy}"
        )


def _declared(
    settings: TableSettings | None,
    read_capacity: int | None,
    write_capacity: int | None,
    tags: Mapping[str, str] | None,
) -> TableSettings:
    """Return the settings, with those that have arguments of their own."""
    if settings is None:
        settings = TableSettings()
    check_instance(settings, "settings", TableSettings)
    if (read_capacity is None) != (write_capacity is None):
        refuse("read_capacity and write_capacity", (read_capacity, write_capacity), "both or none")
    read_capacity, write_capacity = (
        units if units is None else check_within(units, name, 1, MOST_UNITS)
        for name, units in (("read_capacity", read_capacity), ("write_capacity", write_capacity))
    )
    own: dict[str, Any] = {}
    if read_capacity is not None:
        own["capacity"] = UnitsPerSecond(read_capacity, write_capacity)
    if tags is not None:
        own["tags"] = check_tags(tags)
    for name, value in own.items():
        if name in settings.declared:
            refuse(name, value, "given once: in settings, or as an argument of its own")
    return replace(settings, **own)


def _compared(control: Control, settings: TableSettings, found: Deployed) -> TableStatus:
    departed = departures(settings, found, control.name)
    return replace(_status(control.table, found), departures=in_words(departed))


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
    check_timeout(timeout)
    if table_status(catalog).settings.protection:
        raise ServiceError(
            f"table {catalog.table!r} is protected from deletion: "
            "`catalog-model apply --no-protect` removes the protection",
            code="DeletionProtection",
        )
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


def table_status(catalog: Catalog, *, in_full: bool = False) -> TableStatus:
    """Return the state of the table: one DescribeTable.

    *in_full* also returns what DescribeTable leaves out: recovery, TTL and tags, and the scaling of
    a provisioned table. This costs a DescribeContinuousBackups, a DescribeTimeToLive and a
    ListTagsOfResource; for a provisioned table also a DescribeScalableTargets, and a
    DescribeScalingPolicies for the table and each index with a target. None of them uses units.

    Args:
        in_full: Whether to read also what DescribeTable leaves out.

    Raises:
        TableNotFoundError: If the table does not exist.

    >>> table_status(catalog).is_ready
    True
    >>> table_status(catalog, in_full=True).settings.ttl
    ''
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(in_full, "in_full")
    return _status(catalog.table, read_deployed(control_of(catalog), in_full=in_full))


def _status(table: str, found: Deployed) -> TableStatus:
    description = found.description
    billing = description.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    parts = dict(parts_of(description))
    warm = {name: warm_of(part) for name, part in parts.items()}
    differing = mismatches(SCHEMA, description)
    return TableStatus(
        table=table,
        status=description["TableStatus"],
        billing_mode=billing,
        item_count=description.get("ItemCount", 0),
        size_bytes=description.get("TableSizeBytes", 0),
        indexes={
            index["IndexName"]: index.get("IndexStatus", ACTIVE)
            for index in description.get("GlobalSecondaryIndexes", [])
        },
        differences=tuple(each.text for each in differing),
        remedy=remedy(differing),
        settings=found.settings,
        capacity=_units(parts, units_of) if found.is_provisioned else {},
        max_units={} if found.is_provisioned else _units(parts, limits_of),
        warm_throughput={name: units for name, units in warm.items() if units is not None},
        scaling=found.scaling,
        recovery=found.recovery,
        unread=dict(found.unread or {}),
    )


def _units(
    parts: Mapping[str, Mapping[str, Any]], read: Callable[[Mapping[str, Any]], UnitsPerSecond]
) -> dict[str, UnitsPerSecond]:
    return {name: read(described) for name, described in parts.items()}


def _exists(catalog: Catalog) -> bool:
    try:
        table_status(catalog)
    except TableNotFoundError:
        return False
    return True


def _wait(catalog: Catalog, deadline: float, timeout: float) -> TableStatus:
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

"""Creates a table with its settings, and completes a creation that was interrupted."""

import time
from collections.abc import Callable
from typing import Any, Final

from catalog_model.checks import counted, refuse
from catalog_model.deployment import scaling
from catalog_model.deployment.control import Control
from catalog_model.deployment.deployed import PARTS, Deployed, read_deployed
from catalog_model.deployment.resources import (
    BILLING_MODES,
    STREAM_VIEWS,
    TABLE_CLASSES,
    encryption,
    initial_units,
)
from catalog_model.deployment.settings import TableSettings, UnitsPerSecond
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.schema import TableSchema
from catalog_model.errors import ServiceError, TableNotFoundError

POLL_SECONDS: Final = 0.5
ON_DEMAND_AT_FIRST: Final = UnitsPerSecond(12_000, 4_000)
"""The units a second that a table on demand supports from its beginning."""

IN_USE: Final = "ResourceInUseException"
NOT_YET: Final = "ContinuousBackupsUnavailableException"
"""The code for a new table whose backups are being prepared."""

READ_IN_FULL: Final = ("recovery_days", "scaling", "tags", "ttl")
"""The settings that DescribeTable leaves out."""


def create_parameters(schema: TableSchema, settings: TableSettings) -> dict[str, Any]:
    """Return the parameters of CreateTable, without the table's name.

    Recovery, TTL and scaling are not among them: they are switched on for a table that exists.
    """
    own = _units(settings)
    declared = schema.declaration()
    indexes = [{**index, **own} for index in declared["GlobalSecondaryIndexes"]]
    return {
        **declared,
        "GlobalSecondaryIndexes": indexes,
        "BillingMode": BILLING_MODES[settings.billing or "on-demand"],
        **own,
        **_others(settings),
    }


def start(control: Control, schema: TableSchema, settings: TableSettings) -> bool:
    """Start creating the table; return False if it exists.

    What an endpoint does not offer is refused before the table is created.

    Raises:
        InvalidArgumentError: If the warm throughput is below the units of a new table.
        UnsupportedError: If the endpoint does not offer a declared setting.
    """
    _check_warm(settings)
    if control.exists():
        return False
    if settings.scaling is not None:
        scaling.check_offered(control)
    if settings.recovery_days:
        _check_recovery_offered(control)
    try:
        control.on_table("CreateTable", **create_parameters(schema, settings))
    except ServiceError as error:
        if error.code != IN_USE:  # another process created it
            raise
        return False
    return True


def complete(control: Control, settings: TableSettings, deadline: float) -> Deployed | None:
    """Switch on what an existing table lacks of the declared recovery, TTL and scaling.

    These are the settings that CreateTable does not take, so an interrupted creation lacks them.
    A setting that has another value is not changed. Returns the table as it is then; None if
    nothing that is declared has to be read.

    Args:
        control: The requests about the table, which is active.
        settings: The declared settings.
        deadline: The time, by `time.monotonic`, until which a new table may not be ready.
    """
    declared = settings.declared
    if not declared:
        return None
    in_full = any(name in declared for name in READ_IN_FULL)
    found = read_deployed(control, in_full=in_full)
    before = control.requests.total()
    if settings.recovery_days and found.recovery is not None and not found.recovery.days:
        until_taken(
            lambda: enable_recovery(control, settings.recovery_days or 0), NOT_YET, deadline
        )
    if settings.ttl and found.ttl == "":
        enable_ttl(control, settings.ttl)
    if settings.scaling is not None and found.is_provisioned:
        scaling.complete(control, settings.scaling, found)
    is_changed = control.requests.total() > before
    return read_deployed(control) if is_changed else found


def enable_recovery(control: Control, days: int) -> None:
    """Switch point-in-time recovery on, or change its days."""
    specification = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
    control.on_table("UpdateContinuousBackups", PointInTimeRecoverySpecification=specification)


def enable_ttl(control: Control, attribute: str) -> None:
    """Let items expire at the time in an attribute."""
    specification = {"Enabled": True, "AttributeName": attribute}
    control.on_table("UpdateTimeToLive", TimeToLiveSpecification=specification)


def until_taken(send: Callable[[], None], code: str, deadline: float) -> None:
    """Repeat a request that is rejected with *code* until it is taken.

    Args:
        send: Sends the request.
        code: The service's code for "not yet".
        deadline: The time, by `time.monotonic`, after which the error is raised.
    """
    while True:
        try:
            send()
        except ServiceError as error:
            if error.code != code or time.monotonic() >= deadline:
                raise
            waits.sleep(POLL_SECONDS)
        else:
            return


def _check_warm(settings: TableSettings) -> None:
    """Check that warm throughput is not below the units with which a table begins."""
    warm, least = settings.warm_throughput, initial_units(settings) or ON_DEMAND_AT_FIRST
    for part in PARTS if warm is not None else ():
        units, begun = getattr(warm, part), getattr(least, part)
        if units is not None and units < begun:
            what = f"at least the {counted(begun, f'{part} unit')} a second of a new table"
            refuse("warm_throughput", units, what)


def _check_recovery_offered(control: Control) -> None:
    try:
        control.on_table("DescribeContinuousBackups")
    except TableNotFoundError:  # it is offered; the table does not exist yet
        return


def _units(settings: TableSettings) -> dict[str, Any]:
    """Return the units of the table, and of each index."""
    units: dict[str, Any] = {}
    initial = initial_units(settings)
    if initial is not None:
        units["ProvisionedThroughput"] = {
            "ReadCapacityUnits": initial.read,
            "WriteCapacityUnits": initial.write,
        }
    if settings.max_units is not None:
        names = ("MaxReadRequestUnits", "MaxWriteRequestUnits")
        units["OnDemandThroughput"] = _given(settings.max_units, *names)
    if settings.warm_throughput is not None:
        names = ("ReadUnitsPerSecond", "WriteUnitsPerSecond")
        units["WarmThroughput"] = _given(settings.warm_throughput, *names)
    return units


def _given(units: UnitsPerSecond, read: str, write: str) -> dict[str, int]:
    parts = {read: units.read, write: units.write}
    return {name: part for name, part in parts.items() if part is not None}


def _others(settings: TableSettings) -> dict[str, Any]:
    """Return the settings of the table as a whole."""
    parameters: dict[str, Any] = {}
    if settings.protection is not None:
        parameters["DeletionProtectionEnabled"] = settings.protection
    if settings.stream not in (None, "off"):
        viewed = STREAM_VIEWS[str(settings.stream)]
        parameters["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": viewed}
    if encryption(settings):
        parameters["SSESpecification"] = encryption(settings)
    if settings.table_class is not None:
        parameters["TableClass"] = TABLE_CLASSES[settings.table_class]
    if settings.tags:
        parameters["Tags"] = [{"Key": k, "Value": v} for k, v in settings.tags.items()]
    return parameters

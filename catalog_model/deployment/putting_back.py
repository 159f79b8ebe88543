"""Puts back on a restored table what its source had: settings, policy, scaling and alarms.

Each part is compared first, so it can be repeated, and sends nothing for a table that has all.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from catalog_model.deployment.control import AUTOSCALING, DYNAMODB, Control
from catalog_model.deployment.creation import (
    IN_USE,
    NOT_YET,
    enable_recovery,
    enable_ttl,
    until_taken,
)
from catalog_model.deployment.deployed import NAMESPACE, dimension_of
from catalog_model.deployment.raising import await_active, set_units
from catalog_model.deployment.resources import (
    BILLING_MODES,
    STREAM_VIEWS,
    TABLE_CLASSES,
    sse_specification,
)
from catalog_model.deployment.saved_table import CLOUDWATCH, Saved, differences, read_saved
from catalog_model.deployment.settings import UnitsPerSecond
from catalog_model.dynamodb.schema import TABLE

FIRST: Final = ("protection", "billing", "units")
"""What is put back first: protection from deletion, and capacity for what follows."""


def put_back(control: Control, wanted: Saved, deadline: float) -> tuple[str, ...]:
    """Put back what a table lacks; return the names of what was changed.

    Args:
        control: The requests about the table, which is active.
        wanted: What it has to have, under its own name.
        deadline: The time, by `time.monotonic`, until which to wait for the table.

    Raises:
        ServiceError: If a change is rejected, or takes too long.
    """
    lacking = [name for name, _, _ in differences(wanted, read_saved(control))]
    lacking.sort(key=lambda name: name not in FIRST)
    for name in lacking:
        _PUT[name](control, wanted, deadline)
    return tuple(lacking)


def described_differences(control: Control, wanted: Saved) -> tuple[str, ...]:
    """Return what a table still lacks, in words."""
    return tuple(
        f"{name} is {found!r}, not {value!r}"
        for name, value, found in differences(wanted, read_saved(control), scaled=True)
    )


def set_policy(control: Control, arn: str, policy: str) -> None:
    """Replace the resource policy; "" removes it."""
    if policy:
        control.call(DYNAMODB, "PutResourcePolicy", ResourceArn=arn, Policy=policy)
    else:
        control.call(DYNAMODB, "DeleteResourcePolicy", ResourceArn=arn)


def _update(control: Control, deadline: float, **changes: Any) -> None:
    """Change the table, and wait until it is active again: DynamoDB makes one change at a time."""
    await_active(control, deadline)
    until_taken(lambda: _sent(control, changes), IN_USE, deadline)
    await_active(control, deadline)


def _sent(control: Control, changes: Mapping[str, Any]) -> None:
    control.on_table("UpdateTable", **changes)


def _protection(control: Control, wanted: Saved, deadline: float) -> None:
    _update(control, deadline, DeletionProtectionEnabled=wanted["protection"])


def _class(control: Control, wanted: Saved, deadline: float) -> None:
    _update(control, deadline, TableClass=TABLE_CLASSES[wanted["table_class"]])


def _stream(control: Control, wanted: Saved, deadline: float) -> None:
    is_on = wanted["stream"] != "off"
    viewed = {"StreamViewType": STREAM_VIEWS[wanted["stream"]]} if is_on else {}
    _update(control, deadline, StreamSpecification={"StreamEnabled": is_on, **viewed})


def _encryption(control: Control, wanted: Saved, deadline: float) -> None:
    _update(control, deadline, SSESpecification=sse_specification(wanted["encryption"]))


def _billing(control: Control, wanted: Saved, deadline: float) -> None:
    changes: dict[str, Any] = {"BillingMode": BILLING_MODES[wanted["billing"]]}
    if wanted["billing"] == "provisioned":
        names = ("ReadCapacityUnits", "WriteCapacityUnits")
        changes |= _of_parts(wanted["units"], "ProvisionedThroughput", names)
    _update(control, deadline, **changes)


def _units(control: Control, wanted: Saved, deadline: float) -> None:
    units = {where: UnitsPerSecond(*pair) for where, pair in wanted["units"].items()}
    set_units(control, units, deadline)


def _max_units(control: Control, wanted: Saved, deadline: float) -> None:
    names = ("MaxReadRequestUnits", "MaxWriteRequestUnits")
    _update(control, deadline, **_of_parts(wanted["max_units"], "OnDemandThroughput", names))


def _of_parts(
    units: Mapping[str, list[int]], parameter: str, names: tuple[str, str]
) -> dict[str, Any]:
    """Return the parameters of UpdateTable for units of the table and of each index."""
    own = {where: {parameter: dict(zip(names, pair, strict=True))} for where, pair in units.items()}
    table = own.pop(TABLE)
    indexes = [{"Update": {"IndexName": name, **each}} for name, each in own.items()]
    return {**table, "GlobalSecondaryIndexUpdates": indexes} if indexes else table


def _tags(control: Control, wanted: Saved, _: float) -> None:
    tags = [{"Key": key, "Value": value} for key, value in wanted["tags"].items()]
    if tags:
        control.call(DYNAMODB, "TagResource", ResourceArn=wanted["arn"], Tags=tags)


def _ttl(control: Control, wanted: Saved, _: float) -> None:
    if wanted["ttl"]:
        enable_ttl(control, wanted["ttl"])


def _recovery(control: Control, wanted: Saved, deadline: float) -> None:
    if wanted["recovery_days"]:
        until_taken(lambda: enable_recovery(control, wanted["recovery_days"]), NOT_YET, deadline)


def _policy(control: Control, wanted: Saved, _: float) -> None:
    set_policy(control, wanted["arn"], wanted["policy"])


def _scaling(control: Control, wanted: Saved, _: float) -> None:
    for target in wanted["scaling"]:
        about = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": target["resource"],
            "ScalableDimension": dimension_of(target["resource"], target["part"]),
        }
        suspended = {"SuspendedState": target["suspended"]} if target["suspended"] else {}
        control.call(
            AUTOSCALING,
            "RegisterScalableTarget",
            **about,
            MinCapacity=target["min"],
            MaxCapacity=target["max"],
            **suspended,
        )
        for policy in target["policies"]:
            control.call(AUTOSCALING, "PutScalingPolicy", **about, **policy)


def _alarms(control: Control, wanted: Saved, _: float) -> None:
    for alarm in wanted["alarms"]:
        control.call(CLOUDWATCH, "PutMetricAlarm", **alarm)


_PUT: Final[Mapping[str, Callable[[Control, Saved, float], None]]] = {
    "protection": _protection,
    "table_class": _class,
    "stream": _stream,
    "encryption": _encryption,
    "tags": _tags,
    "ttl": _ttl,
    "recovery_days": _recovery,
    "billing": _billing,
    "units": _units,
    "max_units": _max_units,
    "policy": _policy,
    "scaling": _scaling,
    "alarms": _alarms,
}

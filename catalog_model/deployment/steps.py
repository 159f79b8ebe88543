"""The steps from the deployed table to the declared one, in an order that DynamoDB allows.

Each step is one change with its requests, made from values that were read; nothing is sent here. An
interruption between any two requests leaves a table whose own plan leads to the same end.
"""

from collections.abc import Callable, Iterator
from typing import Final

from catalog_model.checks import counted
from catalog_model.deployment import structure
from catalog_model.deployment.change import Change, Parameters, PlanStep, Request
from catalog_model.deployment.control import DYNAMODB
from catalog_model.deployment.drift import INDEX, KEYS, STATE, changing
from catalog_model.deployment.resources import STREAM_VIEWS, TABLE_CLASSES, sse_specification
from catalog_model.dynamodb.schema import TABLE


def steps_of(change: Change) -> tuple[PlanStep, ...]:
    """Return the steps in their order; none if the keys of the table differ.

    Protection and recovery come first, for safety. Scaling ends before a table becomes on demand,
    and begins after it has units. Indexes are changed one at a time. What cannot be undone is last.
    """
    if any(each.subject == KEYS for each in change.differences):
        return ()
    return tuple(step for make in _ORDER for step in make(change))


def depends_on(step: PlanStep, earlier: PlanStep) -> bool:
    """Return whether a step cannot follow an earlier one that was rejected."""
    if (step.setting, step.where) == (earlier.setting, earlier.where):
        return True
    return step.setting in _STRUCTURE and earlier.setting in _DECISIVE


_DECISIVE: Final = ("billing", STATE)
_STRUCTURE: Final = ("billing", INDEX, "capacity", "max_units", "scaling", "warm_throughput")


def _wait(change: Change) -> Iterator[PlanStep]:
    states = changing(change.found.description)
    if states:
        listed = ", ".join(f"{where} is {state}" for where, state in states.items())
        yield PlanStep(STATE, TABLE, f"wait for changes that are in progress: {listed}")


def _protection(change: Change) -> Iterator[PlanStep]:
    if change.places("protection"):
        wanted = bool(change.settings.protection)
        text = "protect the table from deletion" if wanted else "remove the deletion protection"
        request = change.update(DeletionProtectionEnabled=wanted)
        yield PlanStep("protection", TABLE, text, (request,))


def _recovery_on(change: Change) -> Iterator[PlanStep]:
    days = change.settings.recovery_days
    if change.places("recovery_days") and days:
        text = f"set point-in-time recovery to {counted(days, 'day')}"
        yield _recovery(change, text, {"RecoveryPeriodInDays": days}, is_on=True)


def _recovery_off(change: Change) -> Iterator[PlanStep]:
    if change.places("recovery_days") and not change.settings.recovery_days:
        note = "the times that can be restored end now, also if it is switched on again"
        yield _recovery(change, "switch point-in-time recovery off", {}, note=note, is_on=False)


def _recovery(
    change: Change, text: str, days: Parameters, *, is_on: bool, note: str = ""
) -> PlanStep:
    specification = {"PointInTimeRecoveryEnabled": is_on, **days}
    parameters = {"TableName": change.table, "PointInTimeRecoverySpecification": specification}
    request = Request(DYNAMODB, "UpdateContinuousBackups", parameters)
    return PlanStep("recovery_days", TABLE, text, (request,), note)


def _stream(change: Change) -> Iterator[PlanStep]:
    if not change.places("stream"):
        return
    wanted = change.settings.stream
    if change.found.settings.stream != "off":
        request = change.update(StreamSpecification={"StreamEnabled": False})
        note = "its records stay readable for 24 hours; functions that read it are not moved"
        yield PlanStep("stream", TABLE, "switch the stream off", (request,), note)
    if wanted != "off":
        viewed = STREAM_VIEWS[str(wanted)]
        specification = {"StreamEnabled": True, "StreamViewType": viewed}
        request = change.update(StreamSpecification=specification)
        yield PlanStep("stream", TABLE, f"switch a stream of {wanted} images on", (request,))


def _class(change: Change) -> Iterator[PlanStep]:
    if change.places("table_class"):
        wanted = change.settings.table_class
        request = change.update(TableClass=TABLE_CLASSES[str(wanted)])
        note = "DynamoDB allows two such changes in 30 days"
        yield PlanStep("table_class", TABLE, f"change the class to {wanted}", (request,), note)


def _encryption(change: Change) -> Iterator[PlanStep]:
    if change.places("encryption"):
        wanted = str(change.settings.encryption)
        request = change.update(SSESpecification=sse_specification(wanted))
        yield PlanStep("encryption", TABLE, f"encrypt the table with the key {wanted}", (request,))


def _tags(change: Change) -> Iterator[PlanStep]:
    if change.places("tags"):
        there = change.found.tags or {}
        new = {k: v for k, v in (change.settings.tags or {}).items() if there.get(k) != v}
        tags = [{"Key": key, "Value": value} for key, value in new.items()]
        parameters = {"ResourceArn": change.found.arn, "Tags": tags}
        request = Request(DYNAMODB, "TagResource", parameters)
        yield PlanStep("tags", TABLE, f"set the tags {', '.join(new)}", (request,))


def _ttl(change: Change) -> Iterator[PlanStep]:
    if not change.places("ttl"):
        return
    wanted, there = change.settings.ttl, change.found.ttl
    note = "DynamoDB allows one change of TTL an hour"
    if there:
        request = _ttl_request(change, there, is_on=False)
        yield PlanStep("ttl", TABLE, f"switch the TTL by {there} off", (request,), note)
    if wanted:
        request = _ttl_request(change, wanted, is_on=True)
        yield PlanStep("ttl", TABLE, f"let items expire by {wanted}", (request,), note)


def _ttl_request(change: Change, attribute: str, *, is_on: bool) -> Request:
    specification = {"Enabled": is_on, "AttributeName": attribute}
    parameters = {"TableName": change.table, "TimeToLiveSpecification": specification}
    return Request(DYNAMODB, "UpdateTimeToLive", parameters)


_ORDER: Final[tuple[Callable[[Change], Iterator[PlanStep]], ...]] = (
    _wait,
    _protection,
    _recovery_on,
    structure.to_on_demand,
    structure.indexes,
    structure.to_provisioned,
    structure.capacity,
    structure.scaled,
    structure.limits,
    structure.warm,
    _stream,
    _class,
    _encryption,
    _tags,
    _ttl,
    _recovery_off,
)

"""What a table has in addition to its items, saved as JSON for a table that is restored.

DynamoDB restores items, keys, indexes, capacity and encryption. Everything else is left off: tags,
TTL, stream, recovery, protection, class, limits, the resource policy, scaling and alarms.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from catalog_model.deployment.control import Control, UnsupportedError
from catalog_model.deployment.deployed import (
    NOT_OFFERED,
    NOT_PERMITTED,
    PARTS,
    Deployed,
    billing_of,
    limits_of,
    read_deployed,
    units_of,
)
from catalog_model.deployment.matching import parts_of
from catalog_model.errors import AccessDeniedError

_T = TypeVar("_T")

Saved = dict[str, Any]
"""What a table has, as JSON. None stands for what could not be read."""

CLOUDWATCH: Final = "cloudwatch"
LAMBDA: Final = "lambda"

PLAIN: Final = ("protection", "table_class", "stream", "encryption", "tags", "ttl", "recovery_days")
"""The settings of the table as a whole, as `TableSettings` has them."""

COMPARED: Final = (*PLAIN, "billing", "units", "max_units", "policy", "scaling", "alarms")

OF_SCALING: Final = "TargetTracking-table/"
"""The beginning of the names of alarms that a scaling policy makes, and deletes, itself."""

FREEZE_SID: Final = "CatalogModelFreeze"

_ALARM: Final = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
)
"""The parameters of PutMetricAlarm in an answer of DescribeAlarms."""

_LONGEST_ALARM: Final = 255


def read_saved(control: Control) -> Saved:
    """Read everything that a restore leaves off.

    Costs the requests of `read_deployed` in full, a GetResourcePolicy, a DescribeAlarms for each
    100 alarms of the account, and with a stream a ListEventSourceMappings. None of them uses units.

    Raises:
        TableNotFoundError: If the table does not exist.
    """
    found = read_deployed(control, policy=True)
    unread = dict(found.unread or {})
    description = found.description
    settings = found.settings.to_json()
    parts = dict(parts_of(description))
    saved: Saved = {name: settings.get(name) for name in PLAIN}
    saved |= {
        "name": control.name,
        "arn": found.arn,
        "id": identity_of(description),
        "billing": billing_of(description),
        "units": {name: _pair(units_of(part)) for name, part in parts.items()},
        "max_units": {name: _pair(limits_of(part)) for name, part in parts.items()},
        "policy": None if found.policy is None else without_freeze(found.policy),
        "scaling": _scaling(found, control.name),
        "alarms": _tried(lambda: _alarms(control), "DescribeAlarms", unread),
        "event_sources": _tried(
            lambda: _event_sources(control, description), "ListEventSourceMappings", unread
        ),
        "replicas": [each["RegionName"] for each in description.get("Replicas", ())],
    }
    return {**saved, "unread": unread}


def identity_of(description: Mapping[str, Any]) -> str:
    """Return what distinguishes a table from a later one of the same name."""
    return str(description.get("TableId") or description.get("CreationDateTime", ""))


def moved(saved: Saved, name: str, arn: str) -> Saved:
    """Return what a table of another name has to have, to have the same."""
    old_name, old_arn = saved["name"], saved["arn"]
    policy, alarms = saved["policy"], saved["alarms"]
    return {
        **saved,
        "name": name,
        "arn": arn,
        "policy": policy and _with_arn(policy, old_arn, arn),
        "alarms": alarms and [_moved_alarm(each, old_name, name) for each in alarms],
        "scaling": saved["scaling"]
        and [_moved_target(each, old_name, name) for each in saved["scaling"]],
    }


def differences(
    wanted: Saved, found: Saved, *, scaled: bool = False
) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs: its name, the wanted value, and the value found.

    What could not be read of the first table is left out. With *scaled*, units that scale may have
    any value within their bounds.
    """
    for name in COMPARED:
        if wanted[name] is None:
            continue
        bounded = wanted if scaled else {**wanted, "scaling": None}
        first, second = (_comparable(name, each, bounded) for each in (wanted, found))
        if first != second:
            yield name, wanted[name], found[name]


def without_freeze(policy: str) -> str:
    """Return a resource policy without the statement that stops writers; "" if nothing is left."""
    if FREEZE_SID not in policy:
        return policy
    document = json.loads(policy)
    kept = [each for each in _statements(document) if each.get("Sid") != FREEZE_SID]
    return json.dumps({**document, "Statement": kept}) if kept else ""


def with_freeze(policy: str, arn: str, actions: tuple[str, ...]) -> str:
    """Return a resource policy that denies *actions* to all principals."""
    document = json.loads(policy) if policy else {"Version": "2012-10-17", "Statement": []}
    stop = {
        "Sid": FREEZE_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": [f"dynamodb:{action}" for action in actions],
        "Resource": arn,
    }
    return json.dumps({**document, "Statement": [*_statements(document), stop]})


def _statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the statements of a policy, which may have one that is not in a list."""
    found = document.get("Statement", [])
    return list(found) if isinstance(found, list) else [found]


def _comparable(name: str, of: Saved, wanted: Saved) -> Any:
    value = of[name]
    match name:
        case "policy":
            return json.loads(value) if value else value
        case "units":
            return None if wanted["billing"] == "on-demand" else _unscaled(value, wanted)
        case "max_units" if wanted["billing"] != "on-demand":
            return None
        case "alarms" | "scaling" if value is not None:
            return sorted(json.dumps(each, sort_keys=True) for each in value)
    return value


def _unscaled(units: Mapping[str, list[int]], wanted: Saved) -> list[tuple[str, str, int]]:
    """Return the units of what does not scale, or is out of its bounds."""
    bounds = {
        (each["where"], each["part"]): range(each["min"], each["max"] + 1)
        for each in wanted["scaling"] or ()
    }
    return [
        (where, part, own)
        for where, pair in sorted(units.items())
        for part, own in zip(PARTS, pair, strict=True)
        if own not in bounds.get((where, part), ())
    ]


def _pair(units: Any) -> list[int]:
    return [units.read, units.write]


def _tried(read: Callable[[], _T], operation: str, unread: dict[str, str]) -> _T | None:
    try:
        return read()
    except UnsupportedError:
        unread[operation] = NOT_OFFERED
    except AccessDeniedError:
        unread[operation] = NOT_PERMITTED
    return None


def _scaling(found: Deployed, name: str) -> list[dict[str, Any]] | None:
    """Return the targets of scaling with all their policies; None if they could not be read."""
    if found.scaling is None:
        return None if found.is_provisioned else []
    table = f"table/{name}"
    return [
        {
            "where": each.resource.partition("/index/")[2] or "table",
            "resource": each.resource,
            "part": each.part,
            "min": each.min,
            "max": each.max,
            "suspended": dict(each.definition.get("SuspendedState", {})),
            "policies": [_policy(policy) for policy in each.policies],
        }
        for each in found.scaling
        if each.resource == table or each.resource.startswith(f"{table}/")
    ]


def _policy(found: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("PolicyName", "PolicyType")
    configurations = ("TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration")
    return {name: found[name] for name in (*kept, *configurations) if name in found}


def _moved_target(target: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    resource = target["resource"].replace(f"table/{old}", f"table/{new}", 1)
    policies = [
        {**policy, "PolicyName": policy["PolicyName"].replace(target["resource"], resource)}
        for policy in target["policies"]
    ]
    return {**target, "resource": resource, "policies": policies}


def _alarms(control: Control) -> list[dict[str, Any]]:
    """Return the alarms on metrics of the table, without those of its scaling."""
    every = control.pages(CLOUDWATCH, "DescribeAlarms", "MetricAlarms")
    return [
        {name: alarm[name] for name in _ALARM if alarm.get(name) not in (None, [])}
        for alarm in every
        if _is_of(alarm, control.name) and not alarm["AlarmName"].startswith(OF_SCALING)
    ]


def _is_of(alarm: Mapping[str, Any], table: str) -> bool:
    return any(
        (each.get("Name"), each.get("Value")) == ("TableName", table)
        for dimensions in _dimensions(alarm)
        for each in dimensions
    )


def _dimensions(alarm: Mapping[str, Any]) -> Iterator[list[dict[str, str]]]:
    """Yield the dimensions of an alarm, and of each metric that it computes with."""
    yield alarm.get("Dimensions", [])
    for query in alarm.get("Metrics", ()):
        yield query.get("MetricStat", {}).get("Metric", {}).get("Dimensions", [])


def _moved_alarm(alarm: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(alarm))
    for dimensions in _dimensions(copied):
        for each in dimensions:
            if (each["Name"], each["Value"]) == ("TableName", old):
                each["Value"] = new
    name = str(alarm["AlarmName"])
    renamed = name.replace(old, new) if old in name else f"{name}--{new}"
    copied["AlarmName"] = renamed[-_LONGEST_ALARM:]
    return copied


def _event_sources(control: Control, description: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the mappings that read the table's stream, each with its function."""
    stream = description.get("LatestStreamArn")
    if not stream:
        return []
    request: dict[str, Any] = {"EventSourceArn": stream}
    listed: list[dict[str, str]] = []
    while True:
        answer = control.call(LAMBDA, "ListEventSourceMappings", **request)
        listed += [
            {"id": each.get("UUID", ""), "function": each.get("FunctionArn", "")}
            for each in answer.get("EventSourceMappings", ())
        ]
        if not answer.get("NextMarker"):
            return listed
        request["Marker"] = answer["NextMarker"]


def _with_arn(text: str, old: str, new: str) -> str:
    """Replace an ARN, but not one that only begins with it."""
    return re.sub(rf"{re.escape(old)}(?![\w.-])", lambda _: new, text)

"""Steps that change the indexes, the billing, and the units: those that depend on each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from catalog_model.checks import counted
from catalog_model.deployment import scaling
from catalog_model.deployment.change import INDEXES, Change, Parameters, PlanStep, Request
from catalog_model.deployment.control import AUTOSCALING
from catalog_model.deployment.creation import create_parameters
from catalog_model.deployment.deployed import (
    NAMESPACE,
    PARTS,
    dimension_of,
    limits_of,
    units_of,
    warm_of,
)
from catalog_model.deployment.drift import (
    INDEX,
    Shape,
    is_right,
    place_of,
    scaling_drift,
    shapes_of,
)
from catalog_model.deployment.resources import BILLING_MODES, initial_units
from catalog_model.deployment.settings import UnitsPerSecond
from catalog_model.dynamodb.schema import TABLE


def to_on_demand(change: Change) -> Iterator[PlanStep]:
    """End the scaling, then change the billing to on demand."""
    if change.billing != "on-demand":
        return
    for index in change.parts:
        yield from _without_scaling(change, index)
    request = change.update(BillingMode=BILLING_MODES["on-demand"])
    note = "DynamoDB limits the number of such changes a day"
    yield PlanStep("billing", TABLE, "change the table to on-demand billing", (request,), note)


def _without_scaling(change: Change, where: str) -> Iterator[PlanStep]:
    resource = _resource(change, where)
    targets = [each for each in change.found.scaling or () if each.resource == resource]
    if targets:
        requests = tuple(
            Request(AUTOSCALING, "DeregisterScalableTarget", _target(resource, each.part))
            for each in targets
        )
        yield PlanStep("scaling", where, f"end the scaling of {place_of(where)}", requests)


def indexes(change: Change) -> Iterator[PlanStep]:
    """Create, rebuild and delete indexes, one at a time."""
    declared = shapes_of(change.schema.declaration())
    there = shapes_of(change.found.description)
    for name in change.created:
        if there.pop(name, None) is not None:
            note = "reads of this index fail until it is created again and backfilled"
            yield _deleted(change, name, note)
        there[name] = declared[name]
        yield _created(change, name, there.values())
    for name in change.dropped:
        yield from _without_scaling(change, name)
        yield _deleted(change, name, "it is not declared")


def _deleted(change: Change, name: str, note: str) -> PlanStep:
    request = change.update(**{INDEXES: [{"Delete": {"IndexName": name}}]})
    return PlanStep(INDEX, name, f"delete index {name}", (request,), note)


def _created(change: Change, name: str, there: Iterable[Shape]) -> PlanStep:
    declared = create_parameters(change.schema, change.settings)
    index = next(each for each in declared["GlobalSecondaryIndexes"] if each["IndexName"] == name)
    index.pop("ProvisionedThroughput", None)
    note = ""
    if change.has_units:
        index.pop("OnDemandThroughput", None)
        units = _units_of_new(change, name)
        index |= _units_member(units)
        note = f"its units limit the backfill: {counted(units.write or 0, 'write')} a second"
    request = change.update(
        AttributeDefinitions=_definitions(there), **{INDEXES: [{"Create": index}]}
    )
    return PlanStep(INDEX, name, f"create index {name} and wait for its backfill", (request,), note)


def _definitions(shapes: Iterable[Shape]) -> list[dict[str, str]]:
    """Return the types of all keys, and of nothing else, which DynamoDB would reject."""
    types = {name: kind for shape in shapes for name, _role, kind in shape.keys}
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]


def _units_of_new(change: Change, name: str) -> UnitsPerSecond:
    """Return the units of a new index: those of the table, as lower ones would throttle writes.

    A rebuilt index keeps its own. Declared units and bounds take precedence.
    """
    bounds, declared = change.settings.scaling, change.settings.capacity
    there = units_of(change.parts.get(name, change.parts[TABLE]))
    if not there.write:  # dynoxide shows none of an index
        there = units_of(change.parts[TABLE])
    if bounds is None:
        return declared or there
    read, write = (
        min(max(each or 0, bounds.min), bounds.max) for each in (there.read, there.write)
    )
    return UnitsPerSecond(read, write)


def to_provisioned(change: Change) -> Iterator[PlanStep]:
    """Change the billing to provisioned, with units for the table and each index."""
    if change.billing != "provisioned":
        return
    units = initial_units(change.settings) or UnitsPerSecond(1, 1)
    indexes = _updates(dict.fromkeys([*change.kept, *change.created], _units_member(units)))
    request = change.update(
        BillingMode=BILLING_MODES["provisioned"],
        **_units_member(units),
        **({INDEXES: indexes} if indexes else {}),
    )
    text = f"change the table to provisioned billing, with {_shown(units)} and as much per index"
    yield PlanStep("billing", TABLE, text, (request,))


def capacity(change: Change) -> Iterator[PlanStep]:
    """Change fixed units of the table and of indexes, in one request."""
    units = change.settings.capacity
    places = [where for where in change.places("capacity") if where in {TABLE, *change.kept}]
    if units is None or not places:
        return
    member = _units_member(units)
    indexes = _updates({where: member for where in places if where != TABLE})
    request = change.update(
        **(member if TABLE in places else {}), **({INDEXES: indexes} if indexes else {})
    )
    note = "decreases are limited a day"
    if change.found.scaling:
        note += "; scaling is not declared, continues, and may change them"
    where = _places(places)
    yield PlanStep(
        "capacity", TABLE, f"set the units of {where} to {_shown(units)}", (request,), note
    )


def scaled(change: Change) -> Iterator[PlanStep]:
    """Register targets and put policies, without policies that contradict them."""
    wanted = change.settings.scaling
    is_new = change.billing == "provisioned"
    if wanted is None or not (is_new or change.found.is_provisioned):
        return
    if not is_new and not change.places("scaling"):
        return
    drift = scaling_drift(wanted, change.found, change.name, change.indexes.missing)
    there = {(each.resource, each.part): each for each in change.found.scaling or ()}
    for where, parts in drift.items():
        if where in change.dropped:
            continue
        resource, requests = _resource(change, where), list[Request]()
        for part in parts:
            target = there.get((resource, part))
            policies = () if target is None else target.policies
            own = scaling.policy(resource, part, wanted.target)
            bounds = {"MinCapacity": wanted.min, "MaxCapacity": wanted.max}
            requests += [
                Request(AUTOSCALING, "DeleteScalingPolicy", _policy_key(policy))
                for policy in policies
                if not is_right(policy, wanted, part)
            ]
            registered = {**_target(resource, part), **bounds}
            requests.append(Request(AUTOSCALING, "RegisterScalableTarget", registered))
            if not any(is_right(policy, wanted, part) for policy in policies):
                requests.append(Request(AUTOSCALING, "PutScalingPolicy", own))
        text = (
            f"scale {' and '.join(f'{part}s' for part in parts)} of {place_of(where)} between "
            f"{wanted.min:,} and {counted(wanted.max, 'unit')} at {wanted.target} %"
        )
        yield PlanStep("scaling", where, text, tuple(requests))


def limits(change: Change) -> Iterator[PlanStep]:
    """Change the limits of on-demand units."""
    yield from _figures(
        change,
        "max_units",
        "OnDemandThroughput",
        limits_of,
        ("MaxReadRequestUnits", "MaxWriteRequestUnits"),
        "set the limits of on-demand units",
    )


def warm(change: Change) -> Iterator[PlanStep]:
    """Raise the warm throughput."""
    yield from _figures(
        change,
        "warm_throughput",
        "WarmThroughput",
        lambda own: warm_of(own) or UnitsPerSecond(),
        ("ReadUnitsPerSecond", "WriteUnitsPerSecond"),
        "raise the warm throughput",
        "it is charged once, and cannot be lowered",
    )


def _figures(
    change: Change,
    setting: str,
    member: str,
    read: Callable[[Parameters], UnitsPerSecond],
    names: tuple[str, str],
    text: str,
    note: str = "",
) -> Iterator[PlanStep]:
    """Yield a step for the table and one for the indexes: a part that is not declared stays."""
    wanted: UnitsPerSecond | None = getattr(change.settings, setting)
    if wanted is None:
        return
    members = {}
    for where in change.places(setting):
        if where in {TABLE, *change.kept}:
            there = read(change.parts[where])
            parts = zip(names, _merged(setting, wanted, there), strict=True)
            members[where] = {member: {n: units for n, units in parts if units is not None}}
    if TABLE in members:
        request = change.update(**members.pop(TABLE))
        yield PlanStep(setting, TABLE, f"{text} of the table", (request,), note)
    if members:
        request = change.update(**{INDEXES: _updates(members)})
        place = f"{text} of {_places(list(members))}"
        yield PlanStep(setting, next(iter(members)), place, (request,), note)


def _merged(setting: str, wanted: UnitsPerSecond, there: UnitsPerSecond) -> Iterator[int | None]:
    for part in PARTS:
        new, old = getattr(wanted, part), getattr(there, part)
        if setting == "warm_throughput" and None not in (new, old):
            yield max(new, old)
        else:
            yield old if new is None else new


def _resource(change: Change, where: str) -> str:
    table = f"table/{change.name}"
    return table if where == TABLE else f"{table}/index/{where}"


def _target(resource: str, part: Any) -> dict[str, Any]:
    return {
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": dimension_of(resource, part),
    }


def _policy_key(policy: Mapping[str, Any]) -> dict[str, Any]:
    names = ("PolicyName", "ServiceNamespace", "ResourceId", "ScalableDimension")
    return {name: policy[name] for name in names}


def _throughput(units: UnitsPerSecond) -> dict[str, Any]:
    return {"ReadCapacityUnits": units.read, "WriteCapacityUnits": units.write}


def _units_member(units: UnitsPerSecond) -> dict[str, Any]:
    return {"ProvisionedThroughput": _throughput(units)}


def _updates(members: Mapping[str, Parameters]) -> list[dict[str, Any]]:
    return [{"Update": {"IndexName": name, **own}} for name, own in members.items()]


def _shown(units: UnitsPerSecond) -> str:
    return f"{counted(units.read or 0, 'read')} and {counted(units.write or 0, 'write')} a second"


def _places(where: list[str]) -> str:
    return ", ".join(map(place_of, where))

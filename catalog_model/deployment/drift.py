"""Where a deployed table differs from the declared one: keys, indexes, settings, scaling.

Compares values that were read; sends nothing. What is not declared is not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.checks import counted
from catalog_model.deployment.deployed import (
    ACTIVE,
    PARTS,
    Deployed,
    Part,
    ScalableTarget,
    metric_of,
    resources_of,
)
from catalog_model.deployment.matching import NOT_SHOWN, departures
from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.dynamodb.schema import TABLE, TableSchema

KEYS: Final = "keys"
INDEX: Final = "index"
STATE: Final = "state"
DELETING: Final = "DELETING"

NEEDS_NEW_TABLE: Final = "the keys of a table cannot be changed: this needs a new table"
NEEDS_REBUILD: Final = (
    "an index cannot be changed in place: create one with a new name, or allow a rebuild, "
    "during which reads of this index fail"
)
APPLY: Final = "`catalog-model plan` shows the steps to change it, `catalog-model apply` runs them"
ONLY_ON_DEMAND: Final = "only a table on demand has limits"

READ_BY: Final = {
    "recovery_days": "DescribeContinuousBackups",
    "scaling": "DescribeScalableTargets",
    "tags": "ListTagsOfResource",
    "ttl": "DescribeTimeToLive",
}
"""The operations that read the settings which DescribeTable leaves out."""


@dataclass(frozen=True, slots=True)
class PlanDifference:
    """A difference between the declared and the deployed table.

    ``subject`` is the name of a setting in `TableSettings`, ``keys``, ``index``, or ``state`` for a
    change that is in progress. ``where`` is ``table``, or the name of an index. ``left`` is the
    reason if it is not changed; empty if it is.
    """

    subject: str
    where: str
    text: str
    left: str = ""

    def __str__(self) -> str:
        return self.described()

    def described(self, text: str = "") -> str:
        """Return a text about it, or its own, with the reason why it is left."""
        text = text or self.text
        return f"{text} ({self.left})" if self.left else text


def in_words(found: Iterable[PlanDifference]) -> tuple[str, ...]:
    """Describe differences: those that the table and indexes have in common, as one."""
    alike: dict[tuple[str, str], list[PlanDifference]] = {}
    for each in found:
        alike.setdefault((each.text.replace(f" of index {each.where}", ""), each.left), []).append(
            each
        )
    return tuple(
        str(own[0]) if len(own) == 1 else own[0].described(_in_common(text, own))
        for (text, _left), own in alike.items()
    )


def _in_common(text: str, found: list[PlanDifference]) -> str:
    subject, verb, rest = text.partition(" is ")
    indexes = sum(1 for each in found if each.where != TABLE)
    places = ["the table"] * (indexes < len(found)) + [
        "1 index" if indexes == 1 else f"{indexes} indexes"
    ]
    return f"{subject} of {' and '.join(places)}{verb}{rest}"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be done to indexes: to delete undeclared ones, to delete and create again."""

    drop_surplus: bool = False
    rebuild: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of a table or an index, each with its type, and the projected attributes.

    ``projected`` is None if all are.
    """

    keys: tuple[tuple[str, str, str], ...]
    projected: frozenset[str] | None = None

    def serves(self, wanted: Shape) -> bool:
        """Return whether a query of *wanted* is answered: the same keys, enough attributes."""
        return self.keys == wanted.keys and (
            self.projected is None
            or (wanted.projected is not None and wanted.projected <= self.projected)
        )

    def __str__(self) -> str:
        keys = ", ".join(f"{name} ({kind} {role})" for name, role, kind in self.keys)
        if self.projected is None:
            return f"{keys} with all attributes"
        return f"{keys} with {', '.join(sorted(self.projected)) or 'keys only'}"


@dataclass(frozen=True, slots=True)
class IndexDrift:
    """The indexes that are missing, of another shape, wider than declared, and undeclared."""

    missing: tuple[str, ...]
    other: Mapping[str, str]
    wider: tuple[str, ...]
    surplus: tuple[str, ...]


def shapes_of(description: Mapping[str, Any]) -> dict[str, Shape]:
    """Return the shapes of the table and its indexes, as declared or described.

    An index that is being deleted is left out.
    """
    types = _types(description.get("AttributeDefinitions", []))
    shapes = {TABLE: Shape(_keys(description.get("KeySchema", []), types))}
    for index in description.get("GlobalSecondaryIndexes", []):
        if index.get("IndexStatus") != DELETING:
            shape = _shape(index["KeySchema"], index.get("Projection", {}), types)
            shapes[index["IndexName"]] = shape
    return shapes


def index_drift(schema: TableSchema, description: Mapping[str, Any]) -> IndexDrift:
    """Compare the indexes."""
    wanted, found = shapes_of(schema.declaration()), shapes_of(description)
    del wanted[TABLE], found[TABLE]
    there = {name: shape for name, shape in wanted.items() if name in found}
    return IndexDrift(
        missing=tuple(name for name in wanted if name not in found),
        other={
            name: f"index {name} has {found[name]}, not {shape}"
            for name, shape in there.items()
            if not found[name].serves(shape)
        },
        wider=tuple(
            name
            for name, shape in there.items()
            if found[name].serves(shape) and found[name] != shape
        ),
        surplus=tuple(name for name in found if name not in wanted),
    )


def surplus_notes(schema: TableSchema, description: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the table has in addition to the declared indexes; it costs, and does no harm."""
    indexes = index_drift(schema, description)
    shapes = shapes_of(description)
    return (
        *(f"index {name} is not declared" for name in indexes.surplus),
        *(f"index {name} projects more than declared: {shapes[name]}" for name in indexes.wider),
    )


def differences(
    schema: TableSchema, settings: TableSettings, found: Deployed, name: str, allowed: Allowed
) -> tuple[PlanDifference, ...]:
    """Return all differences, in the order of keys, state, indexes and settings.

    Args:
        schema: The declared keys and indexes.
        settings: The declared settings.
        found: The table as it is deployed, in full if settings are declared.
        name: The name of the table.
        allowed: What may be done to indexes.
    """
    return (
        *_of_keys(schema, found.description),
        *_of_state(found),
        *_of_indexes(schema, found.description, allowed),
        *_of_settings(settings, found, name),
        *_of_scaling(schema, settings, found, name),
    )


def mismatches(schema: TableSchema, description: Mapping[str, Any]) -> tuple[PlanDifference, ...]:
    """Return the differences in keys and indexes: with any, the table is not of this model."""
    return (*_of_keys(schema, description), *_of_indexes(schema, description, Allowed()))


def remedy(found: Iterable[PlanDifference]) -> str:
    """Return the next step for a table with these mismatches; empty for none."""
    subjects = {each.subject for each in found}
    if KEYS in subjects:
        return NEEDS_NEW_TABLE
    return APPLY if subjects else ""


def changing(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the states of what is not active: the table, or an index."""
    states = {TABLE: description.get("TableStatus", ACTIVE)}
    for index in description.get("GlobalSecondaryIndexes", []):
        state = index.get("IndexStatus", ACTIVE)
        states[index["IndexName"]] = f"{state}, backfilling" if index.get("Backfilling") else state
    return {where: state for where, state in states.items() if state != ACTIVE}


def _of_keys(schema: TableSchema, description: Mapping[str, Any]) -> Iterator[PlanDifference]:
    wanted = shapes_of(schema.declaration())[TABLE].keys
    there = shapes_of(description)[TABLE].keys
    if there != wanted:
        text = f"the keys are {_listed(there)}, not {_listed(wanted)}"
        yield PlanDifference(KEYS, TABLE, text, NEEDS_NEW_TABLE)


def _of_state(found: Deployed) -> Iterator[PlanDifference]:
    for where, state in changing(found.description).items():
        yield PlanDifference(STATE, where, f"{place_of(where)} is {state}")


def _of_indexes(
    schema: TableSchema, description: Mapping[str, Any], allowed: Allowed
) -> Iterator[PlanDifference]:
    drift = index_drift(schema, description)
    for name in drift.missing:
        yield PlanDifference(INDEX, name, f"index {name} is missing")
    for name, text in drift.other.items():
        yield PlanDifference(INDEX, name, text, "" if allowed.rebuild else NEEDS_REBUILD)
    for name in drift.surplus if allowed.drop_surplus else ():
        yield PlanDifference(INDEX, name, f"index {name} is not declared")


def _of_settings(settings: TableSettings, found: Deployed, name: str) -> Iterator[PlanDifference]:
    for each in departures(settings, found, name):
        if each.setting == "scaling":
            continue  # compared here in more detail
        left = "" if each.found is not None else _unread(each.setting, found)
        if each.setting == "billing" and settings.scaling is not None:
            left = _not_offered("scaling", found)
        if each.setting == "max_units" and _stays_provisioned(settings, found):
            left = ONLY_ON_DEMAND
        text = str(each).replace(f" is {NOT_SHOWN}", " is unknown")
        yield PlanDifference(each.setting, each.where, text, left)


def _stays_provisioned(settings: TableSettings, found: Deployed) -> bool:
    return found.is_provisioned and settings.billing != "on-demand"


def _unread(setting: str, found: Deployed) -> str:
    return _not_offered(setting, found) or NOT_SHOWN


def _not_offered(setting: str, found: Deployed) -> str:
    operation = READ_BY.get(setting, "")
    reason = (found.unread or {}).get(operation)
    return f"{operation} is {reason}" if reason else ""


def _of_scaling(
    schema: TableSchema, settings: TableSettings, found: Deployed, name: str
) -> Iterator[PlanDifference]:
    wanted = settings.scaling
    if wanted is None:
        return
    left = _not_offered("scaling", found)
    if left:
        yield PlanDifference("scaling", TABLE, f"scaling is unknown, not {_bounds(wanted)}", left)
        return
    if not found.is_provisioned:
        return  # the billing is the difference
    missing = index_drift(schema, found.description).missing
    for where, parts in scaling_drift(wanted, found, name, missing).items():
        for part, text in parts.items():
            place = "" if where == TABLE else f" of index {where}"
            yield PlanDifference(
                "scaling", where, f"{part} scaling{place} is {text}, not {_bounds(wanted)}"
            )


def scaling_drift(
    wanted: Scaling, found: Deployed, name: str, missing: Iterable[str]
) -> dict[str, dict[Part, str]]:
    """Return the scaling that differs: by table or index, the part and what it has, in words.

    Indexes that are missing, and will be created, have none.
    """
    resources = resources_of(found.description, name)
    resources |= {index: f"table/{name}/index/{index}" for index in missing}
    there = {(each.resource, each.part): each for each in found.scaling or ()}
    drift = {
        where: {
            part: text
            for part in PARTS
            if (text := target_drift(wanted, there.get((resource, part)), part))
        }
        for where, resource in resources.items()
    }
    return {where: parts for where, parts in drift.items() if parts}


def target_drift(wanted: Scaling, target: ScalableTarget | None, part: Part) -> str:
    """Return what a target of scaling has, in words; empty if it is as declared."""
    if target is None:
        return "none"
    right = [policy for policy in target.policies if is_right(policy, wanted, part)]
    bounds = (target.min, target.max) == (wanted.min, wanted.max)
    if bounds and len(right) == len(target.policies) == 1:
        return ""
    policies = [_policy_text(policy) for policy in target.policies]
    bounds_found = f"{target.min:,} to {counted(target.max, 'unit')}"
    return f"{bounds_found} {' and '.join(policies) or 'without a policy'}"


def is_right(policy: Mapping[str, Any], wanted: Scaling, part: Part) -> bool:
    """Return whether a policy tracks the declared utilization of its own reads or writes."""
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    return (tracking.get("TargetValue"), metric) == (wanted.target, metric_of(part))


def _policy_text(policy: Mapping[str, Any]) -> str:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if tracking is None:
        return f"by policy {policy.get('PolicyName')}"
    metric = tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType")
    return f"at {tracking.get('TargetValue', 0):g} % of {metric or 'a metric of its own'}"


def _bounds(wanted: Scaling) -> str:
    return f"{wanted.min:,} to {counted(wanted.max, 'unit')} at {wanted.target} % of its own metric"


def place_of(where: str) -> str:
    """Return the table or an index in words."""
    return "the table" if where == TABLE else f"index {where}"


def _types(definitions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {each["AttributeName"]: each["AttributeType"] for each in definitions}


def _keys(
    key_schema: Iterable[Mapping[str, str]], types: Mapping[str, str]
) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (each["AttributeName"], each["KeyType"], types.get(each["AttributeName"], "?"))
        for each in key_schema
    )


def _shape(
    key_schema: Iterable[Mapping[str, str]], projection: Mapping[str, Any], types: Mapping[str, str]
) -> Shape:
    is_all = projection.get("ProjectionType") == "ALL"
    return Shape(
        _keys(key_schema, types),
        None if is_all else frozenset(projection.get("NonKeyAttributes", ())),
    )


def _listed(keys: Iterable[tuple[str, str, str]]) -> str:
    return ", ".join(f"{name} ({kind} {role})" for name, role, kind in keys)

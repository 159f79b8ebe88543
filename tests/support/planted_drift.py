"""Drift for tests: changes of a deployed table that its declaration does not know of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog_model.deployment import scaling
from catalog_model.deployment.control import AUTOSCALING, Control
from catalog_model.deployment.deployed import dimension_of
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.table.indexes import SCHEMA

SCALED = TableSettings(scaling=Scaling(1, 10))
FIXED = TableSettings(capacity=UnitsPerSecond(3, 2))
ON_DEMAND = TableSettings(billing="on-demand")

Plant = Callable[[Control], object]


@dataclass(frozen=True)
class Drift:
    """A kind of drift: the declaration, the change that is planted, and what must be found.

    ``found`` has the subject and the place of each difference. ``engines`` are those that know it,
    ``allowed`` what a plan needs to correct it.
    """

    declared: TableSettings
    plant: Plant
    found: str
    engines: tuple[str, ...] = ("moto", "dynoxide")
    allowed: tuple[str, ...] = ()


def update(**parameters: Any) -> Plant:
    """Return a plant of one UpdateTable."""
    return lambda control: control.on_table("UpdateTable", **parameters)


def deleted(name: str) -> Plant:
    """Return a plant that deletes an index."""
    return update(GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": name}}])


def replaced(name: str, kind: str = "S", **index: Any) -> Plant:
    """Return a plant that replaces an index, or adds one, with the type of its sort key."""

    def plant(control: Control) -> None:
        there = control.describe()["GlobalSecondaryIndexes"]
        own: dict[str, Any] = next((each for each in there if each["IndexName"] == name), there[0])
        new = {part: own[part] for part in ("KeySchema", "Projection")} | index
        if name in [each["IndexName"] for each in there]:
            deleted(name)(control)
        sort_key = new["KeySchema"][1]["AttributeName"]
        declared = SCHEMA.declaration()["AttributeDefinitions"]
        definitions = {each["AttributeName"]: each["AttributeType"] for each in declared}
        definitions[sort_key] = kind
        create = {"Create": {"IndexName": name, **new}}
        control.on_table(
            "UpdateTable",
            AttributeDefinitions=[
                {"AttributeName": each, "AttributeType": own} for each, own in definitions.items()
            ],
            GlobalSecondaryIndexUpdates=[create],
        )

    return plant


def units(name: str) -> Plant:
    """Return a plant that changes the units of an index."""
    throughput = {"ReadCapacityUnits": 9, "WriteCapacityUnits": 2}
    changed = {"IndexName": name, "ProvisionedThroughput": throughput}
    return update(GlobalSecondaryIndexUpdates=[{"Update": changed}])


def bounds(index: str, low: int, high: int) -> Plant:
    """Return a plant that changes the bounds of the reads of an index."""
    return lambda control: scaling.register(
        control, f"table/{control.name}/index/{index}", "read", low, high
    )


def policy(metric: str, target: float, name: str = "") -> Plant:
    """Return a plant of a policy for the writes of the table; under its own name, or another."""

    def plant(control: Control) -> None:
        right = scaling.policy(f"table/{control.name}", "write", 70)
        tracking = {
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "TargetValue": target,
        }
        wrong = {**right, "TargetTrackingScalingPolicyConfiguration": tracking}
        control.call(
            AUTOSCALING, "PutScalingPolicy", **(wrong | ({"PolicyName": name} if name else {}))
        )

    return plant


def without_target(*, policy_only: bool = False) -> Plant:
    """Return a plant that removes the target of the table's writes, or only its policy."""

    def plant(control: Control) -> None:
        resource = f"table/{control.name}"
        key = {
            "ServiceNamespace": "dynamodb",
            "ResourceId": resource,
            "ScalableDimension": dimension_of(resource, "write"),
        }
        if policy_only:
            name = scaling.policy_name(resource, "write")
            control.call(AUTOSCALING, "DeleteScalingPolicy", PolicyName=name, **key)
        else:
            control.call(AUTOSCALING, "DeregisterScalableTarget", **key)

    return plant


def recovery(*, is_on: bool = True, **more: int) -> Plant:
    """Return a plant of point-in-time recovery."""
    specification = {"PointInTimeRecoveryEnabled": is_on, **more}
    return lambda control: control.on_table(
        "UpdateContinuousBackups", PointInTimeRecoverySpecification=specification
    )


def stream(view: str = "") -> Plant:
    """Return a plant of a stream with a view, or of none."""
    enabled = {"StreamEnabled": True, "StreamViewType": view}
    return update(StreamSpecification=enabled if view else {"StreamEnabled": False})


def ttl(attribute: str, *, is_on: bool = True) -> Plant:
    """Return a plant of TTL."""
    return lambda control: control.on_table(
        "UpdateTimeToLive", TimeToLiveSpecification={"Enabled": is_on, "AttributeName": attribute}
    )


def tags(*removed: str, **added: str) -> Plant:
    """Return a plant that removes tags, and sets others."""

    def plant(control: Control) -> None:
        arn = control.describe()["TableArn"]
        new = [{"Key": key, "Value": value} for key, value in added.items()]
        if removed:
            control.call("dynamodb", "UntagResource", ResourceArn=arn, TagKeys=list(removed))
        if new:
            control.call("dynamodb", "TagResource", ResourceArn=arn, Tags=new)

    return plant


def both(*plants: Plant) -> Plant:
    """Return several plants, one after another."""
    return lambda control: [plant(control) for plant in plants]


_READ, _WRITE = "DynamoDBReadCapacityUtilization", "DynamoDBWriteCapacityUtilization"
_KEYS = [
    {"AttributeName": "_list", "KeyType": "HASH"},
    {"AttributeName": "_name", "KeyType": "RANGE"},
]
_ONE = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
_NINE = {"ReadCapacityUnits": 9, "WriteCapacityUnits": 9}
_PROVISIONED = update(
    BillingMode="PROVISIONED",
    ProvisionedThroughput=_ONE,
    GlobalSecondaryIndexUpdates=[
        {"Update": {"IndexName": name, "ProvisionedThroughput": _ONE}}
        for name in ("by_popularity", "by_rating", "by_release", "by_name")
    ],
)
_NONE, _EXPIRING = TableSettings(), TableSettings(ttl="expires")
_RECOVERABLE, _TEAM = TableSettings(recovery_days=7), TableSettings(tags={"team": "films"})
_MOTO, _DYNOXIDE, _EACH = ("moto",), ("dynoxide",), ("moto", "dynoxide")
_KEYS_ONLY = {"ProjectionType": "KEYS_ONLY"}
_REBUILD = ("rebuild",)

KINDS: dict[str, Drift] = {
    "an index is missing": Drift(_NONE, deleted("by_name"), "index by_name"),
    "two indexes are missing": Drift(
        _NONE, both(deleted("by_name"), deleted("by_rating")), "index by_rating, index by_name"
    ),
    "an index has other keys": Drift(
        _NONE, replaced("by_release", KeySchema=_KEYS), "index by_release", _EACH, _REBUILD
    ),
    "an index has a key of another type": Drift(
        _NONE, replaced("by_release", "N"), "index by_release", _EACH, _REBUILD
    ),
    "an index projects too little": Drift(
        _NONE, replaced("by_rating", Projection=_KEYS_ONLY), "index by_rating", _EACH, _REBUILD
    ),
    "an index is not declared": Drift(
        _NONE, replaced("by_chance"), "index by_chance", _EACH, ("drop_surplus",)
    ),
    "provisioned, not on demand": Drift(ON_DEMAND, _PROVISIONED, "billing table"),
    "on demand, not provisioned": Drift(
        FIXED, update(BillingMode="PAY_PER_REQUEST"), "billing table"
    ),
    "on demand, not scaled": Drift(
        SCALED, update(BillingMode="PAY_PER_REQUEST"), "billing table", _MOTO
    ),
    "other units of the table": Drift(FIXED, update(ProvisionedThroughput=_NINE), "capacity table"),
    "other units of an index": Drift(FIXED, units("by_name"), "capacity by_name", _MOTO),
    "other bounds of an index": Drift(
        SCALED, bounds("by_rating", 2, 99), "scaling by_rating", _MOTO
    ),
    "no target": Drift(SCALED, without_target(), "scaling table", _MOTO),
    "no policy": Drift(SCALED, without_target(policy_only=True), "scaling table", _MOTO),
    "the metric of reads for writes": Drift(SCALED, policy(_READ, 70), "scaling table", _MOTO),
    "a target of 170 per cent": Drift(SCALED, policy(_WRITE, 170), "scaling table", _MOTO),
    "a second policy": Drift(SCALED, policy(_WRITE, 30, "second"), "scaling table", _MOTO),
    "an index without units and scaling": Drift(SCALED, deleted("by_name"), "index by_name", _MOTO),
    "no recovery": Drift(_RECOVERABLE, recovery(is_on=False), "recovery_days table", _MOTO),
    "recovery for more days": Drift(
        _RECOVERABLE, recovery(RecoveryPeriodInDays=35), "recovery_days table", _MOTO
    ),
    "recovery that is declared off": Drift(
        TableSettings(recovery_days=0), recovery(), "recovery_days table", _MOTO
    ),
    "no TTL": Drift(_EXPIRING, ttl("expires", is_on=False), "ttl table"),
    "TTL by another attribute": Drift(
        _EXPIRING, both(ttl("expires", is_on=False), ttl("ends")), "ttl table"
    ),
    "TTL that is declared off": Drift(TableSettings(ttl=""), ttl("ends"), "ttl table"),
    "no stream": Drift(TableSettings(stream="new"), stream(), "stream table", _DYNOXIDE),
    "a stream that is declared off": Drift(
        TableSettings(stream="off"), stream("KEYS_ONLY"), "stream table"
    ),
    "a stream of other images": Drift(
        TableSettings(stream="new-and-old"),
        both(stream(), stream("KEYS_ONLY")),
        "stream table",
        _DYNOXIDE,
    ),
    "a tag is missing": Drift(
        TableSettings(tags={"team": "films", "cost": "7"}), tags("team"), "tags table"
    ),
    "a tag has another value": Drift(_TEAM, tags(team="tv", other="x"), "tags table"),
    "no protection": Drift(
        TableSettings(protection=True), update(DeletionProtectionEnabled=False), "protection table"
    ),
    "protection that is declared off": Drift(
        TableSettings(protection=False), update(DeletionProtectionEnabled=True), "protection table"
    ),
    "another class": Drift(
        TableSettings(table_class="standard"),
        update(TableClass="STANDARD_INFREQUENT_ACCESS"),
        "table_class table",
        _DYNOXIDE,
    ),
}
"""The kinds of drift, on the engines that know the setting and show it."""

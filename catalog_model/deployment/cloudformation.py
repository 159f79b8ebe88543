"""CloudFormation templates of a table: as a table, or as a global table with one replica.

Pure; no requests are sent. A setting that is not declared is left to CloudFormation's default.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from catalog_model.checks import check_choice
from catalog_model.deployment.deployed import NAMESPACE
from catalog_model.deployment.resources import (
    SCALED_POLICY,
    STREAM_VIEWS,
    TABLE_CLASSES,
    ScaledUnits,
    encryption,
    initial_units,
    limits,
    scaled_units,
    scaling_for_replicas,
    warm_units,
)
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.dynamodb.schema import TableSchema

Kind = Literal["table", "global"]
KINDS: Final[tuple[Kind, ...]] = ("table", "global")

TABLE_ID: Final = "Table"
"""The logical id of the table."""


def cloudformation(
    schema: TableSchema, table: str, settings: TableSettings, *, kind: Kind = "table"
) -> dict[str, Any]:
    """Return a template that creates the table, with its scaling.

    The name is a parameter of the stack, *table* by default. Deleting the stack keeps the table. A
    ``global`` table is one resource with its scaling inside and one replica, in the stack's region,
    to which others can be added; a ``table`` has a target and a policy of scaling for the reads and
    the writes of the table and of each index.

    Args:
        schema: Keys and indexes.
        table: Name of the table.
        settings: Settings of the table.
        kind: ``table`` or ``global``.

    Raises:
        InvalidArgumentError: If *kind* is unknown, or a global table has fixed capacity.

    >>> from catalog_model.deployment.settings import Scaling, TableSettings
    >>> from catalog_model.table.indexes import SCHEMA
    >>> template = cloudformation(SCHEMA, "films", TableSettings(scaling=Scaling(1, 10)))
    >>> sorted(template["Resources"])[:3]
    ['ByNameReadPolicy', 'ByNameReadTarget', 'ByNameWritePolicy']
    """
    check_choice(kind, "kind", KINDS)
    resource = _global_table if kind == "global" else _table
    resources: dict[str, Any] = {
        TABLE_ID: {
            "Type": "AWS::DynamoDB::GlobalTable" if kind == "global" else "AWS::DynamoDB::Table",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": resource(schema, settings),
        }
    }
    if settings.scaling and kind == "table":
        for units in scaled_units(schema):
            resources |= _scaling(units, settings.scaling)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "One table for movies, TV shows and genre memberships",
        "Parameters": {
            "TableName": {
                "Type": "String",
                "Default": table,
                "AllowedPattern": "[a-zA-Z0-9_.-]{3,255}",
                "Description": "Name of the table",
            }
        },
        "Resources": resources,
        "Outputs": _outputs(settings),
    }


def _table(schema: TableSchema, settings: TableSettings) -> dict[str, Any]:
    declared = schema.declaration()
    units = _throughput(initial_units(settings))
    own = {"OnDemandThroughput": limits(settings), "WarmThroughput": warm_units(settings)}
    indexes = [
        _filled({**index, "ProvisionedThroughput": units, **own})
        for index in declared["GlobalSecondaryIndexes"]
    ]
    return _filled(
        {
            **declared,
            "TableName": {"Ref": "TableName"},
            "GlobalSecondaryIndexes": indexes,
            "BillingMode": _billing(settings),
            "ProvisionedThroughput": units,
            **own,
            **_replicated(settings),
            "StreamSpecification": _stream(settings),
            "SSESpecification": _encryption(settings),
            "TimeToLiveSpecification": _ttl(settings),
        }
    )


def _global_table(schema: TableSchema, settings: TableSettings) -> dict[str, Any]:
    declared = schema.declaration()
    scaling = scaling_for_replicas(settings)
    most = limits(settings)
    writes = _only(most, "MaxWriteRequestUnits")
    reads = _only(most, "MaxReadRequestUnits")
    own_writes = {
        "WriteProvisionedThroughputSettings": _scaled("Write", scaling),
        "WriteOnDemandThroughputSettings": writes,
        "WarmThroughput": warm_units(settings),
    }
    own_reads = {
        "ReadProvisionedThroughputSettings": _scaled("Read", scaling),
        "ReadOnDemandThroughputSettings": reads,
    }
    sse = _encryption(settings)
    own_key = {"KMSMasterKeyId": sse.pop("KMSMasterKeyId")} if "KMSMasterKeyId" in sse else {}
    replica = {
        "Region": {"Ref": "AWS::Region"},
        **own_reads,
        **_replicated(settings),
        "SSESpecification": own_key,
        "GlobalSecondaryIndexes": [
            _filled({"IndexName": index, **own_reads}) for index in schema.indexes
        ]
        if _filled(own_reads)
        else [],
    }
    return _filled(
        {
            **declared,
            "TableName": {"Ref": "TableName"},
            "GlobalSecondaryIndexes": [
                _filled({**index, **own_writes}) for index in declared["GlobalSecondaryIndexes"]
            ],
            "BillingMode": _billing(settings),
            **own_writes,
            "StreamSpecification": _stream(settings),
            "SSESpecification": sse,
            "TimeToLiveSpecification": _ttl(settings),
            "Replicas": [_filled(replica)],
        }
    )


def _replicated(settings: TableSettings) -> dict[str, Any]:
    """Return the settings that a global table has for each replica."""
    return {
        "PointInTimeRecoverySpecification": _recovery(settings),
        "DeletionProtectionEnabled": settings.protection,
        "TableClass": settings.table_class and TABLE_CLASSES[settings.table_class],
        "Tags": [{"Key": key, "Value": value} for key, value in (settings.tags or {}).items()],
    }


def _recovery(settings: TableSettings) -> dict[str, Any]:
    days = settings.recovery_days
    if days is None:
        return {}
    enabled = {"PointInTimeRecoveryEnabled": bool(days)}
    return {**enabled, "RecoveryPeriodInDays": days} if days else enabled


def _billing(settings: TableSettings) -> str:
    return "PROVISIONED" if settings.billing == "provisioned" else "PAY_PER_REQUEST"


def _throughput(units: UnitsPerSecond | None) -> dict[str, int | None]:
    return {"ReadCapacityUnits": units.read, "WriteCapacityUnits": units.write} if units else {}


def _encryption(settings: TableSettings) -> dict[str, Any]:
    """Return the encryption; CloudFormation has a name of its own for its switch."""
    renamed = {"Enabled": "SSEEnabled"}
    return {renamed.get(name, name): value for name, value in encryption(settings).items()}


def _stream(settings: TableSettings) -> dict[str, str]:
    view = STREAM_VIEWS.get(settings.stream or "off")
    return {"StreamViewType": view} if view else {}


def _ttl(settings: TableSettings) -> dict[str, Any]:
    return {"AttributeName": settings.ttl, "Enabled": True} if settings.ttl else {}


def _scaled(direction: str, scaling: Scaling | None) -> dict[str, Any]:
    """Return the scaling of a global table's reads or writes."""
    if scaling is None:
        return {}
    return {
        f"{direction}CapacityAutoScalingSettings": {
            "MinCapacity": scaling.min,
            "MaxCapacity": scaling.max,
            "TargetTrackingScalingPolicyConfiguration": {"TargetValue": scaling.target},
        }
    }


def _scaling(units: ScaledUnits, scaling: Scaling) -> dict[str, Any]:
    """Return the target and the policy of some units, under their logical ids."""
    place = "".join(word.title() for word in (units.index or "table").split("_"))
    name = f"{place}{units.part.title()}"
    return {
        f"{name}Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ServiceNamespace": NAMESPACE,
                "ResourceId": {"Fn::Sub": units.resource_id(f"${{{TABLE_ID}}}")},
                "ScalableDimension": units.dimension,
                "MinCapacity": scaling.min,
                "MaxCapacity": scaling.max,
            },
        },
        f"{name}Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {
                "PolicyName": {"Fn::Sub": f"${{{TABLE_ID}}}-{name}"},
                "PolicyType": SCALED_POLICY,
                "ScalingTargetId": {"Ref": f"{name}Target"},
                "TargetTrackingScalingPolicyConfiguration": {
                    "PredefinedMetricSpecification": {"PredefinedMetricType": units.metric},
                    "TargetValue": scaling.target,
                },
            },
        },
    }


def _outputs(settings: TableSettings) -> dict[str, Any]:
    arn = {"Fn::GetAtt": [TABLE_ID, "Arn"]}
    outputs = {"TableName": {"Value": {"Ref": TABLE_ID}}, "TableArn": {"Value": arn}}
    if _stream(settings):
        outputs["StreamArn"] = {"Value": {"Fn::GetAtt": [TABLE_ID, "StreamArn"]}}
    return outputs


def _only(units: Mapping[str, int], name: str) -> dict[str, int]:
    return {name: units[name]} if name in units else {}


def _filled(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that have a value."""
    return {name: value for name, value in properties.items() if value not in (None, {}, [], "")}

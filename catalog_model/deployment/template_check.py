"""A check for mistakes in a CloudFormation template that CloudFormation and its linter let pass.

They are found by DynamoDB or Application Auto Scaling when the stack is created, or never.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from catalog_model.dynamodb.limits import MAX_INDEXES

TABLE_TYPE: Final = "AWS::DynamoDB::Table"
TARGET_TYPE: Final = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY_TYPE: Final = "AWS::ApplicationAutoScaling::ScalingPolicy"

_Resources = Mapping[str, Mapping[str, Any]]


def mistakes_in(template: Mapping[str, Any]) -> list[str]:
    """Return the mistakes in a template, each beginning with the logical id of its resource.

    >>> target = {"MinCapacity": 9, "MaxCapacity": 3, "ResourceId": "table/films"}
    >>> mistakes_in({"Resources": {"T": {"Type": TARGET_TYPE, "Properties": target}}})
    ['T: MinCapacity 9 is above MaxCapacity 3']
    """
    resources: _Resources = template.get("Resources", {})
    return [
        f"{name}: {mistake}"
        for name, resource in resources.items()
        for mistake in _in_resource(resource, resources)
    ]


def _in_resource(resource: Mapping[str, Any], resources: _Resources) -> Iterator[str]:
    properties = resource.get("Properties", {})
    match resource.get("Type"):
        case "AWS::DynamoDB::Table":
            yield from _in_table(properties)
        case "AWS::ApplicationAutoScaling::ScalableTarget":
            yield from _in_target(properties, resources)
        case "AWS::ApplicationAutoScaling::ScalingPolicy":
            yield from _in_policy(properties, resources)


def _in_table(table: Mapping[str, Any]) -> Iterator[str]:
    indexes = table.get("GlobalSecondaryIndexes", [])
    provisioned = table.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    if len(indexes) > MAX_INDEXES:
        yield f"{len(indexes)} global secondary indexes are more than {MAX_INDEXES}"
    for index in indexes:
        yield from _in_index(index, provisioned=provisioned)
    if provisioned and "OnDemandThroughput" in table:
        yield "OnDemandThroughput limits a provisioned table"
    recovery = table.get("PointInTimeRecoverySpecification", {})
    if "RecoveryPeriodInDays" in recovery and not recovery.get("PointInTimeRecoveryEnabled"):
        yield "RecoveryPeriodInDays is given, but point-in-time recovery is off"
    expiry = table.get("TimeToLiveSpecification", {})
    if expiry.get("Enabled") and not expiry.get("AttributeName"):
        yield "TimeToLiveSpecification has no AttributeName"


def _in_index(index: Mapping[str, Any], *, provisioned: bool) -> Iterator[str]:
    name = index.get("IndexName")
    if provisioned and "ProvisionedThroughput" not in index:
        yield f"index {name} of a provisioned table has no ProvisionedThroughput"
    if provisioned and "OnDemandThroughput" in index:
        yield f"OnDemandThroughput limits index {name} of a provisioned table"
    projection = index.get("Projection", {})
    if projection.get("ProjectionType") == "INCLUDE" and not projection.get("NonKeyAttributes"):
        yield f"index {name} includes attributes, but NonKeyAttributes names none"


def _in_target(target: Mapping[str, Any], resources: _Resources) -> Iterator[str]:
    least, most = target.get("MinCapacity"), target.get("MaxCapacity")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        yield f"MinCapacity {least} is above MaxCapacity {most}"
    index = _index_of(target)
    if index and index not in _indexes(resources):
        yield f"ResourceId names index {index}, which no table of the template has"


def _in_policy(policy: Mapping[str, Any], resources: _Resources) -> Iterator[str]:
    target = resources.get(str(_referred(policy.get("ScalingTargetId"))), {}).get("Properties", {})
    dimension = str(target.get("ScalableDimension", policy.get("ScalableDimension", "")))
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration", {})
    metric = str(tracking.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", ""))
    for direction in ("Read", "Write"):
        if dimension.endswith(f"{direction}CapacityUnits") and direction not in metric:
            yield f"metric {metric} does not measure {dimension}"


def _indexes(resources: _Resources) -> set[str]:
    return {
        index.get("IndexName")
        for resource in resources.values()
        if resource.get("Type") == TABLE_TYPE
        for index in resource.get("Properties", {}).get("GlobalSecondaryIndexes", [])
    }


def _index_of(target: Mapping[str, Any]) -> str | None:
    """Return the index in the id of a target; None if it is the table."""
    resource_id = target.get("ResourceId", "")
    if isinstance(resource_id, Mapping):
        resource_id = resource_id.get("Fn::Sub", "")
    _, _, index = str(resource_id).partition("/index/")
    return index or None


def _referred(value: Any) -> Any:
    return value.get("Ref") if isinstance(value, Mapping) else value

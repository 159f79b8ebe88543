"""`read_deployed`: everything that a deployed table has, as one value."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

from catalog_model.deployment.control import AUTOSCALING, DYNAMODB, Control, UnsupportedError
from catalog_model.deployment.settings import (
    MANAGED,
    MAX_RECOVERY_DAYS,
    NO_LIMIT,
    NO_RECOVERY,
    OWNED,
    Billing,
    Scaling,
    Stream,
    TableClass,
    TableSettings,
    UnitsPerSecond,
)
from catalog_model.dynamodb.schema import TABLE
from catalog_model.errors import AccessDeniedError, InvalidArgumentError, ServiceError

_T = TypeVar("_T")

Part = Literal["read", "write"]
PARTS: Final[tuple[Part, ...]] = ("read", "write")

STREAMS: Final[Mapping[str, Stream]] = {
    "NEW_AND_OLD_IMAGES": "new-and-old",
    "NEW_IMAGE": "new",
    "OLD_IMAGE": "old",
    "KEYS_ONLY": "keys",
}
CLASSES: Final[Mapping[str, TableClass]] = {
    "STANDARD": "standard",
    "STANDARD_INFREQUENT_ACCESS": "infrequent-access",
}
BILLINGS: Final[Mapping[str, Billing]] = {
    "PAY_PER_REQUEST": "on-demand",
    "PROVISIONED": "provisioned",
}

NAMESPACE: Final = "dynamodb"
ACTIVE: Final = "ACTIVE"
"""The state of a table or index that can be used."""

_ON: Final = ("ENABLED", "ENABLING")

NOT_OFFERED: Final = "not offered by this endpoint"
NOT_PERMITTED: Final = "not permitted to these credentials"


@dataclass(frozen=True, slots=True)
class ScalableTarget:
    """The scaling of the reads or the writes of the table or of an index.

    ``target`` is the utilization in per cent that ``policy`` keeps; None if there is no policy of
    target tracking. ``definition`` and ``policies`` are the answers of the service: the target, and
    all policies of it.
    """

    resource: str
    part: Part
    min: int
    max: int
    target: float | None
    policy: str | None
    definition: Mapping[str, Any] = field(repr=False)
    policies: tuple[Mapping[str, Any], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Point-in-time recovery: its days, 0 if it is off, and the times that can be restored."""

    days: int
    earliest: datetime | None = None
    latest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deployed:
    """A table as it is deployed.

    ``description`` is the answer of DescribeTable. The other parts were read if they were asked
    for; None, or an empty value, if not. ``unread`` has the operations that were not answered, with
    the reason: not offered by the endpoint, or not permitted. The settings read with them are None.
    """

    description: Mapping[str, Any]
    settings: TableSettings
    recovery: Recovery | None = None
    ttl: str | None = None
    tags: Mapping[str, str] | None = None
    scaling: tuple[ScalableTarget, ...] | None = None
    policy: str | None = None
    unread: Mapping[str, str] | None = None

    @property
    def arn(self) -> str:
        """The ARN of the table."""
        return str(self.description.get("TableArn", ""))

    @property
    def is_provisioned(self) -> bool:
        """Whether the table has provisioned capacity."""
        return billing_of(self.description) == "provisioned"


def read_deployed(control: Control, *, in_full: bool = True, policy: bool = False) -> Deployed:
    """Read a table as it is deployed.

    Costs one DescribeTable; *in_full*, also DescribeContinuousBackups, DescribeTimeToLive and
    ListTagsOfResource, and for a provisioned table DescribeScalableTargets and
    DescribeScalingPolicies. None of them consumes units.

    Args:
        control: The requests about the table.
        in_full: Whether to read also what DescribeTable leaves out.
        policy: Whether to read also the resource policy: one GetResourcePolicy.

    Raises:
        TableNotFoundError: If the table does not exist.
    """
    found = described(control.describe())
    unread: dict[str, str] = {}
    if in_full:
        found = _read_rest(control, found, unread)
    if policy:
        found = replace(found, policy=_read(_policy, control, found, "GetResourcePolicy", unread))
    return replace(found, unread=unread)


def described(description: Mapping[str, Any]) -> Deployed:
    """Return what an answer of DescribeTable has."""
    return Deployed(description, _settings_of(description))


def billing_of(description: Mapping[str, Any]) -> Billing:
    """Return the billing. A table that never was on demand has no summary of it, but units."""
    mode = description.get("BillingModeSummary", {}).get("BillingMode")
    if mode is None:
        return "provisioned" if units_of(description).write else "on-demand"
    return BILLINGS[mode]


def units_of(described: Mapping[str, Any]) -> UnitsPerSecond:
    """Return the provisioned units of a table or an index in an answer of DescribeTable."""
    units = described.get("ProvisionedThroughput", {})
    return UnitsPerSecond(units.get("ReadCapacityUnits", 0), units.get("WriteCapacityUnits", 0))


def limits_of(described: Mapping[str, Any]) -> UnitsPerSecond:
    """Return the limits of on-demand units of a table or an index; -1 for no limit."""
    limits = described.get("OnDemandThroughput", {})
    return UnitsPerSecond(
        limits.get("MaxReadRequestUnits", NO_LIMIT), limits.get("MaxWriteRequestUnits", NO_LIMIT)
    )


def warm_of(described: Mapping[str, Any]) -> UnitsPerSecond | None:
    """Return the warm throughput of a table or an index; None if the endpoint shows none."""
    warm = described.get("WarmThroughput", {})
    read, write = warm.get("ReadUnitsPerSecond"), warm.get("WriteUnitsPerSecond")
    return UnitsPerSecond(read, write) if read or write else None


def encryption_of(description: Mapping[str, Any]) -> str:
    """Return the encryption; that with a key of KMS as its ARN, also with the key of AWS.

    DynamoDB does not show which of the two it is.
    """
    found = description.get("SSEDescription", {})
    if found.get("Status") not in (*_ON, "UPDATING"):
        return OWNED
    return str(found.get("KMSMasterKeyArn", MANAGED))


def resources_of(description: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return the resources of scaling: each name of an index, or ``table``, with its resource."""
    indexes = [index["IndexName"] for index in description.get("GlobalSecondaryIndexes", [])]
    return {TABLE: f"table/{name}"} | {each: f"table/{name}/index/{each}" for each in indexes}


def dimension_of(resource: str, part: Part) -> str:
    """Return the dimension of the reads or writes of a resource.

    >>> dimension_of("table/films/index/by_name", "write")
    'dynamodb:index:WriteCapacityUnits'
    """
    kind = "index" if "/index/" in resource else "table"
    return f"{NAMESPACE}:{kind}:{part.title()}CapacityUnits"


def metric_of(part: Part) -> str:
    """Return the metric of the utilization of reads or writes.

    >>> metric_of("read")
    'DynamoDBReadCapacityUtilization'
    """
    return f"DynamoDB{part.title()}CapacityUtilization"


def _settings_of(description: Mapping[str, Any]) -> TableSettings:
    billing = billing_of(description)
    is_provisioned = billing == "provisioned"
    stream = description.get("StreamSpecification", {})
    viewed = stream.get("StreamViewType", "") if stream.get("StreamEnabled") else ""
    table_class = description.get("TableClassSummary", {}).get("TableClass", "STANDARD")
    return TableSettings(
        billing=billing,
        capacity=units_of(description) if is_provisioned else None,
        max_units=None if is_provisioned else limits_of(description),
        protection=description.get("DeletionProtectionEnabled", False),
        stream=STREAMS.get(viewed) if viewed else "off",
        encryption=encryption_of(description),
        table_class=CLASSES.get(table_class),
        warm_throughput=warm_of(description),
    )


def _read_rest(control: Control, found: Deployed, unread: dict[str, str]) -> Deployed:
    recovery = _read(_recovery, control, found, "DescribeContinuousBackups", unread)
    ttl = _read(_ttl, control, found, "DescribeTimeToLive", unread)
    tags = _read(_tags, control, found, "ListTagsOfResource", unread)
    scaling = None
    if found.is_provisioned:
        scaling = _read(_scaling, control, found, "DescribeScalableTargets", unread)
    settings = replace(
        found.settings,
        recovery_days=None if recovery is None else recovery.days,
        ttl=ttl,
        tags=tags,
        scaling=uniform_scaling(scaling or (), found, control.name),
    )
    return replace(found, settings=settings, recovery=recovery, ttl=ttl, tags=tags, scaling=scaling)


def _read(
    read: Callable[[Control, Deployed], _T],
    control: Control,
    found: Deployed,
    operation: str,
    unread: dict[str, str],
) -> _T | None:
    """Read a part of a table; None, with a reason, if that is not offered or not permitted."""
    try:
        return read(control, found)
    except UnsupportedError:
        unread[operation] = NOT_OFFERED
    except AccessDeniedError:
        unread[operation] = NOT_PERMITTED
    return None


def _recovery(control: Control, _: Deployed) -> Recovery:
    answer = control.on_table("DescribeContinuousBackups")
    found = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if found.get("PointInTimeRecoveryStatus") not in _ON:
        return Recovery(NO_RECOVERY)
    return Recovery(
        found.get("RecoveryPeriodInDays", MAX_RECOVERY_DAYS),
        found.get("EarliestRestorableDateTime"),
        found.get("LatestRestorableDateTime"),
    )


def _ttl(control: Control, _: Deployed) -> str:
    found = control.on_table("DescribeTimeToLive").get("TimeToLiveDescription", {})
    return str(found.get("AttributeName", "")) if found.get("TimeToLiveStatus") in _ON else ""


def _tags(control: Control, found: Deployed) -> dict[str, str]:
    listed = control.pages(DYNAMODB, "ListTagsOfResource", "Tags", ResourceArn=found.arn)
    return {tag["Key"]: tag["Value"] for tag in listed}


def _policy(control: Control, found: Deployed) -> str:
    try:
        answer = control.call(DYNAMODB, "GetResourcePolicy", ResourceArn=found.arn)
    except ServiceError as error:
        if error.code == "PolicyNotFoundException":
            return ""
        raise
    return str(answer["Policy"])


def _scaling(control: Control, found: Deployed) -> tuple[ScalableTarget, ...]:
    resources = resources_of(found.description, control.name).values()
    targets = list(
        control.pages(
            AUTOSCALING,
            "DescribeScalableTargets",
            "ScalableTargets",
            ServiceNamespace=NAMESPACE,
            ResourceIds=list(resources),
        )
    )
    policies = {
        policy["PolicyARN"]: policy  # moto answers the policies of the table for each index, too
        for resource in dict.fromkeys(target["ResourceId"] for target in targets)
        for policy in control.pages(
            AUTOSCALING,
            "DescribeScalingPolicies",
            "ScalingPolicies",
            ServiceNamespace=NAMESPACE,
            ResourceId=resource,
        )
    }
    return tuple(_targets(targets, list(policies.values())))


def _targets(
    targets: list[dict[str, Any]], policies: list[dict[str, Any]]
) -> Iterator[ScalableTarget]:
    for target in targets:
        resource, dimension = target["ResourceId"], target["ScalableDimension"]
        part = next((each for each in PARTS if dimension == dimension_of(resource, each)), None)
        if part is None:
            continue
        own = tuple(
            policy
            for policy in policies
            if (policy["ResourceId"], policy["ScalableDimension"]) == (resource, dimension)
        )
        tracking = next(
            (each for each in own if "TargetTrackingScalingPolicyConfiguration" in each), {}
        )
        yield ScalableTarget(
            resource=resource,
            part=part,
            min=target["MinCapacity"],
            max=target["MaxCapacity"],
            target=tracking.get("TargetTrackingScalingPolicyConfiguration", {}).get("TargetValue"),
            policy=tracking.get("PolicyName"),
            definition=target,
            policies=own,
        )


def uniform_scaling(
    targets: tuple[ScalableTarget, ...], found: Deployed, name: str
) -> Scaling | None:
    """Return the scaling that the table and all indexes have in common; None if they differ."""
    wanted = len(resources_of(found.description, name)) * len(PARTS)
    alike = {(each.min, each.max, each.target) for each in targets}
    if len(targets) != wanted or len(alike) != 1:
        return None
    low, high, target = alike.pop()
    try:
        return Scaling(low, high, round(target or 0))
    except InvalidArgumentError:  # bounds that cannot be declared here, such as a minimum of 0
        return None

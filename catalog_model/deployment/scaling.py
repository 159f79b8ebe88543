"""Target tracking of Application Auto Scaling: targets and policies of a table and its indexes.

What the service accepts and DynamoDB cannot use (the wrong metric, a target of 170 per cent, a
table that does not exist) is excluded here: all names come from `deployed`.
"""

from collections.abc import Iterator
from typing import Any, Final

from catalog_model.deployment.control import AUTOSCALING, Control, UnsupportedError
from catalog_model.deployment.deployed import (
    NAMESPACE,
    PARTS,
    Deployed,
    Part,
    ScalableTarget,
    dimension_of,
    metric_of,
    resources_of,
    units_of,
)
from catalog_model.deployment.matching import parts_of
from catalog_model.deployment.settings import Scaling

TRACKING: Final = "TargetTrackingScaling"


def check_offered(control: Control) -> None:
    """Check that the endpoint offers Application Auto Scaling: one DescribeScalableTargets.

    Raises:
        UnsupportedError: If it does not.
    """
    control.call(
        AUTOSCALING,
        "DescribeScalableTargets",
        ServiceNamespace=NAMESPACE,
        ResourceIds=[f"table/{control.name}"],
    )


def policy_name(resource: str, part: Part) -> str:
    """Return the name of the policy of a resource, as the console of AWS names it.

    >>> policy_name("table/films", "read")
    'DynamoDBReadCapacityUtilization:table/films'
    """
    return f"{metric_of(part)}:{resource}"


def register(control: Control, resource: str, part: Part, low: int, high: int) -> None:
    """Let the reads or writes of a resource scale between two bounds, or change the bounds."""
    control.call(
        AUTOSCALING,
        "RegisterScalableTarget",
        ServiceNamespace=NAMESPACE,
        ResourceId=resource,
        ScalableDimension=dimension_of(resource, part),
        MinCapacity=low,
        MaxCapacity=high,
    )


def track(control: Control, resource: str, part: Part, target: int) -> None:
    """Make a registered resource follow a utilization in per cent."""
    control.call(AUTOSCALING, "PutScalingPolicy", **policy(resource, part, target))


def policy(resource: str, part: Part, target: int) -> dict[str, Any]:
    """Return the parameters of PutScalingPolicy."""
    return {
        "PolicyName": policy_name(resource, part),
        "ServiceNamespace": NAMESPACE,
        "ResourceId": resource,
        "ScalableDimension": dimension_of(resource, part),
        "PolicyType": TRACKING,
        "TargetTrackingScalingPolicyConfiguration": {
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric_of(part)},
            "TargetValue": float(target),
        },
    }


def complete(control: Control, scaling: Scaling, found: Deployed) -> None:
    """Register the targets and put the policies that a provisioned table lacks.

    Existing targets are not changed. A part whose units are outside the bounds gets no target, as
    that would change the units at once.
    """
    if found.scaling is None:
        raise UnsupportedError("scaling is not offered by this endpoint", code="Unsupported")
    there = {(each.resource, each.part): each for each in found.scaling}
    for resource, part in _in_bounds(control, scaling, found):
        target = there.get((resource, part))
        if target is None:
            register(control, resource, part, scaling.min, scaling.max)
        if _lacks_policy(target, scaling):
            track(control, resource, part, scaling.target)


def _lacks_policy(target: ScalableTarget | None, scaling: Scaling) -> bool:
    if target is None:
        return True
    return not target.policies and (target.min, target.max) == (scaling.min, scaling.max)


def _in_bounds(control: Control, scaling: Scaling, found: Deployed) -> Iterator[tuple[str, Part]]:
    resources = resources_of(found.description, control.name)
    for where, described in parts_of(found.description):
        units = units_of(described)
        for part in PARTS:
            if scaling.min <= getattr(units, part) <= scaling.max:
                yield resources[where], part

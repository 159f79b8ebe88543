"""The statements of a policy for scaling a table: requests to services other than DynamoDB.

Sources: Application Auto Scaling User Guide, "Identity-based policy examples" and "Service-linked
roles"; Service Authorization Reference, "Application Auto Scaling".
"""

from collections.abc import Iterator
from typing import Any, Final

READS: Final = ("DescribeScalableTargets", "DescribeScalingPolicies")
WRITES: Final = (
    "DeleteScalingPolicy",
    "DeregisterScalableTarget",
    "PutScalingPolicy",
    "RegisterScalableTarget",
)
ROLE_SERVICE: Final = "dynamodb.application-autoscaling.amazonaws.com"
ROLE: Final = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"


def scaling_statements(table_arn: str) -> Iterator[dict[str, Any]]:
    """Yield the statements that show and change the scaling of a table and of its indexes.

    Targets have no ARN that names the table, so the changes are restricted to DynamoDB's. A policy
    of target tracking makes alarms with the caller's permissions. The first target in an account
    makes the role with which DynamoDB is scaled.
    """
    _, partition, _, region, account, resource = table_arn.split(":", 5)
    name = resource.partition("/")[2]
    yield _statement(
        "ScalingReads",
        [*_actions("application-autoscaling", READS), "cloudwatch:DescribeAlarms"],
        "*",
    )
    yield {
        **_statement("Scaling", _actions("application-autoscaling", WRITES), "*"),
        "Condition": {"StringEquals": {"application-autoscaling:service-namespace": "dynamodb"}},
    }
    yield _statement(
        "ScalingAlarms",
        ["cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"],
        f"arn:{partition}:cloudwatch:{region}:{account}:alarm:TargetTracking-table/{name}*",
    )
    yield {
        **_statement(
            "ScalingRole",
            ["iam:CreateServiceLinkedRole"],
            f"arn:{partition}:iam::{account}:role/aws-service-role/{ROLE_SERVICE}/{ROLE}",
        ),
        "Condition": {"StringEquals": {"iam:AWSServiceName": ROLE_SERVICE}},
    }


def _actions(service: str, names: tuple[str, ...]) -> list[str]:
    return [f"{service}:{name}" for name in names]


def _statement(name: str, actions: list[str], resource: str) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}

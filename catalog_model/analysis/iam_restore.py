"""The statements of a policy for backing up and restoring a table.

Sources: DynamoDB Developer Guide, "Using IAM with DynamoDB backup and restore"; Service
Authorization Reference, "Amazon DynamoDB", "Amazon CloudWatch" and "AWS Lambda".
"""

from collections.abc import Iterator
from typing import Any, Final

from catalog_model.deployment.lineage import lineage_of

TABLE_ACTIONS: Final = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "CreateBackup",
    "DeleteItem",
    "DeleteResourcePolicy",
    "DescribeContinuousBackups",
    "DescribeTable",
    "DescribeTimeToLive",
    "GetItem",
    "GetResourcePolicy",
    "ListTagsOfResource",
    "PutItem",
    "PutResourcePolicy",
    "Query",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
    "Scan",
    "TagResource",
    "UpdateContinuousBackups",
    "UpdateItem",
    "UpdateTable",
    "UpdateTimeToLive",
)
"""The actions on the table and on the new one. DynamoDB requires those on items for a restore."""

BACKUP_ACTIONS: Final = ("DescribeBackup", "RestoreTableFromBackup")
EVERYWHERE: Final = (
    "cloudwatch:DescribeAlarms",
    "dynamodb:ListBackups",
    "lambda:ListEventSourceMappings",
)
"""Actions that cannot be restricted to a table."""


def restore_statements(table_arn: str) -> Iterator[dict[str, Any]]:
    """Yield the statements that back up a table, restore it, and put back what it had.

    They apply to the table and to all tables that are named as restored from it.
    """
    _, partition, _, region, account, _ = table_arn.split(":", 5)
    restored = f"{lineage_of(table_arn)}--restored-*"
    yield _statement(
        "Restore", [f"dynamodb:{name}" for name in TABLE_ACTIONS], [table_arn, restored]
    )
    yield _statement(
        "Backups", [f"dynamodb:{name}" for name in BACKUP_ACTIONS], f"{table_arn}/backup/*"
    )
    yield _statement("RestoreReads", list(EVERYWHERE), "*")
    yield _statement(
        "RestoreAlarms",
        ["cloudwatch:PutMetricAlarm"],
        f"arn:{partition}:cloudwatch:{region}:{account}:alarm:*",
    )


def _statement(name: str, actions: list[str], resource: str | list[str]) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resource}

"""A table with everything that a restore leaves off, and a moto that leaves it off."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import boto3
import pytest
from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends

from catalog_model import Catalog
from catalog_model.deployment.saved_table import COMPARED, Saved, moved, read_saved
from catalog_model.operations import Scaling, TableSettings, UnitsPerSecond, create_table
from catalog_model.operations.control import control_of

REGION = "eu-west-1"
ACCOUNT = "123456789012"
"""The account that moto simulates."""
EVERYTHING = TableSettings(
    capacity=UnitsPerSecond(5, 4),
    scaling=Scaling(1, 10),
    recovery_days=7,
    protection=True,
    stream="new-and-old",
    encryption="managed",
    table_class="infrequent-access",
    tags={"team": "films", "cost-center": "7"},
    ttl="expires",
)


def create_with_everything(catalog: Catalog) -> None:
    """Create a table with each setting, a resource policy and alarms."""
    create_table(catalog, settings=EVERYTHING)
    arn = catalog.client.describe_table(TableName=catalog.table)["Table"]["TableArn"]
    catalog.client.put_resource_policy(ResourceArn=arn, Policy=_policy(arn))
    watch = boto3.client("cloudwatch", region_name=REGION)
    for name, table in (
        (f"throttled-{catalog.table}", catalog.table),
        ("system errors", catalog.table),
        ("of another table", f"{catalog.table}2"),
    ):
        watch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/DynamoDB",
            MetricName="WriteThrottleEvents",
            Dimensions=[{"Name": "TableName", "Value": table}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1.0,
            ComparisonOperator="GreaterThanThreshold",
            AlarmActions=["arn:aws:sns:eu-west-1:123456789012:operators"],
        )


def _policy(arn: str) -> str:
    statement = {
        "Sid": "Partner",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::210987654321:root"},
        "Action": "dynamodb:GetItem",
        "Resource": arn,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def settings_of(catalog: Catalog) -> Saved:
    """Return what a table has, as far as a restore has to give it to the new table."""
    saved = read_saved(control_of(catalog))
    return {name: saved[name] for name in COMPARED}


def wanted_of(source: Catalog, target: Catalog) -> Saved:
    """Return what a table restored from *source* has to have."""
    arn = target.client.describe_table(TableName=target.table)["Table"]["TableArn"]
    wanted = moved(read_saved(control_of(source)), target.table, arn)
    return {name: wanted[name] for name in COMPARED}


class Moment:
    """The items of tables as they were; moto itself restores the present ones."""

    def __init__(self) -> None:
        self.items: dict[str, Any] = {}

    def remember(self, catalog: Catalog) -> None:
        """Let restores of a table go back to this moment."""
        backend: Any = dynamodb_backends[ACCOUNT][REGION]
        self.items[catalog.table] = deepcopy(backend.tables[catalog.table].items)


@contextmanager
def bare_restores() -> Iterator[Moment]:
    """Let moto restore tables with one unit each, and with the encryption of their source.

    It leaves off the other settings anyway. DynamoDB does restore the encryption. The items are
    those of a moment that was remembered, if one was.
    """
    restore = DynamoDBBackend.restore_table_to_point_in_time
    moment = Moment()

    def bare(self: Any, target: str, source: str) -> Any:
        table = restore(self, target, source)
        table.sse_specification = self.tables[source].sse_specification
        if source in moment.items:
            table.items = deepcopy(moment.items[source])
        if not table.throughput["WriteCapacityUnits"]:
            return table
        units = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1, "NumberOfDecreasesToday": 0}
        table.throughput = dict(units)
        for index in table.global_indexes:
            index.throughput = dict(units)
        return table

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DynamoDBBackend, "restore_table_to_point_in_time", bare)
        yield moment


def age(catalog: Catalog, *, days: float = 2, latest_minutes: float = 5) -> None:
    """Let moto show recovery as a table that is some days old has it; its own times stand still."""
    backend: Any = dynamodb_backends[ACCOUNT][REGION]
    description = backend.tables[catalog.table].continuous_backups["PointInTimeRecoveryDescription"]
    now = time.time()
    description["EarliestRestorableDateTime"] = now - days * 86_400
    description["LatestRestorableDateTime"] = now - latest_minutes * 60


def remove(_: Catalog) -> None:
    """Delete all tables of moto, protected or not, with their scaling and alarms."""
    for around in (applicationautoscaling_backends, cloudwatch_backends):
        around[ACCOUNT][REGION].reset()
    backend: Any = dynamodb_backends[ACCOUNT][REGION]
    backend.tables.clear()

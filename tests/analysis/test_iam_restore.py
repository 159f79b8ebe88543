"""The policy for restores allows each request of a restore, and names the tables of the lineage."""

from pathlib import Path

import pytest
from engines import running_engine
from kills import killed_at
from memory_engine import fill
from restored import age, bare_restores, create_with_everything, remove
from table_dump import movie

from catalog_model.analysis import iam
from catalog_model.errors import InvalidArgumentError
from catalog_model.operations import back_up_table, list_backups, restore_table

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/films"
OF_SERVICES = {
    "DescribeAlarms": "cloudwatch",
    "DescribeScalableTargets": "application-autoscaling",
    "DescribeScalingPolicies": "application-autoscaling",
    "ListEventSourceMappings": "lambda",
    "PutMetricAlarm": "cloudwatch",
    "PutScalingPolicy": "application-autoscaling",
    "RegisterScalableTarget": "application-autoscaling",
}


def allowed(**given: bool) -> set[str]:
    """Return the actions of a policy."""
    document = iam.policy((), table_arn=ARN, **given)  # type: ignore[arg-type]  # flags alone
    statements = document["Statement"]
    return {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }


def test_each_request_of_a_restore_is_allowed(tmp_path: Path) -> None:
    """With scaling, for a table that scales; and of a backup."""
    with running_engine("moto") as engine, bare_restores():
        catalog = engine.catalog("films")
        create_with_everything(catalog)
        age(catalog)
        fill(catalog, [movie(1, 28)])
        with killed_at(None) as sent:
            restore_table(catalog, minutes_ago=6, freeze=True, journal=tmp_path / "journal.json")
            backup = back_up_table(catalog, "before")
            list_backups(catalog)
            restore_table(catalog, backup=backup.arn, to="other", journal=tmp_path / "journal.json")
        remove(catalog)
    made = {f"{OF_SERVICES.get(each, 'dynamodb')}:{each}" for each in sent.operations}
    assert made <= allowed(restore=True, scaling=True)


def test_the_policy_is_of_the_table_and_what_is_restored_from_it() -> None:
    """Also for a table that was restored itself; no other table is named."""
    restored = f"{ARN}--restored-20261128T114500Z"
    for arn in (ARN, restored):
        first = iam.policy((), table_arn=arn, restore=True)["Statement"][0]
        assert first["Resource"] == [arn, f"{ARN}--restored-*"]
    with pytest.raises(InvalidArgumentError, match="restore must be"):
        iam.policy((), table_arn=ARN, restore="yes")  # type: ignore[arg-type]  # what is refused

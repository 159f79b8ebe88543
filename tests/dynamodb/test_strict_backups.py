"""The limits of point-in-time recovery, which a strict client enforces on moto."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from catalog_model.dynamodb.strict.client import RULE_HEADER
from catalog_model.testing import strict_catalog

RULE = "recovery_has_its_bounds"


@pytest.fixture
def client() -> Iterator[Any]:
    """A strict client with a table `t`; only moto supports recovery."""
    with strict_catalog("table") as catalog:
        yield catalog.client


def enable(client: Any, **settings: Any) -> None:
    """Enable recovery."""
    wanted = {"PointInTimeRecoveryEnabled": True, **settings}
    client.update_continuous_backups(TableName="table", PointInTimeRecoverySpecification=wanted)


def refused(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the code of an answer given by the strict client instead of the engine."""
    response: Any = error.value.response
    assert response["ResponseMetadata"]["HTTPHeaders"][RULE_HEADER] == RULE
    return str(response["Error"]["Code"])


@pytest.mark.parametrize("days", [0, -1, 36, 365])
def test_a_recovery_period_out_of_its_bounds_is_refused(client: Any, days: int) -> None:
    """The value is in the message."""
    with pytest.raises(ClientError, match=f"not {days}") as error:
        enable(client, RecoveryPeriodInDays=days)
    assert refused(error) == "ValidationException"


@pytest.mark.parametrize("days", [1, 35])
def test_a_recovery_period_in_its_bounds_passes(client: Any, days: int) -> None:
    """The minimum and the maximum."""
    enable(client, RecoveryPeriodInDays=days)


def test_a_table_without_recovery_cannot_be_restored(client: Any) -> None:
    """moto would copy it."""
    with pytest.raises(ClientError) as error:
        client.restore_table_to_point_in_time(
            SourceTableName="table", TargetTableName="another", UseLatestRestorableTime=True
        )
    assert refused(error) == "PointInTimeRecoveryUnavailableException"


@pytest.mark.parametrize("days_ago", [20_000, 40, -1])
def test_a_moment_that_cannot_be_recovered_is_refused(client: Any, days_ago: int) -> None:
    """From before recovery was enabled, and from the future."""
    enable(client)
    with pytest.raises(ClientError) as error:
        client.restore_table_to_point_in_time(
            SourceTableName="table",
            TargetTableName="another",
            RestoreDateTime=datetime.now(UTC) - timedelta(days=days_ago),
        )
    assert refused(error) == "InvalidRestoreTimeException"


def test_a_table_with_recovery_is_restored(client: Any) -> None:
    """To the latest time, or to a given one, as a table with another name."""
    enable(client)
    answer = client.describe_continuous_backups(TableName="table")
    described = answer["ContinuousBackupsDescription"]
    latest = described["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]
    for number, moment in enumerate(
        ({"UseLatestRestorableTime": True}, {"RestoreDateTime": latest})
    ):
        answer = client.restore_table_to_point_in_time(
            SourceTableName="table", TargetTableName=f"restored-{number}", **moment
        )
        assert answer["TableDescription"]["TableName"] == f"restored-{number}"

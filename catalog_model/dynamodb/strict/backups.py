"""Rules of point-in-time recovery that engines do not enforce.

Sources: AWS's API reference (UpdateContinuousBackups, RestoreTableToPointInTime) and developer
guide ("Point-in-time recovery").
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

MOST_DAYS: Final = 35


class Breach(NamedTuple):
    """The error of the service: its code and message."""

    code: str
    message: str


def of_recovery_period(params: Mapping[str, Any], _: Any) -> Breach | None:
    """Return the breach if a recovery period is not 1 to 35 days."""
    wanted = params.get("PointInTimeRecoverySpecification", {})
    days = wanted.get("RecoveryPeriodInDays", MOST_DAYS)
    if 1 <= days <= MOST_DAYS:
        return None
    message = f"RecoveryPeriodInDays must be from 1 to {MOST_DAYS}, not {days}"
    return Breach("ValidationException", message)


def of_restore(params: Mapping[str, Any], client: Any) -> Breach | None:
    """Return the breach if a table cannot be restored, or not to the requested time."""
    source = params.get("SourceTableName") or params.get("SourceTableArn", "").rpartition("/")[2]
    described = client.describe_continuous_backups(TableName=source)
    recovery = described["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    if recovery.get("PointInTimeRecoveryStatus") != "ENABLED":
        message = f"Point in time recovery is not enabled for table {source!r}"
        return Breach("PointInTimeRecoveryUnavailableException", message)
    wanted = params.get("RestoreDateTime")
    if params.get("UseLatestRestorableTime") or wanted is None:
        return None
    first, last = (recovery[f"{which}RestorableDateTime"] for which in ("Earliest", "Latest"))
    if _utc(first) <= _utc(wanted) <= _utc(last):
        return None
    message = f"RestoreDateTime must be from {first} to {last}, not {wanted}"
    return Breach("InvalidRestoreTimeException", message)


CHECKS: Final[Mapping[str, Callable[[Mapping[str, Any], Any], Breach | None]]] = {
    "RestoreTableToPointInTime": of_restore,
    "UpdateContinuousBackups": of_recovery_period,
}
"""The check for each operation; it receives the parameters, and a client for further requests."""


def _utc(moment: datetime | float) -> datetime:
    if isinstance(moment, (int, float)):
        return datetime.fromtimestamp(moment, UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

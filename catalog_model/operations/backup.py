"""On-demand backups of the table: made, and listed."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, refuse
from catalog_model.deployment.control import DYNAMODB
from catalog_model.deployment.creation import POLL_SECONDS
from catalog_model.deployment.restoration import BACKUP_READY, describe_backup, offered
from catalog_model.dynamodb import waits
from catalog_model.errors import ServiceError
from catalog_model.operations.control import check_timeout, control_of

__all__ = ["Backup", "back_up_table", "list_backups"]

_NAME: Final = re.compile(r"[\w.-]{3,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup of a table: its ARN, its name, its state, when it was made, and its size."""

    arn: str
    name: str
    status: str
    created: datetime
    size_bytes: int


def back_up_table(catalog: Catalog, name: str | None = None, *, timeout: float = 300.0) -> Backup:
    """Make a backup of the table, and wait until it can be restored.

    A backup stays until it is deleted, also after the table is. `restore_table` restores it.
    Costs a CreateBackup and a DescribeBackup or more; the storage is charged.

    Args:
        name: Name of the backup, 3 to 255 letters, digits, hyphens, dots and underscores; None for
            the table's name with the time.
        timeout: Maximum number of seconds to wait.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        TableNotFoundError: If the table does not exist.
        UnsupportedError: If the endpoint does not offer backups.
        ServiceError: If the backup failed, or is not ready in time.

    >>> back_up_table(catalog, "before-the-change").status
    'AVAILABLE'
    """
    check_instance(catalog, "catalog", Catalog)
    deadline = time.monotonic() + check_timeout(timeout)
    control = control_of(catalog)
    if name is None:
        name = f"{control.name[:230]}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    name = _check_name(name)
    with offered():
        answer = control.on_table("CreateBackup", BackupName=name)
    backup = _backup(answer["BackupDetails"])
    while backup.status != BACKUP_READY:
        if backup.status != "CREATING":
            raise ServiceError(f"backup {backup.arn} is {backup.status}", code="BackupFailed")
        if time.monotonic() >= deadline:
            raise ServiceError(f"backup {backup.arn} is not ready in time", code="Timeout")
        waits.sleep(POLL_SECONDS)
        backup = _backup(describe_backup(control, backup.arn)["BackupDetails"])
    return backup


def list_backups(catalog: Catalog) -> list[Backup]:
    """Return the backups of the table, also of a deleted one of this name; the latest first.

    Costs a ListBackups for each 100 backups.

    Raises:
        UnsupportedError: If the endpoint does not offer backups.

    >>> list_backups(Catalog("never-backed-up"))
    []
    """
    check_instance(catalog, "catalog", Catalog)
    control = control_of(catalog)
    request: dict[str, Any] = {"TableName": control.table}
    found: list[Backup] = []
    while True:
        with offered():
            answer = control.call(DYNAMODB, "ListBackups", **request)
        found += map(_backup, answer["BackupSummaries"])
        if not answer.get("LastEvaluatedBackupArn"):
            return sorted(found, key=lambda each: each.created, reverse=True)
        request["ExclusiveStartBackupArn"] = answer["LastEvaluatedBackupArn"]


def _backup(found: Mapping[str, Any]) -> Backup:
    return Backup(
        arn=found["BackupArn"],
        name=found["BackupName"],
        status=found["BackupStatus"],
        created=found["BackupCreationDateTime"].astimezone(UTC),
        size_bytes=found.get("BackupSizeBytes", 0),
    )


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        refuse("name", name, "3 to 255 letters, digits, hyphens, dots and underscores")
    return name

"""Restores a table into a new one, step by step; a journal has what is done.

A step is recorded after it, and can be repeated: an interrupted restore continues with the first
step that is not recorded, and looks what of it was done.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from catalog_model.checks import counted
from catalog_model.deployment.control import DYNAMODB, Control, UnsupportedError
from catalog_model.deployment.deployed import ACTIVE, Recovery
from catalog_model.deployment.journal import Journal
from catalog_model.deployment.lineage import restored_name
from catalog_model.deployment.putting_back import described_differences, put_back, set_policy
from catalog_model.deployment.raising import await_active, pause_until
from catalog_model.deployment.saved_table import Saved, identity_of, moved, read_saved, with_freeze
from catalog_model.dynamodb.clients import check_table
from catalog_model.errors import (
    ConfigurationError,
    InvalidArgumentError,
    ServiceError,
    TableNotFoundError,
)

VERSION: Final = 1

STOPPED: Final = (
    "BatchWriteItem",
    "DeleteItem",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLUpdate",
    "PutItem",
    "UpdateItem",
)
"""The actions that a frozen table denies; those of a transaction are among them."""

INSTEAD: Final = (
    "`catalog-model dump` and `catalog-model import` go back to an earlier state on any endpoint"
)
NO_POLICY: Final = "PolicyNotFoundException"
EXISTS: Final = ("TableAlreadyExistsException", "ResourceInUseException")
BACKUP_READY: Final = "AVAILABLE"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is restored: the table at a moment, or a backup.

    ``minutes_ago`` and ``at`` are as they were given; a resumed restore keeps its own moment.
    """

    minutes_ago: float | None = None
    at: datetime | None = None
    backup: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        at = None if self.at is None else self.at.isoformat()
        return {"minutes_ago": self.minutes_ago, "at": at, "backup": self.backup}


class Restoration:
    """One restore of a table.

    Args:
        source: The requests about the table.
        control_of: Returns the requests about a table of another name.
        journal: The file for what is done.
    """

    def __init__(
        self, source: Control, control_of: Callable[[str], Control], journal: Journal
    ) -> None:
        self.source = source
        self.journal = journal
        self._control_of = control_of
        self.state: dict[str, Any] = {}

    @property
    def target(self) -> Control:
        """The requests about the new table."""
        return self._control_of(self.state["target"])

    @property
    def saved(self) -> Saved | None:
        """What the source had; None if it does not exist anymore."""
        saved: Saved | None = self.state["saved"]
        return saved

    @property
    def moment(self) -> datetime:
        """The moment that is restored."""
        return datetime.fromisoformat(self.state["moment"])

    def find(self) -> bool:
        """Read the journal; return whether a restore of this table is unfinished.

        Raises:
            ConfigurationError: If the journal belongs to another table, or cannot be read.
        """
        state = self.journal.read()
        if state is None:
            return False
        found = {name: state.get(name) for name in ("version", "source", "endpoint")}
        if found != {"version": VERSION, "source": self.source.table, "endpoint": self._endpoint}:
            raise ConfigurationError(f"{self.journal.path} is not of a restore of this table")
        self.state = state
        return True

    def begin(self, origin: Origin, to: str | None, options: Mapping[str, Any]) -> None:
        """Check that the restore can be made, and save what the table has. Changes nothing.

        Raises:
            InvalidArgumentError: If recovery is off, the moment cannot be restored, or the new
                table's name is invalid or taken.
            UnsupportedError: If the endpoint does not offer it.
        """
        moment, saved = self._preflight(origin)
        target = to or restored_name(self.source.name, moment)
        self._check_free(target)
        self.state = {
            "version": VERSION,
            "source": self.source.table,
            "endpoint": self._endpoint,
            "origin": origin.to_json(),
            "options": dict(options),
            "moment": moment.isoformat(),
            "backup": origin.backup,
            "target": target,
            "began": datetime.now(UTC).isoformat(),
            "saved": saved,
            "done": {},
        }
        self.journal.write(self.state)

    def is_done(self, step: str) -> bool:
        """Return whether a step is recorded."""
        return step in self.state["done"]

    def result(self, step: str) -> Any:
        """Return what was recorded with a step; None if it is not done."""
        return self.state["done"].get(step)

    def record(self, step: str, result: Any) -> None:
        """Record a step as done."""
        self.state["done"][step] = result
        self.journal.write(self.state)

    def forget(self) -> None:
        """Remove the journal: the restore is finished, or abandoned."""
        self.journal.remove()

    def freeze(self) -> None:
        """Stop the writers of the source, by its resource policy."""
        saved = self.saved
        if saved is None:
            return
        if saved["policy"] is None:
            raise ServiceError("the resource policy cannot be read, so the table is not frozen")
        set_policy(self.source, saved["arn"], with_freeze(saved["policy"], saved["arn"], STOPPED))

    def thaw(self) -> None:
        """Let the writers of the source write again. Can be repeated."""
        saved = self.saved
        if saved is None:
            return
        try:
            set_policy(self.source, saved["arn"], saved["policy"])
        except TableNotFoundError:  # nothing is left to write to
            return
        except ServiceError as error:
            if error.code != NO_POLICY:  # it is removed already
                raise

    def start(self) -> None:
        """Start the restore, unless it was started: the new table is there then, and its own."""
        found = self._found()
        if found is None:
            try:
                self._send()
            except ServiceError as error:
                if error.code not in EXISTS:  # its answer was lost
                    raise
            found = self._found()
        if found is not None:
            self._check_own(found)

    def wait(self, deadline: float) -> None:
        """Wait until the new table and its indexes can be used.

        DescribeTable may not show a table yet whose restore has just begun.
        """
        while self._found() is None:
            pause_until(self.target, deadline, "does not exist")
        await_active(self.target, deadline)

    def put_back(self, deadline: float) -> tuple[str, ...]:
        """Put back on the new table what its source had; return the names of what it lacked."""
        wanted = self._wanted()
        return () if wanted is None else put_back(self.target, wanted, deadline)

    def departures(self) -> tuple[str, ...]:
        """Return what the new table has not, of what its source had."""
        wanted = self._wanted()
        return () if wanted is None else described_differences(self.target, wanted)

    @property
    def _endpoint(self) -> str:
        return str(self.source.gateway.client.meta.endpoint_url)

    def _wanted(self) -> Saved | None:
        if self.saved is None:
            return None
        target = self.target
        return moved(self.saved, target.name, str(target.describe()["TableArn"]))

    def _found(self) -> dict[str, Any] | None:
        """Return the description of the new table; None if there is none."""
        try:
            return self.target.describe()
        except TableNotFoundError:
            return None

    def _send(self) -> None:
        if self.state["backup"] is not None:
            self.source.call(
                DYNAMODB,
                "RestoreTableFromBackup",
                TargetTableName=self.state["target"],
                BackupArn=self.state["backup"],
            )
            return
        is_arn = ":" in self.source.table
        self.source.call(
            DYNAMODB,
            "RestoreTableToPointInTime",
            **{"SourceTableArn" if is_arn else "SourceTableName": self.source.table},
            TargetTableName=self.state["target"],
            RestoreDateTime=self.moment,
        )

    def _check_own(self, description: Mapping[str, Any]) -> None:
        """Check that a table of the new name is the result of this restore.

        Raises:
            ServiceError: If it is another one.
        """
        summary = description.get("RestoreSummary", {})
        if self.state["backup"] is not None:
            is_from = summary.get("SourceBackupArn") == self.state["backup"]
        else:
            is_from = summary.get("SourceTableArn") == (self.saved or {}).get("arn")
        earliest = datetime.fromisoformat(self.state["began"]) - timedelta(minutes=5)
        if not is_from or description["CreationDateTime"] < earliest:  # clocks may differ
            raise ServiceError(
                f"table {self.state['target']!r} is not the result of this restore: it was "
                "created by another program in the meantime",
                code="TableAlreadyExistsException",
            )

    def _check_free(self, target: str) -> None:
        check_table(target)
        if ":" in target:
            raise InvalidArgumentError(f"the name of the new table must be no ARN, not {target!r}")
        if self._control_of(target).exists():
            raise InvalidArgumentError(
                f"table {target!r} exists already; --to gives the new table another name"
            )

    def _preflight(self, origin: Origin) -> tuple[datetime, Saved | None]:
        if origin.backup is not None:
            return self._check_backup(origin.backup)
        description = self.source.describe()
        if description["TableStatus"] not in (ACTIVE, "UPDATING"):
            raise ServiceError(
                f"table {self.source.table!r} is {description['TableStatus']}", code="NotActive"
            )
        recovery = self._recovery()
        now = datetime.now(UTC)
        moment = origin.at or now - timedelta(minutes=origin.minutes_ago or 0)
        moment = moment.astimezone(UTC).replace(microsecond=0)
        _check_window(moment, recovery, now)
        return moment, read_saved(self.source)

    def _recovery(self) -> Recovery:
        with offered():
            answer = self.source.on_table("DescribeContinuousBackups")
        found = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if found.get("PointInTimeRecoveryStatus") != "ENABLED":
            raise InvalidArgumentError(
                f"table {self.source.table!r} cannot be restored: its point-in-time recovery is "
                "off. `catalog-model apply --recovery-days 35` enables it from now on; "
                "`catalog-model restore --backup ARN` restores a backup"
            )
        return Recovery(
            found.get("RecoveryPeriodInDays", 0),
            found.get("EarliestRestorableDateTime"),
            found.get("LatestRestorableDateTime"),
        )

    def _check_backup(self, arn: str) -> tuple[datetime, Saved | None]:
        """Check a backup of the table, which may have been deleted since."""
        found = describe_backup(self.source, arn)
        details, table = found["BackupDetails"], found["SourceTableDetails"]
        if table["TableName"] != self.source.name:
            raise InvalidArgumentError(
                f"backup {arn} is of table {table['TableName']!r}, not of {self.source.name!r}"
            )
        if details["BackupStatus"] != BACKUP_READY:
            raise InvalidArgumentError(f"backup {arn} is {details['BackupStatus']}")
        saved = read_saved(self.source) if self.source.exists() else None
        moment: datetime = details["BackupCreationDateTime"]
        return moment.astimezone(UTC), saved

    def check_source(self) -> None:
        """Check that the source is still the table whose settings were saved.

        Raises:
            ServiceError: If another table has its name now.
        """
        if self.saved is None:
            return
        if identity_of(self.source.describe()) != self.saved["id"]:
            raise ServiceError(
                f"table {self.source.table!r} was deleted and created again since this restore "
                f"began; remove {self.journal.path} to begin another",
                code="NotTheSource",
            )


@contextmanager
def offered() -> Iterator[None]:
    """Name what works instead, if the endpoint does not offer an operation in this block."""
    try:
        yield
    except UnsupportedError as error:
        raise UnsupportedError(f"{error}: {INSTEAD}", code="Unsupported") from error


def describe_backup(control: Control, arn: str) -> dict[str, Any]:
    """Return the description of a backup.

    Raises:
        InvalidArgumentError: If there is none.
        UnsupportedError: If the endpoint does not offer backups.
    """
    try:
        with offered():
            answer = control.call(DYNAMODB, "DescribeBackup", BackupArn=arn)
    except ServiceError as error:
        if error.code == "BackupNotFoundException":
            raise InvalidArgumentError(f"there is no backup {arn}") from error
        raise
    described: dict[str, Any] = answer["BackupDescription"]
    return described


def _check_window(moment: datetime, recovery: Recovery, now: datetime) -> None:
    first, last = recovery.earliest, recovery.latest
    if first is not None and moment < first:
        raise InvalidArgumentError(
            f"{_shown(moment)} cannot be restored: the earliest moment is {_shown(first)} "
            f"(recovery of {counted(recovery.days, 'day')}, since it was enabled)"
        )
    if last is not None and moment > last:
        ago = max(0.0, (now - last).total_seconds() / 60)
        raise InvalidArgumentError(
            f"{_shown(moment)} cannot be restored: the latest moment is {_shown(last)}, "
            f"{ago:.1f} minutes ago"
        )


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

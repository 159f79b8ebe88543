"""Raises the units of a provisioned table for a time, and puts back what they were.

What was before is written to a file first. If the process is killed, another one puts it back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from catalog_model.checks import refuse
from catalog_model.deployment import scaling
from catalog_model.deployment.control import Control
from catalog_model.deployment.creation import IN_USE, POLL_SECONDS
from catalog_model.deployment.deployed import (
    ACTIVE,
    PARTS,
    Deployed,
    Part,
    read_deployed,
    resources_of,
    units_of,
)
from catalog_model.deployment.journal import Journal, state_folder, state_name
from catalog_model.deployment.matching import parts_of
from catalog_model.deployment.settings import UnitsPerSecond
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.schema import TABLE
from catalog_model.errors import ConfigurationError, ServiceError, TableNotFoundError

Units = dict[str, UnitsPerSecond]
"""The units of the table and of each index, under their names."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of a target of scaling."""

    resource: str
    part: Part
    min: int
    max: int


@dataclass(frozen=True, slots=True)
class Before:
    """A table before its units were raised.

    ``created`` distinguishes it from a later table of the same name.
    """

    arn: str
    created: str
    units: Units
    bounds: tuple[Bounds, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Before:
        """Read it from JSON."""
        return cls(
            content["arn"],
            content["created"],
            {name: UnitsPerSecond(**units) for name, units in content["units"].items()},
            tuple(Bounds(**bounds) for bounds in content["bounds"]),
        )


class RaisedJournal:
    """The file with what a raised table had before.

    It is in the folder for the state of programs (XDG_STATE_HOME, or ``~/.local/state``), under a
    name for the endpoint and the table.
    """

    def __init__(self, control: Control, folder: Path | None = None) -> None:
        endpoint = str(control.gateway.client.meta.endpoint_url)
        name = state_name("raised", control.name, f"{endpoint} {control.table}")
        self.path = (folder or state_folder()) / name
        self._file = Journal(self.path)

    def exists(self) -> bool:
        """Return whether there is a file; False if the folder cannot be read."""
        try:
            return self.path.exists()
        except OSError:
            return False

    def read(self) -> Before | None:
        """Return what a table had before it was raised; None if there is no file.

        Raises:
            ConfigurationError: If the file cannot be read.
        """
        content = self._file.read()
        if content is None:
            return None
        try:
            return Before.from_json(content)
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error}") from error

    def write(self, before: Before) -> None:
        """Write the file, so that it is complete on the disk or does not exist.

        Raises:
            ConfigurationError: If it cannot be written; nothing was raised then.
        """
        self._file.write(before.to_json())

    def remove(self) -> None:
        """Remove the file: everything is as it was."""
        self._file.remove()


def raise_units(control: Control, journal: RaisedJournal, units: int, deadline: float) -> bool:
    """Raise what a load uses to *units*: reads and writes of the table, writes of each index.

    Units above that are kept. The bounds of scaling are raised first, so that scaling does not
    lower the units again. An earlier raise that was not put back is continued: the file keeps what
    was before that one.

    Args:
        control: The requests about the table.
        journal: The file for what was before.
        units: Units a second.
        deadline: The time, by `time.monotonic`, until which to wait for the table.

    Returns:
        Whether anything had to be raised.

    Raises:
        InvalidArgumentError: If the table is on demand.
        ServiceError: If the table or the account does not allow it, or it takes too long.
    """
    found = read_deployed(control)
    if not found.is_provisioned:
        refuse("raise_to", units, f"left out for table {control.table!r}, which is on demand")
    wanted = _raised(found, units)
    bounds = _raised_bounds(control, found, units)
    if not bounds and wanted == _units(found):
        return False
    if _earlier(journal, found) is None:
        journal.write(_before(found))
    for each in bounds:
        scaling.register(control, each.resource, each.part, each.min, each.max)
    set_units(control, wanted, deadline)
    return True


def put_back(control: Control, journal: RaisedJournal, deadline: float) -> bool:
    """Put back the units and bounds in the journal, and remove it; return whether it existed.

    Can be repeated: what is as it was is not sent again. Units of an index that was deleted in the
    meantime are left out, and so is everything if the table was deleted.

    Raises:
        ServiceError: If a decrease is not allowed, or takes too long; the journal stays.
    """
    if journal.read() is None:
        return False
    try:
        found = read_deployed(control)
    except TableNotFoundError:
        journal.remove()
        return False
    before = _earlier(journal, found)
    if before is None or not found.is_provisioned:
        journal.remove()
        return False
    there = {(each.resource, each.part): (each.min, each.max) for each in found.scaling or ()}
    for each in before.bounds:
        if there.get((each.resource, each.part), (each.min, each.max)) != (each.min, each.max):
            scaling.register(control, each.resource, each.part, each.min, each.max)
    set_units(control, before.units, deadline)
    journal.remove()
    return True


def set_units(control: Control, wanted: Units, deadline: float) -> None:
    """Change provisioned units in one UpdateTable, and wait until they apply.

    Nothing is sent if nothing changes; DynamoDB rejects such a request.
    """
    while True:
        description = await_active(control, deadline)
        changes = _changes(description, wanted)
        if not changes:
            return
        try:
            control.on_table("UpdateTable", **changes)
        except ServiceError as error:
            if error.code != IN_USE:  # scaling changed it in between
                raise
            pause_until(control, deadline, "is being changed")


def await_active(control: Control, deadline: float) -> dict[str, Any]:
    """Wait until the table and its indexes are active; return the description."""
    while True:
        description = control.describe()
        states = {
            part.get("TableStatus", part.get("IndexStatus", ACTIVE))
            for _, part in parts_of(description)
        }
        if states == {ACTIVE}:
            return description
        pause_until(control, deadline, f"is {' and '.join(sorted(states - {ACTIVE}))}")


def pause_until(control: Control, deadline: float, state: str) -> None:
    """Wait a moment.

    Raises:
        ServiceError: If the deadline has passed.
    """
    if time.monotonic() >= deadline:
        raise ServiceError(f"table {control.table!r} {state} after the time-out", code="Timeout")
    waits.sleep(POLL_SECONDS)


def _before(found: Deployed) -> Before:
    targets = found.scaling or ()
    return Before(
        found.arn,
        _created(found),
        _units(found),
        tuple(Bounds(each.resource, each.part, each.min, each.max) for each in targets),
    )


def _earlier(journal: RaisedJournal, found: Deployed) -> Before | None:
    """Return what the table had before an earlier raise; None if that was another table."""
    before = journal.read()
    is_same = before is not None and (before.arn, before.created) == (found.arn, _created(found))
    return before if is_same else None


def _created(found: Deployed) -> str:
    return str(found.description.get("TableId") or found.description.get("CreationDateTime", ""))


def _units(found: Deployed) -> Units:
    return {name: units_of(part) for name, part in parts_of(found.description)}


def _raised(found: Deployed, units: int) -> Units:
    return {
        name: UnitsPerSecond(
            max(own.read or 0, units) if name == TABLE else own.read, max(own.write or 0, units)
        )
        for name, own in _units(found).items()
    }


def _raised_bounds(control: Control, found: Deployed, units: int) -> list[Bounds]:
    """Return the bounds to raise: a minimum below *units* would let scaling lower them again."""
    table = resources_of(found.description, control.name)[TABLE]
    return [
        Bounds(each.resource, each.part, max(each.min, units), max(each.max, units))
        for each in found.scaling or ()
        if each.min < units and (each.part == "write" or each.resource == table)
    ]


def _changes(description: Mapping[str, Any], wanted: Units) -> dict[str, Any]:
    """Return the parameters of UpdateTable for the units that change."""
    changed = {
        name: wanted[name]
        for name, part in parts_of(description)
        if name in wanted and units_of(part) != wanted[name]
    }
    throughput = {
        name: {f"{part.title()}CapacityUnits": getattr(units, part) for part in PARTS}
        for name, units in changed.items()
    }
    changes: dict[str, Any] = {}
    if TABLE in throughput:
        changes["ProvisionedThroughput"] = throughput.pop(TABLE)
    if throughput:
        changes["GlobalSecondaryIndexUpdates"] = [
            {"Update": {"IndexName": name, "ProvisionedThroughput": units}}
            for name, units in throughput.items()
        ]
    return changes

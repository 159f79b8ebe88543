"""Restores the table to an earlier moment, into a new table that has everything the table has."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_path, refuse
from catalog_model.deployment.control import Control
from catalog_model.deployment.journal import Journal, state_folder, state_name
from catalog_model.deployment.pointer import check_pointer
from catalog_model.deployment.restoration import Origin, Restoration
from catalog_model.deployment.whole_files import check_new
from catalog_model.dynamodb.clients import check_table, client_beside
from catalog_model.dynamodb.numbers import check_number
from catalog_model.errors import InvalidArgumentError
from catalog_model.maintenance.compare import Difference, TableComparison, compare_tables
from catalog_model.maintenance.repair import repair as repair_table
from catalog_model.maintenance.verify import verify
from catalog_model.operations.control import check_timeout
from catalog_model.operations.cutover import cut_over as cut_over_to

__all__ = ["RestoreReport", "abandon_restore", "restore_table", "unfinished_restore"]

TIMEOUT: Final = 6 * 3600.0
NO_DAMAGE: Final = "unknown entity"
"""Findings of items of other applications, which a restore brings back as they were."""

FREEZE, START, WAIT, SETTINGS, VERIFY, REPAIR, COMPARE, SWITCH = (
    "freeze",
    "start",
    "wait",
    "settings",
    "verify",
    "repair",
    "compare",
    "cut over",
)


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The result of a restore.

    ``moment`` is what was restored, ``put_back`` the settings that the new table lacked, and
    ``departures`` those that still differ. ``findings`` is the number of findings of `verify`, or
    of those that `repair` left. ``comparison`` has the titles of the table that were added, changed
    and removed since the moment; None if the table does not exist anymore. ``event_sources`` are
    the functions that read the stream of the table, and not that of the new one. ``unread`` has
    the operations that were not answered, with the reason. ``is_cut_over`` is whether the pointer
    was moved.
    """

    source: str
    target: str
    target_arn: str
    moment: datetime
    put_back: tuple[str, ...]
    departures: tuple[str, ...]
    findings: int
    repaired: int
    comparison: TableComparison | None
    event_sources: tuple[str, ...]
    replicas: tuple[str, ...]
    unread: dict[str, str]
    is_cut_over: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether the new table can replace the table: nothing is damaged, no setting differs."""
        return not self.findings and not self.departures


def restore_table(
    catalog: Catalog,
    *,
    minutes_ago: float | None = None,
    at: datetime | None = None,
    backup: str | None = None,
    to: str | None = None,
    repair: bool = False,
    freeze: bool = False,
    cut_over: bool = False,
    pointer: str | None = None,
    list_lost: str | Path | None = None,
    resume: bool = False,
    journal: str | Path | None = None,
    timeout: float = TIMEOUT,
    confirm: Callable[[RestoreReport], bool] | None = None,
    on_step: Callable[[str], None] | None = None,
) -> RestoreReport:
    """Restore the table to a moment, or from a backup, into a new table, and check it.

    The new table is named ``TABLE--restored-MOMENT``, and *catalog* is not changed. In this order:
    what DynamoDB leaves off is saved; the table is restored; protection, capacity and all other
    settings are put back; `verify` checks the new table, because a restore can hold a part of a
    transaction, and `repair` corrects it; the titles of both tables are compared. With *cut_over*,
    the pointer moves to the new table, if nothing is damaged and no setting differs.

    Each step is recorded in a journal. After an interruption, the same call, or *resume*, continues
    to the same moment. Until then, the new table may be unprotected and have little capacity; both
    are put back first.

    Costs the restore itself, and reads of both tables: docs/restore.md has all requests.

    Args:
        minutes_ago: Restore to this number of minutes before now; the latest moment is typically
            five minutes ago.
        at: Restore to this moment, with a time zone; in whole seconds.
        backup: ARN of a backup to restore, also of a table that was deleted.
        to: Name of the new table.
        repair: Whether to repair what `verify` finds.
        freeze: Whether to deny all writes to the table meanwhile, by a resource policy. It is
            taken off at the end, and after an error.
        cut_over: Whether to move the pointer at the end.
        pointer: The pointer; None for that of the handle.
        list_lost: A new file for the titles that differ, as for `compare_tables`.
        resume: Continue an interrupted restore, whose arguments are in its journal.
        journal: The journal; None for a file in the folder of programs' state (XDG_STATE_HOME).
        timeout: Maximum number of seconds to wait for the new table.
        confirm: Called before the pointer is moved; False leaves it.
        on_step: Called with the name of each step before it.

    Raises:
        InvalidArgumentError: If an argument is invalid, recovery is off, the moment cannot be
            restored, the new table exists, or the journal is of another restore of this table.
        TableNotFoundError: If the table does not exist.
        UnsupportedError: If the endpoint does not offer restores. It is a `ServiceError`; its
            message names `dump_table` and `import_table`.
        ConfigurationError: If the journal cannot be read or written, or is of another table.
        ServiceError: If a request failed or the new table was not ready in time; it can be resumed.

    >>> from catalog_model.operations import back_up_table
    >>> backup = back_up_table(catalog, "before-the-change")
    >>> deleted = access_patterns.delete_title(catalog, "movie", 949)
    >>> report = restore_table(catalog, backup=backup.arn, to="as-it-was")
    >>> report.is_clean, report.comparison.removed
    (True, 1)
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(resume, "resume")
    origin = None if resume else _origin(minutes_ago, at, backup)
    if resume and (minutes_ago, at, backup, to) != (None, None, None, None):
        refuse("resume", resume, "left out with a moment, a backup or a name")
    options = _options(
        repair=repair, freeze=freeze, cut_over=cut_over, pointer=pointer, list_lost=list_lost
    )
    timeout = check_timeout(timeout)
    _check_rest(to, confirm=confirm, on_step=on_step)
    if options["cut_over"] and not options["pointer"]:
        options["pointer"] = catalog.pointer
        if not catalog.pointer:
            refuse("cut_over", cut_over, "given with a pointer, or CATALOG_TABLE_POINTER,")
    catalog, work = _restoration(catalog, journal)
    found = work.find()
    if origin is None:
        if not found:
            raise InvalidArgumentError("there is no interrupted restore of this table to resume")
    elif found:
        _check_same(work, origin, to, options)
    else:
        if options["list_lost"] is not None:
            check_new(Path(options["list_lost"]), overwrite=False)
        work.begin(origin, to, options)
    running = _Run(catalog, work, time.monotonic() + timeout, on_step or (lambda _: None))
    return running.run(confirm or (lambda _: True))


def unfinished_restore(catalog: Catalog, *, journal: str | Path | None = None) -> str | None:
    """Return the name of the new table of an interrupted restore; None if there is none.

    Reads a file on this machine, and sends nothing.

    Args:
        journal: The journal, as for `restore_table`.

    Raises:
        ConfigurationError: If the journal cannot be read, or is of another table.

    >>> unfinished_restore(catalog) is None
    True
    """
    check_instance(catalog, "catalog", Catalog)
    _, work = _restoration(catalog, journal)
    return str(work.state["target"]) if work.find() else None


def abandon_restore(catalog: Catalog, *, journal: str | Path | None = None) -> str | None:
    """Give up an interrupted restore: let writers write, and remove the journal.

    The new table stays, if there is one.

    Args:
        journal: The journal, as for `restore_table`.

    Returns:
        The name of the new table; None if there was no interrupted restore.

    Raises:
        ConfigurationError: If the journal cannot be read, or is of another table.
        ServiceError: If the resource policy cannot be changed.

    >>> abandon_restore(catalog) is None
    True
    """
    check_instance(catalog, "catalog", Catalog)
    _, work = _restoration(catalog, journal)
    if not work.find():
        return None
    if work.state["options"]["freeze"]:
        work.thaw()
    work.forget()
    return str(work.state["target"])


class _Run:
    """The steps of one restore."""

    def __init__(
        self, catalog: Catalog, work: Restoration, deadline: float, on_step: Callable[[str], None]
    ) -> None:
        self._catalog = catalog
        self._work = work
        self._deadline = deadline
        self._on_step = on_step
        self._options: dict[str, Any] = work.state["options"]
        self._restored = catalog.for_table(work.state["target"])

    def run(self, confirm: Callable[[RestoreReport], bool]) -> RestoreReport:
        """Make all steps that are not recorded, and return the report."""
        with self._frozen():
            self._restore()
            self._step(VERIFY, self._verify)
            if self._options["repair"]:
                self._step(REPAIR, self._repair)
            if self._work.saved is not None:
                self._step(COMPARE, self._compare)
            report = self._report()
            if self._options["cut_over"] and report.is_clean:
                self._step(SWITCH, lambda: self._switch(confirm, report))
            report = self._report()
        self._work.forget()
        return report

    def _restore(self) -> None:
        work = self._work
        if not work.is_done(START):
            work.check_source()
        self._step(START, work.start)
        self._step(WAIT, lambda: work.wait(self._deadline))
        self._step(SETTINGS, lambda: work.put_back(self._deadline))

    def _step(self, name: str, take: Callable[[], Any]) -> None:
        if not self._work.is_done(name):
            self._on_step(name)
            self._work.record(name, take())

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        """Stop the writers in this block, if wanted."""
        if not self._options["freeze"]:
            yield
            return
        try:
            self._on_step(FREEZE)
            self._work.freeze()
            yield
        except BaseException as error:
            try:
                self._work.thaw()
            except Exception as second:  # noqa: BLE001  # the first error is what matters
                error.add_note(
                    f"writers are still stopped: `catalog-model restore --abandon` lets them "
                    f"write ({second})"
                )
            raise
        self._work.thaw()

    def _verify(self) -> dict[str, int]:
        report = verify(self._restored)
        foreign = sum(each.problem == NO_DAMAGE for each in report.findings)
        foreign += report.more.get(NO_DAMAGE, 0)
        found = len(report.findings) + report.more_findings
        return {"findings": found - foreign}

    def _repair(self) -> dict[str, int]:
        if not self._work.result(VERIFY)["findings"]:
            return {"findings": 0, "repaired": 0}
        report = repair_table(self._restored)
        repaired = len(report.actions) + report.more_actions
        return {**self._verify(), "repaired": repaired}

    def _compare(self) -> dict[str, Any]:
        file = self._options["list_lost"]
        return asdict(compare_tables(self._catalog, self._restored, file=file, overwrite=True))

    def _switch(self, confirm: Callable[[RestoreReport], bool], report: RestoreReport) -> bool:
        if not confirm(report):
            return False
        pointer = self._options["pointer"]
        cut_over_to(self._catalog, self._work.state["target"], pointer=pointer)
        return True

    def _report(self) -> RestoreReport:
        work = self._work
        saved = work.saved or {}
        repaired = work.result(REPAIR) or {}
        compared = work.result(COMPARE)
        return RestoreReport(
            source=self._catalog.table,
            target=work.state["target"],
            target_arn=str(work.target.describe()["TableArn"]),
            moment=work.moment,
            put_back=tuple(work.result(SETTINGS)),
            departures=work.departures(),
            findings=repaired.get("findings", work.result(VERIFY)["findings"]),
            repaired=repaired.get("repaired", 0),
            comparison=None if compared is None else _comparison(compared),
            event_sources=tuple(each["function"] for each in saved.get("event_sources") or ()),
            replicas=tuple(saved.get("replicas", ())),
            unread=dict(saved.get("unread", {})),
            is_cut_over=bool(work.result(SWITCH)),
        )


def _comparison(found: dict[str, Any]) -> TableComparison:
    listed = tuple(Difference(*each) for each in found["differences"])
    return TableComparison(found["added"], found["changed"], found["removed"], listed)


def _origin(minutes_ago: Any, at: Any, backup: Any) -> Origin:
    given = [each for each in (minutes_ago, at, backup) if each is not None]
    if len(given) != 1:
        raise InvalidArgumentError("give one of minutes_ago, at and backup")
    if minutes_ago is not None:
        minutes_ago = check_number(minutes_ago, "minutes_ago")
        if minutes_ago < 0:
            refuse("minutes_ago", minutes_ago, "a number of minutes from 0 on")
    if at is not None:
        check_instance(at, "at", datetime)
        if at.tzinfo is None:
            refuse("at", str(at), "a moment with a time zone, such as UTC,")
        at = at.astimezone(UTC)
    if backup is not None and not (isinstance(backup, str) and "/backup/" in backup):
        refuse("backup", backup, "the ARN of a backup")
    return Origin(minutes_ago, at, backup)


def _check_rest(to: str | None, **functions: object) -> None:
    if to is not None:
        check_table(to)
    for name, function in functions.items():
        if function is not None and not callable(function):
            refuse(name, function, "a function")


def _options(**given: Any) -> dict[str, Any]:
    for name in ("repair", "freeze", "cut_over"):
        check_flag(given[name], name)
    if given["pointer"] is not None:
        check_pointer(given["pointer"])
    if given["list_lost"] is not None:
        given["list_lost"] = str(check_path(given["list_lost"], "list_lost").absolute())
    return given


def _check_same(work: Restoration, origin: Origin, to: str | None, options: dict[str, Any]) -> None:
    """Check that an interrupted restore is the one that is wanted.

    Raises:
        InvalidArgumentError: If it is another one.
    """
    state = work.state
    is_same = state["origin"] == origin.to_json() and to in (None, state["target"])
    if not is_same or state["options"] != options:
        raise InvalidArgumentError(
            f"another restore of this table is unfinished: to {work.moment:%Y-%m-%d %H:%M:%S} UTC, "
            f"into {state['target']!r}, with {_shown(state['options'])}. "
            "`catalog-model restore --resume` finishes it, --abandon gives it up"
        )


def _shown(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in options.items() if value) or "no options"


def _restoration(catalog: Catalog, journal: str | Path | None) -> tuple[Catalog, Restoration]:
    """Return the table that is restored, or was begun to be restored, and its restore."""
    path = _default_path(catalog) if journal is None else check_path(journal, "journal")
    found = Journal(path).read()
    if found is not None and found.get("target") == catalog.table:
        catalog = catalog.for_table(str(found.get("source")))  # the pointer has been moved
    shared = cache(lambda service: client_beside(catalog.client, service))

    @cache
    def of_table(table: str) -> Control:
        return Control(catalog.for_table(table).gateway, shared)

    source = Control(catalog.gateway, shared)
    return catalog, Restoration(source, of_table, Journal(path))


def _default_path(catalog: Catalog) -> Path:
    """Return the usual journal; it is found from the table and from the new one."""
    lineage = catalog.lineage.rpartition("/")[2]
    endpoint = str(catalog.client.meta.endpoint_url)
    return state_folder() / state_name("restore", lineage, f"{endpoint} {lineage}")

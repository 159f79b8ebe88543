"""Makes derived data follow from the titles again, without getting in a writer's way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from catalog_model import keys
from catalog_model.arguments import check_flag, check_instance
from catalog_model.catalog import Catalog
from catalog_model.census import Shard
from catalog_model.codec import Item
from catalog_model.errors import SchemaMismatchError, UnknownEntityError
from catalog_model.faults import LostRaceError
from catalog_model.findings import (
    COLLECTION_PROBLEMS,
    Finding,
    check_collection,
    name_of,
    read_title,
    slot_owner,
)
from catalog_model.gateway import Gateway
from catalog_model.keys import Kind, TitleKey
from catalog_model.mending import ShardState, described, plan_collection, plans_for_shard
from catalog_model.pace import Pace
from catalog_model.paced_reads import SEGMENTS, PacedReads
from catalog_model.plan import Check, Plan
from catalog_model.retries import Persistence, persistent
from catalog_model.verify import Report, verify

TRIES: Final = 6
"""How often a title or a shard is planned anew because somebody changed it meanwhile."""

SHARD_PROBLEMS: Final = frozenset({"count wrong", "slot missing", "slot doubled", "slot dangling"})


@dataclass(slots=True)
class RepairReport:
    """What a repair did, and what it left.

    ``actions`` says line by line what was written or, in a dry run, would be. ``left`` are the
    findings that it cannot decide, each with the reason.
    """

    actions: list[str] = field(default_factory=list)
    left: list[tuple[Finding, str]] = field(default_factory=list)


def repair(
    catalog: Catalog,
    report: Report | None = None,
    *,
    dry_run: bool = False,
    read_units_per_second: float | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> RepairReport:
    """Make everything in the table follow from its titles.

    Copies are written or deleted as the title's own item says, counts are counted anew, and slots
    given out anew where titles and slots do not name each other. A title's record is never
    touched, nor what is not of this model. Each step is one transaction on the condition that what
    it follows from has not changed meanwhile, so writers may go on: where one was faster, the step
    is planned anew. A second repair finds nothing to do.

    Counts and slots need further reads of the whole table, once for each try, and as much memory
    as the shards concerned have titles.

    Args:
        report: What `verify` found; None looks now.
        dry_run: Only say what would be written.
        read_units_per_second: How much capacity reading may take; None takes what it gets.
        on_progress: Called with the number of items seen, while it looks.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        TableNotFoundError: If there is no table.

    >>> repair(catalog).actions
    []
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(dry_run, "dry_run")
    pace = Pace(read_units_per_second)
    if report is None:
        report = verify(
            catalog, read_units_per_second=read_units_per_second, on_progress=on_progress
        )
    check_instance(report, "report", Report)
    repairing = _Repairing(catalog.gateway, pace, is_dry=dry_run)
    with persistent(Persistence(pace.rest)):
        repairing.titles(report.findings)
        repairing.shards(report.findings)
    return repairing.report


class _Repairing:
    """One run of a repair."""

    def __init__(self, gateway: Gateway, pace: Pace, *, is_dry: bool) -> None:
        self.report = RepairReport()
        self._gateway = gateway
        self._reads = PacedReads(gateway, pace)
        self._is_dry = is_dry

    def titles(self, findings: Iterable[Finding]) -> None:
        """Put the copies of titles right, title by title."""
        by_title: dict[TitleKey, list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.problem in SHARD_PROBLEMS:
                continue
            if finding.title is None or finding.problem == "unknown entity":
                self.report.left.append((finding, "it is not of this model"))
            else:
                by_title[finding.title].append(finding)
        for title, found in by_title.items():
            self._title(title, found)

    def _title(self, title: TitleKey, findings: list[Finding]) -> None:
        for _ in range(TRIES):
            items = self._reads.collection(keys.title_pk(title))
            planned = plan_collection(items)
            if not planned:
                self._leave(check_collection(items))
                return
            if self._is_written(planned) and self._is_dry:
                return
        self._leave(findings, "concurrent changes won every time")

    def _leave(self, findings: list[Finding], reason: str = "") -> None:
        for each in findings:
            why = reason or (
                "its own item cannot be read"
                if each.problem in COLLECTION_PROBLEMS | {"unreadable item"}
                else "it is of another schema"
            )
            self.report.left.append((each, why))

    def shards(self, findings: Iterable[Finding]) -> None:
        """Put the counts and the slots of shards right."""
        by_shard: dict[Shard, list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.problem in SHARD_PROBLEMS:
                by_shard[_shard_of(finding)].append(finding)
        for _ in range(TRIES):
            if not by_shard:
                return
            for state in self._states(list(by_shard)):
                try:
                    is_right = self._shard(state)
                except (SchemaMismatchError, UnknownEntityError) as error:
                    self._leave(by_shard.pop((state.kind, state.shard)), str(error))
                    continue
                if is_right:
                    del by_shard[state.kind, state.shard]
        for found in by_shard.values():
            self._leave(found, "titles came and went every time")

    def _shard(self, state: ShardState) -> bool:
        return all(self._is_written(planned) for planned in plans_for_shard(state))

    def _states(self, shards: list[Shard]) -> Iterable[ShardState]:
        """Read all that these shards hold."""
        states = {each: ShardState(*each) for each in shards}
        for each in shards:
            tally = self._reads.get(keys.tally_key(*each))
            states[each].tally = tally or {}
            states[each].owners = self._owners(*each)
        for item in self._own_items():
            record = read_title(item)
            if record is None:
                continue
            state = states.get((record.title.kind, keys.shard_of(record.title.key)))
            if state:
                state.titles[record.title.key] = record
        return states.values()

    def _owners(self, kind: Kind, shard: int) -> dict[int, TitleKey | None]:
        items = self._reads.collection(keys.slot_key(kind, shard, 0).PK)
        named = ((name_of(item), item) for item in items)
        slots = {n.number: item for n, item in named if isinstance(n, keys.SlotItem)}
        return {number: slot_owner(kind, item) for number, item in slots.items()}

    def _own_items(self) -> Iterator[Item]:
        for segment in range(SEGMENTS):
            for items in self._reads.pages(segment, SEGMENTS):
                yield from (item for item in items if item.get("PK") == item.get("SK"))

    def _is_written(self, planned: Plan) -> bool:
        """Write a plan unless this is a dry run; tell whether nobody was faster."""
        if not self._is_dry:
            try:
                self._gateway.transact(planned)
            except LostRaceError:
                return False
        self.report.actions += [described(each) for each in planned if not isinstance(each, Check)]
        return True


def _shard_of(finding: Finding) -> Shard:
    """Tell which shard a finding is about: a slot's own, also where it names a title of another."""
    name = keys.parse_key(*finding.key)
    if isinstance(name, keys.TallyItem | keys.SlotItem):
        return name.kind, name.shard
    if finding.title is None:
        raise UnknownEntityError(f"{finding.key} is of no shard")
    return finding.title.kind, keys.shard_of(finding.title)

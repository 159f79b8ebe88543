"""Rewrites derived data from the titles, while other writers continue.

Titles are repaired one by one, then shards. If not all findings are listed, the table is scanned.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance
from catalog_model.domain.kinds import KINDS, TitleKey
from catalog_model.dynamodb.actions import Check, Plan, Put, outcome
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.limits import MAX_ITEM_BYTES
from catalog_model.dynamodb.pace import Pace, PacedReads, check_rate
from catalog_model.dynamodb.retries import Persistence, persistent, retry_races
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import SchemaMismatchError, UnknownEntityError
from catalog_model.maintenance.census import MOST_FINDINGS, Shard
from catalog_model.maintenance.findings import (
    SHARD_PROBLEMS,
    Finding,
    Problem,
    check_item,
    check_slot,
    check_title_items,
    is_astray,
)
from catalog_model.maintenance.repair_plans import described, plan_collection, plan_lists_again
from catalog_model.maintenance.shard_plans import Resident, ShardState, plans_for_shard
from catalog_model.maintenance.tallies import agreed_spread, every_tally, read_tallies
from catalog_model.maintenance.verify import SHARDS_OF_ALL, Report, side_by_side, verify
from catalog_model.table import codec, evolution, keys
from catalog_model.table.plan import Stored
from catalog_model.table.spread import NOT_SPREAD, Spread
from catalog_model.table.title_items import (
    TitleItems,
    expected_slot,
    is_of_a_title,
    item_name,
    key_of,
    name_of,
    read_items,
    read_title,
    slot_owner,
)

_OF_A_SLOT: Final = ("PK", "SK", codec.SCHEMA, codec.TITLE_ID)
"""The attributes of a slot that the repair of a shard needs."""

MOST_PLANS: Final = 1_000
"""The maximum number of plans for a title: each changes up to 99 of its items."""

TRIES: Final = 6
"""How many times a title or a shard is planned again after a concurrent change."""

MOST_ACTIONS: Final = 100_000
"""How many actions are listed; further ones are counted."""

CHANGED: Final = "concurrent changes won at every attempt"


@dataclass(slots=True)
class RepairReport:
    """The result of a repair: its actions, and the findings that it left.

    ``actions`` has one line for each item written or, in a dry run, to be written. ``left`` are the
    findings that it cannot decide, each with the reason. Both lists are limited; ``more_actions``
    and ``more_left`` are the numbers of unlisted entries. ``undecided`` are shards with creations
    or deletions during the run: their counts and slots were not checked.
    """

    actions: list[str] = field(default_factory=list)
    left: list[tuple[Finding, str]] = field(default_factory=list)
    more_actions: int = 0
    more_left: int = 0
    undecided: tuple[Shard, ...] = ()


def repair(
    catalog: Catalog,
    report: Report | None = None,
    *,
    dry_run: bool = False,
    read_units_per_second: float | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> RepairReport:
    """Make all derived data in the table match its titles.

    Copies are written or deleted according to the title's own item, counts are recounted, and slots
    are reassigned if titles and slots do not name each other. A title put by another program gets
    all of this, and in its item the package's own attributes: schema, type, version and slot. A
    title's record is never written, and neither are items of other applications; everything derived
    from an unreadable title stays as it is. Each step is one transaction, on the condition that its
    source has not changed, so writers may continue; after a lost race the step is planned again. A
    second repair finds nothing to do.

    Counts and slots need further reads of the whole table, one for each attempt, and memory for the
    titles of the shards concerned.

    Args:
        report: Result of `verify`; None runs it now.
        dry_run: Whether to only report what would be written.
        read_units_per_second: Limit of the read capacity used, 0.001 to 1e12; None for no limit.
        on_progress: Called with the number of items read during verification.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        TableNotFoundError: If the table does not exist.

    >>> repair(catalog).actions
    []
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(dry_run, "dry_run")
    pace = Pace(check_rate(read_units_per_second, "read_units_per_second"))
    if report is None:
        report = verify(
            catalog, read_units_per_second=read_units_per_second, on_progress=on_progress
        )
    check_instance(report, "report", Report)
    repairing = _Repairing(catalog.gateway, pace, is_dry=dry_run)
    with persistent(Persistence(pace.rest)):
        repairing.run(report)
    return repairing.report


class _Repairing:
    def __init__(self, gateway: Gateway, pace: Pace, *, is_dry: bool) -> None:
        self.report = RepairReport()
        self._gateway = gateway
        self._reads = PacedReads(gateway, pace)
        self._is_dry = is_dry
        self._left: Counter[Problem] = Counter()
        self._spread = NOT_SPREAD

    def run(self, found: Report) -> None:
        if not found.is_clean:
            self._spread = self._read_spread()
        self.report.undecided = found.undecided
        of_titles: dict[TitleKey, None] = {}
        by_shard: dict[Shard, list[Finding]] = defaultdict(list)
        for finding in found.findings:
            if finding.problem == "unknown entity":
                self._leave(finding, "it is not of this model")
            elif shard := _shard_of(finding):
                by_shard[shard].append(finding)
            elif finding.title:
                of_titles[finding.title] = None
        self._count_left("unknown entity", found.more.get("unknown entity", 0))
        more = {problem for problem, count in found.more.items() if count}
        if more & SHARD_PROBLEMS:
            by_shard.update({each: by_shard[each] for each in SHARDS_OF_ALL})
        for title in self._walk() if more - SHARD_PROBLEMS - {"unknown entity"} else of_titles:
            self._title(title)
        self._shards(by_shard)

    def _walk(self) -> Iterator[TitleKey]:
        for items in side_by_side(chain.from_iterable(self._reads.every_page())):
            if is_of_a_title(items[0]):
                of_title = read_items(items)
                if check_title_items(of_title) or is_astray(of_title, self._spread):
                    yield of_title.key

    def _title(self, title: TitleKey) -> None:
        """Repair the items of a title, plan by plan, until no plan is left."""
        items = self._items(title)
        planned: Plan = ()

        def write(tried: int) -> bool:
            nonlocal items, planned
            if tried:
                items, self._spread = self._items(title), self._read_spread()
            before, of_title = planned, _together(items)
            planned = plan_lists_again(of_title, self._spread) or plan_collection(of_title)
            if not planned:
                return False
            self._write(planned)
            items = _outcome(items, planned) if self._is_dry else self._items(title)
            if planned == before:
                raise LostRaceError("another writer undoes it")
            return True

        with suppress(LostRaceError):
            for _ in range(MOST_PLANS):
                if not retry_races(write, TRIES):
                    break
        of_title = _together(items)
        listed = chain(check_item(of_title.slot) if of_title.slot else (), check_slot(of_title))
        in_its_slot = [f for f in listed if f.problem not in SHARD_PROBLEMS and f.title == title]
        for finding in (*check_title_items(of_title), *in_its_slot):
            self._leave(finding, CHANGED if planned else _why_left(finding, of_title))

    def _read_spread(self) -> Spread:
        return agreed_spread(every_tally(self._reads).values())

    def _items(self, title: TitleKey) -> list[Item]:
        """Read the items of a title, with that in its slot."""
        items = list(filter(is_of_a_title, self._reads.collection(keys.title_pk(title))))
        at = read_items(items).slot_key() if items else None
        slot = self._reads.get(at) if at else None
        return [*items, slot] if slot else items

    def _leave(self, finding: Finding, reason: str) -> None:
        if self._left[finding.problem] < MOST_FINDINGS:
            self.report.left.append((finding, reason))
            self._left[finding.problem] += 1
        else:
            self._count_left(finding.problem, 1)

    def _count_left(self, problem: Problem, count: int) -> None:
        self._left[problem] += count
        self.report.more_left += count

    def _shards(self, by_shard: dict[Shard, list[Finding]]) -> None:
        try:
            retry_races(lambda _: self._shards_once(by_shard), TRIES)
        except LostRaceError:
            for found in by_shard.values():
                for finding in found:
                    self._leave(finding, "titles were created or deleted at every attempt")

    def _shards_once(self, by_shard: dict[Shard, list[Finding]]) -> None:
        """Repair shards, each if no title is created or deleted; drop those that are done."""
        for state in self._states(list(by_shard)) if by_shard else ():
            try:
                for planned in plans_for_shard(state, self._read_titles):
                    self._write(planned)
            except LostRaceError:
                continue
            except (SchemaMismatchError, UnknownEntityError) as error:
                for finding in by_shard.pop((state.kind, state.shard)):
                    self._leave(finding, str(error))
            else:
                self._leave_rest(state, by_shard.pop((state.kind, state.shard)))
        if by_shard:
            raise LostRaceError("titles were created or deleted")

    def _leave_rest(self, state: ShardState, findings: list[Finding]) -> None:
        """Leave the findings on slots of a newer version, and on titles too large for one."""
        newer = {key_of(i) for i in state.slots.values() if evolution.is_newer(i)}
        large = {key for key, each in state.titles.items() if each.is_too_large}
        for finding in findings:
            if finding.key in newer:
                self._leave(finding, "a newer version of this package wrote it")
            elif finding.title in large:
                self._leave(finding, f"its listing is too large: DynamoDB holds {MAX_ITEM_BYTES:,}")

    def _states(self, shards: list[Shard]) -> Iterable[ShardState]:
        states = {each: ShardState(*each) for each in shards}
        tallies = {kind: read_tallies(self._reads, kind) for kind in KINDS}
        for kind in {state.kind for state in states.values()}:
            self._write(tallies[kind].move)
        every = {
            keys.tally_key(kind, shard): tally
            for kind in KINDS
            for shard, tally in enumerate(tallies[kind].of_shards)
        }
        for state in states.values():
            state.tally = every[state.key]
            state.others = {at: item for at, item in every.items() if item and at != state.key}
        unreadable: list[TitleItems] = []
        for item in chain.from_iterable(self._reads.every_page()):
            match item_name(item):
                case keys.SlotItem(kind, shard, number) if (kind, shard) in states:
                    state = states[kind, shard]
                    state.slots[number] = {n: item[n] for n in _OF_A_SLOT if n in item}
                    state.owners[number] = slot_owner(kind, item)
                case keys.TitleItem(key) if (key.kind, keys.shard_of(key)) in states:
                    of_title = read_items([item])
                    if of_title.record is not None:
                        _settle(states[key.kind, keys.shard_of(key)], of_title)
                    else:
                        unreadable.append(of_title)
        for of_title in unreadable:
            self._settle_unreadable(states, of_title)
        return states.values()

    def _settle_unreadable(self, states: dict[Shard, ShardState], of_title: TitleItems) -> None:
        """Record an unreadable title of a shard, if its slot names it."""
        key, share = of_title.key, of_title.share()
        state = states[key.kind, keys.shard_of(key)]
        if share and share.slot is not None and state.owners.get(share.slot) == key:
            again = read_items(filter(is_of_a_title, self._items(key))).share()
            if again is None or again.slot != share.slot:
                raise LostRaceError(f"{key.kind} {key.id} was changed meanwhile")
            state.unreadable[key] = again

    def _read_titles(self, titles: list[TitleKey]) -> dict[TitleKey, tuple[Item, Stored]]:
        found = self._reads.batch_get(map(keys.title_key, titles))
        records = {
            key: (found[at], read_title(found[at]))
            for key in titles
            if (at := keys.title_key(key)) in found
        }
        return {key: (own, record) for key, (own, record) in records.items() if record}

    def _write(self, planned: Plan) -> None:
        """Write a plan, except in a dry run, and report its actions."""
        if planned and not self._is_dry:
            self._gateway.transact(planned)
        actions = [described(each) for each in planned if not isinstance(each, Check)]
        room = MOST_ACTIONS - len(self.report.actions)
        self.report.actions += actions[:room]
        self.report.more_actions += len(actions[room:])


def _settle(state: ShardState, of_title: TitleItems) -> None:
    """Record a title of a shard."""
    own, record, share = of_title.own, of_title.record, of_title.share()
    if own is not None and record is not None and share:
        is_large = item_size(own) > MAX_ITEM_BYTES // 2  # nearly no title is
        largest = replace(record, slot=codec.LARGEST, is_former=False)
        listing = expected_slot(largest) if is_large else {}
        is_too_large = item_size(listing or {}) > MAX_ITEM_BYTES
        state.titles[of_title.key] = Resident(share, evolution.is_newer(own), is_too_large)


def _together(items: list[Item]) -> TitleItems:
    """Decode the items of a title, of which one may be in its slot."""
    slot = next((each for each in items if isinstance(item_name(each), keys.SlotItem)), None)
    return read_items(filter(is_of_a_title, items), slot)


def _outcome(items: list[Item], planned: Plan) -> list[Item]:
    """Return the items as they would be after a plan."""
    by_key = {key_of(item): item for item in items}
    for operation in planned:
        key = key_of(operation.item) if isinstance(operation, Put) else operation.key
        after = outcome(operation, by_key.pop(key, None))
        if after is not None:
            by_key[key] = after
    return list(by_key.values())


def _why_left(finding: Finding, of_title: TitleItems) -> str:
    slot = of_title.slot if of_title.slot_key() == finding.key else None
    for item in (of_title.by_key.get(finding.key), slot, of_title.own):
        if item is not None and evolution.is_newer(item):
            return f"a newer version of this package wrote {' | '.join(key_of(item))}"
    if of_title.is_unreadable:
        return f"its own item cannot be read: {codec.why_unreadable(of_title.own or {})}"
    if of_title.record is not None:
        copies = codec.encode_copies(of_title.record.title, of_title.record.slot or 0)
        sizes = {key_of(copy): item_size(copy) for copy in copies}
        size = sizes.get(finding.key, 0)
        if size > MAX_ITEM_BYTES:
            return f"it would have {size:,} bytes, and DynamoDB holds {MAX_ITEM_BYTES:,}"
    return CHANGED


def _shard_of(finding: Finding) -> Shard | None:
    """Return the shard to repair for a finding, that of a slot itself; None if it is a title."""
    name = name_of(finding.key)
    is_of_a_shard = finding.problem in SHARD_PROBLEMS or finding.title is None
    if isinstance(name, keys.TallyItem) or (is_of_a_shard and isinstance(name, keys.SlotItem)):
        return name.kind, name.shard
    if finding.problem in SHARD_PROBLEMS and finding.title:
        return finding.title.kind, keys.shard_of(finding.title)
    return None

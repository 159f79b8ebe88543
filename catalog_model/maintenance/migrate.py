"""Upgrades a whole table to the current schema version, while readers and writers continue.

It is never urgent: an older item is read as a current one, and the next change upgrades it.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_path, check_progress
from catalog_model.domain.kinds import KINDS, Kind, TitleKey
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.actions import key_of as key_of_action
from catalog_model.dynamodb.capacity import predict_plan
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_segments
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import Persistence, persistent, retry_races
from catalog_model.dynamodb.typed_json import Item, ItemKey, number
from catalog_model.errors import InvalidTitleError, SchemaMismatchError, UnknownEntityError
from catalog_model.maintenance.checkpoint import Checkpoint
from catalog_model.maintenance.list_shards import ListShards, check_list_shards
from catalog_model.maintenance.tallies import read_tallies
from catalog_model.table import codec, evolution, keys
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.plan import Stored, plan_rewriting, plan_upgrade
from catalog_model.table.title_items import (
    expected_copies,
    expected_slot,
    item_name,
    key_of,
    read_items,
    read_stored,
    slot_owner,
)

PAGE: Final = 100
"""How many items are read, upgraded and recorded in the checkpoint at a time."""

_NEXT_TO_A_TITLE: Final = keys.TitleItem | keys.FormerListing | keys.MembershipItem

NO_VERSION: Final = 0
"""The version under which items without a version are counted."""


@dataclass(slots=True)
class MigrationReport:
    """The result of a migration; a resumed one reports only its own part.

    ``versions`` is the number of items of each version when they were read. ``upgraded`` counts the
    items that were written or, in a dry run, would be, and ``units`` the predicted write units.
    ``left`` are older items that could not be upgraded, each with the reason; ``foreign`` counts
    items that do not belong to this model.
    """

    target: int = evolution.SCHEMA_VERSION
    items: int = 0
    versions: dict[int, int] = field(default_factory=dict)
    foreign: int = 0
    upgraded: int = 0
    units: float = 0
    left: list[tuple[ItemKey, str]] = field(default_factory=list)
    moved: int = 0
    """The number of titles whose copies were moved to other list shards."""

    @property
    def outdated(self) -> int:
        """The number of items of a known older version."""
        return sum(
            count
            for version, count in self.versions.items()
            if evolution.OLDEST_VERSION <= version < self.target
        )


def migrate(
    catalog: Catalog,
    *,
    dry_run: bool = False,
    list_shards: int | None = None,
    units_per_second: float | None = None,
    segments: int = SEGMENTS,
    checkpoint: str | Path | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> MigrationReport:
    """Upgrade every item of an older version to the current one.

    First the tallies of each kind are moved to their keys of version 4, in one transaction. Then
    each title is written with its slot and its copies in one transaction, on the condition that it
    has not changed. Concurrent writes are never overwritten, and every write of this version does
    the same for the title that it changes. A second run writes nothing. An interrupted migration is
    resumed by running it again; with a checkpoint it continues where it stopped.

    From its first write on, processes of an older version can only change titles that were not
    upgraded yet; all other writes of theirs are refused.

    Costs a read unit for each 4 KB of the table, and for a title that is upgraded 2 write units for
    each KB of its items, and two writes of its listing's entry in each index, because the listing
    moves into its slot.

    With *list_shards*, the lists are then spread over that many partitions, as described in
    docs/scaling.md#write-sharded-lists. All handles that read lists need ``sharded_lists=True``
    before. It includes a pause of 90 seconds, and writes each title again.

    Args:
        dry_run: Whether to only read the whole table; a checkpoint is neither read nor written.
        list_shards: The number of partitions of each list from now on, 1 to 32; None keeps it.
        units_per_second: Limit of the capacity used for reading and writing together, 0.001
            to 1e12; None for no limit.
        segments: Number of parts of the table that are processed in parallel, 1 to 64.
        checkpoint: A file from which to resume if it exists; updated after each page, and removed
            at the end.
        on_progress: Called with the number of items read by this run, after each page, by several
            threads; an exception that it raises ends the migration.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the checkpoint belongs to another table
            or version, or cannot be read or written.
        TableNotFoundError: If the table does not exist.
        ConflictError: If concurrent changes of an item won at every attempt.

    >>> report = migrate(catalog)
    >>> report.versions, report.upgraded
    ({4: 25}, 0)
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(dry_run, "dry_run")
    if list_shards is not None:
        list_shards = check_list_shards(list_shards)
    check_segments(segments)
    path = None if checkpoint is None else check_path(checkpoint, "checkpoint")
    on_progress = check_progress(on_progress)
    pace = Pace(units_per_second)
    places = Checkpoint(None if dry_run else path, _walk(catalog), segments)
    migration = _Migration(catalog.gateway, pace, places, on_progress, is_dry=dry_run)
    migration.run()
    places.remove()
    if list_shards is not None:
        read = migration.report.items
        shards = ListShards(catalog, pace, segments, lambda more: on_progress(read + more))
        with persistent(Persistence(pace.rest)):
            (shards.predict if dry_run else shards.change_to)(list_shards)
        migration.report.moved = shards.moved
        migration.report.units += shards.units
        migration.report.left += shards.left
    return migration.report


def _walk(catalog: Catalog) -> dict[str, object]:
    endpoint = catalog.client.meta.endpoint_url
    return {"table": catalog.table, "endpoint": endpoint, "target": evolution.SCHEMA_VERSION}


class _Migration:
    def __init__(
        self,
        gateway: Gateway,
        pace: Pace,
        checkpoint: Checkpoint,
        on_progress: Callable[[int], None],
        *,
        is_dry: bool,
    ) -> None:
        self.report = MigrationReport()
        self._gateway = gateway
        self._pace = pace
        self._reads = PacedReads(gateway, pace)
        self._checkpoint = checkpoint
        self._on_progress = on_progress
        self._is_dry = is_dry
        self._foreseen: set[TitleKey] = set()
        """Titles of this version with older copies, which a dry run has counted."""
        self._lock = threading.Lock()

    def run(self) -> None:
        """Process all segments in parallel; an error in one ends all."""
        with persistent(Persistence(self._pace.rest)):
            self._move_tallies()
            in_parallel(self._walk, self._checkpoint.segments, self._pace.stop)

    def _walk(self, segment: int) -> None:
        checkpoint = self._checkpoint
        if checkpoint.is_done(segment):
            return
        pages = self._reads.pages_after(
            checkpoint.place(segment), segment, checkpoint.segments, page=PAGE
        )
        for items, last in pages:
            self._bring_up(items)
            checkpoint.reached(segment, last)
            with self._lock:
                self._count(items)
                seen = self.report.items
            self._on_progress(seen)
            if self._pace.is_stopped:
                return

    def _count(self, items: list[Item]) -> None:
        report = self.report
        report.items += len(items)
        ours = [item for item in items if item_name(item)]
        report.foreign += len(items) - len(ours)
        versions = Counter(evolution.version_of(item) or NO_VERSION for item in ours)
        total = Counter(report.versions) + versions
        report.versions = dict(sorted(total.items()))

    def _bring_up(self, items: list[Item]) -> None:
        """Upgrade the older items of a page; items of one title are adjacent."""
        older = [item for item in items if evolution.is_outdated(item) and item_name(item)]
        self._slots([i for i in older if isinstance(item_name(i), keys.SlotItem)], items)
        for title, group in groupby(older, key=_title_of):
            if title is not None:
                self._title(title, list(group), items)
                continue
            for item in group:
                if isinstance(item_name(item), keys.TallyItem | keys.FormerTally):
                    self._tally(item)

    def _tally(self, item: Item) -> None:
        """Upgrade a tally in its place, as long as it is older.

        A former one that is new since the tallies were moved is moved with all of its kind.
        """

        def upgrade(tried: int) -> None:
            now = self._reads.get(key_of(item)) if tried else item
            if now is not None and evolution.is_outdated(now):
                self._write((plan_upgrade(now),), {key_of(now): now})

        name = item_name(item)
        if isinstance(name, keys.FormerTally):
            if self._is_dry and read_tallies(self._reads, name.kind).move:
                return  # it is moved, and was counted
            retry_races(partial(self._move_tallies_of, name.kind))
        retry_races(upgrade)

    def _slots(self, slots: list[Item], page: list[Item]) -> None:
        """Upgrade slots: with the title that they name, which is written again if it is current."""
        owners = {key_of(slot): slot_owner(_kind_of(slot), slot) for slot in slots}
        found = self._reads.batch_get(keys.title_key(owner) for owner in owners.values() if owner)
        for slot in slots:
            owner = owners[key_of(slot)]
            own = found.get(keys.title_key(owner)) if owner else None
            if owner is None or own is None or read_items([own]).slot_key() != key_of(slot):
                self._leave([slot], "its title does not name it")
            elif not evolution.is_outdated(own):
                self._title(owner, [slot], page)

    def _move_tallies(self) -> None:
        """Move the tallies of all kinds to the keys of this version, each kind's together."""
        for kind in KINDS:
            retry_races(partial(self._move_tallies_of, kind))

    def _move_tallies_of(self, kind: Kind, _: int) -> None:
        planned = read_tallies(self._reads, kind).move
        former = self._reads.batch_get(key_of_action(each) for each in planned)
        if planned:
            self._write(planned, former)

    def _title(self, title: TitleKey, older: list[Item], page: list[Item]) -> None:
        """Write a title, its slot and its copies again, as some of them are older."""
        at = keys.title_key(title)
        own = next((item for item in older if key_of(item) == at), None)

        def rewrite(tried: int) -> Stored | None:
            now = own if own and not tried else self._reads.get(at)
            stored = read_stored(title, now)
            if now and stored and self._is_due(now, stored, older):
                if tried:
                    self._check_slot(stored)
                planned = plan_rewriting(stored, Encoded(stored.title))
                self._write(planned, self._items_before(stored, page))
            return stored

        try:
            stored = retry_races(rewrite)
        except (InvalidTitleError, SchemaMismatchError, UnknownEntityError) as error:
            self._leave(older, str(error))
        else:
            known = {at, *(_copies_of(stored) if stored else ())}
            known |= {keys.former_listing_key(title)} if stored else set()
            surplus = [item for item in older if key_of(item) not in known]
            self._leave(surplus, "it does not match its title")

    def _check_slot(self, stored: Stored) -> None:
        """Refuse a title whose slot has another one: no concurrent change is in the way."""
        title = stored.title
        at = None if stored.slot is None else keys.listing_key(title.key, stored.slot)
        slot = self._reads.get(at) if at else None
        if at and slot and slot_owner(title.kind, slot) != title.key:
            raise UnknownEntityError(
                f"its slot, {' | '.join(at)}, is not its own: `catalog-model repair` assigns one"
            )

    def _is_due(self, own: Item, stored: Stored, older: list[Item]) -> bool:
        """Whether to write a title now: with its own item's page, or if only copies are older."""
        if evolution.is_outdated(own):
            return any(key_of(item) == key_of(own) for item in older)
        copies = _copies_of(stored)
        found = self._reads.batch_get(key_of(i) for i in older if key_of(i) in copies)
        is_due = any(map(evolution.is_outdated, found.values()))
        if is_due and self._is_dry:  # its copies are on several pages, and it is written once
            with self._lock:
                is_due = stored.title.key not in self._foreseen
                self._foreseen.add(stored.title.key)
        return is_due

    def _items_before(self, stored: Stored, page: list[Item]) -> dict[ItemKey, Item]:
        """Return the items of a title as they are before it is written again.

        Those of a former one are on the page, unless that begins with them; its slot is not read.
        """
        key, slot = stored.title.key, stored.slot
        pk = keys.title_pk(key)
        if not stored.is_former or pk == key_of(page[0]).PK:
            items = self._reads.collection(pk)
        else:
            items = [item for item in page if pk == key_of(item).PK]
        if slot is not None and stored.is_former:
            bare = codec.encode_former_slot(key, slot)
            items.append({**bare, codec.SCHEMA: number(evolution.OLDEST_VERSION)})
        elif slot is not None:
            listing = self._reads.get(keys.listing_key(key, slot))
            items += [listing] if listing else []
        return {key_of(item): item for item in items}

    def _write(self, planned: Plan, before: Mapping[ItemKey, Item]) -> None:
        """Write a plan, except in a dry run, and count the older items among those *before*."""
        if not self._is_dry:
            self._gateway.transact(planned)
        units = predict_plan(SCHEMA, planned, before).total
        items = [before.get(key_of_action(each), {}) for each in planned]
        with self._lock:
            self.report.upgraded += sum(map(evolution.is_outdated, items))
            self.report.units += units
        if not self._is_dry:
            self._pace.spend(units)

    def _leave(self, older: list[Item], reason: str) -> None:
        """Record older items that still exist, with the reason; `repair` handles them."""
        for item in older:
            now = self._reads.get(key_of(item))
            if now is not None and evolution.is_outdated(now):
                with self._lock:
                    self.report.left.append((key_of(item), reason))


def _title_of(item: Item) -> TitleKey | None:
    """Return the title of an item next to a title; None for tallies and slots."""
    name = item_name(item)
    return name.key if isinstance(name, _NEXT_TO_A_TITLE) else None


def _copies_of(stored: Stored) -> set[ItemKey]:
    """Return the keys of a title's copies, including the one in its slot."""
    slot = expected_slot(stored)
    return {*expected_copies(stored), *([] if slot is None else [key_of(slot)])}


def _kind_of(slot: Item) -> Kind:
    return keys.parse_slot(*key_of(slot)).kind

"""Upgrades a whole table to the current schema version, while readers and writers continue.

It is never urgent: an older item is read as a current one, and the next change upgrades it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_path, check_progress
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.actions import Put
from catalog_model.dynamodb.capacity import (
    TRANSACTION_FACTOR,
    TRANSACTION_INDEX_FACTOR,
    write_units,
)
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_segments
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import Persistence, persistent, retry_races
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import InvalidTitleError, SchemaMismatchError, UnknownEntityError
from catalog_model.maintenance.checkpoint import Checkpoint
from catalog_model.table import codec, evolution, keys
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.plan import Stored, plan_rewriting, plan_upgrade
from catalog_model.table.title_items import item_name, key_of, read_stored

PAGE: Final = 100
"""How many items are read, upgraded and recorded in the checkpoint at a time."""

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
    units_per_second: float | None = None,
    segments: int = SEGMENTS,
    checkpoint: str | Path | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> MigrationReport:
    """Upgrade every item of an older version to the current one.

    A title and its copies are written in one transaction, on the condition that the title has not
    changed; a tally or a slot by an update that sets the new attributes, on the condition that it
    still has the older version. Concurrent writes are never overwritten. A second run writes
    nothing. An interrupted migration is resumed by running it again; with a checkpoint it continues
    where it stopped.

    Costs a read unit for each 4 KB of the table, and for upgraded items 2 write units for each KB
    of a title and its copies, 1 for a tally or a slot. An index is not charged if its entry stays
    the same; a title that moves in the index by name costs two writes of its entry there.

    Args:
        dry_run: Whether to only read the whole table; a checkpoint is neither read nor written.
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
    ({3: 30}, 0)
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(dry_run, "dry_run")
    check_segments(segments)
    path = None if checkpoint is None else check_path(checkpoint, "checkpoint")
    on_progress = check_progress(on_progress)
    pace = Pace(units_per_second)
    places = Checkpoint(None if dry_run else path, _walk(catalog), segments)
    migration = _Migration(catalog.gateway, pace, places, on_progress, is_dry=dry_run)
    migration.run()
    places.remove()
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
        self._lock = threading.Lock()

    def run(self) -> None:
        """Process all segments in parallel; an error in one ends all."""
        with persistent(Persistence(self._pace.rest)):
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
        if self._is_dry:
            for item in older:
                self._wrote(1, _units_of(evolution.upgraded(item), item))
            return
        for title, group in groupby(older, key=_title_of):
            if title is None:
                for item in group:
                    self._part(item)
            else:
                own = next((i for i in items if key_of(i) == keys.title_key(title)), None)
                self._title(title, own, list(group))

    def _part(self, item: Item) -> None:
        """Upgrade a tally or a slot as long as it is older, except one with an invalid version."""

        def upgrade(tried: int) -> None:
            now = self._reads.get(key_of(item)) if tried else item
            if now is not None and evolution.is_outdated(now):
                self._gateway.update(plan_upgrade(now))
                self._wrote(1, _units_of(evolution.upgraded(now), now))

        try:
            codec.read_version(item)
        except UnknownEntityError as error:
            self._leave([item], str(error))
        else:
            retry_races(upgrade)

    def _title(self, title: TitleKey, own: Item | None, older: list[Item]) -> None:
        """Write a title and its copies again, because some of them are older."""

        def rewrite(tried: int) -> set[ItemKey]:
            now = None if tried else own
            stored = read_stored(title, now or self._reads.get(keys.title_key(title)))
            return self._rewrite(stored, older)

        try:
            written = retry_races(rewrite)
        except (InvalidTitleError, SchemaMismatchError, UnknownEntityError) as error:
            self._leave(older, str(error))
        else:
            surplus = [item for item in older if key_of(item) not in written]
            self._leave(surplus, "it does not match its title")

    def _rewrite(self, stored: Stored | None, older: list[Item]) -> set[ItemKey]:
        """Write a title and its copies, some of which are *older*; return the keys written."""
        if stored is None:
            return set()
        planned = plan_rewriting(stored, Encoded(stored.title))
        self._gateway.transact(planned)
        written = [each.item for each in planned if isinstance(each, Put)]
        before = {key_of(item): item for item in older}
        units = sum(_units_of(item, before.get(key_of(item))) for item in written)
        self._wrote(len(written), units)
        return set(map(key_of, written))

    def _leave(self, older: list[Item], reason: str) -> None:
        """Record older items that still exist, with the reason; `repair` handles them."""
        for item in older:
            now = self._reads.get(key_of(item))
            if now is not None and evolution.is_outdated(now):
                with self._lock:
                    self.report.left.append((key_of(item), reason))

    def _wrote(self, items: int, units: float) -> None:
        with self._lock:
            self.report.upgraded += items
            self.report.units += units
        if not self._is_dry:
            self._pace.spend(units)


def _title_of(item: Item) -> TitleKey | None:
    """Return the title of an item; None for tallies and slots."""
    name = item_name(item)
    return None if isinstance(name, keys.TallyItem | keys.SlotItem | None) else name.key


def _units_of(item: Item, before: Item | None) -> float:
    """Predict the cost of writing an item; without *before*, the index entries stay the same."""
    units = write_units(SCHEMA, before or item, item)
    if _title_of(item) is None:
        return units.total
    on_indexes = TRANSACTION_INDEX_FACTOR * sum(units.indexes.values())
    return TRANSACTION_FACTOR * units.table + on_indexes

"""Checks the whole table: whether all derived data matches its titles.

A parallel Scan sees each item once. Suspicious items are read again, so that a change in progress
is not reported as a defect. Memory does not grow with the table: counts and slots are added up as
counts and checksums, and only a shard whose sums disagree is examined item by item.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_progress, counted
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_rate, check_segments
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.dynamodb.typed_json import Item
from catalog_model.maintenance.census import Census, Shard
from catalog_model.maintenance.findings import (
    Finding,
    Problem,
    check_collection,
    check_item,
    check_title_items,
    count_finding,
    counts_in,
    slot_finding,
)
from catalog_model.table import codec, evolution, keys
from catalog_model.table.keys import SHARDS
from catalog_model.table.title_items import (
    Share,
    is_of_a_title,
    read_items,
    read_title,
    slot_key,
    slot_owner,
    slots_in,
)

SECOND_LOOK: Final = 0.1
"""Seconds until a suspicious item is read again."""

LOOKS_AT_ONCE: Final = 100
"""How many suspicious titles are checked again together."""

SHARDS_OF_ALL: Final = tuple((kind, shard) for kind in KINDS for shard in range(SHARDS))


@dataclass(frozen=True, slots=True)
class Report:
    """The result of a verification: what was read, and the findings."""

    findings: tuple[Finding, ...]
    more_findings: int
    """The number of findings beyond those listed: the first 10,000 of each problem are listed."""
    items: int
    titles: int
    undecided: tuple[Shard, ...]
    """Shards with creations or deletions during the run: their counts and slots were not checked.
    """
    outdated: int = 0
    """The number of items of an older version, which are no defects: `migrate` upgrades them."""
    more: Mapping[Problem, int] = field(default_factory=dict)
    """The number of unlisted findings, by problem."""

    @property
    def is_clean(self) -> bool:
        """Whether there are no findings."""
        return not self.findings and not self.more_findings


def verify(
    catalog: Catalog,
    *,
    read_units_per_second: float | None = None,
    segments: int = SEGMENTS,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Read the whole table and report all derived data that does not match its titles.

    Findings have no order. Reads with strong consistency: a read unit for each 4 KB of the table,
    and a little more for repeated checks. Nothing is written. Writers may continue; the counts and
    slots of shards with concurrent creations or deletions are left undecided.

    Args:
        read_units_per_second: Limit of the read capacity used, 0.001 to 1e12; None for no limit.
        segments: Number of parts of the table that are read in parallel, 1 to 64.
        on_progress: Called with the number of items read so far, by several threads.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        TableNotFoundError: If the table does not exist.

    >>> verify(catalog).is_clean
    True
    """
    check_instance(catalog, "catalog", Catalog)
    check_segments(segments)
    on_progress = check_progress(on_progress)
    pace = Pace(check_rate(read_units_per_second, "read_units_per_second"))
    reads = PacedReads(catalog.gateway, pace)
    with persistent(Persistence(pace.rest)):
        return _Verification(reads, segments, on_progress).report()


class _Verification:
    def __init__(
        self, reads: PacedReads, segments: int, on_progress: Callable[[int], None]
    ) -> None:
        self._reads = reads
        self._segments = segments
        self._on_progress = on_progress
        self._seen = 0

    def report(self) -> Report:
        before = self._tallies()
        census = Census()
        for part in in_parallel(self._look_at_segment, self._segments, self._reads.stop):
            census.add(part)
        after = self._tallies()
        undecided = tuple(each for each in SHARDS_OF_ALL if before.get(each) != after.get(each))
        decided = [each for each in SHARDS_OF_ALL if each not in undecided]
        census.note(_check_counts(census, decided, after))
        suspects = [each for each in decided if not census.slots[each].agree()]
        if suspects:
            census.note(self._check_slots({each: census.slots[each].titles for each in suspects}))
        return Report(
            findings=tuple(census.findings),
            more_findings=census.more.total(),
            items=census.items,
            titles=census.titles,
            undecided=undecided,
            outdated=census.outdated,
            more=dict(census.more),
        )

    def _tallies(self) -> dict[Shard, Item]:
        wanted = {keys.tally_key(*each): each for each in SHARDS_OF_ALL}
        found = self._reads.batch_get(wanted)
        return {wanted[key]: evolution.upgraded(item) for key, item in found.items()}

    def _look_at_segment(self, segment: int) -> Census:
        look = _Look(self._reads)
        for items in side_by_side(self._items(segment)):
            look.at(items)
        look.again()
        return look.census

    def _items(self, segment: int) -> Iterator[Item]:
        for items in self._reads.pages(segment, self._segments):
            self._seen += len(items)
            self._on_progress(self._seen)
            yield from items

    def _check_slots(self, suspects: Mapping[Shard, int]) -> Iterator[Finding]:
        for shard, titles in suspects.items():
            yield from self._check_owners(*shard, titles)
        for items in self._reads.every_page():
            yield from self._check_owned(items, suspects)

    def _check_owners(self, kind: Kind, shard: int, titles: int) -> Iterator[Finding]:
        """Find slots whose title does not name them, and slots beyond a gap."""
        slots = slots_in(self._reads.collection(keys.slot_key(kind, shard, 0).PK))
        owners = {number: slot_owner(kind, item) for number, item in slots.items()}
        owned = self._reads.batch_get(keys.title_key(owner) for owner in owners.values() if owner)
        for number, owner in owners.items():
            key = keys.slot_key(kind, shard, number)
            record = owned.get(keys.title_key(owner)) if owner else None
            if owner is None:
                yield slot_finding("slot dangling", key, None, "an invalid id")
            elif record is None:
                yield slot_finding("slot dangling", key, owner, "no such title")
            elif (keys.shard_of(owner), codec.read_slot(record)) != (shard, number):
                found = record.get(codec.SLOT, "missing")
                yield slot_finding("slot doubled", key, owner, f"its slot is {found}")
            elif number >= titles:
                yield slot_finding("slot dangling", key, owner, f"only {counted(titles, 'title')}")

    def _check_owned(self, items: list[Item], suspects: Collection[Shard]) -> Iterator[Finding]:
        """Find titles of these shards whose slot does not name them."""
        records = [read_title(item) for item in items if item.get("PK") == item.get("SK")]
        titles = {
            record.title.key: record.slot
            for record in records
            if record and (record.title.kind, keys.shard_of(record.title.key)) in suspects
        }
        wanted = {key: slot_key(key, slot) for key, slot in titles.items() if slot is not None}
        found = self._reads.batch_get(wanted.values())
        for key in titles:
            at = wanted.get(key)
            item = found.get(at) if at else None
            owner = slot_owner(key.kind, item) if item else None
            if owner != key:
                where = at or keys.title_key(key)
                yield slot_finding("slot missing", where, key, f"{owner or 'no such slot'}")


def _check_counts(
    census: Census, shards: Iterable[Shard], tallies: dict[Shard, Item]
) -> Iterator[Finding]:
    for each in shards:
        expected, found = dict(census.counts[each]), counts_in(tallies.get(each, {}))
        if expected != found:
            yield count_finding(*each, expected, found)


class _Look:
    """The state of one walk over a part of the table, with items to check again."""

    def __init__(self, reads: PacedReads) -> None:
        self.census = Census()
        self._reads = reads
        self._suspects: list[str] = []
        self._unreadable: list[Share] = []

    def at(self, items: list[Item]) -> None:
        for item in items:
            self.census.count(item)
        if not is_of_a_title(items[0]):
            self.census.note(check_item(items[0]))
            return
        of_title = read_items(items)
        share = of_title.share()
        if of_title.record is not None and share:
            self.census.titles += 1
            self.census.enrol(share)
        elif share:
            self._unreadable.append(share)
        if check_title_items(of_title):
            self._suspects.append(items[0]["PK"]["S"])
        if len(self._suspects) >= LOOKS_AT_ONCE:
            self.again()

    def again(self) -> None:
        """Check suspicious titles twice more before reporting them."""
        self.census.note(self._believed())
        self._suspects = []
        wanted = {s: slot_key(s.key, s.slot) for s in self._unreadable if s.slot is not None}
        found = self._reads.batch_get(wanted.values()) if wanted else {}
        for share, key in wanted.items():  # only titles whose slot names them
            if key in found and slot_owner(share.key.kind, found[key]) == share.key:
                self.census.enrol(share)
        self._unreadable = []

    def _believed(self) -> Iterator[Finding]:
        looks = [(each, self._check(each)) for each in self._suspects]
        wrong = [(each, found) for each, found in looks if found]
        if wrong:
            waits.sleep(SECOND_LOOK)
        for partition, once in wrong:
            yield from (finding for finding in self._check(partition) if finding in once)

    def _check(self, partition: str) -> list[Finding]:
        return check_collection(filter(is_of_a_title, self._reads.collection(partition)))


def side_by_side(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Group adjacent items of one title; any other item is its own group."""
    together: list[Item] = []
    for item in items:
        if not is_of_a_title(item):
            yield [item]
            continue
        if together and together[0]["PK"] != item["PK"]:
            yield together
            together = []
        together.append(item)
    if together:
        yield together

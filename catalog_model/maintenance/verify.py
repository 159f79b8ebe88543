"""Checks the whole table: whether all derived data matches its titles.

A parallel Scan sees each item once. Suspicious items are read again, so that a change in progress
is not reported as a defect. Memory does not grow with the table: counts and slots are added up as
counts and checksums, and only a shard whose sums disagree is examined item by item.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_progress
from catalog_model.domain.kinds import KINDS, TitleKey
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_rate, check_segments
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.maintenance.census import Census, Shard
from catalog_model.maintenance.findings import (
    Finding,
    Problem,
    check_item,
    check_listed,
    check_lists,
    check_slot,
    check_sparse,
    check_spread,
    check_tally,
    check_title_items,
    count_finding,
    counts_in,
    is_astray,
)
from catalog_model.maintenance.tallies import agreed_spread, every_tally
from catalog_model.table import keys
from catalog_model.table.keys import SHARDS
from catalog_model.table.slots import Shard as TallyOfShard
from catalog_model.table.spread import NOT_SPREAD, Spread
from catalog_model.table.title_items import (
    TitleItems,
    expected_slot,
    is_of_a_title,
    item_name,
    key_of,
    read_items,
    slot_owner,
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
    list_shards: int = 1
    """The number of partitions of each list."""
    other_list_shards: int | None = None
    """The other number that lists of some titles may have, while `migrate` changes it or if it was
    interrupted.
    """

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
        self._shards: dict[Shard, TallyOfShard] = {}
        self._spread = NOT_SPREAD

    def report(self) -> Report:
        before = every_tally(self._reads)
        self._shards = {each: check_tally(*each, tally)[0] for each, tally in before.items()}
        self._spread = agreed_spread(before.values())
        census = Census()
        for part in in_parallel(self._look_at_segment, self._segments, self._reads.stop):
            census.add(part)
        after = every_tally(self._reads)
        spread = agreed_spread(after.values())
        undecided = tuple(each for each in SHARDS_OF_ALL if before.get(each) != after.get(each))
        decided = [each for each in SHARDS_OF_ALL if each not in undecided]
        census.note(_check_tallies(census, decided, after, spread))
        suspects = {each for each in decided if not census.slots[each].agree()}
        if suspects:
            census.note(self._check_slots(suspects))
        return Report(
            findings=tuple(census.findings),
            more_findings=census.more.total(),
            items=census.items,
            titles=census.titles,
            undecided=undecided,
            outdated=census.outdated,
            more=dict(census.more),
            list_shards=spread.lists,
            other_list_shards=spread.also,
        )

    def _look_at_segment(self, segment: int) -> Census:
        look = _Look(self._reads, self._shards, self._spread)
        for items in side_by_side(self._items(segment)):
            look.at(items)
        look.again()
        return look.census

    def _items(self, segment: int) -> Iterator[Item]:
        for items in self._reads.pages(segment, self._segments):
            self._seen += len(items)
            self._on_progress(self._seen)
            yield from items

    def _check_slots(self, suspects: Collection[Shard]) -> Iterator[Finding]:
        """Check the titles and the slots of these shards one by one, in another walk."""
        pairs = _Pairs(self._reads)
        for items in self._reads.every_page():
            pairs.note(items, suspects)
            if pairs.are_many():
                yield from pairs.believed()
        yield from pairs.believed()


def _check_tallies(
    census: Census, shards: Iterable[Shard], tallies: dict[Shard, Item], spread: Spread
) -> Iterator[Finding]:
    for each in shards:
        tally = tallies.get(each, {})
        expected, found = dict(census.counts[each]), counts_in(tally)
        if expected != found:
            yield count_finding(*each, expected, found)
        shard, wrong = check_tally(*each, tally)
        yield from wrong
        yield from check_spread(*each, tally, spread)
        yield from check_sparse(*each, shard, census.slots[each].titles)


class _Pairs:
    """Titles and slots that may not match. They are read twice before they are reported."""

    def __init__(self, reads: PacedReads) -> None:
        self._reads = reads
        self._titles: list[TitleKey] = []
        self._slots: list[ItemKey] = []

    def note(self, items: Iterable[Item], shards: Collection[Shard]) -> None:
        """Note the titles and slots of these shards among *items*."""
        for item in items:
            match item_name(item):
                case keys.TitleItem(key) if (key.kind, keys.shard_of(key)) in shards:
                    self._titles.append(key)
                case keys.SlotItem(kind, shard) if (kind, shard) in shards:
                    self._slots.append(key_of(item))

    def are_many(self) -> bool:
        """Whether there are enough to read them together."""
        return len(self._titles) + len(self._slots) >= LOOKS_AT_ONCE

    def believed(self) -> Iterator[Finding]:
        """Yield what is wrong at both looks, and forget them."""
        once = self._look()
        if once:
            waits.sleep(SECOND_LOOK)
            again = self._look()
            yield from (finding for finding in once if finding in again)
        self._titles, self._slots = [], []

    def _look(self) -> list[Finding]:
        return [*self._look_at_titles(), *self._look_at_slots()]

    def _look_at_titles(self) -> Iterator[Finding]:
        own = self._reads.batch_get(map(keys.title_key, self._titles))
        of_titles = [read_items([item]) for item in own.values()]
        places = {each.slot_key() for each in of_titles} - {None}
        slots = self._reads.batch_get(place for place in places if place)
        for each in of_titles:
            at = each.slot_key()
            yield from check_slot(replace(each, slot=slots.get(at) if at else None))

    def _look_at_slots(self) -> Iterator[Finding]:
        found = self._reads.batch_get(self._slots)
        names = {at: keys.parse_slot(*at) for at in found}
        owners = {at: slot_owner(names[at].kind, item) for at, item in found.items()}
        titles = {at: keys.title_key(owner) for at, owner in owners.items() if owner}
        own = self._reads.batch_get(titles.values())
        tallies = every_tally(self._reads)
        for at, item in found.items():
            kind, number = names[at].kind, names[at].shard
            shard, _ = check_tally(kind, number, tallies.get((kind, number), {}))
            yield from check_listed(item, own.get(titles[at]) if at in titles else None, shard)


class _Look:
    """The state of one walk over a part of the table, with items to check again."""

    def __init__(
        self, reads: PacedReads, shards: Mapping[Shard, TallyOfShard], spread: Spread
    ) -> None:
        self.census = Census()
        self._reads = reads
        self._shards = shards
        self._spread = spread
        self._suspects: list[str] = []
        self._unreadable: list[TitleItems] = []

    def at(self, items: list[Item]) -> None:
        for item in items:
            self.census.count(item, self._shards)
        if not is_of_a_title(items[0]):
            self.census.note(check_item(items[0]))
            return
        of_title = read_items(items)
        share = of_title.share()
        if of_title.record is not None and share:
            self.census.titles += 1
            self.census.enrol(share, expected_slot(of_title.record))
        elif share:
            self._unreadable.append(of_title)
        if check_title_items(of_title) or is_astray(of_title, self._spread):
            self._suspects.append(items[0]["PK"]["S"])
        if len(self._suspects) >= LOOKS_AT_ONCE:
            self.again()

    def again(self) -> None:
        """Check suspicious titles twice more before reporting them."""
        self.census.note(self._believed())
        self._suspects = []
        wanted = {each.slot_key(): each.share() for each in self._unreadable}
        found = self._reads.batch_get(at for at in wanted if at) if wanted else {}
        for at, item in found.items():  # only titles whose slot names them
            share = wanted[at]
            if share and slot_owner(share.key.kind, item) == share.key:
                self.census.enrol(share, item)
        self._unreadable = []

    def _believed(self) -> Iterator[Finding]:
        looks = [(each, self._check(each)) for each in self._suspects]
        wrong = [(each, found) for each, found in looks if found]
        if wrong:
            waits.sleep(SECOND_LOOK)
        for partition, once in wrong:
            yield from (finding for finding in self._check(partition) if finding in once)

    def _check(self, partition: str) -> list[Finding]:
        items = list(filter(is_of_a_title, self._reads.collection(partition)))
        of_title = read_items(items)
        findings = check_title_items(of_title)
        if is_astray(of_title, self._spread):
            key = of_title.key
            tally = self._reads.get(keys.tally_key(key.kind, keys.shard_of(key)))
            findings += check_lists(of_title, agreed_spread([tally or {}]))
        return findings


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

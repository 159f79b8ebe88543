"""Looks at the whole table, whether everything in it follows from its titles.

A parallel Scan sees each item once. Whatever looks wrong is read again before it is reported, so
that a change under way is not taken for a defect. An item of an older version counts as what it is
read as. Memory does not grow with the table: what has to
be compared across items, the counts and the slots, is added up as counts and checksums, and only a
shard of which these disagree is looked at item by item.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from catalog_model import codec, evolution, keys
from catalog_model.arguments import check_instance, refuse
from catalog_model.catalog import Catalog
from catalog_model.census import Census
from catalog_model.codec import Item
from catalog_model.findings import (
    Finding,
    check_collection,
    check_item,
    count_finding,
    counts_in,
    name_of,
    read_title,
    slot_finding,
)
from catalog_model.formulas import rcu
from catalog_model.gateway import EVERYTHING, Gateway
from catalog_model.keys import KINDS, SHARDS, ItemKey, Kind, TitleKey
from catalog_model.pace import Pace
from catalog_model.sizes import item_size

SEGMENTS: Final = 4
MOST_SEGMENTS: Final = 64
MOST_FINDINGS: Final = 10_000
"""How many findings a report names; further ones are counted."""

SECOND_LOOK: Final = 0.1
"""Seconds until what looks wrong is looked at again."""

PACED_PAGE: Final = 100
"""How many items a page has where somebody is held back: the less, the evener."""

Shard = tuple[Kind, int]
SHARDS_OF_ALL: Final = tuple((kind, shard) for kind in KINDS for shard in range(SHARDS))


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification saw, and what of it is not as it should be."""

    findings: tuple[Finding, ...]
    more_findings: int
    """How many there are besides those that are named."""
    items: int
    titles: int
    undecided: tuple[Shard, ...]
    """Shards whose titles came and went meanwhile: their counts and slots were not judged."""
    outdated: int = 0
    """How many items are of an older version: no defect, `catalog_model.migrate` brings them up."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not self.more_findings


def verify(
    catalog: Catalog,
    *,
    read_units_per_second: float | None = None,
    segments: int = SEGMENTS,
    on_progress: Callable[[int], None] | None = None,
) -> Report:
    """Read the whole table and report whatever does not follow from its titles.

    Findings come in no order. Reads consistently: a read unit for each 4 KB of the table, and a
    little more for what has to be looked at again. Nothing is written. Writers may go on; where
    titles come and go while it looks, counts and slots of those shards are left undecided.

    Args:
        read_units_per_second: How much capacity it may take, above 0; None takes what it gets.
        segments: How many parts of the table are read at the same time, 1 to 64.
        on_progress: Called with the number of items seen so far, by several threads.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        TableNotFoundError: If there is no table.

    >>> verify(catalog).is_clean
    True
    """
    check_instance(catalog, "catalog", Catalog)
    if type(segments) is not int or not 1 <= segments <= MOST_SEGMENTS:
        refuse("segments", segments, f"a whole number from 1 to {MOST_SEGMENTS}")
    if on_progress is not None and not callable(on_progress):
        refuse("on_progress", on_progress, "a function of a number")
    pace = Pace(read_units_per_second)
    verification = _Verification(catalog.gateway, pace, segments, on_progress or (lambda _: None))
    return verification.report()


class _Verification:
    """One look at the whole table."""

    def __init__(
        self, gateway: Gateway, pace: Pace, segments: int, on_progress: Callable[[int], None]
    ) -> None:
        self._gateway = gateway
        self._pace = pace
        self._segments = segments
        self._on_progress = on_progress
        self._seen = 0

    def report(self) -> Report:
        """Look at everything."""
        before = self._tallies()
        census = Census()
        for part in self._in_parallel(self._look_at_segment):
            census.add(part)
        after = self._tallies()
        undecided = tuple(each for each in SHARDS_OF_ALL if before.get(each) != after.get(each))
        decided = [each for each in SHARDS_OF_ALL if each not in undecided]
        found = [*census.findings, *_check_counts(census, decided, after)]
        suspects = [each for each in decided if not census.slots_agree(each)]
        if suspects:
            found += self._check_slots({each: census.titles_of(each) for each in suspects})
        return Report(
            findings=tuple(found[:MOST_FINDINGS]),
            more_findings=census.more_findings + len(found[MOST_FINDINGS:]),
            items=census.items,
            titles=census.titles,
            undecided=undecided,
            outdated=census.outdated,
        )

    def _in_parallel(self, look: Callable[[int], Census]) -> Iterator[Census]:
        with ThreadPoolExecutor(self._segments) as pool:
            yield from pool.map(look, range(self._segments))

    def _tallies(self) -> dict[Shard, Item]:
        wanted = {keys.tally_key(*each): each for each in SHARDS_OF_ALL}
        found = self._gateway.batch_get(wanted, consistent=True)
        return {wanted[key]: evolution.upgraded(item) for key, item in found.items()}

    def _look_at_segment(self, segment: int) -> Census:
        census = Census()
        collection: list[Item] = []
        for item in self._items(segment):
            census.count(item)
            if not _is_of_a_title(item):
                census.note(check_item(item))
                continue
            if collection and collection[0]["PK"] != item["PK"]:
                self._judge(collection, census)
                collection = []
            collection.append(item)
        if collection:
            self._judge(collection, census)
        return census

    def _items(self, segment: int) -> Iterator[Item]:
        page = PACED_PAGE if self._pace.is_limited else None
        for items in self._gateway.scan(segment, self._segments, page=page):
            self._pace.spend(rcu(sum(map(size_of, items))))
            self._seen += len(items)
            self._on_progress(self._seen)
            yield from items

    def _judge(self, collection: list[Item], census: Census) -> None:
        """Look at a title's items; where something is wrong, twice more before it is believed."""
        if not check_collection(collection):
            return
        partition = collection[0]["PK"]["S"]
        once = self._look_again(partition)
        if once:
            time.sleep(SECOND_LOOK)
            twice = self._look_again(partition)
            census.note(finding for finding in twice if finding in once)

    def _look_again(self, partition: str) -> list[Finding]:
        items = self._gateway.query(partition, EVERYTHING, consistent=True)
        self._pace.spend(rcu(sum(map(size_of, items))))
        return check_collection(items)

    def _check_slots(self, suspects: dict[Shard, int]) -> list[Finding]:
        """Look at each slot of these shards, and at each title, whether they name each other."""
        found = [
            finding
            for (kind, shard), titles in suspects.items()
            for finding in self._check_owners(kind, shard, titles)
        ]
        looked = (
            [finding for titles in self._titles_of(segment, suspects) for finding in titles]
            for segment in range(self._segments)
        )
        return found + [finding for findings in looked for finding in findings]

    def _check_owners(self, kind: Kind, shard: int, titles: int) -> Iterator[Finding]:
        """Find slots that name a title that does not name them, or that lie behind a gap."""
        slots = self._gateway.query(keys.slot_key(kind, shard, 0).PK, EVERYTHING, consistent=True)
        owners = [codec.decode_slot(kind, item) for item in slots if codec.TITLE_ID in item]
        found = self._gateway.batch_get(map(keys.title_key, owners), consistent=True)
        for item in slots:
            key, owner = ItemKey(item["PK"]["S"], item["SK"]["S"]), codec.decode_slot(kind, item)
            title = found.get(keys.title_key(owner))
            number = keys.parse_key(*key).number  # type: ignore[union-attr]
            if title is None:
                yield slot_finding("slot dangling", key, owner, "no such title")
            elif codec.read_int(title, codec.SLOT, -1) != number:
                yield slot_finding("slot doubled", key, owner, f"its slot is {_slot_of(title)}")
            elif number >= titles:
                yield slot_finding("slot dangling", key, owner, f"only {titles} titles")

    def _titles_of(self, segment: int, suspects: Collection[Shard]) -> Iterator[list[Finding]]:
        """Find titles whose slot does not name them."""
        for items in self._gateway.scan(segment, self._segments):
            self._pace.spend(rcu(sum(map(size_of, items))))
            records = [read_title(item) for item in items if item.get("PK") == item.get("SK")]
            titles = {
                record.title.key: record.slot
                for record in records
                if record and (record.title.kind, keys.shard_of(record.title.key)) in suspects
            }
            yield list(self._check_slots_of(titles))

    def _check_slots_of(self, titles: dict[TitleKey, int | None]) -> Iterator[Finding]:
        wanted = {
            key: keys.slot_key(key.kind, keys.shard_of(key), slot)
            for key, slot in titles.items()
            if slot is not None
        }
        found = self._gateway.batch_get(wanted.values(), consistent=True)
        for key in titles:
            at = wanted.get(key)
            item = found.get(at) if at else None
            if item is None or codec.decode_slot(key.kind, item) != key:
                owner = codec.decode_slot(key.kind, item) if item else "nothing"
                where = at or keys.title_key(key)
                yield slot_finding("slot missing", where, key, f"there is {owner}")


def _check_counts(
    census: Census, shards: Iterable[Shard], tallies: dict[Shard, Item]
) -> Iterator[Finding]:
    for each in shards:
        expected, found = census.counts_of(each), counts_in(tallies.get(each, {}))
        if expected != found:
            yield count_finding(*each, expected, found)


def _is_of_a_title(item: Item) -> bool:
    name = name_of(item)
    return isinstance(name, keys.TitleItem | keys.ListingItem | keys.MembershipItem)


def _slot_of(title: Item) -> object:
    return codec.read_int(title, codec.SLOT) if codec.SLOT in title else "missing"


def size_of(item: Item) -> int:
    """Size an item that may be anything."""
    try:
        return item_size(item)
    except ValueError:  # a kind of value that no item of this model has
        return len(repr(item))

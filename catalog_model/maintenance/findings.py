"""The possible inconsistencies of the table, and how to detect them. Pure: items in, findings out.

The title's own item is the source of truth; everything else is derived from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from catalog_model.checks import counted
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.typed_json import Item, ItemKey, Value, number, read_int, text
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.indexes import INDEX_KEYS
from catalog_model.table.plan import Stored
from catalog_model.table.slots import Shard, are_sparse
from catalog_model.table.spread import Spread, statement_in
from catalog_model.table.title_items import (
    TitleItems,
    expected_copies,
    expected_slot,
    is_copy,
    item_name,
    key_of,
    name_of,
    read_items,
    slot_owner,
)

Problem = Literal[
    "membership missing",
    "membership surplus",
    "listing missing",
    "listing surplus",
    "copy stale",
    "index key wrong",
    "count wrong",
    "slot missing",
    "slot doubled",
    "slot dangling",
    "slot free",
    "slots sparse",
    "unknown entity",
    "unreadable item",
    "wrong schema version",
]
PROBLEMS: Final[tuple[Problem, ...]] = get_args(Problem)

SHARD_PROBLEMS: Final[frozenset[Problem]] = frozenset(
    {"count wrong", "slot missing", "slot doubled", "slot dangling", "slot free", "slots sparse"}
)
"""Problems that show only across the titles, slots and counts of a shard, and are repaired there.
"""

INDEX_ATTRIBUTES: Final = frozenset(name for pair in INDEX_KEYS.values() for name in pair)
_JUDGED_ELSEWHERE: Final = INDEX_ATTRIBUTES | {codec.SCHEMA, codec.TYPE}
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """One inconsistency: the item, the title, the expected and the actual value."""

    problem: Problem
    key: ItemKey
    title: TitleKey | None
    expected: str
    found: str

    def __str__(self) -> str:
        title = f" of {self.title.kind} {self.title.id}" if self.title else ""
        where = f"{self.key.PK} | {self.key.SK}"
        return f"{self.problem}{title} at {where}: expected {self.expected}, found {self.found}"


def check_item(item: Item) -> Iterator[Finding]:
    """Check a single item: its key, its type, its schema version and its index keys."""
    key = key_of(item)
    name = name_of(key)
    if name is None:
        yield Finding("unknown entity", key, None, "a key of this model", _shown(item))
        return
    if isinstance(name, keys.FormerTally):
        return
    if isinstance(name, keys.SlotItem):
        title = slot_owner(name.kind, item)
    else:
        title = getattr(name, "key", None)
    yield from _check_own(item, key, title)
    if isinstance(name, keys.TallyItem):
        try:
            codec.read_version(item)
        except UnknownEntityError as error:
            yield Finding("unreadable item", key, None, "a tally with a version", str(error))
    in_lists = is_copy(name) or isinstance(name, keys.SlotItem)
    stray = {} if in_lists else {n: item[n] for n in sorted(item.keys() & INDEX_ATTRIBUTES)}
    if stray:
        yield Finding("index key wrong", key, title, "an item that is in no list", _shown(stray))


def _check_own(item: Item, key: ItemKey, title: TitleKey | None) -> Iterator[Finding]:
    name = keys.parse_key(*key)
    expected: Item = {codec.SCHEMA: number(codec.SCHEMA_VERSION)}
    if evolution.is_known(item):  # an item with a version must also have a type
        expected[codec.TYPE] = text(evolution.type_of(name))
        item = evolution.upgraded(item)
    if isinstance(name, keys.TitleItem) and codec.VERSION not in item:
        expected[codec.VERSION] = "a number"
    if {of: item.get(of) for of in expected} != expected:
        found = _shown({of: item.get(of) for of in expected})
        yield Finding("wrong schema version", key, title, _shown(expected), found)


def is_valid_item(item: Item) -> bool:
    """Return whether an item's own attributes are valid, and it is only in its own lists."""
    return not any(check_item(item))


def check_collection(items: Iterable[Item]) -> list[Finding]:
    """Check all items of one title together."""
    return check_title_items(read_items(items))


def check_title_items(of_title: TitleItems) -> list[Finding]:
    """Check all items of one title together, except its slot."""
    unreadable = of_title.own if of_title.is_unreadable else None
    judged = [i for i in of_title.by_key.values() if i is not unreadable or evolution.is_newer(i)]
    findings = [finding for item in judged for finding in check_item(item)]
    if of_title.record is not None and of_title.own is not None:
        findings += _check_document(of_title.record, of_title.own)
        return findings + list(_check_copies(of_title.record, of_title.copies))
    if of_title.own is None:
        none = "no copy of a missing title"
        return findings + [_surplus(key, none) for key in of_title.copies]
    key, reason = key_of(of_title.own), codec.why_unreadable(of_title.own)
    wanted = f"a {of_title.key.kind} that can be read"
    return [*findings, Finding("unreadable item", key, of_title.key, wanted, reason)]


def expected_document(record: Stored) -> Value | None:
    """Return the JSON text that belongs in a title's own item, if it has room."""
    item = codec.encode_title(record.title, version=record.version, slot=record.slot or 0)
    return codec.with_lists(item, record.lists).get(codec.DOC)


def _check_document(record: Stored, own: Item) -> Iterator[Finding]:
    if not evolution.is_current(own):  # it is written with the rest
        return
    expected, found = expected_document(record), own.get(codec.DOC)
    if expected != found:
        key = key_of(own)
        yield Finding("copy stale", key, record.title.key, _shown(expected), _shown(found))


def _check_copies(record: Stored, copies: Mapping[ItemKey, Item]) -> Iterator[Finding]:
    title, expected = record.title, expected_copies(record)
    for key, copy in expected.items():
        if key not in copies:
            yield Finding(_of_kind(key, "missing"), key, title.key, _shown(copy), "nothing")
        elif evolution.upgraded(copies[key]) != copy:
            yield from _check_copy(title.key, key, copy, evolution.upgraded(copies[key]))
    for key in copies.keys() - expected.keys():
        yield _surplus(key, f"genres {list(title.genre_ids)}")


def _check_copy(title: TitleKey, key: ItemKey, expected: Item, found: Item) -> Iterator[Finding]:
    """Report how a copy differs; its schema version is checked elsewhere."""
    names = expected.keys() | found.keys()
    differing = sorted(name for name in names if expected.get(name) != found.get(name))
    for problem, wrong in (
        ("index key wrong", [name for name in differing if name in INDEX_ATTRIBUTES]),
        ("copy stale", [n for n in differing if n not in _JUDGED_ELSEWHERE]),
    ):
        if wrong:
            wanted, there = ({n: of.get(n) for n in wrong} for of in (expected, found))
            yield Finding(problem, key, title, _shown(wanted), _shown(there))  # type: ignore[arg-type]


def _surplus(key: ItemKey, expected: str) -> Finding:
    name = keys.parse_key(*key)
    title = getattr(name, "key", None)
    return Finding(_of_kind(key, "surplus"), key, title, expected, "the copy")


def _of_kind(key: ItemKey, what: Literal["missing", "surplus"]) -> Problem:
    if key.SK == keys.FORMER_LISTING_SK:
        return "listing missing" if what == "missing" else "listing surplus"
    return "membership missing" if what == "missing" else "membership surplus"


def check_slot(of_title: TitleItems) -> list[Finding]:
    """Check the slot of a title against its own item."""
    record, slot, key = of_title.record, of_title.slot, of_title.slot_key()
    if record is None:
        return []
    owner = None if slot is None else slot_owner(record.title.kind, slot)
    expected = expected_slot(record)
    if slot is None or key is None or expected is None or owner != record.title.key:
        found = "nothing" if slot is None else _named(owner)
        where = key or keys.title_key(record.title.key)
        return [_slot_finding("slot missing", where, record.title.key, found)]
    found_item = evolution.upgraded(slot)
    return list(_check_copy(owner, key, expected, found_item)) if found_item != expected else []


def _named(owner: TitleKey | None) -> str:
    return f"{owner.kind} {owner.id}" if owner else "an invalid id"


def check_listed(slot: Item, own: Item | None, shard: Shard) -> list[Finding]:
    """Check that a slot's item names a title that owns it, and is not among the free ones."""
    key, name = key_of(slot), item_name(slot)
    if not isinstance(name, keys.SlotItem):
        return []
    owner = slot_owner(name.kind, slot)
    if owner is None:
        return [_slot_finding("slot dangling", key, None, _named(owner))]
    if own is None:
        return [_slot_finding("slot dangling", key, owner, "no such title")]
    if (keys.shard_of(owner), codec.read_slot(own)) != (name.shard, name.number):
        found = f"its slot is {own.get(codec.SLOT, 'missing')}"
        return [_slot_finding("slot doubled", key, owner, found)]
    if shard.is_taken(name.number):
        return []
    found = "it is free" if name.number in shard.free else f"only {shard.slots} are open"
    return [Finding("slot free", key, owner, "a slot that the tally counts as taken", found)]


def _slot_finding(problem: Problem, key: ItemKey, title: TitleKey | None, found: str) -> Finding:
    return Finding(problem, key, title, "a title and its slot that name each other", found)


def check_tally(kind: Kind, number: int, tally: Item) -> tuple[Shard, list[Finding]]:
    """Decode the slots of a shard; if they are invalid, with the reason as a finding."""
    key = keys.tally_key(kind, number)
    try:
        shard = Shard(slots=codec.read_count(tally, codec.SLOTS), free=codec.read_free(tally))
    except UnknownEntityError as error:
        return Shard(), [Finding("slot free", key, None, "the slots of a shard", str(error))]
    beyond = sorted(each for each in shard.free if each >= shard.slots)
    if beyond:
        expected, found = f"free slots below {shard.slots}", _shown(beyond)
        return shard, [Finding("slot free", key, None, expected, found)]
    return shard, []


def check_spread(kind: Kind, shard: int, tally: Item, spread: Spread) -> Iterator[Finding]:
    """Check that a tally states the same about lists as the others."""
    found, expected = statement_in(tally), spread.statement()
    if found != expected:
        key = keys.tally_key(kind, shard)
        yield Finding("count wrong", key, None, _shown(expected), _shown(found))


def is_astray(of_title: TitleItems, spread: Spread) -> bool:
    """Whether a title's copies are in lists that are not read, by what its own item states."""
    return of_title.record is not None and of_title.record.lists not in spread.counts


def check_lists(of_title: TitleItems, spread: Spread) -> Iterator[Finding]:
    """Check that the copies of a title are in lists that are read."""
    if of_title.record is not None and is_astray(of_title, spread):
        title, lists = of_title.record.title.key, Spread(of_title.record.lists)
        where = keys.title_key(title)
        yield Finding("index key wrong", where, title, f"a title in {spread}", str(lists))


def check_sparse(kind: Kind, number: int, shard: Shard, titles: int) -> Iterator[Finding]:
    """Report a shard with more unlisted slots than titles, which makes samples dear."""
    free = len(shard.free)
    if are_sparse(shard.slots, free, titles):
        key = keys.tally_key(kind, number)
        found = f"{shard.slots - free - titles:,} unlisted ones"
        yield Finding("slots sparse", key, None, f"slots for {counted(titles, 'title')}", found)


def count_finding(
    kind: Kind, shard: int, expected: Mapping[str, int], found: Mapping[str, int | str]
) -> Finding:
    """Return the finding for a shard's counts that do not match its titles."""
    names = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    wanted, there = ({name: of.get(name, 0) for name in names} for of in (expected, found))
    return Finding("count wrong", keys.tally_key(kind, shard), None, str(wanted), str(there))


def counts_in(item: Item) -> dict[str, int | str]:
    """Return the counts of a tally without zeros; an invalid count equals no count."""
    counts = {name: _count(item, name) for name in item if codec.is_count(name)}
    return {name: count for name, count in counts.items() if count != 0}


def _count(item: Item, name: str) -> int | str:
    """Return a count, 0 if missing; an invalid count is returned as a text."""
    try:
        return read_int(item, name)
    except UnknownEntityError:
        return _shown(item[name])


def _shown(value: object) -> str:
    """Return a short text for a value, with an item's attributes sorted."""
    text = repr(dict(sorted(value.items())) if isinstance(value, Mapping) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"

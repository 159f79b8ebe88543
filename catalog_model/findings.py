"""What can be out of step in the table, and how it shows. Pure: items in, findings out.

The title's own item is taken for the truth. Everything else follows from it, as
`catalog_model.plan` writes it: the listing, the memberships, the keys of the indexes, the counts
and the slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from catalog_model import codec, evolution, keys
from catalog_model.codec import Item
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import UnknownEntityError
from catalog_model.indexes import INDEX_KEYS
from catalog_model.keys import ItemKey, ItemName, Kind, TitleKey

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
    "unknown entity",
    "unreadable item",
    "wrong schema version",
]
PROBLEMS: Final[tuple[Problem, ...]] = get_args(Problem)

COLLECTION_PROBLEMS: Final = frozenset(PROBLEMS[:6])
"""What is seen of one title's items alone, and repaired there."""

_INDEX_ATTRIBUTES: Final = frozenset(name for pair in INDEX_KEYS.values() for name in pair)
_JUDGED_ELSEWHERE: Final = _INDEX_ATTRIBUTES | {codec.SCHEMA, codec.TYPE}
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: which item, of which title, what was expected."""

    problem: Problem
    key: ItemKey
    title: TitleKey | None
    expected: str
    found: str

    def __str__(self) -> str:
        title = f" of {self.title.kind} {self.title.id}" if self.title else ""
        where = f"{self.key.PK} | {self.key.SK}"
        return f"{self.problem}{title} at {where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class TitleRecord:
    """A title's own item, read."""

    title: Movie | TVShow
    version: int
    slot: int | None


def name_of(item: Mapping[str, Any]) -> ItemName | None:
    """Name an item by its key; None if no item of this model has such a key."""
    try:
        return keys.parse_key(*codec.primary_key(item))
    except (UnknownEntityError, KeyError, TypeError):
        return None


def key_of(item: Mapping[str, Any]) -> ItemKey:
    """Give the key of any item, also of one that is not of this model."""
    return ItemKey(*(str(item.get(name, {}).get("S", "")) for name in ("PK", "SK")))


def check_item(item: Item) -> Iterator[Finding]:
    """Judge an item by itself: whether it is of this model and of a version of it."""
    name = name_of(item)
    if name is None:
        yield Finding("unknown entity", key_of(item), None, "a key of this model", _shown(item))
        return
    title = getattr(name, "key", None)
    expected: Item = {codec.SCHEMA: codec.number(codec.SCHEMA_VERSION)}
    if evolution.is_known(item):  # one that says so is to say what it is, too
        expected[codec.TYPE] = codec.text(evolution.type_of(name))
        item = evolution.upgraded(item)
    if {of: item.get(of) for of in expected} != expected:
        found = _shown({of: item.get(of) for of in expected})
        wanted = _shown(expected)
        yield Finding("wrong schema version", key_of(item), title, wanted, found)
    if isinstance(name, keys.TallyItem) and isinstance(_count(item, codec.VERSION), str):
        yield Finding("unreadable item", key_of(item), None, "a version", _shown(item))


def read_title(item: Item) -> TitleRecord | None:
    """Read a title's own item; None if that is not possible."""
    try:
        item = evolution.upgraded(item)
        title = codec.decode_title(item)
        version = codec.read_int(item, codec.VERSION)
        slot = codec.read_int(item, codec.SLOT) if codec.SLOT in item else None
    except UnknownEntityError:
        return None
    return TitleRecord(title, version, slot)


def check_collection(items: Iterable[Item]) -> list[Finding]:
    """Judge all items of one title together."""
    by_key = {key_of(item): item for item in items}
    findings = [finding for item in by_key.values() for finding in check_item(item)]
    names = {key: name_of(item) for key, item in by_key.items()}
    own = [key for key, name in names.items() if isinstance(name, keys.TitleItem)]
    copies = {key: by_key[key] for key, name in names.items() if _is_copy(name)}
    if not own:
        return findings + [_surplus(key, "no copy of a title that is not there") for key in copies]
    record = read_title(by_key[own[0]])
    if record is None:
        title = names[own[0]]
        found = _shown(by_key[own[0]])
        unreadable = Finding("unreadable item", own[0], title.key, "a title", found)  # type: ignore[union-attr]
        return [*findings, unreadable]
    return findings + list(_check_copies(record.title, copies))


def _check_copies(title: Movie | TVShow, copies: Mapping[ItemKey, Item]) -> Iterator[Finding]:
    expected = {key_of(copy): copy for copy in codec.encode_copies(title)}
    for key, copy in expected.items():
        if key not in copies:
            yield Finding(_of_kind(key, "missing"), key, title.key, _shown(copy), "nothing")
        elif evolution.upgraded(copies[key]) != copy:
            yield from _check_copy(title.key, key, copy, evolution.upgraded(copies[key]))
    for key in copies.keys() - expected.keys():
        yield _surplus(key, f"genres {list(title.genre_ids)}")


def _check_copy(title: TitleKey, key: ItemKey, expected: Item, found: Item) -> Iterator[Finding]:
    """Tell what of a copy differs; its schema is judged elsewhere."""
    names = expected.keys() | found.keys()
    differing = sorted(name for name in names if expected.get(name) != found.get(name))
    for problem, wrong in (
        ("index key wrong", [name for name in differing if name in _INDEX_ATTRIBUTES]),
        ("copy stale", [n for n in differing if n not in _JUDGED_ELSEWHERE]),
    ):
        if wrong:
            wanted, there = ({n: of.get(n) for n in wrong} for of in (expected, found))
            yield Finding(problem, key, title, _shown(wanted), _shown(there))  # type: ignore[arg-type]


def _is_copy(name: ItemName | None) -> bool:
    return isinstance(name, keys.ListingItem | keys.MembershipItem)


def _surplus(key: ItemKey, expected: str) -> Finding:
    name = keys.parse_key(*key)
    title = getattr(name, "key", None)
    return Finding(_of_kind(key, "surplus"), key, title, expected, "the copy")


def _of_kind(key: ItemKey, what: Literal["missing", "surplus"]) -> Problem:
    if key.SK == keys.ALL_SK:
        return "listing missing" if what == "missing" else "listing surplus"
    return "membership missing" if what == "missing" else "membership surplus"


def slot_owner(kind: Kind, item: Item) -> TitleKey | None:
    """Read which title owns a slot; None if that is not possible."""
    try:
        return codec.decode_slot(kind, item)
    except UnknownEntityError:
        return None


def slot_finding(problem: Problem, key: ItemKey, title: TitleKey | None, found: str) -> Finding:
    """Make the finding for a title and a slot that do not name each other."""
    return Finding(problem, key, title, "a title and its slot that name each other", found)


def count_finding(
    kind: Kind, shard: int, expected: Mapping[str, int], found: Mapping[str, int | str]
) -> Finding:
    """Make the finding for counts of a shard that are not those of its titles."""
    names = sorted(n for n in expected.keys() | found.keys() if expected.get(n) != found.get(n))
    wanted, there = ({name: of.get(name, 0) for name in names} for of in (expected, found))
    return Finding("count wrong", keys.tally_key(kind, shard), None, str(wanted), str(there))


def counts_in(item: Item) -> dict[str, int | str]:
    """Read the counts of a tally by the names of their attributes; zeros are left out.

    What is no count comes as a text that shows it, and so equals no count.
    """
    counts = {name: _count(item, name) for name in item if codec.is_count(name)}
    return {name: count for name, count in counts.items() if count != 0}


def _count(item: Item, name: str) -> int | str:
    """Read a count, 0 where it is not there; what is none comes as a text that shows it."""
    try:
        return codec.read_int(item, name)
    except UnknownEntityError:
        return _shown(item[name])


def _shown(value: object) -> str:
    """Show a value, an item by the names of its attributes: engines have them in any order."""
    text = repr(dict(sorted(value.items())) if isinstance(value, Mapping) else value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text):,} characters)"

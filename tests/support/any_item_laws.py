"""Laws for tables with damaged items: what is found, repaired and left, and what keeps working.

Every attribute of every type of item is damaged in every way, one change at a time, and a few items
per table, each in a different shard. Next to each one is a title of the same shard, the witness,
which must not change. A table in this module defines, field by field, which mutants of a title are
still readable, so that the model is compared with an independent definition.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, partial
from itertools import cycle
from typing import Any, Final

from memory_engine import MemoryCatalog
from table_dump import Table, assert_complete, dump

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key, read_int
from catalog_model.entities import FIELDS, TITLE_CLASSES, AnyTitle
from catalog_model.errors import CatalogError, UnknownEntityError
from catalog_model.maintenance.findings import INDEX_ATTRIBUTES, Finding
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, evolution, keys
from catalog_model.table.keys import SHARDS, ItemName
from catalog_model.table.slots import are_sparse, shard_of

Typed = dict[str, Any]
Accepts = Callable[[Typed], bool]

HUGE: Final = "1" + "0" * 125


def nested(levels: int) -> Typed:
    """Return a value with this nesting depth; DynamoDB allows 32 levels."""
    value: Typed = {"N": "1"}
    for level in range(levels - 1):
        value = {"L": [value]} if level % 2 else {"M": {"a": value}}
    return value


VALUES: Final[tuple[Typed, ...]] = (
    *({"S": text} for text in ("", "x", "7", "[28]", "1999-12-31", "ALL#movie", '{"id":0}')),
    *({"N": text} for text in ("0", "1", "-1", "7.5", "2", "3", "9", "9" * 38, HUGE, "0.1")),
    {"BOOL": True},
    {"NULL": True},
    {"SS": ["b", "a"]},
    {"NS": ["35", "9", "28"]},
    {"NS": ["-1", "28"]},
    {"B": b"x"},
    {"BS": [b"x"]},
    {"L": []},
    {"L": [{"N": "28"}, {"NULL": True}]},
    {"L": [{"N": "-1"}]},
    {"L": [{"N": "28.5"}]},
    {"L": [{"N": "35"}, {"N": "28"}]},
    {"L": [{"N": str(n)} for n in range(1, 50)]},
    {"L": [{"S": "GB"}, {"S": "FR"}]},
    {"L": [{"B": b"x"}]},
    {"M": {}},
    {"M": {"PK": {"S": "x"}, "_a": {"BS": [b"x"]}}},
    nested(31),
)
"""The values that replace an attribute: each type of DynamoDB, empty, negative, huge and nested."""


@dataclass(frozen=True)
class Mutant:
    """An item with one attribute changed, or removed if ``value`` is `None`."""

    name: ItemName
    attribute: str
    value: Typed | None
    item: Item

    @property
    def key(self) -> ItemKey:
        """The key of the item."""
        return keys.item_key(self.name)

    def __str__(self) -> str:
        return f"{' | '.join(self.key)}: {self.attribute} = {str(self.value)[:60]}"


def mutants_of(item: Item) -> Iterator[Mutant]:
    """Yield every mutant of an item, including attributes that its type does not have."""
    name = keys.parse_key(*primary_key(item))
    for attribute in dict.fromkeys((*item, *MORE[type(name)])):
        if attribute in ("PK", "SK"):
            continue
        for value in (None, *VALUES):
            # DynamoDB accepts only texts that are not empty as keys of indexes.
            is_key = attribute in INDEX_ATTRIBUTES
            if value == item.get(attribute) or (is_key and value and not value.get("S")):
                continue
            changed = {n: v for n, v in item.items() if n != attribute}
            if value is not None:
                changed[attribute] = value
            yield Mutant(name, attribute, value, changed)


def _is_whole(value: Typed, least: int) -> bool:
    number = Decimal(value.get("N", "0.5"))
    return number == number.to_integral_value() and number >= least


def _is_genre_list(value: Typed) -> bool:
    elements = value.get("L") or [{"N": each} for each in value.get("NS", ())]
    are_ids = all(_is_whole(each, 1) and Decimal(each["N"]) < 10**38 for each in elements)
    return ("L" in value or "NS" in value) and len(elements) <= 48 and are_ids


def _is_text_list(value: Typed) -> bool:
    return "SS" in value or ("L" in value and all("S" in each for each in value["L"]))


def _has(kind: str) -> Accepts:
    return lambda value: kind in value


def _is_float(value: Typed) -> bool:
    return "N" in value and Decimal(repr(float(value["N"]))) == Decimal(value["N"])


def _or_null(accepts: Accepts) -> Accepts:
    return lambda value: "NULL" in value or accepts(value)


def _is_date(value: Typed) -> bool:
    return value.get("S") in ("", "1999-12-31")


def _types_in(value: Typed) -> Iterator[str]:
    ((kind, content),) = value.items()
    yield kind
    for each in content if kind == "L" else content.values() if kind == "M" else ():
        yield from _types_in(each)


ACCEPTED: Final[Mapping[str, Accepts]] = {
    **dict.fromkeys(("adult", "video"), _or_null(_has("BOOL"))),
    **dict.fromkeys(("release_date", "first_air_date"), _or_null(_is_date)),
    **dict.fromkeys(("title", "name"), _has("S")),
    **dict.fromkeys(("popularity", "vote_average"), _is_float),
    "vote_count": lambda value: _is_whole(value, 0),
    "genre_ids": _is_genre_list,
    "origin_country": _or_null(_is_text_list),
    "id": lambda _: False,  # any other id contradicts the key
    "_version": lambda value: _is_whole(value, 0) and Decimal(value["N"]) < 2**59,
    "_form": lambda value: value == {"S": '{"id":0}'},
    **dict.fromkeys(("_schema", "_type", "_slot", "_doc", *INDEX_ATTRIBUTES), lambda _: True),
}
"""Valid values of the attributes of a title's item; for attributes not listed, any text or null."""

_IN_A_LIST: Final = sorted(INDEX_ATTRIBUTES)
EXTRA: Final = "note"
MORE: Final[Mapping[type[ItemName], tuple[str, ...]]] = {
    keys.TitleItem: ("_form", EXTRA, *_IN_A_LIST),
    keys.MembershipItem: (EXTRA, "_name"),
    keys.SlotItem: (EXTRA,),
    keys.TallyItem: ("g99", "gx", EXTRA, *_IN_A_LIST),
}
"""Attributes that are added to an item of this type."""

REQUIRED: Final = {"title", "name", "popularity", "vote_average", "vote_count", "genre_ids", "id"}


def is_readable(mutant: Mutant) -> bool:
    """Whether a mutant of a title's item is still readable as a title."""
    if mutant.value is None:
        return mutant.attribute not in REQUIRED
    if mutant.attribute == EXTRA:
        return not {"B", "BS"} & set(_types_in(mutant.value))
    return ACCEPTED.get(mutant.attribute, _or_null(_has("S")))(mutant.value)


def must_be_found(mutant: Mutant) -> bool:
    """Whether a verification must detect the change."""
    if mutant.attribute == "_schema":
        is_title = isinstance(mutant.name, keys.TitleItem)
        return is_title or not evolution.is_outdated(mutant.item)
    if mutant.attribute == "_version":
        is_title = isinstance(mutant.name, keys.TitleItem)
        return is_title if mutant.value is None else not ACCEPTED["_version"](mutant.value)
    if isinstance(mutant.name, keys.TallyItem) and mutant.attribute in ("_slots", "_free"):
        return not _are_right_slots(mutant.name, mutant.item)
    if mutant.attribute in (EXTRA, "_doc"):
        return not isinstance(mutant.name, keys.TallyItem)
    no_count = isinstance(mutant.name, keys.TallyItem) and mutant.value == {"N": "0"}
    return mutant.attribute != "gx" and not (no_count and mutant.attribute == "g99")


def _are_right_slots(name: keys.TallyItem, tally: Item) -> bool:
    """Whether a tally counts its titles' slots as taken, and lists free ones below the end."""
    try:
        shard = shard_of(tally)
    except UnknownEntityError:
        return False
    named = (keys.parse_key(*key) for key in base(name.kind))
    taken = [n.number for n in named if isinstance(n, keys.SlotItem) and n.shard == name.shard]
    is_sparse = are_sparse(shard.slots, len(shard.free), len(taken))
    return (
        all(map(shard.is_taken, taken))
        and max(shard.free, default=-1) < shard.slots
        and not (is_sparse)
    )


# --- Laws

WITNESSES: Final = range(1, SHARDS + 1)
DAMAGED_IDS: Final = range(SHARDS + 1, 2 * SHARDS + 1)
GENRES: Final = (28, 18)
UNTRUE: Final = ("at every attempt", "created or deleted")
"""Reasons that only a race can have; there is none here."""


def title_of(kind: Kind, title_id: int) -> AnyTitle:
    """Make a title with all fields of its kind."""
    record: dict[str, Any] = dict.fromkeys(FIELDS[kind], "Text")
    record |= {"id": title_id, "genre_ids": list(GENRES), "popularity": 7.25 * title_id}
    record |= {"vote_average": 8.0, "vote_count": 12, "adult": False, "video": True}
    record |= {"release_date": "2001-05-04", "first_air_date": "", "origin_country": ["GB"]}
    return TITLE_CLASSES[kind].from_json({name: record[name] for name in FIELDS[kind]})


@cache
def base(kind: Kind) -> dict[ItemKey, Item]:
    """Return an intact table with a title to damage and a witness in each shard."""
    catalog = MemoryCatalog()
    early, late = WITNESSES[: SHARDS // 2], WITNESSES[SHARDS // 2 :]
    for ids in (early, DAMAGED_IDS, late):
        ap.load_titles(catalog, [title_of(kind, title_id) for title_id in ids])
    return dump(catalog)


def own_keys(key: TitleKey, table: Table) -> dict[str, ItemKey]:
    """Return the keys of a title's items and its tally, by type."""
    shard = keys.shard_of(key)
    slot = read_int(table[keys.title_key(key)], codec.SLOT)
    return {
        "title": keys.title_key(key),
        "listing": keys.listing_key(key, slot),
        "membership": keys.membership_key(key, GENRES[0]),
        "tally": keys.tally_key(key.kind, shard),
    }


Case = tuple[TitleKey, Mutant]


@cache
def cases(kind: Kind, what: str) -> tuple[Case, ...]:
    """Yield every mutant of one type of item, cycling through the titles of all shards."""
    by_title = [_by_change(TitleKey(kind, title_id), what) for title_id in DAMAGED_IDS]
    changes = dict.fromkeys(change for mutants in by_title for change in mutants)
    at_hand = zip(changes, cycle(by_title), strict=False)
    return tuple(mutants[change] for change, mutants in at_hand if change in mutants)


def cases_of_all(kind: Kind, what: str, attribute: str) -> list[Case]:
    """Yield every mutant of one attribute, for each title."""
    by_title = [_by_change(TitleKey(kind, title_id), what) for title_id in DAMAGED_IDS]
    return [c for mutants in by_title for c in mutants.values() if c[1].attribute == attribute]


def _by_change(key: TitleKey, what: str) -> dict[str, Case]:
    table = base(key.kind)
    mutants = mutants_of(table[own_keys(key, table)[what]])
    return {f"{each.attribute} = {each.value}": (key, each) for each in mutants}


def region(key: TitleKey, table: Table) -> Table:
    """Return all items that depend on one title, including its listing and tally."""
    shared = set(own_keys(key, base(key.kind)).values())
    return of_partition(keys.title_pk(key), table) | {k: table[k] for k in shared if k in table}


def of_partition(partition: str, table: Table) -> Table:
    return {key: item for key, item in table.items() if partition == key.PK}


def concerns(finding: Finding, key: TitleKey) -> bool:
    """Whether a finding is about a title, its listing or its tally."""
    shared = own_keys(key, base(key.kind)).values()
    is_free = finding.problem == "slot free" and _shard_of(finding.key)[1] == keys.shard_of(key)
    return finding.title == key or finding.key in shared or is_free


class Damaged:
    """A table with some mutants, in which a membership of a witness is missing."""

    def __init__(self, kind: Kind, some: Iterable[Case]) -> None:
        self.cases = list(some)
        self.kind = kind
        self.missing = keys.membership_key(TitleKey(kind, WITNESSES[0]), GENRES[1])
        items = {**base(kind), **{mutant.key: mutant.item for _, mutant in self.cases}}
        del items[self.missing]
        self.catalog = MemoryCatalog(items.values())
        self.before = dump(self.catalog)

    def unreadable(self) -> Iterator[Case]:
        """Return the cases of unreadable titles."""
        for key, mutant in self.cases:
            if isinstance(mutant.name, keys.TitleItem) and not is_readable(mutant):
                yield key, mutant

    def again(self) -> MemoryCatalog:
        return MemoryCatalog(self.before.values())


def check(kind: Kind, some: Iterable[Case]) -> None:
    """The law: what is found, repaired and left, and that nothing else changes."""
    damaged = Damaged(kind, some)
    report = verify(damaged.catalog)
    check_findings(damaged, report.findings)
    dry = repair(damaged.catalog, report, dry_run=True)
    assert dump(damaged.catalog) == damaged.before
    repaired = repair(damaged.catalog, report)
    assert (dry.actions, dry.left) == (repaired.actions, repaired.left)
    after = dump(damaged.catalog)
    found = verify(damaged.catalog)
    check_repaired(damaged, after, found.findings, repaired.left)
    assert repair(damaged.catalog, found).actions == []
    assert dump(damaged.catalog) == after


def check_findings(damaged: Damaged, findings: Iterable[Finding]) -> None:
    """Each finding is about a mutant or the missing membership; an unreadable title has one."""
    others = [f for f in findings if not any(concerns(f, key) for key, _ in damaged.cases)]
    assert [(each.problem, each.key) for each in others] == [
        ("membership missing", damaged.missing)
    ]
    unreadable = dict(damaged.unreadable())
    for key, mutant in damaged.cases:
        own = [f for f in findings if concerns(f, key)]
        named = [f.key for f in own if f.problem == "unreadable item"]
        if key in unreadable:
            assert [f.key for f in own] == named == [mutant.key], mutant
        elif isinstance(mutant.name, keys.TitleItem):
            assert not named, mutant
        assert bool(own) == must_be_found(mutant), mutant


def check_repaired(
    damaged: Damaged, table: Table, found: Iterable[Finding], left: Iterable[tuple[Finding, str]]
) -> None:
    """Left items are still found, with valid reasons; all others are complete."""
    assert {(f.problem, f.key) for f, _ in left} == {(f.problem, f.key) for f in found}
    assert all(reason and not any(map(reason.count, UNTRUE)) for _, reason in left)
    original = base(damaged.kind)
    for witness in WITNESSES:
        pk = keys.title_pk(TitleKey(damaged.kind, witness))
        assert of_partition(pk, table) == of_partition(pk, original)
    for key, mutant in damaged.unreadable():
        assert region(key, table) == region(key, damaged.before), mutant
    older = {key for key, item in table.items() if evolution.is_outdated(item)}
    assert_complete(without_shards({f.key for f in found} | older, table))


def without_shards(left: set[ItemKey], table: Table) -> Table:
    """Leave out the shards in which something is left."""
    shards = {_shard_of(key) for key in left}
    return {key: item for key, item in table.items() if _shard_of(key) not in shards}


def _shard_of(key: ItemKey) -> tuple[Kind, int]:
    name = keys.parse_key(*key)
    if isinstance(name, keys.TallyItem | keys.SlotItem | keys.FormerTally):
        return name.kind, name.shard
    return name.key.kind, keys.shard_of(name.key)


def reads(catalog: Catalog, kind: Kind, some: Iterable[int]) -> Iterator[Callable[[], object]]:
    """Yield every read of a kind, and reads of some titles."""
    for title_id in some:
        yield partial(ap.get_title, catalog, kind, title_id)
        yield partial(ap.get_title_with_genres, catalog, kind, title_id)
    yield partial(ap.get_titles, catalog, [TitleKey(kind, title_id) for title_id in some])
    for order in ("popularity", "rating", "release", "name"):
        yield partial(ap.list_titles, catalog, kind, order=order, limit=5)
    yield partial(ap.list_titles_in_genre, catalog, kind, GENRES[0], limit=5)
    yield partial(ap.list_titles_in_genres, catalog, kind, GENRES, limit=5)
    yield partial(ap.sample_titles, catalog, kind, 20)
    yield partial(ap.list_top_rated, catalog, kind, min_votes=0, min_rating=0, limit=5)
    yield partial(ap.list_released_between, catalog, kind, "1000-01-01", "2999-01-01", limit=5)
    yield partial(ap.find_titles_by_name, catalog, kind, "", limit=5)
    yield partial(ap.list_genres, catalog, kind)
    yield partial(ap.count_titles, catalog, kind)


def writes(catalog: Catalog, key: TitleKey) -> Iterator[Callable[[], object]]:
    """Yield every write of one title."""
    title = title_of(*key)
    yield partial(ap.update_popularity, catalog, *key, 99.5)
    yield partial(ap.update_votes, catalog, *key, vote_average=9, vote_count=99)
    yield partial(ap.set_genres, catalog, *key, [99, 28])
    yield partial(ap.put_title, catalog, title.replace(overview="Other"))
    yield partial(ap.load_titles, catalog, [title.replace(overview="Another")])
    yield partial(ap.delete_title, catalog, *key)


def refused(call: Callable[[], object]) -> CatalogError | None:
    """Return the error of a call; exceptions of other packages are raised."""
    found = None
    try:
        call()
    except CatalogError as error:
        found = error
    assert len(str(found)) < 600
    return found

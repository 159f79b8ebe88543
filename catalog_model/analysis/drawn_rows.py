"""Rows of the table and of its indexes, with their content in words. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from catalog_model.checks import counted
from catalog_model.domain.genres import genre_name
from catalog_model.domain.kinds import KINDS, Kind, TitleKey
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, primary_key, read_int
from catalog_model.entities import TITLE_CLASSES
from catalog_model.table import codec, keys
from catalog_model.table.indexes import INDEXES, SCHEMA

PLACES: Final = (TABLE, *INDEXES)
"""The table and the indexes, in the order of the views."""


class RowKey(NamedTuple):
    """A row of the table or of an index."""

    place: str
    partition: str
    sort: str
    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the type of its item, its title and its title with the name, and its content in words.

    ``value`` is the size of an item, or in an index the value that decides the place of the entry.
    ``stored`` are the attributes in the table, or those that the index projects. A tally has no
    title.
    """

    key: RowKey
    type: str
    owner: TitleKey | None
    name: str
    content: str
    value: str
    stored: Item = field(repr=False)


def rows_of(items: Iterable[Item]) -> dict[RowKey, Row]:
    """Return the rows of a table with these items, and of each index."""
    listed = list(items)
    names = {owner: name for item in listed if (owner := _owner(item)) and (name := _name(item))}
    rows = (row for item in listed for row in _rows_of_item(item, names))
    return {row.key: row for row in rows}


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Sort rows of one place: within a partition by the sort key, as DynamoDB does.

    DynamoDB has no order of partitions. Here, titles come first, then tallies and listings.
    """
    return sorted(rows, key=lambda row: (_group(row), _place_in_order(row.key)))


def _group(row: Row) -> int:
    return _GROUPS.get(row.type, 0) if row.key.place == TABLE else 0


def _place_in_order(key: RowKey) -> tuple[object, ...]:
    parts = [
        (int(each), "") if each.isdecimal() else (-1, each) for each in key.partition.split("#")
    ]
    return parts, key.partition, key.sort, key.pk, key.sk


_GROUPS: Final[Mapping[str, int]] = {"tally": 1, "listing": 2}


def _rows_of_item(item: Item, names: Mapping[TitleKey, str]) -> Iterator[Row]:
    owner, kind = _owner(item), item[codec.TYPE]["S"]
    name = names.get(owner, "") if owner else ""
    pk, sk = primary_key(item)
    yield Row(RowKey(TABLE, pk, sk, pk, sk), kind, owner, name, _content(item), _size(item), item)
    for index in INDEXES:
        entry = SCHEMA.entry(item, index)
        if entry is not None:
            partition, sort = (entry[each]["S"] for each in SCHEMA.keys_of(index))
            key = RowKey(index, partition, sort, pk, sk)
            record = json.loads(entry[codec.DOC]["S"])
            content = _votes(record) if index == "by_rating" else ""
            value = _value(record, _kind_of(item), index)
            yield Row(key, kind, owner, name, content, value, entry)


def _owner(item: Item) -> TitleKey | None:
    match keys.parse_key(*primary_key(item)):
        case keys.SlotItem(kind):
            return TitleKey(kind, read_int(item, codec.TITLE_ID))
        case keys.TallyItem() | keys.FormerTally():
            return None
        case other:
            return other.key


def _kind_of(item: Item) -> Kind:
    owner = _owner(item)
    return owner.kind if owner else KINDS[0]


def _name(item: Item) -> str:
    """Return the title's name, if the item is a title."""
    if item[codec.TYPE]["S"] != "title":
        return ""
    name: str = item[TITLE_CLASSES[_kind_of(item)].name_field]["S"]
    return name


def _size(item: Item) -> str:
    return f"{item_size(item):,} B"


def _content(item: Item) -> str:
    match keys.parse_key(*primary_key(item)):
        case keys.TitleItem():
            return counted(len(item), "attribute")
        case keys.MembershipItem(key, genre_id):
            return genre_name(key.kind, genre_id)
        case keys.SlotItem(kind):
            return f"{kind} {read_int(item, codec.TITLE_ID)}, all {_PLURALS[kind]}"
        case keys.FormerListing(key):
            return f"all {_PLURALS[key.kind]}"
        case keys.TallyItem(kind) | keys.FormerTally(kind):
            return _counts(item, kind)


def _counts(item: Item, kind: Kind) -> str:
    counts = {int(name[1:]): read_int(item, name) for name in item if _is_count(name)}
    genres = [genre for genre in sorted(counts) if counts[genre]]
    total = counted(read_int(item, codec.TOTAL), "title")
    return "; ".join([total, *(f"{genre_name(kind, genre)} {counts[genre]}" for genre in genres)])


def _is_count(name: str) -> bool:
    return name != codec.TOTAL and codec.is_count(name)


_PLURALS: Final = {"movie": "movies", "tv": "TV shows"}


def _votes(record: Mapping[str, Any]) -> str:
    return counted(record["vote_count"], "vote")


def _value(record: Mapping[str, Any], kind: Kind, index: str) -> str:
    """Return the value by which an index sorts, as the record has it; "" for the name."""
    match index:
        case "by_popularity":
            return f"{record['popularity']:.10g}"
        case "by_rating":
            return f"{record['vote_average']:.10g}"
        case "by_release":
            return record.get(TITLE_CLASSES[kind].date_field) or "none"
    return ""

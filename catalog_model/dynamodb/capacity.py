"""The offline cost model: the capacity units that DynamoDB charges, from items and plans alone.

Pure: it reads nothing and sends nothing. The rules are those of the AWS developer guide, "Read
and write operations" (capacity unit consumption), "Using global secondary indexes" (throughput
considerations), "Transactions" (capacity management) and "Item sizes and formats".

One rule is in no document of AWS that was checked, and is as the strict local engine has it; it is
the constant `TRANSACTION_INDEX_FACTOR`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from catalog_model.declarations.formula import rcu, wcu
from catalog_model.dynamodb.sizes import item_size
from catalog_model.entities import Movie, TVShow
from catalog_model.table import codec, plan
from catalog_model.table.codec import Item
from catalog_model.table.indexes import INCLUDED, INDEX_KEYS, INDEXES, IndexName
from catalog_model.table.keys import ItemKey

PROJECTED: Final = ("PK", "SK", *INCLUDED)
"""What each index holds besides its own keys: the table's keys, and what a list shows."""

EVENTUAL_FACTOR: Final = 0.5
TRANSACTION_FACTOR: Final = 2

TRANSACTION_INDEX_FACTOR: Final = 1
"""How often a transaction is charged for an index. The developer guide says "two underlying
writes of every item" and is silent on indexes; the engine counts one, and so does the cost script
of AWS's agent toolkit, which says that it was measured."""

STORAGE_OVERHEAD: Final = 100
"""Bytes that DynamoDB bills besides for each item and each index entry it stores."""

TYPICAL_VERSION: Final = 2**48 - 1
"""As long as the versions are that `put_title` begins with."""


@dataclass(frozen=True, slots=True)
class Units:
    """Read or write units: on the table, and on each index that has a share.

    >>> Units(2, {"by_name": 1}) + Units(1, {"by_name": 1, "by_rating": 3})
    Units(table=3, indexes={'by_name': 2, 'by_rating': 3})
    >>> Units(2, {"by_name": 1}).total
    3
    """

    table: float = 0
    indexes: Mapping[IndexName, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The units of the table and of all indexes."""
        return self.table + sum(self.indexes.values())

    def __add__(self, other: Units) -> Units:
        shares = {**self.indexes}
        for index, units in other.indexes.items():
            shares[index] = shares.get(index, 0) + units
        return Units(self.table + other.table, shares)

    def times(self, count: float) -> Units:
        """Give the units of so many."""
        shares = {index: units * count for index, units in self.indexes.items()}
        return Units(self.table * count, shares)


NOTHING: Final = Units()


def index_entry(item: Mapping[str, codec.Value] | None, index: IndexName) -> Item | None:
    """Give what *index* holds of *item*; None where it lacks a key of it (a sparse index).

    Guide, "Using global secondary indexes", attribute projections: INCLUDE projects the keys of
    index and table, and the attributes that were named.
    """
    own = INDEX_KEYS[index]
    if item is None or any(name not in item for name in own):
        return None
    wanted = {*own, *PROJECTED}
    return {name: value for name, value in item.items() if name in wanted}


def get_units(item: Item | None, *, consistent: bool = False) -> Units:
    """Predict a GetItem: its size in steps of 4 KB, half if eventually consistent.

    Guide, "Read operations". An item that is not there costs as the smallest one.
    """
    return Units(_read_units(item_size(item) if item else 0, consistent=consistent))


def batch_get_units(items: Iterable[Item | None], *, consistent: bool = False) -> Units:
    """Predict BatchGetItem: each item is rounded by itself; None is a key without an item."""
    return sum((get_units(item, consistent=consistent) for item in items), NOTHING)


def query_units(
    items: Iterable[Item], *, index: IndexName | None = None, consistent: bool = False
) -> Units:
    """Predict one Query that reads *items* of the table: their sizes are added, then rounded.

    Guide, "Read operations". What counts is what is read, in the index its entries, whatever a
    projection or a filter leaves of it; to read nothing costs the least there is.
    """
    if index is None:
        return Units(_read_units(sum(map(item_size, items)), consistent=consistent))
    entries = (index_entry(item, index) for item in items)
    size = sum(item_size(entry) for entry in entries if entry)
    return Units(0, {index: _read_units(size, consistent=False)})


def predict_page(
    titles: Iterable[Movie | TVShow], index: IndexName, genre_id: int | None = None
) -> Units:
    """Predict the Query for a page of a list that reads *titles*; with *genre_id* of that genre.

    A page of 20 titles reads 21, so as to know whether there is a next one.
    """
    return query_units((_copy(title, genre_id) for title in titles), index=index)


def write_units(before: Item | None, after: Item | None) -> Units:
    """Predict PutItem, UpdateItem or DeleteItem: from the item that was to the item that is.

    Guide, "Write operations": the larger of the two in steps of 1 KB, on the table at least 1 even
    where nothing is deleted. On each index nothing where its entry stays; an entry that changes in
    place costs as the larger; one whose key moves is deleted and inserted.
    """
    shares = {index: _index_units(before, after, index) for index in INDEXES}
    return Units(_item_units(before, after), {index: n for index, n in shares.items() if n})


def failed_write_units(before: Item | None) -> Units:
    """Predict one write whose condition does not hold: the size of what is there, at least 1.

    Guide, "Working with items", conditional writes. Indexes are not touched. The engine
    reports nothing for it.
    """
    return Units(_item_units(before, None))


def predict_plan(planned: plan.Plan, before: Mapping[ItemKey, Item]) -> Units:
    """Predict TransactWriteItems of a plan, where *before* holds the items that are there.

    Guide, "Transactions", capacity management: each item is written twice, to prepare and to
    commit. For indexes see `TRANSACTION_INDEX_FACTOR`.
    """
    return sum((_action_units(each, before.get(plan.key_of(each))) for each in planned), NOTHING)


def predict_failed_plan(planned: plan.Plan, before: Mapping[ItemKey, Item]) -> Units:
    """Predict a transaction that is cancelled: twice the size of what is there, for each item.

    Unconfirmed: the guide says for a single write that a failed condition costs, and for
    transactions only that they do work twice; the engine reports nothing.
    """
    failed = (failed_write_units(before.get(plan.key_of(each))) for each in planned)
    return sum(failed, NOTHING).times(TRANSACTION_FACTOR)


def predict_creation(
    title: Movie | TVShow, total: int, tally: Item | None = None, version: int = TYPICAL_VERSION
) -> Units:
    """Predict the transaction that creates a title in a shard with *total* titles.

    *tally* is the item with the shard's counts; without it, it is taken to be under 1 KB.
    """
    planned = plan.plan_creation(title, version, plan.Shard(total))
    return predict_plan(planned, _by_key(tally))


def predict_change(before: plan.Stored, after: Movie | TVShow, tally: Item | None = None) -> Units:
    """Predict the transaction that puts *after* in place of a title; nothing where it is equal."""
    return predict_plan(plan.plan_change(before, after), items_of(before) | _by_key(tally))


def predict_deletion(
    before: plan.Stored, total: int, last: plan.Stored | None = None, tally: Item | None = None
) -> Units:
    """Predict the transaction that deletes a title of a shard with *total* titles.

    *last* is the title in the shard's last slot, which takes over the slot that becomes free; None
    where the title has that one itself.
    """
    owner = last.title.key if last else None
    if last is None:
        before = replace(before, slot=total - 1)
    planned = plan.plan_deletion(before, plan.Shard(total, owner))
    there = items_of(before) | (items_of(last) if last else {}) | _by_key(tally)
    return predict_plan(planned, there)


def items_of(stored: plan.Stored) -> dict[ItemKey, Item]:
    """Give every item that the table holds of a title: its own, its copies and its slot."""
    number = stored.slot or 0
    title = codec.encode_title(stored.title, version=stored.version, slot=number)
    slot = codec.encode_slot(stored.title.key, number)
    return _by_key(title, *codec.encode_copies(stored.title), slot)


def stored_bytes(items: Iterable[Item]) -> int:
    """Give the bytes that are billed for storing *items* and their entries in the indexes.

    Guide, "Item sizes and formats": 100 bytes for each besides its size.
    """
    return sum(_stored_bytes(item) for item in items)


def outcome(operation: plan.Operation, before: Item | None) -> Item | None:
    """Give the item as it is after *operation*; None where there is none."""
    match operation:
        case plan.Put(item):
            return item
        case plan.Delete():
            return None
        case plan.Update(key, sets, adds):
            item = {**(before or codec.key_attributes(key))}
            for name in operation.removes:
                item.pop(name, None)
            item.update({name: codec.own_value(value) for name, value in sets})
            for name, value in adds:
                item[name] = codec.number(codec.read_int(item, name) + value)
            return item
    return before


def _action_units(operation: plan.Operation, before: Item | None) -> Units:
    once = write_units(before, outcome(operation, before))
    shares = {index: TRANSACTION_INDEX_FACTOR * units for index, units in once.indexes.items()}
    return Units(TRANSACTION_FACTOR * once.table, shares)


def _index_units(before: Item | None, after: Item | None, index: IndexName) -> int:
    old, new = index_entry(before, index), index_entry(after, index)
    if old == new:
        return 0
    moves = old and new and any(old[name] != new[name] for name in INDEX_KEYS[index])
    return _item_units(old, None) + _item_units(new, None) if moves else _item_units(old, new)


def _item_units(*items: Item | None) -> int:
    size = max(item_size(item) if item else 0 for item in items)
    return wcu(size)


def _read_units(size: int, *, consistent: bool) -> float:
    return rcu(size) * (1 if consistent else EVENTUAL_FACTOR)


def _copy(title: Movie | TVShow, genre_id: int | None) -> Item:
    if genre_id is None:
        return codec.encode_copies(title)[0]
    return codec.encode_membership(title, genre_id)


def _stored_bytes(item: Item) -> int:
    entries = [entry for index in INDEXES if (entry := index_entry(item, index))]
    return sum(item_size(each) + STORAGE_OVERHEAD for each in (item, *entries))


def _by_key(*items: Item | None) -> dict[ItemKey, Item]:
    return {codec.primary_key(item): item for item in items if item}

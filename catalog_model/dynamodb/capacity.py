"""The cost model: the capacity units that DynamoDB charges, computed from items and plans. Pure.

The rules are those of the AWS developer guide, "Read and write operations", "Using global secondary
indexes", "Transactions" and "Item sizes and formats"; only `TRANSACTION_INDEX_FACTOR` is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from catalog_model.dynamodb.actions import Operation, Plan, key_of, outcome
from catalog_model.dynamodb.limits import READ_UNIT_BYTES, WRITE_UNIT_BYTES
from catalog_model.dynamodb.schema import TableSchema
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey

EVENTUAL_FACTOR: Final = 0.5
TRANSACTION_FACTOR: Final = 2

TRANSACTION_INDEX_FACTOR: Final = 1
"""The number of times that a transaction is charged for an index. The developer guide says "two
underlying writes of every item" and does not mention indexes. The engine counts one, and so does
the cost script of AWS's agent toolkit, which says that this was measured."""

STORAGE_OVERHEAD: Final = 100
"""Additional bytes that DynamoDB bills for each stored item and index entry."""


@dataclass(frozen=True, slots=True)
class Units:
    """Read or write units: of the table, and of each index with a share.

    >>> Units(2, {"by_name": 1}) + Units(1, {"by_name": 1, "by_rating": 3})
    Units(table=3, indexes={'by_name': 2, 'by_rating': 3})
    >>> Units(2, {"by_name": 1}).total
    3
    """

    table: float = 0
    indexes: Mapping[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """The units of the table and all indexes."""
        return self.table + sum(self.indexes.values())

    def __add__(self, other: Units) -> Units:
        shares = {**self.indexes}
        for index, units in other.indexes.items():
            shares[index] = shares.get(index, 0) + units
        return Units(self.table + other.table, shares)

    def times(self, count: float) -> Units:
        """Return the units of *count* such requests."""
        shares = {index: units * count for index, units in self.indexes.items()}
        return Units(self.table * count, shares)


NOTHING: Final = Units()


def rcu(size: float) -> int:
    """Return the read units for *size* bytes read at once with strong consistency.

    >>> rcu(0), rcu(4096), rcu(4097)
    (1, 1, 2)
    """
    return max(1, ceil(size / READ_UNIT_BYTES))


def wcu(size: float) -> int:
    """Return the write units for *size* bytes written outside a transaction.

    >>> wcu(0), wcu(1024), wcu(1025)
    (1, 1, 2)
    """
    return max(1, ceil(size / WRITE_UNIT_BYTES))


def get_units(item: Item | None, *, consistent: bool = False) -> Units:
    """Predict a GetItem: the size in steps of 4 KB, half if eventually consistent, at least one."""
    return Units(_read_units(item_size(item) if item else 0, consistent=consistent))


def batch_get_units(items: Iterable[Item | None], *, consistent: bool = False) -> Units:
    """Predict a BatchGetItem: each item is rounded up separately; None is a key without an item."""
    return sum((get_units(item, consistent=consistent) for item in items), NOTHING)


def query_units(
    schema: TableSchema,
    items: Iterable[Item],
    *,
    index: str | None = None,
    consistent: bool = False,
) -> Units:
    """Predict one Query that reads *items*: their sizes are added, then rounded up.

    In an index, the entries count. A projection or a filter does not reduce the charge.
    """
    if index is None:
        return Units(_read_units(sum(map(item_size, items)), consistent=consistent))
    entries = (schema.entry(item, index) for item in items)
    size = sum(item_size(entry) for entry in entries if entry)
    return Units(0, {index: _read_units(size, consistent=False)})


def write_units(schema: TableSchema, before: Item | None, after: Item | None) -> Units:
    """Predict a single write, from the item before and the item after it.

    Guide, "Write operations": the larger of the two in steps of 1 KB, at least 1. An index costs
    nothing if its entry stays the same; an entry whose key changes is deleted and inserted.
    """
    shares = {index: _index_units(schema, before, after, index) for index in schema.indexes}
    return Units(_item_units(before, after), {index: n for index, n in shares.items() if n})


def failed_write_units(before: Item | None) -> Units:
    """Predict a write whose condition fails: the size of the existing item, at least 1."""
    return Units(_item_units(before, None))


def predict_plan(schema: TableSchema, planned: Plan, before: Mapping[ItemKey, Item]) -> Units:
    """Predict the transaction of a plan, where *before* contains the existing items."""
    return sum((_action_units(schema, each, before.get(key_of(each))) for each in planned), NOTHING)


def predict_failed_plan(planned: Plan, before: Mapping[ItemKey, Item]) -> Units:
    """Predict a cancelled transaction: twice the size of each existing item.

    Unconfirmed: the guide only says so of a single write; the engine reports no units.
    """
    failed = (failed_write_units(before.get(key_of(each))) for each in planned)
    return sum(failed, NOTHING).times(TRANSACTION_FACTOR)


def stored_bytes(schema: TableSchema, items: Iterable[Item]) -> int:
    """Return the bytes billed for *items* and their index entries: 100 more for each."""
    return sum(_stored_bytes(schema, item) for item in items)


def _action_units(schema: TableSchema, operation: Operation, before: Item | None) -> Units:
    once = write_units(schema, before, outcome(operation, before))
    shares = {index: TRANSACTION_INDEX_FACTOR * units for index, units in once.indexes.items()}
    return Units(TRANSACTION_FACTOR * once.table, shares)


def _index_units(schema: TableSchema, before: Item | None, after: Item | None, index: str) -> int:
    old, new = schema.entry(before, index), schema.entry(after, index)
    if old == new:
        return 0
    moves = old and new and any(old[name] != new[name] for name in schema.indexes[index])
    return _item_units(old, None) + _item_units(new, None) if moves else _item_units(old, new)


def _item_units(*items: Item | None) -> int:
    size = max(item_size(item) if item else 0 for item in items)
    return wcu(size)


def _read_units(size: int, *, consistent: bool) -> float:
    return rcu(size) * (1 if consistent else EVENTUAL_FACTOR)


def _stored_bytes(schema: TableSchema, item: Item) -> int:
    entries = [entry for index in schema.indexes if (entry := schema.entry(item, index))]
    return sum(item_size(each) + STORAGE_OVERHEAD for each in (item, *entries))

"""Changes to moto for tables of thousands of items.

moto copies the whole table for each action of a transaction, so filling a table with thousands of
items takes minutes; here only the items of the transaction are copied. It also sorts the whole
table for each Scan by comparing objects; here plain values are compared. It walks the whole table
for each Query; `moto_queries` avoids that.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from catalog_model.dynamodb.engines.moto_answers import accelerate_answers
from catalog_model.dynamodb.engines.moto_queries import accelerate_queries

_transact_slowly: Final = DynamoDBBackend.transact_write_items
_one_transaction: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class _SetAside:
    """An item before a transaction; None if it did not exist."""

    table: Table
    hash_key: DynamoType
    range_key: DynamoType
    item: Item | None

    def put_back(self) -> None:
        items: Any = self.table.items[self.hash_key]
        if self.item is None:
            items.pop(self.range_key, None)
        else:
            items[self.range_key] = self.item


def accelerate() -> None:
    """Accelerate moto's transactions and queries in this process, if requests are sequential."""
    setattr(DynamoDBBackend, "transact_write_items", _transact)  # noqa: B010  # installed as a method
    setattr(Table, "all_items", _all_items)  # noqa: B010  # installed as a method
    accelerate_queries()
    accelerate_answers()


def _all_items(table: Table) -> list[Item]:
    """Return the items of a table in moto's order, sorted by plain values."""
    items: list[Any] = []
    for found in table.items.values():
        items += found.values() if table.range_key_attr else [found]
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[Any, ...]:
    keys = (item.hash_key, item.range_key)
    return tuple(key.cast_value for key in keys if key is not None)


def _transact(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    """Carry out a transaction; one at a time, because all threads share moto's state."""
    with _one_transaction:
        _transact_alone(backend, transact_items)


def _transact_alone(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    try:
        before = list(_set_aside(backend, transact_items))
    except (AttributeError, KeyError, TypeError):  # an invalid request, or no sort key
        return _transact_slowly(backend, transact_items)
    Table.__deepcopy__ = lambda table, _memo: table  # type: ignore[attr-defined]
    try:
        _transact_slowly(backend, transact_items)
    except BaseException:
        for item in before:
            item.put_back()
        raise
    finally:
        del Table.__deepcopy__  # type: ignore[attr-defined]


def _set_aside(
    backend: DynamoDBBackend, transact_items: list[dict[str, Any]]
) -> Iterable[_SetAside]:
    for action in transact_items:
        for request in action.values():
            table = backend.tables[request["TableName"]]
            key = request.get("Key") or request["Item"]
            hash_key = DynamoType(key[table.hash_key_attr])
            range_key = DynamoType(key[table.range_key_attr])
            found = table.get_item(hash_key, range_key)
            yield _SetAside(table, hash_key, range_key, copy.deepcopy(found))

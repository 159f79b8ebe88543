"""Changes to moto for tables of thousands of items, with the same results.

moto copies the whole table for each action of a transaction; here only the items of the transaction
are copied. It sorts the whole table for each Scan by comparing objects; here plain values are
compared. It walks, sorts and compares every item of the table for each Query; here the Query runs
on a copy of the table with only the items of the partition. It looks up each of the ten members of
each attribute value under up to five names, and lists the methods of its handler for each request,
which is more than half the time of a GetItem; here it does neither. It reads every attribute of an
item for a projection, and fails at a number of more than 38 digits, zeros included; here it copies
the attributes that are wanted.
"""

import copy
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from moto.core import responses
from moto.core.serialize import ResponseSerializer
from moto.core.utils import method_names_from_class
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_get_value_slowly: Final = ResponseSerializer.get_value
_project_slowly: Final = Item.project
_query_slowly: Final = Table.query
_transact_slowly: Final = DynamoDBBackend.transact_write_items
_one_transaction: Final = threading.Lock()

_INDEX: Final = 6
"""The position of the index among moto's arguments of a Query after the partition key."""


@dataclass(frozen=True, slots=True)
class _SetAside:
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
    """Accelerate moto in this process, if its requests are sequential."""
    for owner, name, method in (
        (DynamoDBBackend, "transact_write_items", _transact),
        (Table, "all_items", _all_items),
        (Table, "query", _query),
        (Item, "project", _project),
        (ResponseSerializer, "get_value", _get_value),
        (responses, "method_names_from_class", cache(method_names_from_class)),
    ):
        setattr(owner, name, method)


def _all_items(table: Table) -> list[Item]:
    """Return the items of a table in moto's order, sorted by plain values."""
    items: list[Any] = []
    for found in table.items.values():
        items += found.values() if table.range_key_attr else [found]
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[Any, ...]:
    keys = (item.hash_key, item.range_key)
    return tuple(key.cast_value for key in keys if key is not None)


def _query(table: Table, hash_key: DynamoType | None, *args: Any, **more: Any) -> Any:
    narrowed = copy.copy(table)
    items: Any = table.items
    if args[_INDEX : _INDEX + 1] in ((), (None,)):
        narrowed.items = {hash_key: items[hash_key]} if hash_key in items else {}  # type: ignore[assignment]
    elif table.range_key_attr:
        wanted = more.get("hash_key_conditions") or ()
        narrowed.items = {  # type: ignore[assignment]
            key: {place: item for place, item in found.items() if _has(item, wanted)}
            for key, found in items.items()
        }
    return _query_slowly(narrowed, hash_key, *args, **more)


def _project(item: Item, names: list[list[str]]) -> Item:
    if any(len(path) > 1 for path in names):
        return _project_slowly(item, names)
    found = {name: item.attrs[name].to_json() for (name,) in names if name in item.attrs}
    return Item(hash_key=item.hash_key, range_key=item.range_key, attrs=found)


def _has(item: Item, wanted: Iterable[tuple[str, DynamoType]]) -> bool:
    for name, value in wanted:
        found = item.attrs.get(name)
        if found is None or found.type != value.type:
            return False
        if found.value != value.value and (value.type == "S" or found != value):
            return False
    return True


def _get_value(serializer: ResponseSerializer, value: Any, key: str, shape: Any) -> Any:
    """Return a member of a structure: by its name for typed JSON, otherwise like moto."""
    if type(value) is dict and shape.parent.name == "AttributeValue":
        return value.get(key)
    return _get_value_slowly(serializer, value, key, shape)


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

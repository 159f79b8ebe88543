"""Tables as older versions of the package left them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Literal

from table_dump import Table, dump

from catalog_model import Catalog, codec, evolution, keys
from catalog_model.codec import Item
from catalog_model.keys import ItemKey

Age = Literal["old", "mixed", "new"]
AGES: tuple[Age, ...] = ("old", "mixed", "new")


def as_version_1(item: Item) -> Item:
    """Give an item as version 1 had it."""
    old = {name: value for name, value in item.items() if name != "_type"}
    if item["SK"] == {"S": "TALLY"}:
        old.pop("_version", None)
    return old | {"_schema": {"N": "1"}}


def put(catalog: Catalog, item: Item) -> None:
    """Write an item past the model."""
    client: Any = catalog.client
    client.put_item(TableName=catalog.table, Item=item)


def grow_old(catalog: Catalog, age: Age, seed: int = 3) -> Table:
    """Turn all items of a table back to version 1, or some at random; give what it then holds."""
    rng = random.Random(seed)
    for item in dump(catalog).values():
        if age == "old" or (age == "mixed" and rng.random() < 0.5):
            put(catalog, as_version_1(item))
    return dump(catalog)


def change(catalog: Catalog, key: ItemKey, **attributes: codec.Value) -> None:
    """Change attributes of an item past the model."""
    put(catalog, {**dump(catalog)[key], **attributes})


def versions(catalog: Catalog) -> set[int | None]:
    """Tell of which versions the items of a table are."""
    return {evolution.version_of(item) for item in dump(catalog).values()}


def types(table: Table) -> Iterator[tuple[object, object]]:
    """Give what each item says to be, and what its key says."""
    for key, item in table.items():
        yield item.get("_type"), {"S": evolution.type_of(keys.parse_key(*key))}

"""Tables in the state in which older versions of the package left them."""

import json
import random
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Literal

from table_dump import Table, dump

from catalog_model import Catalog
from catalog_model.dynamodb.typed_json import Item, ItemKey, Value
from catalog_model.table import evolution, keys
from catalog_model.table.sortable import NAME_BYTES, sortable_id

Age = Literal["old", "mixed", "new", "version 2"]
AGES: tuple[Age, ...] = ("old", "mixed", "new")


def fold_name_of_version_2(name: str) -> str:

    def fold(character: str) -> str:
        if character.isspace():
            return " "
        is_mark = unicodedata.combining(character)
        return "" if is_mark or unicodedata.category(character)[0] not in "LNM" else character

    decomposed = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(map(fold, unicodedata.normalize("NFKD", decomposed)))
    return re.sub(r"\s+", "-", kept.lstrip())


def as_version_2(item: Item) -> Item:
    old = item | {"_schema": {"N": "2"}}
    if item["SK"] == {"S": "ALL"}:
        record = json.loads(item["_doc"]["S"])
        name = fold_name_of_version_2(record["title" if "#movie#" in item["PK"]["S"] else "name"])
        cut = name.encode()[:NAME_BYTES].decode(errors="ignore")
        old["_name"] = {"S": f"{cut}#{sortable_id(record['id'])}"}
    return old


def as_version_1(item: Item) -> Item:
    old = {name: value for name, value in as_version_2(item).items() if name != "_type"}
    if item["SK"] == {"S": "TALLY"}:
        old.pop("_version", None)
    return old | {"_schema": {"N": "1"}}


def put(catalog: Catalog, item: Item) -> None:
    """Write an item without the model."""
    client: Any = catalog.client
    client.put_item(TableName=catalog.table, Item=item)


def grow_old(catalog: Catalog, age: Age, seed: int = 3) -> Table:
    """Convert all items of a table to version 1, or to mixed ones; return its contents."""
    rng = random.Random(seed)
    for item in dump(catalog).values():
        if age == "old" or (age == "mixed" and rng.random() < 0.5):
            put(catalog, as_version_1(item))
        elif age == "version 2" or (age == "mixed" and rng.random() < 0.5):
            put(catalog, as_version_2(item))
    return dump(catalog)


def change(catalog: Catalog, key: ItemKey, **attributes: Value) -> None:
    """Change attributes of an item without the model."""
    put(catalog, {**dump(catalog)[key], **attributes})


def versions(catalog: Catalog) -> set[int | None]:
    return {evolution.version_of(item) for item in dump(catalog).values()}


def types(table: Table) -> Iterator[tuple[object, object]]:
    """Return the type in each item, and the type of its key."""
    for key, item in table.items():
        yield item.get("_type"), {"S": evolution.type_of(keys.parse_key(*key))}

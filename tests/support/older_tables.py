"""Tables in the state in which older versions of the package left them."""

import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from table_dump import Table, dump, titles_in

from catalog_model import Catalog, TitleKey
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.conversation import hold
from catalog_model.dynamodb.typed_json import (
    Item,
    ItemKey,
    Value,
    key_attributes,
    number,
    primary_key,
)
from catalog_model.table import codec, evolution, keys
from catalog_model.table.encoded import Encoded
from catalog_model.table.plan import plan_rewriting
from catalog_model.table.sortable import NAME_BYTES, sortable_id
from catalog_model.table.title_items import read_stored
from catalog_model.writes.attempts import move_tallies

Age = Literal["old", "mixed", "half", "new", "version 2", "version 3"]
AGES: tuple[Age, ...] = ("old", "mixed", "half", "version 3", "new")


def fold_name_of_version_2(name: str) -> str:

    def fold(character: str) -> str:
        if character.isspace():
            return " "
        is_mark = unicodedata.combining(character)
        return "" if is_mark or unicodedata.category(character)[0] not in "LNM" else character

    decomposed = unicodedata.normalize("NFKD", name).casefold()
    kept = "".join(map(fold, unicodedata.normalize("NFKD", decomposed)))
    return re.sub(r"\s+", "-", kept.lstrip())


def as_version_3(table: Table) -> Table:
    """Return a table as version 3 had it: slots without gaps, which only name their titles."""
    numbers: Counter[tuple[str, int]] = Counter()
    former: Table = {}
    for key, item in sorted(table.items()):
        match keys.parse_key(*key):
            case keys.TitleItem(title):
                shard = title.kind, keys.shard_of(title)
                slot, numbers[shard] = numbers[shard], numbers[shard] + 1
                own = {n: v for n, v in item.items() if n != codec.DOC}
                listing = codec.encode_former_listing(codec.decode_title(item))
                bare = codec.encode_former_slot(title, slot)
                some = [{**own, codec.SLOT: number(slot)}, listing, bare]
            case keys.TallyItem(kind, at):
                own = {n: v for n, v in item.items() if n not in (codec.SLOTS, codec.FREE)}
                some = [{**own, **key_attributes(keys.former_tally_key(kind, at))}]
            case keys.SlotItem() | keys.FormerTally():
                some = []
            case _:
                some = [item]
        former |= {primary_key(each): each | {"_schema": {"N": "3"}} for each in some}
    for key, item in former.items():
        if isinstance(keys.parse_key(*key), keys.SlotItem):
            item["_type"] = {"S": "slot"}
    return former


def as_version_2(item: Item) -> Item:
    """Return an item of version 3 as version 2 had it."""
    old = item | {"_schema": {"N": "2"}}
    if item["SK"] == {"S": "ALL"}:
        record = json.loads(item["_doc"]["S"])
        name = fold_name_of_version_2(record["title" if "#movie#" in item["PK"]["S"] else "name"])
        cut = name.encode()[:NAME_BYTES].decode(errors="ignore")
        old["_name"] = {"S": f"{cut}#{sortable_id(record['id'])}"}
    return old


def as_version_1(item: Item) -> Item:
    """Return an item of version 3 as version 1 had it."""
    old = {name: value for name, value in as_version_2(item).items() if name != "_type"}
    if item["SK"] == {"S": "TALLY"}:
        old.pop("_version", None)
    return old | {"_schema": {"N": "1"}}


def put(catalog: Catalog, item: Item) -> None:
    """Write an item without the model."""
    catalog.client.put_item(TableName=catalog.table, Item=item)


def grow_old(catalog: Catalog, age: Age, seed: int = 3) -> Table:
    """Convert all items of a table to an older version; return its contents.

    ``mixed`` is every older version, item by item; in a ``half`` upgraded table, every other title
    is of the current version already.
    """
    if age == "new":
        return dump(catalog)
    rng = random.Random(seed)
    table = dump(catalog)
    former = as_version_3(table)
    for key in table.keys() - former.keys():
        delete(catalog, key)
    for item in former.values():
        version = rng.choice([1, 2, 3]) if age in ("mixed", "half") else _VERSIONS[age]
        conversions: list[Callable[[Item], Item]] = [as_version_1, as_version_2, dict]
        put(catalog, conversions[version - 1](item))
    if age == "half":
        upgrade_some(catalog, [key for key in titles_in(dump(catalog)) if rng.random() < 0.5])
    return dump(catalog)


_VERSIONS = {"old": 1, "version 2": 2, "version 3": 3}


def upgrade_some(catalog: Catalog, titles: Iterable[TitleKey]) -> None:
    """Upgrade these titles, and the tallies, as a migration would that was interrupted then."""
    for kind in KINDS:
        hold(catalog, move_tallies(kind))
    for key in titles:
        stored = read_stored(key, dump(catalog)[keys.title_key(key)])
        if stored and stored.is_former and stored.slot is not None:
            catalog.gateway.transact(plan_rewriting(stored, Encoded(stored.title)))


def delete(catalog: Catalog, key: ItemKey) -> None:
    """Delete an item without the model."""
    catalog.client.delete_item(TableName=catalog.table, Key=key_attributes(key))


def change(catalog: Catalog, key: ItemKey, **attributes: Value) -> None:
    """Change attributes of an item without the model."""
    put(catalog, {**dump(catalog)[key], **attributes})


def versions(catalog: Catalog) -> set[int | None]:
    return {evolution.version_of(item) for item in dump(catalog).values()}


def types(table: Table) -> Iterator[tuple[object, object]]:
    """Return the type in each item, and the type of its key."""
    for key, item in table.items():
        yield item.get("_type"), {"S": evolution.type_of(keys.parse_key(*key))}

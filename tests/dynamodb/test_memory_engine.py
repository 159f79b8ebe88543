"""The in-memory table answers like other engines: each condition, each outcome, each page."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from engines import Engine, running_engine

from catalog_model import Catalog
from catalog_model.dynamodb.actions import (
    Absent,
    Condition,
    Delete,
    Equals,
    NotNewer,
    Operation,
    Put,
    Update,
)
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes, number, text
from catalog_model.errors import CatalogError, TableNotFoundError
from catalog_model.operations import create_table, delete_table, table_status
from catalog_model.table.codec import SCHEMA, SCHEMA_VERSION

KEY, OTHER = ItemKey("TITLE#movie#1", "TITLE#movie#1"), ItemKey("TITLE#movie#2", "TITLE#movie#2")

CONDITIONS: tuple[Condition, ...] = (
    None,
    Absent(),
    Equals("n", 1),
    Equals("n", 1, or_absent=True),
    Equals("n", 1, must_exist=True),
    Equals("n", 1, or_absent=True, must_exist=True),
    NotNewer(),
    NotNewer(Absent()),
    NotNewer(Equals("n", 1, or_absent=True)),
)

BEFORE: tuple[dict[str, Any] | None, ...] = (
    None,
    {},
    {"n": number(1), "gone": text("soon")},
    {"n": number(2)},
    {"n": number(1), SCHEMA: number(SCHEMA_VERSION + 1)},
    {"n": number(1), SCHEMA: number(SCHEMA_VERSION)},
)


def change_of(condition: Condition) -> Update:
    sets, adds = (("a", "b"), ("c", 3)), (("n", 5), ("m", -1))
    return Update(KEY, sets, adds, condition, removes=("gone", "x"))


CHANGES: dict[str, Callable[[Condition], Operation]] = {
    "put": lambda condition: Put({**key_attributes(KEY), "x": text("y")}, condition),
    "update": change_of,
    "delete": lambda condition: Delete(KEY, condition),
}


@pytest.fixture(scope="module")
def pair(engine: Engine) -> Iterator[tuple[Catalog, Catalog]]:
    """Handles on an empty table of an engine, and on one in memory."""
    with running_engine("memory") as memory:
        catalogs = engine.catalog(), memory.catalog()
        for each in catalogs:
            create_table(each)
        yield catalogs
        for each in catalogs:
            delete_table(each)


def outcome(catalog: Catalog, before: dict[str, Any] | None, act: Callable[[], None]) -> Any:
    """Put an item, act, and return the error, if any, and the resulting item."""
    for key in (KEY, OTHER):
        catalog.client.delete_item(TableName=catalog.table, Key=key_attributes(key))
    if before is not None:
        catalog.client.put_item(TableName=catalog.table, Item={**key_attributes(KEY), **before})
    error = ""
    try:
        act()
    except CatalogError as refused:
        error = type(refused).__name__
    found: list[Item] = catalog.client.scan(TableName=catalog.table)["Items"]
    return error, sorted(found, key=lambda item: str(item["PK"]))


@pytest.mark.parametrize("change", [*CHANGES, None], ids=str)
@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_write_is_applied_where_its_conditions_hold(
    pair: tuple[Catalog, Catalog], condition: Condition, change: str | None
) -> None:
    """A transaction, everything or nothing, and a single update, for any existing item."""
    planned = (CHANGES[change](condition), Put(key_attributes(OTHER))) if change else ()
    for before in BEFORE:
        one, memory = (
            outcome(each, before, partial(each.gateway.transact, planned))
            if planned
            else outcome(each, before, partial(each.gateway.update, change_of(condition)))
            for each in pair
        )
        assert memory == one
        assert len(one[1]) == 2 or one[0] or change in ("delete", None)


@pytest.mark.parametrize("page", [None, 1, 2, 7, 8, 9])
def test_a_paged_scan_finds_each_item_once(pair: tuple[Catalog, Catalog], page: int | None) -> None:
    """In the requested number of segments, on pages of any size."""
    names = [f"p{number:02}" for number in range(8)]
    for catalog in pair:
        outcome(catalog, None, lambda: None)
        for name in names:
            item = key_attributes(ItemKey(name, name))
            catalog.client.put_item(TableName=catalog.table, Item=item)
        for segments in (1, 2, 3):
            found = [
                item["PK"]["S"]
                for segment in range(segments)
                for items in catalog.gateway.scan(segment, segments, page=page)
                for item in items
            ]
            assert sorted(found) == names
        for name in names:
            key = key_attributes(ItemKey(name, name))
            catalog.client.delete_item(TableName=catalog.table, Key=key)


def test_a_table_lives_from_its_making_to_its_end() -> None:
    """Creating it again changes nothing; requests before and after its life are rejected."""
    with running_engine("memory") as engine:
        catalog = engine.catalog()
        with pytest.raises(TableNotFoundError):
            table_status(catalog)
        assert create_table(catalog).is_ready
        assert create_table(catalog).differences == ()
        delete_table(catalog)
        with pytest.raises(CatalogError):
            catalog.gateway.get(KEY)

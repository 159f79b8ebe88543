"""`catalog_model.dynamodb` serves any single table: here customers and their orders.

Nothing here depends on the catalogue: test_rooms_alone runs this module without the rest of the
package.
"""

from typing import Any

import pytest

from catalog_model.dynamodb import capacity
from catalog_model.dynamodb.actions import Absent, Check, Delete, Equals, NotNewer, Put, Update
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway, Range
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.schema import TableSchema, Versions, description_of
from catalog_model.dynamodb.trace import Observers, Request
from catalog_model.dynamodb.typed_json import Item, ItemKey, number, text
from catalog_model.errors import ConflictError, SchemaMismatchError

ORDERS = TableSchema({"by_day": ("customer", "day")}, ("total",), Versions("v", 2))


def order(customer: str, number_of: int, day: str | None = None, **more: Any) -> Item:
    """Make an order; one without a day is in no index."""
    own = {"customer": text(customer), "total": number(10 * number_of), "note": text("n" * 50)}
    placed = {"day": text(day)} if day else {}
    return {"PK": text(customer), "SK": text(f"ORDER#{number_of}"), **own, **placed, **more}


@pytest.fixture
def requests() -> list[Request]:
    return []


@pytest.fixture
def orders(requests: list[Request]) -> Gateway:
    """A table with three orders of Ann, of which one has no day, and one of Bob."""
    there = [
        order("ann", 1, "2024-05-03"),
        order("ann", 2, "2024-05-01"),
        order("ann", 3),
        order("bob", 1, "2024-05-02"),
    ]
    observers = Observers()
    observers.add(requests.append)
    return OfflineGateway("orders", OfflineClient(ORDERS, there), observers)


def key(customer: str, number_of: int) -> ItemKey:
    return ItemKey(customer, f"ORDER#{number_of}")


def test_items_are_found_by_their_keys(orders: Gateway) -> None:
    """One by one, in batches, by partition and range, in reverse."""
    assert orders.get(key("ann", 3)) == order("ann", 3)
    assert orders.get(key("ann", 4)) is None
    found = orders.batch_get([key("bob", 1), key("bob", 2)])
    assert found == {key("bob", 1): order("bob", 1, "2024-05-02")}
    own = orders.query("ann", Range(lower="ORDER#2"), descending=True)
    assert [item["SK"]["S"] for item in own] == ["ORDER#3", "ORDER#2"]
    assert orders.query("ann", Range("b", "a")) == []


def test_an_index_is_sparse_and_holds_what_it_projects(orders: Gateway) -> None:
    """In the order of its sort key, and without attributes that are not projected."""
    found = orders.query("ann", EVERYTHING, index="by_day")
    assert [item["SK"]["S"] for item in found] == ["ORDER#2", "ORDER#1"]
    entry = ORDERS.entry(order("ann", 1, "2024-05-03"), "by_day")
    assert entry is not None
    assert set(entry) == {"PK", "SK", "customer", "day", "total"}
    assert ORDERS.entry(order("ann", 3), "by_day") is None


def test_a_transaction_writes_all_or_nothing(orders: Gateway) -> None:
    """If one condition fails, nothing is written."""
    new = Put(order("ann", 4), Absent())
    with pytest.raises(LostRaceError):
        orders.transact((new, Delete(key("ann", 1), Equals("total", 99))))
    assert orders.get(key("ann", 4)) is None
    assert orders.get(key("ann", 1)) is not None
    changed = Update(
        key("ann", 2), sets=(("note", "paid"),), adds=(("total", 5),), removes=("day",)
    )
    orders.transact((new, Delete(key("ann", 1), Equals("total", 10)), changed))
    assert orders.get(key("ann", 1)) is None
    after = orders.get(key("ann", 2))
    assert after is not None
    assert (after["note"], after["total"], "day" in after) == (text("paid"), number(25), False)
    assert orders.query("ann", EVERYTHING, index="by_day") == []


def test_a_transaction_names_each_item_once(orders: Gateway, requests: list[Request]) -> None:
    """Otherwise nothing is sent."""
    twice = (Delete(key("ann", 1)), Check(key("ann", 1), Absent()))
    with pytest.raises(ConflictError, match=r"ann \| ORDER#1"):
        orders.transact(twice)
    assert requests == []


def test_an_item_of_a_newer_version_is_not_overwritten(orders: Gateway) -> None:
    """It is distinguished from a lost race, which a retry could win."""
    orders.transact((Put(order("eve", 1, v=number(2)), NotNewer()),))
    orders.transact((Put(order("eve", 1, v=number(3)), NotNewer()),))
    with pytest.raises(SchemaMismatchError, match="version 3"):
        orders.transact((Put(order("eve", 1), NotNewer()),))


def test_what_is_charged_is_predicted(orders: Gateway, requests: list[Request]) -> None:
    """A Query by its entries, a transaction twice on the table and once on each index."""
    orders.query("ann", EVERYTHING, index="by_day")
    orders.transact((Put(order("ann", 5, "2024-05-05")),))
    query, write = requests
    assert query.units == {"by_day": 0.5}
    assert write.units == {"table": 2, "by_day": 1}
    moved = capacity.write_units(ORDERS, order("ann", 1, "a"), order("ann", 1, "b"))
    assert (moved.table, moved.indexes) == (1, {"by_day": 2})


def test_the_declaration_is_what_a_table_of_this_schema_describes() -> None:
    """Keys, types and indexes, as DescribeTable has them."""
    assert description_of(ORDERS.declaration()) == {
        "keys": {"HASH": "PK", "RANGE": "SK"},
        "types": dict.fromkeys(("PK", "SK", "customer", "day"), "S"),
        "indexes": {
            "by_day": {
                "keys": {"HASH": "customer", "RANGE": "day"},
                "projection": "INCLUDE",
                "attributes": ["total"],
            }
        },
    }

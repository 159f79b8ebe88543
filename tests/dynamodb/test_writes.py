"""Actions of transactions are those that PynamoDB's connection makes of the same conditions."""

from functools import reduce
from operator import and_
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pynamodb.connection import Connection
from pynamodb.connection.base import MetaTable
from pynamodb.expressions.operand import Path
from scaled import scaled

from catalog_model.dynamodb.actions import (
    Absent,
    Check,
    Condition,
    Contains,
    Delete,
    Equals,
    Every,
    Lacks,
    NotNewer,
    Operation,
    Put,
    Update,
)
from catalog_model.dynamodb.typed_json import ItemKey, key_attributes, number, numbers_value, text
from catalog_model.dynamodb.writes import Writes
from catalog_model.table.indexes import SCHEMA

names = st.sampled_from(["_version", "_schema", "total", "g28", "x"])
numbers = st.integers(0, 10**9)
keys = st.builds(ItemKey, *[st.sampled_from(["TITLE#movie#1", "TALLY#2"])] * 2)
equals = st.builds(Equals, names, numbers, st.booleans(), st.booleans())
members = st.builds(Contains, names, numbers) | st.builds(Lacks, names, numbers)
simple = st.builds(Absent) | equals
every = st.builds(Every, st.lists(simple | members, min_size=1, max_size=4).map(tuple))
conditions: st.SearchStrategy[Condition] = st.none() | simple | members | every
conditions |= (st.none() | simple | every).map(NotNewer)
items = st.dictionaries(names, numbers.map(number) | st.text().map(text))


def pairs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw attributes with new values."""
    return st.dictionaries(names, values, max_size=3).map(lambda found: tuple(found.items()))


sets_of_numbers = pairs(st.lists(numbers, min_size=1, max_size=3, unique=True).map(tuple))
updates = st.builds(
    Update,
    keys,
    pairs(numbers | st.sampled_from(["title", "tally"])),
    st.just((("_version", 1),)) | pairs(numbers).filter(bool),
    conditions,
    st.lists(names, max_size=2, unique=True).map(tuple),
    sets_of_numbers,
    sets_of_numbers,
)
puts = st.builds(
    lambda key, item, condition: Put({**key_attributes(key), **item}, condition),
    keys,
    items,
    conditions,
)
operations = puts | updates | st.builds(Delete, keys, conditions) | st.builds(Check, keys, simple)


@settings(max_examples=scaled(500))
@given(operation=operations)
def test_an_action_is_that_of_pynamodb(operation: Operation) -> None:
    """Each expression, placeholder, name and value, although expressions are written only once."""
    assert Writes("films", SCHEMA).action(operation) == by_pynamodb(operation)


@given(one=numbers, other=numbers)
def test_actions_share_nothing_that_a_caller_may_change(one: int, other: int) -> None:
    """An action that was changed, as by a fault injector, leaves the next one as it is."""
    put = Put(key_attributes(ItemKey("a", "b")), NotNewer(Equals("_version", one)))
    changed = Writes("films", SCHEMA).action(put)
    for part in ("Item", "ExpressionAttributeNames", "ExpressionAttributeValues"):
        changed[part].clear()
    assert put.item == key_attributes(ItemKey("a", "b"))
    again = Put(put.item, NotNewer(Equals("_version", other)))
    assert Writes("films", SCHEMA).action(again) == by_pynamodb(again)


def by_pynamodb(operation: Operation) -> dict[str, Any]:
    """Return the action that PynamoDB's connection makes."""
    connection = Connection(region="eu-west-1")
    declared = SCHEMA.declaration()
    described = {n: declared[n] for n in ("KeySchema", "AttributeDefinitions")}
    connection.add_meta_table(MetaTable({"TableName": "films", **described}))
    extra: dict[str, Any] = {}
    if isinstance(operation, Put):
        own = {n: value for n, value in operation.item.items() if n not in ("PK", "SK")}
        extra = {"key": "Item", "attributes": own}
        key = ItemKey(operation.item["PK"]["S"], operation.item["SK"]["S"])
    else:
        key = operation.key
    if isinstance(operation, Update):
        extra = {"actions": changes_of(operation)}
    made: dict[str, Any] = connection.get_operation_kwargs(
        "films",
        key.PK,
        key.SK,
        condition=condition_of(operation.condition),
        return_values_on_condition_failure=(
            "ALL_OLD" if isinstance(operation.condition, NotNewer) else None
        ),
        **extra,
    )
    return made


def changes_of(update: Update) -> list[Any]:
    """Return an update in PynamoDB's terms."""
    return [
        *(
            Path(n).set(value if isinstance(value, str) else number(value))
            for n, value in update.sets
        ),
        *(Path(n).add(number(value)) for n, value in update.adds),
        *(Path(n).remove() for n in update.removes),
        *(Path(n).add(numbers_value(some)) for n, some in update.includes),
        *(Path(n).delete(numbers_value(some)) for n, some in update.excludes),
    ]


def condition_of(condition: Condition) -> Any:  # noqa: PLR0911  # one for each type
    """Return a condition in PynamoDB's terms, with its values."""
    match condition:
        case Absent():
            return Path("PK").does_not_exist()
        case Equals(attribute, value, or_absent, must_exist):
            equal: Any = Path(attribute) == number(value)
            equal = Path(attribute).does_not_exist() | equal if or_absent else equal
            return Path("PK").exists() & equal if must_exist else equal
        case Contains(attribute, member):
            return Path(attribute).contains(number(member))
        case Lacks(attribute, member):
            return ~Path(attribute).contains(number(member))
        case Every(several):
            return reduce(and_, map(condition_of, several))
        case NotNewer(also):
            version = Path(SCHEMA.versions.attribute)
            newest = number(SCHEMA.versions.newest)
            known: Any = version.does_not_exist() | (version <= newest)
            return known if also is None else condition_of(also) & known
    return None

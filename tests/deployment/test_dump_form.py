"""An item is one line in DynamoDB's export form: exact, and the same line for equal items."""

import json
import random
from typing import Any

import pytest
from any_items import items, same, tables
from hypothesis import given
from hypothesis import strategies as st

from catalog_model.deployment.dump_form import Tally, check_item, item_in, line_of
from catalog_model.deployment.table_form import described
from catalog_model.dynamodb.strict.request import Schema
from catalog_model.dynamodb.typed_json import Item
from catalog_model.table.indexes import SCHEMA

OURS = Schema.of(described(SCHEMA.declaration()))
KEY: Item = {"PK": {"S": "a"}, "SK": {"S": "b"}}


@given(items())
def test_a_line_holds_exactly_its_item(item: Item) -> None:
    """Of any item: numbers to the digit, sets, bytes, nulls, empty texts, nesting."""
    line = line_of(item)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert same(item_in(line)) == same(item)
    check_item(item_in(line), OURS)


@given(items(), st.randoms())
def test_equal_items_have_equal_lines(item: Item, rng: random.Random) -> None:
    """Whatever the order of attributes and of the members of sets."""
    assert line_of(shuffled(item, rng)) == line_of(item)


def shuffled(item: Item, rng: random.Random) -> Item:
    """Return an equal item in another order."""
    names = rng.sample(sorted(item), len(item))
    return {
        name: {
            kind: rng.sample(content, len(content)) if kind in ("SS", "NS", "BS") else content
            for kind, content in item[name].items()
        }
        for name in names
    }


@given(tables, st.randoms())
def test_the_digest_of_a_table_does_not_depend_on_the_order_of_its_items(
    table: list[Item], rng: random.Random
) -> None:
    """Nor on its parts; it depends on every item."""
    whole = tally(table)
    cut = rng.randint(0, len(table))
    parts = rng.sample(table, len(table))
    both = tally(parts[:cut])
    both.add(tally(parts[cut:]))
    assert (both.items, both.digest) == (whole.items, whole.digest)
    if table:
        assert tally(table[1:]).digest != whole.digest
        changed = {**table[0], "other": {"S": "value"}}
        assert tally([changed, *table[1:]]).digest != whole.digest


def tally(table: list[Item]) -> Tally:
    counts = Tally(lambda _: "title", lambda _: 3)
    for item in table:
        counts.count(item, line_of(item))
    return counts


def test_a_line_reads_like_one_of_dynamodb() -> None:
    """It is what an export to S3 contains; readable texts stay readable."""
    item: Item = {**KEY, "name": {"S": "Amélie"}, "data": {"B": b"\x00\xff"}, "n": {"N": "7"}}
    assert json.loads(line_of(item)) == {
        "Item": {**KEY, "name": {"S": "Amélie"}, "data": {"B": "AP8="}, "n": {"N": "7"}}
    }
    assert "Amélie".encode() in line_of(item)


def test_a_lone_surrogate_of_a_lenient_engine_is_kept_as_an_escape() -> None:
    """A dump is complete, whatever an engine holds; only an import refuses it."""
    item: Item = {**KEY, "text": {"S": "\ud800"}}
    assert item_in(line_of(item)) == item
    with pytest.raises(ValueError, match="surrogates"):
        check_item(item, OURS)


WRONG: dict[str, tuple[bytes, str]] = {
    "not UTF-8": (b'{"Item": "\xff"}', "not UTF-8"),
    "not JSON": (b"{", "not JSON, column"),
    "empty": (b"\n", "not JSON"),
    "a constant": (b'{"Item": {"a": NaN}}', "NaN is not JSON"),
    "no item": (b'{"item": {}}', "it must be"),
    "more than an item": (b'{"Item": {}, "Keys": {}}', "it must be"),
    "a list": (b"[]", "it must be"),
    "a text": (b'{"Item": "a"}', "Item must be an object"),
    "a plain value": (b'{"Item": {"a": "b"}}', "a must be one value with its type"),
    "two values": (b'{"Item": {"a": {"S": "b", "N": "1"}}}', "a must be one value"),
    "an unknown type": (b'{"Item": {"a": {"X": "b"}}}', "a is not a value of DynamoDB"),
    "a number as a number": (b'{"Item": {"a": {"N": 7}}}', "a is not a value of DynamoDB"),
    "a flag as a text": (b'{"Item": {"a": {"BOOL": "true"}}}', "a is not a value"),
    "not base64": (b'{"Item": {"a": {"B": "?"}}}', "a is not base64"),
    "not base64 in a set": (b'{"Item": {"a": {"BS": ["AA==", "?"]}}}', "a is not base64"),
    "a set of numbers": (b'{"Item": {"a": {"NS": [7]}}}', "a must be a set of texts"),
    "wrong in a list": (b'{"Item": {"a": {"L": [{"S": "b"}, 7]}}}', r"a\[1\] must be one value"),
    "wrong in a map": (b'{"Item": {"a": {"M": {"b": {"S": 7}}}}}', r"a\.b is not a value"),
    "a name twice": (b'{"Item": {"a": {"S": "b"}, "a": {"S": "c"}}}', "same key twice"),
    "too deep": (b'{"Item": {"a": ' + b'{"L": [' * 900, "nested too deeply"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_an_item_is_refused_with_the_reason(case: str) -> None:
    """By path and value."""
    line, reason = WRONG[case]
    with pytest.raises(ValueError, match=reason):
        item_in(line)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "needs its key"),
    "no key": ({"a": {"S": "b"}}, "Missing the key PK"),
    "no sort key": ({"PK": {"S": "a"}}, "Missing the key SK"),
    "a key of another type": ({**KEY, "SK": {"N": "7"}}, "Type mismatch for key SK"),
    "an empty key": ({**KEY, "PK": {"S": ""}}, "empty string"),
    "a long key": ({**KEY, "SK": {"S": "k" * 1025}}, "1024"),
    "a name that is empty": ({**KEY, "": {"S": "a"}}, "each attribute a name"),
    "an index key of another type": ({**KEY, "_list": {"N": "7"}}, "Index Key _list"),
    "an empty index key": ({**KEY, "_name": {"S": ""}}, "empty string"),
    "39 digits": ({**KEY, "n": {"N": "1" * 39}}, "38 significant digits"),
    "a large number": ({**KEY, "n": {"N": "1E126"}}, "overflow"),
    "no number": ({**KEY, "n": {"N": "seven"}}, "cannot be converted"),
    "an empty set": ({**KEY, "s": {"SS": []}}, "may not be empty"),
    "a set with a value twice": ({**KEY, "s": {"NS": ["1", "1.0"]}}, "duplicates"),
    "a false null": ({**KEY, "n": {"NULL": False}}, "must have the value of true"),
    "33 levels": ({**KEY, "l": {"L": [{"L": []}]}}, ""),
    "over 400 KB": ({**KEY, "s": {"S": "a" * 409_600}}, "maximum allowed size"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_table_cannot_hold_is_refused_before_it_is_sent(case: str) -> None:
    """With the text of the service."""
    item, reason = REFUSED[case]
    if case == "33 levels":
        value: dict[str, Any] = {"NULL": True}
        for _ in range(32):
            value = {"L": [value]}
        item, reason = {**KEY, "l": value}, "Nesting Levels"
    with pytest.raises(ValueError, match=reason):
        check_item(item_in(line_of(item)), OURS)

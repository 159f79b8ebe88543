"""The fast decoders and the full ones agree, on every document and every item."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import Any

import pytest
from generated import Records
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled

from catalog_model import Movie, TVShow
from catalog_model.checks.nesting import MAX_NESTING, parse_json
from catalog_model.domain.arguments import is_date
from catalog_model.domain.fields import Rule
from catalog_model.domain.kinds import END_OF_IDS, KINDS, Kind
from catalog_model.domain.usual import INLINE
from catalog_model.dynamodb.typed_json import JSON, Item
from catalog_model.entities import FIELDS, TITLE_CLASSES
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, compiled, keys

NUMBERS = (
    *("0", "-0", "-0.0", "0.0", "7", "7.0", "1E2", "0.1e1", "1e-400", "0e999", "4.9e-324"),
    *("9007199254740993", "999999999999999999", "0.1234567890123456789", "123456789012345.5"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "9" * 38, "1" + "0" * 38, "9" * 39),
    *("1e22", "1e37", "1e38", "1e100", "1e125", "1e126", "1e308", "1e309", "-1e999", "1" * 5000),
    *("NaN", "Infinity", "-Infinity", "sNaN7", "01", "+1", "1.", ".5", "1_0", "1_", " 1 ", "1\n"),
    *("٣", "²", "１", "0x1", "", "-", "e5", "true", "null", '"7"', "[]", "{}"),  # noqa: RUF001
)
"""Texts of numbers, and of what some parser could take for one."""

TEXTS = ('""', '"a"', '"\\ud800"', '"\\ud83d\\ude00"', '"\t"', '"\x7f"', '"\\u0000"', '"é千😀"')
DATES = ("2024-05-01", "2024-02-30", "20240501", "2024-W01-1", "0000-01-01", "２024-05-01", "")  # noqa: RUF001
DEEP = ("[" * (MAX_NESTING - 1) + "]" * (MAX_NESTING - 1), "[" * 900 + "]" * 900, "[" * 5000)
VALUES = (
    *NUMBERS,
    *TEXTS,
    *DEEP,
    *(f'"{day}"' for day in DATES),
    *("[28,16]", "[28.0]", "[true]", "[18446744073709551616]", "[0]", "[null]", '["US"]'),
    json.dumps(list(range(1, 50))),
    json.dumps([*range(1, 49), 1, 2]),
    *("false", '{"a":1}', '{"a":{"b":[1,2]}}', "[1", "nul"),
)

REPLACED = (
    "",
    "{",
    "}",
    "[",
    "]",
    ",",
    '"',
    "\\",
    " ",
    "\ufeff",
    "\0",
    "\ud800",
    "1",
    "99999999999",
)


@contextmanager
def full_decoders() -> Iterator[None]:
    """Decode without the fast decoders."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("record_of_document", "record_of_item"):
            patch.setattr(codec, name, lambda *_: None)
        patch.setattr(codec, "records_of_documents", lambda _, texts: [None] * len(texts))
        yield


def outcome(decode: Callable[[], Movie | TVShow]) -> str:
    """Return the exact record that was decoded, or the error."""
    try:
        title = decode()
    except UnknownEntityError as error:
        return f"{error} because of {error.__cause__!r}"
    return f"{title.kind} {title._record!r}"


def assert_same(decode: Callable[[], Movie | TVShow]) -> None:
    """Decode with and without the fast decoders, and compare."""
    fast = outcome(decode)
    with full_decoders():
        assert fast == outcome(decode)


kinds = st.sampled_from(KINDS)


@st.composite
def documents(draw: st.DrawFn, records: Records) -> tuple[Kind, str]:
    """Draw the document of a record with some of its values replaced, added or removed."""
    kind = draw(kinds)
    record = draw(st.sampled_from(list(records[kind].values())))
    members = [(json.dumps(name), json.dumps(value)) for name, value in record.items()]
    names = st.sampled_from([*(name for name, _ in members), '"x"', '""', '"PK"', '"_doc"', "7"])
    for name in draw(st.lists(names, max_size=2)):
        place = draw(st.integers(0, len(members)))
        members[place : place + draw(st.integers(0, 1))] = [(name, draw(st.sampled_from(VALUES)))]
    text = "{" + ",".join(f"{name}:{value}" for name, value in members) + "}"
    for _ in range(draw(st.integers(0, 1))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(REPLACED)) + text[place + 1 :]
    return kind, text


@settings(max_examples=scaled(600))
@given(data=st.data())
@pytest.mark.parametrize("parser", ["orjson", "json"])
def test_each_document_reads_as_in_full(parser: str, data: st.DataObject, records: Records) -> None:
    """The same records down to the types of numbers, and the same errors; with orjson or without.

    orjson turns whole numbers beyond 64 bits into floats and refuses lone surrogates; it also has
    no limit of its own on nesting that is as low as this package's.
    """
    kind, text = data.draw(documents(records))
    with pytest.MonkeyPatch.context() as patch:
        if parser == "json":
            patch.setattr(compiled, "loads", lambda text: parse_json(text, JSON))
        assert_same(lambda: codec.decode_copy(kind, {"_doc": {"S": text}}))


@settings(max_examples=scaled(200))
@given(data=st.data())
def test_documents_read_together_as_each_of_them(data: st.DataObject, records: Records) -> None:
    """Usual or not, in any number; an error is that of the first one that cannot be read."""
    kind = data.draw(kinds)
    of_kind = documents(records).filter(lambda drawn: drawn[0] == kind).map(lambda drawn: drawn[1])
    items: list[Item] = [{"_doc": {"S": text}} for text in data.draw(st.lists(of_kind, max_size=5))]
    if data.draw(st.integers(0, 9)) == 0:
        items.append(data.draw(st.sampled_from([{}, {"_doc": {"N": "1"}}, {"_doc": {"S": b"{}"}}])))

    def outcome_of(decode: Callable[[], list[Movie | TVShow]]) -> list[str]:
        try:
            return [outcome(partial(lambda title: title, each)) for each in decode()]
        except UnknownEntityError as error:
            return [f"{error} because of {error.__cause__!r}"]

    together = outcome_of(lambda: codec.decode_copies(kind, items))
    assert together == outcome_of(lambda: [codec.decode_copy(kind, item) for item in items])


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_every_field_reads_as_in_full(kind: Kind, records: Records) -> None:
    """In place of the field's own, as a duplicate that is read and dropped, or of a new name."""
    (record, *_) = records[kind].values()
    for name, value in product((*FIELDS[kind], "x"), VALUES):
        others = ",".join(f'"{n}":{json.dumps(v)}' for n, v in record.items() if n != name)
        own = f'"{name}":{json.dumps(record.get(name))}'
        for text in (f'{{"{name}":{value},{others}}}', f'{{"{name}":{value},{own},{others}}}'):
            assert_same(partial(codec.decode_copy, kind, {"_doc": {"S": text}}))


@pytest.mark.parametrize(
    "item",
    [{}, {"_doc": {}}, {"_doc": {"N": "1"}}, {"_doc": None}]
    + [{"_doc": {"S": value}} for value in (b"{}", 7, None, [], ["["] * 9, "", "[]", "null")],
)
def test_what_is_no_document_is_refused_as_in_full(item: Any) -> None:
    """In the same words."""
    assert_same(lambda: codec.decode_copy("movie", item))


def test_the_bytes_of_a_document_are_refused(records: Records) -> None:
    """DynamoDB has another type for them."""
    (record, *_) = records["movie"].values()
    with pytest.raises(UnknownEntityError):
        codec.decode_copy("movie", {"_doc": {"S": json.dumps(record).encode()}})


ATTRIBUTES: tuple[Any, ...] = (
    *({"N": number} for number in NUMBERS),
    *({"S": day} for day in DATES),
    *({"S": value} for value in ("", "x", "\ud800", None, 7)),
    *({"L": [{"N": number}]} for number in NUMBERS),
    *({"L": [{"S": "US"}]}, {"L": []}, {"L": [{"N": "1", "S": "x"}]}, {"L": [{}]}, {"L": None}),
    *({"NS": ["28", "16"]}, {"SS": ["US"]}, {"M": {}}, {"B": b"x"}, {"NULL": True}, {"BOOL": True}),
    *({"N": "7", "S": "x"}, {"S": "x", "NULL": True}, {}, {"N": 7}, {"N": None}, None, 7),
)


@settings(max_examples=scaled(1000))
@given(data=st.data())
def test_every_item_reads_as_in_full(data: st.DataObject, records: Records) -> None:
    """Whatever other programs put in place of an attribute, in addition to them, or as the key."""
    kind = data.draw(kinds)
    record = data.draw(st.sampled_from(list(records[kind].values())))
    item: Item = codec.encode_title(TITLE_CLASSES[kind].from_json(record), version=1, slot=0)
    names = st.sampled_from([*item, "_form", "x", "__x", "_x"])
    for name in data.draw(st.lists(names, max_size=2)):
        if data.draw(st.booleans()) and name in item:
            del item[name]
        else:
            item[name] = data.draw(st.sampled_from(ATTRIBUTES))
    assert_same(lambda: codec.decode_title(item))


@pytest.mark.parametrize("kind", KINDS)
def test_every_attribute_of_every_item_reads_as_in_full(kind: Kind, records: Records) -> None:
    """In place of the title's own, and missing."""
    (record, *_) = records[kind].values()
    whole: Item = codec.encode_title(TITLE_CLASSES[kind].from_json(record), version=1, slot=0)
    for name in whole:
        others = {other: value for other, value in whole.items() if other != name}
        assert_same(partial(codec.decode_title, others))
        for value in (*ATTRIBUTES, {**whole[name], "N": "7"}, {**whole[name], "S": "x"}):
            assert_same(partial(codec.decode_title, {**whole, name: value}))


@pytest.mark.parametrize("kind", KINDS)
def test_usual_titles_are_decoded_fast(kind: Kind, records: Records) -> None:
    """All records of the application's files are usual, so a page never needs the full decoders."""
    for record in records[kind].values():
        title = TITLE_CLASSES[kind].from_json(record)
        item = codec.encode_title(title, version=1, slot=0)
        assert compiled.record_of_document(kind, title.to_json_text()) == record
        assert compiled.record_of_item(kind, item) == record


@pytest.mark.parametrize("kind", KINDS)
def test_a_title_at_a_foreign_key_is_refused(kind: Kind, records: Records) -> None:
    """Its attributes are usual, its key says another id, another kind or another type of item."""
    (record, *_) = records[kind].values()
    title = TITLE_CLASSES[kind].from_json(record)
    item = codec.encode_title(title, version=1, slot=0)
    other = keys.title_pk(title.key._replace(id=title.id + 1))
    for pk, sk in ((other, other), (other, title.kind), ("TITLE#movie#", ""), ("TITLE#x#1", "ALL")):
        foreign = {**item, "PK": {"S": pk}, "SK": {"S": sk}}
        with pytest.raises(UnknownEntityError):
            codec.decode_title(foreign)
        assert_same(partial(codec.decode_title, foreign))


@pytest.mark.parametrize("rule", INLINE)
def test_an_inlined_rule_is_the_rule(rule: Rule) -> None:
    """For all values that JSON has."""
    known = {"END_OF_IDS": END_OF_IDS, "is_date": is_date}
    accepts = eval(f"lambda value: {INLINE[rule].format('value')}", known)
    values = [*(json.loads(each) for each in VALUES if _is_json(each)), END_OF_IDS - 1, END_OF_IDS]
    for value in values:
        assert value is None or accepts(value) == rule.accepts(value), value


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

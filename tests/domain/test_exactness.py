"""Records are stored exactly, through the codec and through the table."""

import json
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from itertools import count
from math import ceil
from typing import Any

import pytest
from engines import Engine
from generated import Records
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scaled import scaled
from strategies import dates, floats, genre_lists, names

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.checks.plain import MAX_DEPTH
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, Value, number, read_int
from catalog_model.entities import FIELDS, TITLE_CLASSES
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, keys
from catalog_model.table.indexes import INDEX_KEYS

OWN = ["PK", "SK", "_doc", "_form", "_type", "_schema", "_slot", "_version", "_name"]
OWN += sorted({name for index_keys in INDEX_KEYS.values() for name in index_keys})
AWKWARD_KEYS = [*OWN, *(f"__{name}" for name in OWN), "", "_", "__", "__x", "é#.:", "total", "S"]

integers = st.one_of(
    st.integers(-9, 9),
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.builds(lambda digits, zeros: digits * 10**zeros, st.integers(-99, 99), st.integers(0, 120)),
)
numbers = st.one_of(integers, floats, st.sampled_from((-0.0, 7, 7.0, 1e22, 10**22, 1e-130)))
json_keys = st.one_of(st.sampled_from(AWKWARD_KEYS), st.text(max_size=9))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=9)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(json_keys, inner)),
    max_leaves=12,
)

texts = st.one_of(st.none(), names)
FIELD_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "adult": st.sampled_from((True, False, None)),
    "first_air_date": st.one_of(st.none(), dates),
    "genre_ids": genre_lists,
    "id": st.integers(1, 10**38 - 1),
    "name": names,
    "origin_country": st.one_of(st.none(), st.lists(names, max_size=3)),
    "popularity": numbers,
    "release_date": st.one_of(st.none(), dates),
    "title": names,
    "video": st.sampled_from((True, False, None)),
    "vote_average": numbers,
    "vote_count": st.integers(0, 10**38 - 1),
}

fresh_ids = count(10**9)
ALL_DIGITS = Context(prec=200)


@st.composite
def titles_of_any_shape(draw: st.DrawFn, kind: Kind) -> tuple[Movie | TVShow, str]:
    """Draw a valid record with unknown attributes and keys in any order, and its JSON text."""
    known = {name: FIELD_VALUES.get(name, texts) for name in FIELDS[kind]}
    optional = [name for name, field in FIELDS[kind].items() if not field.required]
    left_out = draw(st.sets(st.sampled_from(optional), max_size=3))
    record = {name: draw(value) for name, value in known.items() if name not in left_out}
    unknown = draw(st.dictionaries(json_keys.filter(lambda name: name not in known), json_values))
    record |= unknown
    if draw(st.booleans()):
        record = {name: record[name] for name in draw(st.permutations(list(record)))}
    return TITLE_CLASSES[kind].from_json(record), json.dumps(_with_one_zero(record))


any_title = st.sampled_from(KINDS).flatmap(titles_of_any_shape)


def _with_one_zero(value: Any) -> Any:
    """Replace -0.0 by 0.0, the only difference that the table does not preserve."""
    if isinstance(value, dict):
        return {name: _with_one_zero(element) for name, element in value.items()}
    if isinstance(value, list):
        return [_with_one_zero(element) for element in value]
    return 0.0 if isinstance(value, float) and value == 0 else value


def _text(title: Movie | TVShow | None) -> str:
    assert title is not None
    return json.dumps(title.to_json())


def _all_of(catalog: Catalog, kind: Kind) -> Iterator[Movie | TVShow]:
    page = ap.list_titles(catalog, kind, limit=97)
    yield from page
    while page.next:
        page = ap.list_titles(catalog, kind, limit=97, after=page.next)
        yield from page


@pytest.mark.parametrize("kind", KINDS)
def test_each_record_survives(full_catalog: Catalog, records: Records, kind: Kind) -> None:
    """In every read of a title: alone, with genres, in a batch, in a list, in a sample."""
    expected = {record["id"]: json.dumps(record) for record in records[kind].values()}

    asked = [TitleKey(kind, title_id) for title_id in expected]
    assert [_text(ap.get_title(full_catalog, *key)) for key in asked] == list(expected.values())
    assert [_text(title) for title in ap.get_titles(full_catalog, asked)] == list(expected.values())
    assert {title.id: _text(title) for title in _all_of(full_catalog, kind)} == expected
    sample = ap.sample_titles(full_catalog, kind, len(expected))
    assert {title.id: _text(title) for title in sample} == expected
    for key in asked[:100]:
        title, _ = ap.get_title_with_genres(full_catalog, *key)
        assert _text(title) == expected[key.id]


@settings(max_examples=scaled(500))
@given(any_title)
def test_any_record_survives_the_codec(drawn: tuple[Movie | TVShow, str]) -> None:
    """Keys of any name and order, numbers of any type, values of any depth: exactly, as JSON."""
    title, expected = drawn
    assert _text(title) == expected
    assert _text(codec.decode_title(codec.encode_title(title, version=1, slot=0))) == expected
    for copy in codec.encode_copies(title, 0):
        assert _text(codec.decode_copy(title.kind, copy)) == expected


@settings(max_examples=scaled(300))
@given(any_title)
def test_no_attribute_of_a_record_is_one_of_the_package(drawn: tuple[Movie | TVShow, str]) -> None:
    """A record's attributes never begin with a single ``_``, and no two share a name."""
    title, _ = drawn
    item = codec.encode_title(title, version=41, slot=5)
    own = {name for name in item if name.startswith("_") and not name.startswith("__")}
    assert own - {"_form", "_doc"} == {"_type", "_schema", "_slot", "_version"}
    assert (item["_version"], item["_slot"]) == ({"N": "41"}, {"N": "5"})
    assert (item["PK"], item["SK"]) == ({"S": keys.title_pk(title.key)},) * 2
    assert len(item) == len(own) + len(("PK", "SK")) + len(title.to_json())
    allowed = {*OWN, codec.TITLE_ID} - {"_form", "_slot", "_version"}
    assert all(set(copy) <= allowed for copy in codec.encode_copies(title, 0))


def test_any_record_survives_the_table(engine: Engine, catalog: Catalog) -> None:
    """As through the codec, and in every read."""

    @settings(max_examples=scaled(60 if engine.is_quick else 40))
    @given(any_title, st.booleans())
    def law(drawn: tuple[Movie | TVShow, str], loaded: bool) -> None:
        title = drawn[0].replace(id=next(fresh_ids))
        expected = _text(title)
        if loaded:
            assert ap.load_titles(catalog, [title]).created == 1
        else:
            ap.put_title(catalog, title)
        assert _text(ap.get_title(catalog, *title.key)) == expected
        assert [_text(each) for each in ap.get_titles(catalog, [title.key])] == [expected]
        with_genres = ap.get_title_with_genres(catalog, *title.key)
        assert _text(with_genres.title) == expected
        assert expected in map(_text, ap.list_titles(catalog, title.kind, limit=1000))
        for genre_id in title.genre_ids:
            listed = ap.list_titles_in_genre(catalog, title.kind, genre_id, limit=1000)
            assert expected in map(_text, listed)

    law()


def _record(**more: Any) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(FIELDS["movie"])
    values |= {"id": 7, "title": "Up", "genre_ids": [16, 35], "popularity": 7.0}
    return {**values, "vote_average": 7.5, "vote_count": 12, **more}


@pytest.mark.parametrize(
    "extra",
    [
        dict.fromkeys(AWKWARD_KEYS, "ALL#tv"),
        {"_list": "ALL#tv", "_popularity": "p1330007#0217", "_doc": "{}"},
        {"_list": "GENRE#movie#9", "_rating_list": "GENRE#movie#9#2", "_rating": "p", "_name": ""},
        {"PK": "TITLE#tv#7", "SK": "ALL", "_version": 1, "_slot": 9, "_form": "[]"},
        {"__list": 1, "_list": 2, "____list": 3, "_": None, "": {"": {"PK": []}}},
    ],
    ids=["all_names", "a_list", "a_genre", "the_item", "the_escape"],
)
def test_no_record_can_reach_the_keys_of_an_index(catalog: Catalog, extra: dict[str, Any]) -> None:
    """A record with keys named like index keys is in its own lists only, and its item is intact."""
    title = Movie.from_json(_record(**extra))
    ap.put_title(catalog, title)

    client, table = catalog.client, catalog.table
    for index in INDEX_KEYS:
        items = client.scan(TableName=table, IndexName=index)["Items"]
        found = {keys.parse_key(item["PK"]["S"], item["SK"]["S"]) for item in items}
        memberships = {keys.MembershipItem(title.key, genre) for genre in (16, 35)}
        listings = {name for name in found if isinstance(name, keys.SlotItem)}
        assert len(listings) == 1
        assert found - listings == (set() if index == "by_name" else memberships)
    assert not list(ap.list_titles(catalog, "tv"))
    assert not list(ap.list_titles_in_genre(catalog, "movie", 9))

    key = {name: {"S": "TITLE#movie#7"} for name in ("PK", "SK")}
    item = client.get_item(TableName=table, Key=key)["Item"]
    version = read_int(item, codec.VERSION)
    slot = read_int(item, codec.SLOT)
    assert item == codec.encode_title(title, version=version, slot=slot)
    assert _text(ap.get_title(catalog, "movie", 7)) == _text(title)


def test_a_record_as_deep_as_may_be_survives_the_table(catalog: Catalog) -> None:
    """DynamoDB nests 32 levels; whatever the model accepts, the engine stores and returns."""
    value: Any = 7.0
    for level in range(MAX_DEPTH - 1):
        value = [value] if level % 2 else {"_": value}
    title = ap.put_title(catalog, Movie.from_json(_record(deep=value)))
    assert _text(ap.get_title(catalog, "movie", 7)) == _text(title)


def test_only_titles_of_unusual_shape_say_so(titles: list[Movie | TVShow]) -> None:
    """No title in the catalogue's files has ``_form``."""
    items = (codec.encode_title(title, version=1, slot=0) for title in titles)
    assert not [item["PK"] for item in items if codec.FORM in item]


@pytest.mark.parametrize(
    ("record", "unusual"),
    [
        (_record(), False),
        (_record(overview="", genre_ids=[], release_date="2009-05-28"), False),
        (_record(popularity=7), True),
        (_record(vote_average=0), True),
        (_record(tagline=None), True),
        (dict(reversed(_record().items())), True),
        ({name: value for name, value in _record().items() if name != "video"}, True),
    ],
    ids=["nulls", "empty", "int_popularity", "int_rating", "extra", "reversed", "missing"],
)
def test_the_form_tells_what_differs(record: dict[str, Any], unusual: bool) -> None:
    """``_form`` records another set or order of keys, or a whole number of another type."""
    item = codec.encode_title(Movie.from_json(record), version=1, slot=0)
    assert (codec.FORM in item) is unusual
    assert json.dumps(codec.decode_title(item).to_json()) == json.dumps(record)


@pytest.mark.parametrize("text", ["7", "7.0", "7.000", "7E0", "7E+0", "0.7E1", "70E-1", "+7"])
def test_a_number_has_the_type_in_the_model_for_any_text_of_the_engine(text: str) -> None:
    """``7`` is a float in a field of floats, and whole in a field of whole numbers."""
    item = codec.encode_title(Movie.from_json(_record()), version=1, slot=0)
    for name in ("popularity", "vote_average", "vote_count"):
        item[name] = {"N": text}
    item["genre_ids"] = {"L": [{"N": text}]}
    record = codec.decode_title(item).to_json()
    assert [repr(record[name]) for name in ("popularity", "vote_average")] == ["7.0", "7.0"]
    assert [repr(record[name]) for name in ("vote_count", "genre_ids")] == ["7", "[7]"]

    whole = codec.encode_title(Movie.from_json(_record(popularity=7)), version=1, slot=0)
    whole["popularity"] = {"N": text}
    assert repr(codec.decode_title(whole).popularity) == "7"


@given(numbers)
def test_a_number_is_the_same_in_every_notation(value: float) -> None:
    """Plain, scientific and with trailing zeros: type and value are those of the record."""
    item = codec.encode_title(Movie.from_json(_record(popularity=value)), version=1, slot=0)
    exact = Decimal(item["popularity"]["N"])
    for text in (f"{exact:f}", f"{exact:E}", str(exact), str(exact.normalize(ALL_DIGITS))):
        item["popularity"] = {"N": text}
        decoded = codec.decode_title(item).popularity
        assert (type(decoded), decoded) == (type(value), value)


def _own(key: str) -> Item:
    return {"PK": {"S": key}, "SK": {"S": key}}


TITLE_7 = _own("TITLE#movie#7")


def _read_copy(item: Item) -> object:
    return codec.decode_copy("movie", item)


def _read_slot(item: Item) -> object:
    return codec.decode_slot("movie", item)


NO_COPY = r"not a copy of a movie.*TITLE#movie#7"
COPY = {**TITLE_7, "SK": {"S": "ALL"}}


@pytest.mark.parametrize(
    ("read", "item", "words"),
    [
        (codec.decode_title, TITLE_7, "TITLE#movie#7"),
        (codec.decode_title, COPY, "TITLE#movie#7"),
        (codec.decode_title, {**TITLE_7, "SK": {"S": "GENRE#28"}}, "GENRE#28"),
        (codec.decode_title, {**TITLE_7, "SK": {"S": "TITLE#movie#8"}}, "TITLE#movie#8"),
        (codec.decode_title, _own("BOOK#7"), "BOOK#7"),
        (codec.decode_title, _own("TITLE#movie#07"), "TITLE#movie#07"),
        (_read_copy, COPY, NO_COPY),
        *((_read_copy, {**COPY, "_doc": {"S": text}}, NO_COPY) for text in ("{", "7", "{}")),
        (_read_copy, {**COPY, "_doc": {"N": "7"}}, NO_COPY),
        (_read_slot, {"PK": {"S": "SLOT#movie#7"}, "SK": {"S": "SLOT#010"}}, "SLOT#movie#7"),
    ],
)
def test_an_item_that_is_no_title_is_named_in_the_error(
    read: Callable[[Item], object], item: Item, words: str
) -> None:
    """`UnknownEntityError`, never a KeyError or an incomplete title; nor a copy or a slot."""
    with pytest.raises(UnknownEntityError, match=words):
        read(item)


def test_items_that_the_model_does_not_know_are_named_by_every_read(catalog: Catalog) -> None:
    """An item of another program under a title's key is reported, not skipped."""
    client, table = catalog.client, catalog.table
    ap.put_title(catalog, Movie.from_json(_record()))
    client.put_item(TableName=table, Item={**TITLE_7, "SK": {"S": "NOTE#1"}})
    with pytest.raises(UnknownEntityError, match="NOTE#1"):
        ap.get_title_with_genres(catalog, "movie", 7)
    listing = {**COPY, "_list": {"S": "ALL#movie"}, "_popularity": {"S": "p"}}
    client.put_item(TableName=table, Item=listing)
    with pytest.raises(UnknownEntityError, match="not a copy of a movie"):
        ap.list_titles(catalog, "movie")
    client.put_item(TableName=table, Item={**TITLE_7})
    with pytest.raises(UnknownEntityError, match="TITLE#movie#7"):
        ap.get_title(catalog, "movie", 7)
    with pytest.raises(UnknownEntityError, match="TITLE#movie#7"):
        ap.get_titles(catalog, [TitleKey("movie", 7)])
    client.put_item(TableName=table, Item={**TITLE_7, "_doc": {"S": "[]"}})
    with pytest.raises(UnknownEntityError, match="not a copy of a movie"):
        ap.get_titles(catalog, [TitleKey("movie", 7)])


attribute_names = st.text(min_size=1, max_size=12).filter(lambda name: not name.startswith("_"))
attributes = st.recursive(
    st.one_of(
        st.just({"NULL": True}),
        st.booleans().map(lambda value: {"BOOL": value}),
        st.text(max_size=20).map(lambda value: {"S": value}),
        numbers.map(number),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5).map(lambda value: {"L": value}),
        st.dictionaries(attribute_names, inner, max_size=5).map(lambda value: {"M": value}),
    ),
    max_leaves=10,
)


def _split_numbers(value: Value) -> int:
    """Count the numbers with an even number of digits, all on one side of the point, off a pair."""
    ((kind, content),) = value.items()
    if kind in ("L", "M"):
        return sum(map(_split_numbers, content if kind == "L" else content.values()))
    if kind != "N":
        return 0
    number = Decimal(content)
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    highest = number.adjusted()
    lowest = highest - len(digits) + 1
    both_sides = lowest < 0 <= highest
    return int(bool(number) and len(digits) % 2 == 0 and lowest % 2 == 1 and not both_sides)


def test_the_size_of_an_item_is_what_the_engine_charges(engine: Engine, catalog: Catalog) -> None:
    """One write unit for each started 1,024 bytes, exactly.

    The documentation gives the size of a number only approximately. The engine counts half a byte
    per digit unless there are digits on both sides of the point. `item_size` always counts digits
    of base 100, which may be one byte more and is never less.
    """
    if engine.name != "dynoxide":
        pytest.skip("moto charges each write the same")

    @settings(max_examples=scaled(300))
    @example(some={"n": {"N": "102960469122707897762759583989760"}}, units=1, beyond=0)
    @given(
        st.dictionaries(attribute_names.filter(lambda name: name not in OWN), attributes),
        st.integers(1, 4),
        st.sampled_from((-1, 0, 1)),
    )
    def law(some: Item, units: int, beyond: int) -> None:
        key = {"PK": {"S": f"{next(fresh_ids):012}"}, "SK": {"S": "item"}}
        item = {**some, **key, "_pad": {"S": ""}}
        more = sum(map(_split_numbers, some.values()))
        item["_pad"] = {"S": "x" * max(0, units * 1024 + beyond + more - item_size(item))}
        answer = catalog.client.put_item(
            TableName=catalog.table, Item=item, ReturnConsumedCapacity="TOTAL"
        )
        charged = ceil((item_size(item) - more) / 1024)
        assert answer["ConsumedCapacity"]["CapacityUnits"] == charged

    law()

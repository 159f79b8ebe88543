"""Items of other layouts: every title comes back, or the reason why it cannot."""

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from generated import Records
from hypothesis import given
from hypothesis import strategies as st
from other_layouts import LOSSLESS, as_csv, as_lists, as_the_course, typed, with_a_title, wrapped
from strategies import decimals, full_titles, json_values

from catalog_model import Movie, TVShow
from catalog_model.checks.plain import plain_float
from catalog_model.entities import FIELDS, AnyTitle
from catalog_model.errors import InvalidTitleError
from catalog_model.files.layouts import FoundMembership, FoundTitle, id_in, label_of, read_item
from catalog_model.files.typed_values import number_in

MOVIE = {
    "id": {"N": "949"},
    "title": {"S": "Heat"},
    "genre_ids": {"L": [{"N": "28"}, {"N": "80"}]},
    "popularity": {"N": "61.5"},
    "vote_average": {"N": "7.9"},
    "vote_count": {"N": "6000"},
}
SHOW = {
    **{name: value for name, value in MOVIE.items() if name != "title"},
    "name": {"S": "Oz"},
    "first_air_date": {"S": "1997-07-12"},
}


def found(item: dict[str, Any], kind: Any = None) -> FoundTitle:
    """Read an item that is a title."""
    read = read_item(item, kind)
    assert isinstance(read, FoundTitle)
    return read


def in_model_order(title: AnyTitle) -> dict[str, Any]:
    """The record of a title in the order of the model's fields: DynamoDB keeps no order."""
    record = title.to_json()
    fields = FIELDS[title.kind]
    return {
        **{name: record[name] for name in fields if name in record},
        **{name: record[name] for name in sorted(record) if name not in fields},
    }


# --- titles


@pytest.mark.parametrize("layout", LOSSLESS)
def test_a_catalogue_is_read_exactly(records: Records, titles: list[AnyTitle], layout: str) -> None:
    """From each layout that keeps everything: the same keys in the same order, floats as floats."""
    items = [LOSSLESS[layout](each) for kind in records for each in records[kind].values()]
    read = [found(item) for item in items]
    assert [each.title for each in read] == titles
    assert not any(each.unordered for each in read)


def test_of_a_set_only_the_order_is_lost(records: Records, titles: list[AnyTitle]) -> None:
    """Genres are in ascending order then, and those with several are named."""
    for to_item in (as_the_course, with_a_title):
        items = [to_item(each) for kind in records for each in records[kind].values()]
        for item, title in zip(items, titles, strict=True):
            read = found(item)
            assert read.title == title.replace(genre_ids=sorted(set(title.genre_ids)))
            assert read.unordered == (("genre_ids",) if len(title.genre_ids) > 1 else ())


def test_a_csv_import_is_read_as_far_as_it_goes(records: Records, titles: list[AnyTitle]) -> None:
    """A text for each value, and none for null."""
    items = [as_csv(each) for kind in records for each in records[kind].values()]
    for item, title in zip(items, titles, strict=True):
        there = {name: value for name, value in title.to_json().items() if value is not None}
        assert found(item).title.to_json() == there


@given(full_titles(), st.sampled_from([as_lists, wrapped]))
def test_every_title_is_read_exactly(title: AnyTitle, to_item: Any) -> None:
    """With awkward numbers, nulls and unknown attributes, which are kept."""
    record = in_model_order(title)
    fields = FIELDS[title.kind]
    expected = {name: each if name in fields else as_read(each) for name, each in record.items()}
    assert found(to_item(record), title.kind).title.to_json() == expected


@given(st.dictionaries(st.sampled_from(("tagline", "x", "budget")), json_values))
def test_attributes_that_the_model_does_not_know_are_kept(extras: dict[str, Any]) -> None:
    """At any depth, with their types."""
    read = found({**MOVIE, **{name: typed(value) for name, value in extras.items()}})
    assert dict(read.title.extra) == {name: as_read(value) for name, value in extras.items()}


def as_read(value: Any) -> Any:
    """A value as DynamoDB returns it: a whole number has no decimal point."""
    match value:
        case float() if value.is_integer():
            return int(Decimal(repr(value)))
        case list():
            return [as_read(each) for each in value]
        case dict():
            return {name: as_read(each) for name, each in value.items()}
    return value


@given(decimals(), st.sampled_from(["N", "S"]))
def test_a_number_is_exact_or_refused(number: Decimal, kind: str) -> None:
    """A popularity with more digits than a float holds is not rounded."""
    item = {**MOVIE, "popularity": {kind: str(number)}}
    if isinstance(plain_float(number), Decimal):
        with pytest.raises(InvalidTitleError, match="popularity has more digits"):
            read_item(item)
    else:
        assert found(item).title.popularity == float(number)


@pytest.mark.parametrize(
    "text", ["", "seven", "NaN", "Infinity", "1_0", " 7", "\u0667", "0x7", "1e999"]
)
def test_only_numbers_are_numbers(text: str) -> None:
    """Other texts are left for the model to reject."""
    assert number_in(text) is None
    for name in ("popularity", "vote_count", "id"):
        with pytest.raises(InvalidTitleError, match=f"{name} must be"):
            read_item({**MOVIE, name: {"S": text}})


def test_texts_stay_texts_where_the_model_has_texts() -> None:
    """A movie called 1917, and an unknown attribute that looks like a number."""
    title = found({**MOVIE, "title": {"S": "1917"}, "zip": {"S": "007"}}).title
    assert title.display_name == "1917"
    assert title.extra == {"zip": "007"}


def test_flags_and_lists_in_texts_are_read() -> None:
    """As an import of CSV stores them; order is kept then."""
    item = {
        **SHOW,
        "adult": {"S": "False"},
        "genre_ids": {"S": "[80, 28]"},
        "origin_country": {"S": '["US"]'},
    }
    title = found(item).title
    assert isinstance(title, TVShow)
    assert (title.adult, title.genre_ids, title.origin_country) == (False, (80, 28), ("US",))


def test_every_set_that_lost_its_order_is_named() -> None:
    """In fields and unknown attributes, at any depth; a set of one element has an order."""
    item = {
        **SHOW,
        "genre_ids": {"SS": ["80", "9", "28"]},
        "origin_country": {"SS": ["US", "GB"]},
        "awards": {"M": {"won": {"NS": ["2001", "1999"]}, "lost": {"NS": ["2000"]}}},
    }
    read = found(item)
    assert isinstance(read.title, TVShow)
    assert read.title.genre_ids == (9, 28, 80)
    assert read.title.origin_country == ("GB", "US")
    assert read.title.extra == {"awards": {"lost": [2000], "won": [1999, 2001]}}
    assert read.unordered == ("genre_ids", "origin_country", "awards.won")


@pytest.mark.parametrize("absent", [{}, {"genre_ids": {"NULL": True}}])
def test_a_title_may_have_its_genres_elsewhere(absent: dict[str, Any]) -> None:
    """DynamoDB has no empty set, and a second table may have all genres."""
    item = {name: value for name, value in MOVIE.items() if name != "genre_ids"} | absent
    read = found(item)
    assert (read.title.genre_ids, read.has_genres) == ((), False)


# --- the kind


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (MOVIE, "movie"),
        (SHOW, "tv"),
        ({**SHOW, "title": {"S": "Oz"}}, "tv"),
        ({**MOVIE, "first_air_date": {"S": "1997-07-12"}}, "tv"),
        ({**MOVIE, "release_date": {"S": ""}, "name": {"S": "Heat"}}, "movie"),
        ({**MOVIE, "type": {"S": "TV"}}, "tv"),
        ({**SHOW, "media_type": {"S": "movie"}}, "movie"),
        ({**SHOW, "type": {"S": "Scripted"}}, "tv"),
    ],
)
def test_the_kind_follows_from_the_attributes(item: dict[str, Any], kind: str) -> None:
    """What an attribute says comes first; then the dates, the original names, the names."""
    assert found(item).title.kind == kind


def test_a_name_takes_the_place_of_a_title() -> None:
    """A show in a table whose sort key is the title; a repetition of the name is dropped."""
    renamed = {name: value for name, value in SHOW.items() if name != "name"}
    for item in ({**renamed, "title": {"S": "Oz"}}, {**SHOW, "title": {"S": "Oz"}}):
        title = found(item).title
        assert title.display_name == "Oz"
        assert "title" not in title.to_json()
    assert found({**SHOW, "title": {"S": "Oz!"}}).title.extra == {"title": "Oz!"}


def test_the_layouts_own_attributes_are_dropped_if_they_say_nothing_else() -> None:
    """A second id and the kind; what differs is kept."""
    item = {**MOVIE, "movie_id": {"N": "949"}, "type": {"S": "movie"}}
    assert found(item).title.extra == {}
    item = {**MOVIE, "movie_id": {"N": "7"}, "type": {"S": "short"}}
    assert found(item).title.extra == {"movie_id": 7, "type": "short"}


def test_the_caller_may_state_the_kind() -> None:
    """A show with a title and no dates is a show then; a contradiction is refused."""
    assert found(MOVIE, "tv").title.key == ("tv", 949)
    with pytest.raises(InvalidTitleError, match="it is a TV show, not a movie"):
        read_item(SHOW, "movie")
    with pytest.raises(InvalidTitleError, match="it may be a movie or a TV show"):
        read_item({**MOVIE, "name": {"S": "Heat"}})
    assert isinstance(found({**MOVIE, "name": {"S": "Heat"}}, "movie").title, Movie)


# --- memberships and other items


def test_a_membership_is_a_genre_and_an_id() -> None:
    """Under any of the names of an id, as numbers or texts, with other attributes."""
    for name in ("movie_id", "id", "tv_id"):
        item = {"genre_id": {"S": "28"}, name: {"N": "949"}, "title": {"S": "Heat"}}
        assert read_item(item) == FoundMembership(28, 949)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({}, "it has no title and no name"),
        ({"user": {"S": "ann"}}, "it has no title and no name"),
        (
            {"PK": {"S": "TITLE#movie#7"}, "SK": {"S": "TITLE#movie#7"}, "_schema": {"N": "3"}},
            "own",
        ),
        ({"genre_id": {"S": "Action"}, "movie_id": {"N": "949"}}, "must be ids"),
        ({"genre_id": {"N": "28"}, "movie_id": {"N": "9.5"}}, "must be ids"),
        ({"title": {"S": "Heat"}}, "needs 'id'"),
        ({**MOVIE, "id": {"N": "0"}}, "id must be a positive whole number"),
        ({**MOVIE, "poster": {"B": b"\x89PNG"}}, "poster: JSON has no such value"),
        ({**MOVIE, "genre_ids": {"SS": ["Action", "Crime"]}}, "genre_ids is not a set of numbers"),
        ({**MOVIE, "tags": {"NS": [7]}}, "tags is not a set of numbers"),
        ({**MOVIE, "title": {"S": 7}}, "title: JSON has no such value"),
        ({**MOVIE, "title": "Heat"}, "title is not a value of typed JSON"),
        ({**MOVIE, "title": {"S": "a", "N": "1"}}, "title is not a value of typed JSON"),
        ({"id": {"N": "1"}, "data": {"M": as_lists({"id": 2, "title": "a"})}}, "id differs"),
    ],
)
def test_everything_else_is_named_with_its_reason(item: dict[str, Any], reason: str) -> None:
    """The reason names the attribute."""
    with pytest.raises(InvalidTitleError, match=reason):
        read_item(item)


def test_what_is_nested_too_deeply_is_refused() -> None:
    """Long before Python's own limit."""
    value: dict[str, Any] = {"S": "x"}
    for _ in range(3000):
        value = {"L": [value]}
    with pytest.raises(InvalidTitleError, match="nested"):
        read_item({**MOVIE, "deep": value})


typed_values = st.recursive(
    st.dictionaries(
        st.sampled_from(("S", "N", "NULL", "BOOL", "NS", "SS", "B", "L", "M")),
        st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=3),
        max_size=2,
    ),
    lambda inner: (
        st.fixed_dictionaries({"L": st.lists(inner, max_size=3)})
        | st.fixed_dictionaries({"M": st.dictionaries(st.text(max_size=3), inner, max_size=3)})
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from((*MOVIE, *SHOW, "genre_id", "movie_id", "type", "data", "x")),
        typed_values | st.sampled_from([*MOVIE.values(), *SHOW.values()]),
        max_size=9,
    )
)
def test_any_item_is_read_or_refused(item: dict[str, Any]) -> None:
    """Never with another error; its label and id can always be asked for."""
    assert isinstance(label_of(item), str)
    assert id_in(item) is None or isinstance(id_in(item), int)
    read: object = None
    with suppress(InvalidTitleError):
        read = read_item(item)
    assert read is None or isinstance(read, (FoundMembership, FoundTitle))

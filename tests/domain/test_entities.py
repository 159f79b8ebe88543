"""The catalogue's values: immutable, exact, and with clear errors."""

import copy
import json
import pickle
import typing
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from strategies import titles

from catalog_model import Movie, TitleKey, TVShow
from catalog_model.domain import attributes
from catalog_model.domain.fields import Field
from catalog_model.domain.genres import MOVIE_GENRES, TV_GENRES, genre_name
from catalog_model.entities import TITLE_CLASSES, AnyTitle, Page
from catalog_model.errors import InvalidTitleError

RECORD: dict[str, Any] = {
    "tagline": {"b": [1, 1.0, None], "a": ""},
    "id": 949,
    "title": "Heat",
    "genre_ids": [80, 28],
    "release_date": "1995-12-15",
    "popularity": 7.0,
    "vote_average": 7.9,
    "vote_count": 6000,
    "origin_country": ["US"],
}


def test_a_title_is_read_by_the_names_of_its_record() -> None:
    """Fields have the names in the record; lists are tuples; missing fields have the value None."""
    heat = Movie.from_json(RECORD)
    assert (heat.id, heat.title, heat.genre_ids) == (949, "Heat", (80, 28))
    assert (heat.overview, heat.video) == (None, None)
    assert (heat.kind, heat.key) == ("movie", TitleKey("movie", 949))


def test_movies_and_shows_have_a_common_view() -> None:
    """display_name and released are the title and date of a movie, the name and date of a show."""
    oz = TVShow(**REQUIRED[TVShow], first_air_date="")
    heat = Movie.from_json(RECORD)
    assert (heat.display_name, heat.released) == ("Heat", "1995-12-15")
    assert (oz.display_name, oz.released) == ("Oz", "")


def test_attributes_that_the_model_does_not_know_are_kept() -> None:
    """In `extra`, and in the record."""
    heat = Movie.from_json(RECORD)
    assert list(heat.extra) == ["tagline", "origin_country"]
    assert json.dumps(heat.to_json()) == json.dumps(RECORD)


@given(titles())
def test_a_title_cannot_be_changed(title: Movie) -> None:
    """Neither by setting an attribute, nor through arguments or results."""
    before = title.to_json_text()
    with pytest.raises(AttributeError, match="frozen"):
        title.popularity = 1  # type: ignore[misc]
    with pytest.raises(AttributeError, match="frozen"):
        del title.id
    title.to_json()["genre_ids"].append(1)
    record = title.to_json()
    other = type(title).from_json(record)
    record["genre_ids"].append(1)
    assert other.to_json_text() == title.to_json_text() == before


@given(titles())
def test_copies_of_a_title_are_equal_to_it(title: Movie) -> None:
    """Equal, with equal hashes, through copy, pickle and JSON."""
    for other in (
        copy.deepcopy(title),
        pickle.loads(pickle.dumps(title)),
        type(title).from_json(json.loads(title.to_json_text())),
    ):
        assert other == title
        assert hash(other) == hash(title)


@pytest.mark.parametrize("changes", [{"popularity": 7}, {"genre_ids": [28, 80]}, {"tagline": None}])
def test_titles_of_different_records_differ(changes: dict[str, Any]) -> None:
    """Even if Python considers the values equal: the JSON texts 7 and 7.0 differ."""
    heat = Movie.from_json(RECORD)
    assert heat != heat.replace(**changes)
    assert heat != object()


def test_tmdbs_genres_have_names() -> None:
    """19 of movies and 16 of shows; others are named by their id."""
    assert (len(MOVIE_GENRES), len(TV_GENRES)) == (19, 16)
    assert genre_name("movie", 878) == "Science Fiction"
    assert genre_name("tv", 878) == "Genre 878"


def test_a_page_is_the_sequence_of_its_items() -> None:
    """It has a length and can be iterated over."""
    page = Page((1, 2))
    assert (len(page), list(page), page.next) == (2, [1, 2], None)


CHANGES: dict[type[AnyTitle], Any] = {
    Movie: attributes.MovieChanges,
    TVShow: attributes.ShowChanges,
}
NUMBERS: dict[str, Any] = {"popularity": 7.0, "vote_average": 7.9, "vote_count": 12}
REQUIRED: dict[type[AnyTitle], dict[str, Any]] = {
    Movie: {"id": 7, "genre_ids": [18, 878], "title": "Her", **NUMBERS},
    TVShow: {"id": 7, "genre_ids": [18, 878], "name": "Oz", **NUMBERS},
}
BY_CLASS = pytest.mark.parametrize("title_class", TITLE_CLASSES.values())


def taken(annotation: Any) -> Any:
    """Return the type of a field in the constructor."""
    return typing.get_args(annotation)[1] if is_converted(annotation) else annotation


def is_converted(annotation: Any) -> bool:
    return typing.get_origin(annotation) is Field


@BY_CLASS
def test_a_change_has_the_fields_of_the_class_and_their_types(title_class: type[AnyTitle]) -> None:
    """Python cannot derive one from the other, so this test compares them; none is required."""
    hints = typing.get_type_hints(title_class)
    wanted = {name: taken(hints[name]) for name in title_class.fields}
    change = CHANGES[title_class]
    assert typing.get_type_hints(change) == wanted
    assert change.__required_keys__ == frozenset()


def test_the_attributes_of_a_title_are_those_of_both_kinds_without_the_id() -> None:
    """`update_title` accepts any field of either kind; the id identifies the title."""
    either = {name for title_class in CHANGES for name in title_class.fields} - {"id"}
    assert typing.get_type_hints(attributes.TitleAttributes).keys() == either


@BY_CLASS
def test_only_fields_without_a_default_are_required(title_class: type[AnyTitle]) -> None:
    """So the declaration for type checkers agrees with the rule for values."""
    hints = typing.get_type_hints(title_class)
    for name, field in title_class.fields.items():
        assert field.required != field.rule.is_nullable
        assert (type(None) in typing.get_args(taken(hints[name]))) == field.rule.is_nullable
    assert {n for n, f in title_class.fields.items() if f.required} == REQUIRED[title_class].keys()


SAMPLES: dict[Any, Any] = {
    bool: True,
    date: date(2013, 12, 18),
    float: 9.5,
    int: 9,
    list[str]: ["US"],
    Sequence[int]: (18, 99),
    str: "2013-12-18",
    tuple[str, ...]: ("US",),
    type(None): None,
}


@BY_CLASS
def test_every_value_of_the_declared_types_is_taken(title_class: type[AnyTitle]) -> None:
    """By the constructor and by `replace`: a date as a `datetime.date`, a list as a tuple."""
    required = REQUIRED[title_class]
    every_key = title_class.from_json({**dict.fromkeys(title_class.fields), **required})
    for name, hint in typing.get_type_hints(CHANGES[title_class]).items():
        for kind in typing.get_args(hint) if hint not in SAMPLES else (hint,):
            given = {name: SAMPLES[kind]}
            made = title_class(**{**required, **given})
            assert getattr(every_key.replace(**given), name) == getattr(made, name)


@BY_CLASS
def test_a_field_that_is_not_given_is_absent_and_reads_as_none(title_class: type[AnyTitle]) -> None:
    """Keys are in the order of the call, as `from_json` keeps those of a record."""
    title = title_class(**REQUIRED[title_class])
    assert list(title.to_json()) == list(REQUIRED[title_class])
    absent: dict[str, Any] = dict.fromkeys(title_class.fields.keys() - title.to_json().keys())
    assert title.replace(**absent).to_json() == title.to_json()
    assert {name: getattr(title, name) for name in absent} == absent


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"titel": "Up", "popularity": "x"}, "a movie record needs 'genre_ids'.*'titel': 'Up'"),
        ({**REQUIRED[Movie], "popularity": "x"}, "popularity must be a number, not 'x'"),
        ({**REQUIRED[Movie], "vote_count": 1.5}, "vote_count must be a whole number.*1.5"),
        ({**REQUIRED[Movie], "titel": {1}}, "titel must be a JSON value, not {1}"),
    ],
)
def test_a_wrong_field_is_one_error_with_its_value(given: dict[str, Any], message: str) -> None:
    """For callers without a type checker."""
    with pytest.raises(InvalidTitleError, match=message):
        Movie(**given)


@pytest.mark.parametrize(
    ("model", "remark"),
    [
        (Movie, r"a movie record needs 'title' \(it has the 'name' of a tv record\): {"),
        (TVShow, r"a tv record needs 'name' \(it has the 'title' of a movie record\): {"),
    ],
)
def test_a_record_of_the_other_kind_is_recognised(
    model: type[Movie] | type[TVShow], remark: str
) -> None:
    """As where a file of shows is loaded as one of movies."""
    (other,) = {Movie, TVShow} - {model}
    with pytest.raises(InvalidTitleError, match=remark):
        model(**REQUIRED[other])


def test_fields_are_attributes_of_the_class_and_cannot_be_set() -> None:
    """A class has its fields by name, in the order of the application's files."""
    assert typing.cast("Any", Movie).title is Movie.fields["title"]
    assert list(Movie.fields)[:3] == ["adult", "backdrop_path", "genre_ids"]
    with pytest.raises(AttributeError, match=r"a title is frozen: use replace\(title=...\)"):
        Movie.fields["title"].__set__(Movie(**REQUIRED[Movie]), "Up")


def test_a_derived_class_has_the_fields_of_its_base() -> None:
    """An application may add methods to a movie."""

    class Film(Movie):
        __slots__ = ()

        @property
        def is_long(self) -> bool:
            return len(self.title) > 80

    assert Film.fields == Movie.fields
    assert not Film(**REQUIRED[Movie]).replace(title="Up").is_long

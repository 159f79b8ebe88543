"""The catalogue's values: immutable, exact, and with clear errors."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from strategies import titles

from catalog_model import Movie, TitleKey, TVShow
from catalog_model.domain.genres import MOVIE_GENRES, TV_GENRES, genre_name
from catalog_model.entities import Page

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
    show = TVShow(
        id=1, name="Oz", genre_ids=[], popularity=1, vote_average=1, vote_count=1, first_air_date=""
    )
    heat = Movie.from_json(RECORD)
    assert (heat.display_name, heat.released) == ("Heat", "1995-12-15")
    assert (show.display_name, show.released) == ("Oz", "")


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


def test_a_title_shows_what_it_is() -> None:
    """Kind, id and name."""
    assert repr(Movie.from_json(RECORD)) == "<Movie 949 'Heat'>"


def test_tmdbs_genres_have_names() -> None:
    """19 of movies and 16 of shows; others are named by their id."""
    assert (len(MOVIE_GENRES), len(TV_GENRES)) == (19, 16)
    assert genre_name("movie", 878) == "Science Fiction"
    assert genre_name("tv", 878) == "Genre 878"


def test_a_page_is_the_sequence_of_its_items() -> None:
    """It has a length and can be iterated over."""
    page = Page((1, 2))
    assert (len(page), list(page), page.next) == (2, [1, 2], None)

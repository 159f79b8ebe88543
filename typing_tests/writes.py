"""Every write: titles from JSON and from keywords, changed, loaded and deleted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, assert_type

from catalog_model import Catalog, LoadReport, Movie, Rejection, TVShow
from catalog_model import access_patterns as ap


def put(catalog: Catalog) -> None:
    """`from_json` and `replace` return the class that they are called on."""
    movie = Movie.from_json({"id": 7, "title": "Her", "genre_ids": [18]})
    assert_type(movie, Movie)
    assert_type(movie.replace(popularity=9.5), Movie)
    show = TVShow(id=3, name="Oz", genre_ids=[18], popularity=7.0, vote_average=8.0, vote_count=12)
    assert_type(show.replace(name="OZ"), TVShow)
    ap.put_title(catalog, movie)
    ap.put_title(catalog, show, if_absent=True)
    ap.put_title(catalog, movie.replace(overview="New."), if_unchanged=movie)


def make() -> None:
    """Values read from a title can be given back to it; extras go in a dictionary."""
    movie = Movie(
        id=7,
        title="Her",
        genre_ids=[18, 878],
        popularity=7,
        vote_average=7.9,
        vote_count=12,
        release_date=date(2013, 12, 18),
        overview=None,
    )
    assert_type(movie, Movie)
    assert_type(movie.genre_ids, tuple[int, ...])
    assert_type(movie.release_date, str | None)
    movie = movie.replace(genre_ids=movie.genre_ids + (99,))  # noqa: RUF005
    movie = movie.replace(id=8, release_date=movie.release_date, overview=movie.overview)
    show = TVShow.from_tmdb({"id": 3}, keep_extras=True)
    assert_type(show, TVShow)
    show.replace(origin_country=["US"]).replace(origin_country=show.origin_country)
    more: dict[str, Any] = {**movie.extra, "tagline": "Soon."}
    assert_type(movie.replace(**more), Movie)
    assert_type(Movie(**movie.to_json()), Movie)
    print({name: field.required for name, field in Movie.fields.items()})


def change_either(title: Movie | TVShow) -> Movie | TVShow:
    """The fields that both kinds have can be read and changed without narrowing."""
    return title.replace(popularity=title.popularity + 1, genre_ids=sorted(title.genre_ids))


def change(catalog: Catalog) -> None:
    """A whole number is accepted as a float."""
    ap.update_popularity(catalog, "movie", 949, 99.5)
    ap.update_popularity(catalog, "movie", 949, 99)
    ap.update_votes(catalog, "tv", 1433, vote_average=7.1, vote_count=2016)
    ap.update_title(catalog, "movie", 949, overview="New.", popularity=99, genre_ids=[28, 80])
    ap.update_title(catalog, "tv", 1433, name="Oz", first_air_date=None, origin_country=["US"])
    ap.set_genres(catalog, "movie", 949, [28, 80])
    ap.set_genres(catalog, "movie", 949, (28, 80))
    ap.delete_title(catalog, "movie", 949)


def read_records(path: Path) -> Iterator[Movie]:
    """Titles of one class are accepted as titles of either."""
    for record in json.loads(path.read_text(encoding="utf-8")).values():
        yield Movie.from_json(record)


def load(catalog: Catalog, shows: Iterable[TVShow]) -> None:
    """A load returns a report."""
    report = ap.load_titles(catalog, read_records(Path("data_movies.json")))
    assert_type(report, LoadReport)
    assert_type(report.created, int)
    assert_type(report.rejected, list[Rejection])
    assert_type([rejection.reason for rejection in report.rejected], list[str])
    ap.load_titles(catalog, shows, on_progress=show_progress)
    ap.load_titles(catalog, [], on_progress=lambda done: print(done + 1))


def show_progress(done: int) -> None:
    """Print the progress of a load."""
    print(f"{done:,} titles")

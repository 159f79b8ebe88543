"""Every read: its arguments, and the type of its result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any, assert_type

from catalog_model import Catalog, Genre, GenreMembership, Movie, Page, TitleKey, TVShow
from catalog_model import access_patterns as ap


def one_title(catalog: Catalog) -> None:
    """A title is a movie or a show; `isinstance` distinguishes them."""
    title = ap.get_title(catalog, "movie", 949, consistent=True)
    assert_type(title, Movie | TVShow)
    if isinstance(title, Movie):
        assert_type(title, Movie)
        assert_type(title.title, str)
        assert_type(title.release_date, str | None)
        assert_type(title.original_title, str | None)
        assert_type(title.video, bool | None)
    else:
        assert_type(title, TVShow)
        assert_type(title.name, str)
        assert_type(title.first_air_date, str | None)
        assert_type(title.origin_country, tuple[str, ...] | None)
    assert_type(title.id, int)
    assert_type(title.popularity, float)
    assert_type(title.vote_count, int)
    assert_type(title.overview, str | None)
    assert_type(title.genre_ids, tuple[int, ...])
    assert_type(title.key, TitleKey)
    assert_type(title.display_name, str)
    assert_type(title.released, str)
    assert_type(title.to_json(), dict[str, Any])


def many_titles(catalog: Catalog) -> list[str]:
    """A missing title is None, so its name needs a check first."""
    found = ap.get_titles(catalog, (TitleKey("movie", number) for number in (1, 2, 3)))
    assert_type(found, list[Movie | TVShow | None])
    return [title.display_name for title in found if title is not None]


def with_genres(catalog: Catalog) -> None:
    """A named tuple."""
    both = ap.get_title_with_genres(catalog, "tv", 1433)
    assert_type(both.title, Movie | TVShow)
    title, memberships = both
    assert_type(title, Movie | TVShow)
    assert_type(memberships, tuple[GenreMembership, ...])
    assert_type(memberships[0].genre_name, str)


def pages(catalog: Catalog, after: str | None) -> None:
    """All lists return pages of the same type."""
    page = ap.list_titles(catalog, "movie", order="name", descending=False, limit=5, after=after)
    assert_type(page, Page[Movie | TVShow])
    assert_type(page.items, tuple[Movie | TVShow, ...])
    assert_type(page.next, str | None)
    assert_type(len(page), int)
    assert_type(
        ap.list_titles_in_genre(catalog, "movie", 28, order="release"), Page[Movie | TVShow]
    )
    assert_type(
        ap.list_titles_in_genres(catalog, "movie", [28, 80], match="any"), Page[Movie | TVShow]
    )
    assert_type(
        ap.list_top_rated(catalog, "tv", min_votes=100, min_rating=7.5), Page[Movie | TVShow]
    )
    assert_type(
        ap.list_released_between(catalog, "movie", date(1995, 1, 1), "1995-12-31"),
        Page[Movie | TVShow],
    )
    assert_type(ap.find_titles_by_name(catalog, "movie", "bla"), Page[Movie | TVShow])


def walk(catalog: Catalog) -> Iterator[Movie | TVShow]:
    """Walk all pages of a list."""
    page = ap.list_titles(catalog, "tv")
    yield from page
    while page.next:
        page = ap.list_titles(catalog, "tv", after=page.next)
        yield from page


def the_rest(catalog: Catalog) -> None:
    """Samples, genres and counts."""
    assert_type(ap.sample_titles(catalog, "movie", 20, rng=Random(7)), list[Movie | TVShow])
    genres = ap.list_genres(catalog, "movie")
    assert_type(genres, list[Genre])
    assert_type({genre.name: genre.title_count for genre in genres}, dict[str, int])
    assert_type(ap.count_titles(catalog, "movie", 28), int)

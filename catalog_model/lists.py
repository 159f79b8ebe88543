"""Access patterns that list titles, page by page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final, Literal

from catalog_model import keys
from catalog_model.arguments import (
    check_choice,
    check_count,
    check_date,
    check_flag,
    check_genre_ids,
    check_id,
    check_instance,
    check_kind,
    check_limit,
    check_number,
    check_text,
    refuse,
)
from catalog_model.catalog import Catalog
from catalog_model.counts import read_counts
from catalog_model.cursor import Cursors
from catalog_model.entities import Page
from catalog_model.gateway import Range
from catalog_model.keys import MAX_SORT_KEY, TOP_MAGNITUDE, Kind, ListKey
from catalog_model.merge import AnyTitle, Order, Reading, Source, read_page
from catalog_model.patterns import access_pattern
from catalog_model.sortable import NAME_BYTES, fold_name, sortable_number

MAX_GENRES_ASKED: Final = 20

GenreOrderName = Literal["popularity", "rating", "release"]
OrderName = Literal["popularity", "rating", "release", "name"]
GENRE_ORDERS: Final[tuple[GenreOrderName, ...]] = ("popularity", "rating", "release")
ORDERS: Final[tuple[OrderName, ...]] = (*GENRE_ORDERS, "name")
Match = Literal["all", "any"]


@access_pattern(
    question="All titles of a kind, in an order",
    operation="Query",
    index="by_popularity, by_rating, by_release or by_name",
    key_condition="_list = ALL#<kind> (by rating: _rating_list = ALL#<kind>#<magnitude>)",
    order="popularity, rating, release or name",
    consistency="eventual",
    cost="1 request a page (by rating: one or more for each of 9 magnitudes); 20 titles: 2 to 3 RCU",
)
def list_titles(
    catalog: Catalog,
    kind: Kind,
    *,
    order: OrderName = "popularity",
    descending: bool = True,
    limit: int = 20,
    after: str | None = None,
) -> Page[AnyTitle]:
    """List all titles of *kind*, page by page.

    By default the most popular first. Titles that are equal in the order come by their id, in the
    same direction. Titles without a date count as the oldest; names compare without case, accents
    and punctuation.

    Costs one Query a page, 2 to 3 read units for 20 titles; by rating as `list_top_rated`. The
    indexes lag the table, usually by less than a second: a change of a moment ago may not show.

    A kind without titles is an empty page, not an error.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        order: ``"popularity"``, ``"rating"``, ``"release"`` or ``"name"``.
        descending: Largest, best, newest, or last of the alphabet first.
        limit: Most titles to return, 1 to 1,000.
        after: ``next`` of the page before; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_titles(catalog, "tv", limit=2)
    >>> [show.display_name for show in page.items]
    ['American Dad!', 'Oz']
    """
    check_kind(kind)
    check_choice(order, "order", ORDERS)
    return _list(catalog, "list_titles", kind, None, order, descending, limit, after)


@access_pattern(
    question="The titles of one genre, in an order",
    operation="Query",
    index="by_popularity, by_rating or by_release",
    key_condition="_list = GENRE#<kind>#<genre> (by rating: _rating_list = GENRE#<kind>#<genre>#<magnitude>)",
    order="popularity, rating or release",
    consistency="eventual",
    cost="1 request a page (by rating: one or more for each of 9 magnitudes); 20 titles: 2 to 3 RCU",
)
def list_titles_in_genre(
    catalog: Catalog,
    kind: Kind,
    genre_id: int,
    *,
    order: GenreOrderName = "popularity",
    descending: bool = True,
    limit: int = 20,
    after: str | None = None,
) -> Page[AnyTitle]:
    """List the titles of one genre, page by page.

    By default the most popular first; ties, cost, freshness and paging are those of
    `list_titles`. A genre that no title is in is an empty page, not an error.

    Args:
        kind: ``"movie"`` or ``"tv"``; genres of both share ids.
        genre_id: TMDB's id of the genre, such as 28 for action movies.
        order: ``"popularity"``, ``"rating"`` or ``"release"``.
        descending: Largest, best or newest first.
        limit: Most titles to return, 1 to 1,000.
        after: ``next`` of the page before; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_titles_in_genre(catalog, "movie", 28, limit=2)
    >>> [movie.display_name for movie in page.items]
    ['Black Lotus', 'Heat']
    """
    check_kind(kind)
    check_id(genre_id, "genre_id")
    check_choice(order, "order", GENRE_ORDERS)
    return _list(catalog, "list_titles_in_genre", kind, genre_id, order, descending, limit, after)


def _list(
    catalog: Catalog,
    function: str,
    kind: Kind,
    genre_id: int | None,
    order: OrderName,
    descending: bool,
    limit: int,
    after: str | None,
) -> Page[AnyTitle]:
    check_instance(catalog, "catalog", Catalog)
    check_flag(descending, "descending")
    check_limit(limit)
    cursors = Cursors(catalog, function, kind, genre_id, order, descending, limit)
    if order == "rating":
        sources = _rating_sources(kind, genre_id)
    else:
        sources = [Source(keys.list_key(kind, genre_id))]
    reading = Reading(kind, sources, _order(order, descending=descending))
    return read_page(catalog.gateway, reading, cursors, limit, after)


@access_pattern(
    question="The titles that are in all of several genres, or in any of them",
    operation="Query, BatchGetItem",
    index="by_popularity",
    key_condition="_list = GENRE#<kind>#<genre>",
    order="popularity",
    consistency="eventual",
    cost="any: one or more requests for each genre; all: 1 for the counts, and the smallest genre read at most once",
)
def list_titles_in_genres(
    catalog: Catalog,
    kind: Kind,
    genre_ids: Iterable[int],
    *,
    match: Match = "all",
    limit: int = 20,
    after: str | None = None,
) -> Page[AnyTitle]:
    """List the titles that are in all (or any) of several genres, each once.

    The most popular first; ties, freshness and paging are those of `list_titles`.

    With ``match="any"`` the genres' lists are merged: one Query or a few for each genre. With
    ``match="all"`` one BatchGetItem finds the genre with the fewest titles, and its list is read
    as far as the page needs and filtered here: at the worst, all of the smallest genre.

    Nothing that matches is an empty page, not an error.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        genre_ids: 1 to 20 ids of genres; order and repetition do not matter.
        match: ``"all"`` or ``"any"``.
        limit: Most titles to return, 1 to 1,000.
        after: ``next`` of the page before; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_titles_in_genres(catalog, "movie", [28, 80])
    >>> [movie.display_name for movie in page.items]
    ['Black Lotus', 'Heat']
    """
    check_instance(catalog, "catalog", Catalog)
    check_kind(kind)
    genres = sorted(set(check_genre_ids(genre_ids, most=MAX_GENRES_ASKED)))
    if not genres:
        refuse("genre_ids", genre_ids, "at least one genre")
    check_choice(match, "match", ("all", "any"))
    check_limit(limit)
    cursors = Cursors(catalog, "list_titles_in_genres", kind, genres, match, limit)
    cursors.read(after)
    if match == "any":
        sources = [Source(keys.list_key(kind, genre_id)) for genre_id in genres]
    else:
        sources = _intersection(catalog, kind, genres)
    if not sources:
        return Page(())
    reading = Reading(kind, sources, _order("popularity", descending=True))
    return read_page(catalog.gateway, reading, cursors, limit, after)


def _intersection(catalog: Catalog, kind: Kind, genres: list[int]) -> list[Source]:
    """Read the smallest genre; nothing where one of them has no titles at all."""
    if len(genres) == 1:
        return [Source(keys.list_key(kind, genres[0]))]
    _, counts = read_counts(catalog.gateway, kind)
    sizes = {genre_id: counts.get(genre_id, 0) for genre_id in genres}
    smallest = min(genres, key=sizes.__getitem__)
    if not sizes[smallest]:
        return []
    wanted = frozenset(genres)
    return [
        Source(
            keys.list_key(kind, smallest),
            wanted=lambda title: wanted <= set(title.genre_ids),
            growing=True,
        )
    ]


@access_pattern(
    question="The titles with more than so many votes and a better rating than that",
    operation="Query",
    index="by_rating",
    key_condition="_rating_list = <list>#<magnitude> AND _rating >= <rating>",
    order="rating, best first",
    consistency="eventual",
    cost="one or more requests for each magnitude of votes above min_votes, of 20 items at the most beyond the page",
)
def list_top_rated(
    catalog: Catalog,
    kind: Kind,
    *,
    min_votes: int,
    min_rating: float,
    genre_id: int | None = None,
    limit: int = 20,
    after: str | None = None,
) -> Page[AnyTitle]:
    """List titles with ``vote_count > min_votes and vote_average > min_rating``, best first.

    Both bounds are strict. Ties come by id, the higher first.

    A key condition has room for one range, so the rating index is split by the magnitude of the
    number of votes (0, 1-3, 4-15, 16-63, ... 16,384 and more): the magnitudes above *min_votes*
    are read and merged, and only in the lowest of them are titles filtered here. Costs one Query
    for each of these 1 to 9 partitions, then further ones of at most 20 items as the page needs:
    items read <= 2 x titles returned + 20 x requests. Freshness as `list_titles`.

    Nothing that matches is an empty page, not an error.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        min_votes: Number of votes that is not enough; -1 takes all titles.
        min_rating: Average vote that is not enough, usually 0 to 10.
        genre_id: Only titles of this genre; None for all.
        limit: Most titles to return, 1 to 1,000.
        after: ``next`` of the page before; None starts at the best.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_top_rated(catalog, "movie", min_votes=100, min_rating=6)
    >>> [(movie.display_name, movie.vote_average) for movie in page.items]
    [('Heat', 7.9), ('Up', 7.0)]
    """
    check_instance(catalog, "catalog", Catalog)
    check_kind(kind)
    check_count(min_votes, "min_votes", least=-1)
    rating = check_number(min_rating, "min_rating")
    if genre_id is not None:
        check_id(genre_id, "genre_id")
    check_limit(limit)
    question = (kind, min_votes, rating, genre_id, limit)
    cursors = Cursors(catalog, "list_top_rated", *question)
    within = Range(lower=keys.above(sortable_number(rating)))
    sources = _rating_sources(kind, genre_id, min_votes)
    reading = Reading(kind, sources, _order("rating", descending=True), within)
    return read_page(catalog.gateway, reading, cursors, limit, after)


def _rating_sources(kind: Kind, genre_id: int | None, min_votes: int = -1) -> list[Source]:
    """Name the partitions that can hold more than *min_votes* votes; only the lowest may mix."""
    lowest = keys.magnitude_of(min_votes + 1)
    is_mixed = min_votes >= 0 and keys.magnitude_of(min_votes) == lowest
    boundary = Source(
        keys.rating_list_key(kind, genre_id, lowest),
        wanted=(lambda title: title.vote_count > min_votes) if is_mixed else None,
    )
    higher = range(lowest + 1, TOP_MAGNITUDE + 1)
    return [boundary, *(Source(keys.rating_list_key(kind, genre_id, m)) for m in higher)]


@access_pattern(
    question="The titles released (or first broadcast) between two days",
    operation="Query",
    index="by_release",
    key_condition="_list = <list> AND _release BETWEEN <since> AND <until>",
    order="release",
    consistency="eventual",
    cost="1 request a page; 20 titles: 2 to 3 RCU",
)
def list_released_between(
    catalog: Catalog,
    kind: Kind,
    since: date | str,
    until: date | str,
    *,
    genre_id: int | None = None,
    descending: bool = True,
    limit: int = 20,
    after: str | None = None,
) -> Page[AnyTitle]:
    """List titles released or first broadcast from *since* to *until*, both days included.

    The newest first by default; ties come by id in the same direction. A title without a date is
    never among them. Cost and freshness as `list_titles`.

    Nothing in between is an empty page, not an error; so is *since* after *until*.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        since: First day, as `datetime.date` or ``"YYYY-MM-DD"``.
        until: Last day, likewise.
        genre_id: Only titles of this genre; None for all.
        descending: Newest first.
        limit: Most titles to return, 1 to 1,000.
        after: ``next`` of the page before; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_released_between(catalog, "movie", "1990-01-01", "1999-12-31")
    >>> [(movie.display_name, movie.released) for movie in page.items]
    [('Heat', '1995-12-15')]
    """
    check_instance(catalog, "catalog", Catalog)
    check_kind(kind)
    first, last = check_date(since, "since"), check_date(until, "until")
    if genre_id is not None:
        check_id(genre_id, "genre_id")
    check_flag(descending, "descending")
    check_limit(limit)
    question = (kind, first, last, genre_id, descending, limit)
    cursors = Cursors(catalog, "list_released_between", *question)
    within = Range(first, keys.above(last))
    sources = [Source(keys.list_key(kind, genre_id))]
    reading = Reading(kind, sources, _order("release", descending=descending), within)
    return read_page(catalog.gateway, reading, cursors, limit, after)


@access_pattern(
    question="The titles whose name begins so",
    operation="Query",
    index="by_name",
    key_condition="_list = ALL#<kind> AND _name BETWEEN <prefix> AND <prefix>~",
    order="name",
    consistency="eventual",
    cost="1 request a page; 20 titles: 2 to 3 RCU",
)
def find_titles_by_name(
    catalog: Catalog, kind: Kind, prefix: str, *, limit: int = 20, after: str | None = None
) -> Page[AnyTitle]:
    """List the titles whose name begins with *prefix*, in the order of their names.

    Case, accents and punctuation do not count, and runs of white space count as one space:
    ``"spider man"`` finds "Spider Man!" and ``"AMELIE"`` finds "Amélie". A prefix with nothing
    left that counts begins every name. Names that are equal so come by id. Cost and freshness as
    `list_titles`.

    No such name is an empty page, not an error.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        prefix: What the name begins with; what counts of it may have 900 bytes of UTF-8.
        limit: Most titles to return, 1 to 1,000.
        after: ``next`` of the page before; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> [movie.display_name for movie in find_titles_by_name(catalog, "movie", "hé")]
    ['Heat']
    """
    check_instance(catalog, "catalog", Catalog)
    check_kind(kind)
    folded = fold_name(check_text(prefix, "prefix"))
    if len(folded.encode()) > NAME_BYTES:
        refuse("prefix", prefix, f"at most {NAME_BYTES} bytes long")
    check_limit(limit)
    cursors = Cursors(catalog, "find_titles_by_name", kind, folded, limit)
    within = Range(folded, folded + MAX_SORT_KEY) if folded else Range()
    sources = [Source(keys.list_key(kind))]
    reading = Reading(kind, sources, _order("name", descending=False), within)
    return read_page(catalog.gateway, reading, cursors, limit, after)


def _order(order: OrderName, *, descending: bool) -> Order:
    match order:
        case "popularity":
            return Order("by_popularity", _popularity_place, descending)
        case "rating":
            return Order("by_rating", _rating_place, descending)
        case "release":
            return Order("by_release", _release_place, descending)
        case "name":
            return Order("by_name", _name_place, descending)


def _popularity_place(title: AnyTitle) -> keys.SortKey:
    return keys.number_sort_key(title.popularity, title.id)


def _rating_place(title: AnyTitle) -> keys.SortKey:
    return keys.number_sort_key(title.vote_average, title.id)


def _release_place(title: AnyTitle) -> keys.SortKey:
    return keys.date_sort_key(title.released, title.id)


def _name_place(title: AnyTitle) -> keys.SortKey:
    return keys.name_sort_key(title.display_name, title.id)


__all__ = [
    "ListKey",
    "find_titles_by_name",
    "list_released_between",
    "list_titles",
    "list_titles_in_genre",
    "list_titles_in_genres",
    "list_top_rated",
]

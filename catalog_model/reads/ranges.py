"""Access patterns that list titles within a range: of ratings and votes, days, or names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.declarations.pattern import Step, access_pattern, step
from catalog_model.declarations.vocabulary import (
    PAGE_UNITS,
    SEVERAL_QUERIES,
    SPLIT_ITEMS,
    SPLIT_REQUESTS,
)
from catalog_model.domain.arguments import (
    check_count,
    check_date,
    check_flag,
    check_id,
    check_instance,
    check_kind,
    check_limit,
    check_number,
    check_text,
    refuse,
)
from catalog_model.dynamodb.gateway import EVERYTHING, Range
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.merge import Reading, read_page
from catalog_model.reads.orders import list_source, order_by, rating_sources
from catalog_model.table import keys
from catalog_model.table.folding import fold_name
from catalog_model.table.keys import MAX_SORT_KEY, Kind
from catalog_model.table.sortable import NAME_BYTES, sortable_number

_NO_GENRE: Final[Mapping[str, object]] = {"genre_id": None}


def _top_rated_step(*, of_genre: bool) -> Step:
    partition = f"_rating_list = {_list(of_genre=of_genre)}#<a magnitude>"
    return step(
        "Query",
        f"{partition} AND _rating >= <min_rating and more>",
        f"{partition} AND _rating BETWEEN <min_rating and more> AND <a place>",
        index="by_rating",
        requests=f"{SPLIT_REQUESTS} + read / 20",
        units=SEVERAL_QUERIES,
        items=SPLIT_ITEMS,
        when=None if of_genre else _NO_GENRE,
        unless=_NO_GENRE if of_genre else None,
    )


def _released_step(*, of_genre: bool) -> Step:
    return step(
        "Query",
        f"_list = {_list(of_genre=of_genre)}"
        " AND _release BETWEEN <since, or after> AND <until, or after>",
        index="by_release",
        units=PAGE_UNITS,
        items="limit + 1",
        when=None if of_genre else _NO_GENRE,
        unless=_NO_GENRE if of_genre else None,
    )


def _list(*, of_genre: bool) -> str:
    return "GENRE#<kind>#<genre_id>" if of_genre else "ALL#<kind>"


@access_pattern(
    "The titles with more than so many votes and a better rating than that",
    _top_rated_step(of_genre=False),
    _top_rated_step(of_genre=True),
    order="rating, best first",
    consistency="eventual",
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
    kind = check_kind(kind)
    min_votes = check_count(min_votes, "min_votes", least=-1)
    rating = check_number(min_rating, "min_rating")
    if genre_id is not None:
        genre_id = check_id(genre_id, "genre_id")
    limit = check_limit(limit)
    question = (kind, min_votes, rating, genre_id, limit)
    cursors = Cursors(catalog, "list_top_rated", *question)
    within = Range(lower=keys.above(sortable_number(rating)))
    sources = rating_sources(kind, genre_id, min_votes)
    reading = Reading(kind, sources, order_by("rating", descending=True), within)
    return read_page(catalog.gateway, reading, cursors, limit, after)


@access_pattern(
    "The titles released (or first broadcast) between two days",
    _released_step(of_genre=False),
    _released_step(of_genre=True),
    order="release",
    consistency="eventual",
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
    kind = check_kind(kind)
    first, last = check_date(since, "since"), check_date(until, "until")
    if genre_id is not None:
        genre_id = check_id(genre_id, "genre_id")
    descending = check_flag(descending, "descending")
    limit = check_limit(limit)
    question = (kind, first, last, genre_id, descending, limit)
    cursors = Cursors(catalog, "list_released_between", *question)
    within = Range(first, keys.above(last))
    sources = [list_source(kind, genre_id)]
    reading = Reading(kind, sources, order_by("release", descending=descending), within)
    return read_page(catalog.gateway, reading, cursors, limit, after)


@access_pattern(
    "The titles whose name begins so",
    step(
        "Query",
        "_list = ALL#<kind> AND _name BETWEEN <the prefix, or after> AND <its end>",
        "_list = ALL#<kind> [AND _name beyond <a place>]",
        index="by_name",
        units=PAGE_UNITS,
        items="limit + 1",
    ),
    order="name",
    consistency="eventual",
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
    kind = check_kind(kind)
    folded = fold_name(check_text(prefix, "prefix"))
    if len(folded.encode()) > NAME_BYTES:
        refuse("prefix", prefix, f"at most {NAME_BYTES} bytes long")
    limit = check_limit(limit)
    cursors = Cursors(catalog, "find_titles_by_name", kind, folded, limit)
    within = Range(folded, folded + MAX_SORT_KEY) if folded else EVERYTHING
    sources = [list_source(kind)]
    reading = Reading(kind, sources, order_by("name", descending=False), within)
    return read_page(catalog.gateway, reading, cursors, limit, after)

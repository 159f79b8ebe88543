"""Access patterns that list titles within a range: of ratings and votes, of days, or of names."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_text, refuse
from catalog_model.declarations.pattern import Step, access_pattern, step
from catalog_model.declarations.vocabulary import (
    FILTERED_REQUESTS,
    MERGED_ROUND_TRIPS,
    PAGE_UNITS,
    READ_OF_SPREAD,
    SEVERAL_QUERIES,
    SPLIT_ITEMS,
    in_shards,
)
from catalog_model.domain.arguments import check_date, check_id, check_kind, check_limit
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import EVERYTHING, Conversation, Range
from catalog_model.dynamodb.numbers import check_count, check_number
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.list_shards import read_list
from catalog_model.reads.orders import list_source, order_by, rating_sources
from catalog_model.reads.partitions import Reading
from catalog_model.table import keys
from catalog_model.table.folding import fold_name
from catalog_model.table.keys import MAX_SORT_KEY
from catalog_model.table.sortable import NAME_BYTES, sortable_number

_NO_GENRE: Final[Mapping[str, object]] = {"genre_id": None}


def _top_rated_step(*, of_genre: bool) -> Step:
    partition = f"_rating_list = {_list(of_genre=of_genre)}#<a magnitude>"
    plain = step(
        "Query",
        f"{partition} AND _rating >= <min_rating and more>",
        f"{partition} AND _rating BETWEEN <min_rating and more> AND <a place>",
        index="by_rating",
        requests=FILTERED_REQUESTS,
        units=SEVERAL_QUERIES,
        items=SPLIT_ITEMS,
        round_trips=f"{MERGED_ROUND_TRIPS} + read / 20",
        when=None if of_genre else _NO_GENRE,
        unless=_NO_GENRE if of_genre else None,
    )
    requests = f"lists * ({FILTERED_REQUESTS})"
    return in_shards(plain, requests=requests, round_trips=f"{MERGED_ROUND_TRIPS} + read / 20")


def _released_step(*, of_genre: bool) -> Step:
    return in_shards(
        step(
            "Query",
            f"_list = {_list(of_genre=of_genre)}"
            " AND _release BETWEEN <since, or after> AND <until, or after>",
            index="by_release",
            units=PAGE_UNITS,
            items="limit + 1",
            when=None if of_genre else _NO_GENRE,
            unless=_NO_GENRE if of_genre else None,
        )
    )


def _list(*, of_genre: bool) -> str:
    return "GENRE#<kind>#<genre_id>" if of_genre else "ALL#<kind>"


@access_pattern(
    "The titles above a number of votes and a rating, best first",
    _top_rated_step(of_genre=False),
    _top_rated_step(of_genre=True),
    READ_OF_SPREAD,
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
) -> Conversation[Page[AnyTitle]]:
    """List titles with ``vote_count > min_votes and vote_average > min_rating``, best first.

    Both bounds are exclusive. Ties are broken by id, highest first.

    A key condition supports one range, so the rating index is split by the magnitude of the number
    of votes (0, 1-3, 4-15, 16-63, ... 16,384 and more). The partitions above *min_votes* are read
    and merged; only titles of the lowest one are filtered after reading. Costs one Query for each
    of these 1 to 9 partitions, all at once, then at once those that the page still needs, and up to
    24 small ones where titles are filtered: items read <= 2 x titles returned + 20 x requests.
    Freshness is that of `list_titles`.

    Returns an empty page if no title matches.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        min_votes: Return only titles with more votes than this; -1 includes all.
        min_rating: Return only titles with a higher average vote than this, usually 0 to 10.
        genre_id: Include only titles of this genre; None for all.
        limit: Maximum number of titles, 1 to 1,000.
        after: ``next`` of the previous page; None starts at the best.

    Raises:
        InvalidArgumentError: If an argument is invalid.
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
    return (yield from read_list(catalog, reading, cursors, limit, after))


@access_pattern(
    "The titles released (or first broadcast) between two days",
    _released_step(of_genre=False),
    _released_step(of_genre=True),
    READ_OF_SPREAD,
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
) -> Conversation[Page[AnyTitle]]:
    """List titles released or first broadcast from *since* to *until*, both days included.

    By default the newest come first; ties are broken by id in the same direction. Titles without a
    date are not included. Cost and freshness are those of `list_titles`.

    Returns an empty page if there are no such titles, or *since* is after *until*.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        since: First day, as `datetime.date` or ``"YYYY-MM-DD"``.
        until: Last day, in the same form.
        genre_id: Include only titles of this genre; None for all.
        descending: Whether the newest titles come first.
        limit: Maximum number of titles, 1 to 1,000.
        after: ``next`` of the previous page; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is invalid.
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
    return (yield from read_list(catalog, reading, cursors, limit, after))


@access_pattern(
    "The titles whose name has a given beginning",
    in_shards(
        step(
            "Query",
            "_list = ALL#<kind> AND _name BETWEEN <the prefix, or after> AND <its end>",
            "_list = ALL#<kind> [AND _name beyond <a place>]",
            index="by_name",
            units=PAGE_UNITS,
            items="limit + 1",
        )
    ),
    READ_OF_SPREAD,
    order="name",
    consistency="eventual",
)
def find_titles_by_name(
    catalog: Catalog, kind: Kind, prefix: str, *, limit: int = 20, after: str | None = None
) -> Conversation[Page[AnyTitle]]:
    """List the titles whose name begins with *prefix*, sorted by name.

    Case, accents and punctuation are ignored, and runs of white space count as one space:
    ``"spider man"`` finds "Spider Man!" and ``"AMELIE"`` finds "Amélie". A prefix that is empty
    after this matches every name. Equal names are sorted by id. Cost and freshness are those of
    `list_titles`.

    Returns an empty page if no name matches.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        prefix: The beginning of the name; at most 900 bytes of UTF-8 after folding.
        limit: Maximum number of titles, 1 to 1,000.
        after: ``next`` of the previous page; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is invalid.
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
    return (yield from read_list(catalog, reading, cursors, limit, after))

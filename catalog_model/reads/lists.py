"""Access patterns that list titles, page by page: by kind and by genres."""

from collections.abc import Iterable
from typing import Final, Literal

from catalog_model.catalog import Catalog
from catalog_model.checks import check_choice, check_flag, check_instance, refuse
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import (
    MERGED_ROUND_TRIPS,
    READ_OF_SPREAD,
    SEVERAL_QUERIES,
    in_shards,
    page_step,
    rating_step,
    tallies_steps,
)
from catalog_model.domain.arguments import check_genre_ids, check_id, check_kind, check_limit
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.counts import read_counts
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.list_shards import read_list
from catalog_model.reads.orders import (
    GENRE_ORDERS,
    ORDERS,
    PLAIN_GENRE_ORDERS,
    PLAIN_ORDERS,
    GenreOrderName,
    OrderName,
    list_source,
    order_by,
    rating_sources,
)
from catalog_model.reads.partitions import Reading, Source
from catalog_model.table import keys

MAX_GENRES_ASKED: Final = 20

ONE_OF_THE_GENRES: Final = "_list = GENRE#<kind>#<one of them> [AND _popularity beyond <a place>]"

Match = Literal["all", "any"]


@access_pattern(
    "All titles of a kind, in an order",
    *(page_step(order, "_list = ALL#<kind>") for order in PLAIN_ORDERS),
    rating_step("_rating_list = ALL#<kind>#<a magnitude>"),
    READ_OF_SPREAD,
    order="popularity, rating, release or name",
    consistency="eventual",
)
def list_titles(
    catalog: Catalog,
    kind: Kind,
    *,
    order: OrderName = "popularity",
    descending: bool = True,
    limit: int = 20,
    after: str | None = None,
) -> Conversation[Page[AnyTitle]]:
    """List all titles of *kind*, page by page.

    The default order is by popularity, highest first. Ties are broken by id, in the same direction.
    Titles without a date sort as the oldest; names are compared without case, accents and
    punctuation.

    Costs one Query a page, 2 to 3 read units for 20 titles; by rating, the same as
    `list_top_rated`. The indexes lag behind the table, usually by less than a second, so the latest
    changes may not show. If the lists are spread over several partitions, all of these are read at
    once; a handle without ``sharded_lists`` then raises `SchemaMismatchError`.

    Returns an empty page if there are no titles of the kind.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        order: ``"popularity"``, ``"rating"``, ``"release"`` or ``"name"``.
        descending: Whether the largest, best, newest or alphabetically last titles come first.
        limit: Maximum number of titles, 1 to 1,000.
        after: ``next`` of the previous page; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_titles(catalog, "tv", limit=2)
    >>> [show.display_name for show in page.items]
    ['American Dad!', 'Oz']
    """
    kind, order = check_kind(kind), check_choice(order, "order", ORDERS)
    return (yield from _list(catalog, "list_titles", kind, None, order, descending, limit, after))


@access_pattern(
    "The titles of one genre, in an order",
    *(page_step(order, "_list = GENRE#<kind>#<genre_id>") for order in PLAIN_GENRE_ORDERS),
    rating_step("_rating_list = GENRE#<kind>#<genre_id>#<a magnitude>"),
    READ_OF_SPREAD,
    order="popularity, rating or release",
    consistency="eventual",
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
) -> Conversation[Page[AnyTitle]]:
    """List the titles of one genre, page by page.

    The default order is by popularity, highest first; ties, cost, freshness and paging are those of
    `list_titles`. Returns an empty page for a genre without titles.

    Args:
        kind: ``"movie"`` or ``"tv"``; genres of both share ids.
        genre_id: TMDB's id of the genre, such as 28 for action movies.
        order: ``"popularity"``, ``"rating"`` or ``"release"``.
        descending: Whether the largest, best or newest titles come first.
        limit: Maximum number of titles, 1 to 1,000.
        after: ``next`` of the previous page; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_titles_in_genre(catalog, "movie", 28, limit=2)
    >>> [movie.display_name for movie in page.items]
    ['Black Lotus', 'Heat']
    """
    kind, genre_id = check_kind(kind), check_id(genre_id, "genre_id")
    order = check_choice(order, "order", GENRE_ORDERS)
    function = "list_titles_in_genre"
    return (yield from _list(catalog, function, kind, genre_id, order, descending, limit, after))


def _list(
    catalog: Catalog,
    function: str,
    kind: Kind,
    genre_id: int | None,
    order: OrderName,
    descending: bool,  # noqa: FBT001  # public functions take it by name
    limit: int,
    after: str | None,
) -> Conversation[Page[AnyTitle]]:
    check_instance(catalog, "catalog", Catalog)
    descending, limit = check_flag(descending, "descending"), check_limit(limit)
    cursors = Cursors(catalog, function, kind, genre_id, order, descending, limit)
    is_split = order == "rating"
    sources = rating_sources(kind, genre_id) if is_split else [list_source(kind, genre_id)]
    reading = Reading(kind, sources, order_by(order, descending=descending))
    return (yield from read_list(catalog, reading, cursors, limit, after))


@access_pattern(
    "The titles that are in all of several genres, or in any of them",
    *tallies_steps(strong=False, when={"match": "all"}),
    in_shards(
        step(
            "Query",
            ONE_OF_THE_GENRES,
            index="by_popularity",
            requests="1 + read / min(limit + 1, 500)",
            round_trips="1 + read / min(limit + 1, 500)",
            units=SEVERAL_QUERIES,
            when={"match": "all"},
        ),
        requests="lists * (1 + read / min(limit + 1, 500))",
        round_trips="1 + lists * read / min(limit + 1, 500)",
        items="",
    ),
    in_shards(
        step(
            "Query",
            ONE_OF_THE_GENRES,
            index="by_popularity",
            requests="2 * genre_ids + read / 20",
            units=SEVERAL_QUERIES,
            items="genre_ids * (2 * limit + genre_ids + 22)",
            round_trips=MERGED_ROUND_TRIPS,
            when={"match": "any"},
        ),
        requests="2 * lists * genre_ids + read / 20",
        items="lists * genre_ids * (2 * limit + genre_ids + 22)",
    ),
    READ_OF_SPREAD,
    order="popularity",
    consistency="eventual",
)
def list_titles_in_genres(
    catalog: Catalog,
    kind: Kind,
    genre_ids: Iterable[int],
    *,
    match: Match = "all",
    limit: int = 20,
    after: str | None = None,
) -> Conversation[Page[AnyTitle]]:
    """List the titles that are in all (or any) of several genres.

    The most popular titles come first, each once; ties, freshness and paging are those of
    `list_titles`.

    With ``match="any"`` the genres' lists are read at once, in one or two round trips. With
    ``match="all"`` one BatchGetItem finds the genre with the fewest titles; its list is read as far
    as the page needs, and filtered after reading. In the worst case that is the whole genre.

    Returns an empty page if no title matches.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        genre_ids: 1 to 20 genre ids; order and duplicates do not matter.
        match: ``"all"`` or ``"any"``.
        limit: Maximum number of titles, 1 to 1,000.
        after: ``next`` of the previous page; None starts at the beginning.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        InvalidCursorError: If *after* was changed, or made for other arguments.

    >>> page = list_titles_in_genres(catalog, "movie", [28, 80])
    >>> [movie.display_name for movie in page.items]
    ['Black Lotus', 'Heat']
    """
    check_instance(catalog, "catalog", Catalog)
    kind = check_kind(kind)
    genres = sorted(set(check_genre_ids(genre_ids, most=MAX_GENRES_ASKED)))
    if not genres:
        refuse("genre_ids", genre_ids, "at least one genre")
    match = check_choice(match, "match", ("all", "any"))
    limit = check_limit(limit)
    cursors = Cursors(catalog, "list_titles_in_genres", kind, genres, match, limit)
    cursors.read(after)
    if match == "any":
        sources = [list_source(kind, genre_id) for genre_id in genres]
    else:
        sources = yield from _intersection(kind, genres)
    if not sources:
        return Page(())
    reading = Reading(kind, sources, order_by("popularity", descending=True))
    return (yield from read_list(catalog, reading, cursors, limit, after))


def _intersection(kind: Kind, genres: list[int]) -> Conversation[list[Source]]:
    """Return the smallest genre as the only source; no source if any genre is empty."""
    if len(genres) == 1:
        return [list_source(kind, genres[0])]
    _, counts = yield from read_counts(kind)
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

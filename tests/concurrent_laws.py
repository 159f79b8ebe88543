"""The titles that concurrent callers meet on, and the laws that readers of them judge by.

These laws hold anywhere: no page holds a title twice; one that is not the last is full; a title
that nobody touches is in every complete walk, once; a sample holds distinct titles; a count lies
between the titles that are always there and all that there can be.

One law is of these engines: a consistent Query of a title's items sees the title, its listing and
its memberships of one moment. DynamoDB does not promise it, as a Query is no snapshot there. moto
answers one request at a time behind the lock that the tests put before it, and dynoxide answers
from a database in which a transaction is seen whole or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from catalog_model import Catalog, Movie, Page, TitleKey, TitleWithGenres, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.gateway import EVERYTHING
from catalog_model.entities import AnyTitle
from catalog_model.maintenance.findings import check_collection
from catalog_model.table import codec, keys

GENRES: Final = (12, 16, 18, 28, 35)

CONTESTED: Final = (
    TitleKey("movie", 1),
    TitleKey("movie", 9),  # of one shard with movie 1, and with movie 105 of the settled ones
    TitleKey("movie", 2),
    TitleKey("tv", 1),
)
"""The titles that are written to."""

HOT: Final = tuple(TitleKey("movie", 8 * number) for number in range(1, 6))
"""Titles of one shard, with movie 104 of the settled ones: all that write meet at its counts."""


def title_of(key: TitleKey, **fields: Any) -> AnyTitle:
    """Make a title of either kind."""
    if key.kind == "movie":
        return Movie(id=key.id, title=f"Movie {key.id}", **fields)
    return TVShow(id=key.id, name=f"Show {key.id}", **fields)


def _settled(kind: Kind, number: int) -> AnyTitle:
    genre_ids = [GENRES[(number + step) % len(GENRES)] for step in range(1 + number % 3)]
    return title_of(
        TitleKey(kind, 100 + number),
        genre_ids=genre_ids,
        popularity=100.0 * number,
        vote_average=float(number % 10),
        vote_count=4**number % 100_003,
    )


SETTLED: Final = tuple(_settled(kind, number) for kind in KINDS for number in range(10))
"""The titles that nobody touches; those that are written to come and go between them."""


def settled_of(kind: Kind) -> list[AnyTitle]:
    """Give the titles of a kind that nobody touches."""
    return [title for title in SETTLED if title.kind == kind]


def contested_of(kind: Kind) -> list[TitleKey]:
    """Give the titles of a kind that are written to."""
    return [key for key in CONTESTED + HOT if key.kind == kind]


def torn_pair(found: TitleWithGenres) -> Iterator[str]:
    """Find a title and memberships that are of different moments."""
    own = list(codec.unique_genres(found.title))
    seen = [membership.genre_id for membership in found.memberships]
    if own != seen:
        yield f"torn pair: {found.title!r} of genres {own} has memberships in {seen}"


def torn_collection(catalog: Catalog, key: TitleKey) -> Iterator[str]:
    """Find copies that are of another moment than their title, in one consistent Query."""
    items = catalog.gateway.query(keys.title_pk(key), EVERYTHING, consistent=True)
    return (f"torn collection: {finding}" for finding in check_collection(items))


def walk_problems(
    walk: Sequence[Page[AnyTitle]], limit: int, always: Iterable[AnyTitle]
) -> Iterator[str]:
    """Judge the pages of a list that was read from its beginning to its end."""
    for page in walk:
        if len({title.key for title in page}) < len(page):
            yield f"a page holds a title twice: {page.items}"
        if page.next and len(page) != limit:
            yield f"a page of {len(page)} is not the last, and {limit} were asked for"
    shown = Counter(title for page in walk for title in page)
    for title in always:
        if shown[title] != 1:
            yield f"a complete walk shows {title!r} {shown[title]} times"


def count_problems(catalog: Catalog, kind: Kind, genre: int | None) -> Iterator[str]:
    """Judge a count by the titles that are always there, and all that can be."""
    counted = ap.count_titles(catalog, kind, genre)
    least = sum(genre is None or genre in title.genre_ids for title in settled_of(kind))
    most = least + len(contested_of(kind))
    if not least <= counted <= most:
        yield f"{counted} titles of {kind} and genre {genre}: there are {least} to {most}"


def sample_problems(kind: Kind, sample: Sequence[AnyTitle], count: int) -> Iterator[str]:
    """Judge titles that were picked at random."""
    picked = [title.key for title in sample]
    known = {*contested_of(kind), *(title.key for title in settled_of(kind))}
    if len(set(picked)) < len(picked) or len(picked) > count or not known.issuperset(picked):
        yield f"a sample of {count} holds {picked}"

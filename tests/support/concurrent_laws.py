"""The titles that concurrent callers share, and the laws for their readers.

These laws hold on every engine: no page contains a title twice; every page but the last is full; an
untouched title appears exactly once in every complete walk; a sample contains distinct titles; a
count lies between the number of permanent titles and the number of all possible ones.

One law is specific to these engines: a strongly consistent Query of a title's items sees the title,
its listing and its memberships at the same moment. DynamoDB does not guarantee this, as its Query
is not a snapshot. moto answers one request at a time behind the tests' lock, and dynoxide answers
from a database in which a transaction is visible completely or not at all.
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
    TitleKey("movie", 9),  # in one shard with movie 1, and with the settled movie 105
    TitleKey("movie", 2),
    TitleKey("tv", 1),
)
"""The titles that callers write."""

HOT: Final = tuple(TitleKey("movie", 8 * number) for number in range(1, 6))
"""Titles of one shard, including the settled movie 104: all writers share its counts."""


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
"""The titles that callers do not write; the others are created and deleted between them."""


def settled_of(kind: Kind) -> list[AnyTitle]:
    """Return the titles of a kind that callers do not write."""
    return [title for title in SETTLED if title.kind == kind]


def contested_of(kind: Kind) -> list[TitleKey]:
    """Return the titles of a kind that callers write."""
    return [key for key in CONTESTED + HOT if key.kind == kind]


def torn_pair(found: TitleWithGenres) -> Iterator[str]:
    """Return a problem if a title and its memberships are from different moments."""
    own = list(codec.unique_genres(found.title))
    seen = [membership.genre_id for membership in found.memberships]
    if own != seen:
        yield f"torn pair: {found.title!r} of genres {own} has memberships in {seen}"


def torn_collection(catalog: Catalog, key: TitleKey) -> Iterator[str]:
    """Return a problem if copies are older or newer than their title, in one consistent Query."""
    items = catalog.gateway.query(keys.title_pk(key), EVERYTHING, consistent=True)
    return (f"torn collection: {finding}" for finding in check_collection(items))


def walk_problems(
    walk: Sequence[Page[AnyTitle]], limit: int, always: Iterable[AnyTitle]
) -> Iterator[str]:
    """Check the pages of a list that was read from beginning to end."""
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
    """Check a count against the permanent titles and all possible ones."""
    counted = ap.count_titles(catalog, kind, genre)
    least = sum(genre is None or genre in title.genre_ids for title in settled_of(kind))
    most = least + len(contested_of(kind))
    if not least <= counted <= most:
        yield f"{counted} titles of {kind} and genre {genre}: there are {least} to {most}"


def sample_problems(kind: Kind, sample: Sequence[AnyTitle], count: int) -> Iterator[str]:
    """Check titles that were picked at random."""
    picked = [title.key for title in sample]
    known = {*contested_of(kind), *(title.key for title in settled_of(kind))}
    if len(set(picked)) < len(picked) or len(picked) > count or not known.issuperset(picked):
        yield f"a sample of {count} holds {picked}"

"""Writes of few titles for exhaustive interleavings, and the tables they begin with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import permutations
from typing import Any, Final

from interleavings import Explored, World, Writer
from table_dump import Table, assert_complete, is_tally, movie, titles_in

from catalog_model import Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import offline_catalog
from catalog_model.dynamodb.typed_json import ItemKey, primary_key
from catalog_model.entities import Title
from catalog_model.table import codec, keys
from catalog_model.testing import without_pauses

Titles = dict[TitleKey, Any]


EIGHT, SIXTEEN, TWENTY_FOUR = (movie(number, 18, 28, popularity=1.0) for number in (8, 16, 24))

THERE: Final = (EIGHT, SIXTEEN, TWENTY_FOUR)
"""Titles of one shard, with the slots 0, 1 and 2."""


def key(number: int) -> TitleKey:
    """Return the key of a movie; multiples of 8 are in one shard."""
    return TitleKey("movie", number)


def as_text(title: Title) -> str:
    """Return an answer as text."""
    return title.to_json_text()


def put(title: Movie) -> Writer:
    """Put a title, whether it exists or not."""

    def effect(titles: Titles) -> Any:
        titles[title.key] = title
        return as_text(title)

    return Writer(f"put {title.id}", lambda c: as_text(ap.put_title(c, title)), effect)


def create(title: Movie) -> Writer:
    """Put a title if it does not exist."""

    def effect(titles: Titles) -> Any:
        if title.key in titles:
            return "TitleExistsError"
        titles[title.key] = title
        return as_text(title)

    act = partial(ap.put_title, title=title, if_absent=True)
    return Writer(f"create {title.id}", lambda c: as_text(act(c)), effect)


def swap(before: Movie, after: Movie) -> Writer:
    """Replace a title if it has not changed."""

    def effect(titles: Titles) -> Any:
        if titles.get(before.key) != before:
            return "ConflictError"
        titles[after.key] = after
        return as_text(after)

    act = partial(ap.put_title, title=after, if_unchanged=before)
    return Writer(f"swap {after.id}", lambda c: as_text(act(c)), effect)


def change(name: str, pattern: Callable[..., Any], number: int, **fields: Any) -> Writer:
    """Change attributes of a title."""

    def effect(titles: Titles) -> Any:
        if key(number) not in titles:
            return "TitleNotFoundError"
        titles[key(number)] = titles[key(number)].replace(**fields)
        return as_text(titles[key(number)])

    act = partial(pattern, kind="movie", title_id=number, **fields)
    return Writer(f"{name} {number}", lambda c: as_text(act(c)), effect)


def delete(number: int) -> Writer:
    """Delete a title."""

    def effect(titles: Titles) -> Any:
        gone = titles.pop(key(number), None)
        return as_text(gone) if gone else "TitleNotFoundError"

    act = partial(ap.delete_title, kind="movie", title_id=number)
    return Writer(f"delete {number}", lambda c: as_text(act(c)), effect)


popularity = partial(change, "popularity", ap.update_popularity)


update = partial(change, "update", ap.update_title)


def table_of(*titles: Movie) -> Table:
    """Make a table with these titles, created in this order."""
    catalog = offline_catalog()
    for title in titles:
        ap.put_title(catalog, title)
    return {primary_key(item): item for item in catalog.items()}


def assert_whole(table: Mapping[ItemKey, Any]) -> Titles:
    """Check that everything is consistent with the titles; return them."""
    there = assert_complete(dict(table))
    others = sum(3 + len(set(title.genre_ids)) for title in there.values())
    assert len(table) == others + sum(map(is_tally, table))
    return there


def explored(start: Table, *writers: Writer) -> Explored:
    """Explore all interleavings of *writers*, and check each end."""
    world = World(start, writers)
    with without_pauses():
        seen = world.explore()
    allowed = _allowed(start, writers)
    for table, results, _ in world.ends.values():
        try:
            there = assert_whole(table)
        except AssertionError as error:
            seen.problems.append(f"inconsistent: {error}")
            continue
        if (_texts(there), results) not in allowed:
            seen.problems.append(f"no order of them gives {results} and {_texts(there)}")
    return seen


def _allowed(start: Table, writers: tuple[Writer, ...]) -> list[Any]:
    """Return the possible titles and answers: those of all sequential orders of the writers."""
    ends = []
    for order in permutations(range(len(writers))):
        titles = titles_in(start)
        results = {number: writers[number].effect(titles) for number in order}
        ends.append((_texts(titles), tuple(results[number] for number in range(len(writers)))))
    return ends


def _texts(titles: Titles) -> dict[TitleKey, str]:
    return {each: as_text(title) for each, title in titles.items()}


def put_by_another_program(title: Movie) -> Table:
    """Return a title's item as written by `aws dynamodb put-item`, without other attributes."""
    item = codec.encode_title(title, version=1, slot=0)
    ours = {codec.VERSION, codec.SLOT, codec.SCHEMA, codec.TYPE}
    return {keys.title_key(title.key): {n: v for n, v in item.items() if n not in ours}}


FOREIGN: Final = movie(
    40, 18, 28, **dict.fromkeys(set(Movie.fields) - set(movie(40).to_json())), popularity=1.0
)
"""A title written by another program, with all possible attributes."""

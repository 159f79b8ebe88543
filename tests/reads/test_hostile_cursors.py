"""Hostile cursors: forged, foreign, huge or compressed ones give access to nothing else."""

import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from itsdangerous.encoding import base64_encode

from catalog_model import Catalog, Movie, Page
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.trace import Trace
from catalog_model.entities import Title
from catalog_model.errors import InvalidCursorError
from catalog_model.reads.cursor import Cursors
from catalog_model.table.sortable import NAME_BYTES

Ask = Callable[..., Page[Any]]

LISTS: dict[str, Ask] = {
    "popularity": partial(ap.list_titles, kind="movie", limit=3),
    "name": partial(ap.list_titles, kind="movie", order="name", descending=False, limit=3),
    "rating": partial(ap.list_titles, kind="tv", order="rating", limit=3),
    "genre": partial(ap.list_titles_in_genre, kind="movie", genre_id=28, order="release", limit=3),
    "all": partial(ap.list_titles_in_genres, kind="movie", genre_ids=[28, 18], limit=1),
    "any": partial(
        ap.list_titles_in_genres, kind="movie", genre_ids=[28, 18], match="any", limit=3
    ),
    "top": partial(ap.list_top_rated, kind="movie", min_votes=10, min_rating=5, limit=3),
    "released": partial(
        ap.list_released_between, kind="movie", since="1950-01-01", until="1999-12-31", limit=3
    ),
    "named": partial(ap.find_titles_by_name, kind="movie", prefix="n", limit=3),
}
lists = pytest.mark.parametrize("name", LISTS)


def partitions(trace: Trace) -> set[tuple[str, str]]:
    """Return the tables and partitions that were read."""
    return {
        (request.asked["TableName"], value["S"])
        for request in trace
        if request.operation == "Query"
        for value in request.asked["ExpressionAttributeValues"].values()
        if value["S"].startswith(("ALL#", "GENRE#"))
    }


def maker_of(catalog: Catalog, name: str) -> Cursors:
    """Return the signer of a list's cursors, as made by an attacker who knows the secret."""
    made: list[Cursors] = []

    def note(self: Cursors, after: object) -> None:
        assert after is None
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursors, "read", note)
        LISTS[name](catalog)
    return made[0]


def signed(cursors: Cursors, payload: bytes, *, mark: bytes = b"") -> str:
    """Sign any value as a cursor."""
    return cursors._signer.sign(mark + base64_encode(payload)).decode()


def forged(cursors: Cursors, place: Any) -> str:
    """Make the cursor of a place with this package or, if that fails, by hand."""
    try:
        return cursors.make(place)
    except (TypeError, UnicodeEncodeError):
        return signed(cursors, json.dumps(place).encode())


EXTREMES = ("", "#", "p", "p9", "o", "n0~", "a", "zz", "0000-00-00", "9999-99-99", "\U0010fffd")
PLACES: tuple[Any, ...] = (
    *(f"{value}#{id_}" for value in EXTREMES for id_ in ("011", "38" + "9" * 38)),
    *("", "#", "x", "\0", "#01", "#0x1", "a#b", "#011#011", "#0211", "#00", "#1", "\0#011"),
    "ALL#tv",
    *("z" * 1020 + "#011", "z" * 1021 + "#011", "é" * 600 + "#011", "\ud800#011", "a\ud800"),
    *(5, True, 1.5, None, [], {}, ["a#011"], {"S": "a#011"}, [[]]),
)


@lists
def test_a_forged_cursor_leads_only_to_what_was_asked_for(attacked: Catalog, name: str) -> None:
    """An attacker who knows the secret, such as the public default, gains nothing.

    The partitions, and therefore the table, are those of the arguments, as with real cursors; every
    returned title could have been returned without a cursor.
    """
    cursors, ask = maker_of(attacked, name), LISTS[name]
    pages = list(walk(attacked, ask))
    assert len(pages) > 1, "a list too short to say anything"
    allowed = {title for page, _ in pages for title in page}
    expected = pages[0][1]
    assert all(read <= expected for _, read in pages)
    accepted = 0
    for place in PLACES:
        try:
            page, read = next(walk(attacked, ask, forged(cursors, place)))
        except InvalidCursorError:
            continue
        accepted += 1
        assert set(page.items) <= allowed
        assert read <= expected
    assert accepted > len(EXTREMES)


def walk(
    catalog: Catalog, ask: Ask, after: str | None = None
) -> Iterator[tuple[Page[Title], set[tuple[str, str]]]]:
    """Return the pages of a list, each with the partitions that were read for it."""
    while True:
        with catalog.trace() as trace:
            page = ask(catalog, after=after)
        yield page, partitions(trace)
        after = page.next
        if after is None:
            return


def test_a_cursor_is_short_enough_to_be_looked_into(catalog: Catalog) -> None:
    """The longest possible place, in the characters that take the most space."""
    for id_, name in enumerate(("\U00020000" * 300, "é" * 900, "千" * 300), start=10**37):
        longest = name + "".join(chr(0x4E00 + 7 * at) for at in range(NAME_BYTES))
        movie = Movie(
            id=id_, title=longest, genre_ids=[], popularity=0, vote_average=0, vote_count=0
        )
        ap.put_title(catalog, movie)
    pages = walk(catalog, partial(LISTS["name"], limit=1))
    assert sum(len(page) for page, _ in pages) == 3


def test_a_packed_cursor_is_not_unpacked_without_bounds(attacked: Catalog) -> None:
    """A megabyte of zeros compresses to a thousand bytes, signed with the default secret."""
    packed = zlib.compress(b'"' + b"0" * 100_000_000 + b'"')
    after = signed(maker_of(attacked, "popularity"), packed, mark=b".")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidCursorError):
            LISTS["popularity"](attacked, after=after)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("piece", ["a", ".", "\0", "\ud800", "eJw"])
def test_a_huge_cursor_is_one_short_error(attacked: Catalog, piece: str) -> None:
    """A million characters are neither parsed nor repeated in the message."""
    with pytest.raises(InvalidCursorError) as refused:
        LISTS["popularity"](attacked, after=piece * (1_000_000 // len(piece)))
    assert len(str(refused.value)) < 400

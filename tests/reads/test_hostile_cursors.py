"""Hostile cursors: forged, foreign, huge or compressed ones give access to nothing else."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines import Engine
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous.encoding import base64_encode

from catalog_model import Catalog, Movie, Page
from catalog_model import access_patterns as ap
from catalog_model.entities import Title
from catalog_model.errors import InvalidCursorError
from catalog_model.reads.cursor import Cursors
from catalog_model.table.sortable import NAME_BYTES

Ask = Callable[[Catalog, Any], Page[Any]]

LISTS: dict[str, Ask] = {
    "popularity": lambda c, after: ap.list_titles(c, "movie", limit=3, after=after),
    "name": lambda c, after: ap.list_titles(
        c, "movie", order="name", descending=False, limit=3, after=after
    ),
    "rating": lambda c, after: ap.list_titles(c, "tv", order="rating", limit=3, after=after),
    "genre": lambda c, after: ap.list_titles_in_genre(
        c, "movie", 28, order="release", limit=3, after=after
    ),
    "all": lambda c, after: ap.list_titles_in_genres(c, "movie", [28, 18], limit=1, after=after),
    "any": lambda c, after: ap.list_titles_in_genres(
        c, "movie", [28, 18], match="any", limit=3, after=after
    ),
    "top": lambda c, after: ap.list_top_rated(
        c, "movie", min_votes=10, min_rating=5, limit=3, after=after
    ),
    "released": lambda c, after: ap.list_released_between(
        c, "movie", "1950-01-01", "1999-12-31", limit=3, after=after
    ),
    "named": lambda c, after: ap.find_titles_by_name(c, "movie", "n", limit=3, after=after),
}
lists = pytest.mark.parametrize("name", LISTS)


def partitions(catalog: Catalog, ask: Ask, after: str | None) -> set[tuple[str, str]]:
    """Make a read; return the tables and partitions that were read."""
    with catalog.trace() as trace:
        ask(catalog, after)
    queries = [request.asked for request in trace if request.operation == "Query"]
    return {
        (asked["TableName"], value["S"])
        for asked in queries
        for value in asked["ExpressionAttributeValues"].values()
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
        LISTS[name](catalog, None)
    return made[0]


def signed(cursors: Cursors, payload: bytes, *, mark: bytes = b"") -> str:
    """Sign any value as a cursor."""
    serializer = cursors._serializer
    signer = serializer.make_signer(serializer.salt)
    return str(signer.sign(mark + base64_encode(payload)).decode())


def forged(cursors: Cursors, place: Any) -> str:
    """Make the cursor of a place with this package or, if that fails, by hand."""
    try:
        return cursors.make(place)
    except UnicodeEncodeError:
        return signed(cursors, json.dumps(place).encode())


EXTREMES = ("", "#", "p", "p9", "o", "n0~", "a", "zz", "0000-00-00", "9999-99-99", "\U0010fffd")
PLACES: tuple[Any, ...] = (
    *(f"{value}#{id_}" for value in EXTREMES for id_ in ("011", "38" + "9" * 38)),
    *(
        "",
        "#",
        "x",
        "\0",
        "#01",
        "#0x1",
        "a#b",
        "#011#011",
        "#0211",
        "#00",
        "#1",
        "\0#011",
        "ALL#tv",
    ),
    *("z" * 1020 + "#011", "z" * 1021 + "#011", "é" * 600 + "#011", "\ud800#011", "a\ud800"),
    *(5, True, 1.5, None, [], {}, ["a#011"], {"S": "a#011"}, [[]]),
)


@lists
def test_a_forged_cursor_leads_to_nothing_that_was_not_asked_for(
    attacked: Catalog, name: str
) -> None:
    """An attacker who knows the secret, such as the public default, gains nothing.

    The partitions, and therefore the table, are those of the arguments; every returned title could
    have been returned without a cursor.
    """
    cursors, ask = maker_of(attacked, name), LISTS[name]
    allowed = set(walk(attacked, ask))
    expected = partitions(attacked, ask, None)
    accepted = 0
    for place in PLACES:
        after = forged(cursors, place)
        try:
            page = ask(attacked, after)
        except InvalidCursorError:
            continue
        accepted += 1
        assert set(page.items) <= allowed
        assert partitions(attacked, ask, after) <= expected
    assert accepted > len(EXTREMES)


def walk(catalog: Catalog, ask: Ask) -> Iterator[Title]:
    """Return all titles of a list."""
    page = ask(catalog, None)
    yield from page
    while page.next:
        page = ask(catalog, page.next)
        yield from page


@lists
def test_a_real_cursor_stays_in_its_partitions(attacked: Catalog, name: str) -> None:
    """Page by page."""
    ask = LISTS[name]
    expected = partitions(attacked, ask, None)
    page = ask(attacked, None)
    assert page.next, "a list too short to say anything"
    while page.next:
        assert partitions(attacked, ask, page.next) <= expected
        page = ask(attacked, page.next)


def test_a_cursor_is_short_enough_to_be_looked_into(catalog: Catalog) -> None:
    """The longest possible place, in the characters that take the most space."""
    for id_, name in enumerate(("\U00020000" * 300, "é" * 900, "千" * 300), start=10**37):
        longest = name + "".join(chr(0x4E00 + 7 * at) for at in range(NAME_BYTES))
        movie = Movie(
            id=id_, title=longest, genre_ids=[], popularity=0, vote_average=0, vote_count=0
        )
        ap.put_title(catalog, movie)
    page = ap.list_titles(catalog, "movie", order="name", descending=False, limit=1)
    seen = [*page]
    while page.next:
        page = ap.list_titles(
            catalog, "movie", order="name", descending=False, limit=1, after=page.next
        )
        seen += page
    assert len(seen) == 3


def test_a_packed_cursor_is_not_unpacked_without_bounds(attacked: Catalog) -> None:
    """A megabyte of zeros compresses to a thousand bytes, signed with the default secret."""
    packed = zlib.compress(b'"' + b"0" * 100_000_000 + b'"')
    after = signed(maker_of(attacked, "popularity"), packed, mark=b".")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidCursorError):
            LISTS["popularity"](attacked, after)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@given(st.sampled_from(list(LISTS)), st.text() | st.text("abcXYZ019-_.", min_size=20))
def test_no_text_is_a_cursor(attacked: Catalog, name: str, after: str) -> None:
    """Before anything is sent."""
    with attacked.trace() as trace, pytest.raises(InvalidCursorError):
        LISTS[name](attacked, after)
    assert not trace.requests


@pytest.mark.parametrize("piece", ["a", ".", "\0", "\ud800", "eJw"])
def test_a_huge_cursor_is_one_short_error(attacked: Catalog, piece: str) -> None:
    """A million characters are neither parsed nor repeated in the message."""
    with pytest.raises(InvalidCursorError) as refused:
        LISTS["popularity"](attacked, piece * (1_000_000 // len(piece)))
    assert len(str(refused.value)) < 400


@lists
def test_a_cursor_of_another_table_list_or_kind_is_refused(
    engine: Engine, attacked: Catalog, name: str
) -> None:
    """Each with each other, and with the same list of another table."""
    other = engine.catalog(f"{attacked.table}-other")
    cursor = LISTS[name](attacked, None).next
    with pytest.raises(InvalidCursorError):
        LISTS[name](other, cursor)
    for another in LISTS.keys() - {name}:
        with pytest.raises(InvalidCursorError):
            LISTS[another](attacked, cursor)

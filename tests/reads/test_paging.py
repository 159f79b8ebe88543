"""Cursors: valid for one question only, and correct for any page size and concurrent changes."""

import re
import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from engines import Engine
from hypothesis import assume, given
from hypothesis import strategies as st
from reference import DATES, NAMES, Record, Reference, Title, walk

from catalog_model import Catalog, Page
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import InvalidCursorError
from catalog_model.operations import create_table, delete_table
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS
from catalog_model.table.sortable import NAME_BYTES

pytestmark = pytest.mark.in_memory

URL_SAFE = string.ascii_letters + string.digits + "-_.~"
SECRET = "a secret of these tests"

LONG = "z" * NAME_BYTES
NAMES_THAT_TIE = ("a", "a b", "ab", "a", "A", "á!", LONG, LONG + "y", LONG + "x", "", "a c", "aa")
IDS = (*range(1, 13), 10**37 + 5)


ANSWERS: dict[Callable[..., Page[Title]], Callable[..., list[Record]]] = {
    ap.list_titles: Reference.listed,
    ap.list_titles_in_genre: Reference.listed,
    ap.list_titles_in_genres: Reference.in_genres,
    ap.list_top_rated: Reference.top_rated,
    ap.list_released_between: Reference.released_between,
    ap.find_titles_by_name: Reference.named,
}


class Question:
    """A list: its function and the arguments."""

    def __init__(self, function: Callable[..., Page[Title]], **asked: Any) -> None:
        self.function, self.asked = function, asked

    def page(self, catalog: Catalog, kind: Kind, limit: int, after: Any = None) -> Page[Title]:
        """Read one page."""
        return self.function(catalog, kind, **self.asked, limit=limit, after=after)

    def expected(self, reference: Reference, kind: Kind) -> list[Record]:
        """Return the whole list according to the reference."""
        return ANSWERS[self.function](reference, kind, **self.asked)


YEAR: dict[str, Any] = {"since": "2020-01-01", "until": "2020-12-31"}
DIRECTIONS = {"descending": True, "ascending": False}
QUESTIONS: dict[str, Question] = {
    **{
        f"by {order}, {name}": Question(ap.list_titles, order=order, descending=descending)
        for order in ORDERS
        for name, descending in DIRECTIONS.items()
    },
    **{
        f"of a genre by {order}, {name}": Question(
            ap.list_titles_in_genre, genre_id=28, order=order, descending=descending
        )
        for order in GENRE_ORDERS
        for name, descending in DIRECTIONS.items()
    },
    "in all genres": Question(ap.list_titles_in_genres, genre_ids=(18, 28), match="all"),
    "in any genre": Question(ap.list_titles_in_genres, genre_ids=(18, 28, 35), match="any"),
    "in one genre": Question(ap.list_titles_in_genres, genre_ids=(28,), match="all"),
    "top rated": Question(ap.list_top_rated, min_votes=3, min_rating=6.5),
    "top rated of a genre": Question(ap.list_top_rated, min_votes=-1, min_rating=0, genre_id=28),
    "released": Question(ap.list_released_between, **YEAR),
    "released, of a genre, ascending": Question(
        ap.list_released_between, **YEAR, descending=False, genre_id=28
    ),
    "named a": Question(ap.find_titles_by_name, prefix="a"),
    "named anything": Question(ap.find_titles_by_name, prefix=""),
    "named at length": Question(ap.find_titles_by_name, prefix=LONG),
}
questions = pytest.mark.parametrize("name", QUESTIONS)


def record(kind: Kind, id_: int, **changes: Any) -> Record:
    """Make a record that differs from others only in its id and votes."""
    return {
        "id": id_,
        NAMES[kind]: "a",
        "genre_ids": [18, 28],
        "popularity": 5.0,
        "vote_average": 7.0,
        "vote_count": 4 ** (id_ % 11),
        DATES[kind]: "2020-02-29",
        **changes,
    }


def title(kind: Kind, id_: int, **changes: Any) -> Title:
    """Make a title that differs from others only in its id and votes."""
    return TITLE_CLASSES[kind].from_json(record(kind, id_, **changes))


def _tied_records(kind: Kind) -> dict[str, Record]:
    """Make records that are mostly tied, with some above, below and without values."""
    records = {str(id_): record(kind, id_) for id_ in IDS}
    for id_, name in zip(IDS, NAMES_THAT_TIE, strict=False):
        records[str(id_)][NAMES[kind]] = name
    records["3"] |= {DATES[kind]: "", "genre_ids": [28], "popularity": 5.5}
    records["4"] |= {DATES[kind]: None, "genre_ids": [35, 18], "popularity": -1}
    records["5"] |= {DATES[kind]: "2020-12-31", "genre_ids": [], "vote_average": 6.5}
    records["6"] |= {DATES[kind]: "2021-01-01", "vote_count": 3, "vote_average": 9}
    return records


RECORDS = {kind: _tied_records(kind) for kind in KINDS}


@pytest.fixture(scope="module")
def tied_catalog(engine: Engine) -> Iterator[Catalog]:
    """A handle on a table with many ties, for reading only."""
    catalog = engine.catalog(cursor_secret=SECRET)
    create_table(catalog)
    found = [TITLE_CLASSES[kind].from_json(r) for kind in KINDS for r in RECORDS[kind].values()]
    ap.load_titles(catalog, found)
    yield catalog
    delete_table(catalog)


@pytest.fixture(scope="module")
def reference() -> Reference:
    """The same records in plain Python, with names truncated to what an order compares."""
    cut: dict[str, dict[str, Record]] = {
        kind: {
            id_: {**record, NAMES[kind]: record[NAMES[kind]][:NAME_BYTES]}
            for id_, record in RECORDS[kind].items()
        }
        for kind in KINDS
    }
    return Reference(cut)


@questions
@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_any_size_make_the_list(
    engine: Engine, tied_catalog: Catalog, reference: Reference, kind: Kind, name: str
) -> None:
    """Nothing is missed or repeated; all pages but the last are full, and none is superfluous.

    moto takes many times as long for a Query, so it gets fewer of them.
    """
    question = QUESTIONS[name]
    expected = [record["id"] for record in question.expected(reference, kind)]
    count = len(expected)
    around = (count - 1, count, count + 1)
    assert count > 2, "a list too short to say anything"
    limits = {1, 2, 3, *around} if engine.is_quick else {3, *around}
    for limit in sorted(limits):
        walked = walk(lambda after: question.page(tied_catalog, kind, limit, after), limit)  # noqa: B023
        assert [record["id"] for record in walked] == expected
        assert walked == [RECORDS[kind][str(id_)] for id_ in expected]


MOVING = {
    name: question
    for name, question in QUESTIONS.items()
    if name not in ("named at length", "in one genre")
}
moving = pytest.mark.parametrize("question", MOVING.values(), ids=MOVING)
PLACES = range(2, 18, 2)


def _ids(catalog: Catalog, question: Question, after: str | None) -> list[int]:
    """Read on from a cursor."""
    walked = walk(lambda later: question.page(catalog, "movie", 3, later or after), 3)
    return [record["id"] for record in walked]


@moving
def test_paging_continues_after_changes_at_the_cursor(catalog: Catalog, question: Question) -> None:
    """A cursor is a place in the order, not a title: those at it and before it may be deleted.

    New titles before the cursor are not seen, those after it are seen once.
    """
    ap.load_titles(catalog, [title("movie", id_) for id_ in PLACES])
    first = question.page(catalog, "movie", 3)
    rest = _ids(catalog, question, first.next)
    assert len(first) + len(rest) == len(set(rest) | {t.id for t in first}) == _size(question)
    last = first.items[-1].id
    for neighbour in (last - 1, last + 1):
        ap.put_title(catalog, title("movie", neighbour, vote_count=64))
    later = last + 1 if rest[0] > last else last - 1
    assert _ids(catalog, question, first.next) == [later, *rest]
    for gone in (later, last):
        ap.delete_title(catalog, "movie", gone)
        assert _ids(catalog, question, first.next) == rest
    for gone in (first.items[0].id, rest[0]):
        ap.delete_title(catalog, "movie", gone)
    assert _ids(catalog, question, first.next) == rest[1:]


def _size(question: Question) -> int:
    """Return the number of titles that a question finds; one has too few votes."""
    enough = [id_ for id_ in PLACES if 4 ** (id_ % 11) > question.asked.get("min_votes", -1)]
    return len(enough)


class Sent(NamedTuple):
    """Cursors of the first pages of all questions, and a handle that cannot send requests."""

    silent: Catalog
    cursors: dict[str, str]


def silent_handle(table: str, secret: str | None) -> Catalog:
    """Make a handle on a table that fails if anything is sent."""
    client = boto3.client("dynamodb")

    def fail(**request: Any) -> None:
        raise AssertionError(f"sent: {request}")

    client.meta.events.register("provide-client-params.dynamodb", fail)
    return Catalog(table, client=client, cursor_secret=secret)


@pytest.fixture(scope="module")
def sent(tied_catalog: Catalog) -> Sent:
    """The cursors that an application returned, and receives again."""
    pages = {name: each.page(tied_catalog, "movie", 2) for name, each in QUESTIONS.items()}
    cursors = {name: page.next for name, page in pages.items() if page.next}
    assert list(cursors) == list(QUESTIONS)
    return Sent(silent_handle(tied_catalog.table, SECRET), cursors)


def refused(catalog: Catalog, name: str, cursor: Any, *, limit: int = 2) -> None:
    """Check that a cursor is rejected without a request."""
    with pytest.raises(InvalidCursorError) as caught:
        QUESTIONS[name].page(catalog, "movie", limit, cursor)
    assert QUESTIONS[name].function.__name__ in str(caught.value)
    assert repr(cursor)[:20] in str(caught.value)


def test_cursors_are_safe_in_urls(sent: Sent) -> None:
    """Only characters that need no escaping in URLs, and not too many."""
    for cursor in sent.cursors.values():
        assert re.fullmatch(f"[{re.escape(URL_SAFE)}]+", cursor)
        assert len(cursor) < 2000


def test_no_character_of_a_cursor_can_be_replaced(sent: Sent) -> None:
    """At each position, any other character, including the signature's last bits."""
    name = "by popularity, descending"
    cursor = sent.cursors[name]
    for place, original in enumerate(cursor):
        for other in set(URL_SAFE + "+/= ") - {original}:
            refused(sent.silent, name, cursor[:place] + other + cursor[place + 1 :])


def test_no_cursor_can_be_shortened(sent: Sent) -> None:
    """Truncated at the end or the beginning, or with one character removed."""
    for name in ("by name, ascending", "top rated"):
        cursor = sent.cursors[name]
        for place in range(len(cursor)):
            refused(sent.silent, name, cursor[:place])
            refused(sent.silent, name, cursor[place + 1 :])
            refused(sent.silent, name, cursor[:place] + cursor[place + 1 :])


@pytest.mark.parametrize("more", ["=", "==", "====", "!", "!!!!", "\n" * 4, " ", ".", "A", "%3D"])
def test_nothing_can_be_appended_to_a_cursor(sent: Sent, more: str) -> None:
    """A page has exactly one cursor: padding, white space, and the same in bytes are invalid."""
    for name, cursor in sent.cursors.items():
        refused(sent.silent, name, cursor + more)
        refused(sent.silent, name, more + cursor)
        refused(sent.silent, name, cursor.encode())


@given(st.data(), st.sampled_from(list(QUESTIONS)))
def test_a_changed_cursor_is_refused_before_anything_is_sent(
    sent: Sent, data: st.DataObject, name: str
) -> None:
    """Any part of it, or all of it, replaced by any text."""
    cursor = sent.cursors[name]
    start = data.draw(st.integers(0, len(cursor)))
    end = data.draw(st.integers(start, len(cursor)))
    piece = data.draw(st.text() | st.text(URL_SAFE, max_size=60))
    changed = cursor[:start] + piece + cursor[end:]
    assume(changed != cursor)
    with pytest.raises(InvalidCursorError):
        QUESTIONS[name].page(sent.silent, "movie", 2, changed)


@questions
def test_a_cursor_is_refused_for_anything_but_its_question(sent: Sent, name: str) -> None:
    """Another function, argument, limit, kind, table or secret."""
    for other in QUESTIONS.keys() - {name}:
        refused(sent.silent, name, sent.cursors[other])
    cursor, table = sent.cursors[name], sent.silent.table
    refused(sent.silent, name, cursor, limit=3)
    with pytest.raises(InvalidCursorError):
        QUESTIONS[name].page(sent.silent, "tv", 2, cursor)
    refused(silent_handle(f"{table}-2", SECRET), name, cursor)
    refused(silent_handle(table, "another"), name, cursor)
    refused(silent_handle(table, None), name, cursor)


@questions
def test_a_cursor_is_valid_in_every_handle_with_the_same_secret(
    engine: Engine, tied_catalog: Catalog, sent: Sent, name: str
) -> None:
    """Another process may serve the next page."""
    question = QUESTIONS[name]
    other = engine.catalog(tied_catalog.table, cursor_secret=SECRET)
    page = question.page(other, "movie", 2, sent.cursors[name])
    assert page == question.page(tied_catalog, "movie", 2, sent.cursors[name])
    assert page.items

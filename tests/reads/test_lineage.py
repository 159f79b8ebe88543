"""Cursors belong to a lineage: a page that was opened before a cut-over continues after it."""

import copy
import pickle
from datetime import UTC, datetime
from typing import Any

import pytest
from memory_engine import fill
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.deployment.lineage import lineage_of, restored_name
from catalog_model.errors import InvalidArgumentError, InvalidCursorError
from catalog_model.operations import create_table, delete_table
from catalog_model.reads.cursor import Cursors

PLACE: Any = "p1305#017"
RESTORED = "films--restored-20261128T114500Z"
LATER = "films--restored-20270101T000000Z"

ISSUED_BEFORE = {
    "films": "InAxMzA1IzAxNyI.AMONVvJZY6tWuRtUdZUZoK39IX2I17s7xka0lPuaYnY",
    "netflix-movie-catalog": "InAxMzA1IzAxNyI.52knF5rIVCFn6oBuC0JvzfaS9AMiVpjPOoq2YLk4lPg",
}
"""Cursors of `PLACE` that were issued when the table's name was in their salt."""


def cursors(catalog: Catalog) -> Cursors:
    """Return the cursors of one question."""
    return Cursors(catalog, "list_titles", "movie", 10)


def is_accepted(issued_by: Catalog, read_by: Catalog) -> bool:
    """Return whether a handle reads the cursor of another."""
    cursor = cursors(issued_by).make(PLACE)
    try:
        place = cursors(read_by).read(cursor)
    except InvalidCursorError:
        return False
    return place is not None and place == PLACE


@pytest.mark.parametrize(
    ("table", "other"),
    [
        ("films", RESTORED),
        (RESTORED, "films"),
        (RESTORED, LATER),
        (
            "arn:aws:dynamodb:eu-west-1:123456789012:table/films",
            f"arn:aws:dynamodb:eu-west-1:123456789012:table/{RESTORED}",
        ),
    ],
)
def test_a_restored_table_accepts_the_cursors_of_its_source(table: str, other: str) -> None:
    """In both directions, and among the tables that were restored from the same source."""
    assert is_accepted(Catalog(table), Catalog(other))


@pytest.mark.parametrize(
    "other", ["films2", "films--restored", "films--restored-", f"{RESTORED}-2", "series", "2films"]
)
def test_cursors_of_another_table_are_refused(other: str) -> None:
    """A name that is only similar is another lineage, also with one secret for both."""
    assert not is_accepted(Catalog("films"), Catalog(other))
    assert not is_accepted(Catalog(other), Catalog("films"))
    secret = "the same secret for both"
    assert not is_accepted(
        Catalog("films", cursor_secret=secret), Catalog(other, cursor_secret=secret)
    )


def test_a_lineage_can_be_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an argument or a variable, for a table whose name does not show it."""
    declared = Catalog("films-of-monday", lineage="films")
    assert is_accepted(Catalog("films"), declared)
    assert not is_accepted(Catalog("films-of-monday"), declared)
    monkeypatch.setenv("CATALOG_LINEAGE", "films")
    assert is_accepted(declared, Catalog.from_env(table="another"))
    assert Catalog.from_env(lineage="series").lineage == "series"


@pytest.mark.parametrize("lineage", ["", "  ", 7, b"films"])
def test_an_impossible_lineage_is_refused(lineage: Any) -> None:
    """The message names the argument."""
    with pytest.raises(InvalidArgumentError, match="lineage"):
        Catalog("films", lineage=lineage)


@pytest.mark.parametrize("table", ISSUED_BEFORE)
def test_cursors_of_earlier_versions_are_accepted(table: str) -> None:
    """The salt of a table that was never restored has not changed."""
    assert cursors(Catalog(table)).read(ISSUED_BEFORE[table]) == PLACE
    assert cursors(Catalog(table)).make(PLACE) == ISSUED_BEFORE[table]


def test_the_secret_does_not_replace_the_lineage() -> None:
    """Another secret refuses cursors of the same lineage."""
    assert not is_accepted(Catalog("films", cursor_secret="a"), Catalog("films", cursor_secret="b"))


@pytest.mark.parametrize("copied", [copy.copy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_keeps_its_lineage(copied: Any) -> None:
    """In other processes, too."""
    catalog = Catalog("films-of-monday", lineage="films", region="eu-west-1")
    assert is_accepted(Catalog("films"), copied(catalog))


def test_names_of_restored_tables_do_not_grow() -> None:
    """A table that was restored from a restored one has one suffix."""
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    assert restored_name(RESTORED, moment) == restored_name("films", moment) == LATER
    assert lineage_of(LATER) == "films"


def test_a_page_goes_on_in_a_restored_table(catalog: Catalog) -> None:
    """All titles are listed once, although the table changed in between."""
    titles = [movie(number, 28, number) for number in range(1, 13)]
    restored = catalog.for_table(f"{catalog.table}--restored-20261128T114500Z")
    create_table(restored)
    for each in (catalog, restored):
        fill(each, titles)
    first = ap.list_titles(catalog, "movie", limit=5)
    second = ap.list_titles(restored, "movie", limit=5, after=first.next)
    third = ap.list_titles(catalog, "movie", limit=5, after=second.next)
    assert [*first, *second, *third] == list(ap.list_titles(catalog, "movie", limit=12))
    delete_table(restored)

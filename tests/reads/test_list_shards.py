"""Lists that are spread over shards have the pages of lists that are not, and stay in budget."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from engines import Engine
from generated import generated_records
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled
from spread_tables import spread, spread_table
from table_dump import movie

from catalog_model import Catalog, Page
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import explain
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.faults.clock import simulated_time
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.errors import (
    AccessDeniedError,
    ConfigurationError,
    InvalidArgumentError,
    InvalidCursorError,
    SchemaMismatchError,
)
from catalog_model.operations import delete_table
from catalog_model.reads.list_shards import KEPT_FOR
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS

pytestmark = [pytest.mark.in_memory, pytest.mark.over_aio]

EXAMPLES = {"memory": 30}
SHARDS = (1, 2, 3, 8)
TITLES = [
    TITLE_CLASSES[kind].from_json(record)
    for kind in KINDS
    for record in list(generated_records()[kind].values())[:150]
]
GENRES = (18, 35, 80, 16, 99_999)

flags = st.booleans()
genres = st.none() | st.sampled_from(GENRES)
days = st.dates().map(str)

QUESTIONS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "list_titles": st.fixed_dictionaries({"order": st.sampled_from(ORDERS), "descending": flags}),
    "list_titles_in_genre": st.fixed_dictionaries(
        {
            "genre_id": st.sampled_from(GENRES),
            "order": st.sampled_from(GENRE_ORDERS),
            "descending": flags,
        }
    ),
    "list_titles_in_genres": st.fixed_dictionaries(
        {
            "genre_ids": st.lists(st.sampled_from(GENRES), min_size=1, max_size=3),
            "match": st.sampled_from(("all", "any")),
        }
    ),
    "list_top_rated": st.fixed_dictionaries(
        {
            "min_votes": st.sampled_from((-1, 0, 3, 15, 100, 2000)),
            "min_rating": st.sampled_from((-1, 5, 7.5)),
            "genre_id": genres,
        }
    ),
    "list_released_between": st.fixed_dictionaries(
        {"since": days, "until": days, "genre_id": genres, "descending": flags}
    ),
    "find_titles_by_name": st.fixed_dictionaries({"prefix": st.sampled_from(("", "t", "the n"))}),
}


@pytest.fixture
def tables(engine: Engine) -> Iterator[dict[int, Catalog]]:
    """The same titles in lists of several numbers of shards."""
    found = {lists: spread_table(engine, lists, TITLES) for lists in SHARDS}
    yield found
    for catalog in found.values():
        delete_table(catalog)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_page_does_not_depend_on_the_number_of_shards(
    engine: Engine, tables: dict[int, Catalog], name: str
) -> None:
    """Titles, order and cursor of each page are the same: a cursor stays valid after a change."""
    asked = st.tuples(QUESTIONS[name], st.sampled_from(KINDS), st.sampled_from((1, 3, 20, 200)))

    @settings(max_examples=scaled(EXAMPLES.get(engine.name, 3)))
    @given(asked, st.data())
    def law(question: tuple[dict[str, Any], Any, int], data: st.DataObject) -> None:
        arguments, kind, limit = question
        ask = partial(getattr(ap, name), kind=kind, limit=limit, **arguments)
        after: str | None = None
        for _ in range(4):
            pages = {lists: ask(catalog, after=after) for lists, catalog in tables.items()}
            assert all(page == pages[1] for page in pages.values())
            after = pages[data.draw(st.sampled_from(SHARDS))].next
            if after is None:
                break

    law()


@pytest.mark.in_memory(False)
@pytest.mark.parametrize("lists", SHARDS)
def test_spread_lists_keep_their_declared_budget(engine: Engine, lists: int) -> None:
    """Requests, units, items read and round trips of each list are at most those declared."""
    if not engine.measures:
        pytest.skip("moto's capacity figures are constants")
    catalog = spread_table(engine, lists, TITLES)
    calls: list[tuple[Callable[..., Page[AnyTitle]], dict[str, Any]]] = [
        (ap.list_titles, {"order": "popularity"}),
        (ap.list_titles, {"order": "rating"}),
        (ap.list_titles, {"order": "name", "descending": False}),
        (ap.list_titles_in_genre, {"genre_id": 18}),
        (ap.list_titles_in_genre, {"genre_id": 18, "order": "rating"}),
        (ap.list_titles_in_genre, {"genre_id": 99_999}),
        (ap.list_titles_in_genres, {"genre_ids": [18, 35], "match": "all"}),
        (ap.list_titles_in_genres, {"genre_ids": [18, 35, 16], "match": "any"}),
        (ap.list_top_rated, {"min_votes": 10, "min_rating": 3}),
        (ap.list_top_rated, {"min_votes": 100, "min_rating": 6, "genre_id": 18}),
        (ap.list_released_between, {"since": "1990-01-01", "until": "2030-01-01"}),
        (ap.find_titles_by_name, {"prefix": "t"}),
    ]
    for pattern, arguments in calls:
        for limit in (1, 20, 100):
            explained = explain(catalog, pattern, "movie", limit=limit, **arguments)
            assert explained.error is None
            assert explained.comparison.departures == (), (pattern.__name__, arguments, limit)
    delete_table(catalog)


def test_a_handle_reads_how_lists_are_spread_once_a_minute(engine: Engine) -> None:
    """One GetItem a minute, in one more round trip; a page has one request for each shard."""
    catalog = spread_table(engine, 8, TITLES)
    with simulated_time() as clock, catalog.trace() as trace:
        for _ in range(2):
            ap.list_titles(catalog, "movie", limit=5)
            ap.list_titles(catalog, "tv", limit=5)
            clock.advance(KEPT_FOR)
    operations = [request.operation for request in trace]
    assert operations.count("GetItem") == 2
    assert operations[0] == "GetItem"
    assert operations[1:9] == ["Query"] * 8
    delete_table(catalog)


def test_a_handle_without_the_switch_refuses_spread_lists(engine: Engine) -> None:
    """It cannot read them: an empty page is an error that names the setting, also a minute later.

    A page of titles, or a tally that says so, is enough for the next minute.
    """
    catalog = spread_table(engine, 1, [movie(n, 18) for n in range(1, 9)])
    other = engine.catalog(catalog.table)
    with simulated_time() as clock:
        assert len(ap.list_titles(other, "movie")) == 8
        with other.trace() as trace:
            assert not ap.list_titles_in_genre(other, "movie", 35)
        assert [request.operation for request in trace] == ["Query"]
        spread(catalog, 2)
        clock.advance(KEPT_FOR)
        for _ in range(2):
            with pytest.raises(SchemaMismatchError, match="CATALOG_SHARDED_LISTS=1"):
                ap.list_titles(other, "movie")
    assert len(ap.list_titles(catalog, "movie")) == 8
    delete_table(catalog)


@pytest.mark.over_aio(False)
def test_a_policy_for_lists_alone_is_still_enough(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handle that may not read a tally returns its empty page."""
    catalog = spread_table(engine, 1, [])
    other = engine.catalog(catalog.table)

    def deny(*_: object, **__: object) -> None:
        raise AccessDeniedError("not allowed")

    monkeypatch.setattr(other.gateway, "get", deny)
    assert ap.list_titles(other, "movie") == Page(())
    delete_table(catalog)


def test_a_cursor_is_refused_before_anything_is_sent(engine: Engine) -> None:
    """Also by a handle that reads how lists are spread first."""
    catalog = engine.catalog(sharded_lists=True)
    with catalog.trace() as trace, pytest.raises(InvalidCursorError):
        ap.list_titles(catalog, "movie", after="x")
    assert list(trace) == []


@pytest.mark.over_aio(False)
def test_the_switch_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``1`` and ``0``; anything else is refused, by name."""
    for text, expected in (("1", True), ("0", False), ("", False)):
        monkeypatch.setenv("CATALOG_SHARDED_LISTS", text)
        assert Catalog.from_env().sharded_lists is expected
    assert Catalog.from_env(sharded_lists=True).sharded_lists
    monkeypatch.setenv("CATALOG_SHARDED_LISTS", "yes")
    with pytest.raises(ConfigurationError, match="CATALOG_SHARDED_LISTS must be 1 or 0, not 'yes'"):
        Catalog.from_env()
    with pytest.raises(InvalidArgumentError, match="sharded_lists must be True or False"):
        Catalog("t", sharded_lists=1)  # type: ignore[arg-type]

"""Deliberately broken access patterns: each defect is detected, and by the expected check.

This shows that the proof in test_declarations can fail, and what each of its checks detects.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest
from engines import Engine
from memory_engine import fill

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.comparison import Check, compare
from catalog_model.analysis.explain import explain
from catalog_model.analysis.sizing import APPLICATION
from catalog_model.dynamodb import conversation, exchange
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway
from catalog_model.dynamodb.typed_json import Item, primary_key, text
from catalog_model.dynamodb.writes import Writes
from catalog_model.operations import create_table, delete_table
from catalog_model.reads import lists, orders
from catalog_model.reads.sampling import _Lottery
from catalog_model.table import codec, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.plan import Stored
from catalog_model.writes import storing
from docs.calls import AnyTitle

Method = Callable[..., Any]
Break = Callable[[pytest.MonkeyPatch], None]
Case = tuple[Break, Callable[..., Any], dict[str, Any], set[Check]]
CASES: list[Case] = []


def shown_by(function: Callable[..., Any], *caught_by: Check, **given: Any) -> Callable[..., Break]:
    """Declare by which call of a pattern a defect is shown, and which checks detect it."""

    def declare(spoil: Break) -> Break:
        CASES.append((spoil, function, given, set(caught_by)))
        return spoil

    return declare


def instead_of(owner: Any, name: str) -> Callable[[Callable[..., Any]], Break]:
    """Make a defect of a function that takes the place of another, its first argument."""

    def defect(broken: Callable[..., Any]) -> Break:
        original = getattr(owner, name)

        def replaced(*args: Any, **kwargs: Any) -> Any:
            return broken(original, *args, **kwargs)

        @wraps(broken)
        def spoil(patch: pytest.MonkeyPatch) -> None:
            patch.setattr(owner, name, replaced)

        return spoil

    return defect


@shown_by(ap.list_titles, "declared", kind="tv", order="release")
def reads_the_wrong_index(patch: pytest.MonkeyPatch) -> None:
    """A list by date in the index by popularity."""
    wrong = {**orders._ORDERS, "release": orders._ORDERS["popularity"]}
    patch.setattr(orders, "_ORDERS", wrong)


@shown_by(ap.get_title, "requests", "units")
@instead_of(Gateway, "get")
def asks_twice(get: Method, *args: Any, **kwargs: Any) -> Any:
    """One request too many."""
    get(*args, **kwargs)
    return get(*args, **kwargs)


@shown_by(
    ap.list_released_between, "declared", kind="movie", since="1990-01-01", until="1999-12-31"
)
@instead_of(Gateway, "query")
def filters_instead_of_ranging(
    query: Method, door: Gateway, partition: str, _: Any, **kwargs: Any
) -> Any:
    """The days are a filter, so the whole list is read and charged."""
    return query(door, partition, EVERYTHING, **{**kwargs, "limit": None})


@shown_by(ap.list_titles, "filter", kind="movie")
@instead_of(exchange, "query_parameters")
def filters_besides(made: Method, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """A filter in addition to the correct key condition, which drops items that were charged."""
    request = made(*args, **kwargs)
    request["ExpressionAttributeNames"]["#doc"] = "_doc"
    return {**request, "FilterExpression": "attribute_exists (#doc)"}


@shown_by(ap.count_titles, "declared", kind="movie")
@instead_of(Gateway, "query")
def scans(_: Method, door: Gateway, partition: str, *__: Any, **___: Any) -> list[Item]:
    """Counting by scanning the table."""
    found = door._send("Scan", {"TableName": door.table_name})["Items"]
    return [item for item in found if partition == primary_key(item).PK]


@shown_by(ap.list_titles, "items", "units", kind="movie")
@instead_of(Gateway, "query")
def has_no_limit(query: Method, *args: Any, limit: int, **kwargs: Any) -> Any:
    """A page that reads its list to the end."""
    return query(*args, **kwargs)[:limit]


@shown_by(ap.sample_titles, "consistency", "units", kind="tv")
@instead_of(Gateway, "batch_get_parts")
def reads_consistently(parts: Method, door: Gateway, keys: Any, only: Any, **_: Any) -> Any:
    """Strong consistency, at twice the price, without being declared."""
    return parts(door, keys, only, consistent=True)


@shown_by(ap.get_titles, "requests")
def reads_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """A request for each title."""
    patch.setattr(conversation, "MAX_BATCH_GET", 1)


@shown_by(ap.list_titles_in_genre, "declared", kind="movie", genre_id=18)
@instead_of(lists, "list_source")
def reads_another_partition(list_source: Method, kind: str, _: Any = None) -> Any:
    """All titles of a kind are read to find those of one genre."""
    return list_source(kind)


@shown_by(ap.update_votes, "declared", vote_average=5, vote_count=5)
@instead_of(Writes, "action")
def forgets_the_condition(action: Method, writes: Writes, operation: Any) -> Any:
    """A write that overwrites concurrent changes."""
    return action(writes, replace(operation, condition=None))


@shown_by(ap.update_popularity, "declared", popularity=5.5)
@instead_of(storing, "plan_change")
def touches_what_is_not_its_own(planned: Method, before: Stored, after: Encoded) -> Plan:
    """A change of popularity that also changes counts."""
    return (*planned(before, after), plan._tally(after.title.key, {"total": 0}))


@shown_by(ap.update_popularity, "units", popularity=6.5)
@instead_of(codec, "encode_copies")
def moves_in_every_index(
    copies: Method, title: AnyTitle, slot: int, _: str | None = None
) -> list[Item]:
    """Sort keys change with each write, so every entry is deleted and inserted again."""
    return [
        {
            name: text(f"{title.popularity}{value}")
            if name in ("_release", "_rating", "_name")
            else value
            for name, value in copy.items()
        }
        for copy in copies(title, slot)
    ]


@shown_by(ap.get_title_with_genres, "declared")
@instead_of(Gateway, "query")
def reads_the_whole_collection(
    query: Method, door: Gateway, partition: str, _: Any, **kwargs: Any
) -> Any:
    """A title with its memberships, and also its listing."""
    found = query(door, partition, EVERYTHING, **kwargs)
    return [item for item in found if item["SK"]["S"] != "ALL"]


@shown_by(ap.sample_titles, "units", kind="movie")
@instead_of(_Lottery, "draw")
def draws_too_many(draw: Method, lottery: _Lottery, count: int) -> Any:
    """A sample that reads more slots than it returns."""
    return draw(lottery, max(0, 3 * count))


@shown_by(ap.set_genres, "requests", genre_ids=[18, 35, 37])
@instead_of(Gateway, "transact")
def writes_in_two_steps(transact: Method, door: Gateway, operations: Plan) -> None:
    """The title first, its copies later; a reader may see only one of them."""
    transact(door, operations[:1])
    transact(door, operations[1:])


@shown_by(ap.list_titles, "requests", kind="movie", order="rating")
@instead_of(Gateway, "query")
def reads_pages_in_small_bites(query: Method, *args: Any, limit: int, **kwargs: Any) -> Any:
    """Many Queries of few items, each rounded up."""
    for _ in range(limit // 5):
        query(*args, limit=5, **kwargs)
    return query(*args, limit=limit, **kwargs)


@pytest.fixture(scope="module")
def filled(engine: Engine, titles: list[Movie | TVShow]) -> Iterator[Catalog]:
    """A handle on a table with some titles."""
    if not engine.measures:
        pytest.skip("moto's capacity figures are constants")
    catalog = engine.catalog()
    create_table(catalog)
    fill(catalog, titles[::4])
    yield catalog
    delete_table(catalog)


def _arguments(function: Callable[..., Any], given: dict[str, Any], title: AnyTitle) -> Any:
    """Return the complete arguments of a case, with those that name titles."""
    if function is ap.get_titles:
        return {"keys": [title.key, ("tv", 10**9)]}
    return given if "kind" in given else {"kind": title.kind, "title_id": title.id, **given}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[1].__name__}-{case[0].__name__}")
def test_a_broken_pattern_is_noticed(
    filled: Catalog, titles: list[AnyTitle], monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    """Exactly these checks detect it; without the defect, the call conforms to its declaration."""
    spoil, function, given, caught_by = case
    arguments = _arguments(function, given, titles[0])
    ap.put_title(filled, titles[0])
    assert explain(filled, function, **arguments).comparison.departures == ()
    ap.put_title(filled, titles[0])
    with monkeypatch.context() as patch:
        spoil(patch)
        broken = explain(filled, function, **arguments).comparison
    ap.put_title(filled, titles[0])
    assert {departure.check for departure in broken.departures} == caught_by


def test_requests_for_something_else_are_not_taken_for_what_was_asked(filled: Catalog) -> None:
    """Arguments are part of the declaration: another kind, title or genre is detected."""
    for function, asked, other in (
        (ap.count_titles, {"kind": "movie"}, {"kind": "tv"}),
        (ap.list_titles_in_genre, {"kind": "tv", "genre_id": 18}, {"genre_id": 1}),
        (ap.list_titles, {"kind": "tv", "order": "name"}, {"order": "release"}),
    ):
        found = explain(filled, function, **asked).comparison
        arguments = {**found.arguments, **other}
        again = compare(found.pattern, arguments, found.requests, sizes=APPLICATION, returned=20)
        assert found.undeclared == ()
        assert again.undeclared == found.requests

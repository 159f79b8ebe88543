"""Deliberately broken access patterns: each defect is detected, and by the expected check.

This shows that the proof in test_declarations can fail, and what each of its checks detects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines import Engine
from memory_engine import fill

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.comparison import Check, compare
from catalog_model.analysis.explain import explain
from catalog_model.analysis.sizing import APPLICATION
from catalog_model.dynamodb import gateway
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway
from catalog_model.dynamodb.typed_json import Item, text
from catalog_model.operations import create_table, delete_table
from catalog_model.reads import counts, lists, orders
from catalog_model.reads.sampling import _Lottery
from catalog_model.table import codec, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.plan import Stored
from docs.calls import AnyTitle

Break = Callable[[pytest.MonkeyPatch], None]


def reads_the_wrong_index(patch: pytest.MonkeyPatch) -> None:
    """A list by date in the index by popularity."""
    wrong = {**orders._ORDERS, "release": orders._ORDERS["popularity"]}
    patch.setattr(orders, "_ORDERS", wrong)


def asks_twice(patch: pytest.MonkeyPatch) -> None:
    """One request too many."""
    get = Gateway.get

    def twice(self: Gateway, *args: Any, **kwargs: Any) -> Any:
        get(self, *args, **kwargs)
        return get(self, *args, **kwargs)

    patch.setattr(Gateway, "get", twice)


def filters_instead_of_ranging(patch: pytest.MonkeyPatch) -> None:
    """The days are a filter, so the whole list is read and charged."""
    query = Gateway.query

    def filtered(self: Gateway, partition: str, _: Any, **kwargs: Any) -> Any:
        return query(self, partition, EVERYTHING, **{**kwargs, "limit": None})

    patch.setattr(Gateway, "query", filtered)


def filters_besides(patch: pytest.MonkeyPatch) -> None:
    """A filter in addition to the correct key condition, which drops items that were charged."""
    made = gateway._query

    def with_filter(*args: Any, **more: Any) -> dict[str, Any]:
        request = made(*args, **more)
        request["ExpressionAttributeNames"]["#doc"] = "_doc"
        return {**request, "FilterExpression": "attribute_exists (#doc)"}

    patch.setattr(gateway, "_query", with_filter)


def scans(patch: pytest.MonkeyPatch) -> None:
    """Counting by scanning the table."""

    def by_scan(door: Gateway, kind: str, **_: Any) -> tuple[list[int], Counter[int]]:
        asked = {"TableName": door.table_name}
        found = door._send("Scan", asked, lambda r: door.client.scan(**r))["Items"]
        listed = [item for item in found if item.get("_list") == text(f"ALL#{kind}")]
        return [len(listed)], Counter()

    patch.setattr(counts, "read_counts", by_scan)


def has_no_limit(patch: pytest.MonkeyPatch) -> None:
    """A page that reads its list to the end."""
    query = Gateway.query

    def unlimited(self: Gateway, *args: Any, limit: int, **kwargs: Any) -> Any:
        return query(self, *args, **kwargs)[:limit]

    patch.setattr(Gateway, "query", unlimited)


def reads_consistently(patch: pytest.MonkeyPatch) -> None:
    """Strong consistency, at twice the price, without being declared."""
    parts = Gateway.batch_get_parts

    def consistently(self: Gateway, keys: Any, only: Any, **_: Any) -> Any:
        return parts(self, keys, only, consistent=True)

    patch.setattr(Gateway, "batch_get_parts", consistently)


def reads_one_by_one(patch: pytest.MonkeyPatch) -> None:
    """A request for each title."""
    patch.setattr(gateway, "MAX_BATCH_GET", 1)


def reads_another_partition(patch: pytest.MonkeyPatch) -> None:
    """All titles of a kind are read to find those of one genre."""
    patch.setattr(lists, "list_source", lambda kind, _=None: orders.list_source(kind))


def forgets_the_condition(patch: pytest.MonkeyPatch) -> None:
    """A write that overwrites concurrent changes."""
    patch.setattr(gateway, "_condition", lambda *_: None)


def touches_what_is_not_its_own(patch: pytest.MonkeyPatch) -> None:
    """A change of popularity that also changes counts."""
    planned = plan.plan_change

    def counting(before: Stored, after: Encoded) -> Plan:
        return (*planned(before, after), plan._tally(after.title.key, {"total": 0}))

    patch.setattr("catalog_model.writes.storing.plan_change", counting)


def moves_in_every_index(patch: pytest.MonkeyPatch) -> None:
    """Sort keys change with each write, so every entry is deleted and inserted again."""
    copies = codec.encode_copies

    def moving(title: AnyTitle, _: str | None = None) -> list[Item]:
        moved = {"_release", "_rating", "_name"}
        return [
            {
                name: text(f"{title.popularity}{value}") if name in moved else value
                for name, value in copy.items()
            }
            for copy in copies(title)
        ]

    patch.setattr(codec, "encode_copies", moving)


def reads_the_whole_collection(patch: pytest.MonkeyPatch) -> None:
    """A title with its memberships, and also its listing."""
    query = Gateway.query

    def whole(self: Gateway, partition: str, _: Any, **kwargs: Any) -> Any:
        found = query(self, partition, EVERYTHING, **kwargs)
        return [item for item in found if item["SK"]["S"] != "ALL"]

    patch.setattr(Gateway, "query", whole)


def draws_too_many(patch: pytest.MonkeyPatch) -> None:
    """A sample that reads more slots than it returns."""
    draw = _Lottery.draw
    patch.setattr(_Lottery, "draw", lambda self, count: draw(self, max(0, 3 * count)))


def writes_in_two_steps(patch: pytest.MonkeyPatch) -> None:
    """The title first, its copies later; a reader may see only one of them."""
    transact = Gateway.transact

    def twice(self: Gateway, operations: Plan) -> None:
        transact(self, operations[:1])
        transact(self, operations[1:])

    patch.setattr(Gateway, "transact", twice)


def reads_pages_in_small_bites(patch: pytest.MonkeyPatch) -> None:
    """Many Queries of few items, each rounded up."""
    query = Gateway.query

    def bitten(self: Gateway, *args: Any, limit: int, **kwargs: Any) -> Any:
        for _ in range(limit // 5):
            query(self, *args, limit=5, **kwargs)
        return query(self, *args, limit=limit, **kwargs)

    patch.setattr(Gateway, "query", bitten)


CASES: list[tuple[Break, Callable[..., Any], dict[str, Any], set[Check]]] = [
    (reads_the_wrong_index, ap.list_titles, {"kind": "tv", "order": "release"}, {"declared"}),
    (asks_twice, ap.get_title, {}, {"requests", "units"}),
    (
        filters_instead_of_ranging,
        ap.list_released_between,
        {"kind": "movie", "since": "1990-01-01", "until": "1999-12-31"},
        {"declared"},
    ),
    (filters_besides, ap.list_titles, {"kind": "movie"}, {"filter"}),
    (scans, ap.count_titles, {"kind": "movie"}, {"declared"}),
    (has_no_limit, ap.list_titles, {"kind": "movie"}, {"items", "units"}),
    (reads_consistently, ap.sample_titles, {"kind": "tv"}, {"consistency", "units"}),
    (reads_one_by_one, ap.get_titles, {}, {"requests"}),
    (
        reads_another_partition,
        ap.list_titles_in_genre,
        {"kind": "movie", "genre_id": 18},
        {"declared"},
    ),
    (forgets_the_condition, ap.update_votes, {"vote_average": 5, "vote_count": 5}, {"declared"}),
    (touches_what_is_not_its_own, ap.update_popularity, {"popularity": 5.5}, {"declared"}),
    (moves_in_every_index, ap.update_popularity, {"popularity": 6.5}, {"units"}),
    (reads_the_whole_collection, ap.get_title_with_genres, {}, {"declared"}),
    (draws_too_many, ap.sample_titles, {"kind": "movie"}, {"units"}),
    (writes_in_two_steps, ap.set_genres, {"genre_ids": [18, 35, 37]}, {"requests"}),
    (
        reads_pages_in_small_bites,
        ap.list_titles,
        {"kind": "movie", "order": "rating"},
        {"requests"},
    ),
]


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


@pytest.mark.parametrize(
    ("spoil", "function", "given", "caught_by"),
    CASES,
    ids=[f"{each[1].__name__}-{each[0].__name__}" for each in CASES],
)
def test_a_broken_pattern_is_noticed(
    filled: Catalog,
    titles: list[Movie | TVShow],
    monkeypatch: pytest.MonkeyPatch,
    spoil: Break,
    function: Callable[..., Any],
    given: dict[str, Any],
    caught_by: set[Check],
) -> None:
    """Exactly these checks detect it; without the defect, the call conforms to its declaration."""
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

"""The cost model predicts the engine's charges, for the table and each index."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from botocore import xform_name
from engines import Engine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from predictions import (
    predict_change,
    predict_creation,
    predict_deletion,
    predict_page,
    write_units,
)
from request_log import Request, logged_requests
from scaled import scaled
from strategies import decimals, edgy_titles, engine_number_size, few_ids, floats, genre_lists

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb import capacity as cost
from catalog_model.dynamodb import sizes
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import OfflineClient
from catalog_model.dynamodb.typed_json import Item, ItemKey, Value, key_attributes
from catalog_model.entities import AnyTitle
from catalog_model.table import codec, keys, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import INDEX_KEYS, SCHEMA
from catalog_model.table.title_items import read_stored

Table = dict[ItemKey, Item]
some = settings(max_examples=scaled(40))


@pytest.fixture
def metered(catalog: Catalog, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """A handle on an empty table of an engine that measures, with its representation of numbers."""
    if engine.name == "moto":
        pytest.skip("moto's capacity figures are constants")
    monkeypatch.setattr(sizes, "_number_size", engine_number_size)
    return catalog


def contents(catalog: Catalog) -> Table:
    """Read all items."""
    pages = catalog.client.get_paginator("scan").paginate(TableName=catalog.table)
    items: list[Item] = [item for page in pages for item in page["Items"]]
    return {ItemKey(item["PK"]["S"], item["SK"]["S"]): item for item in items}


def consumed(request: Request) -> Units:
    """Return the figures of the engine."""
    report = request.answer["ConsumedCapacity"]
    (part,) = report if isinstance(report, list) else [report]
    shares = part.get("GlobalSecondaryIndexes", {})
    return Units(
        part["Table"]["CapacityUnits"],
        {name: share["CapacityUnits"] for name, share in shares.items()},
    )


@contextmanager
def predicted(catalog: Catalog) -> Iterator[list[Request]]:
    """Predict every request of this block from the previous items; compare to the unit."""
    offline = OfflineClient(SCHEMA, contents(catalog).values())
    plans, transact = [], Gateway.transact

    def noting(gateway: Gateway, operations: Plan) -> None:
        plans.append(operations)
        transact(gateway, operations)

    with pytest.MonkeyPatch.context() as patch, logged_requests(catalog) as log:
        patch.setattr(Gateway, "transact", noting)
        yield log
    for request in log:
        assert consumed(request) == _predict(request, offline, plans), request.operation
    assert contents(catalog) == {_key(item): item for item in offline.items()}


def _predict(request: Request, offline: OfflineClient, plans: list[Plan]) -> Units:
    """Predict one request on the offline table, which changes like the engine's."""
    if request.operation == "TransactWriteItems":
        answer = offline.transact(plans.pop(0), request.params)
    else:
        answer = getattr(offline, xform_name(request.operation))(**request.params)
    return consumed(Request(request.operation, request.params, answer))


def _key(item: Mapping[str, Any]) -> ItemKey:
    return ItemKey(item["PK"]["S"], item["SK"]["S"])


def changed(title: AnyTitle, /, **changes: Any) -> AnyTitle:
    """Change a field that only titles of one kind have."""
    return title.replace(**changes)


@st.composite
def edits(draw: st.DrawFn) -> Callable[[Catalog, AnyTitle], object]:
    """Any change of an existing title."""
    popularity, rating, genres = draw(floats), draw(floats), draw(genre_lists)
    votes, name, length = draw(st.integers(0, 20_000)), draw(st.text(max_size=9)), draw(few_ids)
    changes: tuple[Callable[[Catalog, AnyTitle], object], ...] = (
        lambda c, t: ap.update_popularity(c, t.kind, t.id, popularity),
        lambda c, t: ap.update_votes(c, t.kind, t.id, vote_average=rating, vote_count=votes),
        lambda c, t: ap.set_genres(c, t.kind, t.id, genres),
        lambda c, t: ap.put_title(c, changed(t, **{t.name_field: name})),
        lambda c, t: ap.put_title(c, t.replace(overview="x" * 45 * length, genre_ids=genres)),
        lambda c, t: ap.put_title(c, changed(t, release_date="1999-12-31")),
        ap.put_title,
        lambda c, t: ap.delete_title(c, t.kind, t.id),
    )
    return draw(st.sampled_from(changes))


@some
@given(title=edgy_titles(), edit=edits(), leaves=st.booleans())
def test_what_a_write_costs_is_predicted_to_the_unit(
    metered: Catalog, title: AnyTitle, edit: Callable[..., object], leaves: bool
) -> None:
    """Creations, replacements, changes and deletions, with and without a move of another slot."""
    with predicted(metered) as log:
        ap.put_title(metered, title)
        edit(metered, title)
        if leaves:
            ap.put_title(metered, title.replace(popularity=-1.0))
            ap.delete_title(metered, title.kind, title.id)
    assert log


@some
@given(title=edgy_titles(), other=edgy_titles())
def test_what_a_title_will_cost_follows_from_titles_alone(
    metered: Catalog, title: AnyTitle, other: AnyTitle
) -> None:
    """No items are read for it; only the tally, the versions and the slots must be known."""
    assume(title.kind == other.kind)
    one, two = title.replace(id=8), title.replace(id=16)
    tally = keys.tally_key(title.kind, 0)

    def charge(action: Callable[[], object]) -> tuple[Table, Units]:
        before = contents(metered)
        with predicted(metered) as log:
            action()
        return before, consumed(log[-1])

    def stored(there: Table, key: TitleKey) -> plan.Stored:
        found = read_stored(key, there[keys.title_key(key)])
        assert found
        return found

    for total, new in enumerate((one, two)):
        before, units = charge(lambda new=new: ap.put_title(metered, new))  # type: ignore[misc]
        version = stored(contents(metered), new.key).version
        assert units == predict_creation(new, total, before.get(tally), version)
    changed = other.replace(id=8, vote_count=title.vote_count + 1)
    before, units = charge(lambda: ap.put_title(metered, changed))
    assert units == predict_change(stored(before, one.key), changed, before[tally])
    for total, gone in ((2, one), (1, two)):
        before, units = charge(lambda gone=gone: ap.delete_title(metered, gone.kind, gone.id))  # type: ignore[misc]
        last = stored(before, two.key) if gone is one else None
        assert units == predict_deletion(stored(before, gone.key), total, last, before[tally])


def test_what_a_read_costs_is_predicted_to_the_unit(
    metered: Catalog, titles: list[AnyTitle]
) -> None:
    """Every read, in every order, after the batches and transactions of a load."""
    chosen = random.Random(3).sample(titles, 180)
    with predicted(metered) as log:
        ap.load_titles(metered, chosen)
        ap.load_titles(metered, [chosen[0].replace(popularity=1.5), *chosen[1:]])
        ap.get_titles(metered, [*(title.key for title in chosen), TitleKey("tv", 10**9)])
        ap.sample_titles(metered, "tv", 9)
        ap.list_genres(metered, "movie")
        for limit in (1, 20, 1000):
            _ask_for_pages(metered, limit)
        for title in chosen[:20]:
            ap.get_title(metered, title.kind, title.id, consistent=title.id % 2 == 0)
            ap.get_title_with_genres(metered, title.kind, title.id, consistent=title.id % 2 == 0)
        ap.list_titles_in_genre(metered, "movie", 18, limit=3)
    asked = {request.operation for request in log}
    assert asked >= {"GetItem", "Query", "BatchGetItem", "TransactWriteItems"}
    four = ap.list_titles_in_genre(metered, "movie", 18, limit=4).items
    assert consumed(log[-1]) == predict_page(four, "by_popularity", 18)


def _ask_for_pages(catalog: Catalog, limit: int) -> None:
    for descending in (False, True):
        for order in ("popularity", "rating", "release", "name"):
            ap.list_titles(catalog, "movie", order=order, descending=descending, limit=limit)
    for genre_order in ("popularity", "rating", "release"):
        ap.list_titles_in_genre(catalog, "tv", 18, order=genre_order, limit=limit)
    ap.list_titles_in_genres(catalog, "movie", [18, 28], match="any", limit=limit)
    ap.list_titles_in_genre(catalog, "movie", 10**9, limit=limit)
    ap.list_top_rated(catalog, "movie", min_votes=50, min_rating=5, limit=limit)
    ap.list_released_between(catalog, "tv", "1990-01-01", "2010-12-31", limit=limit)
    ap.find_titles_by_name(catalog, "movie", "t", limit=limit)


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192, 8193, 40_000])
@pytest.mark.parametrize("consistent", [False, True])
def test_a_single_item_is_read_and_written_at_the_predicted_price(
    metered: Catalog, size: int, consistent: bool
) -> None:
    """Around each step of 4 KB, for a missing item, and for an unchanged entry."""
    item = _item_of(size, **{name: {"S": "k"} for name in INDEX_KEYS["by_name"]})
    key: Any = {"TableName": metered.table, "Key": key_attributes(_key(item))}
    with logged_requests(metered) as log:
        for _ in range(2):
            metered.client.get_item(**key, ConsistentRead=consistent)
            metered.client.put_item(TableName=metered.table, Item=item)
        for _ in range(2):
            metered.client.delete_item(**key)
    assert [consumed(request) for request in log] == [
        cost.get_units(None, consistent=consistent),
        write_units(None, item),
        cost.get_units(item, consistent=consistent),
        write_units(item, item),
        write_units(item, None),
        write_units(None, None),
    ]


def _item_of(size: int, **more: Value) -> Item:
    item: Item = {"PK": {"S": "a"}, "SK": {"S": "b"}, **more, codec.DOC: {"S": ""}}
    return {**item, codec.DOC: {"S": "x" * max(0, size - sizes.item_size(item))}}


@some
@given(decimals())
def test_numbers_are_as_long_as_the_engine_says(metered: Catalog, number: Decimal) -> None:
    """An item with the number fills one unit; with one more byte it takes two."""
    with logged_requests(metered) as log:
        for size in (1, 1024, 1025):  # the first makes room: the replaced item counts, too
            item = _item_of(size, n={"N": str(number)})
            metered.client.put_item(TableName=metered.table, Item=item)
    assert [consumed(request).table for request in log][1:] == [1, 2]


def test_of_a_failed_condition_the_engine_reports_nothing(metered: Catalog) -> None:
    """The price of a failure follows the guide; the items concerned do not change."""
    title = Movie(id=8, title="Up", genre_ids=[], popularity=1, vote_average=1, vote_count=1)
    ap.put_title(metered, title)
    before = contents(metered)
    planned = plan.plan_creation(Encoded(title), 1, plan.Shard(1))
    with logged_requests(metered) as log, pytest.raises(LostRaceError):
        metered.gateway.transact(planned)
    assert "ConsumedCapacity" not in log[0].answer
    assert contents(metered) == before
    assert cost.predict_failed_plan(planned, before) == Units(8)

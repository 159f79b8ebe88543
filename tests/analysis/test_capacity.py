"""The cost model predicts the engine's charges, for the table and each index."""

import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from engines import Engine
from hypothesis import assume, given, settings
from predictions import (
    predict_change,
    predict_creation,
    predict_deletion,
    predict_page,
    write_units,
)
from request_log import Request, logged_requests
from scaled import scaled
from strategies import decimals, edgy_titles
from table_dump import Table, dump

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb import capacity as cost
from catalog_model.dynamodb import sizes
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.typed_json import Item, Value, key_attributes, primary_key
from catalog_model.entities import AnyTitle
from catalog_model.table import codec, keys, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import INDEX_KEYS
from catalog_model.table.slots import Shard
from catalog_model.table.title_items import read_stored

some = settings(max_examples=scaled(40))


@pytest.fixture
def metered(catalog: Catalog, measuring: Engine) -> Catalog:
    """A handle on an empty table of an engine that measures."""
    assert catalog.client is measuring.client
    return catalog


def consumed(request: Request) -> Units:
    """Return the figures of the engine."""
    report = request.answer["ConsumedCapacity"]
    (part,) = report if isinstance(report, list) else [report]
    shares = part.get("GlobalSecondaryIndexes", {})
    return Units(
        part["Table"]["CapacityUnits"],
        {name: share["CapacityUnits"] for name, share in shares.items()},
    )


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
        before = dump(metered)
        with logged_requests(metered) as log:
            action()
        return before, consumed(log[-1])

    def stored(there: Table, key: TitleKey) -> plan.Stored:
        found = read_stored(key, there[keys.title_key(key)])
        assert found
        return found

    for new in (one, two):
        before, units = charge(partial(ap.put_title, metered, new))
        version = stored(dump(metered), new.key).version
        assert units == predict_creation(new, before.get(tally), version)
    changed = other.replace(id=8, vote_count=title.vote_count + 1)
    before, units = charge(partial(ap.put_title, metered, changed))
    assert units == predict_change(stored(before, one.key), changed, before[tally])
    for gone in (one, two):
        before, units = charge(partial(ap.delete_title, metered, *gone.key))
        assert units == predict_deletion(stored(before, gone.key), before[tally])


def test_a_pages_cost_follows_from_its_titles(metered: Catalog, titles: list[AnyTitle]) -> None:
    """And from the one after them, which is read, too."""
    ap.load_titles(metered, random.Random(3).sample(titles, 180))
    with logged_requests(metered) as log:
        ap.list_titles_in_genre(metered, "movie", 18, limit=3)
    four = ap.list_titles_in_genre(metered, "movie", 18, limit=4).items
    assert consumed(log[-1]) == predict_page(four, "by_popularity", 18)


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 8192, 8193, 40_000])
@pytest.mark.parametrize("consistent", [False, True])
def test_a_single_item_is_read_and_written_at_the_predicted_price(
    metered: Catalog, size: int, consistent: bool
) -> None:
    """Around each step of 4 KB, for a missing item, and for an unchanged entry."""
    item = _item_of(size, **{name: {"S": "k"} for name in INDEX_KEYS["by_name"]})
    key: Any = {"TableName": metered.table, "Key": key_attributes(primary_key(item))}
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
    before = dump(metered)
    planned = plan.plan_creation(Encoded(title), 1, Shard(1))
    with logged_requests(metered) as log, pytest.raises(LostRaceError):
        metered.gateway.transact(planned)
    assert "ConsumedCapacity" not in log[0].answer
    assert dump(metered) == before
    assert cost.predict_failed_plan(planned, before) == Units(6)

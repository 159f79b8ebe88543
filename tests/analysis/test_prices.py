"""The pure part of the cost model: laws of units, and the conversion to money."""

import json
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictions import items_of, predict_creation, predict_deletion, predict_page, write_units
from strategies import decimals, engine_number_size, titles

from catalog_model import Movie
from catalog_model.analysis import prices
from catalog_model.analysis.prediction import index_entry, stored_bytes
from catalog_model.analysis.prices import Calls
from catalog_model.dynamodb import capacity, sizes
from catalog_model.dynamodb.actions import outcome
from catalog_model.dynamodb.capacity import Units
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError
from catalog_model.table import codec, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import INDEX_KEYS, INDEXES, SCHEMA, IndexName
from catalog_model.table.slots import Shard


@given(titles())
def test_an_item_without_the_key_of_an_index_has_no_entry_there(title: AnyTitle) -> None:
    """Titles and tallies have no entries, memberships none by name, listings in all."""
    listing, *memberships = codec.encode_copies(title, 0)
    for index in INDEXES:
        assert index_entry(listing, index)
        assert index_entry(codec.encode_title(title, version=1, slot=0), index) is None
        for membership in memberships:
            assert (index_entry(membership, index) is None) == (index == "by_name")


@given(titles(), st.integers(0, 3000))
def test_an_entry_that_stays_costs_its_index_nothing(title: AnyTitle, length: int) -> None:
    """Attributes that an index does not project affect only the table."""
    for item in codec.encode_copies(title, 0):
        other = {**item, "note": {"S": "x" * length}}
        assert write_units(item, item).indexes == {}
        assert write_units(item, other).indexes == {}
        assert write_units(item, other) == write_units(other, item)


@given(titles(), st.text(max_size=3000), st.sampled_from(INDEXES))
def test_an_entry_that_moves_costs_what_its_deletion_and_its_insertion_cost(
    title: AnyTitle, doc: str, index: IndexName
) -> None:
    """An index key cannot change in place."""
    before = codec.encode_copies(title, 0)[0]
    in_place = {**before, codec.DOC: {"S": doc}}
    moved = {**in_place, INDEX_KEYS[index][1]: {"S": "elsewhere"}}
    gone = write_units(before, None).indexes[index]
    come = write_units(None, moved).indexes[index]
    assert write_units(before, moved).indexes[index] == gone + come
    changed = write_units(before, in_place).indexes.get(index, 0)
    stays = in_place == before
    assert changed == (0 if stays else max(gone, write_units(None, in_place).indexes[index]))


@given(titles(), st.integers(0, 9000), st.integers(0, 9000))
def test_what_is_longer_never_costs_less(title: AnyTitle, one: int, other: int) -> None:
    """Reads, writes and whole transactions grow with the size, on the table and each index."""
    short, long = (title.replace(overview="x" * length) for length in sorted((one, other)))
    pairs = [
        [predict_creation(each) for each in (short, long)],
        [predict_deletion(plan.Stored(each, 1, 0)) for each in (short, long)],
        [predict_page([each] * 9, "by_name") for each in (short, long)],
        [capacity.batch_get_units(codec.encode_copies(each, 0)) for each in (short, long)],
    ]
    for less, more in pairs:
        assert less.table <= more.table
        assert all(less.indexes[index] <= more.indexes[index] for index in less.indexes)


@given(titles())
def test_a_transaction_doubles_the_table_and_not_the_indexes(title: AnyTitle) -> None:
    """The same items in a batch cost half on the table, and the same on each index."""
    planned = plan.plan_creation(Encoded(title), 1, Shard())
    alone = [write_units(None, outcome(each, None)) for each in planned]
    batch = sum(alone, capacity.NOTHING)
    assert capacity.predict_plan(SCHEMA, planned, {}) == Units(2 * batch.table, batch.indexes)


@given(decimals())
def test_a_number_is_never_taken_for_shorter_than_the_engine_takes_it(number: Decimal) -> None:
    """The guide says "approximately": here a half-filled pair of digits counts as a whole one."""
    ours, engines = sizes.value_size({"N": str(number)}), engine_number_size(str(number))
    assert ours - engines in (0, 1)


def test_the_size_of_120_is_disputed() -> None:
    """Two significant digits in two pairs, `1` and `20`: 3 bytes here, 2 for the engine."""
    assert (sizes.value_size({"N": "120"}), engine_number_size("120")) == (3, 2)


def test_what_is_stored_is_billed_with_its_index_entries() -> None:
    """100 bytes for each in addition to its size."""
    title = Movie(id=1, title="Up", genre_ids=[16], popularity=1, vote_average=1, vote_count=1)
    items = list(items_of(plan.Stored(title, 1, 0)).values())
    entries = [entry for item in items for i in INDEXES if (entry := index_entry(item, i))]
    assert (len(items), len(entries)) == (3, 4 + 3)
    expected = sum(sizes.item_size(each) + 100 for each in (*items, *entries))
    assert stored_bytes(items) == expected


def test_a_bill_adds_up() -> None:
    """Ten pages of 2.5 units and two writes of 28 and 7 per second, in us-east-1."""
    page, write = Units(0, {"by_popularity": 2.5}), Units(28, {"by_popularity": 7})
    bill = prices.bill([Calls(10, reads=page), Calls(2, Units(1), write)], stored_bytes=10**9)
    # 27 reads and 70 writes per second, 2,628,000 seconds per month
    assert bill.on_demand == pytest.approx(2.628 * (27 * 0.125 + 70 * 0.625))
    assert bill.read_capacity == {
        "table": 3, "by_popularity": 36, "by_rating": 1, "by_release": 1, "by_name": 1,
    }  # fmt: skip
    assert bill.write_capacity["table"] == 80
    assert bill.write_capacity["by_popularity"] == 20
    assert bill.provisioned == pytest.approx(730 * (42 * 0.00013 + 103 * 0.00065))
    assert bill.storage == pytest.approx(0.25)


@given(st.integers(1, 10**6), st.floats(0.01, 1))
def test_what_is_provisioned_is_used_as_far_as_asked(units: int, utilisation: float) -> None:
    """Enough for the load at the target utilisation, and not a unit more."""
    needed = prices.capacity_needed(Units(units), utilisation)["table"]
    assert needed * utilisation >= units * (1 - 1e-9)
    assert (needed - 1) * utilisation < units


def test_nothing_asked_still_provisions_the_least_there_is() -> None:
    """One unit on the table and on each index; on-demand is free."""
    bill = prices.bill([])
    assert set(bill.read_capacity.values()) == set(bill.write_capacity.values()) == {1}
    assert bill.on_demand == 0


@pytest.mark.parametrize("utilisation", [0, -0.5, 0.009, 1.01, float("nan")])
@pytest.mark.parametrize("rate", [-1.0, 1.1e18, float("inf"), float("nan")])
def test_an_invalid_utilisation_or_rate_is_refused(utilisation: float, rate: float) -> None:
    """A utilisation is from 0.01 to 1, a rate 0 or more calls per second."""
    with pytest.raises(InvalidArgumentError, match="utilisation"):
        prices.bill([], utilisation=utilisation)
    with pytest.raises(InvalidArgumentError, match="per_second"):
        prices.bill([Calls(rate)])


def test_the_largest_figures_have_a_finite_bill() -> None:
    """Accepted values never overflow."""
    most = prices.MOST
    dear = prices.Prices("", "", most, most, most, most, most)
    calls = [Calls(most, Units(1e6), Units(1e6))] * 9
    bill = prices.bill(calls, prices=dear, utilisation=0.01, stored_bytes=most)
    assert max(bill.on_demand, bill.provisioned, bill.storage) < float("inf")


@pytest.mark.parametrize("region", sorted(prices.PRICES))
def test_prices_can_be_taken_from_a_file_and_put_in_one(region: str) -> None:
    """A JSON object with the fields of `Prices` is a table of prices."""
    known = prices.PRICES[region]
    assert known.region == region
    assert prices.prices_from_json(json.loads(json.dumps(asdict(known)))) == known


@pytest.mark.parametrize(
    "change",
    [{"million_reads": "0.1"}, {"gb_month": -1}, {"read_hour": True}, {"region": 5}, {"other": 1}],
)
def test_invalid_prices_are_refused(change: dict[str, Any]) -> None:
    """Each price is a number, 0 or more; none is missing and none is unknown."""
    record = {**asdict(prices.DEFAULT_PRICES), **change}
    with pytest.raises(InvalidArgumentError):
        prices.prices_from_json(record)


@given(st.floats(0, 10))
def test_dollars_follow_the_price(factor: float) -> None:
    """Twice the price is twice the bill; other prices have no effect."""
    base = prices.DEFAULT_PRICES
    dearer = replace(base, million_writes=base.million_writes * factor)
    reads, writes = [prices.Calls(1, reads=Units(9))], [prices.Calls(1, writes=Units(9))]
    assert prices.bill(writes, prices=dearer).on_demand == pytest.approx(
        prices.bill(writes).on_demand * factor
    )
    assert prices.bill(reads, prices=dearer) == prices.bill(reads)

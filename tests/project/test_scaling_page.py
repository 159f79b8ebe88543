"""The figures of the page on scaling are those of its calculations, and they add up."""

from dataclasses import replace
from math import inf
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled

from catalog_model.dynamodb.faults.buckets import PARTITION_UNITS
from catalog_model.dynamodb.limits import BURST_SECONDS
from docs import capacity, hot_lists, paced_loads
from docs.capacity import MIX, Load, limits, reached
from docs.generate import PARTS, ROOT

PAGE: Final = (ROOT / "docs" / "scaling.md").read_text("utf-8")

plans = st.builds(
    Load,
    views=st.floats(1, 1e7),
    processes=st.integers(1, 10_000),
    seconds=st.floats(0, 600),
    in_front=st.floats(0, 1),
)


def test_the_mix_is_all_of_the_views() -> None:
    """The shares add up to one."""
    assert sum(view.share for view in MIX) == pytest.approx(1)


@given(plans)
@settings(max_examples=scaled(60))
def test_a_cache_asks_at_most_once_per_view_and_once_per_time_and_process(plan: Load) -> None:
    """Requests are never more than views, nor, of cached pages, than processes that expire."""
    assert plan.requests <= plan.arriving * (1 + 1e-9)
    for view in MIX:
        if view.is_cached and plan.seconds:
            most = view.pages * plan.processes / plan.seconds
            assert plan.requests_of(view) <= most * (1 + 1e-9)


@given(plans, st.floats(1, 10))
@settings(max_examples=scaled(40))
def test_a_longer_time_and_fewer_views_take_fewer_units(plan: Load, factor: float) -> None:
    """Never more, of the table or of a partition."""
    longer = replace(plan, seconds=plan.seconds * factor)
    fewer = replace(plan, views=plan.views / factor)
    for less in (longer, fewer):
        assert less.units <= plan.units * (1 + 1e-9)
        assert less.hottest[1] <= plan.hottest[1] * (1 + 1e-9)


def test_a_limit_is_where_it_is_reached() -> None:
    """One view less stays below it, and the limits are in their order."""
    for seconds in (0.0, 1, 30):
        found = [each.views for each in limits(seconds=seconds)]
        assert found == sorted(found)
    views = reached(lambda views: Load(views=views).hottest[1], PARTITION_UNITS["read"])
    assert Load(views=views * 0.999).hottest[1] < PARTITION_UNITS["read"]
    assert Load(views=views * 1.001).hottest[1] > PARTITION_UNITS["read"]
    assert reached(lambda _: 0, 1) == inf


def test_what_the_page_says_of_the_views_follows_from_the_calculation() -> None:
    """Without a cache a partition is exceeded, with one it is not; processors are short."""
    bare, cached = capacity.PLANS["no cache"], capacity.PLANS["page cache of 30 s"]
    assert bare.is_beyond_a_partition
    assert not cached.is_beyond_a_partition
    assert bare.processors > bare.processes
    assert list(capacity.PLANS.values())[-1].processors <= bare.processes
    random_titles = MIX[-1]
    assert random_titles.units * cached.requests_of(random_titles) > cached.units / 2


def test_small_tables_lose_nothing_and_take_as_long_as_their_units() -> None:
    """At each capacity of the course's table."""
    found = paced_loads.measured()
    assert [each.units for each in found] == list(range(1, 11))
    for each in found:
        least = each.write_units / each.units - BURST_SECONDS
        assert (each.lost, each.findings) == (0, 0)
        assert least <= each.seconds <= 1.02 * least + 60
        announced = each.estimated_seconds
        assert announced - BURST_SECONDS <= each.seconds <= 1.1 * announced


def test_a_spread_list_accepts_as_many_times_the_changes() -> None:
    """Nearly in proportion to its partitions; pages cost more, and do not become slower."""
    one, *more = hot_lists.measured()
    assert (one.shards, one.requests) == (1, 1)
    for each in more:
        assert each.changes >= 0.75 * each.shards * one.changes
        assert each.shards <= each.requests <= 2 * each.shards
        assert each.units > one.units
        assert each.most_units <= one.most_units


@pytest.mark.parametrize("part", ["small tables", "page views", "limits", "growth", "hot lists"])
def test_the_tables_are_up_to_date(part: str) -> None:
    """They are generated from the calculations."""
    assert PARTS[part]() in PAGE

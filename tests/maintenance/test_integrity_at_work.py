"""Verification and repair during concurrent writes: no false findings, and no lost writes."""

import tracemalloc

import pytest
from engines import Engine
from memory_engine import fill
from planted_damage import (
    Vandal,
    copy_shows_an_old_record,
    listing_is_gone,
    membership_of_another_genre,
    memberships_without_a_title,
    slot_of_nobody,
    tally_counts_one_too_many,
    two_slots_for_one_title,
)
from table_dump import assert_in_step, dump, writers

from catalog_model import Catalog
from catalog_model.dynamodb.pace import Pace
from catalog_model.entities import AnyTitle
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify


@pytest.fixture
def some(catalog: Catalog, titles: list[AnyTitle]) -> Catalog:
    """A handle on a table with 40 titles."""
    fill(catalog, titles[:40])
    return catalog


def test_a_change_under_way_is_no_defect(some: Catalog, titles: list[AnyTitle]) -> None:
    """For many verifications while titles change, are created and deleted."""
    with writers(some, titles[:40]):
        found = [verify(some, segments=2) for _ in range(6)]
    assert [report.findings for report in found] == [()] * 6
    assert any(report.undecided for report in found), "titles were created and deleted"
    assert verify(some).is_clean
    assert verify(some).undecided == ()


def test_a_repair_loses_no_write(some: Catalog, titles: list[AnyTitle]) -> None:
    """Writers continue; at the end the table is intact, with the last acknowledged values."""
    vandal = Vandal(some)
    for damage in (
        listing_is_gone,
        memberships_without_a_title,
        membership_of_another_genre,
        copy_shows_an_old_record,
        tally_counts_one_too_many,
        two_slots_for_one_title,
        slot_of_nobody,
    ):
        damage(vandal)
    with writers(some, titles[20:40]) as acknowledged:
        for _ in range(4):
            repair(some)
    while repair(some).actions:
        pass
    there = assert_in_step(some)
    popularity = {title.id: title.popularity for title in there.values()}
    assert acknowledged
    own = {title.id for title in titles[20:40]}
    assert {i: popularity[i] for i in acknowledged if i in own} == acknowledged


@pytest.mark.slow
def test_what_is_held_in_memory_does_not_grow_with_the_table(
    catalog: Catalog, table_for_few: Catalog, engine: Engine, titles: list[AnyTitle]
) -> None:
    """Four times the titles need about the same memory."""
    if not engine.measures:
        pytest.skip("moto holds its tables in this process")

    def peak(some: Catalog) -> int:
        tracemalloc.start()
        assert verify(some, segments=1, read_units_per_second=1e9).is_clean
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    fill(catalog, titles[:150])
    fill(table_for_few, titles[:600])
    peak(catalog)  # objects created at first use
    small = peak(catalog)
    assert len(dump(table_for_few)) > 3 * 600
    assert peak(table_for_few) < 1.2 * small


def test_a_pace_is_kept_by_all_threads_together() -> None:
    """A number of units takes at least the corresponding time; None means no limit."""
    now, waited = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        waited.append(seconds)

    pace = Pace(10, clock=lambda: now[0], sleep=sleep)
    for _ in range(3):
        pace.spend(5)
    assert waited == [0.5, 1.0, 1.5]
    now[0] = 100.0
    pace.spend(5)
    assert waited[-1] == 0.5, "an idle time is not saved up"
    unlimited = Pace(None, sleep=waited.append)
    unlimited.spend(1e9)
    assert len(waited) == 4
    assert not unlimited.is_limited


def test_a_verification_keeps_its_pace(some: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reads count, and its pages are small."""
    spent: list[float] = []
    monkeypatch.setattr(Pace, "spend", lambda _, units: spent.append(units))
    with some.trace() as trace:
        verify(some, read_units_per_second=100)
    pages = [request for request in trace if request.operation == "Scan"]
    assert {request.asked["Limit"] for request in pages} == {100}
    assert len(spent) == len(trace.requests)
    assert min(spent) >= 1

"""Defects planted in the table: each is found, named and repaired, and nothing else is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines import Engine
from planted_damage import (
    Vandal,
    _shard,
    _text,
    copy_shows_an_old_record,
    listing_is_gone,
    membership_is_gone,
    membership_of_another_genre,
    memberships_without_a_title,
    slot_is_gone,
    slot_of_nobody,
    tally_counts_one_too_many,
    tally_is_gone,
    two_slots_for_one_title,
)
from table_dump import Table, assert_in_step, dump

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes, number
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError, UnknownEntityError
from catalog_model.maintenance.findings import PROBLEMS, Problem
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table import codec, keys

pytestmark = pytest.mark.in_memory


Damage = Callable[[Vandal], None]


def listing_without_a_title(vandal: Vandal) -> None:
    vandal.put(codec.encode_copies(vandal.victim.replace(id=77_777_777))[0])


def copy_stands_at_an_old_place(vandal: Vandal) -> None:
    place = keys.number_sort_key(vandal.victim.popularity + 1, vandal.victim.id)
    vandal.change(vandal.membership, _popularity=_text(place))


def copy_is_in_another_list(vandal: Vandal) -> None:
    vandal.change(keys.listing_key(vandal.victim.key), _list=_text("ALL#nobody"))


def copy_left_an_index(vandal: Vandal) -> None:
    item = vandal.get(keys.listing_key(vandal.victim.key))
    vandal.put({name: value for name, value in item.items() if name != codec.NAME_SK})


def tally_counts_a_genre_of_nobody(vandal: Vandal) -> None:
    vandal.change(vandal.tally, g99999=number(3))


def tally_counts_in_words(vandal: Vandal) -> None:
    vandal.change(vandal.tally, total=_text("three"), g28=_text(""))


def slot_without_an_owner(vandal: Vandal) -> None:
    vandal.put(codec.own_item(keys.parse_key(*vandal.slot_of(vandal.victim))))


def slot_of_a_title_of_another_shard(vandal: Vandal) -> None:
    one = vandal.victim
    other = next(
        each for each in vandal.titles if each.kind == one.kind and _shard(each) != _shard(one)
    )
    vandal.change(vandal.slot_of(one), title_id=number(other.id))


def two_titles_with_one_slot(vandal: Vandal) -> None:
    one, other = vandal.neighbours
    number = vandal.get(keys.title_key(one.key))[codec.SLOT]
    vandal.change(keys.title_key(other.key), _slot=number)


def slots_with_a_gap(vandal: Vandal) -> None:
    title = vandal.neighbours[0]
    vandal.delete(vandal.slot_of(title))
    vandal.change(keys.title_key(title.key), _slot=number(4711))
    vandal.put(codec.encode_slot(title.key, 4711))


def item_of_another_model(vandal: Vandal) -> None:
    vandal.put({**key_attributes(ItemKey("USER#7", "PROFILE")), "name": _text("Ann")})


def item_of_another_model_within_a_title(vandal: Vandal) -> None:
    vandal.put(key_attributes(ItemKey(keys.title_pk(vandal.victim.key), "NOTE#1")))


def title_that_is_none(vandal: Vandal) -> None:
    vandal.put(codec.own_item(keys.TitleItem(TitleKey("movie", 555))))


def tally_of_no_version(vandal: Vandal) -> None:
    vandal.change(vandal.tally, _version=_text("new"))


def copy_of_an_older_schema(vandal: Vandal) -> None:
    vandal.change(vandal.membership, _schema=number(0))


def title_of_a_newer_schema(vandal: Vandal) -> None:
    vandal.change(keys.title_key(vandal.victim.key), _schema=number(9))


DAMAGES: list[tuple[Damage, set[Problem]]] = [
    (membership_is_gone, {"membership missing"}),
    (listing_is_gone, {"listing missing"}),
    (membership_of_another_genre, {"membership surplus"}),
    (memberships_without_a_title, {"membership surplus"}),
    (listing_without_a_title, {"listing surplus"}),
    (copy_shows_an_old_record, {"copy stale"}),
    (copy_stands_at_an_old_place, {"index key wrong"}),
    (copy_is_in_another_list, {"index key wrong"}),
    (copy_left_an_index, {"index key wrong"}),
    (tally_counts_one_too_many, {"count wrong"}),
    (tally_counts_a_genre_of_nobody, {"count wrong"}),
    (tally_is_gone, {"count wrong"}),
    (tally_counts_in_words, {"count wrong"}),
    (slot_without_an_owner, {"slot dangling", "slot missing"}),
    (slot_is_gone, {"slot missing"}),
    (two_slots_for_one_title, {"slot doubled", "slot missing"}),
    (two_titles_with_one_slot, {"slot doubled", "slot missing"}),
    (slot_of_a_title_of_another_shard, {"slot doubled", "slot missing"}),
    (slot_of_nobody, {"slot dangling"}),
    (slots_with_a_gap, {"slot dangling"}),
    (copy_of_an_older_schema, {"wrong schema version"}),
]
"""Damage that can be repaired."""

BEYOND_REPAIR: list[tuple[Damage, set[Problem]]] = [
    (item_of_another_model, {"unknown entity"}),
    (item_of_another_model_within_a_title, {"unknown entity"}),
    (tally_of_no_version, {"unreadable item"}),
    (title_that_is_none, {"unreadable item"}),
    (title_of_a_newer_schema, {"wrong schema version"}),
]
"""Damage that only the owner of the data can resolve."""


@pytest.fixture
def some(engine: Engine, titles: list[AnyTitle]) -> Iterator[Catalog]:
    """A handle on a table with 24 titles."""
    catalog = engine.catalog()
    create_table(catalog)
    ap.load_titles(catalog, random.Random(5).sample(titles, 24))
    yield catalog
    delete_table(catalog)


def problems(report: Report) -> set[Problem]:
    """Return the kinds of problems found."""
    return {finding.problem for finding in report.findings}


def own_records(table: Table) -> dict[ItemKey, Item]:
    """Return the records of all titles, which no repair may change."""
    ours = {codec.VERSION, codec.SLOT}
    return {
        key: {name: value for name, value in item.items() if name not in ours}
        for key, item in table.items()
        if key.PK == key.SK
    }


@pytest.mark.parametrize("segments", [1, 3])
def test_nothing_is_found_in_what_the_access_patterns_wrote(some: Catalog, segments: int) -> None:
    """After any calls; every item and title was checked."""
    titles = Vandal(some).titles
    ap.delete_title(some, *titles[0].key)
    ap.set_genres(some, *titles[1].key, [28, 99_999])
    ap.update_popularity(some, *titles[2].key, -1.5)
    report = verify(some, segments=segments)
    assert (report.findings, report.more_findings, report.undecided) == ((), 0, ())
    assert (report.items, report.titles) == (len(dump(some)), 23)


@pytest.mark.parametrize(("damage", "found"), DAMAGES, ids=[each[0].__name__ for each in DAMAGES])
def test_a_planted_defect_is_found_and_repaired(
    some: Catalog, damage: Damage, found: set[Problem]
) -> None:
    """By its kind; after the repair the table is intact, and no record was changed."""
    damage(Vandal(some))
    before = own_records(dump(some))
    report = verify(some)
    assert problems(report) == found
    repaired = repair(some, report)
    assert repaired.actions
    assert repaired.left == []
    assert verify(some).is_clean
    assert own_records(dump(some)) == before
    assert_in_step(some)
    assert repair(some).actions == []


@pytest.mark.parametrize(
    ("damage", "found"), BEYOND_REPAIR, ids=[each[0].__name__ for each in BEYOND_REPAIR]
)
def test_what_cannot_be_decided_is_found_and_left(
    some: Catalog, damage: Damage, found: set[Problem]
) -> None:
    """With a reason, and the table stays the same."""
    damage(Vandal(some))
    before = dump(some)
    assert problems(verify(some)) == found
    repaired = repair(some)
    assert repaired.actions == []
    assert {finding.problem for finding, reason in repaired.left if reason} == found
    assert dump(some) == before


def test_a_foreign_item_among_slots_hides_no_defect(some: Catalog) -> None:
    """It is reported and left; the missing slot next to it is found and repaired."""
    vandal = Vandal(some)
    junk = ItemKey(vandal.slot_of(vandal.neighbours[0]).PK, "SLOT#first")
    vandal.put(key_attributes(junk))
    slot_is_gone(vandal)
    assert problems(verify(some)) == {"unknown entity", "slot missing"}
    assert repair(some).actions
    assert [finding.key for finding in verify(some).findings] == [junk]


def test_every_kind_of_finding_is_planted_here() -> None:
    """Each kind can be found, and is tested."""
    planted = {problem for _, found in DAMAGES + BEYOND_REPAIR for problem in found}
    assert planted == set(PROBLEMS)


def test_all_defects_at_once_are_found_and_repaired(some: Catalog) -> None:
    """Even if they hide each other."""
    vandal = Vandal(some)
    damages = [damage for damage, _ in DAMAGES]
    random.Random(3).shuffle(damages)
    for damage in damages:
        try:
            damage(vandal)
        except (KeyError, UnknownEntityError):  # the item to damage is already missing or damaged
            continue
    assert len(problems(verify(some))) > 6
    while repair(some).actions:
        pass
    assert_in_step(some)


@pytest.mark.parametrize(("damage", "found"), DAMAGES, ids=[each[0].__name__ for each in DAMAGES])
def test_a_dry_run_says_what_a_repair_does_and_writes_nothing(
    some: Catalog, damage: Damage, found: set[Problem]
) -> None:
    """Line by line."""
    damage(Vandal(some))
    before = dump(some)
    planned = repair(some, dry_run=True)
    assert dump(some) == before
    assert planned.actions == repair(some).actions
    assert found


def test_each_finding_names_title_item_and_what_was_expected(some: Catalog) -> None:
    """In one readable line."""
    vandal = Vandal(some)
    membership_is_gone(vandal)
    (finding,) = verify(some).findings
    assert finding.title == vandal.victim.key
    assert finding.key == vandal.membership
    assert str(finding).startswith(f"membership missing of {vandal.victim.kind} ")
    assert "'GENRE#" in finding.expected
    assert finding.found == "nothing"


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), True, "fast"])
def test_an_invalid_pace_is_refused(some: Catalog, value: Any) -> None:
    """Before anything is read."""
    with some.trace() as trace, pytest.raises(InvalidArgumentError, match="units_per_second"):
        verify(some, read_units_per_second=value)
    assert len(trace) == 0


@pytest.mark.parametrize("value", [0, -1, 65, 1.5, True])
def test_an_invalid_number_of_segments_is_refused(some: Catalog, value: Any) -> None:
    """1 to 64."""
    with pytest.raises(InvalidArgumentError, match="segments"):
        verify(some, segments=value)

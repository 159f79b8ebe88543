"""Defects planted in the table: each is found, named and repaired, and nothing else is."""

import random
from collections.abc import Callable

import pytest
from older_tables import grow_old
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
from catalog_model.dynamodb.typed_json import (
    Item,
    ItemKey,
    key_attributes,
    number,
    numbers_value,
    read_int,
)
from catalog_model.entities import AnyTitle
from catalog_model.errors import UnknownEntityError
from catalog_model.maintenance.findings import PROBLEMS, Problem
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.table import codec, keys

pytestmark = pytest.mark.in_memory


Damage = Callable[[Vandal], None]


def copy_stands_at_an_old_place(vandal: Vandal) -> None:
    place = keys.number_sort_key(vandal.victim.popularity + 1, vandal.victim.id)
    vandal.change(vandal.membership, _popularity=_text(place))


def copy_left_an_index(vandal: Vandal) -> None:
    item = vandal.get(vandal.slot_of(vandal.victim))
    vandal.put({name: value for name, value in item.items() if name != codec.NAME_SK})


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


def slot_beyond_the_last(vandal: Vandal) -> None:
    title = vandal.neighbours[0]
    vandal.delete(vandal.slot_of(title))
    vandal.change(keys.title_key(title.key), _slot=number(4711))
    vandal.put(codec.encode_listing(title, 4711))


def free_slot_is_taken(vandal: Vandal) -> None:
    number_ = read_int(vandal.get(keys.title_key(vandal.victim.key)), codec.SLOT)
    free = codec.read_free(vandal.get(vandal.tally))
    vandal.change(vandal.tally, _free=numbers_value(free | {number_}))


def own_document_is_old(vandal: Vandal) -> None:
    old = vandal.victim.replace(overview="As it was before")
    vandal.change(keys.title_key(vandal.victim.key), _doc=_text(old.to_json_text()))


def own_document_is_gone(vandal: Vandal) -> None:
    key = keys.title_key(vandal.victim.key)
    vandal.put({name: value for name, value in vandal.get(key).items() if name != codec.DOC})


DAMAGES: dict[str, tuple[Damage, set[Problem]]] = {
    "membership is gone": (membership_is_gone, {"membership missing"}),
    "listing is gone": (listing_is_gone, {"slot missing"}),
    "listing of an older version is left": (
        lambda v: v.put(codec.encode_former_listing(v.victim)),
        {"listing surplus"},
    ),
    "title shows an old record": (own_document_is_old, {"copy stale"}),
    "title lost its record": (own_document_is_gone, {"copy stale"}),
    "membership of another genre": (membership_of_another_genre, {"membership surplus"}),
    "memberships without a title": (memberships_without_a_title, {"membership surplus"}),
    "listing without a title": (
        lambda v: v.put(codec.encode_former_listing(v.victim.replace(id=77_777_777))),
        {"listing surplus"},
    ),
    "copy shows an old record": (copy_shows_an_old_record, {"copy stale"}),
    "copy at an old place": (copy_stands_at_an_old_place, {"index key wrong"}),
    "copy is in another list": (
        lambda v: v.change(v.slot_of(v.victim), _list=_text("ALL#nobody")),
        {"index key wrong"},
    ),
    "copy left an index": (copy_left_an_index, {"index key wrong"}),
    "tally counts one too many": (tally_counts_one_too_many, {"count wrong"}),
    "tally counts a genre without titles": (
        lambda v: v.change(v.tally, g99999=number(3)),
        {"count wrong"},
    ),
    "tally is gone": (tally_is_gone, {"count wrong"}),
    "tally counts in words": (
        lambda v: v.change(v.tally, total=_text("three"), g28=_text("")),
        {"count wrong"},
    ),
    "slot without an owner": (
        lambda v: v.put(codec.own_item(keys.parse_key(*v.slot_of(v.victim)))),
        {"slot dangling", "slot missing"},
    ),
    "slot is gone": (slot_is_gone, {"slot missing"}),
    "two slots for one title": (two_slots_for_one_title, {"slot doubled", "slot missing"}),
    "two titles with one slot": (two_titles_with_one_slot, {"slot doubled", "slot missing"}),
    "slot of a title of another shard": (
        slot_of_a_title_of_another_shard,
        {"slot doubled", "slot missing"},
    ),
    "slot of a missing title": (slot_of_nobody, {"slot dangling"}),
    "slot beyond the last": (slot_beyond_the_last, {"slot free"}),
    "free slot is taken": (free_slot_is_taken, {"slot free"}),
    "free slots in words": (lambda v: v.change(v.tally, _free=_text("seven")), {"slot free"}),
    "free slot beyond the last": (
        lambda v: v.change(v.tally, _free=numbers_value([5000])),
        {"slot free"},
    ),
    "many slots without a title": (
        lambda v: v.change(v.tally, _slots=number(5000)),
        {"slots sparse"},
    ),
    "tally lost its slots": (
        lambda v: v.put({n: x for n, x in v.get(v.tally).items() if n[:2] not in ("_s", "_f")}),
        {"slot free", "wrong schema version"},
    ),
    "copy of an older schema": (
        lambda v: v.change(v.membership, _schema=number(0)),
        {"wrong schema version"},
    ),
}
"""Damage that can be repaired."""

BEYOND_REPAIR: dict[str, tuple[Damage, set[Problem]]] = {
    "item of another model": (
        lambda v: v.put({**key_attributes(ItemKey("USER#7", "PROFILE")), "name": _text("Ann")}),
        {"unknown entity"},
    ),
    "item of another model within a title": (
        lambda v: v.put(key_attributes(ItemKey(keys.title_pk(v.victim.key), "NOTE#1"))),
        {"unknown entity"},
    ),
    "tally of no version": (
        lambda v: v.change(v.tally, _version=_text("new")),
        {"unreadable item"},
    ),
    "title without attributes": (
        lambda v: v.put(codec.own_item(keys.TitleItem(TitleKey("movie", 555)))),
        {"unreadable item"},
    ),
    "title of a newer schema": (
        lambda v: v.change(keys.title_key(v.victim.key), _schema=number(9)),
        {"wrong schema version"},
    ),
}
"""Damage that only the owner of the data can resolve."""


@pytest.fixture
def some(catalog: Catalog, titles: list[AnyTitle]) -> Catalog:
    """A handle on a table with 24 titles."""
    ap.load_titles(catalog, random.Random(5).sample(titles, 24))
    return catalog


def problems(report: Report) -> set[Problem]:
    """Return the kinds of problems found."""
    return {finding.problem for finding in report.findings}


def own_records(table: Table) -> dict[ItemKey, Item]:
    """Return the records of all titles, which no repair may change."""
    ours = {codec.VERSION, codec.SLOT, codec.DOC}
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


@pytest.mark.parametrize("name", DAMAGES)
def test_a_planted_defect_is_found_and_repaired(some: Catalog, name: str) -> None:
    """By its kind; after the repair the table is intact, and no record was changed.

    A dry run before it names the same actions, and writes nothing.
    """
    damage, found = DAMAGES[name]
    damage(Vandal(some))
    before = dump(some)
    report = verify(some)
    assert problems(report) == found
    planned = repair(some, dry_run=True)
    assert dump(some) == before
    repaired = repair(some, report)
    assert repaired.actions == planned.actions != []
    assert repaired.left == []
    assert verify(some).is_clean
    assert own_records(dump(some)) == own_records(before)
    assert_in_step(some)
    assert repair(some).actions == []


@pytest.mark.parametrize("name", BEYOND_REPAIR)
def test_what_cannot_be_decided_is_found_and_left(some: Catalog, name: str) -> None:
    """With a reason, and the table stays the same."""
    damage, found = BEYOND_REPAIR[name]
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
    planted = {problem for _, found in (DAMAGES | BEYOND_REPAIR).values() for problem in found}
    assert planted | {"listing missing"} == set(PROBLEMS), "only in older versions"


def test_a_listing_of_an_older_version_is_repaired(some: Catalog) -> None:
    """In its place there: what belongs to a title depends on the version of its own item."""
    grow_old(some, "version 3")
    victim = next(key for key in dump(some) if key.SK == "ALL")
    Vandal(some).delete(victim)
    assert problems(verify(some)) == {"listing missing"}
    assert len(repair(some).actions) == 1
    assert verify(some).is_clean
    assert len(assert_in_step(some)) == 24


@pytest.mark.parametrize("version", [2, 3])
def test_a_title_of_an_older_version_gets_its_type(some: Catalog, version: int) -> None:
    """It keeps its version: the rest of its items are of that one."""
    grow_old(some, "version 3")
    vandal = Vandal(some)
    key = keys.title_key(vandal.victim.key)
    own = vandal.get(key)
    untyped = {name: value for name, value in own.items() if name != codec.TYPE}
    vandal.put({**untyped, codec.SCHEMA: number(version)})
    assert problems(verify(some)) == {"wrong schema version"}
    assert len(repair(some).actions) == 1
    assert verify(some).is_clean
    after = vandal.get(key)
    assert (after[codec.TYPE], after[codec.SCHEMA]) == (own[codec.TYPE], number(version))
    assert len(assert_in_step(some)) == 24


def test_all_defects_at_once_are_found_and_repaired(some: Catalog) -> None:
    """Even if they hide each other."""
    vandal = Vandal(some)
    for damage, _ in random.Random(3).sample(list(DAMAGES.values()), len(DAMAGES)):
        try:
            damage(vandal)
        except (KeyError, UnknownEntityError):  # the item to damage is already missing or damaged
            continue
    assert len(problems(verify(some))) > 6
    while repair(some).actions:
        pass
    assert_in_step(some)


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


def test_a_finding_on_a_slot_says_what_is_there(some: Catalog) -> None:
    """Nothing, another title, or an item that names none."""
    vandal = Vandal(some)
    one, other = vandal.neighbours
    at = vandal.slot_of(one)
    empty = codec.own_item(keys.parse_key(*at))
    for item, found in (
        (None, "nothing"),
        (codec.encode_listing(other, 0) | key_attributes(at), f"{other.kind} {other.id}"),
        (empty, "an invalid id"),
    ):
        vandal.delete(at)
        if item:
            vandal.put(item)
        (missing,) = (f for f in verify(some).findings if f.problem == "slot missing")
        assert (missing.title, missing.key, missing.found) == (one.key, at, found)

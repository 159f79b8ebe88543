"""An inconsistent shard: writes report it immediately, and deletions still work.

The cause of such damage was removed: `test_interleavings` has all interleavings of its writers.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from engines import Engine
from older_tables import delete, put
from table_dump import Table, assert_in_step, dump, hooked, movie

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Absent, Delete, Put, as_sent, key_of
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.retries import MAX_RACES
from catalog_model.dynamodb.typed_json import (
    ItemKey,
    Value,
    key_attributes,
    number,
    numbers_value,
    primary_key,
    read_int,
    text,
)
from catalog_model.errors import ConflictError, TitleExistsError, UnknownEntityError
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys
from catalog_model.table.slots import shard_of
from catalog_model.testing import without_pauses
from catalog_model.writes.attempts import refused_items

pytestmark = pytest.mark.in_memory

TALLY = keys.tally_key("movie", 0)


slot = partial(keys.slot_key, "movie", 0)
"""Returns the key of a slot of the shard."""


def fill(catalog: Catalog, *ids: int) -> None:
    """Put movies of one shard."""
    for title_id in ids:
        ap.put_title(catalog, movie(title_id, 18))


def alter(catalog: Catalog, key: ItemKey, **attributes: Value | None) -> None:
    """Change an item without the model; None removes an attribute."""
    changed = {**key_attributes(key), **dump(catalog).get(key, {}), **attributes}
    put(catalog, {name: value for name, value in changed.items() if value is not None})


def slot_of(catalog: Catalog, title_id: int) -> int:
    return read_int(dump(catalog)[keys.title_key(TitleKey("movie", title_id))], codec.SLOT)


def listing_of(catalog: Catalog, title_id: int) -> ItemKey:
    return slot(slot_of(catalog, title_id))


def stray(catalog: Catalog) -> None:
    """The only free slot, and the next one to be opened, have titles that do not exist."""
    shard = shard_of(dump(catalog)[TALLY])
    free = min(shard.free)
    for number_ in (free, shard.slots):
        put(catalog, codec.encode_listing(movie(32, 18), number_))
    alter(catalog, TALLY, _free=numbers_value([free]))


def free_and_taken(catalog: Catalog) -> None:
    """The only free slot is a title's."""
    alter(catalog, TALLY, _free=numbers_value([slot_of(catalog, 16)]))


DAMAGES: dict[str, Callable[[Catalog], None]] = {
    "a listing is missing": lambda c: delete(c, listing_of(c, 8)),
    "a listing names no title": lambda c: alter(c, listing_of(c, 24), title_id=text("movie")),
    "a title's listing names another one": (
        lambda c: alter(c, listing_of(c, 8), title_id=number(24))
    ),
    "a title has another number": (
        lambda c: alter(c, keys.title_key(TitleKey("movie", 24)), _slot=number(7000))
    ),
    "two titles have one slot": (
        lambda c: alter(c, keys.title_key(TitleKey("movie", 24)), _slot=number(slot_of(c, 8)))
    ),
    "the counts are missing": lambda c: delete(c, TALLY),
    "the slots are missing": lambda c: alter(c, TALLY, _slots=None, _free=None),
    "the only free slot is taken": free_and_taken,
    "the free slots have listings": stray,
}
"""Damages of a shard with the movies 8, 16 and 24."""


@pytest.fixture
def damaged(catalog: Catalog, damage: str) -> Catalog:
    """A handle on a table with a damage."""
    fill(catalog, 8, 16, 24)
    DAMAGES[damage](catalog)
    return catalog


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_title_of_a_damaged_shard_is_deleted_all_the_same(damaged: Catalog) -> None:
    """Each title in turn, immediately; a repair afterwards finds nothing."""
    ids = sorted(key.id for key in _titles(dump(damaged)))
    for title_id in ids[:-1]:
        before = _broken(damaged)
        began = time.monotonic()
        assert ap.delete_title(damaged, "movie", title_id).id == title_id
        assert time.monotonic() - began < 5
        assert TitleKey("movie", title_id) not in _titles(dump(damaged))
        assert _broken(damaged) <= before
    repair(damaged)
    assert not repair(damaged).left
    assert {key.id for key in assert_in_step(damaged)} == {ids[-1]}


@pytest.mark.parametrize("damage", ["a listing is missing"])
def test_a_title_without_its_listing_is_deleted_from_a_busy_shard(damaged: Catalog) -> None:
    """Other titles, created before each attempt, do not explain the refusal: they have no part."""
    others = iter(range(32, 2000, 8))
    busy: list[int] = []

    def create(**_: Any) -> None:
        if not busy:
            busy.append(next(others))
            ap.put_title(damaged, movie(busy[0], 28))
            busy.clear()

    with hooked(damaged, "before-call.dynamodb.TransactWriteItems", create), without_pauses():
        assert ap.delete_title(damaged, "movie", 8).id == 8
    assert next(others) == 32 + 2 * 8, "two attempts"
    assert verify(damaged).is_clean


def _titles(table: Table) -> list[TitleKey]:
    named = (keys.parse_key(*key) for key in table)
    return [name.key for name in named if isinstance(name, keys.TitleItem)]


def _broken(catalog: Catalog) -> int:
    """Count the titles whose slot names another one."""
    table = dump(catalog)
    owned = 0
    for key in _titles(table):
        own = read_int(table[keys.title_key(key)], codec.SLOT)
        found = table.get(slot(own), {}).get(codec.TITLE_ID)
        owned += found == {"N": str(key.id)}
    return len(_titles(table)) - owned


NEW = movie(40, 18)


def _create(catalog: Catalog) -> object:
    with suppress(TitleExistsError):
        return ap.put_title(catalog, NEW, if_absent=True)
    return ap.get_title(catalog, *NEW.key)


WRITES: dict[str, Callable[[Catalog], object]] = {
    "put": lambda c: ap.put_title(c, NEW),
    "create": _create,
    "load": lambda c: ap.load_titles(c, [NEW]),
}


@pytest.mark.parametrize("damage", [name for name in DAMAGES if "free slots" not in name])
@pytest.mark.parametrize("way", WRITES)
def test_a_title_is_created_in_a_damaged_shard_or_the_error_names_the_damage(
    damaged: Catalog, way: str
) -> None:
    """It takes no slot that has a listing, and changes no other title; a repair resolves all."""
    before = dump(damaged)
    with suppress(ConflictError):
        WRITES[way](damaged)
    after = dump(damaged)
    assert all(after[at] == item for at, item in before.items() if at != TALLY)
    repair(damaged)
    WRITES[way](damaged)
    assert verify(damaged).is_clean
    assert {key.id for key in assert_in_step(damaged)} == {8, 16, 24, 40}


@pytest.mark.parametrize("damage", ["the free slots have listings"])
@pytest.mark.parametrize("way", WRITES)
def test_a_title_that_cannot_be_created_names_the_damaged_item(damaged: Catalog, way: str) -> None:
    """The error names the damage instead of a conflict, and is immediate; a repair resolves it."""
    before = dump(damaged)
    began = time.monotonic()
    with pytest.raises(ConflictError) as raised:
        WRITES[way](damaged)
    assert time.monotonic() - began < 5
    assert "catalog-model repair" in str(raised.value)
    assert "damaged at SLOT#movie#0 | SLOT#" in str(raised.value)
    assert dump(damaged) == before
    repair(damaged)
    WRITES[way](damaged)
    assert verify(damaged).is_clean


@pytest.mark.parametrize("damage", ["the only free slot is taken"])
@pytest.mark.parametrize("way", WRITES)
def test_a_free_slot_that_is_taken_is_left_alone(damaged: Catalog, way: str) -> None:
    """A new title opens a block instead."""
    WRITES[way](damaged)
    assert slot_of(damaged, 40) not in {slot_of(damaged, title_id) for title_id in (8, 16, 24)}
    assert {finding.problem for finding in verify(damaged).findings} == {"slot free"}
    assert repair(damaged).actions
    assert len(assert_in_step(damaged)) == 4


CHANGES: dict[str, Callable[[Catalog], object]] = {
    "popularity": lambda c: ap.update_popularity(c, "movie", 24, 9.5),
    "genres": lambda c: ap.set_genres(c, "movie", 24, [35]),
    "put": lambda c: ap.put_title(c, movie(24, 35)),
}


@pytest.mark.parametrize("damage", ["two titles have one slot", "a listing is missing"])
@pytest.mark.parametrize("way", CHANGES)
def test_a_change_never_overwrites_the_listing_of_another_title(damaged: Catalog, way: str) -> None:
    """The error names the slot, immediately, and the other title stays in its lists."""
    before = dump(damaged)
    if slot_of(damaged, 24) == slot_of(damaged, 8):
        with pytest.raises(ConflictError, match=re.escape("damaged at SLOT#movie#0 | SLOT#")):
            CHANGES[way](damaged)
        assert dump(damaged) == before
    else:
        CHANGES[way](damaged)
    repair(damaged)
    CHANGES[way](damaged)
    assert len(assert_in_step(damaged)) == 3


@pytest.fixture
def precise(engine: Engine, catalog: Catalog) -> Catalog:
    """A handle on a table whose engine names the action that an attribute does not fit."""
    if engine.name == "moto":
        pytest.skip("moto refuses the request as a whole, unlike DynamoDB")
    return catalog


def test_a_title_is_deleted_beside_one_whose_version_is_no_number(precise: Catalog) -> None:
    """Verify names it, and it stays as it is."""
    fill(precise, 8, 16, 24)
    other = keys.title_key(TitleKey("movie", 24))
    alter(precise, other, _version=text("x"))
    before = dump(precise)[other]
    assert ap.delete_title(precise, "movie", 8).id == 8
    assert [finding.key for finding, _ in repair(precise).left] == [other]
    assert sorted(_titles(dump(precise))) == [TitleKey("movie", n) for n in (16, 24)]
    assert dump(precise)[other] == before
    assert ap.delete_title(precise, "movie", 16).id == 16


OF_A_TALLY: dict[str, Callable[[Catalog], object]] = {
    **WRITES,
    "load several": lambda c: ap.load_titles(c, [NEW, movie(48, 18)]),
    "set genres": lambda c: ap.set_genres(c, "movie", 16, [35]),
    "delete": lambda c: ap.delete_title(c, "movie", 16),
}


@pytest.mark.in_memory(False)  # it cannot add to what is not a number
@pytest.mark.parametrize("attribute", ["g18", "total", "_version", "_slots", "_free"])
@pytest.mark.parametrize("way", OF_A_TALLY)
def test_an_attribute_of_a_tally_that_is_no_number_is_named(
    precise: Catalog, way: str, attribute: str
) -> None:
    """The error names the tally, is immediate, and nothing is written."""
    fill(precise, 8, 16, 24)
    alter(precise, TALLY, **{attribute: text("x")})
    before = dump(precise)
    began = time.monotonic()
    if way == "set genres" and attribute in ("total", "_slots", "_free"):  # not concerned
        OF_A_TALLY[way](precise)
    else:
        named = re.escape(" | ".join(TALLY))
        with pytest.raises((ConflictError, UnknownEntityError), match=named):
            OF_A_TALLY[way](precise)
        assert dump(precise) == before
    assert time.monotonic() - began < 5
    if attribute != "_version":
        assert not repair(precise).left
        assert OF_A_TALLY[way](precise)
        assert verify(precise).is_clean


def test_a_race_that_is_lost_every_time_is_called_one(catalog: Catalog) -> None:
    """The title changes before each attempt: this is not damage, and it takes all attempts."""
    fill(catalog, 8)
    rival = Catalog(catalog.table, client=catalog.client)
    tries, is_inside = 0, False

    def overtake(**_: Any) -> None:
        nonlocal tries, is_inside
        if not is_inside:
            tries, is_inside = tries + 1, True
            ap.update_votes(rival, "movie", 8, vote_average=1.0, vote_count=tries)
            is_inside = False

    with (
        without_pauses(),
        hooked(catalog, "before-call.dynamodb.TransactWriteItems", overtake),
        pytest.raises(ConflictError, match=f"won {MAX_RACES} times in a row"),
    ):
        ap.update_popularity(catalog, "movie", 8, 5.0)
    assert tries == MAX_RACES


def test_a_load_rejects_a_title_that_cannot_be_read_and_loads_the_rest(catalog: Catalog) -> None:
    """It is not overwritten; its author must decide what it is."""
    fill(catalog, 8)
    at = keys.title_key(TitleKey("movie", 8))
    alter(catalog, at, title={"L": []}, popularity={"L": []}, _slot=text("first"))
    before = dump(catalog)[at]
    report = ap.load_titles(catalog, [movie(8, 35), movie(16, 35)])
    assert (report.created, [each.key for each in report.rejected]) == (1, ["movie 8"])
    assert dump(catalog)[at] == before


def test_the_refused_items_are_named_as_the_service_lists_them(catalog: Catalog) -> None:
    """The reasons are in the order of the actions sent, which is not that of the plan."""
    fill(catalog, 8)
    own, other = (codec.encode_title(movie(n, 18), version=1, slot=0) for n in (8, 16))
    planned = (Put(other, Absent()), Delete(TALLY, Absent()), Put(own, Absent()), Delete(slot(0)))
    listed = catalog.gateway.exchanges.writes.listed(planned)
    sent = [primary_key(a.get("Item", a.get("Key"))) for e in listed for a in e.values()]
    assert sent == [key_of(each) for each in as_sent(planned)]
    with pytest.raises(LostRaceError) as raised:
        catalog.gateway.transact(planned)
    assert refused_items(raised.value, planned) == (TALLY, primary_key(own))

"""An inconsistent shard: writes report it immediately, and deletions still work.

The cause of such damage was removed: `test_interleavings` has all interleavings of its writers.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from engines import Engine
from older_tables import put
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
    primary_key,
    read_int,
    text,
)
from catalog_model.errors import ConflictError, UnknownEntityError
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys
from catalog_model.testing import without_pauses
from catalog_model.writes.attempts import refused_items

TALLY = keys.tally_key("movie", 0)


slot = partial(keys.slot_key, "movie", 0)
"""Returns the key of a slot of the shard."""


def fill(catalog: Catalog, *ids: int) -> None:
    """Put movies of one shard; the first has slot 0."""
    for title_id in ids:
        ap.put_title(catalog, movie(title_id, 18))


def erase(catalog: Catalog, key: ItemKey) -> None:
    client: Any = catalog.client
    client.delete_item(TableName=catalog.table, Key=key_attributes(key))


def alter(catalog: Catalog, key: ItemKey, **attributes: Value) -> None:
    """Change an item without the model."""
    put(catalog, {**key_attributes(key), **dump(catalog).get(key, {}), **attributes})


def gap(catalog: Catalog) -> None:
    """Slot 0 is empty, and the last slot is beyond the total, as after the old deletion."""
    table = dump(catalog)
    for key in [slot(0), *(at for at in table if keys.title_pk(TitleKey("movie", 8)) == at.PK)]:
        erase(catalog, key)
    two: Any = {"N": "2"}
    alter(catalog, TALLY, total=two, g18=two)


def beyond(catalog: Catalog) -> None:
    """A slot after the last one, where the next title would be placed."""
    alter(catalog, slot(3), **codec.encode_slot(TitleKey("movie", 32), 3))


DAMAGES: dict[str, Callable[[Catalog], None]] = {
    "a gap": gap,
    "the last slot is missing": lambda c: erase(c, slot(2)),
    "the last slot names no title": lambda c: alter(c, slot(2), title_id=text("twenty-four")),
    "a title's slot names another one": lambda c: alter(c, slot(0), title_id=number(24)),
    "the last slot names a title with another slot": (
        lambda c: alter(c, slot(2), title_id=number(8))
    ),
    "the owner of the last slot has another number": (
        lambda c: alter(c, keys.title_key(TitleKey("movie", 24)), _slot=number(7))
    ),
    "the counts are missing": lambda c: erase(c, TALLY),
    "a slot after the last one": beyond,
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
        assert _broken(damaged) <= before + 1  # a gap if there was nothing to move into it
    assert not repair(damaged).left
    assert {key.id for key in assert_in_step(damaged)} == {ids[-1]}


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
WRITES: dict[str, Callable[[Catalog], object]] = {
    "put": lambda c: ap.put_title(c, NEW),
    "create": lambda c: ap.put_title(c, NEW, if_absent=True),
    "load": lambda c: ap.load_titles(c, [NEW]),
}


@pytest.mark.parametrize("damage", ["a gap", "the counts are missing", "a slot after the last one"])
@pytest.mark.parametrize("way", WRITES)
def test_a_title_that_cannot_be_created_says_which_item_is_damaged(
    damaged: Catalog, way: str
) -> None:
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


@pytest.fixture
def precise(engine: Engine, catalog: Catalog) -> Catalog:
    """A handle on a table whose engine names the action that an attribute does not fit."""
    if engine.name == "moto":
        pytest.skip("moto refuses the request as a whole, unlike DynamoDB")
    return catalog


@pytest.mark.parametrize("repaired", [False, True])
def test_a_title_is_deleted_beside_one_whose_version_is_no_number(
    precise: Catalog, *, repaired: bool
) -> None:
    """It owns the last slot and cannot be moved: verify names it, and it stays as it is."""
    fill(precise, 8, 16, 24)
    other = keys.title_key(TitleKey("movie", 24))
    alter(precise, other, _version=text("x"))
    if repaired:
        assert [finding.key for finding, _ in repair(precise).left] == [other]
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


@pytest.mark.parametrize("attribute", ["g18", "total", "_version"])
@pytest.mark.parametrize("way", OF_A_TALLY)
def test_an_attribute_of_a_tally_that_is_no_number_is_named(
    precise: Catalog, way: str, attribute: str
) -> None:
    """The error names the tally, is immediate, and nothing is written."""
    fill(precise, 8, 16, 24)
    alter(precise, TALLY, **{attribute: text("x")})
    before = dump(precise)
    began = time.monotonic()
    if (way, attribute) == ("set genres", "total"):  # it is not concerned
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


def test_a_title_that_cannot_be_read_is_rejected_by_a_load_and_the_rest_is_loaded(
    catalog: Catalog,
) -> None:
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
    listed = catalog.gateway.connection.listed(planned)
    sent = [primary_key(a.get("Item", a.get("Key"))) for e in listed for a in e.values()]
    assert sent == [key_of(each) for each in as_sent(planned)]
    with pytest.raises(LostRaceError) as raised:
        catalog.gateway.transact(planned)
    assert refused_items(raised.value, planned) == (TALLY, primary_key(own))

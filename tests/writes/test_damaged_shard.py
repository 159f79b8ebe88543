"""An inconsistent shard: writes report it immediately, and deletions still work.

The cause of such damage was removed: see `test_interleavings` for all possible interleavings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from table_dump import Table, assert_in_step, dump, hooked, movie, once

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Absent, Delete, Put, as_sent, key_of
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.retries import MAX_RACES
from catalog_model.dynamodb.typed_json import ItemKey, Value, key_attributes, primary_key, read_int
from catalog_model.errors import ConflictError, SchemaMismatchError, UnknownEntityError
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys
from catalog_model.testing import without_pauses
from catalog_model.writes.attempts import refused_items

TALLY = keys.tally_key("movie", 0)


def slot(number: int) -> ItemKey:
    """Return the key of a slot of the shard."""
    return keys.slot_key("movie", 0, number)


def fill(catalog: Catalog, *ids: int) -> None:
    """Put movies of one shard; the first has slot 0."""
    for number in ids:
        ap.put_title(catalog, movie(number, 18))


def erase(catalog: Catalog, key: ItemKey) -> None:
    """Delete an item without the model."""
    client: Any = catalog.client
    client.delete_item(TableName=catalog.table, Key=key_attributes(key))


def alter(catalog: Catalog, key: ItemKey, **attributes: Value) -> None:
    """Change an item without the model."""
    client: Any = catalog.client
    item = {**key_attributes(key), **dump(catalog).get(key, {}), **attributes}
    client.put_item(TableName=catalog.table, Item=item)


def test_a_deletion_that_others_come_between_leaves_no_gap(catalog: Catalog) -> None:
    """A starts to delete 8; B deletes 24; A finds the last slot missing; B puts 32; A commits.

    A has read the old total, which must not leave slot 0 empty.
    """
    fill(catalog, 8, 16, 24)

    read_after: list[int] = []

    def delete() -> None:
        ap.delete_title(catalog, "movie", 24)
        read_after.append(1)

    def put(**_: Any) -> None:
        if read_after:
            read_after.clear()
            ap.put_title(catalog, movie(32, 18))

    with (
        hooked(catalog, "before-call.dynamodb.GetItem", once(delete)),
        hooked(catalog, "after-call.dynamodb.GetItem", put),
    ):
        assert ap.delete_title(catalog, "movie", 8) == movie(8, 18)
    assert {key.id for key in assert_in_step(catalog)} == {16, 32}
    fill(catalog, 40)
    assert len(ap.sample_titles(catalog, "movie", 10)) == 3


def test_a_last_owner_that_is_the_title_itself_by_now_is_read_again(catalog: Catalog) -> None:
    """It is deleted and put again between two reads: no plan contains its slot twice."""
    fill(catalog, 8, 16)

    def again() -> None:
        ap.delete_title(catalog, "movie", 8)
        ap.put_title(catalog, movie(8, 35))

    with hooked(catalog, "before-call.dynamodb.GetItem", once(again)):
        assert ap.delete_title(catalog, "movie", 8) == movie(8, 35)
    assert {key.id for key in assert_in_step(catalog)} == {16}


def gap(catalog: Catalog) -> None:
    """Slot 0 is empty, and the last slot is beyond the total, as after the old deletion."""
    fill(catalog, 8, 16, 24)
    table = dump(catalog)
    for key in [slot(0), *(at for at in table if keys.title_pk(TitleKey("movie", 8)) == at.PK)]:
        erase(catalog, key)
    two: Any = {"N": "2"}
    alter(catalog, TALLY, total=two, g18=two)


def missing_last(catalog: Catalog) -> None:
    """The last slot is missing."""
    fill(catalog, 8, 16, 24)
    erase(catalog, slot(2))


def unreadable_last(catalog: Catalog) -> None:
    """The last slot names no title."""
    fill(catalog, 8, 16, 24)
    alter(catalog, slot(2), title_id={"S": "twenty-four"})


def taken(catalog: Catalog) -> None:
    """A title's slot names another one."""
    fill(catalog, 8, 16, 24)
    alter(catalog, slot(0), title_id={"N": "24"})


def last_is_its_own(catalog: Catalog) -> None:
    """The last slot names a title with a different slot."""
    fill(catalog, 8, 16, 24)
    alter(catalog, slot(2), title_id={"N": "8"})


def last_is_elsewhere(catalog: Catalog) -> None:
    """The owner of the last slot has a different slot number."""
    fill(catalog, 8, 16, 24)
    alter(catalog, keys.title_key(TitleKey("movie", 24)), _slot={"N": "7"})


def without_tally(catalog: Catalog) -> None:
    """The counts are missing."""
    fill(catalog, 8, 16, 24)
    erase(catalog, TALLY)


def beyond(catalog: Catalog) -> None:
    """A slot after the last one, where the next title would be placed."""
    fill(catalog, 8, 16, 24)
    alter(catalog, slot(3), **codec.encode_slot(TitleKey("movie", 32), 3))


DAMAGES: list[Callable[[Catalog], None]] = [
    gap,
    missing_last,
    unreadable_last,
    taken,
    last_is_its_own,
    last_is_elsewhere,
    without_tally,
    beyond,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_title_of_a_damaged_shard_is_deleted_all_the_same(
    catalog: Catalog, damage: Callable[[Catalog], None]
) -> None:
    """Each title in turn, immediately; a repair afterwards finds nothing."""
    damage(catalog)
    ids = sorted(key.id for key in _titles(dump(catalog)))
    for number in ids[:-1]:
        before = _broken(catalog)
        began = time.monotonic()
        assert ap.delete_title(catalog, "movie", number).id == number
        assert time.monotonic() - began < 5
        assert TitleKey("movie", number) not in _titles(dump(catalog))
        assert _broken(catalog) <= before + 1  # a gap if there was nothing to move into it
    assert not repair(catalog).left
    assert {key.id for key in assert_in_step(catalog)} == {ids[-1]}


def _titles(table: Table) -> list[TitleKey]:
    named = (keys.parse_key(*key) for key in table)
    return [name.key for name in named if isinstance(name, keys.TitleItem)]


def _broken(catalog: Catalog) -> int:
    """Count the titles whose slot names another one."""
    table = dump(catalog)
    owned = 0
    for key in _titles(table):
        number = read_int(table[keys.title_key(key)], codec.SLOT)
        found = table.get(slot(number), {}).get(codec.TITLE_ID)
        owned += found == {"N": str(key.id)}
    return len(_titles(table)) - owned


@pytest.mark.parametrize("damage", [gap, without_tally, beyond])
@pytest.mark.parametrize("way", ["put", "create", "load"])
def test_a_title_that_cannot_be_created_says_which_item_is_damaged(
    catalog: Catalog, damage: Callable[[Catalog], None], way: str
) -> None:
    """The error names the damage instead of a conflict, and is immediate; a repair resolves it."""
    damage(catalog)
    new = movie(40, 18)
    writes: dict[str, Callable[[], object]] = {
        "put": lambda: ap.put_title(catalog, new),
        "create": lambda: ap.put_title(catalog, new, if_absent=True),
        "load": lambda: ap.load_titles(catalog, [new]),
    }
    before = dump(catalog)
    began = time.monotonic()
    with pytest.raises(ConflictError) as raised:
        writes[way]()
    assert time.monotonic() - began < 5
    assert "catalog-model repair" in str(raised.value)
    assert "damaged at SLOT#movie#0 | SLOT#" in str(raised.value)
    assert dump(catalog) == before
    repair(catalog)
    writes[way]()
    assert verify(catalog).is_clean


def test_an_invalid_version_is_refused_by_name(catalog: Catalog) -> None:
    """No condition on it could hold, so nothing is sent."""
    fill(catalog, 8)
    alter(catalog, keys.title_key(TitleKey("movie", 8)), _version={"N": "1.5"})
    writes = 0

    def count(**_: Any) -> None:
        nonlocal writes
        writes += 1

    with (
        hooked(catalog, "before-call.dynamodb.TransactWriteItems", count),
        pytest.raises(UnknownEntityError, match="_version is not a whole number"),
    ):
        ap.update_popularity(catalog, "movie", 8, 5.0)
    assert writes == 0


def test_a_race_that_is_lost_every_time_is_called_one(catalog: Catalog) -> None:
    """The title changes before each attempt: this is not damage, and it takes all attempts."""
    fill(catalog, 8)
    rival = Catalog(catalog.table, client=catalog.client)
    tries = 0

    def overtake(**_: Any) -> None:
        nonlocal tries
        if not inside:
            inside.append(1)
            tries += 1
            ap.update_votes(rival, "movie", 8, vote_average=1.0, vote_count=tries)
            inside.clear()

    inside: list[int] = []
    with (
        without_pauses(),
        hooked(catalog, "before-call.dynamodb.TransactWriteItems", overtake),
        pytest.raises(ConflictError, match=f"won {MAX_RACES} times in a row"),
    ):
        ap.update_popularity(catalog, "movie", 8, 5.0)
    assert tries == MAX_RACES


def test_a_slot_of_a_newer_version_is_not_deleted(catalog: Catalog) -> None:
    """Items of a newer version of this package are not damage."""
    fill(catalog, 8, 16)
    alter(catalog, slot(1), _schema={"N": "99"})
    with pytest.raises(SchemaMismatchError):
        ap.delete_title(catalog, "movie", 8)


def test_a_title_that_cannot_be_read_is_rejected_by_a_load_and_the_rest_is_loaded(
    catalog: Catalog,
) -> None:
    """It is not overwritten; its author must decide what it is."""
    fill(catalog, 8)
    alter(catalog, keys.title_key(TitleKey("movie", 8)), title={"L": []}, popularity={"L": []})
    alter(catalog, keys.title_key(TitleKey("movie", 8)), _slot={"S": "first"})
    before = dump(catalog)[keys.title_key(TitleKey("movie", 8))]
    report = ap.load_titles(catalog, [movie(8, 35), movie(16, 35)])
    assert (report.created, [each.key for each in report.rejected]) == (1, ["movie 8"])
    assert dump(catalog)[keys.title_key(TitleKey("movie", 8))] == before


def test_the_refused_items_are_named_as_the_service_lists_them(catalog: Catalog) -> None:
    """The reasons are in the order of the actions sent, which is not that of the plan."""
    fill(catalog, 8)
    own, other = (codec.encode_title(movie(n, 18), version=1, slot=0) for n in (8, 16))
    planned = (
        Put(other, Absent()),
        Delete(TALLY, Absent()),
        Put(own, Absent()),
        Delete(slot(0)),
    )
    listed = catalog.gateway._listed(planned)
    sent = [primary_key(a.get("Item", a.get("Key"))) for e in listed for a in e.values()]
    assert sent == [key_of(each) for each in as_sent(planned)]
    with pytest.raises(LostRaceError) as raised:
        catalog.gateway.transact(planned)
    assert refused_items(raised.value, planned) == (TALLY, primary_key(own))


def test_a_plan_that_names_an_item_twice_is_not_sent(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error is one of this package and names the item, before the service rejects it."""
    monkeypatch.setattr(Gateway, "_send", None)
    with pytest.raises(ConflictError, match=r"nothing was sent.*SLOT#movie#0 \| SLOT#"):
        catalog.gateway.transact((Delete(slot(0)), Put(codec.encode_slot(TitleKey("movie", 8), 0))))

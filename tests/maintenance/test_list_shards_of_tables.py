"""The number of list shards of a whole table: changed at any time, verified and repaired."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from engines import Engine
from spread_tables import spread, spread_table
from table_dump import (
    assert_in_step,
    changed_at_random,
    comparable,
    dump,
    hooked,
    is_tally,
    killed_at,
    movie,
    walk,
)

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import explain
from catalog_model.dynamodb.faults.clock import SimulatedClock, simulated_time
from catalog_model.dynamodb.pace import Pace
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.entities import AnyTitle
from catalog_model.errors import ConflictError
from catalog_model.maintenance.list_shards import ListShards, plan_statement
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table, dump_table, import_table
from catalog_model.table import codec, keys
from catalog_model.table.spread import NOT_SPREAD, Spread, spread_in
from catalog_model.testing import without_pauses

pytestmark = pytest.mark.in_memory

MOVIES = [
    movie(n, *random.Random(n).sample((18, 28, 35), n % 3), popularity=n % 7, vote_count=n * 7)
    for n in range(1, 25)
]
ORDERS = ("popularity", "rating", "release", "name")


@pytest.fixture
def filled(engine: Engine) -> Iterator[Catalog]:
    """A table whose lists are not spread, and a handle that may read others."""
    catalog = spread_table(engine, 1, MOVIES)
    yield catalog
    delete_table(catalog)


def stated(catalog: Catalog) -> set[Spread]:
    """Return what the tallies state about lists."""
    return {spread_in(item) for key, item in dump(catalog).items() if is_tally(key)}


def lists_in(catalog: Catalog) -> set[str]:
    """Return the partitions of the list of all movies."""
    lists = (item.get(codec.LIST_PK, {}).get("S", "") for item in dump(catalog).values())
    return {each for each in lists if each.startswith("ALL#movie")}


def test_lists_are_spread_and_joined_again_without_a_trace(filled: Catalog) -> None:
    """Each list has as many partitions as requested; with one, the table is as it was before."""
    before = comparable(dump(filled))
    for lists in (8, 3, 3, 32):
        report = spread(filled, lists)
        assert report.left == []
        assert stated(filled) == {Spread(lists)}
        assert lists_in(filled) == {f"ALL#movie#~{n % lists}" for n in range(1, 25)}
        assert verify(filled).is_clean
        assert_in_step(filled)
    assert spread(filled, 32).moved == 0
    spread(filled, 1)
    assert comparable(dump(filled)) == before
    assert verify(filled).is_clean


def test_a_dry_run_predicts_what_is_moved(filled: Catalog) -> None:
    """The number of titles and the units, and nothing is written."""
    before = dump(filled)
    planned = migrate(filled, list_shards=4, dry_run=True)
    assert dump(filled) == before
    report = spread(filled, 4)
    assert (report.moved, report.units) == (planned.moved, planned.units) == (24, planned.units)
    assert planned.units > 0


@contextmanager
def at_each_request(catalog: Catalog, act: Any) -> Iterator[None]:
    """Call *act* before each request through the handle's client, except its own."""
    acting = False

    def hook(**_: Any) -> None:
        nonlocal acting
        if not acting:
            acting = True
            try:
                act()
            finally:
                acting = False

    with hooked(catalog, "before-call.dynamodb", hook):
        yield


@pytest.mark.parametrize(("before", "after"), [(1, 2), (8, 1), (3, 2)])
def test_lists_are_complete_at_every_moment_of_a_change(
    engine: Engine, before: int, after: int
) -> None:
    """For a handle that has just begun, and for one that keeps what it read for a minute.

    Writers have long-lived handles, too, and everything that they write is found.
    """
    catalog = spread_table(engine, before, MOVIES)
    other, fresh = (engine.catalog(catalog.table, sharded_lists=True) for _ in range(2))
    there: dict[int, AnyTitle] = {each.id: each for each in MOVIES}
    rng = random.Random(3)
    moments: list[str] = []

    def look() -> None:
        title = changed_at_random(movie(rng.randint(1, 30)), rng)
        there[title.id] = ap.put_title(other, title)
        fresh.known_spread = None
        order = ORDERS[len(moments) % len(ORDERS)]
        for handle in (other, fresh):
            listed = walk(ap.list_titles, handle, "movie", order=order)
            assert {each.id: each for each in listed} == there
            assert len(listed) == len(there)
            of_genre = walk(ap.list_titles_in_genre, handle, "movie", 18)
            assert set(of_genre) == {each for each in there.values() if 18 in each.genre_ids}
        moments.append(order)

    with simulated_time():
        with at_each_request(catalog, look):
            migrate(catalog, list_shards=after, segments=1)
        look()
    assert len(moments) > 30
    assert stated(catalog) == {Spread(after)}
    assert verify(catalog).is_clean
    delete_table(catalog)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_a_change_that_is_killed_at_any_request_is_completed_by_the_next(
    engine: Engine, filled: Catalog, moment: str
) -> None:
    """Also by one to another number; until then lists are complete."""
    rng = random.Random(moment)
    expected = set(MOVIES)
    for number in range(1, 60, 1 if engine.name == "memory" else 15):
        lists = 2 if stated(filled) == {NOT_SPREAD} else 1
        try:
            with simulated_time(), killed_at(filled, f"{moment}.dynamodb", number):
                migrate(filled, list_shards=lists, segments=1)
        except pytest.fail.Exception:  # it made fewer requests, and is complete
            break
        filled.known_spread = None
        assert set(walk(ap.list_titles, filled, "movie")) == expected
        assert verify(filled).is_clean
        lists = rng.choice((1, 2, 3))
        spread(filled, lists)
        assert stated(filled) == {Spread(lists)}
        assert set(walk(ap.list_titles, filled, "movie")) == expected
    assert number > 30
    assert verify(filled).is_clean


def test_the_pause_is_longer_than_a_handle_keeps_what_it_read(filled: Catalog) -> None:
    """By the clock that only waits and requests advance."""
    with simulated_time(SimulatedClock(0)) as clock:
        migrate(filled, list_shards=2)
        assert clock() == 90


def put(catalog: Catalog, item: Any) -> None:
    """Write an item as another program would."""
    catalog.client.put_item(TableName=catalog.table, Item=item)


def misplace_copies(catalog: Catalog) -> None:
    """Put a listing and a membership into lists of other shards."""
    for item in dump(catalog).values():
        if item.get(codec.LIST_PK, {}).get("S") in ("ALL#movie#~1", "GENRE#movie#28#~1"):
            put(catalog, {**item, codec.LIST_PK: {"S": item[codec.LIST_PK]["S"][:-1] + "3"}})


def forget_the_shards_of_a_title(catalog: Catalog) -> None:
    """Write a title's own item as a program would that does not know of shards."""
    at = keys.title_key(movie(5).key)
    item = {n: v for n, v in dump(catalog)[at].items() if n != codec.LISTS}
    put(catalog, item)


def state_shards_that_nobody_reads(catalog: Catalog) -> None:
    """Let a title state more shards than the table has."""
    at = keys.title_key(movie(6).key)
    put(catalog, {**dump(catalog)[at], codec.LISTS: {"N": "8"}})


def forget_a_statement(catalog: Catalog) -> None:
    """Remove what a tally states about lists."""
    at = keys.tally_key("movie", 3)
    put(catalog, {n: v for n, v in dump(catalog)[at].items() if n != codec.LISTS})


def lose_a_tally(catalog: Catalog) -> None:
    """Delete a tally."""
    key = key_attributes(keys.tally_key("movie", 2))
    catalog.client.delete_item(TableName=catalog.table, Key=key)


def state_nonsense(catalog: Catalog) -> None:
    """Let a tally state no number of shards."""
    at = keys.tally_key("tv", 3)
    put(catalog, {**dump(catalog)[at], codec.LISTS: {"N": "-7"}, codec.LISTS_ALSO: {"N": "2"}})


DAMAGE = (
    misplace_copies,
    forget_the_shards_of_a_title,
    state_shards_that_nobody_reads,
    forget_a_statement,
    lose_a_tally,
    state_nonsense,
)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda each: each.__name__)
def test_damage_of_list_shards_is_found_and_repaired(filled: Catalog, damage: Any) -> None:
    """A copy in another shard, a title or a tally that states another number."""
    spread(filled, 4)
    undamaged = comparable(dump(filled))
    damage(filled)
    assert not verify(filled).is_clean
    assert repair(filled, dry_run=True).actions
    report = repair(filled)
    assert report.actions
    assert report.left == []
    assert verify(filled).is_clean
    assert repair(filled).actions == []
    assert comparable(dump(filled)) == undamaged
    assert set(walk(ap.list_titles, filled, "movie")) == set(MOVIES)


def test_no_title_is_moved_to_lists_that_new_titles_do_not_get(filled: Catalog) -> None:
    """A change that another one has overtaken ends with an error, and moves nothing back."""
    shards = ListShards(filled, Pace(None), 1, lambda _: None)
    both, also = Spread(1, also=2), Spread(2, also=1)
    for statement in (plan_statement(NOT_SPREAD, both), plan_statement(both, also)):
        filled.gateway.transact(statement)
    ap.put_title(filled, movie(70, 18))
    before = dump(filled)
    with without_pauses(), pytest.raises(ConflictError):
        shards._move_titles(1, is_dry=False)
    assert dump(filled) == before
    assert spread(filled, 2).moved == len(MOVIES)


def test_a_title_that_cannot_be_moved_keeps_both_layouts_in_use(filled: Catalog) -> None:
    """It is left with the reason, readers read both, and the next change completes the work."""
    at = keys.title_key(movie(9).key)
    item = dump(filled)[at]
    put(filled, {**item, "vote_count": {"S": "many"}})
    report = spread(filled, 2)
    assert [key for key, _ in report.left] == [at]
    assert stated(filled) == {Spread(2, also=1)}
    assert set(walk(ap.list_titles, filled, "movie")) == set(MOVIES)
    put(filled, item)
    assert spread(filled, 2).moved == 1
    assert stated(filled) == {Spread(2)}


def test_a_title_of_another_program_gets_the_lists_of_the_table(filled: Catalog) -> None:
    """By a change of it, and by a repair."""
    spread(filled, 4)
    for title in (movie(90, 18), movie(91, 28)):
        item = codec.encode_title(title, version=1, slot=0)
        ours = {codec.VERSION, codec.SLOT, codec.SCHEMA, codec.TYPE, codec.DOC}
        put(filled, {n: v for n, v in item.items() if n not in ours})
    ap.update_popularity(filled, "movie", 90, 5)
    assert repair(filled).left == []
    assert verify(filled).is_clean
    assert repair(filled).actions == []
    assert {each.id for each in walk(ap.list_titles, filled, "movie")} >= {90, 91}


@pytest.mark.in_memory(False)
def test_a_dump_keeps_the_list_shards(engine: Engine, tmp_path: Path) -> None:
    """The imported table has the same lists, and the same statement about them."""
    catalog = spread_table(engine, 3, MOVIES)
    other = engine.catalog(sharded_lists=True)
    create_table(other)
    dump_table(catalog, tmp_path / "films.json.gz")
    import_table(other, tmp_path / "films.json.gz")
    assert dump(other) == dump(catalog)
    assert stated(other) == {Spread(3)}
    assert set(walk(ap.list_titles, other, "movie")) == set(MOVIES)
    for each in (catalog, other):
        delete_table(each)


@pytest.mark.in_memory(False)
def test_writes_of_spread_lists_keep_their_declared_budget(engine: Engine) -> None:
    """Every kind of write costs what it costs with lists of one partition, at most."""
    catalog = spread_table(engine, 8, MOVIES)
    calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
        (ap.put_title, (movie(77, 18, 28),), {}),
        (ap.put_title, (movie(77, 18, 35),), {}),
        (ap.update_popularity, ("movie", 77, 9.5), {}),
        (ap.update_votes, ("movie", 77), {"vote_average": 7, "vote_count": 900}),
        (ap.set_genres, ("movie", 77, [80]), {}),
        (ap.delete_title, ("movie", 77), {}),
    ]
    for pattern, arguments, more in calls:
        explained = explain(catalog, pattern, *arguments, **more)
        assert explained.error is None
        assert explained.comparison.departures == ()
    delete_table(catalog)

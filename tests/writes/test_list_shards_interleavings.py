"""A change of the list shards harms no write, and no write harms it, in every interleaving.

At each end all tallies state the new number, each title and its copies are in lists of it, and
titles and answers are those of some sequential order. Each write is explored from each state that
an interrupted change leaves.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest
from interleavings import (
    EIGHT,
    FOREIGN,
    SIXTEEN,
    World,
    Writer,
    change,
    create,
    delete,
    popularity,
    put,
    put_by_another_program,
    small_shards,
    swap,
    table_of,
    update,
)
from table_dump import Table, assert_whole, by_key, is_tally, movie, titles_in

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Lacks, Plan, key_of, outcome
from catalog_model.dynamodb.pace import Pace
from catalog_model.maintenance import list_shards
from catalog_model.maintenance.list_shards import ListShards, plan_statement
from catalog_model.table import codec, keys, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.plan import plan_rewriting
from catalog_model.table.spread import NOT_SPREAD, Spread, spread_in
from catalog_model.table.title_items import read_stored
from catalog_model.testing import without_pauses

TWO = Spread(2)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One tally for each kind; the pause matters to readers only."""
    monkeypatch.setattr(list_shards, "PAUSE", 0)
    with small_shards():
        yield


def change_to(lists: int) -> Writer:
    """Change the number of list shards."""

    def act(catalog: Catalog) -> None:
        shards = ListShards(catalog, Pace(None), 1, lambda _: None)
        shards.change_to(lists)
        assert not shards.left, shards.left

    return Writer(f"{lists} list shards", act, lambda _: None)


def load(*some: Any) -> Writer:
    """Load titles together."""

    def act(catalog: Catalog) -> None:
        ap.load_titles(catalog, some)

    return Writer("load", act, lambda titles: titles.update(by_key(some)))


WRITERS: Final = (
    put(movie(32, 28)),
    put(EIGHT.replace(genre_ids=[35], overview="put")),
    create(movie(40, 18, overview="created")),
    swap(SIXTEEN, SIXTEEN.replace(genre_ids=[18], overview="swapped")),
    popularity(16, popularity=7.5),
    change("votes", ap.update_votes, 8, vote_average=9.5, vote_count=99),
    change("genres", ap.set_genres, 16, genre_ids=[80, 28]),
    update(8, overview="updated", genre_ids=[18, 80]),
    delete(16),
    load(movie(32, 80), movie(40)),
)


def applied(table: Table, planned: Plan) -> Table:
    """Return the table after a plan."""
    after = dict(table)
    for operation in planned:
        key = key_of(operation)
        item = outcome(operation, after.pop(key, None))
        after |= {key: item} if item is not None else {}
    return after


def moved(table: Table, number: int, lists: int) -> Table:
    """Return the table after the move of one title."""
    key = movie(number).key
    stored = read_stored(key, table[keys.title_key(key)])
    assert stored is not None
    return applied(table, plan_rewriting(stored, Encoded(stored.title), lists))


def states(before: int, after: int) -> list[Table]:
    """Return the tables that an interrupted change may leave, from its beginning to its end."""
    both, also = Spread(before, also=after), Spread(after, also=before)
    found = [table_of(EIGHT, SIXTEEN)]
    if before > 1:
        found = [applied(found[0], plan_statement(NOT_SPREAD, Spread(before)))]
        found = [moved(moved(found[0], 8, before), 16, before)]
    found.append(applied(found[-1], plan_statement(Spread(before), both)))
    found.append(applied(found[-1], plan_statement(both, also)))
    found.append(moved(found[-1], 8, after))
    found.append(moved(found[-1], 16, after))
    return found


def problems_of(start: Table, spread: Spread, *writers: Writer) -> list[str]:
    """Explore all interleavings, and return what is wrong at their ends."""
    world = World(start, writers)
    with without_pauses():
        found = [*world.explore().problems]
    allowed = [_sequential(start, writers), _sequential(start, writers[::-1])]
    for table, _, _ in world.ends.values():
        try:
            there = assert_whole(table)
            stated = {spread_in(item) for key, item in table.items() if is_tally(key)}
            assert stated == {spread}
            own = [codec.read_lists(table[keys.title_key(key)]) for key in there]
            assert set(own) <= {spread.lists}
        except AssertionError as error:
            found.append(str(error))
        else:
            if there not in allowed:
                found.append(f"no order gives {there}")
    return found


def _sequential(start: Table, writers: tuple[Writer, ...]) -> dict[Any, Any]:
    titles = titles_in(start)
    for each in writers:
        each.effect(titles)
    return titles


@pytest.mark.parametrize("other", WRITERS, ids=str)
@pytest.mark.parametrize(
    ("before", "after"), [(1, 2), (2, 1), pytest.param(2, 4, marks=pytest.mark.slow)]
)
def test_a_change_of_the_shards_and_a_write_leave_the_table_intact(
    before: int, after: int, other: Writer
) -> None:
    """From every state that an interrupted change leaves, in every interleaving."""
    for start in states(before, after):
        assert problems_of(start, Spread(after), change_to(after), other) == []


@pytest.mark.slow
def test_two_changes_of_the_shards_end_with_the_number_of_one_of_them() -> None:
    """Both to the same number; the one that finds nothing to do ends."""
    for start in states(1, 2):
        assert problems_of(start, TWO, change_to(2), change_to(2)) == []


def test_a_title_of_another_program_is_moved_as_others_are() -> None:
    """It has no copies yet; what enrols it puts them into the right lists."""
    start = table_of(EIGHT) | put_by_another_program(FOREIGN)
    enrolment = popularity(40, popularity=7.5)
    assert problems_of(start, TWO, change_to(2), enrolment) == []


def creates_without_asking_for_the_shards(patch: pytest.MonkeyPatch) -> None:
    """A creation does not compare the number of shards with that of its plan."""
    anything = Lacks(codec.FREE, -1)
    patch.setattr(plan, "lists_are", lambda _: anything)


def skips_the_move(patch: pytest.MonkeyPatch) -> None:
    """No title is moved."""
    patch.setattr(ListShards, "_move", lambda *_, **__: None)


BUGS: list[tuple[Callable[[pytest.MonkeyPatch], None], Writer]] = [
    (creates_without_asking_for_the_shards, create(movie(40))),
    (skips_the_move, popularity(8, popularity=7.5)),
]


@pytest.mark.parametrize(("bug", "other"), BUGS, ids=[bug.__name__ for bug, _ in BUGS])
def test_the_interleavings_find_a_planted_bug(
    monkeypatch: pytest.MonkeyPatch, bug: Callable[[pytest.MonkeyPatch], None], other: Writer
) -> None:
    """With the bug some end has a problem."""
    with monkeypatch.context() as patch:
        bug(patch)
        explore = partial(problems_of, table_of(EIGHT), TWO, change_to(2), other)
        assert any(explore())

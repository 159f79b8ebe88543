"""The table stays intact for every interleaving of the requests of two or three writers.

All interleavings are explored, on a few titles of one shard: see `interleavings`. At each end,
everything is consistent with the titles, and titles and answers are those of some sequential order
of the writers.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain, combinations_with_replacement, product
from typing import Any, Final

import pytest
from interleavings import (
    EIGHT,
    FOREIGN,
    SIXTEEN,
    THERE,
    TWENTY_FOUR,
    Explored,
    Titles,
    Writer,
    change,
    create,
    delete,
    explored,
    key,
    popularity,
    put,
    put_by_another_program,
    swap,
    table_of,
    update,
)
from older_tables import as_version_1
from table_dump import Table, movie

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.typed_json import ItemKey, number
from catalog_model.maintenance.findings import Finding, Problem
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report
from catalog_model.table import codec, keys


def load(*some: Movie) -> Writer:
    """Load titles; others see each one written separately, so no report is needed."""

    def act(catalog: Catalog) -> Any:
        ap.load_titles(catalog, some)
        return None

    def effect(titles: Titles) -> Any:
        titles.update({title.key: title for title in some})

    return Writer("load " + " ".join(str(title.id) for title in some), act, effect)


votes = partial(change, "votes", ap.update_votes)
genres = partial(change, "genres", ap.set_genres)

WRITERS: Final = (
    put(movie(32, 28)),
    put(movie(40, 35)),
    put(SIXTEEN.replace(genre_ids=[35], overview="put")),
    create(movie(32, 18, overview="created")),
    create(movie(24, 35, overview="created")),
    swap(SIXTEEN, SIXTEEN.replace(genre_ids=[18], overview="swapped")),
    popularity(16, popularity=7.5),
    votes(24, vote_average=9.5, vote_count=99),
    genres(16, genre_ids=[80, 28]),
    update(16, overview="updated", genre_ids=[18, 80]),
    update(8, overview="updated"),
    delete(8),
    delete(16),
    delete(24),
    load(movie(32, 80), SIXTEEN.replace(overview="loaded"), movie(40, 80), movie(48)),
)

SHIFTING: Final = (
    put(movie(32, 28)),
    put(EIGHT.replace(genre_ids=[35], overview="put")),
    delete(8),
    delete(16),
    delete(24),
)
"""Writers that take and free slots; three of them run concurrently."""

ADDING: Final = (load(movie(32, 80), movie(40)), genres(16, genre_ids=[80]))
"""Writers that run concurrently with two of those."""


def explored_all(start: Table, meetings: Iterable[tuple[Writer, ...]]) -> Explored:
    """Explore all interleavings of each combination; stop at the first problem."""
    whole = Explored()
    for writers in meetings:
        seen = explored(start, *writers)
        assert not seen.problems, ([each.name for each in writers], seen.problems)
        whole.ways += seen.ways
        whole.states += seen.states
        whole.ends += seen.ends
    return whole


def test_two_writers_leave_the_table_intact_in_every_interleaving() -> None:
    """Every pair of writes in a shard, on the same title or others, in every interleaving."""
    seen = explored_all(table_of(*THERE), combinations_with_replacement(WRITERS, 2))
    assert seen.ways > 10**9
    assert seen.states > 5000


def test_three_writers_leave_the_shard_intact_in_every_interleaving() -> None:
    """Writers that take and free slots, in every combination and interleaving."""
    threes = combinations_with_replacement(SHIFTING, 3)
    with_another = ((SHIFTING[0], delete(8), one) for one in ADDING)
    seen = explored_all(table_of(*THERE), chain(threes, with_another))
    assert seen.ways > 10**6
    assert seen.states > 10_000


@pytest.mark.parametrize("titles", [(), (EIGHT,), (EIGHT, TWENTY_FOUR)], ids=len)
def test_writers_meet_in_a_shard_of_few_titles(titles: tuple[Movie, ...]) -> None:
    """The first title of a shard, the last one to leave it, and a shard without a tally."""
    some = [*SHIFTING[:3], SHIFTING[4], create(EIGHT.replace(overview="created")), *ADDING]
    explored_all(table_of(*titles), combinations_with_replacement(some, 2))


ENROLLING: Final = (
    put(FOREIGN),
    put(FOREIGN.replace(genre_ids=[35], overview="put")),
    popularity(40, popularity=7.5),
    popularity(40, popularity=1.0),
    genres(40, genre_ids=[80, 28]),
    update(40, overview="updated"),
    swap(FOREIGN, FOREIGN.replace(overview="swapped")),
    delete(40),
    load(FOREIGN, movie(32, 18)),
)


def test_a_title_of_another_program_is_enrolled_by_the_first_change_in_every_interleaving() -> None:
    """It gets a slot and all copies, and is counted, once; a deletion counts nothing."""
    start = table_of(*THERE) | put_by_another_program(FOREIGN)
    explored_all(start, ((one,) for one in ENROLLING))
    explored_all(start, combinations_with_replacement(ENROLLING, 2))
    explored_all(start, product(ENROLLING, (SHIFTING[0], delete(8))))


def repair_of(*problems: tuple[Problem, ItemKey]) -> Writer:
    """Repair these findings; this changes no title, and its report is not compared."""
    found = tuple(Finding(problem, at, key(16), "", "") for problem, at in problems)
    report = Report(findings=found, more_findings=0, items=0, titles=0, undecided=())

    def act(catalog: Catalog) -> Any:
        repair(catalog, report)

    return Writer("repair " + ", ".join(problem for problem, _ in problems), act, lambda _: None)


REPAIR: Final = repair_of(
    ("copy stale", keys.listing_key(key(16))), ("count wrong", keys.tally_key("movie", 0))
)


def test_a_repair_harms_nothing_that_is_written_meanwhile() -> None:
    """It checks a title and a shard that are intact, but reads their items at other moments."""
    meetings = [(REPAIR, other) for other in WRITERS]
    explored_all(table_of(*THERE), [*meetings, (REPAIR, REPAIR)])


def damaged() -> Table:
    """Return the shard that the old deletion left: a gap at slot 0, slot 2 beyond the total."""
    table = table_of(*THERE)
    gone = {keys.slot_key("movie", 0, 0), *(at for at in table if keys.title_pk(key(8)) == at.PK)}
    left = {at: item for at, item in table.items() if at not in gone}
    tally = {**table[keys.tally_key("movie", 0)]}
    for name in (codec.TOTAL, "g18", "g28"):
        tally[name] = number(2)
    return {**left, keys.tally_key("movie", 0): tally}


@pytest.mark.parametrize(
    "other", [delete(16), delete(24), genres(16, genre_ids=[80]), REPAIR], ids=str
)
def test_a_damaged_shard_is_repaired_in_every_interleaving(other: Writer) -> None:
    """A repair, concurrent with deletions or another repair: no damage is left."""
    explored_all(damaged(), [(REPAIR, other)])


def test_a_migration_harms_nothing_that_is_written_meanwhile() -> None:
    """A table of the previous version: each title, tally and slot is upgraded by one of them."""

    def act(catalog: Catalog) -> Any:
        migrate(catalog, segments=1)

    migration = Writer("migrate", act, lambda _: None)
    there = table_of(EIGHT, SIXTEEN)
    start = {at: as_version_1(item) for at, item in there.items()}
    explored_all(start, [(migration, other) for other in (*WRITERS, migration)])

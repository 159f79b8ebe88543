"""The table stays intact for every interleaving of the requests of two or three writers.

All interleavings are explored, on a few titles of one shard: see `interleavings`. At each end,
everything is consistent with the titles, and titles and answers are those of some sequential order
of the writers. Bugs planted in the writes show that these laws can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
from table_dump import Table, by_key, movie

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Equals, NotNewer, Update
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.dynamodb.typed_json import ItemKey, number
from catalog_model.maintenance.findings import Finding, Problem
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report
from catalog_model.table import codec, keys, plan, title_items
from catalog_model.table.plan import Shard, Stored
from catalog_model.writes import attempts, storing


def unreported(
    name: str, act: Callable[[Catalog], object], effect: Callable[[Titles], Any] = lambda _: None
) -> Writer:
    """Make a writer whose answer is not compared."""

    def quiet(catalog: Catalog) -> None:
        act(catalog)

    return Writer(name, quiet, effect)


def load(*some: Movie) -> Writer:
    """Load titles; others see each one written separately, so no report is needed."""
    name = "load " + " ".join(str(title.id) for title in some)
    return unreported(name, partial(ap.load_titles, titles=some), lambda t: t.update(by_key(some)))


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
    return unreported(
        f"repair {[problem for problem, _ in problems]}", partial(repair, report=report)
    )


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
    migration = unreported("migrate", partial(migrate, segments=1))
    there = table_of(EIGHT, SIXTEEN)
    start = {at: as_version_1(item) for at, item in there.items()}
    explored_all(start, [(migration, other) for other in (*WRITERS, migration)])


Bug = Callable[[pytest.MonkeyPatch], None]


def deletes_as_it_once_did(patch: pytest.MonkeyPatch) -> None:
    """A missing last slot means "this is the last one"; the condition on the counts is their total.

    The total can recur. If the last slot is the title's own by then, a plan has an item twice.
    """
    tally_of = plan._tally_shard

    def careless(kind: Any, number: int, counts: Any, shard: Shard | None = None) -> Update:
        made = tally_of(kind, number, counts, shard)
        if shard is None:
            return made
        total = Equals(codec.TOTAL, shard.total, or_absent=shard.total == 0)
        return Update(made.key, made.sets, made.adds, NotNewer(total))

    patch.setattr(plan, "_tally_shard", careless)
    patch.setattr(plan, "fits", lambda *_: True)
    patch.setattr("catalog_model.writes.storing.fits", lambda *_: True)


def changes_by_reading_and_putting(patch: pytest.MonkeyPatch) -> None:
    """The lost update: the title is put back as it was read, except for the change."""

    get, put = (ap.PATTERNS[name].conversation for name in ("get_title", "put_title"))
    assert get is not None
    assert put is not None

    def change(catalog: Any, kind: Any, title_id: int, **changes: Any) -> Conversation[Any]:
        title = yield from get(catalog, kind, title_id, consistent=True)
        return (yield from put(catalog, title.replace(**changes)))

    patch.setattr("catalog_model.writes.changes.change_title", change)


def looks_once_whether_it_is_unchanged(patch: pytest.MonkeyPatch) -> None:
    """After a lost race, it is planned again without the check."""
    write, get = storing.write_title, ap.PATTERNS["get_title"].conversation
    assert get

    def forgetful(
        catalog: Any, title: Any, *, if_absent: bool, if_unchanged: Any
    ) -> Conversation[Any]:
        if if_unchanged is not None:
            stored = yield from get(catalog, *title.title.key, consistent=True)
            if if_unchanged != stored:
                return (yield from write(catalog, title, if_unchanged=if_unchanged))
        return (yield from write(catalog, title, if_absent=if_absent))

    patch.setattr("catalog_model.writes.storing.write_title", forgetful)


def takes_no_title_for_one_without_a_version(patch: pytest.MonkeyPatch) -> None:
    """A deleted title is like one without a version: a change creates it again."""
    patch.setattr(plan, "title_as_read", plan.as_read)


def takes_no_slot_for_slot_0(patch: pytest.MonkeyPatch) -> None:
    """A title without a slot is taken for the owner of slot 0."""
    read = title_items.read_stored

    def careless(key: Any, item: Any) -> Stored | None:
        stored = read(key, item)
        return stored and Stored(stored.title, stored.version, stored.slot or 0)

    patch.setattr(attempts, "read_stored", careless)


def counts_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """Any writer takes the slot that was free a moment ago."""
    patch.setattr(plan, "as_read", lambda _: None)


START = table_of(*THERE)
POPULAR = popularity(16, popularity=7.5)
POPULAR_FOREIGN = popularity(40, popularity=7.5)
WITH_FOREIGN = START | put_by_another_program(FOREIGN)

BUGS: list[tuple[Bug, Table, tuple[Writer, ...], str]] = [
    (deletes_as_it_once_did, START, (delete(8), delete(24), put(movie(32, 28))), "inconsistent"),
    (
        deletes_as_it_once_did,
        START,
        (delete(8), delete(8), put(EIGHT)),
        "a plan names an item twice",
    ),
    (changes_by_reading_and_putting, START, (POPULAR, update(16, overview="mine")), "no order"),
    (
        looks_once_whether_it_is_unchanged,
        START,
        (swap(SIXTEEN, SIXTEEN.replace(overview="mine")), POPULAR),
        "no order",
    ),
    (
        takes_no_title_for_one_without_a_version,
        WITH_FOREIGN,
        (POPULAR_FOREIGN, delete(40)),
        "no order",
    ),
    (takes_no_slot_for_slot_0, WITH_FOREIGN, (POPULAR_FOREIGN,), "inconsistent"),
    (takes_no_slot_for_slot_0, WITH_FOREIGN, (delete(40),), "inconsistent"),
    (counts_without_a_condition, START, (create(movie(32)), delete(16)), "inconsistent"),
]
"""Each bug, the writers that reveal it, and the expected problem."""


@pytest.mark.parametrize(("bug", "start", "writers", "found"), BUGS, ids=range(len(BUGS)))
def test_the_interleavings_find_a_planted_bug(
    monkeypatch: pytest.MonkeyPatch, bug: Bug, start: Table, writers: tuple[Writer, ...], found: str
) -> None:
    """With the bug some end has this problem; without it none has one."""
    with monkeypatch.context() as patch:
        bug(patch)
        seen = explored(start, *writers)
    assert any(problem.startswith(found) for problem in seen.problems), seen
    assert not explored(start, *writers).problems

"""The table stays intact for every interleaving of the requests of two or three writers.

All interleavings are explored, on a few titles of one shard: see `interleavings`. At each end,
everything is consistent with the titles, and titles and answers are those of some sequential order
of the writers. Bugs planted in the writes show that these laws can fail.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
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
    small_shards,
    swap,
    table_of,
    update,
)
from older_tables import as_version_1, as_version_3
from table_dump import Table, by_key, movie

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.dynamodb.typed_json import ItemKey, numbers_value, read_int
from catalog_model.maintenance.findings import Finding, Problem
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report
from catalog_model.table import codec, keys, plan, slots, title_items
from catalog_model.table.plan import Stored
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


@pytest.fixture(autouse=True)
def _small_shards() -> Iterator[None]:
    """Blocks of four slots, of which at most two are listed as free."""
    with small_shards():
        yield


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
    assert seen.ways > 50_000
    assert seen.states > 3000


def test_three_writers_leave_the_shard_intact_in_every_interleaving() -> None:
    """Writers that take and free slots, in every combination and interleaving."""
    threes = combinations_with_replacement(SHIFTING, 3)
    with_another = ((SHIFTING[0], delete(8), one) for one in ADDING)
    seen = explored_all(table_of(*THERE), chain(threes, with_another))
    assert seen.ways > 200_000
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


SLOW: Final = pytest.mark.slow

REPAIR: Final = repair_of(
    ("copy stale", keys.membership_key(key(16), 28)), ("count wrong", keys.tally_key("movie", 0))
)


def test_a_repair_harms_nothing_that_is_written_meanwhile() -> None:
    """It checks a title and a shard that are intact, but reads their items at other moments."""
    meetings = [(REPAIR, other) for other in WRITERS]
    explored_all(table_of(*THERE), [*meetings, (REPAIR, REPAIR)])


def damaged(*titles: Movie) -> Table:
    """Return a shard with a title's slot among the free ones, and one without a listing."""
    table = table_of(*titles)
    slots = [read_int(table[keys.title_key(key(number))], codec.SLOT) for number in (8, 16)]
    del table[keys.listing_key(key(8), slots[0])]
    tally = {**table[keys.tally_key("movie", 0)], codec.FREE: numbers_value([slots[1]])}
    return {**table, keys.tally_key("movie", 0): tally}


@pytest.mark.parametrize("other", [delete(16), delete(24), genres(16, genre_ids=[80])], ids=str)
def test_a_damaged_shard_is_repaired_in_every_interleaving(other: Writer) -> None:
    """A repair, concurrent with a write: no damage is left."""
    explored_all(damaged(*THERE), [(REPAIR, other)])


@pytest.mark.parametrize(
    "titles",
    [pytest.param(THERE[:2], marks=SLOW), pytest.param(THERE, marks=[SLOW, pytest.mark.soak])],
    ids=len,
)
def test_two_repairs_of_a_damaged_shard_leave_no_damage(titles: tuple[Movie, ...]) -> None:
    """In any interleaving."""
    explored_all(damaged(*titles), [(REPAIR, REPAIR)])


def former(*titles: Movie) -> Table:
    """Return a table of version 3, with items that are older still."""
    return {at: as_version_1(item) for at, item in as_version_3(table_of(*titles)).items()}


MIGRATION: Final = unreported("migrate", partial(migrate, segments=1))

AT_A_MIGRATION: Final = (
    put(movie(32, 28)),
    popularity(16, popularity=7.5),
    genres(16, genre_ids=[80, 28]),
    delete(8),
)


@pytest.mark.parametrize("other", AT_A_MIGRATION, ids=str)
def test_a_migration_harms_nothing_that_is_written_meanwhile(other: Writer) -> None:
    """A table of an older version: each title and all tallies are upgraded by one of them."""
    explored_all(former(EIGHT, SIXTEEN), [(MIGRATION, other)])


@pytest.mark.slow
def test_a_migration_harms_no_writer_at_all() -> None:
    """Every writer, and another migration."""
    explored_all(former(EIGHT, SIXTEEN), [(MIGRATION, other) for other in (*WRITERS, MIGRATION)])


def test_writers_meet_in_a_table_of_an_older_version() -> None:
    """The first of them that needs the tallies moves them, for all."""
    some = [*SHIFTING[:4], *ADDING, popularity(16, popularity=7.5)]
    explored_all(former(EIGHT, SIXTEEN), combinations_with_replacement(some, 2))


@pytest.mark.slow
def test_two_writers_meet_at_a_migration() -> None:
    """A creation and a deletion, of titles that the migration may have upgraded, or not."""
    explored_all(former(EIGHT, SIXTEEN), [(put(movie(32, 28)), delete(8), MIGRATION)])


Bug = Callable[[pytest.MonkeyPatch], None]


def takes_a_slot_without_asking(patch: pytest.MonkeyPatch) -> None:
    """Any writer takes the slot that was free a moment ago, whether it still is or not."""
    patch.setattr(plan, "Absent", lambda: None)
    without_conditions(patch)


def without_conditions(patch: pytest.MonkeyPatch) -> None:
    """The tally takes whatever it is told."""
    patch.setattr(plan, "Every", lambda _: None)


def opens_a_block_without_asking(patch: pytest.MonkeyPatch) -> None:
    """The slots that are opened may have been opened, and taken, meanwhile."""
    take = slots.take

    def careless(shard: Any, wanted: int, draw: int) -> Any:
        taken = take(shard, wanted, draw)
        return taken if taken.end is None else replace(taken, conditions=())

    patch.setattr(plan, "take", careless)
    patch.setattr(plan, "Absent", lambda: None)


def forgets_to_take_a_slot(patch: pytest.MonkeyPatch) -> None:
    """A new title's slot stays among the free ones."""
    take = slots.take
    patch.setattr(plan, "take", lambda *asked: replace(take(*asked), closed=()))


def forgets_to_free_a_slot(patch: pytest.MonkeyPatch) -> None:
    """A deleted title's slot is neither free nor taken."""
    patch.setattr(plan, "freed", lambda *_: ())


def leaves_the_former_listing(patch: pytest.MonkeyPatch) -> None:
    """A title of an older version is written without deleting its listing there."""
    rewriting = plan.plan_rewriting

    def forgetful(before: Stored, title: Any) -> Any:
        return rewriting(replace(before, is_former=False), title)

    patch.setattr(plan, "plan_rewriting", forgetful)


def counts_anew_beside_the_former_tallies(patch: pytest.MonkeyPatch) -> None:
    """A missing tally is taken for an empty one."""

    def nothing(_: Any) -> Any:
        yield from ()
        return set()

    patch.setattr(attempts, "move_tallies", nothing)


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


with small_shards():
    START = table_of(*THERE)
    FULL = table_of(*THERE, movie(32, 18))
    FORMER = former(EIGHT, SIXTEEN)
POPULAR = popularity(16, popularity=7.5)
POPULAR_FOREIGN = popularity(40, popularity=7.5)
WITH_FOREIGN = START | put_by_another_program(FOREIGN)

BUGS: list[tuple[Bug, Table, tuple[Writer, ...], str]] = [
    (takes_a_slot_without_asking, START, (create(movie(32)), create(movie(40))), "inconsistent"),
    (opens_a_block_without_asking, FULL, (create(movie(40)), create(movie(48))), "inconsistent"),
    (forgets_to_take_a_slot, START, (create(movie(32)),), "inconsistent"),
    (forgets_to_free_a_slot, START, (delete(8),), "inconsistent: slots are lost"),
    (leaves_the_former_listing, FORMER, (POPULAR,), "inconsistent"),
    (counts_anew_beside_the_former_tallies, FORMER, (create(movie(32)),), "no order"),
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
]
"""Each bug, the writers that reveal it, and the expected problem."""


@pytest.mark.parametrize(("bug", "start", "writers", "found"), BUGS, ids=range(len(BUGS)))
def test_the_interleavings_find_a_planted_bug(
    monkeypatch: pytest.MonkeyPatch, bug: Bug, start: Table, writers: tuple[Writer, ...], found: str
) -> None:
    """With the bug some end has this problem; without it none has one."""
    for module in ("catalog_model.table.slots", "table_dump"):  # all free slots are listed
        monkeypatch.setattr(f"{module}.MOST_FREE", 8)
    with monkeypatch.context() as patch:
        bug(patch)
        seen = explored(start, *writers)
    assert any(problem.startswith(found) for problem in seen.problems), seen
    assert not explored(start, *writers).problems

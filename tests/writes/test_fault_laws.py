"""The laws of the model under every kind of fault, for histories of a few seeds; see `fault_laws`.

`make soak` runs many more. Reads of many titles have a law of their own.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from itertools import islice

import pytest
from engines import Engine
from fault_histories import (
    LISTS,
    Read,
    Violation,
    Write,
    effect,
    explained,
    faults_of,
    operations_of,
)
from fault_laws import ACKNOWLEDGED, OUTCOMES, Tally, run_histories, run_history
from lying_server import READS, Call
from table_dump import movie, walk

from catalog_model import Catalog, Page, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.entities import AnyTitle
from catalog_model.errors import ServiceError, TitleExistsError, TitleNotFoundError
from catalog_model.maintenance.findings import Finding
from catalog_model.maintenance.verify import Report, verify
from catalog_model.table import keys
from catalog_model.testing import FAULT_KINDS, Fault, FaultInjector, Injection, inject_faults

HISTORIES = {"moto": (range(6), 25), "dynoxide": (range(12), 30)}
"""Seeds, of which six in a row have all mixes of faults, and lengths; moto is slow."""

HER = movie(1, 18, popularity=1)


@pytest.mark.over_aio
def test_the_laws_hold_under_every_kind_of_fault(engine: Engine) -> None:
    """Acknowledged, rejected, unknown; correct reads or errors; and an intact table.

    A kind of fault or an outcome that never occurred would prove nothing.
    """
    seeds, length = HISTORIES[engine.name]
    tally = run_histories(engine, seeds, length)
    assert tally.faults.keys() == FAULT_KINDS.keys()
    assert set(tally.missing()) <= {"not verified"}  # which has a separate test
    assert tally.histories == len(seeds)


def test_a_history_follows_from_its_seed(engine: Engine) -> None:
    """Operations, faults and outcomes, to the last one; another seed has others."""
    once, again, other = (run_history(engine, seed, 12) for seed in (2, 2, 8))
    assert once == again
    assert once != other


@pytest.mark.parametrize("lags", [True, False])
def test_a_shorter_history_is_the_beginning_of_a_longer(lags: bool) -> None:
    """So the shortest violation of a law is found by running shorter histories."""
    longer = list(islice(operations_of(5, lags=lags), 60))
    assert list(islice(operations_of(5, lags=lags), 20)) == longer[:20]
    assert longer != list(islice(operations_of(6, lags=lags), 60))


def test_every_access_pattern_is_among_the_operations() -> None:
    """The reads by their names, the writes as `perform` makes them, and load_titles."""
    patterns = ap.PATTERNS.values()
    drawn = list(islice(operations_of(1, lags=False), 2000))
    reads = {each.name for each in drawn if isinstance(each, Read)}
    assert reads == {each.name for each in patterns if each.role == "read"}
    assert set(LISTS) < reads
    writes = {each.name for each in drawn if isinstance(each, Write)}
    invalid = {"too large", "no number"}
    assert writes - invalid == {"put", "create", "popularity", "votes", "genres", "delete"}
    others = {"load_titles", "update_title"}  # which other histories cover
    assert len(patterns) == len(reads) + len(writes - invalid - {"create"}) + len(others)


def test_every_kind_of_fault_is_in_the_mixes() -> None:
    """With each lag as well; a tally without one of them reports it."""
    mixes = [faults_of(seed) for seed in range(36)]
    assert {each.kind for mix in mixes for each in mix} == set(FAULT_KINDS)
    lags = [each.lag for mix in mixes for each in mix if each.kind == "stale_index"]
    assert set(lags) == {1, 2, 4}
    assert Tally().missing() == [*sorted(FAULT_KINDS), *sorted(OUTCOMES)]


def test_what_a_title_may_be_follows_from_the_answers() -> None:
    """One value if the answer is known, two if it is not, none if it is wrong."""
    put, delete = Write("put", HER.key, HER), Write("delete", HER.key)
    create, votes = Write("create", HER.key, HER), Write("votes", HER.key, {"vote_count": 3})
    voted = HER.replace(vote_count=3)
    assert effect(votes, HER) == (voted, voted)
    assert explained({None}, [(put, HER)]) == {HER}
    assert explained({None}, [(put, "may be done")]) == {None, HER}
    assert explained({None}, [(put, "not done")]) == {None}
    assert explained({None, HER}, [(create, TitleExistsError)]) == {HER}
    assert explained({None, HER}, [(delete, TitleNotFoundError)]) == {None}
    assert explained({HER}, [(put, "may be done"), (votes, voted)]) == {voted}
    assert explained({HER}, [(delete, "may be done"), (votes, voted)]) == {voted}
    assert explained({HER}, [(create, HER)]) == set()
    assert explained({HER}, [(delete, voted)]) == set()


def test_a_violation_is_reported_with_its_seed_and_its_shortest_history(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That one violates it again, and one operation less does not."""
    monkeypatch.setattr(ap, "delete_title", ap.get_title)  # which deletes nothing
    with pytest.raises(Violation, match=ACKNOWLEDGED) as caught:
        run_histories(engine, [0], 16)
    where = str(caught.value)
    length = int(where.partition("length=")[2].partition(")")[0])
    assert f"run_history({engine.name}, seed=0, length={length})" in where
    assert where.splitlines()[-1].startswith(f"  {length}: Write(name='delete'")
    run_history(engine, 0, length - 1)
    with pytest.raises(Violation, match=ACKNOWLEDGED):
        run_history(engine, 0, length)


@pytest.fixture
def disturbed(table: Catalog) -> Catalog:
    """A handle, with its own client, on a table with some titles."""
    ap.load_titles(table, [movie(number, 18, number % 3 + 1) for number in range(1, 9)])
    return table


MOVED = movie(1, 18, 2, popularity=0, vote_average=0, vote_count=100)
"""The first movie, which moves from the top of each list to the end, and to more votes."""

MERGED: dict[str, Callable[[Catalog], Page[AnyTitle]]] = {
    "any": lambda c: ap.list_titles_in_genres(c, "movie", [2, 18], match="any"),
    "rating": lambda c: ap.list_titles(c, "movie", order="rating"),
}


@pytest.mark.over_aio
@pytest.mark.parametrize("name", MERGED)
def test_a_page_of_several_requests_has_each_title_once(disturbed: Catalog, name: str) -> None:
    """Even one that changes its place during the read: at the place that was read first."""
    for at in range(1, 11):
        ap.put_title(disturbed, MOVED.replace(popularity=9, vote_average=9, vote_count=1))
        with inject_faults(disturbed, [Fault("stale_index", at=[at])]) as injector:
            ap.put_title(disturbed, MOVED)
            ids = [title.id for title in MERGED[name](disturbed)]
            assert len(set(ids)) == len(ids)
        assert len(injector.injected) <= 1


@pytest.mark.parametrize("is_damaged", [False, True])
def test_verify_under_faults_reports_what_is_there_or_raises_an_error(
    disturbed: Catalog, is_damaged: bool
) -> None:
    """It reports no false finding and misses none."""
    if is_damaged:
        key = keys.membership_key(HER.key, 18)
        name = disturbed.table
        disturbed.client.delete_item(TableName=name, Key=key_attributes(key))
    right, reports, failures = findings(verify(disturbed)), 0, 0
    assert bool(right) == is_damaged
    kinds = set()
    for seed in range(8):
        faults = [Fault("stale_index"), *faults_of(2)]
        with inject_faults(disturbed, faults, seed=seed, sleep=lambda _: None) as injector:
            try:
                assert findings(verify(disturbed)) == right
                reports += 1
            except ServiceError:
                failures += 1
        kinds |= {each.kind for each in injector.injected}
    assert reports
    assert failures
    assert kinds > {"throttling", "internal_error", "lost_answer", "unprocessed"}


def findings(report: Report) -> tuple[Finding, ...]:
    """Return the problems in a report, which covers all titles."""
    assert (report.titles, report.undecided) == (8, ())
    return report.findings


OF_MANY_TITLES: dict[str, Call] = {
    **READS,
    "two batches": lambda c: ap.get_titles(c, [TitleKey("movie", n) for n in range(1, 140)]),
    "all pages": lambda c: walk(ap.list_titles, c, "movie"),
    "by rating": lambda c: ap.list_titles(c, "movie", order="rating", limit=30),
    "any": lambda c: ap.list_titles_in_genres(c, "movie", [18, 28], match="any"),
    "in a genre": lambda c: ap.count_titles(c, "movie", 28),
}


def any_faults(catalog: Catalog, seed: int) -> AbstractContextManager[FaultInjector]:
    """Inject all faults except lagging indexes."""
    return inject_faults(catalog, faults_of(2), seed=seed, sleep=lambda _: None)


@pytest.mark.over_aio
@pytest.mark.parametrize("name", OF_MANY_TITLES)
def test_a_read_under_faults_is_right_or_an_error(
    engine: Engine, stocked: Catalog, name: str
) -> None:
    """Never wrong, and never incomplete."""
    read = OF_MANY_TITLES[name]
    right = read(stocked)
    disturbed = Engine(engine.name, engine.endpoint_url).catalog(stocked.table)
    answered, happened = 0, 0
    for seed in range(8):
        with any_faults(disturbed, seed) as injector:
            try:
                answer = read(disturbed)
            except ServiceError:
                answer = None
        assert answer in (None, right)
        answered += answer is not None
        happened += len(injector.injected)
    assert answered
    assert happened


def injected(engine: Engine, table: str, seed: int) -> list[Injection]:
    """Read under faults, with a client of its own; return the faults."""
    own = Engine(engine.name, engine.endpoint_url).catalog(table)
    with any_faults(own, seed) as injector:
        for read in OF_MANY_TITLES.values():
            with suppress(ServiceError):
                read(own)
    return injector.injected


def test_the_same_seed_gives_the_same_faults(engine: Engine, stocked: Catalog) -> None:
    """At the same requests; another seed gives others."""
    once, again, other = (injected(engine, stocked.table, seed) for seed in (7, 7, 8))
    assert once == again != other
    assert len(once) > 10

"""The laws of the model under every kind of fault, for histories of a few seeds; see `fault_laws`.

`make soak` runs many more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
from table_dump import movie

from catalog_model import Catalog, Page
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.typed_json import key_attributes
from catalog_model.entities import AnyTitle
from catalog_model.errors import ServiceError, TitleExistsError, TitleNotFoundError
from catalog_model.maintenance.findings import Finding
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table import keys
from catalog_model.testing import FAULT_KINDS, Fault, inject_faults, without_pauses

HISTORIES = {"moto": (range(6), 25), "dynoxide": (range(12), 30)}
"""Seeds, of which six in a row have all mixes of faults, and lengths; moto is slow."""

HER = movie(1, 18, popularity=1)


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
def disturbed(engine: Engine) -> Iterator[Catalog]:
    """A handle, with its own client, on a table with some titles."""
    catalog = Engine(engine.name, engine.endpoint_url).catalog()
    create_table(catalog)
    some: list[AnyTitle] = [movie(number, 18, number % 3 + 1) for number in range(1, 9)]
    ap.load_titles(catalog, some)
    yield catalog
    delete_table(catalog)


MOVED = movie(1, 18, 2, popularity=0, vote_average=0, vote_count=100)
"""The first movie, which moves from the top of each list to the end, and to more votes."""

MERGED: dict[str, Callable[[Catalog], Page[AnyTitle]]] = {
    "any": lambda c: ap.list_titles_in_genres(c, "movie", [2, 18], match="any"),
    "rating": lambda c: ap.list_titles(c, "movie", order="rating"),
}


@pytest.mark.parametrize("name", MERGED)
def test_a_page_of_several_requests_has_each_title_once(disturbed: Catalog, name: str) -> None:
    """Even one that changes its place during the read: at the place that was read first."""
    ap.put_title(disturbed, MOVED.replace(popularity=9, vote_average=9, vote_count=1))
    for at in range(1, 11):
        with inject_faults(disturbed, [Fault("stale_index", at=[at])]) as injector:
            ap.put_title(disturbed, MOVED)
            ids = [title.id for title in MERGED[name](disturbed)]
            assert len(set(ids)) == len(ids)
            ap.put_title(disturbed, MOVED.replace(popularity=9, vote_average=9, vote_count=1))
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
        with (
            without_pauses(),
            inject_faults(disturbed, faults, seed=seed, sleep=lambda _: None) as injector,
        ):
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

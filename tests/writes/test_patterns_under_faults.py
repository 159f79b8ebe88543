"""Every access pattern under all possible faults: correct results, or an error."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from engines import TRIES, Engine, fresh_table, kinds_of, other_handle
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled
from table_dump import assert_complete, assert_in_step, dump, movie, walk

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.entities import AnyTitle
from catalog_model.errors import (
    CatalogError,
    ServiceError,
    TitleExistsError,
    TitleNotFoundError,
    UnreachableError,
)
from catalog_model.testing import Fault, FaultInjector, Injection, inject_faults

ANY_KIND = (
    Fault("throttling", 0.08),
    Fault("conflict", 0.08),
    Fault("internal_error", 0.08),
    Fault("connection_reset", 0.08),
    Fault("lost_answer", 0.15),
    Fault("garbled_answer", 0.1),
    Fault("unprocessed", 0.3),
    Fault("slow_answer", 0.05),
)


@contextmanager
def any_faults(catalog: Catalog, seed: int) -> Iterator[FaultInjector]:
    """Inject all faults except lagging indexes."""
    with inject_faults(catalog, ANY_KIND, seed=seed, sleep=lambda _: None) as injector:
        yield injector


def test_the_same_seed_gives_the_same_faults(engine: Engine) -> None:
    """At the same requests, with the same effects on a table; another seed gives others."""
    outcomes = [run_of_writes(engine, seed) for seed in (7, 7, 8)]
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] != outcomes[2][0]
    assert len(outcomes[0][0]) > 10


def run_of_writes(engine: Engine, seed: int) -> tuple[list[Injection], list[str]]:
    """Make the same requests; return what happened."""
    outcomes = []
    with fresh_table(engine) as table, any_faults(table, seed) as injector:
        for number in range(25):
            try:
                ap.put_title(table, movie(number % 5 + 1, popularity=number))
                outcomes.append(repr(ap.list_titles(table, "movie").items))
            except CatalogError as error:
                outcomes.append(type(error).__name__)
    return injector.injected, outcomes


READS: dict[str, Callable[[Catalog], object]] = {
    "get_title": lambda c: ap.get_title(c, "movie", 7),
    "get_titles": lambda c: ap.get_titles(c, [TitleKey("movie", n) for n in range(1, 140)]),
    "get_title_with_genres": lambda c: ap.get_title_with_genres(c, "movie", 9),
    "list_titles": lambda c: walk(ap.list_titles, c, "movie"),
    "by_rating": lambda c: ap.list_titles(c, "movie", order="rating", limit=30),
    "in_genre": lambda c: ap.list_titles_in_genre(c, "movie", 18, limit=7),
    "any": lambda c: ap.list_titles_in_genres(c, "movie", [18, 28], match="any"),
    "all": lambda c: ap.list_titles_in_genres(c, "movie", [18, 28]),
    "sample": lambda c: ap.sample_titles(c, "movie", 20, rng=random.Random(1)),
    "top_rated": lambda c: ap.list_top_rated(c, "movie", min_votes=20, min_rating=3),
    "released": lambda c: ap.list_released_between(c, "movie", "2012-01-01", "2020-01-01"),
    "by_name": lambda c: ap.find_titles_by_name(c, "movie", "movie 1", limit=30),
    "genres": lambda c: ap.list_genres(c, "movie"),
    "count": lambda c: ap.count_titles(c, "movie", 28),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_under_faults_is_right_or_an_error(
    engine: Engine, stocked: Catalog, name: str
) -> None:
    """Never wrong, and never incomplete."""
    read = READS[name]
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


writes = st.tuples(
    st.sampled_from(("put", "create", "popularity", "votes", "genres", "some", "delete")),
    st.integers(1, 4),
    st.integers(1, 5),
)


@settings(max_examples=scaled(8))
@given(asked=st.lists(writes, min_size=4, max_size=12), seed=st.integers(0, 10**6))
def test_a_write_under_faults_is_acknowledged_refused_or_unknown(
    engine: Engine, asked: list[tuple[str, int, int]], seed: int
) -> None:
    """Acknowledged: applied. Rejected: not applied. Unknown: completely, or not at all."""
    with fresh_table(engine) as table:
        fresh = other_handle(engine, table)
        there: dict[TitleKey, AnyTitle] = {}
        with any_faults(table, seed) as injector:
            for each in asked:
                allowed = outcomes_of(table, injector, there, each)
                there = assert_complete(dump(fresh))
                assert there in allowed
        assert_in_step(fresh)


def outcomes_of(
    catalog: Catalog,
    injector: FaultInjector,
    there: dict[TitleKey, AnyTitle],
    asked: tuple[str, int, int],
) -> list[dict[TitleKey, AnyTitle]]:
    """Make a write; return the possible contents of the table."""
    name, number, value = asked
    key, happened = TitleKey("movie", number), len(injector.injected)
    old = there.get(key)
    new = wanted(name, old, number, value)
    after = {**there, key: new} if new else {k: t for k, t in there.items() if k != key}
    try:
        answer = make_write(catalog, name, number, value)
    except TitleNotFoundError:
        assert old is None
        assert name not in ("put", "create")
        return [there]
    except TitleExistsError:
        assert old is not None
        assert name == "create"
        return [there]
    except ServiceError:
        lost = {(kind, "TransactWriteItems") for kind in ("lost_answer", "garbled_answer")}
        seen = {(each.kind, each.operation) for each in injector.injected[happened:]}
        may_be_done = bool(lost & seen)
        return [there, after] if may_be_done else [there]
    assert answer == (new or old)
    return [after]


def wanted(name: str, old: AnyTitle | None, number: int, value: int) -> AnyTitle | None:
    """Return the title after a write."""
    if name in ("put", "create"):
        return movie(number, 12 * value, popularity=value)
    if old is None or name == "delete":
        return None
    changed: dict[str, dict[str, Any]] = {
        "popularity": {"popularity": float(value)},
        "votes": {"vote_average": float(value), "vote_count": value},
        "genres": {"genre_ids": [value, 18]},
        "some": {"genre_ids": [value, 35], "overview": f"No. {value}"},
    }
    return old.replace(**changed[name])


def make_write(catalog: Catalog, name: str, number: int, value: int) -> AnyTitle:
    """Make a write."""
    match name:
        case "popularity":
            return ap.update_popularity(catalog, "movie", number, value)
        case "votes":
            return ap.update_votes(catalog, "movie", number, vote_average=value, vote_count=value)
        case "genres":
            return ap.set_genres(catalog, "movie", number, [value, 18])
        case "some":
            changes: dict[str, Any] = {"genre_ids": [value, 35], "overview": f"No. {value}"}
            return ap.update_title(catalog, "movie", number, **changes)
        case "delete":
            return ap.delete_title(catalog, "movie", number)
    title = movie(number, 12 * value, popularity=value)
    return ap.put_title(catalog, title, if_absent=name == "create")


def test_writers_in_threads_under_faults_leave_the_table_in_step(
    engine: Engine, table: Catalog
) -> None:
    """Whatever answers they get."""

    def work(seed: int) -> int:
        rng, refused = random.Random(seed), 0
        for _ in range(8):
            name = rng.choice(("put", "create", "popularity", "genres", "delete"))
            try:
                make_write(table, name, rng.randint(1, 3), rng.randint(1, 5))
            except CatalogError:
                refused += 1
        return refused

    with any_faults(table, 1) as injector, ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) < 32
    assert len(set(kinds_of(injector))) > 4
    assert_in_step(other_handle(engine, table))


def test_a_load_under_faults_is_completed_by_repeating_it(engine: Engine, table: Catalog) -> None:
    """Titles written without an answer are complete, and found by the second run."""
    some = [movie(number, 18, number % 3 + 1) for number in range(1, 41)]
    never = Fault("lost_answer", at=range(2, 2 + TRIES), operations=["TransactWriteItems"])
    with inject_faults(table, [never, Fault("unprocessed", 0.5)], seed=2) as injector:
        with pytest.raises(UnreachableError):
            ap.load_titles(table, some)
        there = assert_complete(dump(other_handle(engine, table)))
        report = ap.load_titles(table, some)
    assert 20 < len(there) < 40
    assert (report.created, report.unchanged) == (40 - len(there), len(there))
    assert set(kinds_of(injector)) == {"lost_answer", "unprocessed"}
    assert set(assert_in_step(other_handle(engine, table)).values()) == set(some)

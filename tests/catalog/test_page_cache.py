"""A page cache: what it answers is recent, own writes are seen, and threads ask once."""

import copy
import inspect
import json
import os
import pickle
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import pytest
from engines import Engine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scaled import scaled
from table_dump import movie

from catalog_model import Catalog, Page
from catalog_model import access_patterns as ap
from catalog_model.cache import LAG, CacheStatistics, PageCache
from catalog_model.declarations.caching import KEPT
from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    InvalidArgumentError,
    ThrottledError,
    TitleNotFoundError,
)
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import Fault, Throughput, inject_faults, simulated_time, without_pauses

SECONDS: Final = 10.0
GENRES: Final = (12, 28)
IDS: Final = range(1, 6)

pytestmark = pytest.mark.in_memory

READS: Final[dict[str, Callable[[Catalog], Any]]] = {
    "list_titles": lambda catalog: ap.list_titles(catalog, "movie"),
    "list_titles by rating": lambda catalog: ap.list_titles(catalog, "movie", order="rating"),
    "list_titles_in_genre": lambda catalog: ap.list_titles_in_genre(catalog, "movie", 28),
    "list_titles_in_genres": lambda catalog: ap.list_titles_in_genres(catalog, "movie", [28, 12]),
    "list_top_rated": lambda catalog: ap.list_top_rated(
        catalog, "movie", min_votes=1, min_rating=0.5
    ),
    "list_released_between": lambda catalog: ap.list_released_between(
        catalog, "movie", "2000-01-01", "2020-12-31"
    ),
    "find_titles_by_name": lambda catalog: ap.find_titles_by_name(catalog, "movie", "movie"),
    "get_title": lambda catalog: ap.get_title(catalog, "movie", 1),
    "get_title_with_genres": lambda catalog: ap.get_title_with_genres(catalog, "movie", 1),
}
"""A read of each access pattern that a cache keeps."""

ONE_TITLE: Final = ("get_title", "get_title_with_genres")
"""Reads of title 1 alone."""

OTHERS: Final[dict[str, Callable[[Catalog], Any]]] = {
    "get_title consistent": lambda catalog: ap.get_title(catalog, "movie", 1, consistent=True),
    "get_titles": lambda catalog: ap.get_titles(catalog, [("movie", 1)]),  # type: ignore[list-item]
    "sample_titles": lambda catalog: ap.sample_titles(catalog, "movie", 3),
    "count_titles": lambda catalog: ap.count_titles(catalog, "movie"),
    "list_genres": lambda catalog: ap.list_genres(catalog, "movie"),
    "list_titles of an iterator": lambda catalog: ap.list_titles_in_genres(
        catalog, "movie", iter([28, 12])
    ),
}
"""Reads that are never kept."""


@pytest.fixture
def table(engine: Engine) -> Iterator[Catalog]:
    """A table with some movies, and a handle without a cache."""
    catalog = engine.catalog()
    create_table(catalog)
    for number in IDS:
        ap.put_title(catalog, some_movie(number))
    yield catalog
    delete_table(catalog)


def some_movie(number: int, popularity: float = 1.0) -> Any:
    fields = {"vote_average": 5.5, "vote_count": 40 * number, "release_date": "2010-01-01"}
    return movie(number, *GENRES, popularity=popularity, **fields)


def cached(table: Catalog, seconds: float = SECONDS, **settings: Any) -> Catalog:
    return Catalog(table.table, client=table.client, cache=PageCache(seconds, **settings))


def statistics(catalog: Catalog) -> CacheStatistics:
    assert catalog.cache
    return catalog.cache.statistics()


def outcome(read: Callable[[Catalog], Any], catalog: Catalog) -> Any:
    """Return the answer of a read, in a form that can be compared; the class of an error."""
    try:
        return read(catalog)
    except TitleNotFoundError as error:
        return type(error)


@given(st.randoms(use_true_random=False))
@settings(max_examples=scaled(20), suppress_health_check=list(HealthCheck), deadline=None)
def test_an_answer_is_never_older_than_its_time(table: Catalog, rng: random.Random) -> None:
    """And not before the last own write of what it reads. Others write, and time passes."""
    name = rng.choice(sorted(READS))
    read = READS[name]
    with simulated_time() as clock:
        ours = cached(table)
        states = [(clock(), outcome(read, table))]
        last_own = -1.0
        for _ in range(rng.randint(5, 20)):
            clock.advance(rng.choice((0, 0.1, 0.5, 1, 3, 9, 11)))
            action = rng.choice(("read", "read", "read", "own write", "other write"))
            if action == "read":
                found, now = outcome(read, ours), clock()
                since = max(now - SECONDS, last_own)
                recent = [state for at, state in states if at >= since]
                before = [state for at, state in states if at < since][-1:]
                assert found in before + recent
                continue
            number = write_something(ours if action == "own write" else table, rng)
            states.append((clock(), outcome(read, table)))
            if action == "own write" and (name not in ONE_TITLE or number == 1):
                last_own = clock()
                states = states[-1:]


def write_something(catalog: Catalog, rng: random.Random) -> int:
    """Change a title, and return its id."""
    number = rng.choice(IDS)
    writes: list[Callable[[], Any]] = [
        lambda: ap.put_title(catalog, some_movie(number, rng.randint(1, 10**6))),
        lambda: ap.update_popularity(catalog, "movie", number, rng.randint(1, 10**6)),
        lambda: ap.update_title(catalog, "movie", number, title=f"Movie {rng.randint(1, 10**6)}"),
        lambda: ap.set_genres(catalog, "movie", number, rng.sample(GENRES, rng.randint(0, 2))),
        lambda: ap.delete_title(catalog, "movie", number),
        lambda: ap.load_titles(catalog, [some_movie(number, rng.randint(1, 10**6))]),
    ]
    try:
        rng.choice(writes)()
    except TitleNotFoundError:
        ap.put_title(catalog, some_movie(number))
    return number


@pytest.mark.parametrize("name", READS)
def test_a_read_is_answered_from_the_cache_until_its_time_ends(name: str, table: Catalog) -> None:
    """Equal to the first answer, without a request; then it is read again."""
    read = READS[name]
    with simulated_time() as clock:
        ours = cached(table)
        with ours.trace() as trace:
            first = read(ours)
            requests = len(trace)
            clock.advance(SECONDS - 0.1)
            assert read(ours) == first == read(table)
            assert len(trace) == requests
            clock.advance(0.2)
            assert read(ours) == first
            assert len(trace) == 2 * requests


@pytest.mark.parametrize("name", OTHERS)
def test_exact_and_random_answers_are_not_kept(name: str, table: Catalog) -> None:
    """Nor what an iterator asks for, which can be read only once."""
    ours = cached(table)
    for _ in range(2):
        OTHERS[name](ours)
    assert statistics(ours) == CacheStatistics(0, 0, 0, 0, 0)


def test_every_list_is_kept() -> None:
    """All access patterns that return pages, and no write."""
    paged = {
        name
        for name, pattern in ap.PATTERNS.items()
        if "Page[" in str(inspect.signature(pattern.function).return_annotation)
    }
    assert paged <= KEPT
    assert {ap.PATTERNS[name].role for name in KEPT} == {"read"}
    assert {name.partition(" ")[0] for name in READS} == KEPT


def test_an_own_write_is_seen_at_once(table: Catalog) -> None:
    """In every list of the kind and in the title itself; the other kind's lists stay."""
    ours = cached(table)
    for read in READS.values():
        read(ours)
    ap.list_titles(ours, "tv")
    ap.update_popularity(ours, "movie", 1, 99)
    for name, read in READS.items():
        assert read(ours) == read(table), name
    assert statistics(ours).hits == 0
    ap.list_titles(ours, "tv")
    assert statistics(ours).hits == 1


def test_other_titles_stay_after_an_own_write(table: Catalog) -> None:
    """Only the changed title is read again."""
    ours = cached(table)
    for number in IDS:
        ap.get_title(ours, "movie", number)
    ap.update_popularity(ours, "movie", 1, 99)
    for number in IDS:
        ap.get_title(ours, "movie", number)
    assert statistics(ours).hits == len(IDS) - 1


def test_a_write_whose_outcome_is_unknown_is_an_own_write(engine: Engine, table: Catalog) -> None:
    """It may have been applied."""
    if engine.name == "memory":
        pytest.skip("a table in memory loses no answers")
    ours = cached(table)
    ap.get_title(ours, "movie", 1)
    lost = Fault("lost_answer", operations=["TransactWriteItems"])
    with without_pauses(), inject_faults(ours, [lost]), pytest.raises(CatalogError):
        ap.update_popularity(ours, "movie", 1, 99)
    assert ap.get_title(ours, "movie", 1).popularity == 99


def test_what_was_read_shortly_after_an_own_write_is_kept_shortly(table: Catalog) -> None:
    """The index may have lagged behind."""
    with simulated_time() as clock:
        ours = cached(table)
        ap.update_popularity(ours, "movie", 1, 50)
        clock.advance(LAG / 2)
        ap.list_titles(ours, "movie")
        clock.advance(LAG * 1.1)
        ap.list_titles(ours, "movie")
        clock.advance(LAG * 1.1)
        ap.list_titles(ours, "movie")
        assert (statistics(ours).misses, statistics(ours).hits) == (2, 1)


def test_a_hot_list_is_read_more_than_its_partition_allows(engine: Engine, table: Catalog) -> None:
    """In one second: its partition has 3,000 read units, a kept page needs none."""
    if not engine.measures:
        pytest.skip("this engine reports no units")
    for number in range(1, 21):
        ap.put_title(table, some_movie(number).replace(overview="x" * 40_000))
    with simulated_time(request_seconds=0) as clock:
        with inject_faults(table, [Throughput(read_units=10**6, clock=clock)]) as injector:
            bare = sum(1 for _ in range(60) if not throttled(table))
            assert 3000 / 110 <= bare <= 3000 / 90
            assert {each.kind for each in injector.injected} == {"throttling"}
        with inject_faults(table, [Throughput(read_units=10**6, clock=clock)]) as injector:
            ours = cached(table)
            assert not any(throttled(ours) for _ in range(60))
            assert injector.injected == []


def throttled(catalog: Catalog) -> bool:
    """Whether a page of the list is throttled, at a moment that does not pass."""
    try:
        with without_pauses():
            ap.list_titles(catalog, "movie")
    except ThrottledError:
        return True
    return False


@contextmanager
def gate(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any, list[int]]]:
    """Hold every request at a gate: an event when one arrives, one that opens, and the count."""
    arrived, opened, asked = threading.Event(), threading.Event(), list[int]()
    query = type(catalog.gateway).query

    def held(*args: Any, **kwargs: Any) -> Any:
        asked.append(1)
        arrived.set()
        assert opened.wait(20)
        return query(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(catalog.gateway), "query", held)
        yield arrived, opened, asked
        opened.set()


def test_concurrent_equal_reads_send_once(table: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share its answer."""
    ours = cached(table)
    count = 8
    with ThreadPoolExecutor(count) as pool, gate(ours, monkeypatch) as (arrived, opened, asked):
        answers = [pool.submit(ap.list_titles, ours, "movie") for _ in range(count)]
        assert arrived.wait(20)
        while statistics(ours).joined < count - 1:
            assert not any(answer.done() for answer in answers)
        opened.set()
        pages = {id(answer.result(20)) for answer in answers}
    assert len(pages) == len(asked) == 1


def test_an_error_is_shared_but_not_kept(table: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that waited for it get it; the next call asks again."""
    ours = cached(table)
    count = 4
    with ThreadPoolExecutor(count) as pool, gate(ours, monkeypatch) as (arrived, opened, _):
        wrong = partial(ap.get_title_with_genres, ours, "movie", 999)
        answers = [pool.submit(wrong) for _ in range(count)]
        assert arrived.wait(20)
        while statistics(ours).joined < count - 1:
            assert not any(answer.done() for answer in answers)
        opened.set()
        errors = [answer.exception(20) for answer in answers]
    assert [type(error) for error in errors] == [TitleNotFoundError] * count
    assert statistics(ours).answers == 0
    ap.put_title(table, some_movie(999))
    assert ap.get_title_with_genres(ours, "movie", 999).title.id == 999


def test_an_answer_from_before_an_own_write_is_not_kept(
    table: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that began before the write returns what it found; later calls do not share it."""
    ours = cached(table)
    with ThreadPoolExecutor(2) as pool, gate(ours, monkeypatch) as (arrived, opened, asked):
        early = pool.submit(ap.list_titles, ours, "movie")
        assert arrived.wait(20)
        ap.update_popularity(ours, "movie", 1, 99)
        late = pool.submit(ap.list_titles, ours, "movie")
        while len(asked) < 2:
            assert not late.done()
        opened.set()
        early.result(20)
        assert late.result(20).items[0].popularity == 99
    assert ap.list_titles(ours, "movie").items[0].popularity == 99


def test_an_interrupted_thread_leaves_no_other_waiting(table: Catalog) -> None:
    """A thread that waited for its request makes it itself."""
    ours = cached(table)
    assert ours.cache
    began, interrupted = threading.Event(), threading.Event()

    def ask_and_stop() -> Any:
        began.set()
        assert interrupted.wait(20)
        raise KeyboardInterrupt

    def first() -> None:
        with pytest.raises(KeyboardInterrupt):
            ours.cache.answer("key", ["tag"], ask_and_stop, len)  # type: ignore[union-attr]

    with ThreadPoolExecutor(2) as pool:
        stopped = pool.submit(first)
        assert began.wait(20)
        other = pool.submit(ours.cache.answer, "key", ["tag"], lambda: [7], len)
        while not statistics(ours).joined:
            assert not other.done()
        interrupted.set()
        assert other.result(20) == [7]
        stopped.result(20)


@given(st.randoms(use_true_random=False), st.integers(1, 30))
@settings(max_examples=scaled(10), suppress_health_check=list(HealthCheck), deadline=None)
def test_it_keeps_no_more_titles_than_it_may(table: Catalog, rng: random.Random, most: int) -> None:
    """Answers with more titles are not kept."""
    ours = cached(table, titles=most)
    for _ in range(20):
        limit = rng.randint(1, 9)
        page = ap.list_titles(ours, "movie", limit=limit, descending=rng.random() < 0.5)
        assert len(page.items) == min(limit, len(IDS))
        found = statistics(ours)
        assert found.titles <= most
        assert found.answers <= found.titles


@pytest.mark.parametrize("value", [True, 20.5, "20", 0, None])
def test_an_invalid_argument_equal_to_a_kept_one_is_refused(value: Any, table: Catalog) -> None:
    """``True`` equals 1 and hashes like it."""
    ours = cached(table)
    for limit in (1, 20):
        ap.list_titles(ours, "movie", limit=limit)
    with pytest.raises(InvalidArgumentError):
        ap.list_titles(ours, "movie", limit=value)
    assert statistics(ours).hits == 0


def test_pages_are_kept_apart_by_all_of_their_arguments(table: Catalog) -> None:
    """By the cursor, too; defaults that are written out make no difference."""
    ours = cached(table)
    first = ap.list_titles(ours, "movie", limit=2)
    second = ap.list_titles(ours, "movie", limit=2, after=first.next)
    assert first != second
    assert ap.list_titles(ours, "movie", limit=2, after=first.next) is second
    assert ap.list_titles(ours, kind="movie", limit=2, order="popularity") is first
    assert ap.list_titles(catalog=ours, kind="movie", limit=2) is first


def test_there_is_no_cache_by_default(table: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an argument, or by a variable."""
    monkeypatch.delenv("CATALOG_CACHE_SECONDS", raising=False)
    assert table.cache is None
    assert Catalog.from_env().cache is None
    monkeypatch.setenv("CATALOG_CACHE_SECONDS", "2.5")
    found = Catalog.from_env().cache
    assert found is not None
    assert found.seconds == 2.5
    assert Catalog.from_env(cache=None).cache is None
    monkeypatch.setenv("CATALOG_CACHE_SECONDS", "0")
    assert Catalog.from_env().cache is None
    for wrong in ("soon", "-1", "nan", "86401"):
        monkeypatch.setenv("CATALOG_CACHE_SECONDS", wrong)
        with pytest.raises(ConfigurationError, match=f"from 0 to 86,400, not {wrong!r}"):
            Catalog.from_env()


def test_copies_share_it_and_other_tables_do_not(table: Catalog) -> None:
    """A write through the copy is seen at once; a table of the same cache has its own answers."""
    ours = cached(table)
    page = ap.list_titles(ours, "movie")
    other = copy.copy(ours)
    assert ap.list_titles(other, "movie") is page
    ap.update_popularity(other, "movie", 1, 99)
    assert ap.list_titles(ours, "movie").items[0].popularity == 99
    empty = Catalog(f"{table.table}-empty", client=table.client, cache=ours.cache)
    create_table(empty)
    assert ap.list_titles(empty, "movie") == Page(())
    assert ap.list_titles(ours.for_table(empty.table), "movie") == Page(())
    delete_table(empty)


def test_a_pickled_handle_has_an_empty_cache_with_the_same_settings() -> None:
    """Answers stay in their process."""
    original = Catalog("films", region="eu-west-1", cache=PageCache(7.5, titles=99))
    restored = pickle.loads(pickle.dumps(original))
    assert repr(restored.cache) == repr(original.cache) == "PageCache(seconds=7.5, titles=99)"
    assert restored.cache is not original.cache
    assert restored.cache.statistics() == CacheStatistics(0, 0, 0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_a_forked_process_begins_with_an_empty_cache_and_no_lock_of_its_parent() -> None:
    """Even if another thread was asking at the moment of the fork."""
    cache = PageCache(SECONDS)
    cache.answer("key", ["tag"], lambda: [7], len)
    reading, writing = os.pipe()
    with cache._lock:
        child = os.fork()
        if not child:
            try:
                answer = cache.answer("key", ["tag"], lambda: [8], len)
                os.write(writing, json.dumps([answer, cache.statistics().misses]).encode())
            finally:
                os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert json.loads(os.read(reading, 100)) == [[8], 1]
    os.close(reading)
    assert cache.answer("key", ["tag"], lambda: [9], len) == [7]


def test_a_cleared_cache_asks_again(table: Catalog) -> None:
    """Such as after a repair."""
    ours = cached(table)
    ap.list_titles(ours, "movie")
    ap.update_popularity(table, "movie", 1, 99)
    assert ap.list_titles(ours, "movie").items[0].popularity != 99
    assert ours.cache
    ours.cache.clear()
    assert ap.list_titles(ours, "movie").items[0].popularity == 99


@pytest.mark.parametrize(
    "arguments",
    [
        {"seconds": 0},
        {"seconds": -1},
        {"seconds": 86_401},
        {"seconds": float("nan")},
        {"seconds": "30"},
        {"titles": 0},
        {"titles": 1.5},
        {"titles": 10_000_001},
    ],
)
def test_settings_out_of_bounds_are_refused(arguments: dict[str, Any]) -> None:
    """The error names the argument."""
    (name,) = arguments
    with pytest.raises(InvalidArgumentError, match=name):
        PageCache(**arguments)


def test_what_is_no_cache_is_refused() -> None:
    """A handle takes a PageCache or None."""
    with pytest.raises(InvalidArgumentError, match="cache"):
        Catalog("films", cache={})  # type: ignore[arg-type]


def test_without_cachetools_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(__import__("sys").modules, "cachetools", None)
    with pytest.raises(ConfigurationError, match=r"catalog-model\[cache\]"):
        PageCache()

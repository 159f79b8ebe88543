"""`catalog_model.aio`: the access patterns as coroutine functions."""

import ast
import asyncio
import doctest
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, get_type_hints

import pytest
from lanes import WITHOUT
from over_aio import over_aio
from table_dump import assert_in_step, movie

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as sync
from catalog_model.aio import AsyncCatalog
from catalog_model.aio import access_patterns as ap
from catalog_model.cache import PageCache
from catalog_model.dynamodb.aio.sender import Sender
from catalog_model.errors import InvalidArgumentError, ThrottledError, TitleNotFoundError
from catalog_model.testing import Fault, inject_faults
from docs.example_data import MOVIES, SHOWS

Act = Callable[[AsyncCatalog], Awaitable[Any]]

HER, UP = movie(1, 18, 878), movie(2, 16, popularity=7)


@pytest.fixture
def handle(table: Catalog) -> AsyncCatalog:
    return AsyncCatalog.of(table)


def run(catalog: AsyncCatalog, act: Act) -> Any:
    """Run *act* in an event loop of its own."""

    async def main() -> Any:
        async with catalog:
            return await act(catalog)

    return asyncio.run(main())


# --- The functions


@pytest.mark.parametrize("name", sync.PATTERNS)
def test_a_function_is_that_of_access_patterns_with_an_await(name: str) -> None:
    """Its name, arguments, defaults, result and documentation."""
    theirs, ours = getattr(sync, name), getattr(ap, name)
    assert inspect.iscoroutinefunction(ours)
    assert ours.__name__ == name
    first, *rest = inspect.signature(ours).parameters.values()
    assert first.annotation is AsyncCatalog
    assert rest == list(inspect.signature(theirs).parameters.values())[1:]
    assert get_type_hints(ours)["return"] == get_type_hints(theirs)["return"]
    before, after = theirs.__doc__.splitlines(), ours.__doc__.splitlines()
    assert [line for line in before if ">>>" not in line and line not in after] == []


def test_the_module_has_every_access_pattern() -> None:
    """No name is missing, and none is its own."""
    assert set(ap.__all__) == {*sync.PATTERNS, "PATTERNS"}


@pytest.mark.parametrize("name", sync.PATTERNS)
def test_the_examples_run(name: str, handle: AsyncCatalog, record: dict[str, Any]) -> None:
    """Those in the docstring, with an await before each call."""
    function = getattr(ap, name)
    examples = doctest.DocTestParser().get_examples(function.__doc__)
    assert any("await" in each.source for each in examples)
    sync.load_titles(handle.sync, [*map(Movie.from_json, MOVIES), *map(TVShow.from_json, SHOWS)])
    names: dict[str, Any] = {"Movie": Movie, "TitleKey": TitleKey, "record": record, name: function}

    async def main(catalog: AsyncCatalog) -> None:
        names["catalog"] = catalog
        for each in examples:
            await _check(each, names)

    run(handle, main)


async def _check(example: doctest.Example, names: dict[str, Any]) -> None:
    mode = "exec" if "=" in example.source.partition("(")[0] else "eval"
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(example.source.strip(), "example", mode, flags)
    value = eval(code, names)
    if inspect.isawaitable(value):
        value = await value
    shown = "" if value is None else f"{value!r}\n"
    assert doctest.OutputChecker().check_output(example.want, shown, doctest.ELLIPSIS)


def test_errors_are_the_same_and_arise_when_awaited(handle: AsyncCatalog) -> None:
    """A missing title, an invalid argument, another handle, a missing argument."""

    async def main(catalog: AsyncCatalog) -> None:
        with pytest.raises(TitleNotFoundError):
            await ap.get_title(catalog, "movie", 1)
        with pytest.raises(InvalidArgumentError, match="limit"):
            await ap.list_titles(catalog, "movie", limit=0)
        with pytest.raises(InvalidArgumentError, match="an AsyncCatalog"):
            await ap.get_title(catalog.sync, "movie", 1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="title_id"):
            await ap.get_title(catalog, "movie")  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="catalog"):
            await ap.get_title(kind="movie", title_id=1)  # type: ignore[call-arg]

    run(handle, main)


def test_traces_and_hooks_see_requests_with_their_round_trips(handle: AsyncCatalog) -> None:
    """As with the synchronous handle, and those sent at once in the order of their questions."""

    async def main(catalog: AsyncCatalog) -> None:
        await ap.put_title(catalog, HER)
        seen: list[Any] = []
        stop = catalog.on_request(seen.append)
        with catalog.trace() as ours:
            await ap.list_titles(catalog, "movie", order="rating")
        stop()
        with catalog.sync.trace() as theirs:
            sync.list_titles(catalog.sync, "movie", order="rating")
        assert seen == ours.requests
        assert [_asked(each) for each in ours] == [_asked(each) for each in theirs]

    run(handle, main)


def _asked(request: Any) -> tuple[Any, ...]:
    return request.pattern, request.round_trip, request.operation, request.asked, request.units


def test_tests_over_aio_do_run_over_it(table: Catalog) -> None:
    """Calls by name and references that were taken before."""
    before = sync.count_titles
    with over_aio() as handles:
        sync.put_title(table, HER)
        assert before(table, "movie") == 1
        assert handles.calls == 2


# --- Loads


def test_a_load_reports_its_progress_in_the_event_loop(handle: AsyncCatalog) -> None:
    """And an error of the callback ends it."""
    told: list[tuple[int, object]] = []

    async def main(catalog: AsyncCatalog) -> None:
        def progress(done: int) -> None:
            told.append((done, asyncio.get_running_loop()))

        def fail(_: int) -> None:
            raise ZeroDivisionError

        report = await ap.load_titles(catalog, [HER, UP], on_progress=progress)
        assert (report.created, told[-1]) == (2, (2, asyncio.get_running_loop()))
        with pytest.raises(ZeroDivisionError):
            await ap.load_titles(catalog, [HER], on_progress=fail)
        with pytest.raises(InvalidArgumentError, match="on_progress"):
            await ap.load_titles(catalog, [HER], on_progress=7)  # type: ignore[arg-type]

    run(handle, main)


def test_a_cancelled_load_leaves_whole_titles_and_stops(handle: AsyncCatalog) -> None:
    """Its thread sends no further transaction; the next load completes the table."""
    titles = [movie(number, 18, number % 3 + 1) for number in range(1, 120)]

    async def main(catalog: AsyncCatalog) -> None:
        def progress(done: int) -> None:
            if done > 20:
                task.cancel()

        task = asyncio.create_task(ap.load_titles(catalog, titles, on_progress=progress))
        with pytest.raises(asyncio.CancelledError):
            await task

    run(handle, main)  # its end awaits the thread
    there = assert_in_step(handle.sync)
    assert 20 < len(there) < len(titles)
    report = sync.load_titles(handle.sync, titles)
    assert report.created == len(titles) - len(there)


def test_a_paced_load_is_cancelled_during_its_wait(catalog: Catalog) -> None:
    """At this pace, its next title would wait for hours."""

    async def main(handle: AsyncCatalog) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await ap.load_titles(handle, [HER, UP], write_units=0.001)

    run(AsyncCatalog.of(catalog), main)


# --- Handles


def test_the_arguments_are_those_of_catalog() -> None:
    """And so are its refusals, its settings and its representation."""
    ours, theirs = inspect.signature(AsyncCatalog), inspect.signature(Catalog)
    assert ours.parameters == theirs.parameters
    made = AsyncCatalog("films", region="eu-west-1", deadline=3)
    assert repr(made) == "AsyncCatalog('films', region='eu-west-1')"
    assert made.sync.deadline == 3
    with pytest.raises(InvalidArgumentError, match="deadline"):
        AsyncCatalog("films", deadline=-1)
    with pytest.raises(InvalidArgumentError, match="catalog"):
        AsyncCatalog.of(made)  # type: ignore[arg-type]


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of `Catalog.from_env`, and arguments take precedence."""
    monkeypatch.setenv("CATALOG_TABLE", "films")
    assert AsyncCatalog.from_env().table == "films"
    assert AsyncCatalog.from_env(table="others").table == "others"


def test_a_handle_works_in_one_event_loop_after_the_other(handle: AsyncCatalog) -> None:
    """Also where the one before was not closed, and after `close`."""

    async def main() -> None:
        await ap.put_title(handle, HER)
        await handle.close()
        assert await ap.get_title(handle, "movie", 1) == HER
        await handle.close()

    for _ in range(2):
        asyncio.run(main())
    run(handle, lambda catalog: ap.delete_title(catalog, "movie", 1))


def test_another_table_and_a_copy(handle: AsyncCatalog) -> None:
    """Both have the client of the handle."""

    async def main(catalog: AsyncCatalog) -> None:
        async with await (await catalog.for_table("films")).warm() as other:
            assert other.table == "films"
            assert other.sync.client is catalog.sync.client
        assert not await catalog.follow()

    run(handle, main)


def test_a_write_empties_the_page_cache_which_reads_do_not_use(table: Catalog) -> None:
    """Threads with the same handle find the new title; each asynchronous read sends its request."""
    cached = Catalog(table.table, client=table.client, cache=PageCache())

    async def main(catalog: AsyncCatalog) -> None:
        await ap.put_title(catalog, HER)
        assert sync.get_title(cached, "movie", 1) == sync.get_title(cached, "movie", 1)
        await ap.update_popularity(catalog, "movie", 1, 7)
        assert sync.get_title(cached, "movie", 1).popularity == 7
        with catalog.trace() as trace:
            assert (await ap.get_title(catalog, "movie", 1)).popularity == 7
        assert len(trace) == 1

    run(AsyncCatalog.of(cached), main)


@pytest.fixture
def throttled(handle: AsyncCatalog) -> Iterator[AsyncCatalog]:
    with inject_faults(handle.sync, [Fault("throttling")]):
        yield handle


def test_a_throttled_request_is_retried_as_often_as_by_threads(throttled: AsyncCatalog) -> None:
    """There is one set of retries."""
    counted = []
    for call in (
        lambda: run(throttled, lambda c: ap.put_title(c, HER)),
        lambda: sync.put_title(throttled.sync, HER),
    ):
        with throttled.trace() as trace, pytest.raises(ThrottledError):
            call()
        counted.append([each.operation for each in trace])
    assert counted[0] == counted[1]


def test_requests_are_sent_in_order_while_faults_are_injected(
    handle: AsyncCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise at once; in order, the same seed gives the same faults."""
    send, under_way, most = Sender.send, [0], [0]

    async def counted(*args: Any) -> Any:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        try:
            return await send(*args)
        finally:
            under_way[0] -= 1

    monkeypatch.setattr(Sender, "send", counted)
    run(handle, lambda c: ap.list_titles(c, "movie", order="rating"))
    assert most[0] > 1
    most[0] = 0
    with inject_faults(handle.sync, [Fault("throttling", 0.0)]):
        run(handle, lambda c: ap.list_titles(c, "movie", order="rating"))
    assert most[0] == 1


def test_many_tasks_lose_nothing_and_share_few_connections(table: Catalog) -> None:
    """200 tasks change and read their own title; the table is consistent afterwards."""
    handle = AsyncCatalog.of(table)
    numbers = range(1, 201)
    sync.load_titles(table, [movie(number, 18, popularity=number) for number in numbers])

    async def work(number: int) -> None:
        await ap.update_popularity(handle, "movie", number, number + 0.5)
        found = await ap.get_title(handle, "movie", number, consistent=True)
        assert found.popularity == number + 0.5

    async def main() -> int:
        async with handle:
            await asyncio.gather(*map(work, numbers))
            return _connections(handle)

    config: Any = table.client.meta.config
    assert asyncio.run(main()) <= config.max_pool_connections
    there = assert_in_step(table)
    assert {each.popularity - each.id for each in there.values()} == {0.5}


needs_lane = pytest.mark.skipif(
    WITHOUT in os.environ, reason="without the lane, the engine's client itself needs orjson"
)


@pytest.mark.parametrize("missing", ["aiohttp", pytest.param("orjson", marks=needs_lane)])
def test_without_the_extra_requests_are_sent_by_threads(
    handle: AsyncCatalog, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    """And are as many, with the same answers."""
    monkeypatch.setitem(sys.modules, missing, None)

    async def main(catalog: AsyncCatalog) -> None:
        await asyncio.gather(*(ap.put_title(catalog, title) for title in (HER, UP)))
        with catalog.trace() as trace:
            assert await ap.get_titles(catalog, [HER.key, UP.key]) == [HER, UP]
        assert len(trace) == 1
        assert _connections(catalog) == 0

    run(handle, main)


def _connections(handle: AsyncCatalog) -> int:
    """Return the open connections of the lane; 0 without one."""
    (gateway,) = handle._gateways.values()
    lane = gateway.sender._lane
    if lane is None:
        return 0
    connector: Any = lane.transport._session.connector
    return sum(map(len, connector._conns.values())) + len(connector._acquired)

"""Reads by this package: with the lane, without it, asynchronous, and in pure Python."""

import asyncio
import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.rounds import Contender, Times, in_loop, in_thread
from bench.titles import GENRE
from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap

PAGE, ONE, BATCH = "page of 20", "one title", "100 by key"
OURS = "catalog-model"
WITHOUT_LANE = "catalog-model, fast=False"
ASYNC = "catalog-model, asyncio"
PURE = "catalog-model, no extra"
TRACED = "catalog-model, traced"

ROOT = Path(__file__).resolve().parents[1]
Call = Callable[[], Any]
Plain = Callable[[Any], Any]


def has_lane() -> bool:
    """Whether this version has a lane that can be switched off."""
    return "fast" in inspect.signature(Catalog).parameters


def way_names() -> list[str]:
    """Return the ways of sending requests that this version has, apart from asyncio."""
    return [OURS, WITHOUT_LANE] if has_lane() else [OURS]


def handle(way: str, table: str, endpoint_url: str | None = None) -> Catalog:
    """Return a handle that sends its requests by one of the ways."""
    made: Any = Catalog
    settings = {} if way == OURS else {"fast": False}
    catalog: Catalog = made(table, endpoint_url=endpoint_url, **settings)
    return catalog


def reads_of(catalog: Any, patterns: Any, ids: list[int]) -> dict[str, tuple[Call, Plain]]:
    """Return the reads of a handle, each with the conversion of its result to records."""
    keys = [TitleKey("movie", title_id) for title_id in ids]
    return {
        PAGE: (lambda: patterns.list_titles_in_genre(catalog, "movie", GENRE), _records),
        ONE: (lambda: patterns.get_title(catalog, "movie", ids[0]), lambda it: _records([it])),
        BATCH: (lambda: patterns.get_titles(catalog, keys), _sorted),
    }


def _records(titles: Any) -> list[dict[str, Any]]:
    return [title.to_json() for title in titles]


def _sorted(titles: Any) -> list[dict[str, Any]]:
    return sorted(_records(titles), key=lambda record: int(record["id"]))


def contenders(name: str, catalog: Catalog, ids: list[int]) -> dict[str, Contender]:
    """Return the reads of a synchronous handle."""
    reads = reads_of(catalog, ap, ids)
    return {pattern: in_thread(name, *read) for pattern, read in reads.items()}


def traced(catalog: Catalog, ids: list[int]) -> dict[str, Contender]:
    """Return the reads with a trace, as `explain` and the exporters of metrics observe them."""

    def within(call: Call) -> Call:
        def observed() -> Any:
            with catalog.trace():
                return call()

        return observed

    return {
        pattern: in_thread(TRACED, within(call), plain)
        for pattern, (call, plain) in reads_of(catalog, ap, ids).items()
    }


def has_aio() -> bool:
    """Whether this version and this environment have the asynchronous functions."""
    try:
        return find_spec("catalog_model.aio") is not None and bool(import_module("aiohttp"))
    except ImportError:
        return False


@contextmanager
def asynchronous(
    table: str, loop: asyncio.AbstractEventLoop, endpoint_url: str | None = None
) -> Iterator[tuple[Any, Any] | None]:
    """Return an asynchronous handle and its access patterns, if there are any."""
    if not has_aio():
        yield None
        return
    aio = import_module("catalog_model.aio")
    stack = AsyncExitStack()

    async def enter() -> Any:
        made = aio.AsyncCatalog(table, endpoint_url=endpoint_url)
        if hasattr(made, "__aenter__"):
            await stack.enter_async_context(made)
        return made

    catalog = loop.run_until_complete(enter())
    try:
        yield catalog, aio.access_patterns
    finally:
        loop.run_until_complete(stack.aclose())


def in_loop_contenders(
    loop: asyncio.AbstractEventLoop, handle: tuple[Any, Any], ids: list[int]
) -> dict[str, Contender]:
    """Return the reads of an asynchronous handle."""
    reads = reads_of(*handle, ids)
    return {pattern: in_loop(ASYNC, loop, *read) for pattern, read in reads.items()}


@contextmanager
def without_extras(table: str, ids: list[int]) -> Iterator[dict[str, Contender]]:
    """Return the reads of a process that cannot import what the extra ``fast`` installs."""
    with ExitStack() as stack:
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "bench.pure", table, json.dumps(ids)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.kill)

        def ask(pattern: str, calls: int) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps([pattern, calls]) + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield {pattern: _remote(pattern, ask) for pattern in (PAGE, ONE, BATCH)}


def _remote(pattern: str, ask: Callable[[str, int], Any]) -> Contender:
    return Contender(PURE, lambda calls: Times(*ask(pattern, calls)), lambda: ask(pattern, 0))

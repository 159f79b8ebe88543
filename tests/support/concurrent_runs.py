"""Callers that share a few titles, as threads of this process or as separate processes.

`run_threads` and `run_processes` let them write and read at random, and pass what they saw to
`history.check`. They need a table of their own; on a second run they continue with its contents.
The calls of a caller depend only on the seed; their interleaving does not.
"""

import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from multiprocessing.synchronize import Barrier
from typing import Final

from concurrent_worker import CONTESTED, MIX, SETTLED, Caller, Mix, observe_get, settled_of
from history import Histories

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.engines.local import EngineName
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import UnknownEntityError
from catalog_model.local import Engine
from catalog_model.maintenance.verify import verify

SECONDS: Final = 120.0
PATIENCE: Final = 60.0
"""Seconds to wait until all callers have started."""


def run_threads(
    catalog: Catalog,
    *,
    seed: int,
    threads: int = 8,
    operations: int = 40,
    mix: Mix = MIX,
    contested: Sequence[TitleKey] = CONTESTED,
    seconds: float = SECONDS,
    meanwhile: AbstractContextManager[object] | None = None,
) -> Histories:
    """Let threads that share a handle write and read at random, in the block *meanwhile*."""
    histories = _begin(catalog, contested)
    ready = threading.Barrier(threads)

    def work(number: int) -> Histories:
        caller = Caller(catalog, f"{seed}/{number}", contested)
        ready.wait(PATIENCE)
        return caller.run(operations, mix, seconds)

    with (
        meanwhile or nullcontext(),
        _lost_races(catalog) as races,
        ThreadPoolExecutor(threads) as pool,
    ):
        for seen in pool.map(work, range(threads)):
            histories.add(seen)
    histories.races += len(races)
    return _finish(catalog, histories, contested)


def run_processes(
    engine: Engine,
    table: str,
    *,
    seed: int,
    processes: int = 4,
    operations: int = 40,
    mix: Mix = MIX,
    contested: Sequence[TitleKey] = CONTESTED,
    seconds: float = SECONDS,
) -> Histories:
    """Let processes, each with its own client, write and read at random."""
    catalog = engine.catalog(table)
    histories = _begin(catalog, contested)
    context = multiprocessing.get_context("spawn")  # on every system, and copies no thread
    ready = context.Barrier(processes)
    where = engine.name, engine.endpoint_url, table
    work = partial(_work_in_process, where, contested, operations, mix, seconds)
    with ProcessPoolExecutor(processes, context, _meet_at, (ready,)) as pool:
        for seen in pool.map(work, [f"{seed}/{number}" for number in range(processes)]):
            histories.add(seen)
    return _finish(catalog, histories, contested)


def _meet_at(ready: Barrier) -> None:
    """Store, in a new process, the barrier at which it waits for the others."""
    _meeting.append(ready)


_meeting: list[Barrier] = []


def _work_in_process(
    where: tuple[EngineName, str, str],
    contested: Sequence[TitleKey],
    operations: int,
    mix: Mix,
    seconds: float,
    name: str,
) -> Histories:
    engine, endpoint_url, table = where
    catalog = Engine(engine, endpoint_url, is_persistent=False).catalog(table).warm()
    caller = Caller(catalog, name, contested)
    _meeting[0].wait(PATIENCE)
    with _lost_races(catalog) as races:
        seen = caller.run(operations, mix, seconds)
    seen.races += len(races)
    return seen


@contextmanager
def _lost_races(catalog: Catalog) -> Iterator[list[Request]]:
    """Collect the cancelled transactions."""
    races: list[Request] = []

    def hook(request: Request) -> None:
        if request.error_type == "TransactionCanceledException":
            races.append(request)

    stop = catalog.on_request(hook)
    try:
        yield races
    finally:
        stop()


def _begin(catalog: Catalog, contested: Sequence[TitleKey]) -> Histories:
    report = ap.load_titles(catalog, SETTLED)
    assert not report.rejected
    gets = [observe_get(catalog, key) for key in contested]
    return Histories(start={call.key: call.answer for call in gets})


def _finish(catalog: Catalog, histories: Histories, contested: Sequence[TitleKey]) -> Histories:
    """Read the final state, which completes each history, and check the whole table."""
    gets = [observe_get(catalog, key) for key in contested]
    report = verify(catalog)
    histories.calls += gets
    histories.violations += [str(finding) for finding in report.findings]
    histories.violations += [f"verify was undecided on {shard}" for shard in report.undecided]
    for kind in KINDS:
        there = sum(call.answer is not None for call in gets if call.key.kind == kind)
        expected = there + len(settled_of(kind))
        try:
            counted: object = ap.count_titles(catalog, kind)
        except UnknownEntityError as error:
            counted = error
        if counted != expected:
            histories.violations.append(f"{counted} titles of {kind} are counted of {expected}")
    for title in SETTLED:
        if ap.get_title(catalog, *title.key, consistent=True) != title:
            histories.violations.append(f"{title!r} changed without a write")
    return histories

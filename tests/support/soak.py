"""The long run, separate from the suite: the laws for as many operations as wanted.

First, histories under faults; then writers in threads and processes, and processes that are killed.

``python tests/support/soak.py --operations 200000 --seed 0``. A history of 80 operations depends on
its seed only, and histories have consecutive seeds. A run can be split into several, and an
interrupted one prints the seed with which to continue. Most histories run on dynoxide, every 25th
batch on moto."""

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import crashes
from concurrent_runs import run_processes, run_threads
from concurrent_worker import HOT, HOT_MIX
from engines import has_dynoxide, running_engine
from fault_histories import Violation
from fault_laws import LENGTH, OUTCOMES, Tally, described, run_history
from history import Histories, check

from catalog_model import Catalog
from catalog_model.local import Engine as LocalEngine
from catalog_model.local import start_engine
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import FAULT_KINDS, Fault, inject_faults, without_pauses

BATCH: Final = 6
"""The histories passed to a process at a time: one for each mix of faults."""

MOTO_EACH: Final = 25
"""moto is several times slower than dynoxide, so only one in this many batches runs on it."""

HOT_THREADS: Final = (2, 3, 4, 6, 8)
"""The threads that share one shard; the search takes too long for histories of more threads."""

INTERRUPTED: Final = 130

DUMMY: Final = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def run_batch(batch: int) -> tuple[Tally, list[str]]:
    """Run the histories of one batch on an engine of its own; return figures and violations."""
    tally, violations = Tally(), list[str]()
    is_on_moto = batch % MOTO_EACH == 1 or not has_dynoxide()
    with running_engine("moto" if is_on_moto else "dynoxide") as engine:
        for seed in range(batch * BATCH, (batch + 1) * BATCH):
            try:
                tally.add(run_history(engine, seed))
            except Violation:
                violations.append(str(described(engine, seed)))
    return tally, violations


def run_laws(operations: int, seed: int, jobs: int) -> bool:
    """Run the histories in processes; return whether all laws held and every fault occurred."""
    tally, problems, began = Tally(), list[str](), time.monotonic()
    first, count, done = seed // BATCH, -(-operations // (LENGTH * BATCH)), 0
    is_cut_off = False
    ignoring = (signal.SIGINT, signal.SIG_IGN)  # the parent process ends them
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, signal.signal, ignoring) as pool:
        try:
            for done, found in enumerate(pool.map(run_batch, range(first, first + count)), 1):
                tally.add(found[0])
                problems += found[1]
                _tell(
                    f"{tally.operations.total():,} operations, {time.monotonic() - began:,.0f} s, "
                    f"{len(problems)} violations; next seed {(first + done) * BATCH}"
                )
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            is_cut_off = True
            _tell(f"\nto go on: --seed {(first + done) * BATCH}")
    problems += [f"never happened: {each}" for each in tally.missing()]
    figures = table(tally, time.monotonic() - began)
    _show([*figures, ("violations", len(problems))], problems)
    if is_cut_off:
        sys.exit(INTERRUPTED)
    return not problems


def table(tally: Tally, seconds: float) -> list[tuple[str, int]]:
    return [
        ("histories", tally.histories),
        ("operations", tally.operations.total()),
        *((f"  {name}", count) for name, count in sorted(tally.operations.items())),
        ("faults injected", tally.faults.total()),
        *((f"  {kind}", tally.faults[kind]) for kind in FAULT_KINDS),
        *((f"outcome: {name}", tally.outcomes[name]) for name in OUTCOMES),
        ("seconds", round(seconds)),
    ]


def run_callers(runs: int, seed: int) -> bool:
    """Run concurrent callers in every way; return whether all was linearizable and intact."""
    figures: Counter[str] = Counter()
    violations: list[str] = []
    with start_engine() as engine:
        for number in range(seed, seed + runs):
            histories = _meeting(engine, number)
            found = check(histories)
            violations += found.violations
            figures.update(
                runs=1, calls=len(histories.calls), races=histories.races, reads=histories.reads
            )
            _tell(f"{figures['runs']} runs of callers, {len(violations)} violations")
    _show([("callers: " + name, count) for name, count in figures.items()], violations)
    return not violations


def _meeting(engine: LocalEngine, number: int) -> Histories:
    catalog = engine.catalog(f"callers-{number}")
    create_table(catalog)
    hot: dict[str, Any] = {"mix": HOT_MIX, "contested": HOT}
    match number % 5:
        case 0:
            histories = run_threads(catalog, seed=number, threads=8, operations=100)
        case 1:
            histories = run_processes(engine, catalog.table, seed=number, operations=200)
        case 2:
            threads = HOT_THREADS[number // 5 % len(HOT_THREADS)]
            histories = run_threads(catalog, seed=number, threads=threads, operations=60, **hot)
        case 3:
            histories = run_processes(engine, catalog.table, seed=number, operations=150, **hot)
        case _:
            disturbed = _disturbed(catalog, number)
            histories = run_threads(catalog, seed=number, operations=60, meanwhile=disturbed)
    delete_table(catalog)
    return histories


@contextmanager
def _disturbed(catalog: Catalog, seed: int) -> Iterator[None]:
    faults = [Fault("lost_answer", 0.1), Fault("throttling", 0.05), Fault("conflict", 0.05)]
    with without_pauses(), inject_faults(catalog, faults, seed=seed):
        yield


def run_crashes(kills: int, seed: int) -> bool:
    """Kill loaders, writers and the engine; return whether nothing was lost."""
    if not has_dynoxide():
        _tell("nothing is killed: only dynoxide keeps its tables")
        return True
    with tempfile.TemporaryDirectory() as folder:
        figures = crashes.run(kills, seed, Path(folder))
    rows = [(f"kills: {what}", count) for what, count in figures.kills.items()]
    rows += [(name, count) for name, count in vars(figures).items() if isinstance(count, int)]
    _show([("kills", figures.kills.total()), *rows], figures.notes)
    return figures.is_clean


def _tell(text: str) -> None:
    sys.stderr.write(f"\r{text} ")
    sys.stderr.flush()


def _show(rows: Iterable[tuple[str, int]], problems: Iterable[str] = ()) -> None:
    sys.stderr.write("\n")
    for name, count in rows:
        sys.stdout.write(f"{name:<40}{count:>12,}\n")
    for problem in problems:
        sys.stdout.write(f"\n{problem}\n")
    sys.stdout.flush()


def main() -> int:
    """Run everything; return 0 if all laws hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--operations", type=int, default=200_000, help="under faults")
    parser.add_argument("--seed", type=int, default=0, help="of the first history")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--runs", type=int, default=30, help="of callers that meet")
    parser.add_argument("--kills", type=int, default=100, help="at least")
    given = parser.parse_args()
    os.environ.update(DUMMY)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    held = [
        given.operations <= 0 or run_laws(given.operations, given.seed, given.jobs),
        given.runs <= 0 or run_callers(given.runs, given.seed),
        given.kills <= 0 or run_crashes(given.kills, given.seed),
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())

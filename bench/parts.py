"""Where the CPU of a call goes: into the connection, and into each package in Python.

A call is made with the engine first, and then with the answers of its last requests in place of the
connection, which leaves what is done in Python. Its packages are told by a profiler, which makes
many short functions look more expensive than they are.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from bench import ours
from bench.machine import engine_on_its_own_core
from bench.page import PAGE, replace_part
from bench.profiled import shares_of
from bench.setting import Setting
from bench.titles import movie_records
from bench.writes import UPDATE
from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.lane.received import Received
from catalog_model.dynamodb.lane.transport import Transport

CALLS: Final = 2000
LEAST: Final = 0.05
"""The part of the calls that were disturbed least by the machine."""

WORTH_A_ROW: Final = 0.03
"""The share of a package, in any call, from which on it has a row."""

Call = Callable[[], Any]


class Parts(NamedTuple):
    """Microseconds of a call: all of it, what is done in Python, and that of each package."""

    whole: float
    in_python: float
    packages: Counter[str]


def main() -> None:
    """Measure, and write the part of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.parts", description=__doc__)
    parser.add_argument("--data", default=os.environ.get("CATALOG_DATA"), metavar="FOLDER")
    parser.add_argument("--calls", type=int, default=CALLS, help=f"of each kind ({CALLS:,})")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write to")
    options = parser.parse_args()
    with ExitStack() as stack:
        engine = stack.enter_context(engine_on_its_own_core())
        loop = stack.enter_context(closing(asyncio.new_event_loop()))
        setting = Setting(engine, loop, movie_records(options.data), stack)
        catalog = ours.handle(ours.OURS, setting.catalogue)
        parts = {
            name: _measured(call, options.calls) for name, call in _calls(catalog, setting.ids)
        }
    text = list(_lines(parts))
    print(*text, sep="\n")
    replace_part(options.page, "parts", text)


def _calls(catalog: Catalog, ids: list[int]) -> Iterator[tuple[str, Call]]:
    reads = ours.reads_of(catalog, ap, ids)
    for name in (ours.ONE, ours.PAGE, ours.BATCH):
        yield name, reads[name][0]
    new = count(1)
    yield UPDATE, lambda: ap.update_popularity(catalog, "movie", ids[0], next(new) / 8)


def _measured(call: Call, calls: int) -> Parts:
    """Measure a call with the engine, then with its answers, then under the profiler."""
    answers: dict[str, Received] = {}
    post = Transport.post

    def recorded(self: Transport, to: Any, *sent: Any) -> Received:
        answers[to.target] = post(self, to, *sent)
        return answers[to.target]

    def repeated(_: Transport, to: Any, *__: Any) -> Received:
        return answers[to.target]

    whole = _least(call, calls)
    with patch.object(Transport, "post", recorded):
        call()
    with patch.object(Transport, "post", repeated):
        in_python = _least(call, calls)
        profile = cProfile.Profile(time.process_time)
        with profile:
            for _ in range(calls):
                call()
    shares = shares_of(profile)
    of_package = {package: share * in_python for package, share in shares.items()}
    return Parts(whole, in_python, Counter(of_package))


def _least(call: Call, calls: int) -> float:
    """Return the CPU of a call in microseconds, where it was disturbed least."""
    for _ in range(calls // 10):
        call()
    gc.collect()
    spent = []
    for _ in range(calls):
        began = time.thread_time_ns()
        call()
        spent.append(time.thread_time_ns() - began)
    return sorted(spent)[int(calls * LEAST)] / 1000


def _lines(parts: dict[str, Parts]) -> Iterator[str]:
    """Return the table; packages with a small share of every call are summed up."""
    largest: Counter[str] = Counter()
    for each in parts.values():
        largest |= Counter({name: us / each.in_python for name, us in each.packages.items()})
    rows = [name for name, share in largest.most_common() if share >= WORTH_A_ROW]
    yield f"| microseconds | {' | '.join(f'`{n}`' if '_' in n else n for n in parts)} |"
    yield "|---" * (len(parts) + 1) + "|"
    yield _row("the whole call", [each.whole for each in parts.values()])
    yield _row("in Python", [each.in_python for each in parts.values()])
    for name in rows:
        yield _row(name, [each.packages[name] for each in parts.values()])
    rest = [each.in_python - sum(each.packages[name] for name in rows) for each in parts.values()]
    yield _row("others", rest)


def _row(name: str, figures: list[float]) -> str:
    return f"| {name} | {' | '.join(f'{figure:,.0f}' for figure in figures)} |"


if __name__ == "__main__":
    main()

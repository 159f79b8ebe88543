"""``make bench``: CPU and time of the clients of DynamoDB, interleaved, as ratios to bare boto3.

It writes the figures to `docs/performance.md` and its picture. Milliseconds are specific to a
machine and a moment; the ratios are comparable between runs, to about the spread that is shown and
the difference between the two runs of the baseline.
"""

import argparse
import asyncio
import gc
import os
from contextlib import ExitStack
from pathlib import Path

from bench import reads, round_trips, writes
from bench.machine import engine_on_its_own_core
from bench.page import PAGE, Results, line, write
from bench.rounds import check, measure
from bench.setting import Setting, Task
from bench.titles import movie_records

TASKS = [*reads.TASKS, *writes.TASKS, *round_trips.TASKS]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--data", default=os.environ.get("CATALOG_DATA"), metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=20, help="for each task (20)")
    parser.add_argument("--rounds", type=int, help="for each task, instead of seconds")
    parser.add_argument("--task", action="append", help="one of the tasks, and no page is written")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write to")
    options = parser.parse_args()
    chosen = [task for task in TASKS if options.task is None or task.name in options.task]
    results = measured(chosen, options.data, options.seconds, options.rounds)
    if options.task is None:
        write(options.page, results)


def measured(tasks: list[Task], data: str | None, seconds: float, rounds: int | None) -> Results:
    """Measure tasks, and print their figures."""
    results: Results = {}
    with ExitStack() as stack:
        engine = stack.enter_context(engine_on_its_own_core())
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        setting = Setting(engine, loop, movie_records(data), stack)
        for task in tasks:
            contenders = task.contenders(setting)
            check(contenders)
            gc.collect()
            gc.freeze()
            results[task.name] = measure(
                contenders, task.calls, seconds=seconds, rounds=rounds, most=task.most_rounds
            )
            print(task.name, *map(line, results[task.name].items()), sep="\n", flush=True)
    return results


if __name__ == "__main__":
    main()

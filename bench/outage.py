"""The example application while its table is failing, and under slow clients and large bodies.

Two workers, as in `gunicorn_conf.py`. Each load lasts some seconds and prints one line: the answers
to /discover by status with median and 95th percentile, those of concurrent requests to /status, and
the memory of the workers. Run it as ``python bench/outage.py [LOAD ...]``.
"""

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from ill_tables import black_hole, deaf, narrow  # noqa: E402
from loads import (  # noqa: E402
    Seen,
    asked_beside,
    closed_loop,
    half_headers,
    large_body,
    memory,
    open_loop,
    served,
)

from catalog_model import access_patterns as ap  # noqa: E402
from catalog_model.files.reader import read_folder, sample_folder  # noqa: E402
from catalog_model.local import start_engine  # noqa: E402
from catalog_model.operations import create_table  # noqa: E402


def under_black_hole(
    kind: Callable[[], AbstractContextManager[str]], options: list[str], seconds: float
) -> Seen:
    """64 clients on a table that does not answer."""
    seen = Seen()
    with kind() as url, served(url, options) as app, asked_beside(app.port, seen):
        time.sleep(1)
        closed_loop(app.port, seen, 64, seconds, 0.5)
    return seen


def under_throttling(options: list[str], seconds: float, units: float = 10) -> tuple[Seen, str]:
    """Five requests a second on a table with a given number of read units."""
    seen = Seen()
    with ExitStack() as stack:
        engine = stack.enter_context(start_engine())
        catalog = engine.catalog()
        create_table(catalog)
        ap.load_titles(catalog, read_folder(sample_folder()))
        url, throughput = stack.enter_context(narrow(engine.endpoint_url, units))
        port = stack.enter_context(served(url, options)).port
        stack.enter_context(asked_beside(port, seen))
        open_loop(port, seen, 5, seconds)
    return seen, f"{throughput.served} requests served by the table, {throughput.refused} refused"


def under_half_headers(options: list[str], seconds: float) -> Seen:
    """40 connections that each send half a header."""
    seen = Seen()
    with black_hole() as url, served(url, options) as app:
        opened = half_headers(app.port, 40)
        with asked_beside(app.port, seen):
            time.sleep(seconds)
            for each in opened:
                each.close()
    return seen


def under_large_bodies(options: list[str], megabytes: int = 50) -> tuple[Seen, str]:
    """Six concurrent bodies of 50 MB."""
    seen, answers = Seen(), []  # type: tuple[Seen, list[str]]
    with black_hole() as url, served(url, options) as app:
        pids, port = app.workers(), app.port
        before = most = memory(pids)
        threads = [
            threading.Thread(target=large_body, args=(port, megabytes, answers)) for _ in range(6)
        ]
        with asked_beside(port, seen):
            for each in threads:
                each.start()
            while any(each.is_alive() for each in threads):
                most = max(most, memory(pids))
                time.sleep(0.02)
        after = memory(pids)
    told = ", ".join(f"{text} x {count}" for text, count in Counter(answers).items())
    return seen, f"workers {before:.0f} MB, at most {most:.0f}, then {after:.0f}; {told}"


LOADS = ("black-hole", "deaf", "throttled", "half-headers", "large-bodies")


def main() -> None:
    """Run the selected loads."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loads", nargs="*", metavar="LOAD", help=f"of {', '.join(LOADS)}; all")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--option", action="append", default=[], help="an option of gunicorn")
    options = parser.parse_args()
    for load in options.loads or LOADS:
        print(f"{load}, {options.seconds:g} s", flush=True)
        told = ""
        match load:
            case "black-hole":
                seen = under_black_hole(black_hole, options.option, options.seconds)
            case "deaf":
                seen = under_black_hole(deaf, options.option, options.seconds)
            case "throttled":
                seen, told = under_throttling(options.option, options.seconds)
            case "half-headers":
                seen = under_half_headers(options.option, options.seconds)
            case "large-bodies":
                seen, told = under_large_bodies(options.option)
            case _:
                parser.error(f"there is no load {load!r}")
        print(*seen.lines(), *([f"    {told}"] if told else []), sep="\n", flush=True)


if __name__ == "__main__":
    main()

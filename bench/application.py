"""The example application, compared with the one that it replaces, under the same gunicorn.

One worker of eight threads on the first core; the engine and the clients have the last one. The
clients keep their connections and send the next request after an answer. Rounds are interleaved and
shuffled; CPU is that of the worker, divided by the number of its answers.
"""

import argparse
import http.client
import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine import engine_on_its_own_core
from bench.page import PAGE, replace_part
from bench.profiled import profile_lines
from bench.rounds import ratio_of
from bench.served import HOST, Served, served
from bench.titles import both_kinds
from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.operations import create_table

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "netflix_movie_catalog"
OURS, ORIGINAL = "catalog-model", "original, in memory"
PATHS = {
    "with a genre": "/discover?type=movie&genre=28",
    "at random": "/discover?type=movie",
    "status": "/status",
}
CLIENTS = 4
TITLES = 20
ROUNDS = 10
SECONDS = 1.0
WARM_UP = 200


@dataclass
class Seen:
    """The answers of one application to one path: CPU of an answer by round, and times."""

    cpu: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    times: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, and write the part of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.application", description=__doc__)
    parser.add_argument("--data", default=os.environ.get("CATALOG_DATA"), metavar="FOLDER")
    parser.add_argument("--original", type=Path, metavar="FOLDER", help="a clone of the original")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write to")
    parser.add_argument("--profile", action="store_true", help="print a profile of our requests")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = _data(options.data, options.original, stack)
        engine = stack.enter_context(engine_on_its_own_core())
        catalog = Catalog()
        create_table(catalog)
        for kind, records in both_kinds(folder).items():
            made = Movie if kind == "movie" else TVShow
            ap.load_titles(catalog, map(made.from_json, records))
        if options.profile:
            print(*profile_lines(PATHS), sep="\n")
            return
        variables = engine.environment()
        apps = {
            ORIGINAL: stack.enter_context(_original(options.original, folder)),
            OURS: stack.enter_context(_ours(variables)),
        }
        _check(apps)
        lines = list(_lines(apps, _measured(apps, options.rounds)))
    print(*lines, sep="\n")
    replace_part(options.page, "application", lines)


def _data(data: str | None, original: Path | None, stack: ExitStack) -> Path:
    """Return the folder of the two files; without one, it is made, with generated records."""
    if data is not None:
        return Path(data)
    if original is not None:
        return original / "data"
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    for name, records in both_kinds(None).items():
        file = "data_movies.json" if name == "movie" else "data_tv.json"
        (folder / file).write_text(json.dumps({str(each["id"]): each for each in records}))
    return folder


def _original(clone: Path | None, data: Path) -> AbstractContextManager[Served]:
    application = "app:app" if clone else "bench.in_memory:create_app()"
    return served(
        application,
        ["--worker-class", "gthread"],
        folder=clone or ROOT,
        variables={"BENCH_DATA": str(data)},
    )


def _ours(variables: dict[str, str]) -> AbstractContextManager[Served]:
    return served(
        "examples.netflix_movie_catalog.app:create_app()",
        ["--config", str(EXAMPLE / "gunicorn_conf.py")],
        folder=ROOT,
        variables={**variables, "CATALOG_DRAIN_SECONDS": "0"},
    )


def _check(apps: dict[str, Served]) -> None:
    """Check that both answer the same, before their times mean anything."""
    for name in ("with a genre", "status"):
        answers = {_get(app.port, PATHS[name]) for app in apps.values()}
        if len(answers) > 1:
            raise SystemExit(f"the answers to {PATHS[name]} differ")
    for app in apps.values():
        titles = json.loads(_get(app.port, PATHS["at random"]))
        if len({title["id"] for title in titles}) != TITLES:
            raise SystemExit(f"there are not {TITLES} titles at random")


def _get(port: int, path: str) -> bytes:
    with closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def _measured(apps: dict[str, Served], rounds: int) -> dict[tuple[str, str], Seen]:
    seen: dict[tuple[str, str], Seen] = defaultdict(Seen)
    for app in apps.values():
        for path in PATHS.values():
            _load(app, path, Seen(), answers=WARM_UP)
    tasks = [(path, name) for path in PATHS for name in apps]
    for _ in range(rounds):
        for path, name in random.sample(tasks, len(tasks)):
            _load(apps[name], PATHS[path], seen[path, name])
    return seen


def _load(app: Served, path: str, seen: Seen, *, answers: int | None = None) -> None:
    """Send requests from all clients for a while, or until a number of answers."""
    times: list[float] = []
    began, cpu = time.monotonic(), app.cpu_seconds()

    def ask() -> None:
        with closing(http.client.HTTPConnection(HOST, app.port, timeout=10)) as connection:
            while _goes_on():
                sent = time.monotonic()
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                assert response.status == http.HTTPStatus.OK
                times.append(time.monotonic() - sent)

    def _goes_on() -> bool:
        return len(times) < answers if answers else time.monotonic() - began < SECONDS

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    seen.cpu.append((app.cpu_seconds() - cpu) / len(times) * 1000)
    seen.rates.append(len(times) / (time.monotonic() - began))
    seen.times += times


def _lines(apps: dict[str, Served], seen: dict[tuple[str, str], Seen]) -> Iterator[str]:
    columns = (
        "answers",
        "application",
        "CPU, ratio",
        "CPU, ms",
        "a second",
        "p50, ms",
        "p95",
        "p99",
    )
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for path in PATHS:
        for name in apps:
            yield f"| {' | '.join((path, name, *_cells(seen[path, name], seen[path, ORIGINAL])))} |"
    yield from (
        "",
        "| application | memory of the worker, MB | first answer after, s |",
        "|---|---|---|",
    )
    for name, app in apps.items():
        yield f"| {name} | {app.megabytes():.0f} | {app.seconds_to_start:.1f} |"


def _cells(own: Seen, base: Seen) -> Iterator[str]:
    ratio = ratio_of([ours / other for ours, other in zip(own.cpu, base.cpu, strict=True)])
    yield f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
    yield f"{statistics.median(own.cpu):.2f}"
    yield f"{statistics.median(own.rates):,.0f}"
    yield from (f"{seconds * 1000:.1f}" for seconds in _percentiles(own.times))


def _percentiles(times: list[float]) -> list[float]:
    ordered = sorted(times)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99)]


if __name__ == "__main__":
    main()

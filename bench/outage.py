"""The example application while its table is ill, and under clients that are slow or send much.

Two workers, as `gunicorn_conf.py` has them. Each load lasts some seconds and prints one line: the
answers to /discover by status with their median and 95th percentile, those to /status, which is
asked beside it, and the memory of the workers. Run it as ``python bench/outage.py [LOAD ...]``.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from ill_tables import black_hole, deaf, narrow  # noqa: E402

from catalog_model import access_patterns as ap  # noqa: E402
from catalog_model.files import read_folder, sample_folder  # noqa: E402
from catalog_model.local import (  # noqa: E402
    Engine,
    environment_without_aws,
    free_port,
    start_engine,
)
from catalog_model.operations import create_table  # noqa: E402

HOST = "127.0.0.1"
CONF = ROOT / "examples" / "netflix_movie_catalog" / "gunicorn_conf.py"
APP = "examples.netflix_movie_catalog.app:create_app()"
PATIENCE = 70.0
MEGABYTE = 1 << 20


class Seen:
    """What clients saw: for each path the seconds until each answer, by its status."""

    def __init__(self) -> None:
        self.took: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._lock = threading.Lock()

    def ask(self, port: int, path: str) -> None:
        """Ask once, over a connection of its own."""
        began = time.monotonic()
        try:
            with closing(http.client.HTTPConnection(HOST, port, timeout=PATIENCE)) as connection:
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                status = str(response.status)
        except (OSError, http.client.HTTPException) as error:
            status = type(error).__name__
        with self._lock:
            self.took[path][status].append(time.monotonic() - began)

    def lines(self) -> Iterator[str]:
        """Say it, a line for each path."""
        for path, by_status in self.took.items():
            everything = sorted(s for each in by_status.values() for s in each)
            parts = [
                f"{status} x {len(each)} (median {statistics.median(each):.3f} s)"
                for status, each in sorted(by_status.items())
            ]
            p95 = everything[round(0.95 * (len(everything) - 1))]
            yield (
                f"    {path}: median {statistics.median(everything):.3f} s, p95 {p95:.3f} s, "
                f"longest {everything[-1]:.3f} s; {', '.join(parts)}"
            )


@contextmanager
def served(endpoint_url: str, options: list[str]) -> Iterator[tuple[int, list[int]]]:
    """Run the application under gunicorn on a table at an endpoint; gives port and processes."""
    port = free_port(0)
    environment = (
        environment_without_aws() | Engine("moto", endpoint_url, is_persistent=False).environment()
    )
    environment |= {"CATALOG_DRAIN_SECONDS": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gunicorn", "--config", str(CONF)]
    command += ["--bind", f"{HOST}:{port}", "--log-level", "critical", *options, APP]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=said)
        try:
            while socket.socket().connect_ex((HOST, port)):
                time.sleep(0.1)
            time.sleep(1)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            yield port, [int(pid) for pid in children.split()]
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def memory(pids: list[int]) -> float:
    """Add up the resident memory of processes, in MB."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


@contextmanager
def asked_beside(port: int, seen: Seen, path: str = "/status") -> Iterator[None]:
    """Ask for a path once a second, whether or not the answers before have come."""
    stop = threading.Event()
    asking: list[threading.Thread] = []

    def ask() -> None:
        while True:
            asking.append(threading.Thread(target=seen.ask, args=(port, path)))
            asking[-1].start()
            if stop.wait(1):
                return

    clock = threading.Thread(target=ask)
    clock.start()
    try:
        yield
    finally:
        stop.set()
        clock.join()
        for each in asking:
            each.join()


def closed_loop(port: int, seen: Seen, clients: int, seconds: float, pause: float) -> None:
    """So many clients that each ask again a while after their answer."""
    end = time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < end:
            seen.ask(port, "/discover")
            time.sleep(pause)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def open_loop(port: int, seen: Seen, rate: float, seconds: float) -> None:
    """So many requests a second, whether or not the answers before have come."""
    threads = []
    for _ in range(int(rate * seconds)):
        threads.append(threading.Thread(target=seen.ask, args=(port, "/discover")))
        threads[-1].start()
        time.sleep(1 / rate)
    for each in threads:
        each.join()


def half_headers(port: int, count: int) -> list[socket.socket]:
    """Open connections that each send half a header, and stop."""
    opened = []
    for _ in range(count):
        opened.append(socket.create_connection((HOST, port), 5))
        opened[-1].sendall(b"GET /status HTTP/1.1\r\nHost: a\r\nX-Half: ")
        time.sleep(0.02)  # so that each worker gets some
    return opened


def large_body(port: int, megabytes: int, answers: list[str]) -> None:
    """Send an update whose body is so large, and note what was answered."""
    try:
        with closing(socket.create_connection((HOST, port), PATIENCE)) as connection:
            head = (
                "POST /updatePopularity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            )
            size = megabytes * MEGABYTE
            connection.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
            piece = b'"' + b"x" * (MEGABYTE - 1)
            try:
                for _ in range(megabytes):
                    connection.sendall(piece)
            except OSError:
                answers.append("cut")
            answers.append(connection.recv(4096).split(b"\r\n")[0].decode())
    except OSError as error:
        answers.append(type(error).__name__)


def under_black_hole(kind: Callable[[], object], options: list[str], seconds: float) -> Seen:
    """64 clients on a table that says nothing."""
    seen = Seen()
    with kind() as url, served(url, options) as (port, _), asked_beside(port, seen):  # type: ignore[attr-defined]
        time.sleep(1)
        closed_loop(port, seen, 64, seconds, 0.5)
    return seen


def under_throttling(options: list[str], seconds: float, units: float = 10) -> tuple[Seen, str]:
    """Five requests a second on a table of so many read units."""
    seen = Seen()
    with ExitStack() as stack:
        engine = stack.enter_context(start_engine())
        catalog = engine.catalog()
        create_table(catalog)
        ap.load_titles(catalog, read_folder(sample_folder()))
        url, throughput = stack.enter_context(narrow(engine.endpoint_url, units))
        port, _ = stack.enter_context(served(url, options))
        stack.enter_context(asked_beside(port, seen))
        open_loop(port, seen, 5, seconds)
    return seen, f"{throughput.served} requests served by the table, {throughput.refused} refused"


def under_half_headers(options: list[str], seconds: float) -> Seen:
    """40 connections that stop within their header."""
    seen = Seen()
    with black_hole() as url, served(url, options) as (port, _):
        opened = half_headers(port, 40)
        with asked_beside(port, seen):
            time.sleep(seconds)
            for each in opened:
                each.close()
    return seen


def under_large_bodies(options: list[str], megabytes: int = 50) -> tuple[Seen, str]:
    """Six bodies of 50 MB at the same time."""
    seen, answers = Seen(), []  # type: tuple[Seen, list[str]]
    with black_hole() as url, served(url, options) as (port, pids):
        seen.ask(port, "/status")
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
    """Run the loads that are asked for."""
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

"""Loads on an application served as in production, and the observations of its clients."""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from processes import children

from catalog_model.dynamodb.engines.local import environment_without_aws, free_port
from catalog_model.local import Engine

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "examples" / "netflix_movie_catalog" / "gunicorn_conf.py"
EXAMPLE = "examples.netflix_movie_catalog.app:create_app()"
HOST = "127.0.0.1"
PATIENCE = 70.0
START_SECONDS = 60.0
MEGABYTE = 1 << 20
MOST_THREADS = 5000
HALF_A_HEADER = b"GET /status HTTP/1.1\r\nHost: a\r\nX-Half: "


@dataclass
class Served:
    """An application under gunicorn."""

    process: subprocess.Popen[bytes]
    port: int

    def workers(self) -> list[int]:
        return children(self.process.pid)


@contextmanager
def served(
    endpoint_url: str,
    options: Sequence[str] = (),
    *,
    application: str = EXAMPLE,
    variables: dict[str, str] | None = None,
) -> Iterator[Served]:
    """Run an application under gunicorn, like the example, with a table at an endpoint."""
    port = free_port(0)
    engine = Engine("moto", endpoint_url, is_persistent=False)
    environment = environment_without_aws() | engine.environment() | (variables or {})
    environment |= {"CATALOG_DRAIN_SECONDS": "0"}
    environment["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "support")))
    command = [sys.executable, "-m", "gunicorn", "--config", str(CONF)]
    command += ["--bind", f"{HOST}:{port}", "--log-level", "critical", *options, application]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, env=environment, cwd=ROOT, stderr=said) as process,
    ):
        try:
            await_answer(process, port)
            yield Served(process, port)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def await_answer(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the application answers."""
    deadline = time.monotonic() + START_SECONDS
    seen = Seen()
    while "200" not in seen.took["/status"]:
        assert process.poll() is None, "the application has ended"
        assert time.monotonic() < deadline, "the application did not start"
        time.sleep(0.05)
        seen.ask(port, "/status")


class Seen:
    """The observations of clients: for each path, the seconds until each answer, by status."""

    def __init__(self) -> None:
        self.took: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._lock = threading.Lock()

    def ask(self, port: int, path: str) -> None:
        """Send one request over a new connection."""
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

    def of(self, path: str, status: str | None = None) -> list[float]:
        """Return the sorted response times, of one status or of all."""
        with self._lock:
            found = dict(self.took[path])
        return sorted(s for key, each in found.items() if status in (None, key) for s in each)

    def lines(self) -> Iterator[str]:
        """Return the observations as text, one line per path."""
        for path, by_status in self.took.items():
            took = self.of(path)
            parts = ", ".join(
                f"{status} x {len(each)} (median {statistics.median(each):.3f} s)"
                for status, each in sorted(by_status.items())
            )
            p95 = took[round(0.95 * (len(took) - 1))]
            times = f"median {statistics.median(took):.3f} s, p95 {p95:.3f} s"
            yield f"    {path}: {times}, longest {took[-1]:.3f} s; {parts}"


def memory(pids: list[int]) -> float:
    """Return the total resident memory of processes, in MB."""
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / MEGABYTE


@contextmanager
def asked_beside(
    port: int, seen: Seen, path: str = "/status", *, every: float = 1.0
) -> Iterator[None]:
    """Request a path repeatedly, without waiting for earlier answers."""
    stop = threading.Event()

    def ask(pool: ThreadPoolExecutor) -> None:
        while True:
            pool.submit(seen.ask, port, path)
            if stop.wait(every):
                return

    with ThreadPoolExecutor(MOST_THREADS) as pool:
        pool.submit(ask, pool)
        try:
            yield
        finally:
            stop.set()


def closed_loop(port: int, seen: Seen, clients: int, seconds: float, pause: float) -> None:
    """Run clients that each send the next request some time after the answer to the last one."""
    end = time.monotonic() + seconds

    def client() -> None:
        while time.monotonic() < end:
            seen.ask(port, "/discover")
            time.sleep(pause)

    with ThreadPoolExecutor(clients) as pool:
        for _ in range(clients):
            pool.submit(client)


def open_loop(port: int, seen: Seen, rate: float, seconds: float) -> None:
    """Send a number of requests per second, without waiting for earlier answers."""
    with ThreadPoolExecutor(MOST_THREADS) as pool:
        for _ in range(int(rate * seconds)):
            pool.submit(seen.ask, port, "/discover")
            time.sleep(1 / rate)


def half_headers(port: int, count: int) -> list[socket.socket]:
    """Open connections that each send half of the headers, and stop."""
    opened = []
    for _ in range(count):
        opened.append(socket.create_connection((HOST, port), 5))
        opened[-1].sendall(HALF_A_HEADER)
        time.sleep(0.02)  # spreads them over the workers
    return opened


def large_body(port: int, megabytes: int, answers: list[str]) -> None:
    """Send an update with a body of this size, and record the answer."""
    try:
        with closing(socket.create_connection((HOST, port), PATIENCE)) as connection:
            head = "POST /updatePopularity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json"
            size = megabytes * MEGABYTE
            connection.sendall(f"{head}\r\nContent-Length: {size}\r\n\r\n".encode())
            piece = b'"' + b"x" * (MEGABYTE - 1)
            try:
                for _ in range(megabytes):
                    connection.sendall(piece)
            except OSError:
                answers.append("cut")
            answers.append(connection.recv(4096).split(b"\r\n")[0].decode())
    except OSError as error:
        answers.append(type(error).__name__)

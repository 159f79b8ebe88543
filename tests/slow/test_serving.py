"""The example application in production: two gunicorns with four workers each, on one table.

gunicorn's access log shows which worker answered: each request contains its number. ``-s`` shows
the figures.
"""

import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from engines import has_dynoxide
from example_app import movie
from loads import CONF, EXAMPLE, HOST, ROOT
from packages import run_in
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.engines.local import environment_without_aws
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table

WORKERS = 4
GENRE = 99
MOVIES = range(1, 13)
PATIENCE = 60.0

numbers = itertools.count(1)


# -- Two gunicorns on one table -------------------------------------------------------------------


@dataclass
class Server:
    """A gunicorn, and the number of answers by the test's count."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, path: str) -> None:
        with self._lock:
            self.answered[path.partition("?")[0]] += 1

    @property
    def log(self) -> str:
        return (self.folder / "error.log").read_text()

    def accesses(self) -> Iterator[tuple[int, str]]:
        """Return the worker that answered each request; incomplete lines are read later."""
        text = (self.folder / "access.log").read_text()
        for pid, target in re.findall(r"^<(\d+)> (\S+) \d+\n", text, re.MULTILINE):
            yield int(pid), target

    def booted(self) -> set[int]:
        """Return the pids of the workers."""
        return {int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log)}


Pair = tuple[Server, Server]


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(server: Server, path: str, body: Any = None) -> Answer:
    """Send one request over a new connection."""
    with closing(http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE)) as connection:
        return exchange(connection, server, path, body)


def exchange(
    connection: http.client.HTTPConnection, server: Server, path: str, body: Any = None
) -> Answer:
    """Send one request over a connection, and read the complete answer."""
    sent, method = (None, "GET") if body is None else (json.dumps(body), "POST")
    connection.request(method, path, sent, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = Answer(response.status, response.read(), response.headers)
    server.count(path)
    return answer


def update(movie_id: int, popularity: float) -> dict[str, Any]:
    return {"movieId": str(movie_id), "popularity": popularity}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        yield engine


@pytest.fixture(scope="module")
def table(engine: Engine) -> Catalog:
    """A table with a few movies of one genre."""
    catalog = engine.catalog()
    create_table(catalog)
    for movie_id in MOVIES:
        ap.put_title(catalog, movie(movie_id, f"Film {movie_id}", [GENRE], 1.0))
    return catalog


def await_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def gunicorn(
    engine: Engine,
    folder: Path,
    *,
    drain_seconds: float = 0.0,
    application: str = EXAMPLE,
    metrics: str | None = "metrics",
) -> Iterator[Server]:
    """Run the application as in production; end it, unless the test has."""
    folder.mkdir()
    script = Path(sys.executable).with_name("gunicorn")  # -m does not survive a take-over
    command = [sys.executable, str(script), "--config", str(CONF), "--bind", f"{HOST}:0"]
    command += ["--pid", str(folder / "pid")]
    command += ["--workers", str(WORKERS), "--error-logfile", str(folder / "error.log")]
    command += ["--access-logfile", str(folder / "access.log")]
    command += ["--access-logformat", "%(p)s %(U)s?%(q)s %(s)s", application]
    environment = environment_without_aws() | engine.environment()
    environment |= {
        "CATALOG_DRAIN_SECONDS": str(drain_seconds),
        "PROMETHEUS_MULTIPROC_DIR": str(folder / metrics) if metrics else "",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests" / "support"))),
    }
    with subprocess.Popen(command, env=environment, cwd=folder) as process:
        server = Server(process, folder)
        try:
            await_start(server)
            yield server
        finally:
            process.terminate()
            process.wait(PATIENCE)


def await_start(server: Server) -> None:
    """Wait until gunicorn has printed its address, and all workers have started."""

    def has_started() -> bool:
        assert server.process.poll() is None, server.log
        return (server.folder / "error.log").exists() and len(server.booted()) >= WORKERS

    await_until(has_started)
    found = re.search(rf"Listening at: http://{HOST}:(\d+)", server.log)
    assert found, server.log
    server.port = int(found[1])
    assert ask(server, "/readyz").status == 200


@pytest.fixture(scope="module")
def pair(
    engine: Engine, table: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    assert table.table == Catalog.from_env().table
    folder = tmp_path_factory.mktemp("pair")
    with gunicorn(engine, folder / "one") as one, gunicorn(engine, folder / "other") as other:
        yield one, other


def shown(figures: str) -> None:
    """Print with ``-s``."""
    sys.stdout.write(f"\n{figures}")


@pytest.mark.parametrize("said", ["soon", "5s", "-1", "nan", "inf", "3601", "1e10"])
def test_an_invalid_time_to_drain_is_found_at_the_start(said: str) -> None:
    """Not at SIGTERM, when a timer would reject it and current requests would be interrupted."""
    command = ("-m", "gunicorn", "--config", str(CONF), "--check-config", EXAMPLE)
    ended = run_in(ROOT, *command, CATALOG_DRAIN_SECONDS=said)
    told = f"CATALOG_DRAIN_SECONDS must be a number of seconds from 0 to 3600, not '{said}'"
    assert (ended.returncode, told in ended.stderr) == (1, True)


def test_an_update_is_seen_by_every_worker_of_both(pair: Pair) -> None:
    """By each read that begins after the answer to the update, in any of the eight workers."""
    popularity = 100.0
    for writer in (*pair, *pair):
        popularity += 1
        assert ask(writer, "/updatePopularity", update(1, popularity)).status == 200
        for server in pair:
            met: set[int] = set()
            deadline = time.monotonic() + PATIENCE
            while len(met) < WORKERS:
                assert time.monotonic() < deadline, f"only {len(met)} workers answered"
                paths = [f"/discover?genre={GENRE}&n={next(numbers)}" for _ in range(2 * WORKERS)]
                with ThreadPoolExecutor(2 * WORKERS) as pool:
                    answers = list(pool.map(lambda path, to=server: ask(to, path), paths))
                listed = [record for answer in answers for record in answer.json]
                found = [record["popularity"] for record in listed if record["id"] == 1]
                assert found == [popularity] * len(answers)
                met |= {pid for pid, target in server.accesses() if target in paths}
            assert met <= server.booted()
            shown(f"update to {popularity:g}: seen by {len(met)} workers of port {server.port}")


def added_up(families: Iterable[Metric], name: str, **labels: str) -> float:
    """Add up the samples of a metric with these labels."""
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def samples(text: str, name: str, **labels: str) -> float:
    return added_up(text_string_to_metric_families(text), name, **labels)


def test_the_metrics_of_all_workers_add_up_to_the_requests_sent(pair: Pair) -> None:
    """For any worker; requests to the application, and requests to the table."""
    before = Counter(pair[0].answered) + Counter(pair[1].answered)

    def send(number: int) -> None:
        server = pair[number % 2]
        if number % 5:
            assert ask(server, f"/discover?genre={GENRE}&n={next(numbers)}").status == 200
        else:
            assert ask(server, "/updatePopularity", update(number, 5)).status in (200, 400)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(400)))
    total = 0.0
    for server in pair:
        sent = +server.answered
        for _ in range(2 * WORKERS):  # any worker
            page = ask(server, "/metrics").body.decode()
            for path, count in sent.items():
                named = {"path": path}
                counted = samples(page, "flask_http_request_duration_seconds_count", **named)
                assert counted == (0 if path == "/metrics" else count), path
        asked = samples(
            page, "catalog_request_duration_seconds_count", pattern="list_titles_in_genre"
        )
        assert asked == sent["/discover"]
        total += samples(page, "flask_http_request_total")
    after = Counter(pair[0].answered) + Counter(pair[1].answered)
    assert sum((after - before).values()) == 400 + 2 * 2 * WORKERS
    del after["/metrics"]
    assert total == sum(after.values())
    shown(f"{sum(after.values())} requests sent, {total:g} in the metrics of both")


# -- The end of a process under load --------------------------------------------------------------


@dataclass
class Client:
    """A client that never pauses: it updates its own movie and reads the list, in turn.

    It uses the first server until a connection is refused, then the next one. It ignores readiness,
    which makes it a harder case than any load balancer.
    """

    movie_id: int
    servers: list[Server]
    keeps_connection: bool
    stop: threading.Event
    sent: int = 0
    refused: int = 0
    lost: list[str] = field(default_factory=list)
    told_to_close: int = 0
    acknowledged: float = 1.0
    by_second: int = 0

    def run(self) -> None:
        """Send requests until told to stop."""
        while not self.stop.is_set():
            server = self.servers[0]
            with closing(http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE)) as link:
                try:
                    link.connect()
                except ConnectionRefusedError:
                    self.refused += 1
                    del self.servers[0]
                    continue
                while self._ask(link, server) and self.keeps_connection:
                    if self.stop.is_set():
                        break

    def _ask(self, link: http.client.HTTPConnection, server: Server) -> bool:
        """Send one request; return whether the connection may be used for another."""
        is_update, popularity = self.sent % 2 == 0, 1000.0 + self.sent
        path = "/updatePopularity" if is_update else f"/discover?genre={GENRE}"
        self.sent += 1
        try:
            answer = exchange(
                link, server, path, update(self.movie_id, popularity) if is_update else None
            )
        except (OSError, http.client.HTTPException) as error:
            self.lost.append(f"{path}: {error!r}")
            return False
        if answer.status != 200:
            self.lost.append(f"{path}: {answer.status} {answer.body!r}")
        elif is_update:
            self.acknowledged = popularity
        self.by_second += len(self.servers) == 1
        is_closing = answer.headers.get("Connection") == "close"
        self.told_to_close += is_closing
        return not is_closing


def half_sent(server: Server, body: bytes) -> http.client.HTTPConnection:
    """Send an update, except the end of its body."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=PATIENCE)
    connection.putrequest("POST", "/updatePopularity")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    return connection


def metrics_left(server: Server) -> float:
    """Add up the counters of the workers of an ended process."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(server.folder / "metrics"))  # type: ignore[no-untyped-call]
    return added_up(registry.collect(), "flask_http_request_total")


def takes_connections(server: Server) -> bool:
    try:
        socket.create_connection((HOST, server.port), 0.3).close()
    except OSError:
        return False
    return True


def test_sigterm_loses_nothing(engine: Engine, table: Catalog, pair: Pair, tmp_path: Path) -> None:
    """Each is answered completely, or its connection is refused before a byte was sent.

    Readiness, as a load balancer sees it, fails while requests are still answered; a half-sent one
    is completed. Acknowledged writes are stored, and others are not. The figures of all workers are
    complete.
    """
    stop, staying = threading.Event(), pair[1]
    staying_before = sum(staying.answered.values())
    with gunicorn(engine, tmp_path / "leaving", drain_seconds=1.0) as leaving:
        clients = [
            Client(movie_id, [leaving, staying], keeps_connection=movie_id % 2 == 0, stop=stop)
            for movie_id in range(2, 10)
        ]
        ready, alive = list[int](), list[bytes]()

        def probe() -> None:
            with suppress(ConnectionRefusedError):
                while not stop.is_set():
                    ready.append(ask(leaving, "/readyz").status)
                    alive.append(ask(leaving, "/status").body)
                    time.sleep(0.05)

        threads = [threading.Thread(target=each) for each in (*(c.run for c in clients), probe)]
        for thread in threads:
            thread.start()
        try:
            await_until(lambda: sum(leaving.answered.values()) > 200 and len(alive) > 2)
            body = json.dumps(update(12, 77.0)).encode()
            slow = half_sent(leaving, body)
            answered_before = sum(leaving.answered.values())
            leaving.process.send_signal(signal.SIGTERM)
            await_until(lambda: not takes_connections(leaving))
            slow.send(body[5:])
            with closing(slow):
                assert slow.getresponse().status == 200
            leaving.count("/updatePopularity")
            assert leaving.process.wait(PATIENCE) == 0
            await_until(lambda: all(client.by_second > 10 for client in clients))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        answered_after = sum(leaving.answered.values()) - answered_before

    assert [lost for client in clients for lost in client.lost] == []
    assert [client.refused for client in clients] == [1] * len(clients)
    assert answered_after > 0
    assert all(client.told_to_close for client in clients)

    assert sorted(ready) == ready
    assert set(ready) == {200, 503}
    assert set(alive) == {b"OK"}

    assert ap.get_title(table, "movie", 12).popularity == 77.0
    for client in clients:
        assert ap.get_title(table, "movie", client.movie_id).popularity == client.acknowledged

    sent = sum(client.sent for client in clients) + len([*ready, *alive])
    sent += 2  # at the start, and the slow one
    answered = sum(leaving.answered.values())
    answered_by_both = answered + sum(staying.answered.values()) - staying_before
    shown(f"SIGTERM: {sent} sent, {answered_by_both} answered, {answered_after} of them after it")
    assert answered_by_both == sent
    assert metrics_left(leaving) == answered


@pytest.mark.usefixtures("table")
def test_a_gunicorn_that_takes_over_outlives_the_old_one(engine: Engine, tmp_path: Path) -> None:
    """After SIGUSR2, on the shared socket; SIGHUP keeps the figures of the previous workers."""
    path = f"/discover?genre={GENRE}"
    with gunicorn(engine, tmp_path / "old", metrics=None) as server:
        ask(server, path)
        server.process.send_signal(signal.SIGHUP)
        await_until(lambda: len(server.booted()) == 2 * WORKERS)
        await_until(lambda: ask(server, path).status == 200)
        counted = samples(ask(server, "/metrics").body.decode(), "flask_http_request_total")
        assert counted == server.answered["/discover"] + server.answered["/readyz"]

        server.process.send_signal(signal.SIGUSR2)
        await_until(lambda: len(server.booted()) == 3 * WORKERS)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        await_until((server.folder / "pid").exists)  # it was pid.2 before
        successor = int((server.folder / "pid").read_text())
        try:
            for asked in (path, "/readyz", "/metrics") * 5:
                assert ask(server, asked).status == 200
        finally:
            os.kill(successor, signal.SIGTERM)
        await_until(lambda: not takes_connections(server))
        await_until(lambda: not (server.folder / "pid").exists())


@pytest.mark.usefixtures("table")
def test_no_client_made_before_the_fork_is_used_after_it(engine: Engine, tmp_path: Path) -> None:
    """Though gunicorn loads the application before it forks, and it sent requests there."""
    with gunicorn(engine, tmp_path / "forked", application="served_apps:forked()") as server:
        made_in: dict[int, set[str]] = {}
        deadline = time.monotonic() + PATIENCE
        paths = [f"/discover?genre={GENRE}"] * (2 * WORKERS)
        while len(made_in) < WORKERS:
            assert time.monotonic() < deadline
            with ThreadPoolExecutor(2 * WORKERS) as pool:
                answers = list(pool.map(lambda path: ask(server, path), paths))
            for answer in answers:
                assert answer.status == 200
                assert answer.headers["X-Loaded-By"] == str(server.process.pid)
                worker = int(answer.headers["X-Worker"])
                made_in.setdefault(worker, set()).add(answer.headers["X-Clients-Of"])
        assert made_in == {pid: {str(pid)} for pid in server.booted()}
        assert "Traceback" not in server.log

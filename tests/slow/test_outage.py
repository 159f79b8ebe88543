"""The example application, served, while its table is failing: waiting times of its clients.

``-s`` shows the figures; `bench/outage.py` has longer loads.
"""

import http.client
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from statistics import median
from typing import Any

import pytest
from engines import has_dynoxide
from ill_tables import Throughput, black_hole, deaf, narrow
from loads import HOST, Seen, Served, asked_beside, closed_loop, open_loop, served
from lying_server import serving

from catalog_model import access_patterns as ap
from catalog_model.dynamodb.breaker import LONGEST_PAUSE
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.flask import READY_PATIENCE
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table

ONE_WORKER = ["--workers", "1"]
SOON = 1.0
DEADLINE = 2.0
FEW = 14
"""Six have a place, four more enter before the fifth fails, and then one probes at a time."""

HEALTH = {"/status": 0.25, "/metrics": 0.25, "/readyz": 1.0}


def get(app: Served, path: str) -> tuple[int, Any, http.client.HTTPMessage]:
    with closing(http.client.HTTPConnection(HOST, app.port, timeout=30)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(body) if is_json else body.decode(), response.headers


def shown(seen: Seen) -> None:
    """Print with ``-s``."""
    sys.stdout.write("\n" + "\n".join(seen.lines()) + "\n")


def requests_sent(app: Served) -> float:
    """Return the number of requests that an application has sent to the items of its table."""
    name = r"catalog_request_duration_seconds_count\{.*sample_titles.*\}"
    counts = re.findall(rf"^{name} (\S+)$", get(app, "/metrics")[1], re.MULTILINE)
    return sum(map(float, counts))


def under_load(app: Served, seconds: float) -> Seen:
    """Let 32 clients request titles, with health checks at the same time."""
    seen = Seen()
    with ExitStack() as stack:
        for path, every in HEALTH.items():
            stack.enter_context(asked_beside(app.port, seen, path, every=every))
        closed_loop(app.port, seen, 32, seconds, 0.2)
    shown(seen)
    return seen


@pytest.mark.parametrize("kind", [black_hole, deaf], ids=["says nothing", "takes no connection"])
def test_a_silent_table_stops_no_health_and_few_callers(kind: Any) -> None:
    """Requests for titles fail soon, and all but the first ones within moments.

    Health checks are answered all the time; readiness waits for the table for at most a second.
    """
    with kind() as url, served(url, ONE_WORKER) as app:
        seen = under_load(app, 4.0)
        assert requests_sent(app) <= FEW
        assert seen.of("/discover", "503") == seen.of("/discover")
        assert seen.of("/discover")[-1] < 2 * DEADLINE
        assert median(seen.of("/discover")) < 0.2
        assert len([took for took in seen.of("/discover") if took > SOON]) <= FEW
        for path in ("/status", "/metrics"):
            assert seen.of(path, "200") == seen.of(path)
            assert seen.of(path)[-1] < SOON
        assert seen.of("/readyz", "503") == seen.of("/readyz")
        assert seen.of("/readyz")[-1] < READY_PATIENCE + SOON

        status, told, headers = get(app, "/discover")
        assert (status, set(told)) == (503, {"error"})
        assert 1 <= int(headers["Retry-After"]) <= LONGEST_PAUSE
        status, told, _ = get(app, "/readyz")
        assert (status, told["breaker"]) == (503, "open")
        figures = get(app, "/metrics")[1]
        assert re.search(r"^catalog_breaker_open 1\.0$", figures, re.MULTILINE)
        assert re.search(
            r'^catalog_requests_refused_total\{reason="ill"\} [1-9]', figures, re.MULTILINE
        )


@pytest.mark.parametrize("missing", ["breaker", "guard"])
def test_the_law_is_broken_without(missing: str) -> None:
    """The law can fail: requests keep waiting for the table, or all threads and health checks."""
    application = f"served_apps:without_{missing}()"
    with black_hole() as url, served(url, ONE_WORKER, application=application) as app:
        if missing == "breaker":
            under_load(app, 7.0)
            assert requests_sent(app) > FEW
        else:
            assert under_load(app, 3.0).of("/status")[-1] > SOON


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        catalog = engine.catalog()
        create_table(catalog)
        ap.load_titles(catalog, read_folder(sample_folder()))
        yield engine


@pytest.fixture
def table(engine: Engine) -> Iterator[tuple[str, Throughput]]:
    """A table of five units per second: of a page at random every other second."""
    with narrow(engine.endpoint_url, 5) as found:
        yield found


def test_a_table_of_little_throughput_gives_what_it_has(table: tuple[str, Throughput]) -> None:
    """Five clients per second on five units: some get titles, most fail immediately.

    Once the table has more units, all clients get titles.
    """
    url, throughput = table
    seen = Seen()
    with served(url, ONE_WORKER) as app:
        with asked_beside(app.port, seen, every=0.25):
            open_loop(app.port, seen, 5, 10)
        shown(seen)
        assert len(seen.of("/discover", "200")) >= 2
        assert median(seen.of("/discover", "503")) < 0.2
        assert seen.of("/discover")[-1] < 2 * DEADLINE + SOON
        assert seen.of("/status", "200") == seen.of("/status")
        assert seen.of("/status")[-1] < SOON
        assert get(app, "/readyz")[0] == 200  # other processes use the same table

        throughput.units = throughput.left = 1e6
        deadline = time.monotonic() + LONGEST_PAUSE + 3
        while [get(app, "/discover")[0] for _ in range(4)] != [200] * 4:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert get(app, "/readyz")[1] == {"status": "ready"}


def test_a_table_that_is_well_is_never_refused(engine: Engine) -> None:
    """Twice as many concurrent clients as threads, and each one gets its titles."""
    with served(engine.endpoint_url, ONE_WORKER) as app, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: get(app, "/discover")[0], range(200)))
        assert set(answers) == {200}
        assert get(app, "/readyz")[1] == {"status": "ready"}


def test_an_application_finds_its_table_again_by_itself(engine: Engine) -> None:
    """It is not ready and gets no requests for titles; the readiness checks detect the recovery."""
    is_ill = threading.Event()
    is_ill.set()

    def forward(caller: socket.socket, _: int) -> None:
        if is_ill.is_set():
            while caller.recv(1 << 16):
                pass
        else:
            splice(caller, int(engine.endpoint_url.rpartition(":")[2]))

    settings = {"CATALOG_READY_SECONDS": "0.2", "CATALOG_DEADLINE": "0.4"}
    with (
        serving(forward, is_reading=False) as url,
        served(url, ONE_WORKER, variables=settings) as app,
    ):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: get(app, "/discover")[0], range(16)))
        assert set(answers) == {503}
        assert get(app, "/readyz")[0] == 503
        is_ill.clear()
        deadline = time.monotonic() + LONGEST_PAUSE + 3
        while get(app, "/readyz")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert [get(app, "/discover")[0] for _ in range(5)] == [200] * 5
        assert get(app, "/readyz")[1] == {"status": "ready"}


def splice(caller: socket.socket, port: int) -> None:
    """Forward data in both directions, until one side ends."""
    with caller, socket.create_connection((HOST, port)) as engine:

        def hand_on(source: socket.socket, target: socket.socket) -> None:
            try:
                while data := source.recv(1 << 16):
                    target.sendall(data)
            except OSError:
                return

        back = threading.Thread(target=hand_on, args=(engine, caller), daemon=True)
        back.start()
        hand_on(caller, engine)

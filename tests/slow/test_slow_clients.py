"""The example application, served, with clients that are slow, numerous, or send large bodies.

Its table never answers, which does not matter here: the requests need no table.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ill_tables import black_hole
from loads import HALF_A_HEADER, HOST, MEGABYTE, Seen, Served, asked_beside, memory, served

CLIENTS = 40
SECONDS = 1.2
SOON = 1.0
GREETING = b"GET /status HTTP/1.1\r\nHost: a\r\n\r\n"
HALF_A_BODY = (
    b"POST /updatePopularity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b'Content-Length: 50\r\n\r\n{"movieId": '
)
HALF_A_CHUNK = (
    b"POST /updatePopularity HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n32\r\n{"
)
STOPPING = (
    *(b"", b"GET /sta", HALF_A_HEADER, GREETING[:-1], HALF_A_BODY, HALF_A_CHUNK),
    HALF_A_BODY.replace(b"Host", b"Expect: 100-continue\r\nHost"),
    GREETING + HALF_A_HEADER,
)
"""The beginnings of requests, from nothing to half of the second one."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with black_hole() as url:
        yield url


@pytest.fixture(scope="module")
def app(endpoint: str) -> Iterator[Served]:
    with served(endpoint) as app:
        yield app


@contextmanager
def connections(app: Served, count: int, *sent: bytes) -> Iterator[list[socket.socket]]:
    """Hold this many connections for each of these beginnings, after sending it."""
    with ExitStack() as stack:
        opened = []
        for beginning in sent * count:
            opened.append(stack.enter_context(socket.create_connection((HOST, app.port), 30)))
            opened[-1].sendall(beginning)
            time.sleep(0.01)  # spreads them over the workers
        yield opened


def longest_status(app: Served, seconds: float = SECONDS) -> float:
    """Request the state four times per second; return the longest response time."""
    seen = Seen()
    with asked_beside(app.port, seen, every=0.25):
        time.sleep(seconds)
    assert len(seen.of("/status", "200")) == len(seen.of("/status")) >= 4 * seconds - 1
    return seen.of("/status")[-1]


def test_clients_that_stop_delay_no_others(app: Served) -> None:
    """Forty of them at each point of a request."""
    with connections(app, CLIENTS, *STOPPING):
        assert longest_status(app) < SOON


@contextmanager
def dripping(opened: list[socket.socket], sent: Iterable[int], pause: float) -> Iterator[None]:
    """Send a byte over each connection now and then."""
    ended = threading.Event()

    def drip() -> None:
        for byte in sent:
            for each in opened:
                each.send(bytes([byte]))
            if ended.wait(pause):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_clients_that_drip_delay_no_others(app: Served) -> None:
    """They send a byte now and then."""
    with connections(app, CLIENTS, b"") as opened, dripping(opened, GREETING[:-4], 0.1):
        assert longest_status(app) < SOON


def test_clients_that_read_nothing_delay_no_others(app: Served) -> None:
    """They request page after page of metrics, and read none of the answers."""
    with connections(app, CLIENTS, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 20):
        time.sleep(1)
        assert longest_status(app) < SOON


def test_the_law_is_broken_by_threads_that_read_from_connections(endpoint: str) -> None:
    """gunicorn's own threaded worker violates it, once its threads read: the law can fail."""
    with (
        served(endpoint, ["--worker-class", "gthread"]) as app,
        connections(app, CLIENTS, HALF_A_HEADER),
    ):
        seen = Seen()

        def waits_long() -> bool:
            asking = threading.Thread(target=seen.ask, args=(app.port, "/status"))
            asking.start()
            asking.join(2 * SOON)
            return asking.is_alive()

        time.sleep(0.5)
        assert any(waits_long() for _ in range(10))


# -- Time limit of a request ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(endpoint: str) -> Iterator[Served]:
    """The application with a second for each request, and fifty connections at most."""
    options = ["--worker-class", "impatient_worker.BufferedWorker", "--workers", "1"]
    with served(endpoint, [*options, "--worker-connections", "50"]) as app:
        yield app


def is_closed(connection: socket.socket, seconds: float) -> bool:
    connection.settimeout(seconds)
    try:
        while connection.recv(1 << 16):
            pass
    except OSError as error:
        return not isinstance(error, TimeoutError)
    return True


def test_a_request_that_does_not_come_to_its_end_is_given_up(impatient: Served) -> None:
    """When its time is over, at each point of a request."""
    with connections(impatient, 1, *filter(None, STOPPING)) as opened:
        assert [is_closed(each, 5) for each in opened] == [True] * len(opened)


def test_a_request_that_drips_is_given_up(impatient: Served) -> None:
    """The limit is for the whole request, not between two bytes."""
    with connections(impatient, 1, GREETING[:10]) as (connection,):
        began = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe|closed|abort"):  # noqa: PT012
            while time.monotonic() - began < 10:
                connection.send(b"x")
                time.sleep(0.1)
        assert time.monotonic() - began < 5


def test_a_connection_that_waits_for_its_next_request_is_kept(impatient: Served) -> None:
    """Load balancers keep theirs for a minute."""
    with closing(http.client.HTTPConnection(HOST, impatient.port, timeout=10)) as connection:
        for _ in range(2):
            connection.request("GET", "/status")
            assert connection.getresponse().read() == b"OK"
            time.sleep(1.5)
    with connections(impatient, 1, b"") as (silent,):
        assert not is_closed(silent, 1.5)


def test_more_connections_than_places_delay_no_others(impatient: Served) -> None:
    """The ones idle for longest are closed first: four times fifty of them."""
    with connections(impatient, 200, HALF_A_HEADER):
        assert longest_status(impatient) < SOON
    with connections(impatient, 200, b""):
        assert longest_status(impatient) < SOON


# -- Bodies that are too large --------------------------------------------------------------------


def head_of(*fields: str) -> bytes:
    """Return the headers of an update."""
    lines = ("POST /updatePopularity HTTP/1.1", "Host: a", "Content-Type: application/json")
    return "\r\n".join((*lines, *fields, "", "")).encode()


def read_answer(connection: socket.socket) -> tuple[int, Any, str | None]:
    """Read an answer: its status, its JSON, and its connection header."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read()), response.headers["Connection"]


def send_as_one(connection: socket.socket, size: int) -> None:
    """Send a body with its length."""
    connection.sendall(head_of(f"Content-Length: {size}"))
    for _ in range(size // MEGABYTE):
        connection.sendall(b"x" * MEGABYTE)


def send_in_chunks(connection: socket.socket, size: int) -> None:
    """Send a body without its length."""
    connection.sendall(head_of("Transfer-Encoding: chunked"))
    for _ in range(size // MEGABYTE):
        connection.sendall(b"%x\r\n%s\r\n" % (MEGABYTE, b"x" * MEGABYTE))
    connection.sendall(b"0\r\n\r\n")


BOUND = 12 * MEGABYTE
TOLD = {"error": "The body must be at most 12582912 bytes and 250000 values"}
REFUSAL = (413, TOLD, "close")
TOO_LARGE: dict[str, Callable[[socket.socket, int], None]] = {
    "as one": send_as_one,
    "in chunks": send_in_chunks,
}


def sent_at_once(app: Served, clients: int, send: Callable[[], Any]) -> tuple[list[Any], float]:
    """Let clients send at the same time; return the answers, and the MB by which workers grow."""
    pids = app.workers()
    before = most = memory(pids)
    with ThreadPoolExecutor(clients) as pool:
        sending = [pool.submit(send) for _ in range(clients)]
        while not all(each.done() for each in sending):
            most = max(most, memory(pids))
            time.sleep(0.01)
    return [each.result() for each in sending], most - before


@pytest.mark.parametrize("how", TOO_LARGE)
def test_large_bodies_are_refused_and_nothing_of_them_is_kept(app: Served, how: str) -> None:
    """Six of 50 MB at once, in both ways: each client gets the reason; the workers do not grow."""

    def send() -> Any:
        with socket.create_connection((HOST, app.port), 30) as connection:
            TOO_LARGE[how](connection, 50 * MEGABYTE)
            return read_answer(connection)

    answers, grown = sent_at_once(app, 6, send)
    assert answers == [REFUSAL] * 6
    assert grown < 20
    assert longest_status(app, 1) < SOON


def test_large_bodies_that_are_taken_are_taken_one_at_a_time(app: Served) -> None:
    """Twelve of 12 MB at once: each is answered, and no worker holds more than one of them."""
    body = b'"' + b"x" * (BOUND - 2) + b'"'

    def send() -> int:
        with socket.create_connection((HOST, app.port), 60) as connection:
            connection.sendall(head_of(f"Content-Length: {BOUND}", "Connection: close") + body)
            return read_answer(connection)[0]

    answers, grown = sent_at_once(app, 12, send)
    assert answers == [400] * 12
    assert grown < len(app.workers()) * 6 * BOUND / MEGABYTE


@pytest.mark.parametrize("sent", [b"", b"x" * 1000], ids=["stop", "drip"])
def test_large_bodies_that_do_not_arrive_hold_up_no_other(app: Served, sent: bytes) -> None:
    """Forty clients announce a large body, and then send nothing, or a byte now and then."""
    with (
        connections(app, CLIENTS, head_of(f"Content-Length: {MEGABYTE}") + b'"') as opened,
        dripping(opened, sent, 0.2),
        socket.create_connection((HOST, app.port), 15) as connection,
    ):
        body = b'"' + b"x" * (MEGABYTE - 2) + b'"'
        connection.sendall(head_of(f"Content-Length: {MEGABYTE}") + body)
        assert read_answer(connection)[0] == 400


def test_no_more_of_bodies_that_do_not_arrive_is_kept_than_there_is_room_for(app: Served) -> None:
    """Thirty clients send 11 MB without the end: it is in files, and soon most are closed."""
    pids = app.workers()
    before = memory(pids)
    with ExitStack() as stack:
        for _ in range(30):
            connection = stack.enter_context(socket.create_connection((HOST, app.port), 15))
            with suppress(OSError):  # one that is closed while it sends
                connection.sendall(head_of(f"Content-Length: {BOUND}") + b"x" * (11 * MEGABYTE))
        time.sleep(0.5)
        kept = sum(map(temporary, pids))
        assert memory(pids) - before < 20
        assert 0 < kept < len(pids) * (16 + 12)
        assert longest_status(app) < SOON


def temporary(pid: int) -> float:
    """Return the total size of a process's temporary files, in MB."""
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found += file.stat().st_size if "(deleted)" in str(file.readlink()) else 0
    return found / MEGABYTE


def test_a_body_of_too_many_values_is_not_taken_apart(app: Served) -> None:
    """It would take a hundred times its length in memory."""
    pids = app.workers()
    before = memory(pids)
    body = b'{"movieId": [' + b"[]," * (3 * MEGABYTE) + b"[]]}"
    with socket.create_connection((HOST, app.port), 60) as connection:
        connection.sendall(head_of(f"Content-Length: {len(body)}") + body)
        assert read_answer(connection)[:2] == REFUSAL[:2]
    assert memory(pids) - before < 60


def test_a_client_that_waits_for_permission_sends_nothing(app: Served) -> None:
    """It gets the answer immediately, instead of the permission to continue."""
    with socket.create_connection((HOST, app.port), 30) as connection:
        connection.sendall(head_of("Expect: 100-continue", f"Content-Length: {50 * MEGABYTE}"))
        began = time.monotonic()
        assert read_answer(connection) == REFUSAL
        assert time.monotonic() - began < SOON
        assert is_closed(connection, 10)


def pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[at : at + size] for at in range(0, len(body), size))


@pytest.mark.parametrize("size", [BOUND - 1, BOUND, BOUND + 1])
@pytest.mark.parametrize("how", ["as one", "in chunks", "in crumbs"])
def test_the_bound_is_exact(app: Served, size: int, how: str) -> None:
    """A body of this length is read: here it is not a JSON object; the connection is kept."""
    body = b'"' + b"x" * (size - 2) + b'"'
    sent = body if how == "as one" else pieces(body, size - 9 if how == "in chunks" else 4096)
    kind = {"Content-Type": "application/json"}
    with closing(http.client.HTTPConnection(HOST, app.port, timeout=10)) as connection:
        connection.request("POST", "/updatePopularity", sent, kind)
        response = connection.getresponse()
        told = json.loads(response.read())
        if size > BOUND:
            assert (response.status, told) == REFUSAL[:2]
            return
        assert (response.status, told) == (400, {"error": "The body must be a JSON object"})
        connection.request("GET", "/status")
        assert connection.getresponse().read() == b"OK"


def test_what_follows_a_body_that_was_refused_is_no_request(app: Served) -> None:
    """Even if it looks like one: it is part of that body."""
    with socket.create_connection((HOST, app.port), 30) as connection:
        connection.sendall(head_of(f"Content-Length: {50 * MEGABYTE}") + GREETING * 10)
        received = b""
        connection.settimeout(2)
        with suppress(TimeoutError):
            while piece := connection.recv(1 << 16):
                received += piece
        assert received.count(b"HTTP/1.1 ") == 1


def test_a_large_body_for_a_path_without_bodies_is_answered_by_the_application(app: Served) -> None:
    """As the application did before: 404 and 405 come first."""
    for path, status in (("/nope", 404), ("/status", 405)):
        with socket.create_connection((HOST, app.port), 30) as connection:
            head = head_of(f"Content-Length: {50 * MEGABYTE}").replace(
                b"/updatePopularity", path.encode()
            )
            connection.sendall(head)
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == status

"""A request ends at its deadline, however slow the answer and whatever it waits for."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from lying_server import (
    MODES,
    Act,
    drip,
    handle_on,
    make_certificate,
    read_request,
    real_answer,
    response,
    serving,
)
from table_dump import movie

from catalog_model import Catalog, errors
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.calls import DEFAULT_DEADLINE
from catalog_model.dynamodb.faults.garbled_answers import Garbled
from catalog_model.dynamodb.typed_json import key_attributes, primary_key
from catalog_model.operations import table_status
from catalog_model.table import codec
from catalog_model.testing import Fault, inject_faults, strict_catalog, without_pauses

DEADLINE = 0.3
GRACE = 0.5
HER = movie(1, 18)
ITEM = codec.encode_title(HER, version=7, slot=0)
ANSWER = real_answer({"Item": ITEM})
OPEN = ANSWER.replace(b"Connection: close\r\n", b"")
"""An answer after which the connection is used again."""

HEAD, _, BODY = ANSWER.partition(b"\r\n\r\n")
OPEN_END = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
THROTTLED = response(
    Garbled(
        b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slower"}',
        400,
        "application/x-amz-json-1.0",
        {"x-amz-retry-after": "9000"},
    )
)


def wait(_: socket.socket) -> None:
    time.sleep(10 * DEADLINE)


def after(sent: bytes, then: Callable[[socket.socket], None]) -> Act:
    """Send the beginning immediately."""

    def act(connection: socket.socket, _: int) -> None:
        connection.sendall(sent)
        then(connection)

    return act


def endless(part: bytes) -> Callable[[socket.socket], None]:
    """Send the same bytes repeatedly, one at a time."""

    def go_on(connection: socket.socket) -> None:
        while True:
            drip(connection, part)

    return go_on


def lines(connection: socket.socket) -> None:
    """Send complete header lines without end."""
    for number in range(90):
        connection.sendall(b"X-%d: a\r\n" % number)
        time.sleep(0.05)


WAYS: dict[str, Act] = {
    "silence": after(b"", wait),
    "head drips": after(b"", endless(b"HTTP/1.1 200 OK and so on ")),
    "head line by line": after(b"HTTP/1.1 200 OK\r\n", lines),
    "head, then silence": after(HEAD, wait),
    "informed again and again": after(b"", endless(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "body drips": after(HEAD + b"\r\n\r\n", lambda c: drip(c, BODY)),
    "body stops": after(ANSWER[:-5], wait),
    "body without end": after(OPEN_END, endless(b" ")),
    "chunks drip": after(CHUNKED, endless(b"1\r\n \r\n")),
    "error drips": after(b"HTTP/1.1 500 Trouble\r\nContent-Length: 900\r\n\r\n", endless(b" ")),
    "trouble": after(response(Garbled(b"", 503)), lambda _: time.sleep(DEADLINE / 3)),
    "no answer": after(response(Garbled(b"<html>")), lambda _: time.sleep(DEADLINE / 3)),
}
"""Ways in which an endpoint delays a request, each by many times the deadline."""


@contextmanager
def ends_in_time(kind: type[errors.CatalogError] = errors.UnreachableError) -> Iterator[None]:
    """Expect an error of this class at the deadline."""
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        yield
    took = time.monotonic() - began
    assert took < DEADLINE + GRACE
    assert type(caught.value) is kind
    assert caught.value.__cause__ is not None


def get_in_vain(address: str, **settings: Any) -> None:
    handle = handle_on(address, deadline=DEADLINE, **settings).warm()
    with ends_in_time():
        ap.get_title(handle, *HER.key)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
def test_a_call_ends_at_its_deadline(way: str, mode: str) -> None:
    """In each retry mode; a read, a write and an operation."""
    calls: dict[str, Callable[[Catalog], object]] = {
        "legacy": table_status,
        "standard": lambda c: ap.get_title(c, *HER.key),
        "adaptive": lambda c: ap.put_title(c, HER),
    }
    with serving(WAYS[way]) as address:
        handle = handle_on(address, mode, DEADLINE).warm()
        with ends_in_time():
            calls[mode](handle)


@pytest.mark.parametrize(
    "way", ["silence", "head drips", "body drips", "chunks drip", "body stops"]
)
def test_a_call_ends_at_its_deadline_over_tls(way: str, certificate: Path) -> None:
    """As with the service; each TLS record is another wait."""
    with serving(WAYS[way], certificate=certificate) as address:
        get_in_vain(address, verify=str(certificate))


def test_a_handshake_that_is_not_answered_is_not_waited_for() -> None:
    """The port accepts connections, and does not speak TLS."""
    with serving(lambda c, _: wait(c), is_reading=False) as address:
        get_in_vain(address.replace("http:", "https:"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a self-signed certificate for 127.0.0.1, trusted by a client."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@pytest.mark.parametrize("seconds", [0.25, 0.0005])
def test_it_says_that_it_was_the_deadline(seconds: float) -> None:
    """With the configured seconds and the operation."""
    with serving(WAYS["body drips"]) as address, pytest.raises(errors.UnreachableError) as caught:
        ap.get_title(handle_on(address, deadline=seconds), *HER.key)
    assert f"GetItem was given up at its deadline of {seconds} s: no answer" in str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_no_retry_is_begun_whose_pause_would_go_beyond_the_deadline(mode: str) -> None:
    """The call ends immediately; a request that was throttled last is reported as throttled."""

    def refuse(connection: socket.socket, _: int) -> None:
        connection.sendall(THROTTLED)

    with serving(refuse) as address:
        handle = handle_on(address, mode, DEADLINE)
        # All modes but the first use the service's advice, which is nine seconds here.
        longest: Any = lambda **_: 9.0  # noqa: E731  # botocore-stubs lack the return value of a handler
        handle.client.meta.events.register_first("needs-retry.dynamodb", longest)
        began = time.monotonic()
        with ends_in_time(errors.ThrottledError):
            ap.get_title(handle, *HER.key)
        assert time.monotonic() - began < DEADLINE


def test_a_connection_that_is_not_accepted_is_not_waited_for() -> None:
    """The connect hangs, as with a firewall that drops packets."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        get_in_vain(f"http://127.0.0.1:{address[1]}")
        for each in waiting:
            each.close()


def test_an_endpoint_that_does_not_read_is_not_waited_for() -> None:
    """Sending a large request ends at the deadline, too."""
    large = HER.replace(overview="x" * 390_000, genre_ids=list(range(1, 9)))
    found: Any = {"Responses": {"titles": []}, "UnprocessedKeys": {}}

    def read_once(connection: socket.socket, number: int) -> None:
        if number == 1:
            read_request(connection)
            connection.sendall(real_answer(found))
        time.sleep(10 * DEADLINE)

    with serving(read_once, is_reading=False) as address:
        handle = handle_on(address, deadline=DEADLINE).warm()
        with ends_in_time():
            ap.put_title(handle, large)


@pytest.mark.parametrize("is_secure", [False, True])
def test_an_answer_that_is_slow_but_in_time_is_right(certificate: Path, is_secure: bool) -> None:
    """In parts, over TLS, too; the connection serves the next request, with its own timeouts."""

    def act(connection: socket.socket, _: int) -> None:
        connection.sendall(OPEN[:40])
        time.sleep(DEADLINE / 4)
        connection.sendall(OPEN[40:])

    with serving(act, certificate=certificate if is_secure else None) as address:
        trusted = str(certificate) if is_secure else None
        handle = handle_on(address, deadline=DEADLINE, verify=trusted)
        for _ in range(3):
            assert ap.get_title(handle, *HER.key) == HER


@pytest.mark.parametrize("deadline", [None, 1e125])
@pytest.mark.parametrize("timeout", [None, 0.5, 1e9])
def test_without_a_deadline_the_timeouts_of_the_client_are_its_own(
    deadline: float | None, timeout: float | None
) -> None:
    """Including none at all: the longest wait is one that a socket takes."""
    config = Config(connect_timeout=timeout, read_timeout=timeout)
    with serving(lambda connection, _: connection.sendall(OPEN)) as address:
        handle = Catalog("t", endpoint_url=address, config=config, deadline=deadline)
        for _ in range(2):
            assert ap.get_title(handle, *HER.key) == HER


def test_a_client_that_was_used_before_keeps_deadlines_too() -> None:
    """Including connections that are already open."""
    is_dripping = threading.Event()

    def act(connection: socket.socket, _: int) -> None:
        if is_dripping.is_set():
            drip(connection, ANSWER)
        connection.sendall(OPEN)

    with serving(act) as address:
        client = boto3.client("dynamodb", endpoint_url=address)
        client.get_item(TableName="t", Key=key_attributes(primary_key(ITEM)))
        handle = Catalog("titles", client=client, deadline=DEADLINE).warm()
        is_dripping.set()
        with ends_in_time():
            ap.get_title(handle, *HER.key)


def test_handles_on_one_client_have_deadlines_of_their_own() -> None:
    """Requests of the client itself have no deadline."""

    def act(connection: socket.socket, _: int) -> None:
        time.sleep(DEADLINE)
        connection.sendall(ANSWER)

    with serving(act) as address:
        patient = handle_on(address, deadline=None)
        hasty = Catalog("titles", client=patient.client, deadline=DEADLINE / 2).warm()
        with ends_in_time():
            ap.get_title(hasty, *HER.key)
        assert ap.get_title(patient, *HER.key) == HER
        key: Any = key_attributes(primary_key(ITEM))
        assert patient.client.get_item(TableName="t", Key=key)["Item"] == ITEM


def test_threads_have_deadlines_of_their_own() -> None:
    """Each of many threads that share a handle ends in time."""
    with serving(WAYS["body drips"]) as address:
        handle = handle_on(address, deadline=DEADLINE).warm()

        def ask(_: int) -> float:
            began = time.monotonic()
            with pytest.raises(errors.UnreachableError):
                ap.get_title(handle, *HER.key)
            return time.monotonic() - began

        with ThreadPoolExecutor(16) as pool:
            assert max(pool.map(ask, range(16))) < DEADLINE + 2 * GRACE


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # about forks with threads
def test_a_child_process_has_deadlines_too() -> None:
    """After a fork, with the client of the parent process."""
    with serving(WAYS["head drips"]) as address:
        handle = handle_on(address, deadline=DEADLINE).warm()
        child = os.fork()
        if child == 0:
            began = time.monotonic()
            try:
                ap.get_title(handle, *HER.key)
            except errors.UnreachableError:
                os._exit(0 if time.monotonic() - began < DEADLINE + GRACE else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("deadline", [0, -1, 0.0, float("nan"), float("inf"), "5", True, [5], b"1"])
def test_a_deadline_is_a_number_of_seconds(deadline: Any) -> None:
    """Above 0 and finite; otherwise it is rejected when the handle is made, with its value."""
    with pytest.raises(errors.InvalidArgumentError, match="deadline must be"):
        Catalog("t", deadline=deadline)


@pytest.mark.parametrize(
    ("text", "deadline"), [("", 30.0), ("2.5", 2.5), (" 7 ", 7.0), ("none", None), ("None", None)]
)
def test_the_environment_says_the_deadline(
    monkeypatch: pytest.MonkeyPatch, text: str, deadline: float | None
) -> None:
    """CATALOG_DEADLINE, or an argument; it is half a minute otherwise, and None for no limit."""
    monkeypatch.setenv("CATALOG_DEADLINE", text)
    assert Catalog.from_env().deadline == Catalog("t", deadline=deadline).deadline == deadline
    assert Catalog("t").deadline == DEFAULT_DEADLINE == 30


@pytest.mark.parametrize("text", ["soon", "0", "-2", "nan", "inf", "1e999", "5s"])
def test_an_invalid_deadline_in_the_environment_is_refused(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """With its name and value."""
    monkeypatch.setenv("CATALOG_DEADLINE", text)
    with pytest.raises(
        errors.ConfigurationError, match="CATALOG_DEADLINE .*" + text.replace(".", r"\.")
    ):
        Catalog.from_env()


def test_an_error_before_the_deadline_is_what_it_was() -> None:
    """The deadline has no effect before it is reached."""
    with (
        strict_catalog() as catalog,
        without_pauses(),
        inject_faults(catalog, [Fault("throttling")]),
        pytest.raises(errors.ThrottledError) as caught,
    ):
        ap.count_titles(catalog, "movie")
    assert "deadline" not in str(caught.value)
    assert caught.value.code

"""Engines are supervised: they end with the process that started them, and reject web pages."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Self

import pytest
from engines import ENGINES, running_server
from hypothesis import given
from hypothesis import strategies as st
from packages import ROOT

from catalog_model.dynamodb.engines import keeper
from catalog_model.dynamodb.engines.keeper import RefusedError
from catalog_model.dynamodb.engines.local import (
    environment_without_aws,
    find_dynoxide,
    free_port,
    kept,
)
from catalog_model.local import Engine

SECONDS = 2.0
EVIL = ("https://evil.example", "http://evil.example:8000", "null", "")
LOOKING_LOCAL = (
    "http://127.0.0.1.evil.example",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "http://evil.example#localhost",
    "http://evil.example/localhost",
    "http://128.0.0.1",
    "http://0.0.0.0",
    "http://[::2]",
    "file://localhost",
    "http://localhost:80:80",
    "http://local\u0131host",
)
LOCAL = ("http://localhost:3000", "http://127.0.0.1", "https://127.8.8.8:5", "http://[::1]:3000")


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn."""
    with running_server(request.param) as engine:
        yield engine


def port_of(engine: Engine) -> int:
    """Return the engine's port."""
    return int(engine.endpoint_url.rpartition(":")[2])


class Client:
    """A client of an engine; its connection stays open if possible."""

    allows: bytes | None

    def __init__(self, engine: Engine) -> None:
        self._address = ("127.0.0.1", port_of(engine))
        self._host = f"127.0.0.1:{port_of(engine)}"
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=30)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, method: str = "POST", body: bytes = b"{}", **more: str | None) -> tuple[int, Any]:
        """Send a request signed like an AWS client's; return the status and the answer."""
        headers: dict[str, str | None] = {
            "Host": self._host,
            "X-Amz-Target": "DynamoDB_20120810.ListTables",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": (
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, "
                "SignedHeaders=host, Signature=00"
            ),
            "X-Amz-Date": "20260101T000000Z",
            "Content-Length": str(len(body)),
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        head = "\r\n".join([f"{method} / HTTP/1.1", *lines, "", ""])
        self._socket.sendall(head.encode() + body)
        return self._answer()

    def _answer(self) -> tuple[int, Any]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        content = self._file.read(int(headers.get(b"content-length", 0)))
        self.allows = headers.get(b"access-control-allow-origin")
        if headers.get(b"connection") == b"close":  # as moto's server does every time
            self.__exit__()
            self._connect()
        return status, content


# --- web pages


@pytest.mark.parametrize("origin", [*EVIL, *LOOKING_LOCAL])
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_a_web_page_of_elsewhere_is_refused(engine: Engine, origin: str, method: str) -> None:
    """Both the preflight request and the request; no header allows the page to read the answer."""
    with Client(engine) as client:
        status, content = client.ask(method, Origin=origin)
        assert status == 403
        assert client.allows is None
        assert "may not ask" in json.loads(content)["message"]


@pytest.mark.parametrize("origin", [None, *LOCAL])
def test_programs_and_pages_of_this_machine_are_answered(engine: Engine, origin: str) -> None:
    """Programs send no origin."""
    with Client(engine) as client:
        status, content = client.ask(Origin=origin)
        assert (status, json.loads(content)) == (200, {"TableNames": []})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.nip.io", "localhost.evil.example", ""]
)
def test_a_name_that_was_led_here_is_refused(engine: Engine, host: str) -> None:
    """DNS rebinding: for the browser, this machine is the page's own site."""
    with Client(engine) as client:
        status, content = client.ask(Host=host)
        assert status == 403
        assert "use 127.0.0.1 or localhost" in json.loads(content)["message"]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "LOCALHOST"])
def test_this_machine_goes_by_its_own_names(engine: Engine, name: str) -> None:
    """With and without a port."""
    with Client(engine) as client:
        assert client.ask(Host=name)[0] == client.ask(Host=f"{name}:8000")[0] == 200


def test_an_image_of_another_site_is_refused(engine: Engine) -> None:
    """It has no origin, but browsers send the site that shows it."""
    with Client(engine) as client:
        assert client.ask("GET", b"", Sec_Fetch_Site="cross-site")[0] == 403


def test_each_request_of_a_connection_is_checked(engine: Engine) -> None:
    """A browser may reuse a connection for another page's request."""
    with Client(engine) as client:
        assert [client.ask()[0] for _ in range(3)] == [200, 200, 200]
        assert client.ask(Origin=EVIL[0])[0] == 403


def test_an_exposed_engine_has_any_name_and_no_web_pages() -> None:
    """Containers use a name of their network."""
    keeper.check_request({"host": "engine:8000"}, exposed=True)
    with pytest.raises(RefusedError):
        keeper.check_request({"host": "engine", "origin": "http://x.example"}, exposed=True)


# --- forwarding


def test_large_bodies_and_answers_go_through(engine: Engine) -> None:
    """Transactions have up to 4 MB."""
    catalog: Any = engine.catalog("large")
    client = catalog.client
    key = {"AttributeName": "PK", "KeyType": "HASH"}
    client.create_table(
        TableName="large",
        KeySchema=[key],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    items = [{"PK": {"S": str(n)}, "text": {"S": f"{n}" * 350_000}} for n in range(5)]
    requests = [{"PutRequest": {"Item": item}} for item in items]
    client.batch_write_item(RequestItems={"large": requests})
    keys = [{"PK": item["PK"]} for item in items]
    found = client.batch_get_item(RequestItems={"large": {"Keys": keys}})["Responses"]["large"]
    assert sorted(found, key=lambda item: item["PK"]["S"]) == items
    client.delete_table(TableName="large")


class Forwarded(keeper._Connection):
    """A connection, only for its checks."""

    def __init__(self) -> None:
        nowhere: Any = None
        super().__init__(nowhere, nowhere, exposed=False)


def request_of(body: bytes) -> bytes:
    """Return a request with a body."""
    return b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@given(st.lists(st.binary(max_size=30), max_size=4), st.randoms(use_true_random=False))
def test_requests_are_forwarded_unchanged_in_any_parts(bodies: list[bytes], rng: Any) -> None:
    """Headers and bodies, at once or byte by byte, even if a body looks like headers."""
    sent = b"".join(map(request_of, [*bodies, request_of(b"")]))
    connection, passed, rest = Forwarded(), b"", sent
    while rest:
        size = rng.randint(1, len(rest))
        passed += b"".join(connection._checked(rest[:size]))
        rest = rest[size:]
    assert passed == sent


@pytest.mark.parametrize(
    "lines",
    [
        b"Host: localhost\r\nHost: localhost",
        b"Host: localhost\r\nContent-Length: 1\r\nContent-Length: 2",
        b"Host: localhost\r\nContent-Length: -1",
        b"Host: localhost\r\nContent-Length: +1",
        b"Host: localhost\r\nContent-Length: \xb2",
        b"Host: localhost\r\nTransfer-Encoding: chunked",
        b"Host: localhost\r\n Origin: http://evil.example",
        b"Host: localhost\r\nOrigin : http://evil.example",
        b"Host: localhost\r\n: x",
        b"Origin: http://localhost",
    ],
)
def test_a_request_that_can_be_read_in_two_ways_is_refused(lines: bytes) -> None:
    """So the engine never sees another request than the one checked."""
    with pytest.raises(RefusedError):
        list(Forwarded()._checked(b"POST / HTTP/1.1\r\n" + lines + b"\r\n\r\n"))


def test_a_head_without_end_is_refused() -> None:
    """Memory use is limited."""
    connection = Forwarded()
    with pytest.raises(RefusedError, match="too long"):
        list(chain.from_iterable(connection._checked(b"x" * 1000) for _ in range(1000)))


# --- the end of the parent process


def environment() -> dict[str, str]:
    """Return an environment in which this package and its engines are found."""
    binary = find_dynoxide()
    named = {} if binary is None else {"DYNOXIDE": str(binary)}
    return {**environment_without_aws(), "PYTHONPATH": str(ROOT), **named}


def is_free(port: int) -> bool:
    """Whether the port is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def killed(command: list[str], last_line: str, folder: Path) -> None:
    """Run a program until it has printed a line, then kill it."""
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(last_line):
                break
        else:
            pytest.fail("it did not start")
        process.kill()
        process.wait()


def assert_soon_free(*ports: int) -> None:
    """Check the law: within two seconds."""
    deadline = time.monotonic() + SECONDS
    while not all(map(is_free, ports)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [port for port in ports if not is_free(port)] == []


@pytest.mark.parametrize("name", ENGINES)
def test_a_killed_serve_leaves_no_engine(name: str, tmp_path: Path) -> None:
    """Its port is free, and no process is left."""
    with running_server(name):
        pass  # skips without dynoxide
    port = free_port(0)
    words = ["serve", "--engine", name, "--port", str(port)]
    killed([sys.executable, "-m", "catalog_model", *words], "Ctrl-C stops", tmp_path)
    assert_soon_free(port)
    assert processes_that_say(f":{port}") == []


@pytest.mark.parametrize("name", ENGINES)
def test_a_killed_run_leaves_neither_engine_nor_application(name: str, tmp_path: Path) -> None:
    """The program that `make run` runs."""
    with running_server(name):
        pass
    port = free_port(0)
    program = ROOT / "examples" / "netflix_movie_catalog" / "run.py"
    folder = tmp_path / "engine"
    words = ["--engine", name, "--port", str(port), "--folder", str(folder)]
    killed([sys.executable, str(program), *words], "Ctrl-C stops", tmp_path)
    assert_soon_free(port)
    assert_soon_gone(f":{port}", str(folder))


def processes_that_say(*words: str) -> list[bytes]:
    """Return the command lines with one of the words; Linux only."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:  # it has ended
            continue
        found += [line] if any(word.encode() in line for word in words) else []
    return found


def assert_soon_gone(*words: str) -> None:
    """Check the law for processes; gunicorn takes a moment."""
    deadline = time.monotonic() + 3 * SECONDS
    while processes_that_say(*words) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_that_say(*words) == []


@pytest.mark.parametrize("way", [signal.SIGTERM, None], ids=["told", "stdin"])
def test_a_supervised_program_ends_on_request_and_with_its_parent(
    way: signal.Signals | None,
) -> None:
    """In both cases it ends; one that ignores the signal is killed."""
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); "
    for code, patience in (("print(1, flush=True); ", 2.0), (deaf, 10.0)):
        marker = f"time.sleep({6000 + os.getpid()}) # {way}"
        command = kept([sys.executable, "-c", f"import time; {code}{marker}"])
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "1\n"
            if way is None:
                process.stdin.close()
            else:
                process.send_signal(way)
            process.wait(patience)
        assert processes_that_say(marker) == []


def test_a_program_that_ends_ends_its_keeper() -> None:
    """With its exit code."""
    with subprocess.Popen(
        kept([sys.executable, "-c", "raise SystemExit(7)"]), stdin=subprocess.PIPE
    ) as process:
        assert process.wait(10) == 7


def test_the_keeper_needs_nothing_but_the_standard_library() -> None:
    """Not even ctypes, which some Pythons lack."""
    text = Path(keeper.__file__).read_text("utf-8")
    assert "ctypes" not in text
    code = f"import runpy, sys; runpy.run_path({keeper.__file__!r}); print(*sys.modules)"
    shown = subprocess.run(
        [sys.executable, "-IS", "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"ctypes", "catalog_model", "boto3", "site"} & set(shown.stdout.split())

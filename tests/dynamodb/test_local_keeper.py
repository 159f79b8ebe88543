"""Engines are supervised: they end with the process that started them, and reject web pages."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from engines import ENGINES, running_server
from hypothesis import given
from hypothesis import strategies as st
from packages import ROOT, run

from catalog_model.dynamodb.engines import keeper
from catalog_model.dynamodb.engines.keeper import RefusedError
from catalog_model.dynamodb.engines.local import (
    environment_without_aws,
    find_dynoxide,
    free_port,
    kept,
)
from catalog_model.local import Engine
from catalog_model.operations import create_table, delete_table

SECONDS = 2.0
EVIL = ("https://evil.example", "http://evil.example:8000", "null", "")
LOOKING_LOCAL = (
    *("http://127.0.0.1.evil.example", "http://localhost.evil.example", "file://localhost"),
    *("http://localhost@evil.example", "http://evil.example#localhost", "http://[::2]"),
    *("http://evil.example/localhost", "http://128.0.0.1", "http://0.0.0.0"),
    *("http://localhost:80:80", "http://local\u0131host"),
)
LOCAL = ("http://localhost:3000", "http://127.0.0.1", "https://127.8.8.8:5", "http://[::1]:3000")


@pytest.fixture(params=ENGINES, scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running_server(request.param) as engine:
        yield engine


@dataclass
class Client:
    """A client of an engine, on one connection if the engine keeps it open."""

    connection: HTTPConnection
    allows: str | None = None

    def ask(self, method: str = "POST", body: bytes = b"{}", **more: str | None) -> tuple[int, Any]:
        """Send a request signed like an AWS client's; return the status and the answer."""
        headers: dict[str, str | None] = {
            "Host": f"127.0.0.1:{self.connection.port}",
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
        self.connection.putrequest(method, "/", skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            if value is not None:
                self.connection.putheader(name, value.encode())
        self.connection.endheaders(body)
        answer = self.connection.getresponse()
        self.allows = answer.headers["Access-Control-Allow-Origin"]
        return answer.status, answer.read()


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    address = engine.endpoint_url.removeprefix("http://")
    with closing(HTTPConnection(address, timeout=30)) as connection:
        yield Client(connection)


@pytest.mark.parametrize("origin", [*EVIL, *LOOKING_LOCAL])
@pytest.mark.parametrize("method", ["OPTIONS", "POST"])
def test_a_web_page_of_elsewhere_is_refused(client: Client, origin: str, method: str) -> None:
    """Both the preflight request and the request; no header allows the page to read the answer."""
    status, content = client.ask(method, Origin=origin)
    assert (status, client.allows) == (403, None)
    assert "may not ask" in json.loads(content)["message"]


@pytest.mark.parametrize("origin", [None, *LOCAL])
def test_programs_and_pages_of_this_machine_are_answered(client: Client, origin: str) -> None:
    """Programs send no origin."""
    status, content = client.ask(Origin=origin)
    assert (status, json.loads(content)) == (200, {"TableNames": []})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.nip.io", "localhost.evil.example", ""]
)
def test_a_name_that_was_led_here_is_refused(client: Client, host: str) -> None:
    """DNS rebinding: for the browser, this machine is the page's own site."""
    status, content = client.ask(Host=host)
    assert status == 403
    assert "use 127.0.0.1 or localhost" in json.loads(content)["message"]


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "LOCALHOST"])
def test_this_machine_goes_by_its_own_names(client: Client, name: str) -> None:
    """With and without a port."""
    assert client.ask(Host=name)[0] == client.ask(Host=f"{name}:8000")[0] == 200


def test_an_image_of_another_site_is_refused(client: Client) -> None:
    """It has no origin, but browsers send the site that shows it."""
    assert client.ask("GET", b"", Sec_Fetch_Site="cross-site")[0] == 403


def test_each_request_of_a_connection_is_checked(client: Client) -> None:
    """A browser may reuse a connection for another page's request."""
    assert [client.ask()[0] for _ in range(3)] == [200, 200, 200]
    assert client.ask(Origin=EVIL[0])[0] == 403


def test_an_exposed_engine_has_any_name_and_no_web_pages() -> None:
    """Containers use a name of their network."""
    keeper.check_request({"host": "engine:8000"}, exposed=True)
    with pytest.raises(RefusedError):
        keeper.check_request({"host": "engine", "origin": "http://x.example"}, exposed=True)


def test_large_bodies_and_answers_go_through(engine: Engine) -> None:
    """Transactions have up to 4 MB."""
    catalog: Any = engine.catalog("large")
    create_table(catalog)
    keys = [{"PK": {"S": str(n)}, "SK": {"S": "large"}} for n in range(5)]
    items = [{**key, "text": {"S": key["PK"]["S"] * 350_000}} for key in keys]
    requests = [{"PutRequest": {"Item": item}} for item in items]
    catalog.client.batch_write_item(RequestItems={"large": requests})
    found = catalog.client.batch_get_item(RequestItems={"large": {"Keys": keys}})
    assert sorted(found["Responses"]["large"], key=lambda item: item["PK"]["S"]) == items
    delete_table(catalog)


class Forwarded(keeper._Connection):
    """A connection, only for its checks."""

    def __init__(self) -> None:
        nowhere: Any = None
        super().__init__(nowhere, nowhere, exposed=False)


def request_of(body: bytes) -> bytes:
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


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def killed(command: list[str], last_line: str, folder: Path) -> None:
    """Run a program until it has printed a line, then kill it."""
    environment = {**environment_without_aws(), "PYTHONPATH": str(ROOT)}
    if binary := find_dynoxide():
        environment["DYNOXIDE"] = str(binary)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(last_line):
                break
        else:
            pytest.fail("it did not start")
        process.kill()
        process.wait()


def assert_soon(is_so: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Check that it is so within two seconds, or more."""
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert is_so()


def processes_that_say(*words: str) -> list[bytes]:
    """Return the command lines with one of the words; Linux only."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            line = path.read_bytes()
            found += [line] if any(word.encode() in line for word in words) else []
    return found


SERVE = ("-m", "catalog_model", "serve")
RUN = (str(ROOT / "examples/netflix_movie_catalog/run.py"), "--folder", "engine-of-{port}")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        pytest.param(SERVE, "dynoxide", id="serve"),
        pytest.param(RUN, "moto", id="run", marks=pytest.mark.slow),
        pytest.param(SERVE, "moto", id="serve-moto", marks=pytest.mark.slow),
        pytest.param(RUN, "dynoxide", id="run-dynoxide", marks=pytest.mark.slow),
    ],
)
def test_a_dead_program_leaves_no_engine(words: tuple[str, ...], name: str, tmp_path: Path) -> None:
    """Nor an application, with what `make run` runs: ports are free, and no process is left."""
    with running_server(name):
        pass  # skips without dynoxide
    port = free_port(0)
    own = [word.format(port=port) for word in words]
    more = ["--engine", name, "--port", str(port)]
    killed([sys.executable, *own, *more], "Ctrl-C stops", tmp_path)
    assert_soon(lambda: is_free(port))
    marks = (f":{port}", f"engine-of-{port}")
    assert_soon(lambda: not processes_that_say(*marks), 3 * SECONDS)  # gunicorn takes a moment


@pytest.mark.slow
@pytest.mark.parametrize("way", [signal.SIGTERM, None], ids=["told", "stdin"])
def test_a_kept_program_ends_on_request_and_with_its_parent(way: signal.Signals | None) -> None:
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
    loaded = set(run(sys.executable, "-IS", "-c", code).split())
    assert not {"ctypes", "catalog_model", "boto3", "site"} & loaded

"""The worker for gunicorn has the properties that gunicorn requires of its workers."""

import http.client
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0

APP = """
import os, time

def app(environ, start_response):
    length = len(environ["wsgi.input"].read())
    if environ["PATH_INFO"] == "/fail":
        raise ValueError("a bug")
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1)
    start_response("200 OK", [("Content-Type", "text/plain")])
    text = f"{os.getpid()} {environ['REQUEST_METHOD']} {environ['REQUEST_URI']} {length}"
    return [text.encode()] if environ["PATH_INFO"] != "/pieces" else iter([b"one ", b"two"])
"""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(self._path))


@contextmanager
def gunicorn(folder: Path, *options: str) -> Iterator[Path]:
    """Run a small application without Flask behind a Unix socket."""
    (folder / "small.py").write_text(APP)
    conf = folder / "gunicorn_conf.py"
    conf.write_text("control_socket_disable = True\n")  # an option since gunicorn 25.1
    path = folder / "socket"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"unix:{path}", "--threads", "4"]
    command += ["--worker-class", "catalog_model.gunicorn.BufferedWorker", "--chdir", str(folder)]
    command += ["--access-logfile", str(folder / "access"), "--config", str(conf)]
    command += ["--access-logformat", "%(m)s %(U)s %(s)s %(B)s %({x-my}i)s %({content-type}o)s"]
    with (
        (folder / "error").open("wb") as error,
        subprocess.Popen(
            [*command, *options, "small:app"], stderr=error, env={"PYTHONPATH": str(ROOT)}
        ) as process,
    ):
        deadline = time.monotonic() + PATIENCE
        while not path.exists():
            assert process.poll() is None, (folder / "error").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        try:
            yield path
        finally:
            process.terminate()
            assert process.wait(PATIENCE) == 0


def ask(connection: http.client.HTTPConnection, path: str, method: str = "GET") -> tuple[int, str]:
    connection.request(method, path, headers={"X-My": "own"})
    response = connection.getresponse()
    return response.status, response.read().decode()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The address of the application."""
    with gunicorn(tmp_path_factory.mktemp("small")) as path:
        yield path


def test_many_requests_go_over_one_connection_of_any_kind(path: Path) -> None:
    """Including Unix sockets; the body of an answer may be sent in parts."""
    with closing(UnixConnection(path)) as connection:
        for _ in range(3):
            status, text = ask(connection, "/x?y=1")
            assert (status, text.split()[1:]) == (200, ["GET", "/x?y=1", "0"])
        assert ask(connection, "/x", "HEAD") == (200, "")
        assert ask(connection, "/pieces") == (200, "one two")


def test_requests_that_are_sent_together_are_answered_in_their_order(path: Path) -> None:
    """No answer waits until the client has read the previous one."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        asked = [f"GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(20)]
        connection.sendall("".join([*asked, "GET /end HTTP/1.0\r\n\r\n"]).encode())
        received = b""
        while piece := connection.recv(1 << 16):
            received += piece
    found = re.findall(rb"GET /(\w+) 0", received)
    assert found == [*(str(n).encode() for n in range(20)), b"end"]


def test_a_bug_of_the_application_is_a_500_and_affects_no_other_request(path: Path) -> None:
    """It is logged, and not shown to clients."""
    with closing(UnixConnection(path)) as connection:
        status, text = ask(connection, "/fail")
        assert (status, "a bug" in text) == (500, False)
    with closing(UnixConnection(path)) as connection:
        assert ask(connection, "/x")[0] == 200
    assert "ValueError: a bug" in (path.parent / "error").read_text()


def test_the_access_log_tells_what_gunicorns_does(path: Path) -> None:
    """Method, path, status, length, and headers of both."""
    with closing(UnixConnection(path)) as connection:
        length = len(ask(connection, "/logged")[1])
    line = f"GET /logged 200 {length} own text/plain"
    deadline = time.monotonic() + PATIENCE
    while line not in (path.parent / "access").read_text().splitlines():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_worker_ends_after_its_number_of_requests_without_losing_one(tmp_path: Path) -> None:
    """A new one replaces it."""
    with gunicorn(tmp_path, "--max-requests", "5") as path:
        workers = set()
        for _ in range(20):
            with closing(UnixConnection(path)) as connection:
                status, text = ask(connection, "/x")
            assert status == 200
            workers.add(text.split()[0])
        assert len(workers) > 2


def test_what_is_being_answered_at_the_end_is_answered(tmp_path: Path) -> None:
    """Completely, with a header that closes the connection."""
    with gunicorn(tmp_path) as path:
        connection = UnixConnection(path)
        connection.request("GET", "/slow")
        time.sleep(0.3)
    response = connection.getresponse()
    assert (response.status, response.read().split()[1:]) == (200, [b"GET", b"/slow", b"0"])
    connection.close()

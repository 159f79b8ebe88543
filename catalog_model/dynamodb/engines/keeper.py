"""Supervises a program on this machine: it ends with its parent, and web pages cannot reach it.

    python -IS keeper.py COMMAND... python -IS keeper.py --guard HOST:PORT INNER_HOST:INNER_PORT
    COMMAND...

It runs COMMAND until its standard input ends, which happens when the process at the other end ends
for any reason. With ``--guard`` it also listens at HOST:PORT, in front of an engine that COMMAND
runs at INNER_HOST:INNER_PORT, and rejects requests of web pages: engines do not authenticate
clients, and a page in a browser can send requests, too.

This script uses only the standard library, so that it starts quickly, and runs where parts of this
package cannot be imported.
"""

import ipaddress
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = "127.0.0.1"
START_SECONDS: Final = 15.0
STOP_SECONDS: Final = 2.0
MAX_HEAD: Final = 64 * 1024
MAX_DRAINED: Final = 16 * 1024 * 1024
_CHUNK: Final = 256 * 1024
_CHECKED: Final = ("host", "origin", "content-length", "transfer-encoding", "sec-fetch-site")


class RefusedError(Exception):
    """A request that must not reach the engine: the reason, and the status of the answer."""

    def __init__(self, reason: str, status: str = "403 Forbidden") -> None:
        super().__init__(reason)
        self.status = status


def check_request(headers: Mapping[str, str], *, exposed: bool) -> None:
    """Check that a request cannot come from a web page of another site.

    Browsers send the site of a page in ``Origin``. A page whose own name was redirected to this
    machine (DNS rebinding) has that name in ``Host``, unless *exposed* machines may use any name.

    >>> check_request({"host": "127.0.0.1:8000"}, exposed=False)
    >>> check_request({"host": "127.0.0.1:8000", "origin": "https://evil.example"}, exposed=True)
    Traceback (most recent call last):
        ...
    catalog_model...RefusedError: a web page of https://evil.example may not ask
    """
    origin = headers.get("origin")
    if origin is not None and not _is_local_origin(origin):
        raise RefusedError(f"a web page of {origin[:80]} may not ask")
    if origin is None and headers.get("sec-fetch-site", "").lower() == "cross-site":
        raise RefusedError("a web page of another site may not ask")
    host = headers.get("host", "")
    if not exposed and not _is_local(host):
        raise RefusedError(f"this machine is not {host[:80]!r}: use {LOOPBACK} or localhost")


def _is_local_origin(origin: str) -> bool:
    scheme, _, host = origin.partition("://")
    return scheme in ("http", "https") and _is_local(host)


def _is_local(host: str) -> bool:
    """Whether a host, with or without a port, is this machine by name or number."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.netloc != host or "@" in host:
        return False
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refusal(error: RefusedError) -> bytes:
    """Return the body of the answer to a rejected request, in the format of DynamoDB."""
    kind = "com.amazon.coral.service#AccessDeniedException"
    return json.dumps({"__type": kind, "message": str(error)}).encode()


class _Connection:
    """A client and the engine: requests are parsed and checked, answers are forwarded unchanged."""

    def __init__(self, client: socket.socket, engine: socket.socket, *, exposed: bool) -> None:
        self._client = client
        self._engine = engine
        self._exposed = exposed
        self._head = b""
        self._body = 0

    def run(self) -> None:
        sides = select.poll()
        for side in (self._client, self._engine):
            sides.register(side, select.POLLIN)
        try:
            while self._pass(sides.poll()):
                pass
        except RefusedError as error:
            body = refusal(error)
            head = f"HTTP/1.1 {error.status}\r\nContent-Type: application/x-amz-json-1.0\r\n"
            head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            self._client.sendall(head.encode() + body)
            self._drain()

    def _drain(self) -> None:
        """Read the rest of a request, so that closing the connection keeps the answer."""
        self._client.shutdown(socket.SHUT_WR)
        self._client.settimeout(1.0)
        for _ in range(MAX_DRAINED // _CHUNK):
            if not self._client.recv(_CHUNK):
                return

    def _pass(self, ready: list[tuple[int, int]]) -> bool:
        for number, _ in ready:
            if number == self._engine.fileno():
                data = self._engine.recv(_CHUNK)
                self._client.sendall(data)
            else:
                data = self._client.recv(_CHUNK)
                for part in self._checked(data):
                    self._engine.sendall(part)
            if not data:
                return False
        return True

    def _checked(self, data: bytes) -> Iterator[bytes]:
        """Yield the data for the engine: bodies as they arrive, headers after they are checked."""
        while data:
            if self._body:
                part, data = data[: self._body], data[self._body :]
                self._body -= len(part)
                yield part
                continue
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                if len(head) > MAX_HEAD:
                    raise RefusedError(
                        "the head is too long", "431 Request Header Fields Too Large"
                    )
                return
            self._head = b""
            self._body = length_of_body(headers_of(head), exposed=self._exposed)
            yield head + end


def headers_of(head: bytes) -> dict[str, str]:
    """Parse headers, with names in lower case; refuse those that are ambiguous."""
    found: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name = name.lower()
        if not name or name != name.strip() or (name in _CHECKED and name in found):
            raise RefusedError(f"the head is malformed: {line[:80]!r}", "400 Bad Request")
        found[name] = value.strip()
    return found


def length_of_body(headers: Mapping[str, str], *, exposed: bool) -> int:
    """Check a request as `check_request` does, and return the length of its body."""
    check_request(headers, exposed=exposed)
    if "transfer-encoding" in headers:
        raise RefusedError("a body needs a Content-Length", "411 Length Required")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal() and len(length) < len("1_000_000_000")):
        raise RefusedError(f"Content-Length is {length[:80]!r}", "400 Bad Request")
    return int(length)


def _serve(listener: socket.socket, inner: tuple[str, int], *, exposed: bool) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve_one, args=(client, inner, exposed), daemon=True).start()


def _serve_one(client: socket.socket, inner: tuple[str, int], exposed: bool) -> None:  # noqa: FBT001
    try:
        with client, socket.create_connection(inner) as engine:
            for side in (client, engine):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Connection(client, engine, exposed=exposed).run()
    except OSError:  # one side has ended, and so has the connection
        return


def _await(inner: tuple[str, int], program: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and program.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(inner) == 0:
                return True
        time.sleep(0.005)
    return False


def stop(program: subprocess.Popen[bytes]) -> None:
    """End a program, by force if it does not end in time."""
    program.terminate()
    try:
        program.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        program.kill()


def _stop_at(ended: threading.Event, program: subprocess.Popen[bytes]) -> None:
    ended.wait()
    stop(program)


def _await_end(ended: threading.Event) -> None:
    """Set *ended* when stdin has ended, or at SIGTERM."""

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        ended.set()

    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    threading.Thread(target=watch, daemon=True).start()


def _guard(outer: tuple[str, int], inner: tuple[str, int]) -> None:
    listener = socket.create_server(outer, backlog=128)
    settings = {"exposed": outer[0] != LOOPBACK}
    threading.Thread(target=_serve, args=(listener, inner), kwargs=settings, daemon=True).start()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def main(words: list[str]) -> int:
    """Run a program, supervised and optionally guarded; return its exit code."""
    guarded = words[:1] == ["--guard"]
    command = words[3:] if guarded else words
    ended = threading.Event()
    _await_end(ended)
    try:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603  # the caller's command
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        return 1
    threading.Thread(target=_stop_at, args=(ended, program), daemon=True).start()
    if guarded:
        outer, inner = map(_address, words[1:3])
        try:
            if _await(inner, program):
                _guard(outer, inner)
        except OSError as error:
            sys.stderr.write(f"port {outer[1]} cannot be used: {error.strerror}\n")
            ended.set()
    return program.wait() & 0xFF


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

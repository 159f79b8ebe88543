"""A server that records requests as they arrive, headers included, and answers as a test says."""

import json
import select
import socket
import ssl
import threading
from binascii import crc32
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from lying_server import real_answer

KEY: Final = {"PK": {"S": "TITLE#movie#1"}, "SK": {"S": "TITLE#movie#1"}}
BY_BOTOCORE: Final = "amz-sdk-invocation-id"
"""A header that only botocore sends."""


@dataclass(frozen=True)
class Recorded:
    """A request: its line, its headers with small names, its body, and its connection."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def operation(self) -> str:
        return self.headers["x-amz-target"].rpartition(".")[2]

    @property
    def is_of_lane(self) -> bool:
        return BY_BOTOCORE not in self.headers

    @property
    def content(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[Recorded], bytes]


def echo(request: Recorded) -> bytes:
    """Return the item that is asked for, or an empty answer."""
    content = request.content
    match request.operation:
        case "GetItem":
            answer: Any = {"Item": {**content["Key"], "note": {"S": "ok"}}}
        case "BatchGetItem":
            answer = {"Responses": {t: list(w["Keys"]) for t, w in content["RequestItems"].items()}}
        case "Query":
            answer = {"Items": [], "Count": 0, "ScannedCount": 0}
        case _:
            answer = {}
    return real_answer(answer).replace(b"Connection: close\r\n", b"")


@dataclass
class Recorder:
    """The requests so far, and where the server is."""

    address: str = ""
    answer: Answer = echo
    requests: list[Recorded] = field(default_factory=list)

    @property
    def connections(self) -> list[int]:
        return [request.connection for request in self.requests]


@contextmanager
def recording(
    answer: Answer = echo, *, certificate: Path | None = None, clients: Path | None = None
) -> Iterator[Recorder]:
    """Run a server; with *clients*, it requires a client's certificate that is in that file."""
    recorder = Recorder(answer=answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(recorder))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # broken connections
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    recorder.address = f"http{'s' * bool(certificate)}://127.0.0.1:{server.server_port}"
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Recorded(self.requestline, headers, body, self.client_address[1])
            recorder.requests.append(request)
            answer = recorder.answer(request)
            self.wfile.write(answer)
            self.close_connection = not answer or b"Connection: close" in answer

        def do_CONNECT(self) -> None:
            host, _, port = self.path.partition(":")
            recorder.requests.append(Recorded(self.requestline, {}, b"", self.client_address[1]))
            with socket.create_connection((host, int(port))) as server:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\nVia: a proxy\r\n\r\n")
                with suppress(OSError):
                    _relay(self.connection, server)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _relay(one: socket.socket, other: socket.socket) -> None:
    while True:
        for ready in select.select([one, other], [], [])[0]:
            data = ready.recv(65536)
            if not data:
                return
            (other if ready is one else one).sendall(data)


def checked_answer(content: object, **headers: str) -> bytes:
    """Return an answer with its checksum and other headers."""
    body = json.dumps(content).encode()
    fields = {"Content-Length": str(len(body)), "x-amz-crc32": str(crc32(body)), **headers}
    lines = [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode() + body

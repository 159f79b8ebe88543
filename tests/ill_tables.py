"""Endpoints of tables that are ill: one that says nothing, one that takes no connection, one that
refuses what is over its throughput. Each on this machine, as long as its ``with`` block lasts.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"


@contextmanager
def black_hole() -> Iterator[str]:
    """Accept every connection, and answer none."""
    with closing(socket.create_server((HOST, 0), backlog=512)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    held.append(listener.accept()[0])
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield url_of(listener)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in held:
            each.close()


@contextmanager
def deaf() -> Iterator[str]:
    """Let the packet that asks for a connection go unanswered, as behind a firewall that drops it.

    Linux drops it where the queue of those who wait to be accepted is full.
    """
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((HOST, 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield url_of(listener)


def url_of(listener: socket.socket) -> str:
    """Give the address of a socket that listens."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


@dataclass
class Throughput:
    """Units that a table gives out: so many a second, and no more saved than one second's."""

    units: float
    left: float = field(init=False)
    served: int = 0
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.left = self.units

    def admits(self) -> bool:
        """Tell whether there is anything left; what a request takes is known afterwards."""
        with self._lock:
            now = time.monotonic()
            self.left = min(self.units, self.left + (now - self._since) * self.units)
            self._since = now
            is_admitted = self.left > 0
            self.served += is_admitted
            self.refused += not is_admitted
            return is_admitted

    def take(self, units: float) -> None:
        """Note what a request took."""
        with self._lock:
            self.left -= units


REFUSAL = json.dumps({
    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "message": "The level of configured provisioned throughput for the table was exceeded.",
}).encode()  # fmt: skip


@contextmanager
def narrow(endpoint_url: str, units: float) -> Iterator[tuple[str, Throughput]]:
    """Stand before an engine, and refuse what is over so many units a second."""
    throughput = Throughput(units)
    engine = urlsplit(endpoint_url).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            if operation != "DescribeTable" and not throughput.admits():
                self.reply(400, REFUSAL)
                return
            with closing(http.client.HTTPConnection(engine, timeout=30)) as connection:
                connection.request("POST", "/", body, dict(self.headers))
                answer = connection.getresponse()
                found = answer.read()
            throughput.take(units_in(json.loads(found)))
            self.reply(answer.status, found)

        def reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Proxy) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}", throughput
        finally:
            server.shutdown()
            thread.join()


def units_in(answer: Any) -> float:
    """Add up what an answer says it took."""
    consumed = answer.get("ConsumedCapacity") or []
    parts = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(part["CapacityUnits"] for part in parts))

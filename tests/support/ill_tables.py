"""Endpoints of failing tables on this machine, for the duration of a ``with`` block.

One never answers, one accepts no connections, and two throttle requests.
"""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOST = "127.0.0.1"


@contextmanager
def black_hole() -> Iterator[str]:
    """Accept every connection, and never answer."""
    with closing(socket.create_server((HOST, 0), backlog=512)) as listener:
        held: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):  # it is shut down at the end of the block
                while True:
                    held.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield url_of(listener)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for each in held:
            each.close()


@contextmanager
def deaf() -> Iterator[str]:
    """Ignore connections like a firewall: Linux drops them if the queue of pending ones is full."""
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
    """Return the URL of a listening socket."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


class Throughput:
    """A limited number of units per second; unused ones are kept for one second."""

    def __init__(self, units: float) -> None:
        self.units = self.left = units
        self.served = self.refused = 0
        self._lock = threading.Lock()
        self._since = time.monotonic()

    def admits(self) -> bool:
        """Whether any units are left; the cost of a request is known only afterwards."""
        with self._lock:
            now = time.monotonic()
            self.left = min(self.units, self.left + (now - self._since) * self.units)
            self._since = now
            is_admitted = self.left > 0
            self.served += is_admitted
            self.refused += not is_admitted
            return is_admitted

    def take(self, units: float) -> None:
        """Record the cost of a request."""
        with self._lock:
            self.left -= units


REFUSAL = json.dumps({
    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
    "message": "The level of configured provisioned throughput for the table was exceeded.",
}).encode()  # fmt: skip


@contextmanager
def proxied(
    endpoint_url: str, refuses: Callable[[str], bool], on_answer: Callable[[Any], None]
) -> Iterator[str]:
    """Run a proxy in front of an engine that throttles the operations that *refuses* names."""
    engine = urlsplit(endpoint_url).netloc

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if refuses(self.headers["X-Amz-Target"].partition(".")[2]):
                self.reply(400, REFUSAL)
                return
            del self.headers["Accept-Encoding"]
            with closing(http.client.HTTPConnection(engine, timeout=30)) as connection:
                connection.request("POST", "/", body, dict(self.headers))
                answer = connection.getresponse()
                found = answer.read()
            on_answer(json.loads(found))
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
            yield url_of(server.socket)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def narrow(endpoint_url: str, units: float) -> Iterator[tuple[str, Throughput]]:
    """Run a proxy in front of an engine that throttles above a number of units per second."""
    throughput = Throughput(units)

    def refuses(operation: str) -> bool:
        return operation != "DescribeTable" and not throughput.admits()

    with proxied(endpoint_url, refuses, lambda answer: throughput.take(units_in(answer))) as url:
        yield url, throughput


@dataclass
class RefusingProxy:
    """Its address, the throttled operations, and the number of throttled requests."""

    endpoint_url: str = ""
    operations: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)

    def refuses(self, operation: str) -> bool:
        """Throttle the operation if it is one of these."""
        self.refused[operation] += operation in self.operations
        return operation in self.operations


@contextmanager
def refusing_proxy(endpoint_url: str) -> Iterator[RefusingProxy]:
    """Run a proxy in front of an engine that throttles some operations."""
    proxy = RefusingProxy()
    with proxied(endpoint_url, proxy.refuses, lambda _: None) as proxy.endpoint_url:
        yield proxy


def units_in(answer: Any) -> float:
    """Add up the consumed units in an answer."""
    consumed = answer.get("ConsumedCapacity") or []
    parts = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(part["CapacityUnits"] for part in parts))

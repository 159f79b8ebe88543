"""A proxy in front of an engine that throttles some operations."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError

_REFUSAL = json.dumps(
    {
        "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    }
).encode()


@dataclass
class RefusingProxy:
    """Its address, the throttled operations, and the number of throttled requests."""

    endpoint_url: str = ""
    operations: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)


@contextmanager
def refusing_proxy(engine_url: str) -> Iterator[RefusingProxy]:
    """Run the proxy in front of an engine for the duration of the block."""
    proxy = RefusingProxy()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].partition(".")[2]
            if operation in proxy.operations:
                proxy.refused[operation] += 1
                self._answer(400, _REFUSAL)
            else:
                self._answer(*_forwarded(engine_url, dict(self.headers), body))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    proxy.endpoint_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _forwarded(url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    kept = {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}
    request = urllib.request.Request(url, body, kept, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()

"""moto's DynamoDB as a server, in a process of its own.

Run as ``python -m catalog_model.dynamodb.engines.moto_server HOST PORT``.

moto's own server answers for every service of AWS, needs fifty packages to do so, and opens a
connection for each request. This one hands requests to moto's DynamoDB and to its streams, and to
nothing else. Requests are served one at a time, as moto knows no locks and would lose one of two
writes that come together. Web pages of other sites are refused.
"""

from __future__ import annotations

import json
import sys
import threading
import traceback
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from moto.core.request import Request
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler

from catalog_model.dynamodb.engines import keeper
from catalog_model.dynamodb.engines.moto_patches import hasten

_Answer = tuple[int, dict[str, str], bytes]

_SERVICES: Final = {
    "DynamoDB_20120810": DynamoHandler,
    "DynamoDBStreams_20120810": DynamoDBStreamsHandler,
}
_UNKNOWN_OPERATION: Final = "com.amazon.coral.service#UnknownOperationException"
_INTERNAL_ERROR: Final = "com.amazon.coral.service#InternalFailure"


class _Server(ThreadingHTTPServer):
    """Keeps a thread for each connection, and lets one request at a time through to moto."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.exposed = host != keeper.LOOPBACK
        self.one_request = threading.Lock()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of this machine's name, which can take seconds."""
        super(ThreadingHTTPServer, self).server_bind()


class _Handler(BaseHTTPRequestHandler):
    """Serves the requests of a connection, one after the other."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer a request, or refuse it and end the connection."""
        try:
            length = keeper.length_of_body(self._headers(), exposed=self.server.exposed)
        except keeper.RefusedError as error:
            self.close_connection = True
            self._send((int(error.status.split()[0]), {}, keeper.refusal(error)))
            self.wfile.flush()
            keeper.drain(self.connection)
            return
        body = self.rfile.read(length)
        with self.server.one_request:
            answer = _ask_moto(self.command, self.headers, body)
        self._send(answer)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_PUT = do_POST  # noqa: N815

    def _headers(self) -> dict[str, str]:
        """Return the headers by their names in lower case, all values of one name together."""
        found = defaultdict(list)
        for name, value in self.headers.items():
            found[name.lower()].append(value)
        return {name: ",".join(values) for name, values in found.items()}

    def _send(self, answer: _Answer) -> None:
        status, headers, body = answer
        self.send_response_only(status)
        headers = {"Content-Type": "application/x-amz-json-1.0", **headers}
        headers["Content-Length"] = str(len(body))
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_request(self, *_: Any) -> None:
        """Keep requests out of the log; errors still go there."""


def _ask_moto(method: str, headers: Any, body: bytes) -> _Answer:
    """Return moto's answer; what it fails on is told on stderr, and to the client as a failure."""
    service, _, operation = headers.get("X-Amz-Target", "").partition(".")
    handler = _SERVICES.get(service)
    if handler is None or method != "POST":
        return _error(HTTPStatus.BAD_REQUEST, _UNKNOWN_OPERATION, f"{method} {operation}".strip())
    url = f"http://{headers.get('Host', '')}/"
    try:
        request = Request.from_primitives(method, url, headers, body)
        status, answered, content = handler.dispatch(request, url, request.headers)
    except NotImplementedError as error:
        return _error(HTTPStatus.BAD_REQUEST, _UNKNOWN_OPERATION, str(error))
    except Exception as error:  # noqa: BLE001  # moto's own mistakes are of any kind
        traceback.print_exc()
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, _INTERNAL_ERROR, repr(error))
    if isinstance(content, str):
        content = content.encode()
    return status, {name: str(value) for name, value in answered.items()}, content


def _error(status: HTTPStatus, kind: str, message: str) -> _Answer:
    return status, {}, json.dumps({"__type": kind, "message": message}).encode()


def serve(host: str, port: int) -> None:
    """Be moto until stdin ends, as it does when the process that started this one is gone."""
    hasten()
    server = _Server(host, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.buffer.read()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))

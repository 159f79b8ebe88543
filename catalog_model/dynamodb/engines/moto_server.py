"""moto's DynamoDB as a server: ``python -m catalog_model.dynamodb.engines.moto_server HOST PORT``.

moto's own server serves all of AWS, which needs forty more packages. This one serves only DynamoDB
and its streams, one request at a time: moto has no locks, and would lose one of two concurrent
writes. Web pages of other sites are rejected.
"""

import asyncio
import json
import sys
import threading
import traceback
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from moto.core.request import Request
from moto.dynamodb.responses import DynamoHandler
from moto.dynamodbstreams.responses import DynamoDBStreamsHandler

from catalog_model.dynamodb.engines import keeper
from catalog_model.dynamodb.engines.keeper import RefusedError
from catalog_model.dynamodb.engines.moto_patches import accelerate

_SERVICES: Final = {
    "DynamoDB_20120810": DynamoHandler,
    "DynamoDBStreams_20120810": DynamoDBStreamsHandler,
}
_UNKNOWN_OPERATION: Final = "com.amazon.coral.service#UnknownOperationException"
_INTERNAL_FAILURE: Final = "com.amazon.coral.service#InternalFailure"
_BACKLOG: Final = 128
_DRAIN_SECONDS: Final = 1.0

_Answer = tuple[int, Mapping[str, str], bytes]


async def _serve_client(reader: StreamReader, writer: StreamWriter, *, exposed: bool) -> None:
    try:
        while await _serve_request(reader, writer, exposed=exposed):
            pass
    except RefusedError as error:
        status = error.status.partition(" ")[0]
        _write(writer, (int(status), {}, keeper.refusal(error)), keeps=False)
        await _drain(reader, writer)
    except (asyncio.IncompleteReadError, TimeoutError, OSError):  # the client has disconnected
        pass
    finally:
        writer.close()


async def _serve_request(reader: StreamReader, writer: StreamWriter, *, exposed: bool) -> bool:
    """Serve a request; return whether another one may follow."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        status = "431 Request Header Fields Too Large"
        raise RefusedError("the head is too long", status) from error
    headers = keeper.headers_of(head)
    body = await reader.readexactly(keeper.length_of_body(headers, exposed=exposed))
    is_post = head.startswith(b"POST ")
    keeps = is_post and headers.get("connection", "").lower() != "close"
    answer = _ask_moto(headers, body) if is_post else _error(_UNKNOWN_OPERATION, "not a POST")
    _write(writer, answer, keeps=keeps)
    await writer.drain()
    return keeps


def _write(writer: StreamWriter, answer: _Answer, *, keeps: bool) -> None:
    status, answered, body = answer
    headers = {"Content-Type": "application/x-amz-json-1.0", **answered}
    headers |= {"Content-Length": str(len(body))} | ({} if keeps else {"Connection": "close"})
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    writer.write(f"{first}{head}\r\n".encode() + body)


async def _drain(reader: StreamReader, writer: StreamWriter) -> None:
    """Read the rest of a rejected request, so that closing the connection keeps the answer."""
    try:
        writer.write_eof()
        async with asyncio.timeout(_DRAIN_SECONDS):
            for _ in range(keeper.MAX_DRAINED // keeper.MAX_HEAD):
                if not await reader.read(keeper.MAX_HEAD):
                    return
    except (TimeoutError, OSError):  # the time is over, or the client has disconnected
        return


def _ask_moto(headers: Mapping[str, str], body: bytes) -> _Answer:
    """Return moto's answer; if moto fails, an error, with the reason on stderr."""
    service, _, operation = headers.get("x-amz-target", "").partition(".")
    handler = _SERVICES.get(service)
    if handler is None:
        return _error(_UNKNOWN_OPERATION, f"there is no {operation} here")
    url = f"http://{headers.get('host', '')}/"
    try:
        request = Request.from_primitives("POST", url, headers, body)
        status, answered, content = handler.dispatch(request, url, request.headers)
    except NotImplementedError as error:
        return _error(_UNKNOWN_OPERATION, str(error))
    except Exception as error:  # noqa: BLE001  # moto may raise any exception
        traceback.print_exc()
        return _error(_INTERNAL_FAILURE, repr(error), HTTPStatus.INTERNAL_SERVER_ERROR)
    return status, answered, content.encode() if isinstance(content, str) else content


def _error(kind: str, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> _Answer:
    return status, {}, json.dumps({"__type": kind, "message": message}).encode()


async def _serve_until(ended: asyncio.Event, host: str, port: int) -> None:
    serve_client: Any = partial(_serve_client, exposed=host != keeper.LOOPBACK)
    await asyncio.start_server(serve_client, host, port, limit=keeper.MAX_HEAD, backlog=_BACKLOG)
    await ended.wait()


async def serve(host: str, port: int) -> None:
    """Run moto until stdin ends, which happens when the parent process ends."""
    accelerate()
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def await_end() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=await_end, daemon=True).start()
    await _serve_until(ended, host, port)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))

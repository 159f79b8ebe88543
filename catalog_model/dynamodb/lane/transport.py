"""HTTP for the lane, by libcurl: connections kept open, TLS, proxies, time limits.

Waits happen in Python, so that Ctrl-C and other signals end them. As in botocore, the time to read
limits the silence between two parts of an answer, and the deadline of a request limits all of it.
"""

from __future__ import annotations

import math
import os
import select
import time
from typing import Any, Final
from weakref import WeakSet

import pycurl
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from catalog_model.checks import counted
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.lane.destinations import Destination
from catalog_model.dynamodb.lane.received import NotUnderstoodError, Received
from catalog_model.dynamodb.lane.settings import Limits, Security, limits_of, security_of

_BUFFER: Final = 128 * 1024
"""Bytes: a page of titles arrives in one piece."""


_HAS_POLL: Final = hasattr(select, "poll")  # not on Windows
_SENT_AT_ONCE: Final = 12 * 1024
"""Bytes that every socket takes without a wait."""

_MAX_HEADER: Final = 16 * 1024
_MAX_LINES: Final = 100
"""Of a header; Python's HTTP client allows no more."""

_CLOSED: Final = (
    pycurl.E_GOT_NOTHING,
    pycurl.E_PARTIAL_FILE,
    pycurl.E_RECV_ERROR,
    pycurl.E_SEND_ERROR,
)


class Transport:
    """Connections of one client, each used by one thread at a time. Thread-safe.

    As many are kept open as botocore would keep; others are closed after their request. After a
    fork, the child process makes its own.
    """

    def __init__(self, client: DynamoDBClient) -> None:
        self._limits = limits_of(client)
        self._security = security_of(client)
        config: Any = client.meta.config
        self._keeps_alive = bool(config.tcp_keepalive)
        self._idle: list[_Connection] = []
        _transports.add(self)

    def post(self, to: Destination, headers: list[str], body: bytes, ends: float) -> Received:
        """Send a request; *ends* is the time of `time.monotonic` at which to give up.

        Raises:
            NotUnderstoodError: If libcurl failed for a reason of its own.
            BotoCoreError: If the network failed; botocore's exception for it.
        """
        try:
            connection = self._borrow()
            received = connection.post(to, headers, body, ends)  # not used again if it fails
        except pycurl.error as error:
            raise NotUnderstoodError(f"libcurl's error {error}") from error
        if len(self._idle) < self._limits.idle:
            self._idle.append(connection)
        return received

    def _borrow(self) -> _Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return _Connection(self._limits, self._security, keeps_alive=self._keeps_alive)

    def forget(self) -> None:
        """Make no use of the connections of a parent process, and leave them intact."""
        for connection in self._idle:
            connection.cut_loose()
        self._idle.clear()


_transports: Final[WeakSet[Transport]] = WeakSet()


def _forget_all() -> None:
    for transport in list(_transports):
        transport.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class _Connection:
    """One connection of libcurl."""

    def __init__(self, limits: Limits, security: Security, *, keeps_alive: bool) -> None:
        self._read_limit = limits.read
        self._url = self._proxy = ""
        self._lines: list[bytes] = []
        self._parts: list[bytes] = []
        self._socket = self._polled = -1
        self._poll: Any = None
        self._multi: Any = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, 1)
        self._easy = easy = pycurl.Curl()
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.BUFFERSIZE, _BUFFER)
        easy.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        easy.setopt(pycurl.PROXY, "")  # libcurl does not look for one itself
        easy.setopt(pycurl.NOPROXY, "")
        easy.setopt(pycurl.TCP_KEEPALIVE, int(keeps_alive))
        easy.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        easy.setopt(pycurl.WRITEFUNCTION, self._parts.append)
        if limits.connect < math.inf:
            easy.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(limits.connect * 1000)))
        self._secure(security)

    def _secure(self, security: Security) -> None:
        easy = self._easy
        if isinstance(security.authorities, str):
            easy.setopt(pycurl.CAINFO, security.authorities)
        else:
            easy.setopt(pycurl.SSL_VERIFYPEER, 0)
            easy.setopt(pycurl.SSL_VERIFYHOST, 0)
        if security.certificate is not None:
            easy.setopt(pycurl.SSLCERT, security.certificate)
            easy.setopt(pycurl.SSLKEY, security.key or security.certificate)

    def post(self, to: Destination, headers: list[str], body: bytes, ends: float) -> Received:
        """Send a request, as `Transport.post` does."""
        easy, multi = self._easy, self._multi
        if to.url != self._url or to.proxy != self._proxy:
            easy.setopt(pycurl.URL, to.url)
            easy.setopt(pycurl.PROXY, to.proxy)
            self._url, self._proxy = to.url, to.proxy
        easy.setopt(pycurl.HTTPHEADER, headers)
        easy.setopt(pycurl.POSTFIELDS, body)
        self._lines.clear()
        self._parts.clear()
        multi.add_handle(easy)
        try:
            while multi.perform()[1]:
                if not self._has_heard(ends, len(body)):
                    self._wait(ends)
            self._socket = easy.getinfo(pycurl.ACTIVESOCKET)
            _, _, failed = multi.info_read()
        finally:
            multi.remove_handle(easy)
        received = self._received()
        if failed:
            self._check(received, *failed[0][1:])
        return received

    def _has_heard(self, ends: float, size: int) -> bool:
        """Wait for the answer on a connection that is used again; False if it is another one.

        This is the usual case, and takes a fraction of the time of `_wait`.
        """
        number = self._socket
        if (
            number < 0
            or not _HAS_POLL
            or size > _SENT_AT_ONCE
            or self._easy.getinfo(pycurl.NUM_CONNECTS)
            or self._easy.getinfo(pycurl.ACTIVESOCKET) != number
            or not self._multi.timeout()  # more to read at once
        ):
            return False
        if number != self._polled:
            self._poll, self._polled = select.poll(), number
            self._poll.register(number, select.POLLIN)
        most = min(ends - time.monotonic(), self._read_limit)
        if most <= 0 or not self._poll.poll(None if most == math.inf else most * 1000):
            raise ReadTimeoutError(endpoint_url=self._url)
        return True

    def _wait(self, ends: float) -> None:
        """Wait for the socket, or for libcurl's own timer."""
        multi = self._multi
        reading, writing, _ = multi.fdset()
        own = multi.timeout()
        own = math.inf if own < 0 else own / 1000
        if not reading and not writing:
            # A name is being resolved, or the numbers of the sockets are too large for `select`.
            own = min(own, 0.001)
        left = ends - time.monotonic()
        if left <= 0:
            self._time_out()
        most = min(own, left, self._read_limit)
        ready = select.select(reading, writing, (), None if most == math.inf else most)
        if most < own and not any(ready) and (most == left or self._is_connected()):
            self._time_out()

    def _is_connected(self) -> bool:
        return bool(self._easy.getinfo(pycurl.PRETRANSFER_TIME) > 0)

    def _time_out(self) -> None:
        kind = ReadTimeoutError if self._is_connected() else ConnectTimeoutError
        raise kind(endpoint_url=self._url)

    def _check(self, received: Received, code: int, message: str) -> None:
        """Raise botocore's exception for an error of the network; nothing if a part has arrived."""
        if code == pycurl.E_PARTIAL_FILE and b"\r\ncontent-length:" in received.header.lower():
            return
        if code in (pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_HOST):
            raise EndpointConnectionError(endpoint_url=self._url, error=message)
        if code == pycurl.E_OPERATION_TIMEDOUT:
            raise ConnectTimeoutError(endpoint_url=self._url, error=message)
        if code in _CLOSED:
            raise ConnectionClosedError(endpoint_url=self._url, error=message)
        raise NotUnderstoodError(f"libcurl's error {code}: {message}")

    def _received(self) -> Received:
        header = b"".join(self._lines)
        if len(header) > _MAX_HEADER or len(self._lines) > _MAX_LINES:
            raise NotUnderstoodError(f"a header of {counted(len(header), 'byte')}")
        if self._lines.count(b"\r\n") > 1:  # the answers of a proxy, or 100 Continue, come before
            header = header.split(b"\r\n\r\n")[-2] + b"\r\n\r\n"
        status = self._easy.getinfo(pycurl.RESPONSE_CODE)
        return Received(status, header, b"".join(self._parts))

    def cut_loose(self) -> None:
        """Replace the socket by nothing: closing it properly would end the session in it."""
        if self._socket >= 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self._socket)
            os.close(nothing)

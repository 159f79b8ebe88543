"""The deadline of a request: it limits its attempts, its pauses and slow answers.

botocore's timeouts limit silence: an answer that arrives a few bytes at a time never exceeds them,
and each retry restarts them. This module limits each wait on a socket to the time left, and
prevents retries whose pause would exceed it. If the installed botocore lacks the attributes used
here, a deadline only ends the waits between attempts; a test detects this.
"""

from collections.abc import Callable
from functools import cache
from http.client import HTTPResponse
from queue import Empty
from socket import SocketIO
from typing import Any, Final, TypeVar

from botocore.hooks import first_non_none_response

from catalog_model.dynamodb.calls import Call, current
from catalog_model.dynamodb.client_type import DynamoDBClient

_T = TypeVar("_T")

LONGEST: Final = 1e9
"""Seconds; a socket takes no longer timeout."""

_NEEDS_RETRY: Final = "needs-retry."


def keep_deadlines(client: DynamoDBClient) -> None:
    """Make a client enforce the deadlines of this package's requests; a second call is ignored."""
    endpoint: Any = getattr(client, "_endpoint", None)
    emitter = getattr(endpoint, "_event_emitter", None)
    if emitter is not None and not isinstance(emitter, _Retries):
        endpoint._event_emitter = _Retries(emitter)
    session = getattr(endpoint, "http_session", None)
    pool_classes = getattr(session, "_pool_classes_by_scheme", {})
    for scheme, pool_class in pool_classes.items():
        pool_classes[scheme] = _timed_pool(pool_class)
    proxies = getattr(session, "_proxy_managers", {}).values()
    for manager in (getattr(session, "_manager", None), *proxies):
        _replace_connections(manager)


class _Retries:
    """botocore's events; retries depend on the remaining time."""

    def __init__(self, emitter: Any) -> None:
        self._emitter = emitter

    def emit(self, event_name: str, **arguments: Any) -> Any:
        responses = self._emitter.emit(event_name, **arguments)
        if event_name.startswith(_NEEDS_RETRY):
            call, pause = current(), first_non_none_response(responses)
            if call and pause not in (None, False) and call.seconds_left() <= pause:
                call.is_given_up = True
                return [(self, False)]
        return responses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._emitter, name)


class _TimedPool:
    """The base class of connection pools whose connections enforce deadlines."""


@cache
def _timed_pool(pool_class: type) -> type:
    if issubclass(pool_class, _TimedPool):
        return pool_class
    connection_class = _timed_connection(pool_class.ConnectionCls)  # type: ignore[attr-defined]
    members = {"ConnectionCls": connection_class}
    return type(pool_class.__name__, (_TimedPool, pool_class), members)


@cache
def _timed_connection(connection_class: Any) -> type:
    class Connection(connection_class):  # type: ignore[misc]
        """A connection whose waits end at the deadline of the request."""

        response_class = _Response

        timeout: Any

        def connect(self) -> None:
            own = self.timeout
            self.timeout = _shortened(own)
            try:
                super().connect()
            finally:
                self.timeout = own

        def send(self, data: Any) -> None:
            if self.sock is None:
                super().send(data)
            else:
                _within_deadline(self.sock, super().send, data)

    return Connection


class _Response(HTTPResponse):
    """An answer whose headers and body must arrive before the deadline of the request."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.raw
        if type(raw) is SocketIO:
            raw.__class__ = _TimedSocket


class _TimedSocket(SocketIO):
    """The bytes received by a socket; each wait ends at the deadline."""

    def readinto(self, buffer: Any) -> int | None:
        sock: Any = self._sock  # type: ignore[attr-defined]
        return _within_deadline(sock, super().readinto, buffer)


def _within_deadline(sock: Any, wait: Callable[[Any], _T], argument: Any) -> _T:
    """Wait with a timeout shortened to the deadline, then restore the timeout."""
    own = sock.gettimeout()
    shortened = _shortened(own)
    if shortened == own:
        return wait(argument)
    sock.settimeout(shortened)
    try:
        return wait(argument)
    finally:
        if sock.fileno() >= 0:  # still open
            sock.settimeout(own)


def _shortened(timeout: Any) -> Any:
    """Shorten a timeout to the time left; without any, raise `TimeoutError`."""
    call: Call | None = current()
    if call is None:
        return timeout
    left = call.seconds_left()
    if left >= LONGEST:
        return timeout
    if left <= 0:
        raise TimeoutError("timed out at the deadline of the request")
    return left if timeout is None or left < timeout else timeout


def _replace_connections(manager: Any) -> None:
    """Make open pools of a client that was passed in reconnect."""
    pools: Any = getattr(manager, "pools", None)
    for key in [] if pools is None else pools.keys():
        pool = pools.get(key)
        if pool is None or isinstance(pool, _TimedPool):
            continue
        pool.ConnectionCls = _timed_connection(pool.ConnectionCls)
        _close_idle(pool.pool)


def _close_idle(connections: Any) -> None:
    closed = 0
    try:
        while True:
            connection = connections.get(block=False)
            closed += 1
            if connection is not None:
                connection.close()
    except Empty:
        for _ in range(closed):
            connections.put(None, block=False)

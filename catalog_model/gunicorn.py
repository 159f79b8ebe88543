"""A gunicorn worker whose threads get complete requests only, so slow clients occupy none of them.

Needs the extra ``flask``. In gunicorn's own threaded worker a thread reads a request from its
connection, so as many clients as there are threads can stop the whole process, including its health
checks, by sending half a header each. In this worker, waitress reads and writes in one loop for all
connections of a process; gunicorn does the rest: processes, signals, sockets, hooks and logs.

::

    gunicorn --worker-class catalog_model.gunicorn.BufferedWorker --threads 8 'app:create_app()'
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

try:
    from gunicorn.workers.base import Worker
    from waitress import wasyncore
    from waitress.channel import HTTPChannel
    from waitress.parser import HTTPRequestParser
    from waitress.server import BaseWSGIServer, create_server
    from waitress.task import WSGITask
    from waitress.utilities import RequestEntityTooLarge
except ImportError as missing:
    raise ImportError(
        "gunicorn or waitress is not installed: pip install 'catalog-model[flask]'"
    ) from missing

__all__ = ["BufferedWorker"]

REQUEST_SECONDS: Final = 20.0
"""Seconds that a request may take to arrive in full, from its first byte."""

IDLE_SECONDS: Final = 2.0
"""Seconds for which a worker that is shutting down keeps idle connections."""

LINGER_SECONDS: Final = 5.0
"""Seconds for which the rest of a rejected body is read and dropped."""
LINGER_BYTES: Final = 1 << 18

MAX_BODY: Final = 1 << 20
"""The maximum body size if the application has no MAX_CONTENT_LENGTH."""

LARGE_BODY: Final = 1 << 16
"""The length from which on bodies are read one at a time."""

TURN_SECONDS: Final = 1.0
"""Seconds after which the turn passes to another large body that has data to read."""

PAUSE_SECONDS: Final = 0.1
"""Seconds without data after which the turn passes early."""

PARKED_BYTES: Final = 1 << 24
"""Bytes of interrupted bodies that are kept in files; connections beyond that are closed."""

OF_CHUNKS: Final = 8
"""The overhead factor of chunked bodies: each chunk may have a single byte."""

MAX_HEADER: Final = 1 << 16
CROWDED: Final = 0.9
"""Share of the connection limit from which on a worker closes those idle for longest."""


class BufferedRequest(HTTPRequestParser):  # type: ignore[misc]
    """A request that is arriving. A body that is too large is discarded.

    The application still handles the request, with the length but without a body, so that the
    response is its own.
    """

    limit = MAX_BODY
    error: Any
    body_rcv: Any
    is_cut = False

    @property
    def size(self) -> int:
        """The length of its body: as declared or, for chunks, as received so far."""
        return len(self.body_rcv or ()) if self.chunked else int(self.content_length)

    def received(self, data: bytes) -> int:
        """Process received data; return how much of it belonged to this request."""
        consumed: int = super().received(data)
        size = self.size
        is_too_large = isinstance(self.error, RequestEntityTooLarge)  # with chunk overhead
        if not is_too_large and (size <= self.limit or self.error):
            return consumed
        self.headers["CONTENT_LENGTH"] = str(max(size, self.limit + 1))
        self.error, self.expect_continue = None, False
        self.is_cut = self.completed = True
        self.close()
        self.body_rcv = None
        return len(data)


class Asked:
    """A request in the form that gunicorn's hooks and logs expect."""

    def __init__(self, task: Task) -> None:
        request = task.request
        self.method: str = request.command
        self.uri: str = request.request_uri
        self.path: str = request.path
        self.query: str = request.query
        self.headers = [(name.replace("_", "-"), text) for name, text in request.headers.items()]
        self._task = task

    def force_close(self) -> None:
        """Close the connection after the answer."""
        self._task.set_close_on_finish()


class Task(WSGITask):  # type: ignore[misc]
    """The response to a request: runs in a thread, with gunicorn's hooks around it."""

    def execute(self) -> None:
        """Call the application."""
        worker: BufferedWorker = self.channel.server.worker
        began, asked = time.monotonic(), Asked(self)
        worker.cfg.pre_request(worker, asked)
        if self.request.is_cut or not worker.alive:
            asked.force_close()
        try:
            super().execute()
        finally:
            worker.note(asked, self, time.monotonic() - began)

    def write(self, data: bytes) -> None:
        """Write a part of the response; for HEAD, omit the body."""
        super().write(b"" if self.request.command == "HEAD" else data)

    @property
    def headers(self) -> Iterable[tuple[str, str]]:
        """The headers of the response, for the access log."""
        return self.response_headers  # type: ignore[no-any-return]

    @property
    def sent(self) -> int:
        """The length of the response body, for the access log."""
        return self.content_bytes_written  # type: ignore[no-any-return]


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection."""

    parser_class = BufferedRequest
    task_class = Task
    since = 0.0
    heard = 0.0
    turn = 0.0
    was_cut = False
    lingers_until: float | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request or response is in progress."""
        return not (self.requests or self.request or self.total_outbufs_len)

    def is_overdue(self, now: float) -> bool:
        """Whether a request, or the rest of a rejected one, takes too long to arrive."""
        if self.lingers_until is not None:
            return now > self.lingers_until
        return self.request is not None and now - self.since > REQUEST_SECONDS

    def received(self, data: bytes) -> bool:
        """Process received data."""
        self.heard = time.monotonic()
        if self.request is None:
            self.since = self.heard
        taken: bool = super().received(data)
        self.was_cut = self.was_cut or any(each.is_cut for each in self.requests)
        return taken

    @property
    def has_large_body(self) -> bool:
        """Whether a large body is arriving, or has arrived."""
        asked = [*self.requests, *filter(None, [self.request])]
        return any(request.size > LARGE_BODY for request in asked)

    @property
    def held(self) -> int:
        """The number of bytes received of an incomplete body."""
        return len(self.request.body_rcv or ()) if self.request is not None else 0

    @property
    def has_bytes(self) -> bool:
        """Whether there is data to read, or the end of the connection."""
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:  # the next read will report it
            return True
        return True

    def readable(self) -> bool:
        """Whether to read from the connection."""
        if self.lingers_until is not None:
            return True
        is_in_turn = not self.has_large_body or self.server.worker.takes_large_body(self)
        return is_in_turn and bool(super().readable())

    def writable(self) -> bool:
        """Whether there is data to write, or a connection to close."""
        return bool(self.will_close or (self.lingers_until is None and super().writable()))

    def handle_read(self) -> None:
        """Read; drop data after a rejected request."""
        if self.lingers_until is None:
            super().handle_read()
            return
        try:
            self.recv(LINGER_BYTES)
        except OSError:
            self.handle_close()

    def handle_write(self) -> None:
        """Write; give a client that is still sending time to read its response."""
        if not self.was_cut or self.will_close or self.requests:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.close_when_flushed and not self.total_outbufs_len and not self.will_close:
            self.lingers_until = time.monotonic() + LINGER_SECONDS
            self.socket.shutdown(socket.SHUT_WR)


class BufferedWorker(Worker):  # type: ignore[misc]
    """A gunicorn worker with waitress inside.

    ``--threads``, ``--keep-alive``, ``--worker-connections``, ``--graceful-timeout`` and
    ``--max-requests`` have the same meaning as for gunicorn's threaded worker.
    """

    def init_process(self) -> None:
        """Initialise the new process."""
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a queue is not an error
        self._map: dict[int, Any] = {}
        self._second = 0.0
        self._large: Channel | None = None
        super().init_process()

    def handle_exit(self, *_: Any) -> None:
        """Start to shut down: finish running requests."""
        self.alive = False
        for server in self._servers():
            server.pull_trigger()

    def run(self) -> None:
        """Serve until told to end, then finish."""
        BufferedRequest.limit = self._max_body()
        server = create_server(
            self.wsgi,
            map=self._map,
            sockets=[listener.sock for listener in self.sockets],
            threads=self.cfg.threads,
            ident="gunicorn",
            backlog=self.cfg.backlog,
            connection_limit=self.cfg.worker_connections,
            channel_timeout=self.cfg.keepalive,
            cleanup_interval=1,
            max_request_header_size=MAX_HEADER,
            max_request_body_size=OF_CHUNKS * BufferedRequest.limit,
            clear_untrusted_proxy_headers=False,
            asyncore_use_poll=True,
        )
        for each in self._servers():
            each.worker, each.channel_class = self, Channel
        while self.alive and self.ppid == os.getppid():
            self._serve(1.0)
        self._finish()
        server.task_dispatcher.shutdown(timeout=1)

    def takes_large_body(self, channel: Channel) -> bool:
        """Return whether to read a large body now: one at a time, to limit memory."""
        holder = self._large
        if holder is None or not (holder.connected and holder.has_large_body):
            self._give_turn(channel)
        return self._large is channel

    def _give_turn(self, channel: Channel) -> None:
        self._large = channel
        channel.turn = channel.heard = time.monotonic()

    def _pass_turn(self) -> bool:
        """Pass the turn from a large body that is slow; return whether one is being read.

        The turn passes to the one that has waited longest, among those with data to read.
        """
        holder, now = self._large, time.monotonic()
        if holder is None or holder.request is None or not holder.connected:
            return False
        if now - holder.turn > TURN_SECONDS or now - holder.heard > PAUSE_SECONDS:
            others = [each for each in self._channels() if each is not holder]
            waiting = [each for each in others if each.has_large_body and each.has_bytes]
            if waiting:
                holder.will_close |= sum(each.held for each in self._channels()) > PARKED_BYTES
                self._give_turn(min(waiting, key=lambda each: each.turn))
        return True

    def note(self, asked: Asked, task: Task, seconds: float) -> None:
        """Write the access log and call the hook after a response."""
        environ = {"RAW_URI": asked.uri, **(task.environ or {})}
        self.log.access(task, asked, environ, timedelta(seconds=seconds))
        self.cfg.post_request(self, asked, environ, task)
        self.nr += 1
        if self.nr >= self.max_requests:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False

    def _max_body(self) -> int:
        settings = getattr(self.wsgi, "config", {})
        return int(settings.get("MAX_CONTENT_LENGTH") or MAX_BODY)

    def _servers(self) -> list[Any]:
        return [each for each in self._map.values() if isinstance(each, BaseWSGIServer)]

    def _channels(self) -> list[Channel]:
        return [each for each in self._map.values() if isinstance(each, Channel)]

    def _serve(self, seconds: float) -> None:
        """Read and write, and once a second close connections that took too long."""
        self.notify()
        if self._pass_turn():
            seconds = min(seconds, PAUSE_SECONDS)
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)
        now = time.monotonic()
        is_crowded = len(self._map) >= CROWDED * self.cfg.worker_connections
        if is_crowded or now - self._second >= 1:
            self._second = now
            self._tidy(now, is_crowded=is_crowded)

    def _tidy(self, now: float, *, is_crowded: bool) -> None:
        channels = self._channels()
        for channel in channels:
            if channel.is_overdue(now):
                channel.will_close = True
        if is_crowded:
            unasked = [channel for channel in channels if not channel.requests]
            unasked.sort(key=lambda channel: channel.last_activity)
            for channel in unasked[: len(channels) // 2]:
                channel.will_close = True

    def _finish(self) -> None:
        """Refuse new connections, and finish running requests."""
        self._serve(0)  # accept the connections that are waiting
        for server in self._servers():
            server.accepting = False
            server.del_channel()
            server.socket.close()
        began = time.monotonic()
        while self._channels() and time.monotonic() - began < self.cfg.graceful_timeout:
            self._serve(0.1)
            if time.monotonic() - began > IDLE_SECONDS:
                for channel in self._channels():
                    channel.will_close |= channel.is_idle

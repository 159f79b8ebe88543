"""The guard in front of each request of a handle: sends it, or rejects it if it would get stuck."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from catalog_model.dynamodb.breaker import (
    FAILING,
    Breaker,
    Clock,
    Outcome,
    Reason,
    RefusedError,
    Ticket,
    outcome_of,
)
from catalog_model.dynamodb.trace import ITEM_OPERATIONS

PATIENCE: Final = 0.5
"""Seconds to wait for a place while no request ends; after that, all of them are stuck."""

LONGEST_WAIT: Final = 1.0
"""Maximum seconds to wait for a place."""


class Room:
    """A limit on concurrent requests, so that not all threads of a server wait for the table.

    If none has ended for *patience* seconds, further requests are rejected immediately.
    """

    def __init__(
        self, places: int, patience: float = PATIENCE, clock: Clock = time.monotonic
    ) -> None:
        self._places = places
        self._patience = patience
        self._clock = clock
        self._freed = threading.Condition()
        self._taken = 0
        self._moved = 0.0

    def enter(self) -> None:
        """Take a place, which `leave` returns; refuse if none becomes free soon."""
        with self._freed:
            until = self._clock() + min(2 * self._patience, LONGEST_WAIT)
            while self._taken >= self._places:
                wait = min(until, self._moved + self._patience) - self._clock()
                if wait <= 0:
                    text = f"not sent: {self._places} requests are already waiting for the table"
                    raise RefusedError(text, 1.0, "full")
                self._freed.wait(wait)
            self._taken += 1
            self._moved = self._clock()

    def leave(self) -> None:
        """Return a place."""
        with self._freed:
            self._taken -= 1
            self._moved = self._clock()
            self._freed.notify()


class Visit:
    """All requests to a table for one answer: they are let through together, or not at all.

    Otherwise, the last of several might find no place, and the earlier ones would be wasted.
    """

    def __init__(self, until: float = math.inf) -> None:
        self.until = until
        self.ticket: Ticket | None = None
        self.is_answered = False
        self.lock = threading.Lock()


class Guard:
    """Guards each request of a handle to the items of its table.

    >>> from catalog_model.dynamodb.breaker import Breaker
    >>> from catalog_model.dynamodb.guard import Guard, Room
    >>> guard = Guard(Breaker(), Room(6))
    >>> with guard("GetItem"):
    ...     pass  # the request
    >>> guard.breaker.state.value
    'closed'
    """

    def __init__(self, breaker: Breaker, room: Room, clock: Clock = time.monotonic) -> None:
        self.breaker = breaker
        self.room = room
        self.on_refusal: list[Callable[[Reason], None]] = []  # called with each refusal
        self._clock = clock
        self._visit: ContextVar[Visit | None] = ContextVar("visit", default=None)

    def begin_visit(self, seconds: float) -> None:
        """Treat all requests of this thread in *seconds* as parts of one answer."""
        self._visit.set(Visit(self._clock() + seconds))

    def end_visit(self) -> None:
        """End this thread's visit, if there is one."""
        visit = self._visit.get()
        self._visit.set(None)
        if visit is not None:
            self._end(visit)

    @contextmanager
    def __call__(self, operation: str) -> Iterator[None]:
        """Let a request through or refuse it; its outcome shows the table's state."""
        if operation not in ITEM_OPERATIONS:  # such as DescribeTable, which checks health
            yield
            return
        own = self._visit.get()
        visit = Visit() if own is None else own
        self._enter(visit)
        try:
            yield
            visit.is_answered = True
        except BaseException as error:
            self._judge(visit, outcome_of(error))
            raise
        finally:
            self.room.leave()
            if own is None:
                self._end(visit)

    def _enter(self, visit: Visit) -> None:
        try:
            self._admit(visit)
            self.room.enter()
        except RefusedError as refusal:
            if not visit.is_answered:
                self._end(visit)
            for tell in self.on_refusal:
                tell(refusal.reason)
            raise

    def _admit(self, visit: Visit) -> None:
        if self._clock() > visit.until:
            raise RefusedError("not sent: the time limit of this answer has passed", 1.0, "late")
        with visit.lock:
            if visit.ticket is None:
                visit.ticket = self.breaker.enter()

    def _judge(self, visit: Visit, outcome: Outcome) -> None:
        """Record a failure immediately, and an answer at the end of the visit."""
        if outcome is Outcome.ANSWERED:
            visit.is_answered = True
        elif outcome in FAILING:
            self._leave(visit, outcome)

    def _end(self, visit: Visit) -> None:
        self._leave(visit, Outcome.ANSWERED if visit.is_answered else Outcome.NOT_ASKED)

    def _leave(self, visit: Visit, outcome: Outcome) -> None:
        with visit.lock:
            ticket, visit.ticket = visit.ticket, None
        if ticket is not None:
            self.breaker.leave(ticket, outcome)

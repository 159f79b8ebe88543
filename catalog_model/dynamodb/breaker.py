"""A circuit breaker: it stops asking a table that is ill, and tries again by itself.

Why none of the libraries: `pybreaker` holds its lock while a request is under way; `purgatory` and
`circuitbreaker` let any number of requests through while they try; no pause of theirs grows.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import Final, Literal, NamedTuple

from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    ThrottledError,
    UnavailableError,
)

Clock = Callable[[], float]
Reason = Literal["ill", "full", "late"]
REASONS: Final[tuple[Reason, ...]] = ("ill", "full", "late")

FAILURES: Final = 5
"""How many requests in a row have to fail until the table counts as ill."""

SUCCESSES: Final = 3
"""How many in a row have to succeed, one at a time, until it counts as well again."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 8.0


class RefusedError(UnavailableError):
    """A request was not sent, as the table is ill or others wait for it already.

    ``retry_after`` is the number of seconds after which it may be sent again.
    """

    def __init__(self, message: str, retry_after: float, reason: Reason) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason


class Outcome(Enum):
    """What a request showed of the table."""

    ANSWERED = "it is well, even if it refused"
    THROTTLED = "it is over its throughput"
    FAILED = "it is out of order or out of reach"
    NOT_ASKED = "nothing"


ILL: Final = frozenset((Outcome.THROTTLED, Outcome.FAILED))


def outcome_of(error: BaseException) -> Outcome:
    """Judge a request by the error that it ended with."""
    match error:
        case ThrottledError():
            return Outcome.THROTTLED
        case UnavailableError():
            return Outcome.FAILED
        case ConfigurationError():
            return Outcome.NOT_ASKED
        case CatalogError():
            return Outcome.ANSWERED
    return Outcome.NOT_ASKED


class State(Enum):
    """Whether requests are sent: all, one at a time, or none."""

    CLOSED = "closed"
    PROBING = "probing"
    OPEN = "open"


class Ticket(NamedTuple):
    """A request that was let through, and in which period of the breaker."""

    number: int
    period: int


class Breaker:
    """Lets requests through while the table is well, and few while it is ill.

    *failures* in a row open it: requests are refused for a pause. Then one at a time is let
    through, those beside it are refused. *successes* in a row close it; a failure opens it again.
    The pause doubles with each failure that no success came before. Requests of a period that has
    ended have no say: an answer that comes late neither opens nor closes anything.

    A table that refuses some of the requests, as its throughput is too low, so gets one at a
    time, which is what it can serve; the others learn at once that there is no room for them.

    >>> breaker = Breaker(failures=1, clock=lambda: 0.0)
    >>> breaker.leave(breaker.enter(), Outcome.FAILED)
    >>> breaker.state.value
    'open'
    """

    def __init__(
        self,
        *,
        failures: int = FAILURES,
        successes: int = SUCCESSES,
        first_pause: float = FIRST_PAUSE,
        longest_pause: float = LONGEST_PAUSE,
        clock: Clock = time.monotonic,
        spread: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._failures_to_open = failures
        self._successes_to_close = successes
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._clock = clock
        self._spread = spread
        self._lock = threading.Lock()
        self._numbers = count()
        self._period = 0
        self._in_a_row = 0  # failures while closed, successes while probing
        self._pause = first_pause
        self._until = 0.0
        self._probe: Ticket | None = None
        self.state = State.CLOSED
        self.cause = Outcome.ANSWERED  # of the last time it opened
        self.on_change: list[Callable[[State], None]] = []  # to be called with each new state

    @property
    def remaining(self) -> float:
        """For how many seconds nothing is sent; 0 if the next request may be."""
        return max(0.0, self._until - self._clock()) if self.state is State.OPEN else 0.0

    def enter(self) -> Ticket:
        """Let a request through; `leave` has to be called at its end, whatever that is.

        Raises:
            RefusedError: If it shall not be sent.
        """
        with self._lock:
            if self.state is State.OPEN:
                remaining = self._until - self._clock()
                if remaining > 0:
                    raise RefusedError("not sent: the table is ill", remaining, "ill")
                self._change(State.PROBING)
            if self._probe is not None:
                raise RefusedError("not sent: the table is being tried", self._pause, "ill")
            ticket = Ticket(next(self._numbers), self._period)
            if self.state is State.PROBING:
                self._probe = ticket
            return ticket

    def leave(self, ticket: Ticket, outcome: Outcome) -> None:
        """Take note of how a request ended."""
        with self._lock:
            if ticket == self._probe:
                self._probe = None
            if ticket.period != self._period or outcome is Outcome.NOT_ASKED:
                return
            if self.state is State.CLOSED:
                self._noted_while_closed(outcome)
            else:
                self._noted_while_probing(outcome)

    def _noted_while_closed(self, outcome: Outcome) -> None:
        self._in_a_row = self._in_a_row + 1 if outcome in ILL else 0
        if self._in_a_row >= self._failures_to_open:
            self._open(outcome, self._first_pause)

    def _noted_while_probing(self, outcome: Outcome) -> None:
        if outcome in ILL:
            grown = min(self._longest_pause, 2 * self._pause)
            self._open(outcome, self._first_pause if self._in_a_row else grown)
            return
        self._in_a_row += 1
        if self._in_a_row >= self._successes_to_close:
            self._change(State.CLOSED)

    def _open(self, cause: Outcome, pause: float) -> None:
        # Processes that found out at the same time shall not try again at the same time.
        self._pause, self.cause = pause, cause
        self._until = self._clock() + self._spread(0.75, 1.0) * pause
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self.state = state
        self._period += 1
        self._in_a_row = 0
        self._probe = None
        for tell in self.on_change:
            tell(state)

"""A circuit breaker: it stops requests to a failing table, and probes the table until it recovers.

`pybreaker` holds its lock during a request; `purgatory` and `circuitbreaker` do not limit probes.
"""

import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import Final, Literal, NamedTuple

from catalog_model.errors import CatalogError, ConfigurationError, ThrottledError, UnavailableError

Clock = Callable[[], float]
Reason = Literal["ill", "full", "late"]
REASONS: Final[tuple[Reason, ...]] = ("ill", "full", "late")

FAILURES: Final = 5
"""The number of consecutive failures after which the breaker opens."""

SUCCESSES: Final = 3
"""The number of consecutive successes, one request at a time, after which it closes."""

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 8.0


class RefusedError(UnavailableError):
    """A request was not sent because the table is failing or too many requests are waiting for it.

    ``retry_after`` is the number of seconds after which to retry.
    """

    def __init__(self, message: str, retry_after: float, reason: Reason) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.reason = reason


class Outcome(Enum):
    """The state of the table, as shown by a request."""

    ANSWERED = "it is healthy, even if it rejected the request"
    THROTTLED = "it is throttling"
    FAILED = "it is failing or unreachable"
    NOT_ASKED = "nothing"


FAILING: Final = frozenset((Outcome.THROTTLED, Outcome.FAILED))


def outcome_of(error: BaseException) -> Outcome:
    """Classify a request by the error that it raised."""
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
    """Whether all requests are sent, or one at a time, or none."""

    CLOSED = "closed"
    PROBING = "probing"
    OPEN = "open"


class Ticket(NamedTuple):
    """A request that was let through, and the period of the breaker in which it was."""

    number: int
    period: int


class Breaker:
    """Lets requests through while the table is healthy, and few while it is failing.

    *failures* in a row open the breaker: requests are rejected during a pause. After it, one
    request at a time is let through, and concurrent ones are rejected. *successes* in a row close
    the breaker; a failure opens it again. The pause doubles with each failure unless a success came
    before it. Requests of an earlier period are ignored: a late answer neither opens nor closes the
    breaker.

    If a table throttles some requests, it gets one at a time, which it can serve; the others fail
    immediately.

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
        self.cause = Outcome.ANSWERED  # when it last opened
        self.on_change: list[Callable[[State], None]] = []  # called with each new state

    @property
    def remaining(self) -> float:
        """The seconds until the next request may be sent; 0 if it may be sent now."""
        return max(0.0, self._until - self._clock()) if self.state is State.OPEN else 0.0

    def enter(self) -> Ticket:
        """Let a request through, or refuse it. The caller must call `leave` when it ends."""
        with self._lock:
            if self.state is State.OPEN:
                remaining = self._until - self._clock()
                if remaining > 0:
                    raise RefusedError("not sent: the table is failing", remaining, "ill")
                self._change(State.PROBING)
            if self._probe is not None:
                raise RefusedError("not sent: the table is being probed", self._pause, "ill")
            ticket = Ticket(next(self._numbers), self._period)
            if self.state is State.PROBING:
                self._probe = ticket
            return ticket

    def leave(self, ticket: Ticket, outcome: Outcome) -> None:
        """Record the outcome of a request."""
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
        self._in_a_row = self._in_a_row + 1 if outcome in FAILING else 0
        if self._in_a_row >= self._failures_to_open:
            self._open(outcome, self._first_pause)

    def _noted_while_probing(self, outcome: Outcome) -> None:
        if outcome in FAILING:
            grown = min(self._longest_pause, 2 * self._pause)
            self._open(outcome, self._first_pause if self._in_a_row else grown)
            return
        self._in_a_row += 1
        if self._in_a_row >= self._successes_to_close:
            self._change(State.CLOSED)

    def _open(self, cause: Outcome, pause: float) -> None:
        # Spread the retries of processes that opened their breakers at the same time.
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

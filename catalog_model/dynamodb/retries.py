"""Retries after throttling: the pauses, the number of attempts, and the time limit.

An ordinary call gives up after a few seconds; work in a block of `persistent` continues at the
table's pace, and gives up only if no request succeeds for a quarter of an hour.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from catalog_model.checks import counted
from catalog_model.dynamodb.conversation import Conversation, Rest
from catalog_model.dynamodb.failures import LostRaceError, code_of
from catalog_model.dynamodb.waits import pause, rest
from catalog_model.errors import ServiceError, ThrottledError

_T = TypeVar("_T")

MAX_STALLED_RETRIES: Final = 8
"""Retries of an ordinary request without any progress, about 8 seconds in all."""

MAX_STALLED_SECONDS: Final = 900.0
"""Seconds that work on many items waits without any progress before it gives up."""

MAX_STALLED_WORK_RETRIES: Final = 400
"""Its retries in that time; with the usual pauses the seconds expire first."""

BRIEF_RETRIES: Final = 3
"""Its retries of a request when it has a better reaction than retrying."""

MAX_RACES: Final = 12
"""Attempts of a write that loses races against concurrent changes, about some seconds."""

IN_PROGRESS: Final = "TransactionInProgressException"
"""An earlier attempt of the same transaction is not finished; the next one returns its outcome."""

REPEATED_WRITES: Final = frozenset({"TransactWriteItems", "UpdateItem"})
"""Operations that are also retried in ordinary calls. botocore does not retry cancelled
transactions, and retries other throttled writes for a fraction of a second only. Its retries of
reads are sufficient."""

ADVICE: Final = (
    "raise the capacity of the table, switch it to on-demand, or reduce the load "
    "(`load --write-units N`)"
)


class Persistence:
    """Work on many items that continues at the table's pace.

    ``refusals`` counts throttled requests, ``answers`` those that made progress. ``is_brief`` is
    True while the work has a better reaction to throttling than many retries of the same request.
    """

    def __init__(self, sleep: Callable[[float], None] | None = None) -> None:
        self.is_brief = False
        self.refusals = 0
        self.answers = 0
        self._sleep = sleep

    def wait(self, operation: str, tries: int) -> None:
        """Wait before retrying a request after *tries* attempts."""
        self.rest(self.pause_after(operation, tries))

    def rest(self, seconds: float) -> None:
        """Wait as this work waits."""
        (self._sleep or rest)(seconds)

    def pause_after(self, _: str, tries: int) -> float:
        """Return the seconds to wait."""
        return pause(tries)


_work: ContextVar[Persistence | None] = ContextVar("work", default=None)
_listener: ContextVar[Callable[[], None]] = ContextVar("listener", default=lambda: None)


@contextmanager
def persistent(work: Persistence | None) -> Iterator[None]:
    """Retry as *work* requires in this block and its threads; None as in an ordinary call."""
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)


@contextmanager
def on_throttling(listener: Callable[[], None]) -> Iterator[None]:
    """Call *listener* in this block whenever a request waits for a retry."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def note_progress() -> None:
    """Record that a request succeeded, so that the work is not considered stalled."""
    work = _work.get()
    if work is not None:
        work.answers += 1


def rest_as_required(seconds: float) -> None:
    """Wait as the work in progress waits, or as an ordinary call does."""
    work = _work.get()
    (work.rest if work else rest)(seconds)


def retry_races(write: Callable[[int], _T], tries: int = MAX_RACES) -> _T:
    """Return the result of *write*, called again after each lost race except the last.

    *write* is called with the number of tries before, and reads again what it depends on.
    """
    for tried in range(tries - 1):
        try:
            return write(tried)
        except LostRaceError:
            rest_as_required(pause(tried) / 4)
    return write(tries - 1)


def racing(write: Callable[[int], Conversation[_T]], tries: int = MAX_RACES) -> Conversation[_T]:
    """Return the result of *write*, begun again after each lost race except the last.

    *write* is called with the number of tries before, and reads again what it depends on.
    """
    for tried in range(tries - 1):
        try:
            return (yield from write(tried))
        except LostRaceError:
            rest = Rest(pause(tried) / 4)
        yield (rest,)
    return (yield from write(tries - 1))


class Retries:
    """The pauses between the attempts of one request; *deadline* limits an ordinary call."""

    __slots__ = ("_answers", "_began", "_deadline", "_operation", "_seconds", "_table", "_tries")

    def __init__(self, operation: str, table_name: str, deadline: float | None = None) -> None:
        self._operation = operation
        self._table = table_name
        self._deadline = deadline
        self._began = time.monotonic()
        self._tries = 0
        self._seconds = 0.0
        self._answers = 0

    def pause_after_progress(self) -> float:
        """Restart counting after partial progress; return the seconds to wait, a moment."""
        note_progress()
        self._tries, self._seconds = 0, 0.0
        return pause(0)

    def pause_after(self, error: ServiceError) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is none.

        Raises:
            ServiceError: If the request is given up.
        """
        if not is_passing(error):
            return None
        _listener.get()()
        work = _work.get()
        if work is not None:
            work.refusals += 1
        return self._pause(error, work) if self._is_repeated(error, work) else None

    def pause_for_the_rest(self) -> float:
        """Return the seconds to wait before retrying a batch of which no part was processed."""
        _listener.get()()
        return self._pause(
            ThrottledError("none of the batch was processed", code="Unprocessed"), _work.get()
        )

    def seconds_left(self) -> float | None:
        """Return the maximum seconds of the next attempt; None for no limit."""
        if self._deadline is None or _work.get() is not None:
            return self._deadline
        return self._deadline - (time.monotonic() - self._began)

    def _is_repeated(self, error: ServiceError, work: Persistence | None) -> bool:
        if work is None:
            return self._operation in REPEATED_WRITES
        if not work.is_brief or error.code == IN_PROGRESS:
            return True
        # A cancelled transaction certainly applied nothing. After any other error, an earlier
        # attempt may have been applied and its answer lost; only a retry with the same token can
        # tell.
        return not is_cancelled(error) and self._tries < BRIEF_RETRIES

    def _pause(self, error: ServiceError, work: Persistence | None) -> float:
        if work is not None and work.answers != self._answers:
            self._answers, self._tries, self._seconds = work.answers, 0, 0.0
        self._tries += 1
        most = MAX_STALLED_RETRIES if work is None else MAX_STALLED_WORK_RETRIES
        if self._tries > most or self._seconds > MAX_STALLED_SECONDS:
            raise self._given_up(error) from (error.__cause__ or error)
        if work is None:
            seconds = pause(self._tries)
            left = self.seconds_left()
            if left is not None and seconds >= left:
                raise self._given_up(error) from (error.__cause__ or error)
        else:
            seconds = work.pause_after(self._operation, self._tries)
            self._seconds += seconds
        return seconds

    def _given_up(self, error: ServiceError) -> ServiceError:
        seconds = time.monotonic() - self._began
        advice = f"; {ADVICE}" if isinstance(error, ThrottledError) else ""
        tried = counted(self._tries, "time")
        return type(error)(
            f"{self._operation} on table {self._table!r} was tried {tried} in "
            f"{seconds:.1f} s and rejected each time: {error}{advice}",
            code=error.code,
            request_id=error.request_id,
        )


def is_passing(error: ServiceError) -> bool:
    """Return whether a retry of the same request with the same token may succeed."""
    return isinstance(error, ThrottledError) or error.code == IN_PROGRESS


def is_cancelled(error: ServiceError) -> bool:
    """Return whether the error is the cancellation of a transaction."""
    cause = error.__cause__
    return isinstance(cause, Exception) and code_of(cause) == "TransactionCanceledException"

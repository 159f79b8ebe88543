"""Tries again what the table refused for want of throughput: how long, how often, and until when.

An ordinary call gives up after some seconds. Work on many items, in a block of `persistent`, goes
on at the table's pace, and gives up only where nothing at all came through for a quarter of an
hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from catalog_model.checks import counted
from catalog_model.dynamodb.failures import code_of
from catalog_model.dynamodb.waits import pause, rest
from catalog_model.errors import ServiceError, ThrottledError

MAX_STALLED_RETRIES: Final = 8
"""How often an ordinary request is repeated without any progress: some 8 seconds in all."""

MAX_STALLED_SECONDS: Final = 900.0
"""How long work on many items waits without any progress before it gives up."""

MAX_STALLED_WORK_RETRIES: Final = 400
"""How often it repeats a request meanwhile; with usual pauses the seconds are over first."""

BRIEF_RETRIES: Final = 3
"""How often it repeats a request to which it has a better answer."""

IN_PROGRESS: Final = "TransactionInProgressException"
"""An earlier try of the same transaction is not finished: the next one tells how it ended."""

REPEATED_WRITES: Final = frozenset({"TransactWriteItems", "UpdateItem"})
"""What is repeated in an ordinary call, too. botocore repeats no cancelled transaction, and other
throttled writes for a fraction of a second only. Reads it repeats well enough."""

ADVICE: Final = (
    "raise the capacity of the table, or make it on demand, or ask less of it at a time "
    "(`load --write-units N`)"
)


class Persistence:
    """Work on many items that goes on at the table's pace.

    ``refusals`` counts what was refused for want of throughput, ``answers`` the requests that got
    something done. ``is_brief`` while the work has a better answer to a refusal than to repeat the
    same request for long.

    Args:
        sleep: Waits so many seconds.
    """

    def __init__(self, sleep: Callable[[float], None] | None = None) -> None:
        self.is_brief = False
        self.refusals = 0
        self.answers = 0
        self._sleep = sleep

    def wait(self, operation: str, tries: int) -> float:
        """Wait before a request is sent again that was refused so often; give the seconds."""
        seconds = self.pause_after(operation, tries)
        (self._sleep or rest)(seconds)
        return seconds

    def pause_after(self, _: str, tries: int) -> float:
        """Tell how long to wait."""
        return pause(tries)


_work: ContextVar[Persistence | None] = ContextVar("work", default=None)
_listener: ContextVar[Callable[[], None]] = ContextVar("listener", default=lambda: None)


@contextmanager
def persistent(work: Persistence | None) -> Iterator[None]:
    """Repeat in this block, and in threads that take over its context, as *work* has it.

    None repeats as in an ordinary call.
    """
    token = _work.set(work)
    try:
        yield
    finally:
        _work.reset(token)


@contextmanager
def told_of_throttling(listener: Callable[[], None]) -> Iterator[None]:
    """Call *listener* in this block each time that a request waits to be repeated."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def note_progress() -> None:
    """Note that a request got something done: nothing of the work is stalled."""
    work = _work.get()
    if work is not None:
        work.answers += 1


class Retries:
    """The waits between the tries of one request.

    Args:
        operation: What is asked.
        table_name: Of which table.
        deadline: How many seconds all tries of an ordinary call may take, with the pauses between
            them; None for no limit. Work on many items has none.
    """

    __slots__ = ("_answers", "_began", "_deadline", "_operation", "_seconds", "_table", "_tries")

    def __init__(self, operation: str, table_name: str, deadline: float | None = None) -> None:
        self._operation = operation
        self._table = table_name
        self._deadline = deadline
        self._began = time.monotonic()
        self._tries = 0
        self._seconds = 0.0
        self._answers = 0

    def progressed(self) -> None:
        """Begin to count anew: the request is done in part. Waits a moment."""
        note_progress()
        self._tries, self._seconds = 0, 0.0
        rest(pause(0))

    def wait_after(self, error: ServiceError) -> bool:
        """Wait before the next try; tell whether there shall be one.

        Raises:
            ServiceError: After too many tries without any progress: of the kind of *error*.
        """
        if not is_passing(error):
            return False
        _listener.get()()
        work = _work.get()
        if work is not None:
            work.refusals += 1
        return self._is_repeated(error, work) and self._wait(error, work)

    def wait_for_the_rest(self) -> None:
        """Wait before a batch is asked again of which nothing was done.

        Raises:
            ThrottledError: After too many tries without any progress.
        """
        _listener.get()()
        self._wait(ThrottledError("nothing of the batch was done", code="Unprocessed"), _work.get())

    def seconds_left(self) -> float | None:
        """Tell how long the next try may take; None for no limit."""
        if self._deadline is None or _work.get() is not None:
            return self._deadline
        return self._deadline - (time.monotonic() - self._began)

    def _is_repeated(self, error: ServiceError, work: Persistence | None) -> bool:
        if work is None:
            return self._operation in REPEATED_WRITES
        if not work.is_brief or error.code == IN_PROGRESS:
            return True
        # A cancelled transaction applied nothing, for sure. Of one that was refused otherwise an
        # earlier try may have been applied and its answer lost: only its token can tell.
        return not is_cancelled(error) and self._tries < BRIEF_RETRIES

    def _wait(self, error: ServiceError, work: Persistence | None) -> bool:
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
            rest(seconds)
        else:
            self._seconds += work.wait(self._operation, self._tries)
        return True

    def _given_up(self, error: ServiceError) -> ServiceError:
        seconds = time.monotonic() - self._began
        advice = f"; {ADVICE}" if isinstance(error, ThrottledError) else ""
        tried = counted(self._tries, "time")
        return type(error)(
            f"{self._operation} on table {self._table!r} was tried {tried} in "
            f"{seconds:.1f} s and refused each time: {error}{advice}",
            code=error.code,
            request_id=error.request_id,
        )


def is_passing(error: ServiceError) -> bool:
    """Tell whether the same request, sent again with the same token, may be taken."""
    return isinstance(error, ThrottledError) or error.code == IN_PROGRESS


def is_cancelled(error: ServiceError) -> bool:
    """Tell whether it is a transaction that was cancelled as a whole."""
    cause = error.__cause__
    return isinstance(cause, Exception) and code_of(cause) == "TransactionCanceledException"

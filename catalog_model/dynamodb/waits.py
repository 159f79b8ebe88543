"""All waits: `rest` before a retry, which tests can remove, and `sleep` for a pace or a state.

`rest_async` is the only wait of the asynchronous gateway.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0

_left_out: Final[list[None]] = []
"""One element for each active block of `without_rests`, in any thread."""


_stop: Final[ContextVar[threading.Event | None]] = ContextVar("stop", default=None)
_on_pause: Final[ContextVar[Callable[[float], None] | None]] = ContextVar("on_pause", default=None)


class StoppedError(Exception):
    """A wait ended because the work as a whole is ending."""


def pause(tries: int) -> float:
    """Return a random pause in seconds that grows with the number of attempts (full jitter)."""
    longest = 0.0 if _left_out else min(LONGEST_PAUSE, FIRST_PAUSE * 2**tries)
    return random.uniform(0, longest)  # noqa: S311  # not security-relevant


def rest(seconds: float) -> None:
    """Wait before a retry."""
    if not _left_out:
        sleep(seconds)


async def rest_async(seconds: float) -> None:
    """Wait before a retry, without holding up the event loop."""
    from asyncio import sleep  # noqa: PLC0415  # only programs with an event loop need it

    await sleep(0 if _left_out else seconds)


def sleep(seconds: float, stopped: threading.Event | None = None) -> None:
    """Wait for *seconds*, or until *stopped* is set."""
    stop = _stop.get()
    if stopped is not None:
        stopped.wait(seconds)
    elif stop is not None:
        stop.wait(seconds)
        raise_if_stopped()
    else:
        time.sleep(seconds)


def sleep_long(seconds: float) -> None:
    """Wait for *seconds*, after calling the listener of `on_pause`."""
    listener = _on_pause.get()
    if listener is not None:
        listener(seconds)
    sleep(seconds)


@contextmanager
def on_pause(listener: Callable[[float], None]) -> Iterator[None]:
    """Call *listener* in this block at the beginning of each long wait, with its seconds."""
    token = _on_pause.set(listener)
    try:
        yield
    finally:
        _on_pause.reset(token)


def raise_if_stopped() -> None:
    """Raise `StoppedError` if the work of this context is to end."""
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise StoppedError


@contextmanager
def stoppable(stop: threading.Event) -> Iterator[None]:
    """End the work in this block soon after *stop* is set, by a `StoppedError`."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


@contextmanager
def without_rests() -> Iterator[None]:
    """Remove the pauses before retries in this block, in all threads of the process."""
    _left_out.append(None)
    try:
        yield
    finally:
        _left_out.pop()

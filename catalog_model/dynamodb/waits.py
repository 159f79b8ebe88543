"""All waits: `rest` before a retry, which tests can remove, and `sleep` for a pace or a state."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0

_left_out: Final[list[None]] = []
"""One element for each active block of `without_rests`, in any thread."""


def pause(tries: int) -> float:
    """Return a random pause in seconds that grows with the number of attempts (full jitter)."""
    longest = 0.0 if _left_out else min(LONGEST_PAUSE, FIRST_PAUSE * 2**tries)
    return random.uniform(0, longest)  # noqa: S311  # not security-relevant


def rest(seconds: float) -> None:
    """Wait before a retry."""
    if not _left_out:
        sleep(seconds)


def sleep(seconds: float, stopped: threading.Event | None = None) -> None:
    """Wait for *seconds*, or until *stopped* is set."""
    if stopped is None:
        time.sleep(seconds)
    else:
        stopped.wait(seconds)


@contextmanager
def without_rests() -> Iterator[None]:
    """Remove the pauses before retries in this block, in all threads of the process."""
    _left_out.append(None)
    try:
        yield
    finally:
        _left_out.pop()

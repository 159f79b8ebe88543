"""Limits on the pace of work on the whole table, to leave capacity for readers and writers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf
from typing import Final

from catalog_model.checks import refuse
from catalog_model.checks.plain import plain
from catalog_model.dynamodb import waits

SLOWER: Final = 0.7
"""The factor for the pace after a throttled write."""

FASTER: Final = 0.002
FASTEST: Final = 0.1
"""The growth of the pace per successful write since the last throttled one, and its maximum."""

SLOWEST: Final = 0.1
"""Units per second that any table provides."""


class StoppedError(Exception):
    """A wait in a thread ended because the work as a whole is ending."""


class Pace:
    """Delays threads so that together they spend at most a number of units per second, if any."""

    def __init__(
        self,
        units_per_second: float | None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._rate = check_rate(units_per_second, "units_per_second")
        self._clock = clock or time.monotonic
        self._stopped = threading.Event()
        self._sleep = sleep or (lambda seconds: waits.sleep(seconds, self._stopped))
        self._lock = threading.Lock()
        self._paid_until = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self._rate is not None

    @property
    def is_stopped(self) -> bool:
        """Whether the work as a whole is ending."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End all waits, including current ones; they raise `StoppedError`."""
        self._stopped.set()

    def spend(self, units: float) -> None:
        """Record spent units, and wait until they are paid for."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now) + units / self._rate
            wait = self._paid_until - now
        self.rest(wait)

    def rest(self, seconds: float) -> None:
        """Wait for some seconds; raise `StoppedError` if the work ends meanwhile."""
        self._sleep(seconds)
        if self._stopped.is_set():
            raise StoppedError


class AdaptivePace:
    """A pace of writing that adapts to the table's throughput, up to a limit, if any.

    Without a limit, there is no delay until the first throttled write. A throttled write reduces
    the pace, and each successful one increases it slightly, also for a table that grows.
    """

    def __init__(
        self,
        most: float | None,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.rate = most
        self._most = most or inf
        self._clock = clock or time.monotonic
        self._sleep = sleep or waits.sleep
        self._paid_until = 0.0
        self._taken = 0

    def await_turn(self) -> None:
        """Wait until all recorded units are paid for."""
        wait = self._paid_until - self._clock()
        if wait > 0:
            self._sleep(wait)

    def taken(self, units: float) -> None:
        """Record a successful write, and increase the pace slightly."""
        if self.rate is None:
            return
        self._paid_until = max(self._paid_until, self._clock()) + units / self.rate
        self._taken += 1
        self.rate = min(self.rate * (1 + min(FASTER * self._taken, FASTEST)), self._most)

    def seconds_for(self, units: float) -> float:
        """Return how many seconds *units* take at this pace."""
        return units / self.rate if self.rate else 0.0

    def refused(self, *, capacity: float | None, guess: float) -> None:
        """Reduce the pace after a throttled write: to the *capacity*, if known, or by a factor."""
        if capacity is not None and (self.rate is None or self.rate > capacity):
            rate = capacity
        else:
            rate = guess if self.rate is None else self.rate * SLOWER
        self.rate = max(SLOWEST, min(rate, self._most))
        self._taken = 0


def check_rate(units_per_second: float | None, name: str) -> float | None:
    """Check for a number of units per second; None means no limit."""
    if units_per_second is None:
        return None
    rate = plain(units_per_second)
    if type(rate) not in (int, float) or not 0 < rate < inf:
        refuse(name, units_per_second, "a number above 0", float)
    return rate  # type: ignore[no-any-return]

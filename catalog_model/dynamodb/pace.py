"""Keeps work on the whole table from taking the capacity that readers and writers need."""

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
"""What is left of a pace after a refusal."""

FASTER: Final = 0.002
FASTEST: Final = 0.1
"""By how much a pace grows with each write since the last refusal, and at the most."""

SLOWEST: Final = 0.1
"""Units a second that any table takes."""


class StoppedError(Exception):
    """A wait in a thread was ended because the work as a whole ends."""


class Pace:
    """Holds threads back so that together they spend at most so many units a second.

    Args:
        units_per_second: Above 0; None does not hold anybody back.

    Raises:
        InvalidArgumentError: If it is another value.
    """

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
        """Whether anybody is held back."""
        return self._rate is not None

    @property
    def is_stopped(self) -> bool:
        """Whether the work as a whole ends."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End all waits, those that have begun too: whoever waits gets a `StoppedError`."""
        self._stopped.set()

    def spend(self, units: float) -> None:
        """Count what was spent, and wait until it is paid for.

        Raises:
            StoppedError: If the work ended meanwhile.
        """
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now) + units / self._rate
            wait = self._paid_until - now
        self.rest(wait)

    def rest(self, seconds: float) -> None:
        """Wait so long.

        Raises:
            StoppedError: If the work ended meanwhile.
        """
        self._sleep(seconds)
        if self._stopped.is_set():
            raise StoppedError


class AdaptivePace:
    """A pace of writing that follows what the table takes, and is never above a bound.

    Until the first refusal it holds nobody back, unless there is a bound. A refusal slows it down,
    each write that is taken makes it a little faster, so that it also follows a table whose
    capacity grows.

    Args:
        most: Units a second, above 0; None has no bound.
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
        """Wait until all that was taken is paid for."""
        wait = self._paid_until - self._clock()
        if wait > 0:
            self._sleep(wait)

    def taken(self, units: float) -> None:
        """Count a write that the table took, and go on a little faster."""
        if self.rate is None:
            return
        self._paid_until = max(self._paid_until, self._clock()) + units / self.rate
        self._taken += 1
        self.rate = min(self.rate * (1 + min(FASTER * self._taken, FASTEST)), self._most)

    def seconds_for(self, units: float) -> float:
        """Tell how long so many units take."""
        return units / self.rate if self.rate else 0.0

    def refused(self, *, capacity: float | None, guess: float) -> None:
        """Go on slower.

        Args:
            capacity: What the table says that it takes, if it does.
            guess: Where to begin if it does not, and no pace is known yet.
        """
        if capacity is not None and (self.rate is None or self.rate > capacity):
            rate = capacity
        else:
            rate = guess if self.rate is None else self.rate * SLOWER
        self.rate = max(SLOWEST, min(rate, self._most))
        self._taken = 0


def check_rate(units_per_second: float | None, name: str) -> float | None:
    """Accept a number of units a second; None is no bound."""
    if units_per_second is None:
        return None
    rate = plain(units_per_second)
    if type(rate) not in (int, float) or not 0 < rate < inf:
        refuse(name, units_per_second, "a number above 0", float)
    return rate  # type: ignore[no-any-return]

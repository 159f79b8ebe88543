"""Keeps work on the whole table from taking the capacity that readers and writers need."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf

from catalog_model.arguments import refuse
from catalog_model.plain import plain


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
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if units_per_second is not None:
            units_per_second = plain(units_per_second)
            is_number = type(units_per_second) in (int, float)
            if not is_number or not 0 < units_per_second < inf:
                refuse("units_per_second", units_per_second, "a number above 0")
        self._rate = units_per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._paid_until = 0.0

    @property
    def is_limited(self) -> bool:
        """Whether anybody is held back."""
        return self._rate is not None

    def spend(self, units: float) -> None:
        """Count what was spent, and wait until it is paid for."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            self._paid_until = max(self._paid_until, now) + units / self._rate
            wait = self._paid_until - now
        self._sleep(wait)

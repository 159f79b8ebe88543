"""Simulated time: waits return at once and advance a clock, so hours pass in seconds."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from types import ModuleType, SimpleNamespace
from typing import Final
from unittest.mock import patch

import botocore.endpoint

from catalog_model.checks import refuse
from catalog_model.dynamodb import waits

REQUEST_SECONDS: Final = 0.005
"""The usual duration of a request in simulated time."""

_PACKAGE: Final = __name__.partition(".")[0]


class SimulatedClock:
    """A clock that advances only by waits, by requests, and by `advance`.

    Calling it returns the seconds since its start. Waits of several threads are added up, as if
    one followed the other. Thread-safe.
    """

    def __init__(self, request_seconds: float = REQUEST_SECONDS) -> None:
        self.request_seconds = _seconds(request_seconds, "request_seconds")
        self._now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Advance the time.

        Raises:
            InvalidArgumentError: If *seconds* is not a number, or less than 0.
        """
        _seconds(seconds, "seconds")
        with self._lock:
            self._now += seconds

    def sleep(self, seconds: float, _: object = None) -> None:
        """Wait: advance the time immediately."""
        self.advance(max(0.0, seconds))


def _seconds(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        refuse(name, value, "a number of 0 or more", float)
    return value


@contextmanager
def simulated_time(clock: SimulatedClock | None = None) -> Iterator[SimulatedClock]:
    """Make all waits of this package and of botocore use a simulated clock.

    `catalog_model.testing` describes it.
    """
    clock = clock or SimulatedClock()
    ours = SimpleNamespace(**{**vars(time), "sleep": clock.sleep, "monotonic": clock})
    with ExitStack() as stack:
        for module in (botocore.endpoint, *_timed_modules()):
            stack.enter_context(patch.object(module, "time", ours))
        stack.enter_context(patch.object(waits, "sleep", clock.sleep))
        yield clock


def _timed_modules() -> list[ModuleType]:
    """Return the loaded modules of this package that ask for the time."""
    own = [module for name, module in sorted(sys.modules.items()) if _is_own(name)]
    return [module for module in own if vars(module).get("time") is time]


def _is_own(name: str) -> bool:
    is_timer = name == __name__ or name.startswith(f"{_PACKAGE}.dynamodb.engines")
    return name.startswith(f"{_PACKAGE}.") and not is_timer

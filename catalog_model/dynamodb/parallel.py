"""Parts of a task in parallel threads that end together, and soon after Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Final, TypeVar

_T = TypeVar("_T")

GRACE: Final = 0.2
"""Seconds that threads have to end after an interruption. A thread that waits for the service may
take longer; it is abandoned and ends with the process at the latest."""


def in_parallel(work: Callable[[int], _T], parts: int, stop: Callable[[], None]) -> list[_T]:
    """Call *work* with the parts 0, 1, 2 ... in threads with this context; return the results.

    The first error is raised after all threads have ended, an interruption within `GRACE`. *stop*
    is called first, so that threads start nothing new.
    """
    ended: SimpleQueue[tuple[int, _T | BaseException]] = SimpleQueue()
    results: dict[int, _T] = {}

    def run(part: int) -> None:
        try:
            ended.put((part, work(part)))
        except BaseException as error:  # noqa: BLE001  # raised again after all threads have ended
            ended.put((part, error))

    threads = [
        threading.Thread(target=copy_context().run, args=(run, part), daemon=True)
        for part in range(parts)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in threads:
            part, outcome = ended.get()
            if isinstance(outcome, BaseException):
                break
            results[part] = outcome
        else:
            return [results[part] for part in range(parts)]
        stop()
        for thread in threads:
            thread.join()
    except BaseException:
        stop()
        _await(threads, GRACE)
        raise
    raise outcome


def _await(threads: list[threading.Thread], seconds: float) -> None:
    over = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, over - time.monotonic()))

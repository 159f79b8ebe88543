"""Parts of one work in threads that end together, and soon after Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Final, TypeVar

_T = TypeVar("_T")

GRACE: Final = 0.2
"""Seconds that threads have to end after an interruption; a thread that waits for the service may
take longer, and is left behind: it ends with the process, if not before."""


def in_parallel(work: Callable[[int], _T], parts: int, stop: Callable[[], None]) -> list[_T]:
    """Do *work* for each of the parts 0, 1, 2 ... in a thread of its own; give what they gave.

    The first error comes out, once all threads have ended; an interruption of the caller, as by
    Ctrl-C, comes out within `GRACE`. *stop* is called before, so that no thread begins anything
    new. Threads have the context of the caller.
    """
    ended: SimpleQueue[tuple[int, _T | BaseException]] = SimpleQueue()
    results: dict[int, _T] = {}

    def run(part: int) -> None:
        try:
            ended.put((part, work(part)))
        except BaseException as error:  # noqa: BLE001  # raised again where all threads are awaited
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
    """Wait until they have ended, or the time is over."""
    over = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, over - time.monotonic()))

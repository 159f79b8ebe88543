"""Parts of a task in parallel threads that end together, and soon after Ctrl-C.

`in_parallel` starts threads for long parts; `at_once` uses a few that wait for short ones.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

GRACE: Final = 0.2
"""Seconds that threads have to end after an interruption. A thread that waits for the service may
take longer; it is abandoned and ends with the process at the latest."""

MAX_HELPERS: Final = 16
"""Threads of a process for requests that are sent at once, in addition to those of the callers."""

IDLE_SECONDS: Final = 60.0
"""Seconds after which such a thread ends if there is nothing to do."""


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


def at_once(tasks: Sequence[Callable[[], _T]]) -> list[_T]:
    """Call short *tasks* at the same time, each in a copy of this context; return the results.

    This thread takes part, so all of them are done even if no other thread is free. After an error
    no further task begins; the error of the earliest task is raised once all have ended, an
    interruption at once.
    """
    if is_in_order():
        return [task() for task in tasks]
    batch = _Batch(tasks)
    try:
        _helpers.help(batch.work, len(tasks) - 1)
        batch.work()
        batch.raise_interruption()
        batch.await_end()
    except BaseException:
        batch.skip_the_rest()
        raise
    return batch.results()


_in_order: ContextVar[bool] = ContextVar("catalog_model_in_order", default=False)


is_in_order = _in_order.get
"""Return whether tasks that could run at once run one after the other."""


@contextmanager
def in_order() -> Iterator[None]:
    """Have tasks run one after the other in this block, so that it can be repeated exactly.

    It holds for threads and for event loops.
    """
    token = _in_order.set(True)
    try:
        yield
    finally:
        _in_order.reset(token)


class _Batch(Generic[_T]):
    """Tasks that several threads take from, one after the other."""

    def __init__(self, tasks: Sequence[Callable[[], _T]]) -> None:
        self._tasks = [(task, copy_context()) for task in tasks]
        self._waiting = deque(range(len(tasks)))
        self._ended: SimpleQueue[int] = SimpleQueue()
        self._results: dict[int, _T] = {}
        self._errors: dict[int, BaseException] = {}

    def work(self) -> None:
        """Take tasks until none is left."""
        while True:
            try:
                number = self._waiting.popleft()
            except IndexError:
                return
            task, context = self._tasks[number]
            try:
                self._results[number] = context.run(task)
            except BaseException as error:  # noqa: BLE001  # raised again by the caller's thread
                self._errors[number] = error
                self.skip_the_rest()
            self._ended.put(number)

    def raise_interruption(self) -> None:
        """Raise an interruption of this thread, as other threads have none."""
        for error in list(self._errors.values()):  # other threads may add some
            if not isinstance(error, Exception):
                raise error

    def skip_the_rest(self) -> None:
        """Leave out the tasks that have not begun."""
        while True:
            try:
                number = self._waiting.popleft()
            except IndexError:
                return
            self._ended.put(number)

    def await_end(self) -> None:
        """Wait until all tasks have ended or were left out."""
        for _ in self._tasks:
            self._ended.get()

    def results(self) -> list[_T]:
        """Return the results in the order of the tasks, or raise the error of the first of them."""
        if self._errors:
            raise self._errors[min(self._errors)]
        return [self._results[number] for number in range(len(self._tasks))]


class _Helpers:
    """Threads of this process that help with batches; they start when they are needed."""

    def __init__(self) -> None:
        self._offers: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._open = 0
        """Offers that no thread has taken yet, or is working on."""

    def help(self, work: Callable[[], None], wanted: int) -> None:
        """Have *work* called by up to *wanted* threads in addition to the caller's."""
        with self._lock:
            self._open += wanted
            missing = max(0, min(self._open, MAX_HELPERS) - self._threads)
            self._threads += missing
        try:
            for _ in range(wanted):
                self._offers.put(work)
            while missing:
                threading.Thread(target=self._serve, name="catalog-model", daemon=True).start()
                missing -= 1
        except RuntimeError:  # no further threads here: the callers do the work themselves
            return
        finally:
            if missing:
                with self._lock:
                    self._threads -= missing

    def _serve(self) -> None:
        while True:
            try:
                work = self._offers.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._open < self._threads:
                        self._threads -= 1
                        return
                continue
            work()
            del work
            with self._lock:
                self._open -= 1


_helpers: _Helpers = _Helpers()


def _begin_anew() -> None:
    """Forget the threads of the parent process, which do not exist after a fork."""
    global _helpers  # noqa: PLW0603
    _helpers = _Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)

"""A page cache: a handle's recent answers, kept in this process for some seconds.

Needs the extra ``cache``. See docs/scaling.md for when it helps, and what it costs in freshness.
"""

import os
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from catalog_model.checks import check_within, refuse, shown
from catalog_model.dynamodb.numbers import check_number
from catalog_model.errors import ConfigurationError

__all__ = ["CacheStatistics", "PageCache"]

_T = TypeVar("_T")

LONGEST: Final = 86_400.0
"""Seconds for which an answer may be kept: a day."""

LARGEST: Final = 10_000_000

LAG: Final = 1.0
"""Seconds that an index usually lags behind its table, at most."""

MARKS: Final = 4096
"""The number of marks of changes; tags share them, which costs a request now and then."""


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """What a page cache has done since it was made, in this process, and what it keeps."""

    hits: int
    """Calls that were answered from the cache."""
    joined: int
    """Calls that waited for the same request of another thread."""
    misses: int
    """Calls that sent requests."""
    answers: int
    """The answers kept at the moment."""
    titles: int
    """The titles in them."""


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Any
    titles: int
    marks: tuple[int, ...]
    expires: float


class _Flight:
    """A request that is being made, which other threads may wait for."""

    __slots__ = ("began", "future", "marks")

    def __init__(self, began: float, marks: tuple[int, ...]) -> None:
        self.began = began
        self.marks = marks
        self.future: Future[Any] = Future()


class PageCache:
    """Keeps the answers of a handle's reads for some seconds: ``Catalog("films", cache=...)``.

    An answer is as of a moment that is at most *seconds* before the call. A write through the same
    handle is seen at once: it forgets the lists of the title's kind, and the title itself. Because
    indexes lag, an answer that was read within a second after such a write is kept for a second at
    most. Writes of other handles and processes, `repair` and `migrate` are seen after *seconds*, or
    after `clear`.

    Kept are answers that are eventually consistent anyway: all lists of titles, `get_title` and
    `get_title_with_genres`. Never kept are exact counts (`count_titles`, `list_genres`), samples,
    `get_titles`, reads with ``consistent=True``, and errors. Threads that ask the same question at
    the same time send one request, and share its answer or its error.

    A cache belongs to one process. Copies of a handle share its cache and what it keeps; a pickled
    handle and a forked process begin with an empty one. Thread-safe.

    Args:
        seconds: How long an answer is kept, more than 0, up to a day.
        titles: The most titles in all answers together, 1 to 10,000,000; a title takes about 3 KB.
            The answers used least recently are forgotten first.

    Raises:
        InvalidArgumentError: If an argument is out of its bounds.
        ConfigurationError: If cachetools is not installed.

    >>> from catalog_model import Catalog
    >>> cached = Catalog(catalog.table, cache=PageCache(seconds=30))
    >>> [len(access_patterns.list_titles(cached, "tv").items) for _ in range(3)]
    [2, 2, 2]
    >>> cached.cache.statistics()
    CacheStatistics(hits=2, joined=0, misses=1, answers=1, titles=2)
    """

    def __init__(self, seconds: float = 30.0, *, titles: int = 10_000) -> None:
        if not 0 < check_number(seconds, "seconds") <= LONGEST:
            refuse("seconds", seconds, f"more than 0, at most {LONGEST:,.0f}")
        self.seconds = seconds
        self.titles = check_within(titles, "titles", 1, LARGEST)
        self._begin()

    def _begin(self) -> None:
        """Begin empty, in this process."""
        self._lock = threading.Lock()
        self._flights: dict[Hashable, _Flight] = {}
        self._marks = [0] * MARKS
        self._written = [-LAG] * MARKS
        self._hits = self._joined = self._misses = 0
        self._kept = _answers(self.titles)
        self._process = os.getpid()

    def _check_process(self) -> None:
        """Begin again after a fork, because a thread of the parent may have held the lock."""
        if self._process != os.getpid():
            self._begin()

    def answer(
        self,
        key: Hashable,
        tags: Sequence[Hashable],
        ask: Callable[[], _T],
        size: Callable[[_T], int],
    ) -> _T:
        """Return the answer to a question: a kept one, or that of *ask*; for this package.

        Args:
            key: The question.
            tags: What the answer depends on, for `forget`.
            ask: Sends the requests.
            size: Returns the number of titles in an answer.
        """
        self._check_process()
        while True:
            with self._lock:
                flight, is_ours = self._find(key, tags)
                if isinstance(flight, _Kept):
                    return flight.answer  # type: ignore[no-any-return]
            if is_ours:
                return self._ask(key, flight, tags, ask, size)
            try:
                return flight.future.result()  # type: ignore[no-any-return]
            except CancelledError:  # the other thread was interrupted
                continue

    def forget(self, tags: Sequence[Hashable]) -> None:
        """Forget the answers that depend on any of *tags*, because of a write; for this package."""
        self._check_process()
        now = time.monotonic()
        with self._lock:
            for mark in _marks(tags):
                self._marks[mark] += 1
                self._written[mark] = now

    def clear(self) -> None:
        """Forget all answers, such as after a `repair` or a change by another process.

        >>> PageCache().clear()
        """
        self._check_process()
        now = time.monotonic()
        with self._lock:
            self._kept.clear()
            self._marks = [number + 1 for number in self._marks]
            self._written = [now] * MARKS

    def statistics(self) -> CacheStatistics:
        """Return the numbers of calls so far in this process, and of answers and titles kept.

        >>> PageCache().statistics().hits
        0
        """
        self._check_process()
        with self._lock:
            self._kept.expire()
            kept, titles = len(self._kept), int(self._kept.currsize)
            return CacheStatistics(self._hits, self._joined, self._misses, kept, titles)

    def _find(self, key: Hashable, tags: Sequence[Hashable]) -> tuple[_Kept | _Flight, bool]:
        """Return a kept answer, or a request, and whether the caller has to make it."""
        marks = self._current(tags)
        kept: _Kept | None = self._kept.get(key)
        if kept is not None and kept.marks == marks:
            self._hits += 1
            return kept, False
        now = time.monotonic()
        flight = self._flights.get(key)
        if flight is not None and flight.marks == marks and now - flight.began < self.seconds:
            self._joined += 1
            return flight, False
        self._misses += 1
        flight = self._flights[key] = _Flight(now, marks)
        return flight, True

    def _ask(
        self,
        key: Hashable,
        flight: _Flight,
        tags: Sequence[Hashable],
        ask: Callable[[], _T],
        size: Callable[[_T], int],
    ) -> _T:
        try:
            answer = ask()
        except BaseException as error:
            self._landed(key, flight)
            if isinstance(error, Exception):
                flight.future.set_exception(error)
            else:
                flight.future.cancel()
            raise
        with self._lock:
            self._land(key, flight)
            if flight.marks == self._current(tags):
                self._keep(key, flight, tags, answer, size(answer))
        flight.future.set_result(answer)
        return answer

    def _landed(self, key: Hashable, flight: _Flight) -> None:
        with self._lock:
            self._land(key, flight)

    def _land(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _keep(
        self, key: Hashable, flight: _Flight, tags: Sequence[Hashable], answer: Any, titles: int
    ) -> None:
        written = max(self._written[mark] for mark in _marks(tags))
        is_recent = flight.began - written < LAG
        seconds = min(self.seconds, LAG) if is_recent else self.seconds
        weight = max(1, titles)
        if weight <= self.titles:
            self._kept[key] = _Kept(answer, weight, flight.marks, flight.began + seconds)

    def _current(self, tags: Sequence[Hashable]) -> tuple[int, ...]:
        return tuple(self._marks[mark] for mark in _marks(tags))

    def __getstate__(self) -> dict[str, Any]:
        """Return the settings; answers stay in their process."""
        return {"seconds": self.seconds, "titles": self.titles}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._begin()

    def __repr__(self) -> str:
        return f"PageCache(seconds={self.seconds}, titles={self.titles})"


def cache_from_env() -> PageCache | None:
    """Make a cache for CATALOG_CACHE_SECONDS; None if it is not set, or 0."""
    text = os.environ.get("CATALOG_CACHE_SECONDS", "").strip()
    try:
        seconds = float(text or 0)
        return PageCache(seconds) if seconds else None
    except ValueError as error:
        raise ConfigurationError(
            f"CATALOG_CACHE_SECONDS must be seconds from 0 to {LONGEST:,.0f}, not {shown(text)}"
        ) from error


def _marks(tags: Sequence[Hashable]) -> list[int]:
    return [hash(tag) % MARKS for tag in tags]


def _answers(titles: int) -> Any:
    """Make the store: limited in size, with a time for each answer."""
    try:
        from cachetools import TLRUCache  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ConfigurationError(
            "cachetools is not installed: pip install 'catalog-model[cache]'"
        ) from error
    return TLRUCache(
        titles,
        ttu=lambda _, kept, __: kept.expires,
        timer=lambda: time.monotonic(),  # noqa: PLW0108  # tests replace it
        getsizeof=lambda kept: kept.titles,
    )

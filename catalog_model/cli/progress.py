"""The progress of long commands and the remaining time: a bar on a terminal, lines elsewhere."""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import click

from catalog_model.checks import counted
from catalog_model.cli.output import console
from catalog_model.dynamodb.retries import on_throttling
from catalog_model.dynamodb.waits import on_pause
from catalog_model.errors import CatalogError

TICK: Final = 0.5
"""Seconds between two updates."""

LINE_EVERY: Final = 9.0
"""Seconds between two lines without a terminal."""

WINDOW: Final = 60.0
"""Seconds of history for the estimate of the remaining time."""

LATELY: Final = 300.0
"""Seconds after throttling for which the command counts as throttled."""

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE


class Progress:
    """A counter of completed items; called with the number completed, by any thread."""

    def __init__(
        self,
        total: int | None,
        thing: str = "title",
        words: str = "Loading",
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.total = total
        self.done = 0
        self._thing = thing
        self._words = words
        self._clock = clock or time.monotonic
        self._throttled_at: float | None = None
        self._pauses_until = self._clock()
        self._seen = deque([(self._clock(), 0)])

    def __call__(self, done: int) -> None:
        """Record the number completed."""
        self.done = max(self.done, done)

    def throttled(self) -> None:
        """Record that the table throttled a request."""
        self._throttled_at = self._clock()

    def pauses(self, seconds: float) -> None:
        """Record that the work pauses for *seconds* from now on."""
        self._pauses_until = self._clock() + seconds

    @property
    def pause(self) -> float:
        """The remaining seconds of a pause."""
        return max(0.0, self._pauses_until - self._clock())

    @property
    def is_throttled(self) -> bool:
        """Whether the table throttled a request recently."""
        since = self._throttled_at
        return since is not None and self._clock() - since < LATELY

    @property
    def counted(self) -> str:
        """The progress: ``312 of 1,160 titles``."""
        if self.total is None:
            return counted(self.done, self._thing)
        return f"{self.done:,} of {counted(max(self.total, self.done), self._thing)}"

    @property
    def words(self) -> str:
        """The current activity."""
        if self.pause:
            return f"{self._words}, pausing for {self.pause:.0f} s"
        return f"{self._words}, throttled" if self.is_throttled else self._words

    def seconds_left(self) -> float | None:
        """Return the remaining time, from the last minute or longer; None if unknown."""
        now = self._clock()
        if self.pause:
            self._seen.clear()
        self._seen.append((now, self.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:  # noqa: PLR2004  # a window
            self._seen.popleft()
        began, before = self._seen[0]
        if self.total is None or self.done == before or now == began:
            return None
        return max(0.0, self.total - self.done) * (now - began) / (self.done - before)

    def line(self) -> str:
        """Return the progress in one line."""
        how = "throttled: waiting; " if self.is_throttled else ""
        how = f"pausing for {self.pause:.0f} s; " if self.pause else how
        return f"{how}{self.counted}, {left(self.seconds_left())}"


def left(seconds: float | None) -> str:
    """Return the remaining time in words."""
    if seconds is None:
        return "time left unknown"
    for size, unit in ((_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        number = seconds / size
        if number >= 1.5 or unit == "s":  # noqa: PLR2004  # 89 s is clearer in seconds
            break
    text = f"{number:.1f}" if unit == "h" else f"{number:.0f}"
    return f"about {text} {unit} left"


@contextmanager
def progress(total: int | None, words: str = "Loading", thing: str = "title") -> Iterator[Progress]:
    """Show progress on stderr during the block; call the yielded object with the count."""
    shown = Progress(total, thing, words)
    over = threading.Event()
    has_terminal = sys.stderr is not None and sys.stderr.isatty()
    show = _bar if has_terminal else _lines
    with on_throttling(shown.throttled), on_pause(shown.pauses), show(shown) as look:
        thread = threading.Thread(target=_look_again, args=(look, over), daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            over.set()
            thread.join()


@contextmanager
def loading(total: int | None) -> Iterator[Progress]:
    """Show the progress of a load; if it ends early, explain how to resume it."""
    shown: Progress | None = None
    try:
        with progress(total) as shown:
            yield shown
    except (KeyboardInterrupt, CatalogError) as end:
        if shown and (shown.done or isinstance(end, KeyboardInterrupt)):
            click.echo(f"{shown.counted} done; run the same command again to continue.", err=True)
        raise


def _look_again(look: Callable[[], None], over: threading.Event) -> None:
    """Update the display until the end; ignore failures of stderr."""
    with suppress(OSError, ValueError):
        while not over.wait(TICK):
            look()


@contextmanager
def _lines(shown: Progress) -> Iterator[Callable[[], None]]:
    last = time.monotonic()

    def look() -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY:
            last = time.monotonic()
            click.echo(shown.line(), err=True)

    yield look


@contextmanager
def _bar(shown: Progress) -> Iterator[Callable[[], None]]:
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415  # slow to import
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counted]}, {task.fields[left]}"),
    )
    with Bar(*columns, console=console(to_stderr=True), transient=True) as bar:
        task = bar.add_task(shown.words, total=shown.total, counted=shown.counted, left="")

        def look() -> None:
            bar.update(
                task,
                completed=shown.done,
                description=shown.words,
                counted=shown.counted,
                left=left(shown.seconds_left()),
            )

        yield look

"""How far a long command is, and how long it will take: a bar on a terminal, else lines."""

from __future__ import annotations

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
from catalog_model.dynamodb.retries import told_of_throttling

TICK: Final = 0.5
"""Seconds between two looks at how far it is."""

LINE_EVERY: Final = 9.0
"""Seconds between two lines where no terminal shows a bar."""

WINDOW: Final = 60.0
"""How long one looks back to tell how long the rest will take."""

LATELY: Final = 300.0
"""How long after a refusal it is still the table's throughput that sets the pace."""

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE


class Progress:
    """How many of a number of things are done; called with that number, by any thread."""

    def __init__(
        self,
        total: int,
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
        self._seen = deque([(self._clock(), 0)])

    def __call__(self, done: int) -> None:
        """Note how many are done."""
        self.done = max(self.done, done)

    def throttled(self) -> None:
        """Note that the table refuses requests for want of throughput."""
        self._throttled_at = self._clock()

    @property
    def is_throttled(self) -> bool:
        """Whether the table refused something lately."""
        since = self._throttled_at
        return since is not None and self._clock() - since < LATELY

    @property
    def counted(self) -> str:
        """How far it is: ``312 of 1,160 titles``."""
        return f"{self.done:,} of {counted(max(self.total, self.done), self._thing)}"

    @property
    def words(self) -> str:
        """What is going on."""
        return f"{self._words}, throttled" if self.is_throttled else self._words

    def seconds_left(self) -> float | None:
        """Tell how long the rest will take, by the last minute or longer; None: no telling."""
        now = self._clock()
        self._seen.append((now, self.done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:  # noqa: PLR2004  # a window
            self._seen.popleft()
        began, before = self._seen[0]
        if self.done == before or now == began:
            return None
        return max(0.0, self.total - self.done) * (now - began) / (self.done - before)

    def line(self) -> str:
        """Tell all of it in one line."""
        how = "throttled: waiting; " if self.is_throttled else ""
        return f"{how}{self.counted}, {left(self.seconds_left())}"


def left(seconds: float | None) -> str:
    """Say how long the rest will take, as people do."""
    if seconds is None:
        return "time left unknown"
    for size, unit in ((_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        number = seconds / size
        if number >= 1.5 or unit == "s":  # noqa: PLR2004  # 89 s are better said in seconds
            break
    text = f"{number:.1f}" if unit == "h" else f"{number:.0f}"
    return f"about {text} {unit} left"


@contextmanager
def progress(total: int, words: str = "Loading", thing: str = "title") -> Iterator[Progress]:
    """Show on stderr how far something is while it is done: call what this gives."""
    shown = Progress(total, thing, words)
    over = threading.Event()
    has_terminal = sys.stderr is not None and sys.stderr.isatty()
    show = _bar if has_terminal else _lines
    with told_of_throttling(shown.throttled), show(shown) as look:
        thread = threading.Thread(target=_look_again, args=(look, over), daemon=True)
        thread.start()
        try:
            yield shown
        finally:
            over.set()
            thread.join()


def _look_again(look: Callable[[], None], over: threading.Event) -> None:
    """Show it again and again; where stderr takes nothing more, the work goes on without."""
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

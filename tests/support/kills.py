"""Ends work at one of its requests, of any service, as a kill does: nothing more is sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import pytest

from catalog_model.dynamodb.trace import Observers

Moment = Literal["before", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "after")
"""The request is not sent; or it is carried out, and its answer is lost."""

READS = ("BatchGet", "Describe", "Get", "List", "Query", "Scan")
"""The beginnings of operations that change nothing."""


class Sent:
    """The requests of a block, the files before each of them, and whether the block was ended."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.files: list[dict[str, bytes]] = []
        self.is_dead = False

    def different_kills(self) -> Iterator[tuple[int, Moment]]:
        """Yield the kills that leave different states behind: of the service, or of the files."""
        changes, known = 0, list[tuple[int, dict[str, bytes]]]()
        for number, operation in enumerate(self.operations, start=1):
            for moment in MOMENTS:
                changes += moment == "after" and not operation.startswith(READS)
                state = changes, self.files[number - 1]
                if state not in known:
                    known.append(state)
                    yield number, moment


@contextmanager
def killed_at(
    number: int | None, moment: Moment = "before", *, folder: Path | None = None
) -> Iterator[Sent]:
    """End the block at its request of that number, counted from 1; None only counts.

    Requests of clean-up after that fail, too: a killed process makes none. The files are those of
    the *folder*.
    """
    send, sent, lock = Observers.send, Sent(), Lock()

    def counted(self: Any, operation: str, request: Any, send_it: Any) -> Any:
        with lock:
            if sent.is_dead:
                raise KeyboardInterrupt
            sent.operations.append(operation)
            files = folder.iterdir() if folder else ()
            sent.files.append({path.name: path.read_bytes() for path in files})
            sent.is_dead = len(sent.operations) == number
            is_last = sent.is_dead
        if is_last and moment == "before":
            raise KeyboardInterrupt
        answer = send(self, operation, request, send_it)
        if is_last:
            raise KeyboardInterrupt
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Observers, "send", counted)
        yield sent


def requests_of(work: Callable[[], object], folder: Path | None = None) -> Sent:
    """Return the requests of some work."""
    with killed_at(None, folder=folder) as sent:
        work()
    return sent


def kill(work: Callable[[], object], number: int, moment: Moment = "after") -> None:
    """Begin some work, and kill it at its request of that number."""
    with pytest.raises(KeyboardInterrupt), killed_at(number, moment):
        work()

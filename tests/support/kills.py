"""Ends work at one of its requests, of any service, as a kill does: nothing more is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Literal

import pytest

from catalog_model.dynamodb.trace import Observers

Moment = Literal["before", "after"]
MOMENTS: tuple[Moment, ...] = ("before", "after")
"""The request is not sent; or it is carried out, and its answer is lost."""


class Sent:
    """The requests of a block: their number, and whether the block was ended."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.is_dead = False


@contextmanager
def killed_at(number: int | None, moment: Moment = "before") -> Iterator[Sent]:
    """End the block at its request of that number, counted from 1; None only counts.

    Requests of clean-up after that fail, too: a killed process makes none.
    """
    send, sent, lock = Observers.send, Sent(), Lock()

    def counted(self: Any, operation: str, request: Any, send_it: Any) -> Any:
        with lock:
            if sent.is_dead:
                raise KeyboardInterrupt
            sent.operations.append(operation)
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

"""Interruptions at a chosen request: of work on items, and of calls about a table itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from table_dump import hooked

from catalog_model import Catalog
from catalog_model.deployment.control import Control

BEFORE = "before-call.dynamodb.*"
AFTER = "after-call.dynamodb.*"
MOMENTS = (BEFORE, AFTER)
"""A request that is not sent, and one that was carried out and whose answer is lost."""


def requests_of(catalog: Catalog, work: Callable[[], object]) -> int:
    """Return the number of requests of some work."""
    sent = 0

    def count(**_: Any) -> None:
        nonlocal sent
        sent += 1

    with hooked(catalog, BEFORE, count):
        work()
    return sent


def expect_interruption(catalog: Catalog, moment: str, number: int) -> Any:
    """Return a block in which the *number*-th request must be interrupted."""

    @contextmanager
    def block() -> Iterator[None]:
        def press(**_: Any) -> None:
            nonlocal number
            number -= 1
            if number == 0:
                raise KeyboardInterrupt

        with hooked(catalog, moment, press), pytest.raises(KeyboardInterrupt):
            yield

    return block()


class Killed(BaseException):
    """The process ends here: no handler of errors runs as for an `Exception`."""


@contextmanager
def killed_after(number: int) -> Iterator[list[str]]:
    """End the block after request *number* was carried out, before its answer is used.

    Yields the operations sent so far. An interruption before the next request is the same to a
    process that begins again.
    """
    sent: list[str] = []
    original = Control._sent

    def send(self: Control, service: str, operation: str, parameters: dict[str, Any]) -> Any:
        if len(sent) >= number:  # a handler that continues sends nothing either
            raise Killed
        sent.append(operation)
        answer = original(self, service, operation, parameters)
        if len(sent) == number:
            raise Killed
        return answer

    with patch.object(Control, "_sent", send):
        yield sent


def interruptions(work: Callable[[], object], again: Callable[[], object]) -> Iterator[int]:
    """Kill *work* after its first request, after its second ..., each time followed by *again*.

    Yields the number of the request, for what must hold then; the last run of *work* is complete.
    """
    number = 0
    while True:
        number += 1
        try:
            with killed_after(number):
                work()
        except Killed:
            again()
            yield number
        else:
            return

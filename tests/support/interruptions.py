"""Interrupts work before or after each of its requests, and repeats it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from table_dump import hooked

from catalog_model import Catalog

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

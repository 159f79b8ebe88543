"""The access pattern in progress, by which traces name requests."""

from contextvars import ContextVar
from typing import Final


class Caller:
    """A call of an access pattern, and the number of its current round trip, from 1 on."""

    __slots__ = ("name", "round_trip")

    def __init__(self, name: str) -> None:
        self.name = name
        self.round_trip = 0


caller: Final[ContextVar[Caller | None]] = ContextVar("catalog_model_caller", default=None)
"""The outermost access pattern in progress, in this thread or task; None outside."""

"""The request to DynamoDB that this thread is making: its parameters and its remaining time.

`answers` and `deadline` run inside botocore, which does not pass them the handle or its request.
"""

import math
import os
import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Final, Self

from catalog_model.checks import refuse
from catalog_model.dynamodb.numbers import check_number
from catalog_model.errors import ConfigurationError, ServiceError, ThrottledError, UnreachableError

DEFAULT_DEADLINE: Final = 30.0
"""Seconds for one request: enough for all retries of botocore's standard mode."""

NO_DEADLINE: Final = "none"
"""The value of CATALOG_DEADLINE for no deadline."""


class Call:
    """A request of a handle with all its retries; as a context manager, the thread's `current` one.

    Args:
        seconds: The time that it may take; None for no limit.
        deadline: The configured deadline; *seconds* may be the rest of it.
    """

    __slots__ = (
        "_deadline",
        "_token",
        "ends",
        "first_attempt",
        "is_given_up",
        "operation",
        "problem",
        "request",
    )

    def __init__(
        self,
        operation: str,
        request: dict[str, Any],
        seconds: float | None,
        deadline: float | None = None,
    ) -> None:
        self.operation = operation
        self.request = request
        self.problem: ServiceError | None = None
        """The reason why the last answer is invalid; None if it is valid."""
        self.is_given_up = False
        """Whether there was no time left for a retry."""
        self.first_attempt: Any = None
        """What botocore takes as the outcome of its first attempt; None if it sends it itself."""
        self._deadline = deadline
        self.ends = math.inf if seconds is None else time.monotonic() + seconds
        """The deadline, on the clock of `time.monotonic`."""

    def __enter__(self) -> Self:
        self._token: Token[Call | None] = _current.set(self)
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        _current.reset(self._token)
        if isinstance(error, ServiceError):
            is_late = isinstance(error, UnreachableError) and self.seconds_left() < 0
            if self.is_given_up or is_late:
                raise self._late(error) from error.__cause__ or error

    def seconds_left(self) -> float:
        """Return the remaining seconds; 0 or less after the deadline."""
        return self.ends - time.monotonic()

    def abandon(self) -> None:
        """End the waits of a thread that still makes this request, and let it retry nothing."""
        self.ends = -math.inf

    def _late(self, error: ServiceError) -> ServiceError:
        text = f"{self.operation} was given up at its deadline of {self._deadline:.3g} s: {error}"
        kind = ThrottledError if isinstance(error, ThrottledError) else UnreachableError
        return kind(text, code=error.code, request_id=error.request_id)


_current: ContextVar[Call | None] = ContextVar("catalog_model_call", default=None)

current = _current.get
"""Return the request that this thread is making, or None."""


def check_deadline(deadline: object) -> float | None:
    """Check for a number of seconds above 0, or None for no deadline."""
    if deadline is None:
        return None
    seconds = check_number(deadline, "deadline")
    if seconds <= 0:
        refuse("deadline", deadline, "a number of seconds above 0, or None")
    return seconds


def deadline_from_env() -> float | None:
    """Read CATALOG_DEADLINE: seconds, or ``none``; `DEFAULT_DEADLINE` if it is not set."""
    text = os.environ.get("CATALOG_DEADLINE", "").strip()
    if not text:
        return DEFAULT_DEADLINE
    if text.lower() == NO_DEADLINE:
        return None
    try:
        return check_deadline(float(text))
    except ValueError as error:
        raise ConfigurationError(
            f"CATALOG_DEADLINE must be a number of seconds above 0, or {NO_DEADLINE!r}, "
            f"not {text!r}"
        ) from error

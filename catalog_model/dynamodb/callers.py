"""The names under which requests are traced: those of the functions that are being called."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

_callers: Final[dict[CodeType, str]] = {}


def name_caller(function: Callable[..., Any], name: str) -> None:
    """Trace the requests made while *function* runs under this name; the outermost one counts.

    The function stays as it is, so that a call costs nothing where nobody listens.
    """
    _callers[function.__code__] = name


def outermost_caller(frame: FrameType | None) -> str | None:
    """Find the outermost function with a name that is being called."""
    found = None
    while frame is not None:
        found = _callers.get(frame.f_code) or found
        frame = frame.f_back
    return found

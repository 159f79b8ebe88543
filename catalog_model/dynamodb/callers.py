"""The names that traces give to requests: those of the functions in progress."""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

_callers: Final[dict[CodeType, str]] = {}


def name_caller(function: Callable[..., Any], name: str) -> None:
    """Trace requests under this name while *function*, which is not wrapped, runs."""
    _callers[function.__code__] = name


def outermost_caller(frame: FrameType | None) -> str | None:
    """Return the name of the outermost named function on the stack."""
    found = None
    while frame is not None:
        found = _callers.get(frame.f_code) or found
        frame = frame.f_back
    return found

"""The access pattern in progress, by which traces name requests."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

caller: Final[ContextVar[str | None]] = ContextVar("catalog_model_caller", default=None)
"""The name of the outermost access pattern in progress, in this thread or task; None outside."""

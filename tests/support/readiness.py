"""Waiting for what /readyz reports."""

from __future__ import annotations

import time

from catalog_model.flask import Serving


def await_reason(found: Serving, reason: str) -> None:
    """Wait until a process has determined its state."""
    deadline = time.monotonic() + 30
    while found.problem() != reason:
        assert time.monotonic() < deadline

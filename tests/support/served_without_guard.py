"""The example application with planted bugs: without its breaker, or without its guard.

For `test_outage`: gunicorn imports it as ``served_without_guard:without_breaker()``.
"""

from __future__ import annotations

from contextlib import nullcontext

from flask import Flask

from catalog_model.dynamodb import breaker
from examples.netflix_movie_catalog import app as application


class NeverOpens(breaker.Breaker):
    """A disabled breaker."""

    def _open(self, cause: breaker.Outcome, pause: float) -> None:
        pass


def without_breaker() -> Flask:
    """Make the application with a breaker that never opens."""
    app = application.create_app()
    app.extensions["catalog_model"].guard.breaker = NeverOpens()
    return app


def without_guard() -> Flask:
    """Make the application without a guard in front of its handle."""
    app = application.create_app()
    app.extensions["catalog_model"].catalog._observers.guard = lambda _: nullcontext()
    return app

"""Handles on tables: making, observing and tracing them."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

from botocore.config import Config

from catalog_model import PATTERNS, Catalog, __version__
from catalog_model import access_patterns as ap
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.dynamodb.trace import Request


def make() -> Catalog:
    """Every way to make one."""
    assert_type(Catalog.from_env(), Catalog)
    assert_type(Catalog.from_env(cursor_secret="s"), Catalog)
    assert_type(Catalog("t", region="eu-west-1", endpoint_url="http://127.0.0.1:8000"), Catalog)
    assert_type(__version__, str)
    return Catalog("t", profile="films", config=Config(read_timeout=1)).warm()


def observe(catalog: Catalog) -> None:
    """A hook takes a request; adding it returns a function that removes it."""
    slow: list[str] = []

    def note(request: Request) -> None:
        if request.milliseconds > 50:
            slow.append(f"{request.pattern}: {request.key_condition}")

    stop = catalog.on_request(note)
    assert_type(stop, Callable[[], None])
    stop()


def trace(catalog: Catalog) -> float:
    """A trace is a list of requests with sums."""
    with catalog.trace() as trace:
        ap.count_titles(catalog, "tv")
    for request in trace:
        assert_type(request, Request)
        assert_type(request.index, str)
    assert_type(trace.units, dict[str, float])
    assert_type(PATTERNS["count_titles"], AccessPattern)
    return trace.total_units

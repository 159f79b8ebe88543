"""The example application served as in production: every answer of the original.

Other tests use Flask's test client. In production, gunicorn with waitress parses requests and
writes answers in a different way, and must not change any byte of them.
"""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from app_answers import Received, assert_is, by_label, received
from engines import has_dynoxide
from example_app import BECOMING, START
from generated import Records
from loads import HOST, Served, served
from memory_engine import fill
from original_answers import DISCOVER, METHODS_AND_PATHS, UPDATES, Row

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.local import start_engine
from catalog_model.operations import create_table

IMPOSSIBLE = frozenset(map(chr, range(33))) | {"\x7f"}


@pytest.fixture(scope="module")
def table(titles: list[Movie | TVShow]) -> Iterator[Catalog]:
    """A table with the whole catalogue, on a separate engine."""
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        catalog = engine.catalog()
        create_table(catalog)
        fill(catalog, titles)
        yield catalog


@pytest.fixture(scope="module")
def app(table: Catalog) -> Iterator[Served]:
    """The application on that table."""
    assert table.endpoint_url is not None
    with served(table.endpoint_url) as app:
        yield app


def over_the_wire(app: Served, row: Row) -> Received:
    """Send a row's request as bytes."""
    with socket.create_connection((HOST, app.port), 30) as connection:
        connection.sendall(row.wire or written(row))
        response = http.client.HTTPResponse(connection, method=row.method)
        response.begin()
        return received(response.status, response.headers, response.read())


def written(row: Row) -> bytes:
    """Return a request in the form of a browser's."""
    if IMPOSSIBLE & set(row.target) or not row.target.isascii():
        pytest.skip("no client can send this target")
    fields = [f"{name}: {value}" for name, value in row.headers]
    if row.body or row.method in ("POST", "PUT", "PATCH"):
        fields.append(f"Content-Length: {len(row.body)}")
    head = "\r\n".join((f"{row.method} {row.target} HTTP/1.1", "Host: localhost", *fields, "", ""))
    return head.encode() + row.body


@pytest.mark.parametrize("row", DISCOVER + METHODS_AND_PATHS, ids=by_label)
def test_every_answer_is_that_of_the_original(app: Served, records: Records, row: Row) -> None:
    """Byte for byte."""
    assert_is(over_the_wire(app, row), row.expected, records, method=row.method)


@pytest.mark.parametrize("row", UPDATES, ids=by_label)
def test_every_update_is_answered_as_by_the_original(
    app: Served, table: Catalog, records: Records, row: Row
) -> None:
    """The stored data is the original's, too."""
    ap.put_title(table, BECOMING)
    assert_is(over_the_wire(app, row), row.expected, records)
    stored: Any = ap.get_title(table, "movie", BECOMING.id, consistent=True).popularity
    assert stored == (START if row.stored is None else row.stored)

"""The example application while the table is missing, unreachable or not ready."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from engines import Engine
from example_app import post, serving_of
from flask import Flask
from flask.testing import FlaskClient
from request_log import logged_requests

from catalog_model import Catalog, operations
from catalog_model import access_patterns as ap
from catalog_model.errors import ThrottledError, UnknownEntityError
from examples.netflix_movie_catalog.app import create_app

ASKING: Mapping[str, Callable[[FlaskClient], Any]] = {
    "any movies": lambda client: client.get("/discover"),
    "any shows": lambda client: client.get("/discover?type=tv"),
    "a genre": lambda client: client.get("/discover?genre=28"),
    "an update": lambda client: post(client.application, "1", 5),
    "a bad update": lambda client: post(client.application, "1", "x"),
}


def assert_unavailable(response: Any) -> None:
    """Check for a 503 with a time to retry, and without internal details."""
    assert (response.status_code, response.content_type) == (503, "application/json")
    assert int(response.headers["Retry-After"]) > 0
    assert set(response.get_json()) <= {"error", "status", "reason"}
    assert not re.search(r"Traceback|File \"|127\.0\.0\.1|[Bb]oto|arn:", response.text)


@pytest.mark.parametrize("what", ASKING)
def test_a_database_that_does_not_answer_is_a_503(dead: Flask, what: str) -> None:
    """As JSON, with a short time to retry, and without a stack trace."""
    started = time.monotonic()
    assert_unavailable(ASKING[what](dead.test_client()))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("what", ASKING)
def test_a_missing_table_is_a_503(engine: Engine, what: str) -> None:
    """The table may still be created, so clients may retry."""
    assert_unavailable(ASKING[what](create_app(engine.catalog("not-there")).test_client()))


def test_pages_that_need_no_table_answer_without_one(dead: Flask) -> None:
    """They report that the process is alive, independently of the database."""
    client = dead.test_client()
    assert client.get("/status").data == b"OK"
    assert client.get("/").status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.get("/discover?genre=abc").status_code == 400
    assert client.get("/discover?genre=0").data == b"[]\n"
    assert client.post("/updatePopularity", data="{").status_code == 415


@pytest.mark.parametrize(
    ("error", "status"), [(ThrottledError("slow down"), 503), (UnknownEntityError("<what>"), 500)]
)
def test_other_errors_of_the_catalogue_are_json_too(
    few: Catalog, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """Temporary errors are a 503 with a time to retry, permanent ones a 500."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ap, "sample_titles", fail)
    response = create_app(few).test_client().get("/discover")
    assert (response.status_code, response.content_type) == (status, "application/json")
    assert ("Retry-After" in response.headers) == (status == 503)
    assert str(error) not in response.text


# -- Readiness ------------------------------------------------------------------------------------


def test_readiness_is_200_while_the_table_can_be_used(few: Catalog) -> None:
    """Many probes cost only one request to the service."""
    client = create_app(few).test_client()
    with logged_requests(few) as sent:
        responses = [client.get("/readyz") for _ in range(5)]
    assert {(r.status_code, r.data) for r in responses} == {(200, b'{"status":"ready"}\n')}
    assert len(sent) <= 2


def test_readiness_gives_the_reason_and_recovers(catalog: Catalog) -> None:
    """The application is not ready without its table, and ready again when the table is back."""
    app = create_app(catalog)
    serving_of(app).ready_seconds = 0.0
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    operations.delete_table(catalog)
    gone = client.get("/readyz")
    assert_unavailable(gone)
    assert gone.get_json() == {"status": "unavailable", "reason": "the table does not exist"}
    operations.create_table(catalog)
    assert client.get("/readyz").status_code == 200


def test_a_table_of_another_kind_is_not_ready(catalog: Catalog) -> None:
    """A table with this name but another schema is distinguished."""
    operations.delete_table(catalog)
    catalog.client.create_table(
        TableName=catalog.table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    response = create_app(catalog).test_client().get("/readyz")
    assert_unavailable(response)
    assert response.get_json()["reason"] == "the table is not one of this model"


def test_a_table_that_is_being_changed_is_ready_and_one_that_is_being_made_is_not(
    few: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table can be used while it is updated, but not while it, or an index, is created."""
    found = operations.table_status(few)
    index = {**found.indexes, "by_popularity": "CREATING"}
    for status, indexes, expected in (
        ("UPDATING", found.indexes, 200),
        ("CREATING", found.indexes, 503),
        ("UPDATING", index, 503),
    ):
        shown = dataclasses.replace(found, status=status, indexes=indexes)
        monkeypatch.setattr(operations, "table_status", lambda _, shown=shown: shown)
        response = create_app(few).test_client().get("/readyz")
        assert response.status_code == expected
        assert expected == 200 or response.get_json()["reason"] == "the table is CREATING"


def test_readiness_says_when_the_database_does_not_answer(dead: Flask) -> None:
    """The answer contains only the class of the error; the details are logged."""
    response = dead.test_client().get("/readyz")
    assert_unavailable(response)
    assert "cannot be checked" in response.get_json()["reason"]

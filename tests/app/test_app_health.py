"""Health and errors while the table is missing, unreachable, not ready, failing or throttling."""

import dataclasses
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from engines import Engine, create_of_another_model
from example_app import await_reason, own_handle, post, serving_of
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from request_log import logged_requests

from catalog_model import Catalog, operations
from catalog_model import access_patterns as ap
from catalog_model import flask as extension
from catalog_model.dynamodb.breaker import FAILURES, FIRST_PAUSE, SUCCESSES, RefusedError, State
from catalog_model.errors import CatalogError, ThrottledError, UnknownEntityError, UnreachableError
from catalog_model.flask import FlaskCatalog, current_catalog, health
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


def test_readiness_gives_the_reason_and_recovers(catalog: Catalog) -> None:
    """The application is not ready without its table, and ready again when the table is back."""
    app = create_app(catalog)
    serving_of(app).ready_seconds = 0.0
    client = app.test_client()
    assert client.get("/readyz").data == b'{"status":"ready"}\n'
    operations.delete_table(catalog)
    gone = client.get("/readyz")
    assert_unavailable(gone)
    assert gone.get_json() == {"status": "unavailable", "reason": "the table does not exist"}
    operations.create_table(catalog)
    assert client.get("/readyz").status_code == 200


def test_a_table_of_another_kind_is_not_ready(catalog: Catalog) -> None:
    """A table with this name but another schema is distinguished."""
    operations.delete_table(catalog)
    create_of_another_model(catalog)
    response = create_app(catalog).test_client().get("/readyz")
    assert_unavailable(response)
    assert response.get_json()["reason"] == "the table is not one of this model"


def test_only_a_new_table_is_not_ready(few: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
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


def with_health(catalog: Catalog, **config: Any) -> Flask:
    app = Flask("test")
    app.config.update(config)
    FlaskCatalog(app, catalog=catalog)
    app.register_blueprint(health, url_prefix="/-")
    return app


def test_liveness_makes_no_request(dead: Flask) -> None:
    """A process is alive without its table."""
    response = with_health(serving_of(dead).catalog).test_client().get("/-/livez")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})


def test_readiness_asks_once_for_many_probes(catalog: Catalog) -> None:
    """Including concurrent ones."""
    app = with_health(catalog)
    with logged_requests(catalog) as sent, ThreadPoolExecutor(8) as pool:
        probes = list(pool.map(lambda _: app.test_client().get("/-/readyz").get_json(), range(32)))
    assert probes == [{"status": "ready"}] * 32
    assert len(sent) == 1


def test_readiness_recovers_from_a_thread_that_did_not_start(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The probe reports it, and the next one starts another."""
    client = with_health(catalog).test_client()

    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        reason = client.get("/-/readyz").get_json()["reason"]
    assert reason == "the table cannot be checked (RuntimeError)"
    assert client.get("/-/readyz").get_json() == {"status": "ready"}


def test_how_long_an_answer_is_given_again_is_configured(catalog: Catalog) -> None:
    """0 asks every time."""
    app = with_health(catalog, CATALOG_READY_SECONDS=0)
    with logged_requests(catalog) as sent:
        for _ in range(3):
            app.test_client().get("/-/readyz")
    assert len(sent) == 3


def test_a_table_that_cannot_be_asked_is_a_reason_and_no_detail(dead: Flask) -> None:
    """The answer contains only the class of the error; the endpoint is only logged."""
    response = dead.test_client().get("/readyz")
    assert_unavailable(response)
    reason = "the table cannot be checked (UnreachableError)"
    assert response.get_json() == {"status": "unavailable", "reason": reason}


def test_a_process_that_drains_is_alive_but_not_ready(catalog: Catalog) -> None:
    """Immediately, without a request, whatever the last answer was; requests are still served."""
    app = with_health(catalog)
    client = app.test_client()
    assert client.get("/-/readyz").status_code == 200
    serving_of(app).drain()
    with logged_requests(catalog) as sent:
        response = client.get("/-/readyz")
        assert client.get("/-/livez").status_code == 200
    assert response.status_code == 503
    assert response.get_json()["reason"] == "the process is shutting down"
    assert sent == []


class SlowTable:
    """A table that answers when it is told to."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def __call__(self, _: Catalog) -> operations.TableStatus:
        self.asked.set()
        assert self.go_on.wait(30)
        raise UnreachableError("too late")


def test_it_drains_while_a_probe_waits(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer to the next probe does not wait for the previous one."""
    app, slow = with_health(catalog), SlowTable()
    monkeypatch.setattr(operations, "table_status", slow)
    monkeypatch.setattr(extension, "READY_PATIENCE", 30)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(app.test_client().get, "/-/readyz")
        assert slow.asked.wait(30)
        serving_of(app).drain()
        assert app.test_client().get("/-/readyz").status_code == 503
        assert not pending.done()
        slow.go_on.set()


def test_readiness_waits_only_a_moment(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes one request for any number of probes, and returns the last known state."""
    app, slow = with_health(catalog, CATALOG_READY_SECONDS=0), SlowTable()
    status = operations.table_status
    monkeypatch.setattr(operations, "table_status", slow)
    monkeypatch.setattr(extension, "READY_PATIENCE", 0.05)
    reasons = [app.test_client().get("/-/readyz").get_json()["reason"] for _ in range(3)]
    assert reasons == ["the table has not answered yet"] * 3
    slow.go_on.set()
    found = serving_of(app)
    await_reason(found, "the table cannot be checked (UnreachableError)")
    monkeypatch.setattr(operations, "table_status", status)
    await_reason(found, "")
    monkeypatch.setattr(operations, "table_status", SlowTable())
    assert app.test_client().get("/-/readyz").get_json() == {"status": "ready"}


def test_a_bug_in_readiness_is_a_reason(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next probe makes a new request."""
    app = with_health(catalog, CATALOG_READY_SECONDS=0)
    with monkeypatch.context() as patch:
        patch.setattr(operations, "table_status", lambda _: 1 / 0)
        for _ in range(3):
            reason = app.test_client().get("/-/readyz").get_json()["reason"]
            assert reason == "the table cannot be checked (ZeroDivisionError)"
    assert app.test_client().get("/-/readyz").status_code == 200


def opened(app: Flask, error: CatalogError) -> None:
    """Fail enough requests to open an application's breaker."""
    guard = serving_of(app).guard
    for _ in range(FAILURES):
        with pytest.raises(CatalogError), guard("GetItem"):
            raise error
    assert guard.breaker.state is State.OPEN


def test_a_table_that_fails_is_not_ready_and_is_not_asked(catalog: Catalog) -> None:
    """A known failure costs no request; the breaker's state is returned."""
    app = with_health(catalog, CATALOG_READY_SECONDS=0)
    opened(app, UnreachableError("x"))
    with logged_requests(catalog) as sent:
        response = app.test_client().get("/-/readyz")
    assert (response.status_code, sent) == (503, [])
    assert response.get_json() == {
        "status": "unavailable",
        "reason": "the table does not answer",
        "breaker": "open",
    }


def test_a_table_that_throttles_is_ready(catalog: Catalog) -> None:
    """Other processes use the same table, and some requests succeed; the breaker is returned."""
    app = with_health(catalog)
    opened(app, ThrottledError("x"))
    response = app.test_client().get("/-/readyz")
    assert response.get_json() == {"status": "ready", "breaker": "open"}


def test_the_guard_of_a_handle_is_one_for_all_its_applications(catalog: Catalog) -> None:
    """They share what is known about the table; another handle has another guard."""
    own = own_handle(catalog)
    one, other, third = (with_health(each) for each in (catalog, catalog, own))
    assert serving_of(one).guard is serving_of(other).guard is catalog._observers.guard
    assert serving_of(third).guard is not serving_of(one).guard


def test_an_open_breaker_answers_at_once_and_a_closed_one_again(catalog: Catalog) -> None:
    """503 with a time to retry; nothing is sent."""
    own = own_handle(catalog)
    app = Flask("test")
    FlaskCatalog(app, catalog=own)
    app.add_url_rule("/", view_func=lambda: str(ap.count_titles(current_catalog, "movie")))
    opened(app, UnreachableError("x"))
    with logged_requests(own) as sent:
        response = app.test_client().get("/")
    assert (response.status_code, sent) == (503, [])
    assert response.headers["Retry-After"] == "1"
    assert response.get_json() == {"error": "The catalogue does not answer, please try again"}
    time.sleep(FIRST_PAUSE)
    for _ in range(SUCCESSES):
        assert app.test_client().get("/").text == "0"
    assert serving_of(app).guard.breaker.state is State.CLOSED


def test_what_a_guard_refuses_is_counted(catalog: Catalog) -> None:
    """By reason; also the state of the breaker, and how many times it opened."""
    registry = CollectorRegistry()
    app = Flask("test")
    FlaskCatalog(app, catalog=own_handle(catalog), registry=registry)
    assert registry.get_sample_value("catalog_breaker_open") == 0
    assert registry.get_sample_value("catalog_requests_refused_total", {"reason": "ill"}) == 0
    opened(app, UnreachableError("x"))
    for _ in range(3):
        with pytest.raises(RefusedError), serving_of(app).guard("GetItem"):
            pytest.fail("it was sent")
    assert registry.get_sample_value("catalog_requests_refused_total", {"reason": "ill"}) == 3
    assert registry.get_sample_value("catalog_breaker_open") == 1
    assert registry.get_sample_value("catalog_breaker_opened_total") == 1

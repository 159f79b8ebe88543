"""The Flask extension: the handle, health, answers for errors, metrics."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from example_app import await_reason
from flask import Flask, Response
from prometheus_client import CollectorRegistry
from request_log import logged_requests

from catalog_model import Catalog, Movie, errors, operations
from catalog_model import access_patterns as ap
from catalog_model import flask as extension
from catalog_model.dynamodb.breaker import FAILURES, FIRST_PAUSE, SUCCESSES, RefusedError, State
from catalog_model.dynamodb.failures import translate
from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTitleError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
    ThrottledError,
    TitleExistsError,
    TitleNotFoundError,
    UnavailableError,
    UnknownEntityError,
    UnreachableError,
)
from catalog_model.flask import FlaskCatalog, Serving, current_catalog, health, serving
from catalog_model.prometheus import measure_requests

NOT_EVEN_A_PORT = "http://127.0.0.1:1"
SECRET = "<b>arn:aws:dynamodb</b> & 10.0.0.1"

STATUS = {
    AccessDeniedError: 500,
    CatalogError: 500,
    ConfigurationError: 500,
    ConflictError: 409,
    InvalidArgumentError: 400,
    InvalidCursorError: 400,
    InvalidTitleError: 400,
    SchemaMismatchError: 500,
    ServiceError: 500,
    TableNotFoundError: 503,
    ThrottledError: 503,
    TitleExistsError: 409,
    TitleNotFoundError: 404,
    UnavailableError: 503,
    UnknownEntityError: 500,
    UnreachableError: 503,
}


def movie(title_id: int) -> Movie:
    """Return a small movie."""
    record = {
        "genre_ids": [28],
        "id": title_id,
        "popularity": 5.0,
        "release_date": "2020-05-06",
        "title": "A film",
        "vote_average": 7.4,
        "vote_count": 148,
    }
    return Movie.from_json(record)


def serving_of(app: Flask) -> Serving:
    """Return what the extension stores for an application."""
    kept: Serving = app.extensions["catalog_model"]
    return kept


def dead_catalog() -> Catalog:
    """Return a handle on an endpoint that does not respond."""
    return Catalog("t", region="us-east-1", endpoint_url=NOT_EVEN_A_PORT)


def raising(error: Exception, **settings: Any) -> Flask:
    """Return an application whose only view fails."""
    app = Flask("test")
    FlaskCatalog(app, catalog=dead_catalog(), **settings)

    @app.get("/")
    def fail() -> Response:
        raise error

    return app


# -- The handle of an application -----------------------------------------------------------------


def test_one_extension_serves_several_applications() -> None:
    """Each has a separate handle."""
    extension = FlaskCatalog()
    apps = {name: Flask(name) for name in ("one", "other")}
    for name, app in apps.items():
        app.config["CATALOG_TABLE"] = name
        extension.init_app(app)
    for name, app in apps.items():
        with app.app_context():
            assert current_catalog.table == name
            assert serving() is serving_of(app)


def test_the_extension_holds_no_application() -> None:
    """An application that is no longer used is freed, though the extension still exists."""
    extension = FlaskCatalog()
    app = Flask("test")
    extension.init_app(app)
    gone = weakref.ref(app)
    del app
    gc.collect()
    assert gone() is None
    assert not any(isinstance(value, Flask) for value in vars(extension).values())


def test_the_configuration_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default for other settings is that of `Catalog.from_env`."""
    monkeypatch.setenv("CATALOG_TABLE", "of-the-environment")
    monkeypatch.setenv("CATALOG_CURSOR_SECRET", "secret of the environment")
    configured = Flask("test")
    configured.config.update(
        CATALOG_TABLE="configured",
        CATALOG_REGION="eu-west-3",
        CATALOG_ENDPOINT_URL=NOT_EVEN_A_PORT,
        CATALOG_PROFILE="me",
        CATALOG_CURSOR_SECRET="configured secret",
    )
    bare = Flask("test")
    extension = FlaskCatalog(configured)
    extension.init_app(bare)
    catalog = serving_of(configured).catalog
    assert repr(catalog) == (
        f"Catalog('configured', region='eu-west-3', endpoint_url='{NOT_EVEN_A_PORT}', profile='me')"
    )
    assert catalog.cursor_secret == "configured secret"
    assert serving_of(bare).catalog.table == "of-the-environment"
    assert serving_of(bare).catalog.cursor_secret == "secret of the environment"
    monkeypatch.delenv("CATALOG_TABLE")
    extension.init_app(bare)
    assert serving_of(bare).catalog.table == Catalog.from_env().table


def test_the_application_starts_without_a_table_or_a_region(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No connection is opened; warming it reports missing settings."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    app = Flask("test")
    FlaskCatalog(app)
    with pytest.raises(ConfigurationError, match="region"):
        serving_of(app).warm()


def test_wrong_arguments_are_refused() -> None:
    """By name and value."""
    app = Flask("test")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"app": "shop"}, "app must be a Flask, not 'shop'"),
        ({"app": app, "catalog": "t"}, "catalog must be a Catalog, not 't'"),
        ({"app": app, "registry": "r"}, "registry must be a CollectorRegistry, not 'r'"),
    ]
    for arguments, message in wrong:
        with pytest.raises(InvalidArgumentError, match=message):
            FlaskCatalog(**arguments)
    app.config["CATALOG_TABLE"] = "no table's name"
    with pytest.raises(InvalidArgumentError, match="table must be"):
        FlaskCatalog(app)


def test_every_access_pattern_takes_the_catalogue_of_the_request(catalog: Catalog) -> None:
    """Access patterns treat it as a `Catalog`."""
    app = Flask("test")
    FlaskCatalog(app, catalog=catalog)
    with app.app_context():
        ap.put_title(current_catalog, movie(1))
        assert ap.get_title(current_catalog, "movie", 1) == ap.get_title(catalog, "movie", 1)
        assert ap.list_titles(current_catalog, "movie", limit=1).items[0].id == 1
        assert operations.table_status(current_catalog).is_ready
        assert ap.load_titles(current_catalog, [movie(2)]).created == 1


def test_without_an_application_there_is_no_catalogue() -> None:
    """The error says what to do."""
    with pytest.raises(RuntimeError, match="application context"):
        _ = current_catalog.table
    bare = Flask("bare").app_context()
    with bare, pytest.raises(RuntimeError, match=r"FlaskCatalog\(\)\.init_app\(app\)"):
        _ = current_catalog.table


# -- Answers for errors ---------------------------------------------------------------------------


def test_every_error_has_a_status() -> None:
    """The table here covers the whole tree."""
    assert {kind.__name__ for kind in STATUS} == set(errors.__all__)


@pytest.mark.parametrize(("kind", "status"), STATUS.items(), ids=lambda each: str(each)[-40:])
def test_an_error_that_a_view_lets_through_is_json(
    kind: type[CatalogError], status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With the status of its class; the message is logged, and returned only with 400."""
    caplog.set_level(logging.INFO)
    response = raising(kind(SECRET)).test_client().get("/")
    assert (response.status_code, response.content_type) == (status, "application/json")
    assert set(response.get_json()) == {"error"}
    assert (response.get_json()["error"] == SECRET) == (status == 400)
    assert ("Retry-After" in response.headers) == (status == 503)
    assert status == 400 or "arn" not in response.text
    assert not set("<>&") & set(response.text)
    (record,) = [each for each in caplog.records if each.name == "test"]
    assert SECRET in record.getMessage()
    assert record.levelno == (logging.ERROR if status >= 500 else logging.INFO)


NOT_SHOWN = "The catalogue holds something that cannot be shown"
NOT_SET_UP = "This service is not set up to use its catalogue; its operator can change that"
NOT_DONE = "The catalogue could not do what was asked of it"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (AccessDeniedError, NOT_SET_UP),
        (CatalogError, NOT_SHOWN),
        (ConfigurationError, NOT_SET_UP),
        (SchemaMismatchError, NOT_SHOWN),
        (ServiceError, NOT_DONE),
        (UnknownEntityError, NOT_SHOWN),
    ],
)
def test_a_500_says_whose_it_is(kind: type[CatalogError], words: str) -> None:
    """Stored data is damaged, or the operator has to act; a retry does not help."""
    assert kind in STATUS
    response = raising(kind(SECRET)).test_client().get("/")
    assert response.get_json() == {"error": words}
    assert "Retry-After" not in response.headers


def test_every_500_is_in_that_table() -> None:
    """So a new class does not get the text of another one."""
    wordy = {AccessDeniedError, CatalogError, ConfigurationError, SchemaMismatchError, ServiceError}
    assert {kind for kind, status in STATUS.items() if status == 500} == {
        *wordy,
        UnknownEntityError,
    }


@pytest.mark.parametrize(("seconds", "told"), [(0.01, "1"), (0.5, "1"), (1.0, "1"), (7.2, "8")])
def test_a_refusal_says_when_to_come_back(
    seconds: float, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """In whole seconds, never 0; it is not logged as an error."""
    caplog.set_level(logging.INFO)
    response = raising(RefusedError("x", seconds, "ill")).test_client().get("/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, told)
    assert [each.levelno for each in caplog.records if each.name == "test"] == [logging.INFO]


# -- Every code of the service --------------------------------------------------------------------

CODES = {
    "AccessDeniedException": 500,
    "ConditionalCheckFailedException": 409,
    "ExpiredTokenException": 500,
    "IncompleteSignature": 500,
    "InternalFailure": 503,
    "InternalServerError": 503,
    "InvalidClientTokenId": 500,
    "InvalidSignatureException": 500,
    "ItemCollectionSizeLimitExceededException": 500,
    "LimitExceededException": 503,
    "MissingAuthenticationTokenException": 500,
    "OptInRequired": 500,
    "ProvisionedThroughputExceededException": 503,
    "RequestLimitExceeded": 503,
    "ResourceNotFoundException": 503,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
    "Throttling": 503,
    "ThrottlingException": 503,
    "TooManyRequestsException": 503,
    "TransactionConflictException": 409,
    "TransactionInProgressException": 503,
    "UnrecognizedClientException": 500,
    "ValidationException": 500,
    "429": 503,
    "500": 503,
    "502": 503,
    "503": 503,
    "504": 503,
}
"""The status for the codes of DynamoDB, of AWS, and of proxies."""


@pytest.mark.parametrize(("code", "status"), CODES.items())
def test_a_code_of_the_service_has_a_status(code: str, status: int) -> None:
    """An outage is never a 500, and never reported as damaged data."""
    http_status = int(code) if code.isdigit() else {409: 400, 500: 400, 503: 500}[status]
    answer = {"Error": {"Code": code, "Message": SECRET}}
    answer["ResponseMetadata"] = {"HTTPStatusCode": http_status}  # type: ignore[dict-item]
    error = translate(ClientError(answer, "Query"), "t")  # type: ignore[arg-type]
    response = raising(error).test_client().get("/")
    assert response.status_code == status
    assert ("Retry-After" in response.headers) == (status == 503)
    assert response.get_json()["error"] != NOT_SHOWN


def test_no_error_of_the_service_is_reported_as_damaged_data() -> None:
    """All codes in botocore's description of DynamoDB."""
    model = botocore.session.get_session().get_service_model("dynamodb")
    codes = {str(shape.name) for shape in model.error_shapes}
    assert len(codes) > 20
    for code in codes:
        error = translate(ClientError({"Error": {"Code": code, "Message": SECRET}}, "Query"), "t")
        response = raising(error).test_client().get("/")
        assert response.status_code in (409, 500, 503), code
        assert response.get_json()["error"] != NOT_SHOWN, code


def test_what_an_access_pattern_refuses_is_the_callers_to_know(catalog: Catalog) -> None:
    """A forged cursor, an invalid id, a missing title, an existing one."""
    app = Flask("test")
    FlaskCatalog(app, catalog=catalog)

    @app.get("/list/<after>")
    def listed(after: str) -> list[Any]:
        return [each.id for each in ap.list_titles(current_catalog, "movie", after=after).items]

    @app.get("/movie/<int:movie_id>")
    def one(movie_id: int) -> dict[str, Any]:
        return ap.get_title(current_catalog, "movie", movie_id).to_json()

    @app.put("/movie/<int:movie_id>")
    def put(movie_id: int) -> str:
        ap.put_title(current_catalog, movie(movie_id), if_absent=True)
        return "made"

    client = app.test_client()
    forged = client.get("/list/<script>")
    assert forged.status_code == 400
    assert "<" not in forged.text
    assert "'<script>'" in forged.get_json()["error"]
    assert client.get("/movie/0").status_code == 400
    assert client.get("/movie/5").status_code == 404
    assert client.put("/movie/5").text == "made"
    assert client.put("/movie/5").status_code == 409
    assert client.get("/movie/5").status_code == 200


def test_an_application_may_have_other_statuses() -> None:
    """The closest class counts; with a status other than 400, the message is not returned."""
    statuses = {ConflictError: 503, InvalidArgumentError: 500, ServiceError: 502}
    for error, status in (
        (ConflictError("x"), 503),
        (InvalidCursorError(SECRET), 500),
        (ServiceError("x"), 502),
        (ThrottledError("x"), 503),
    ):
        response = raising(error, statuses=statuses).test_client().get("/")
        assert response.status_code == status
        assert ("Retry-After" in response.headers) == (status == 503)
        assert SECRET not in response.get_json()["error"]


def test_the_applications_own_handler_goes_before() -> None:
    """Registered before or after the extension."""
    before, after = Flask("before"), raising(ConflictError("x"))
    before.register_error_handler(CatalogError, lambda _: ("own", 418))
    FlaskCatalog(before, catalog=dead_catalog())

    @before.get("/")
    def fail() -> Response:
        raise ConflictError("x")

    after.register_error_handler(CatalogError, lambda _: ("own", 418))
    for app in (before, after):
        assert app.test_client().get("/").status_code == 418


def test_other_errors_are_left_alone() -> None:
    """The extension does not handle them."""
    assert raising(ValueError("x")).test_client().get("/").content_type.startswith("text/html")


# -- Health ---------------------------------------------------------------------------------------


def with_health(catalog: Catalog, **config: Any) -> Flask:
    """Return an application with the two routes."""
    app = Flask("test")
    app.config.update(config)
    FlaskCatalog(app, catalog=catalog)
    app.register_blueprint(health, url_prefix="/-")
    return app


def test_liveness_makes_no_request() -> None:
    """A process is alive without its table."""
    response = with_health(dead_catalog()).test_client().get("/-/livez")
    assert (response.status_code, response.get_json()) == (200, {"status": "alive"})


def test_readiness_asks_once_for_many_probes(catalog: Catalog) -> None:
    """Including concurrent ones."""
    app = with_health(catalog)
    with logged_requests(catalog) as sent, ThreadPoolExecutor(8) as pool:
        probes = list(pool.map(lambda _: app.test_client().get("/-/readyz").get_json(), range(32)))
    assert probes == [{"status": "ready"}] * 32
    assert len(sent) == 1


def test_how_long_an_answer_is_given_again_is_configured(catalog: Catalog) -> None:
    """0 asks every time."""
    app = with_health(catalog, CATALOG_READY_SECONDS=0)
    with logged_requests(catalog) as sent:
        for _ in range(3):
            app.test_client().get("/-/readyz")
    assert len(sent) == 3


def test_a_table_that_cannot_be_asked_is_a_reason_and_no_detail() -> None:
    """503 with a time to retry; the endpoint is only logged."""
    response = with_health(dead_catalog()).test_client().get("/-/readyz")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
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


def test_a_process_drains_while_a_probe_waits_for_the_table(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_readiness_waits_for_a_silent_table_for_a_moment_only(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_bug_in_what_readiness_asks_is_a_reason_and_not_the_end_of_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    own = Catalog(catalog.table, client=catalog.client)
    one, other, third = (with_health(each) for each in (catalog, catalog, own))
    assert serving_of(one).guard is serving_of(other).guard is catalog._observers.guard
    assert serving_of(third).guard is not serving_of(one).guard


def test_an_open_breaker_answers_at_once_and_a_closed_one_again(catalog: Catalog) -> None:
    """503 with a time to retry; nothing is sent."""
    own = Catalog(catalog.table, client=catalog.client)
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


# -- Processes ------------------------------------------------------------------------------------

FORKS = f"""
import os
from flask import Flask
from catalog_model import Catalog, access_patterns as ap
from catalog_model.errors import UnreachableError
from catalog_model.flask import FlaskCatalog, current_catalog

app = Flask("test")
FlaskCatalog(app, catalog=Catalog("t", region="us-east-1", endpoint_url={NOT_EVEN_A_PORT!r}))
app.extensions["catalog_model"].warm()

@app.get("/")
def client():
    try:
        ap.count_titles(current_catalog, "movie")
    except UnreachableError:
        return str(id(current_catalog.client))

before = app.test_client().get("/").text
assert before == app.test_client().get("/").text  # one client for all requests of a process
keep = app.extensions["catalog_model"].catalog.client  # so that no other gets its id
pid = os.fork()
after = app.test_client().get("/").text
if pid == 0:
    os._exit(0 if after != before else 1)
assert after == before
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(sys.modules["os"], "fork"), reason="this system does not fork")
def test_a_forked_process_makes_its_own_client() -> None:
    """The existing client stays with the parent process."""
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FORKS],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_warming_makes_the_client_that_requests_use() -> None:
    """Nothing is sent: the endpoint does not exist."""
    app = Flask("test")
    FlaskCatalog(app, catalog=dead_catalog())
    serving_of(app).warm()
    assert serving_of(app).catalog._gateway is not None


# -- Metrics --------------------------------------------------------------------------------------


def counted(registry: CollectorRegistry, pattern: str, operation: str) -> float | None:
    """Return the number of timed requests."""
    name = "catalog_request_duration_seconds_count"
    return registry.get_sample_value(name, {"pattern": pattern, "operation": operation})


def test_requests_to_the_table_are_counted_where_the_application_wants_it(
    catalog: Catalog,
) -> None:
    """By access pattern and operation; an application without a registry counts nothing."""
    registry = CollectorRegistry()
    own = Catalog(catalog.table, client=catalog.client)
    FlaskCatalog(Flask("test"), catalog=own, registry=registry)
    FlaskCatalog(Flask("other"), catalog=catalog)
    for handle in (own, own, catalog):
        ap.count_titles(handle, "movie")
    assert counted(registry, "count_titles", "BatchGetItem") == 2


def test_measuring_ends_when_it_is_stopped(catalog: Catalog) -> None:
    """The counters keep their values."""
    registry = CollectorRegistry()
    stop = measure_requests(catalog, registry)
    ap.count_titles(catalog, "movie")
    stop()
    ap.count_titles(catalog, "movie")
    assert counted(registry, "count_titles", "BatchGetItem") == 1


def test_one_registry_takes_one_handle(catalog: Catalog) -> None:
    """Two would be indistinguishable; Prometheus raises an error, and nothing is counted twice."""
    registry = CollectorRegistry()
    measure_requests(catalog, registry)
    with pytest.raises(ValueError, match="Duplicated"):
        measure_requests(Catalog(catalog.table, client=catalog.client), registry)


def test_measuring_needs_its_library(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match="pip install prometheus-client"):
        measure_requests(catalog)


def test_importing_the_modules_brings_in_no_more_than_they_need() -> None:
    """The extension does not need Prometheus; without Flask it says what to install."""
    code = (
        "import sys, catalog_model.flask, catalog_model.prometheus\n"
        "print([m for m in ('prometheus_client', 'rich', 'moto') if m in sys.modules])\n"
        "del sys.modules['catalog_model.flask']; sys.modules['flask'] = None\n"
        "try: import catalog_model.flask\n"
        "except ImportError as error: print(error)\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\nFlask is not installed: pip install 'catalog-model[flask]'\n"


def test_what_a_guard_refuses_is_counted(catalog: Catalog) -> None:
    """By reason; also the state of the breaker, and how many times it opened."""
    registry = CollectorRegistry()
    app = Flask("test")
    FlaskCatalog(app, catalog=Catalog(catalog.table, client=catalog.client), registry=registry)
    assert registry.get_sample_value("catalog_breaker_open") == 0
    assert registry.get_sample_value("catalog_requests_refused_total", {"reason": "ill"}) == 0
    opened(app, UnreachableError("x"))
    for _ in range(3):
        with pytest.raises(RefusedError), serving_of(app).guard("GetItem"):
            pytest.fail("it was sent")
    assert registry.get_sample_value("catalog_requests_refused_total", {"reason": "ill"}) == 3
    assert registry.get_sample_value("catalog_breaker_open") == 1
    assert registry.get_sample_value("catalog_breaker_opened_total") == 1

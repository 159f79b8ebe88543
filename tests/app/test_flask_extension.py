"""The Flask extension: the handle of an application, answers for errors, and processes."""

import gc
import logging
import subprocess
import sys
import weakref
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from example_app import NOT_EVEN_A_PORT, movie, serving_of
from flask import Flask, Response
from packages import ROOT, run_in
from werkzeug.local import LocalProxy

from catalog_model import Catalog, errors, operations
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.breaker import RefusedError
from catalog_model.dynamodb.failures import translate
from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    InvalidCursorError,
    ServiceError,
    ThrottledError,
)
from catalog_model.flask import FlaskCatalog, Serving, current_catalog, serving

FILM = movie(1, "A film", [28], 5.0)
SECRET = "<b>arn:aws:dynamodb</b> & 10.0.0.1"


def dead_catalog() -> Catalog:
    """Return a handle on an endpoint that does not respond."""
    return Catalog("t", region="us-east-1", endpoint_url=NOT_EVEN_A_PORT)


def raising(error: Exception, app: Flask | None = None, **settings: Any) -> Flask:
    """Return an application whose only view fails."""
    app = app or Flask("test")
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
    configured, bare = Flask("test"), Flask("test")
    configured.config.update(
        CATALOG_TABLE="configured",
        CATALOG_REGION="eu-west-3",
        CATALOG_ENDPOINT_URL=NOT_EVEN_A_PORT,
        CATALOG_PROFILE="me",
        CATALOG_CURSOR_SECRET="configured secret",
    )
    for app, secret, shown in (
        (
            configured,
            "configured secret",
            f"'configured', region='eu-west-3', endpoint_url='{NOT_EVEN_A_PORT}', profile='me'",
        ),
        (bare, "secret of the environment", "'of-the-environment'"),
    ):
        FlaskCatalog(app)
        catalog = serving_of(app).catalog
        assert (catalog.cursor_secret, repr(catalog)) == (secret, f"Catalog({shown})")
    monkeypatch.delenv("CATALOG_TABLE")
    FlaskCatalog(bare)
    assert serving_of(bare).catalog.table == Catalog.from_env().table


def test_an_application_starts_without_a_table_or_region(monkeypatch: pytest.MonkeyPatch) -> None:
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
        ({"statuses": 5}, "statuses must be a mapping of error classes to statuses, not 5"),
        ({"statuses": {404: 404}}, "a key of statuses must be a class of CatalogError, not 404"),
        ({"statuses": {KeyError: 404}}, "must be a class of CatalogError, not <class 'KeyError'>"),
        *(
            ({"statuses": {ConflictError: each}}, rf"statuses\[ConflictError\] must be .*{each!r}")
            for each in ("409", 409.0, None, True, [409], 200, 399, 499, 600, -1)
        ),
    ]
    for arguments, message in wrong:
        with pytest.raises(InvalidArgumentError, match=message):
            FlaskCatalog(**arguments)


@pytest.mark.parametrize("wrong", [None, "5", True, -1, 0.0, float("nan"), 10**400, [5]], ids=repr)
def test_the_state_of_an_application_is_not_made_of_nonsense(wrong: Any) -> None:
    """By name; 0 is a time for which a result may be kept, but no deadline."""
    arguments = {"catalog": wrong, "ready_seconds": wrong, "deadline": wrong, "guard": wrong}
    for name in arguments.keys() - ({"guard"} if wrong is None else set()):
        if name == "ready_seconds" and wrong == 0:
            continue
        with pytest.raises(InvalidArgumentError, match=rf"^{name} must be"):
            Serving(**{"catalog": dead_catalog(), name: wrong})


def test_every_access_pattern_takes_the_catalogue_of_the_request(catalog: Catalog) -> None:
    """Access patterns treat it as a `Catalog`."""
    app = Flask("test")
    FlaskCatalog(app, catalog=catalog)
    with app.app_context():
        ap.put_title(current_catalog, FILM)
        assert ap.get_title(current_catalog, "movie", 1) == ap.get_title(catalog, "movie", 1)
        assert ap.list_titles(current_catalog, "movie", limit=1).items[0].id == 1
        assert operations.table_status(current_catalog).is_ready
        assert ap.load_titles(current_catalog, [FILM.replace(id=2)]).created == 1


def test_an_access_pattern_looks_for_the_catalogue_of_the_request_once(catalog: Catalog) -> None:
    """Each use of a proxy looks for it again, which takes longer than using the handle."""
    looked: list[Catalog] = []

    def look() -> Catalog:
        looked.append(catalog)
        return catalog

    proxy: Any = LocalProxy(look)
    assert ap.list_titles(proxy, "movie") == ap.list_titles(catalog, "movie")
    assert len(looked) == 1


def test_without_an_application_there_is_no_catalogue() -> None:
    """The error says what to do."""
    with pytest.raises(RuntimeError, match="application context"):
        _ = current_catalog.table
    bare = Flask("bare").app_context()
    with bare, pytest.raises(RuntimeError, match=r"FlaskCatalog\(\)\.init_app\(app\)"):
        _ = current_catalog.table


# -- Answers for errors ---------------------------------------------------------------------------

NOT_SHOWN = "The catalogue holds something that cannot be shown"
NOT_SET_UP = "This service is not set up to use its catalogue; its operator can change that"
ANSWERS = {
    (400, SECRET): "InvalidArgumentError InvalidCursorError InvalidTitleError",
    (404, "There is no such title"): "TitleNotFoundError",
    (409, "The title already exists, or was changed at the same time"): (
        "ConflictError TitleExistsError"
    ),
    (500, NOT_SET_UP): "AccessDeniedError ConfigurationError",
    (500, NOT_SHOWN): "CatalogError SchemaMismatchError UnknownEntityError",
    (500, "The catalogue could not do what was asked of it"): "ServiceError",
    (503, "The catalogue does not answer, please try again"): (
        "TableNotFoundError ThrottledError UnavailableError UnreachableError"
    ),
}
OF_ERROR = {name: answer for answer, names in ANSWERS.items() for name in names.split()}


@pytest.mark.parametrize("name", errors.__all__)
def test_an_error_of_a_view_is_json(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """With the answer of its class; the message is logged, and returned only with 400."""
    caplog.set_level(logging.INFO)
    status, words = OF_ERROR[name]
    response = raising(getattr(errors, name)(SECRET)).test_client().get("/")
    assert (response.status_code, response.content_type) == (status, "application/json")
    assert response.get_json() == {"error": words}
    assert ("Retry-After" in response.headers) == (status == 503)
    assert not set("<>&") & set(response.text)
    (record,) = [each for each in caplog.records if each.name == "test"]
    assert SECRET in record.getMessage()
    assert record.levelno == (logging.ERROR if status >= 500 else logging.INFO)


@pytest.mark.parametrize(("seconds", "told"), [(0.01, "1"), (0.5, "1"), (1.0, "1"), (7.2, "8")])
def test_a_refusal_has_a_time(seconds: float, told: str, caplog: pytest.LogCaptureFixture) -> None:
    """In whole seconds, never 0; it is not logged as an error."""
    caplog.set_level(logging.INFO)
    response = raising(RefusedError("x", seconds, "ill")).test_client().get("/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, told)
    assert [each.levelno for each in caplog.records if each.name == "test"] == [logging.INFO]


def test_no_error_of_the_service_is_reported_as_damaged_data() -> None:
    """An outage is never a 500: the class of each code is that of `test_service_codes`."""
    model = botocore.session.get_session().get_service_model("dynamodb")
    assert len(model.error_shapes) > 20
    for shape in model.error_shapes:
        answer: Any = {"Error": {"Code": str(shape.name), "Message": SECRET}}
        response = raising(translate(ClientError(answer, "Query"), "t")).test_client().get("/")
        assert response.status_code in (409, 500, 503), shape
        assert response.get_json()["error"] != NOT_SHOWN, shape


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
        ap.put_title(current_catalog, FILM.replace(id=movie_id), if_absent=True)
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
    for app in (before, after):
        app.register_error_handler(CatalogError, lambda _: ("own", 418))
    for app in (raising(ConflictError("x"), before), after):
        assert app.test_client().get("/").status_code == 418


def test_other_errors_are_left_alone() -> None:
    """The extension does not handle them."""
    assert raising(ValueError("x")).test_client().get("/").content_type.startswith("text/html")


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
    variables = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1"}
    done = run_in(ROOT, "-c", FORKS, **variables)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_warming_makes_the_client_that_requests_use() -> None:
    """Nothing is sent: the endpoint does not exist."""
    app = Flask("test")
    FlaskCatalog(app, catalog=dead_catalog())
    serving_of(app).warm()
    assert serving_of(app).catalog._gateway is not None


def test_importing_the_modules_brings_in_no_more_than_they_need() -> None:
    """Neither Prometheus nor OpenTelemetry; without Flask the extension says what to install."""
    code = (
        "import sys, catalog_model.flask, catalog_model.otel, catalog_model.prometheus\n"
        "others = ('prometheus_client', 'opentelemetry', 'rich', 'moto')\n"
        "print([name for name in others if name in sys.modules])\n"
        "del sys.modules['catalog_model.flask']; sys.modules['flask'] = None\n"
        "try: import catalog_model.flask\n"
        "except ImportError as error: print(error)\n"
    )
    shown = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert shown == "[]\nFlask is not installed: pip install 'catalog-model[flask]'\n"

"""NetflixMovieCatalog on one DynamoDB table.

It answers as the application it replaces, which keeps two JSON files in its memory; the README
beside this file lists where it differs on purpose. What a table is and how it is asked is the
business of `catalog_model`: here a request is parsed, an access pattern called, its answer shaped.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, Literal, cast

from flask import Blueprint, Flask, Request, Response, current_app, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_flask_exporter import PrometheusMetrics

from catalog_model import Catalog, Movie, TVShow, operations, trace
from catalog_model import access_patterns as ap
from catalog_model.errors import (
    CatalogError,
    InvalidArgumentError,
    TableNotFoundError,
    TitleNotFoundError,
    UnknownEntityError,
)

PAGE: Final = 20
NO_MOVIE: Final = "Movie Id value not provided or not found"
RETRY_AFTER: Final = {"Retry-After": "5"}
STILL_TRUE: Final = 5.0
"""For how many seconds an answer about readiness is given again without asking."""

USABLE: Final = frozenset(("ACTIVE", "UPDATING"))
"""States in which a table answers: it does while its capacity or its indexes are changed."""

MOVIE_KEY: Final = re.compile("[1-9][0-9]{0,99}")
METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram: DynamoDB answers in a few milliseconds, or after retries."""

IN_MARKUP: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})

routes = Blueprint("catalog", __name__)


def create_app(catalog: Catalog | None = None) -> Flask:
    """Make the application on *catalog*, by default the one that the environment names.

    Nothing is sent before the first request, so each worker process opens its own connections.
    """
    app = Flask(__name__)
    app.extensions["catalog"] = Catalog.from_env() if catalog is None else catalog
    app.extensions["readiness"] = Readiness(app.extensions["catalog"])
    app.register_blueprint(routes)
    measure(app)
    return app


@routes.get("/")
def home() -> str:
    """Greet."""
    return "Hi! This app is an API, there is no UI ;-)"


@routes.get("/status")
def status() -> str:
    """Tell that the process is alive; the table is not asked."""
    return "OK"


@routes.get("/readyz")
def readyz() -> Response:
    """Tell whether the table can be used: 200, or 503 with the reason."""
    readiness: Readiness = current_app.extensions["readiness"]
    reason = readiness.problem()
    if reason:
        return answer({"status": "unavailable", "reason": reason}, 503, RETRY_AFTER)
    return answer({"status": "ready"})


@routes.get("/discover")
def discover() -> Response:
    """Answer 20 titles: the most popular of ``genre``, or without one any 20 of the ``type``."""
    kind: Literal["movie", "tv"] = "tv" if request.args.get("type") == "tv" else "movie"
    genre = request.args.get("genre")
    if not genre:
        return answer_titles(ap.sample_titles(the_catalog(), kind, PAGE))
    try:
        genre_id = int(genre)
    except ValueError:
        return refuse(f"genre must be a whole number, not {genre[:40]!r}")
    try:
        page = ap.list_titles_in_genre(the_catalog(), kind, genre_id, limit=PAGE)
    except InvalidArgumentError:  # a number that is no genre's id: 0, negative or far too long
        return answer_titles(())
    return answer_titles(page.items)


@routes.post("/updatePopularity")
def update_popularity() -> Response:
    """Give a movie a new popularity, and with it a new place in the order of its genres."""
    try:
        body = request.get_json()
    except RecursionError:
        return refuse("The body is nested too deeply")
    if not isinstance(body, dict):
        return refuse("The body must be a JSON object")
    movie_id = movie_id_of(body.get("movieId"))
    try:
        popularity = popularity_of(body.get("popularity"))
        movie = ap.update_popularity(the_catalog(), "movie", movie_id, popularity)
    except TitleNotFoundError:
        return refuse(NO_MOVIE)
    except ValueError as problem:  # of the popularity, or of the id: that one is reported first
        return refuse(str(problem) if is_movie(movie_id) else NO_MOVIE)
    message = "Popularity updated successfully"
    return answer({"message": message, "new_popularity": movie.popularity})


@routes.app_errorhandler(CatalogError)
def unavailable(error: CatalogError) -> Response:
    """Answer for the catalogue when it cannot; what went wrong is for the log alone."""
    current_app.logger.error("%s %s: %r", request.method, request.path, error)
    if isinstance(error, (InvalidArgumentError, UnknownEntityError)):
        return refuse("The catalogue holds something that cannot be shown", 500)
    return refuse("The catalogue does not answer, please try again", 503, RETRY_AFTER)


def the_catalog() -> Catalog:
    """Give the catalogue of the application that serves this request."""
    return cast(Catalog, current_app.extensions["catalog"])


def movie_id_of(key: object) -> int:
    """Read an id as the files write their keys, plain digits; 0, nobody's id, for all else."""
    return int(key) if isinstance(key, str) and MOVIE_KEY.fullmatch(key) else 0


def popularity_of(value: object) -> float:
    """Read a popularity: a number, or a text that Python reads as one.

    Raises:
        ValueError: If it is missing or neither.
    """
    if value is None:
        raise ValueError("Popularity value not provided")
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, OverflowError):
            pass
    raise ValueError("Popularity value must be a float")


def is_movie(movie_id: int) -> bool:
    """Tell whether there is such a movie, with one small read."""
    try:
        ap.get_title(the_catalog(), "movie", movie_id)
    except (TitleNotFoundError, InvalidArgumentError):
        return False
    return True


def answer(
    payload: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Write *payload* as JSON, byte for byte as the application before this one wrote it."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":")) + "\n"
    return Response(text, status, headers, mimetype="application/json")


def answer_titles(titles: Sequence[Movie | TVShow]) -> Response:
    """Write the records of *titles*, in their order."""
    return answer([title.to_json() for title in titles])


def refuse(message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an error that may quote what a client sent: never as markup."""
    response = answer({"error": message}, status, headers)
    response.set_data(response.get_data(as_text=True).translate(IN_MARKUP))
    return response


class Readiness:
    """Whether the table can be used, asked of the service once in a few seconds at most."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._problem = ""

    def problem(self) -> str:
        """Say why the table cannot be used; "" if it can."""
        with self._lock:
            if self._asked is None or time.monotonic() - self._asked > STILL_TRUE:
                self._problem = self._ask()
                self._asked = time.monotonic()
            return self._problem

    def _ask(self) -> str:
        try:
            found = operations.table_status(self._catalog)
        except TableNotFoundError:
            return "the table does not exist"
        except CatalogError as error:
            current_app.logger.warning("readiness: %r", error)
            return f"the table cannot be asked ({type(error).__name__})"
        if found.differences:
            return "the table is not one of this model"
        unusable = {found.status, *found.indexes.values()} - USABLE
        return f"the table is {min(unusable)}" if unusable else ""


def measure(app: Flask) -> None:
    """Count and time the requests, and show the figures at ``/metrics``.

    The registry is the application's own, so that two of them in a process are both measured.
    """
    registry = CollectorRegistry(auto_describe=True)
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    PrometheusMetrics(app, group_by=path, registry=registry)
    app.after_request(bound_method)  # after_request runs the last one first, so before it counts
    measure_catalog(app.extensions["catalog"], registry)


def measure_catalog(catalog: Catalog, registry: CollectorRegistry) -> None:
    """Time what is asked through *catalog*, by access pattern, and count what it costs."""
    labels = ("pattern", "operation")
    seconds = Histogram(
        "catalog_request_duration_seconds",
        "Duration of requests to the table, with retries",
        labels,
        buckets=SECONDS,
        registry=registry,
    )
    units = Counter("catalog_capacity_units", "Units charged", labels, registry=registry)
    items = Counter("catalog_items_read", "Items read, returned or not", labels, registry=registry)
    errors = Counter("catalog_request_errors", "Requests that failed", labels, registry=registry)

    def note(sent: trace.Request) -> None:
        who = (sent.pattern or "(none)", sent.operation)  # none: what is asked about the table
        seconds.labels(*who).observe(sent.milliseconds / 1000)
        units.labels(*who).inc(sent.total_units)
        items.labels(*who).inc(sent.items_read)
        errors.labels(*who).inc(bool(sent.error_type))

    catalog.on_request(note)


def path(asked: Request) -> str:
    """Give the label ``path``: one of this application's paths, or one word for all others."""
    known = {rule.rule for rule in current_app.url_map.iter_rules()}
    return asked.path if asked.path in known else "(other)"


def bound_method(response: Response) -> Response:
    """Keep invented methods out of the label ``method``: every new value would be kept forever."""
    if request.method not in METHODS:
        request.method = "OTHER"
    return response


if __name__ == "__main__":
    create_app().run(host="0.0.0.0", port=8080)  # noqa: S104  # for a container, as ever

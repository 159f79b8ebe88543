"""NetflixMovieCatalog on one DynamoDB table.

It answers as the application it replaces, which keeps two JSON files in memory; the README in this
folder lists the intended differences. `catalog_model` handles the table: the functions here parse a
request, call an access pattern and format the result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from flask import Blueprint, Flask, Request, Response, current_app, request
from flask.json.provider import DefaultJSONProvider
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_flask_exporter import PrometheusMetrics
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import Map

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.checks.nesting import nests_too_deeply
from catalog_model.errors import ConflictError, InvalidArgumentError, TitleNotFoundError
from catalog_model.flask import FlaskCatalog, current_catalog, readyz, records_json
from catalog_model.flask import answer as extension_answer

PAGE: Final = 20
MAX_BODY: Final = 12 * 1024 * 1024
MAX_VALUES: Final = 250_000
NO_MOVIE: Final = "Movie Id value not provided or not found"
MOVIE_KEY: Final = re.compile("[1-9][0-9]{0,99}")
METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
)

routes = Blueprint("catalog", __name__)
extension = FlaskCatalog(
    statuses={
        ConflictError: 503,  # a repeated request sets the popularity all the same
        InvalidArgumentError: 500,  # views handle arguments: this error is about stored data
    }
)


def create_app(catalog: Catalog | None = None) -> Flask:
    """Make the application on *catalog*, by default the one configured in the environment.

    Nothing is sent before the first request, so each worker process opens its own connections.
    """
    app = Flask(__name__)
    app.json = BoundedJSON(app)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    registry = CollectorRegistry(auto_describe=True)
    extension.init_app(app, catalog=catalog, registry=registry)
    app.register_blueprint(routes)
    app.add_url_rule("/readyz", view_func=readyz)
    app.register_error_handler(RequestEntityTooLarge, too_large)
    measure(app, registry)
    return app


class BoundedJSON(DefaultJSONProvider):
    """Reads bodies as Flask does, but rejects those nested too deeply for some Python's parser."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Read JSON.

        Raises:
            RecursionError: If it is nested too deeply.
        """
        text = s if isinstance(s, str) else s.decode(json.detect_encoding(s), "surrogatepass")
        if nests_too_deeply(text):
            raise RecursionError("nested too deeply")
        return super().loads(text, **kwargs)


@routes.get("/")
def home() -> str:
    """Greet."""
    return "Hi! This app is an API, there is no UI ;-)"


@routes.get("/status")
def status() -> str:
    """Report that the process is alive, without a request to the table."""
    return "OK"


@routes.get("/discover")
def discover() -> Response:
    """Return 20 titles: the most popular of ``genre``, or without it any 20 of the ``type``."""
    kind: Literal["movie", "tv"] = "tv" if request.args.get("type") == "tv" else "movie"
    genre = request.args.get("genre")
    if not genre:
        return answer_titles(ap.sample_titles(current_catalog, kind, PAGE))
    try:
        genre_id = int(genre)
    except ValueError:
        return refuse(f"genre must be a whole number, not {genre[:40]!r}")
    try:
        page = ap.list_titles_in_genre(current_catalog, kind, genre_id, limit=PAGE)
    except InvalidArgumentError:  # a number that is not an id of a genre: 0, negative or too long
        return answer_titles(())
    return answer_titles(page.items)


@routes.post("/updatePopularity")
def update_popularity() -> Response:
    """Change a movie's popularity, and with it its place in the lists of its genres."""
    if sum(map(request.get_data().count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise RequestEntityTooLarge  # each value takes twenty times its bytes
    try:
        body = request.get_json()
    except RecursionError:
        return refuse("The body is nested too deeply")
    if not isinstance(body, dict):
        return refuse("The body must be a JSON object")
    movie_id = movie_id_of(body.get("movieId"))
    try:
        popularity = popularity_of(body.get("popularity"))
        movie = ap.update_popularity(current_catalog, "movie", movie_id, popularity)
    except TitleNotFoundError:
        return refuse(NO_MOVIE)
    except ValueError as problem:  # about the popularity or the id; an unknown id is reported first
        return refuse(str(problem) if is_movie(movie_id) else NO_MOVIE)
    message = "Popularity updated successfully"
    return answer({"message": message, "new_popularity": movie.popularity})


def movie_id_of(key: object) -> int:
    """Read an id written in plain digits, as in the files; return 0, never an id, for all else."""
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
    """Whether there is such a movie, with one small read."""
    try:
        ap.get_title(current_catalog, "movie", movie_id)
    except (TitleNotFoundError, InvalidArgumentError):
        return False
    return True


def answer(payload: object) -> Response:
    """Write *payload* as JSON, byte for byte as the original application does."""
    return written(json.dumps(payload, sort_keys=True, separators=(",", ":")))


def answer_titles(titles: Sequence[Movie | TVShow]) -> Response:
    """Write the records of *titles*, in their order, in the same form."""
    return written(records_json(titles))


def written(text: str) -> Response:
    """Answer with JSON."""
    return Response(f"{text}\n", mimetype="application/json")


def refuse(message: str) -> Response:
    """Answer with an error; quoted input of the client is never sent as markup."""
    return extension_answer({"error": message}, 400)


def too_large(_: RequestEntityTooLarge) -> Response:
    """Answer a request whose body is not read, because it is too large or has too many values."""
    bounds = f"The body must be at most {MAX_BODY} bytes and {MAX_VALUES} values"
    return extension_answer({"error": bounds}, 413)


def measure(app: Flask, registry: CollectorRegistry) -> None:
    """Count and time the requests, and expose the metrics at ``/metrics``.

    Each application has its own registry, so that two of them in one process are both measured.
    """
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    PrometheusMetrics(app, group_by=path, registry=registry)
    app.after_request(bound_method)  # the last one runs first, so before the count


def path(asked: Request) -> str:
    """Return the label ``path``: one of this application's paths, or one word for all others."""
    return asked.path if asked.path in paths_of(current_app.url_map) else "(other)"


@lru_cache(4)
def paths_of(url_map: Map) -> frozenset[str]:
    """Return the paths of an application; it has all of them before its first request."""
    return frozenset(rule.rule for rule in url_map.iter_rules())


def bound_method(response: Response) -> Response:
    """Keep invented methods out of the label ``method``: every new value would be kept forever."""
    if request.method not in METHODS:
        request.method = "OTHER"
    return response


if __name__ == "__main__":
    create_app().run(host="0.0.0.0", port=8080)  # noqa: S104  # for a container, as in the original

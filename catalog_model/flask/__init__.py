"""A Flask extension: the catalogue of an application, its health checks, and its error responses.

Needs the extra ``flask``. `FlaskCatalog` makes the handle from the application's configuration,
`current_catalog` is that handle while a request is served, and `health` has two routes for load
balancers. A guard in front of the handle refuses requests at once while the table is failing.
Routes and their responses are up to the application.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from botocore.config import Config

try:
    from flask import Blueprint, Flask, Response, current_app, request
    from werkzeug.local import LocalProxy
except ImportError as missing:
    raise ImportError("Flask is not installed: pip install 'catalog-model[flask]'") from missing

import catalog_model.operations.table  # noqa: F401  # now, not in the first check of readiness
from catalog_model import operations
from catalog_model.cache import PageCache
from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.dynamodb.breaker import Breaker, Outcome, RefusedError, State
from catalog_model.dynamodb.guard import Guard, Room
from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
    ThrottledError,
    TitleExistsError,
    TitleNotFoundError,
    UnavailableError,
    UnknownEntityError,
)
from catalog_model.flask.records import records_json
from catalog_model.flask.settings import (
    NUMBERS,
    Settings,
    check_seconds,
    check_statuses,
    misspelt,
    read_settings,
)
from catalog_model.prometheus import measure_all

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = [
    "FlaskCatalog",
    "Serving",
    "answer",
    "current_catalog",
    "health",
    "livez",
    "readyz",
    "records_json",
    "serving",
]

_Found = TypeVar("_Found")

KEY: Final = "catalog_model"
"""The key in ``app.extensions``."""

READY_SECONDS: Final = NUMBERS["CATALOG_READY_SECONDS"].default
READY_PATIENCE: Final = 1.0
POINTER_SECONDS: Final = NUMBERS["CATALOG_POINTER_SECONDS"].default
CONNECT_SECONDS: Final = 1.0
LEAST_DEADLINE: Final = 0.001
RETRY_AFTER: Final = 5
"""Seconds for ``Retry-After`` if the error has no value of its own."""

USABLE: Final = frozenset(("ACTIVE", "UPDATING"))
"""States in which a table answers, including changes of its capacity or indexes."""

STATUSES: Final[Mapping[type[CatalogError], int]] = {
    CatalogError: HTTPStatus.INTERNAL_SERVER_ERROR,
    ConfigurationError: HTTPStatus.INTERNAL_SERVER_ERROR,
    ConflictError: HTTPStatus.CONFLICT,
    InvalidArgumentError: HTTPStatus.BAD_REQUEST,
    SchemaMismatchError: HTTPStatus.INTERNAL_SERVER_ERROR,
    ServiceError: HTTPStatus.INTERNAL_SERVER_ERROR,
    AccessDeniedError: HTTPStatus.INTERNAL_SERVER_ERROR,
    TableNotFoundError: HTTPStatus.SERVICE_UNAVAILABLE,
    ThrottledError: HTTPStatus.SERVICE_UNAVAILABLE,
    TitleExistsError: HTTPStatus.CONFLICT,
    TitleNotFoundError: HTTPStatus.NOT_FOUND,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnknownEntityError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of each error; the closest class applies."""

MESSAGES: Final[Mapping[int, str]] = {
    HTTPStatus.NOT_FOUND: "There is no such title",
    HTTPStatus.CONFLICT: "The title already exists, or was changed at the same time",
    HTTPStatus.SERVICE_UNAVAILABLE: "The catalogue does not answer, please try again",
}

NOT_SET_UP: Final = "This service is not set up to use its catalogue; its operator can change that"
NOT_SHOWN: Final = "The catalogue holds something that cannot be shown"
MESSAGES_AT_500: Final[Mapping[type[CatalogError], str]] = {
    CatalogError: NOT_SHOWN,
    ConfigurationError: NOT_SET_UP,
    AccessDeniedError: NOT_SET_UP,
    ServiceError: "The catalogue could not do what was asked of it",
}
"""The messages of errors that retrying cannot fix, by the closest class."""

IN_MARKUP: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})

log = logging.getLogger(__name__)


class FlaskCatalog:
    """The extension. One instance may serve several applications; it keeps no state of them.

    Each application gets a `Serving` in ``app.extensions["catalog_model"]``, and an error handler
    for `CatalogError` unless it has one: JSON, ``{"error": "..."}``, with a status of `STATUSES`. A
    400 describes the problem with the argument, never as markup; the texts of other errors go to
    the log only. A 503 has a ``Retry-After``.

    `init_app` reads and checks the configuration. Missing settings are found as by
    `Catalog.from_env`, and numbers in the environment variables of the same names.

    ============================  =================================================================
    ``CATALOG_TABLE``             the table
    ``CATALOG_TABLE_POINTER``     instead of the table: where its name is read, as
                                  ``ssm:/films/table``; `init_app` reads it
    ``CATALOG_LINEAGE``           what cursors belong to, if the table's name does not show it
    ``CATALOG_REGION``            the AWS region
    ``CATALOG_ENDPOINT_URL``      where to send requests
    ``CATALOG_PROFILE``           the profile of the AWS configuration
    ``CATALOG_CURSOR_SECRET``     the key that signs cursors
    ``CATALOG_FAST``              whether requests may take the fast lane; False turns it off
    ``CATALOG_SHARDED_LISTS``     True if lists may be spread over several partitions
    ``CATALOG_READY_SECONDS``     seconds for which a readiness result is cached; 5
    ``CATALOG_DEADLINE``          seconds that a request to the table may take, retries included; a
                                  response sends no further requests after that time; 2
    ``CATALOG_WAITING_REQUESTS``  concurrent requests to the table in a process; 10000. Set it below
                                  the number of threads, so that some are left for health checks
    ``CATALOG_POINTER_SECONDS``   seconds after which a request reads the pointer again; 30
    ``CATALOG_CACHE_SECONDS``     seconds that a page cache keeps answers; 0, without a cache
    ============================  =================================================================

    Args:
        app: The application, or None to call `init_app` later.
        catalog: A handle to use instead of one made from the configuration, with its own deadline.
            It is guarded from then on, wherever it is used.
        registry: Registry for the metrics of requests to the table, as for `measure_requests`.
        statuses: Statuses from 400 on that take precedence over `STATUSES`, such as 500 for an
            `InvalidArgumentError` in an application whose arguments do not come from its callers.

    >>> from flask import Flask
    >>> from catalog_model.flask import FlaskCatalog, current_catalog
    >>> app = Flask("shop")
    >>> app.config["CATALOG_TABLE"] = "netflix-movie-catalog"
    >>> extension = FlaskCatalog(app)
    >>> @app.get("/movies/<int:movie_id>")
    ... def movie(movie_id):
    ...     return access_patterns.get_title(current_catalog, "movie", movie_id).to_json()
    >>> app.test_client().get("/movies/949").json["title"]
    'Heat'
    >>> answer = app.test_client().get("/movies/5")
    >>> answer.status, answer.json
    ('404 NOT FOUND', {'error': 'There is no such title'})
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        catalog: Catalog | None = None,
        registry: CollectorRegistry | None = None,
        statuses: Mapping[type[CatalogError], int] | None = None,
    ) -> None:
        self._statuses = {**STATUSES, **check_statuses(statuses)}
        if app is not None:
            self.init_app(app, catalog=catalog, registry=registry)

    def init_app(
        self,
        app: Flask,
        *,
        catalog: Catalog | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """Set up the catalogue of *app*. Sends nothing, unless it reads a pointer from SSM.

        Raises:
            InvalidArgumentError: If an argument or the configuration is invalid, or the registry
                has the metrics of another application. Nothing is set up then.

        >>> from flask import Flask
        >>> app = Flask("shop")
        >>> extension = FlaskCatalog()
        >>> extension.init_app(app, catalog=catalog)
        >>> app.extensions["catalog_model"].catalog is catalog
        True
        """
        check_instance(app, "app", Flask)
        settings = read_settings(app.config)
        for key, meant in misspelt(app.config).items():
            log.warning("%s in the configuration is not a setting: did you mean %s?", key, meant)
        if catalog is None:
            catalog = _make_catalog(settings)
        check_instance(catalog, "catalog", Catalog)
        guard = _guard_of(catalog, settings)
        if registry is not None:
            measure_all(catalog, guard, registry)
        catalog._observers.guard = guard
        app.extensions[KEY] = Serving(
            catalog,
            settings.ready_seconds,
            guard=guard,
            deadline=settings.deadline,
            pointer_seconds=settings.pointer_seconds,
        )
        app.before_request(_begin)
        app.teardown_request(_end)
        if CatalogError not in app.error_handler_spec[None][None]:
            app.register_error_handler(CatalogError, self._answer)

    def _answer(self, error: CatalogError) -> Response:
        status = _closest(error, self._statuses)
        is_grave = status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(
            error, RefusedError
        )
        level = logging.ERROR if is_grave else logging.INFO
        current_app.logger.log(level, "%s %r: %r", request.method, request.path, error)
        if status == HTTPStatus.BAD_REQUEST and isinstance(error, InvalidArgumentError):
            return answer({"error": str(error)}, status)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return answer({"error": _closest(error, MESSAGES_AT_500)}, status)
        seconds = error.retry_after if isinstance(error, RefusedError) else RETRY_AFTER
        told = {"error": MESSAGES.get(status, HTTPStatus(status).phrase)}
        return answer(told, status, retry_after=math.ceil(seconds))


def _make_catalog(settings: Settings) -> Catalog:
    """Make the handle of an application, with short time-outs."""
    config = Config(
        connect_timeout=min(CONNECT_SECONDS, settings.deadline), read_timeout=settings.deadline
    )
    cache = PageCache(settings.cache_seconds) if settings.cache_seconds else None
    return Catalog.from_env(
        **settings.catalog, config=config, deadline=settings.deadline, cache=cache
    )


def _guard_of(catalog: Catalog, settings: Settings) -> Guard:
    """Return the handle's guard, which applications on the same handle share, or a new one."""
    guard = catalog._observers.guard
    if not isinstance(guard, Guard):
        guard = Guard(Breaker(), Room(settings.waiting_requests))
        guard.breaker.on_change.append(_log_change)
    return guard


def _log_change(state: State) -> None:
    log.warning("the breaker before the table is %s", state.value)


def _begin() -> None:
    found = serving()
    found.follow()
    found.guard.begin_visit(found.deadline)


def _end(_: BaseException | None) -> None:
    serving().guard.end_visit()


def _closest(error: CatalogError, of: Mapping[type[CatalogError], _Found]) -> _Found:
    return next(of[kind] for kind in type(error).__mro__ if kind in of)


class Serving:
    """The state of the extension for one application: its catalogue and its readiness.

    Args:
        catalog: The handle.
        ready_seconds: Seconds for which a readiness result is cached, from 0 on.
        guard: The guard of the handle; None for one of its own.
        deadline: Seconds after which a response sends no further requests, from 0.001 on.

    Raises:
        InvalidArgumentError: If an argument is invalid.

    >>> from catalog_model.flask import Serving
    >>> found = Serving(catalog)
    >>> found.problem()
    ''
    >>> found.drain()
    >>> found.problem()
    'the process is shutting down'
    """

    def __init__(
        self,
        catalog: Catalog,
        ready_seconds: float = READY_SECONDS,
        *,
        guard: Guard | None = None,
        deadline: float = math.inf,
        pointer_seconds: float = POINTER_SECONDS,
    ) -> None:
        check_instance(catalog, "catalog", Catalog)
        if guard is not None:
            check_instance(guard, "guard", Guard)
        self.catalog = catalog
        self.ready_seconds = check_seconds(ready_seconds, "ready_seconds", least=0)
        self.guard = Guard(Breaker(), Room(1)) if guard is None else guard
        self.deadline = check_seconds(deadline, "deadline", least=LEAST_DEADLINE)
        self._is_draining = False
        self._lock = threading.Lock()
        self._asked = -math.inf
        self._asking: tuple[int, threading.Event] | None = None
        self._problem = "the table has not answered yet"
        self._pointer_seconds = pointer_seconds
        self._followed = time.monotonic()

    def follow(self) -> None:
        """Read the pointer again if that was long ago; a failure is logged, and leaves the table.

        One thread reads it, in its request; the others continue with the table that they have.
        """
        if self.catalog.pointer is None:
            return
        with self._lock:
            if time.monotonic() - self._followed < self._pointer_seconds:
                return
            self._followed = time.monotonic()
        before = self.catalog.table
        try:
            if self.catalog.follow():
                log.warning("the table is %s now, no longer %s", self.catalog.table, before)
        except CatalogError as error:
            log.warning("the pointer cannot be read, the table stays %s: %s", before, error)

    def warm(self) -> None:
        """Make the client of this process now instead of at the first request.

        For a server hook that runs in each worker process, after the fork. Sends nothing.

        Raises:
            ConfigurationError: If region, profile or endpoint is invalid.
        """
        self.catalog.warm()

    def drain(self) -> None:
        """Report this process as not ready from now on; requests are still answered.

        For a server hook at shutdown: load balancers stop routing here.
        """
        self._is_draining = True

    def problem(self) -> str:
        """Return the reason why no requests should be sent here; "" if there is none.

        Sends a DescribeTable at most once every ``ready_seconds``, and not while the breaker is
        open because of failures. Waits up to a second for the answer, then returns the previous
        result. A throttled table is not a reason, because it answers some requests.
        """
        if self._is_draining:
            return "the process is shutting down"
        breaker = self.guard.breaker
        if breaker.remaining and breaker.cause is Outcome.FAILED:
            return "the table does not answer"
        asking = self._ask_again()
        if asking is not None:
            asking.wait(READY_PATIENCE)
        return self._problem

    def _ask_again(self) -> threading.Event | None:
        """Start a check in a separate thread, unless one is running; return None if none is due."""
        with self._lock:
            if self._asking is not None and self._asking[0] == os.getpid():  # not the parent's
                return self._asking[1]
            if time.monotonic() - self._asked < self.ready_seconds:
                return None
            answered = threading.Event()
            self._asking = os.getpid(), answered
        try:
            threading.Thread(target=self._find_out, args=(answered,), daemon=True).start()
        except RuntimeError as error:  # the next probe tries again
            log.exception("readiness")
            self._problem = f"the table cannot be checked ({type(error).__name__})"
            with self._lock:
                self._asking = None
            answered.set()
            return None
        return answered

    def _find_out(self, answered: threading.Event) -> None:
        try:
            self._problem = self._ask()
        except Exception as error:  # there is no caller to raise it to
            log.exception("readiness")
            self._problem = f"the table cannot be checked ({type(error).__name__})"
        with self._lock:
            self._asked, self._asking = time.monotonic(), None
        answered.set()

    def _ask(self) -> str:
        try:
            found = operations.table_status(self.catalog)
        except TableNotFoundError:
            return "the table does not exist"
        except CatalogError as error:
            log.warning("readiness: %r", error)
            return f"the table cannot be checked ({type(error).__name__})"
        if found.differences:
            return "the table is not one of this model"
        unusable = {found.status, *found.indexes.values()} - USABLE
        return f"the table is {min(unusable)}" if unusable else ""


def serving() -> Serving:
    """Return the extension's state for the application that serves this request.

    Raises:
        RuntimeError: If there is no such application, or it has no catalogue.
    """
    found: Serving | None = current_app.extensions.get(KEY)
    if found is None:
        raise RuntimeError("this application has no catalogue: call FlaskCatalog().init_app(app)")
    return found


current_catalog: Final = cast(Catalog, LocalProxy(lambda: serving().catalog))
"""The catalogue of the application that serves this request, for use as an argument.

Another thread has no current application: pass it ``serving().catalog``.
"""

health: Final = Blueprint("catalog_health", __name__)
"""``/livez`` and ``/readyz``, to register in an application."""


@health.get("/livez")
def livez() -> Response:
    """Report that the process is alive, without a request to the table."""
    return answer({"status": "alive"})


@health.get("/readyz")
def readyz() -> Response:
    """Report whether requests may be sent here: 200, or 503 with the reason.

    Both include the state of a breaker that is not closed.
    """
    found = serving()
    reason, state = found.problem(), found.guard.breaker.state
    told = {"status": "unavailable", "reason": reason} if reason else {"status": "ready"}
    if state is not State.CLOSED:
        told["breaker"] = state.value
    return answer(told, HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK)


def answer(
    payload: Mapping[str, Any], status: int = HTTPStatus.OK, *, retry_after: int = RETRY_AFTER
) -> Response:
    """Return a JSON response; quoted input of a client is never sent as markup."""
    text = json.dumps(payload, separators=(",", ":")).translate(IN_MARKUP) + "\n"
    is_to_return = status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(retry_after)} if is_to_return else None
    return Response(text, status, headers, mimetype="application/json")

"""The example application as gunicorn imports it in tests, as ``served_apps:forked()``.

``forked`` uses its table before gunicorn forks; its answers contain the client's owner. The others
have planted bugs: no breaker, or no guard.
"""

import os
from contextlib import nullcontext
from typing import Any

from flask import Flask, Response

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb import breaker
from examples.netflix_movie_catalog import app as application

makers: dict[int, int] = {}
"""The process that created each client, by the client's id."""

clients: list[Any] = []
senders: list[tuple[int, int]] = []
"""For each request of this process to the table: the client's creator, and the sender."""


class Observed(Catalog):
    """A handle that records who creates its clients, and who sends with them."""

    def _make_client(self) -> Any:
        client, maker = super()._make_client(), os.getpid()
        clients.append(client)  # kept alive, so that its id is not reused
        makers[id(client)] = maker
        client.meta.events.register(
            "before-send.dynamodb", lambda **_: senders.append((maker, os.getpid()))
        )
        return client


def forked() -> Flask:
    """Make the application, and open a connection to the table before the fork."""
    catalog = Observed.from_env()
    app = application.create_app(catalog)
    ap.count_titles(catalog, "movie")
    assert senders == [(os.getpid(), os.getpid())]
    loader = os.getpid()

    @app.after_request
    def tell(response: Response) -> Response:
        own = [maker for maker, sender in senders if sender == os.getpid()]
        response.headers["X-Loaded-By"] = str(loader)
        response.headers["X-Worker"] = str(os.getpid())
        response.headers["X-Clients-Of"] = ",".join(map(str, sorted(set(own))))
        return response

    return app


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

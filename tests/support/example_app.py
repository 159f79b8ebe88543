"""The example application in tests: a few titles, and helpers for requests."""

import time
from typing import Any

from flask import Flask

from catalog_model import Catalog, Movie, TVShow
from catalog_model.flask import Serving

START = 325.323
NOT_EVEN_A_PORT = "http://127.0.0.1:1"


SMALL: dict[str, Any] = {"overview": "", "vote_average": 7.4, "vote_count": 148}


def movie(title_id: int, title: str, genre_ids: list[int], popularity: float) -> Movie:
    """Return a small movie for the rows about updates."""
    given: dict[str, Any] = {"id": title_id, "genre_ids": genre_ids, "popularity": popularity}
    return Movie(adult=False, title=title, release_date="2020-05-06", **SMALL, **given)


def show(title_id: int, name: str, genre_ids: list[int], popularity: float) -> TVShow:
    """Return a small show, with the id of a movie or an unused one."""
    given: dict[str, Any] = {"id": title_id, "genre_ids": genre_ids, "popularity": popularity}
    return TVShow(name=name, first_air_date="1998-06-06", **SMALL, **given)


BECOMING = movie(699280, "Becoming", [99], START)
FEW_TITLES = (
    BECOMING,
    movie(105, "Back to the Future", [12, 35, 878], 103.433),
    show(105, "Sex and the City", [35, 18], 793.311),
    show(1433, "American Dad!", [16, 35], 5399.802),
)


def post(app: Flask, movie_id: object, popularity: object) -> Any:
    body = {"movieId": movie_id, "popularity": popularity}
    return app.test_client().post("/updatePopularity", json=body)


def serving_of(app: Flask) -> Serving:
    serving: Serving = app.extensions["catalog_model"]
    return serving


def own_handle(catalog: Catalog) -> Catalog:
    """Another handle on the same table, whose observers end with the test."""
    return Catalog(catalog.table, client=catalog.client)


def await_reason(found: Serving, reason: str) -> None:
    """Wait until a process has determined its state."""
    deadline = time.monotonic() + 30
    while found.problem() != reason:
        assert time.monotonic() < deadline

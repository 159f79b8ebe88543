"""The data for the examples in docstrings, README and docs: a small catalogue, and one record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from moto import mock_aws
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.errors import TableNotFoundError
from catalog_model.operations import create_table, delete_table

BLACK_LOTUS = {
    "genre_ids": [28, 80],
    "id": 996154,
    "popularity": 1070.023,
    "release_date": "2023-04-12",
    "title": "Black Lotus",
    "vote_average": 6.559,
    "vote_count": 85,
}
HEAT = {
    "genre_ids": [28, 80],
    "id": 949,
    "popularity": 61.5,
    "release_date": "1995-12-15",
    "title": "Heat",
    "vote_average": 7.9,
    "vote_count": 6000,
}
UP = {
    "genre_ids": [16, 35],
    "id": 14160,
    "popularity": 60.0,
    "release_date": "2009-05-28",
    "title": "Up",
    "vote_average": 7.0,
    "vote_count": 18000,
}
AMERICAN_DAD = {
    "first_air_date": "2005-02-06",
    "genre_ids": [16, 35],
    "id": 1433,
    "name": "American Dad!",
    "popularity": 5399.802,
    "vote_average": 6.945,
    "vote_count": 2015,
}
OZ = {
    "first_air_date": "1997-07-12",
    "genre_ids": [18, 80],
    "id": 949,
    "name": "Oz",
    "popularity": 40.1,
    "vote_average": 8.1,
    "vote_count": 500,
}
ALIEN = {
    "genre_ids": [27, 878],
    "id": 348,
    "popularity": 55.5,
    "release_date": "1979-05-25",
    "title": "Alien",
    "vote_average": 8.1,
    "vote_count": 13000,
}


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """Return a handle on a table with three movies and two shows."""
    with pytest.MonkeyPatch.context() as patch, mock_aws(), TemporaryDirectory() as state:
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("XDG_STATE_HOME", state)
        catalog = Catalog("netflix-movie-catalog")
        _delete(catalog)  # a moto that runs for the whole session may have one of this name
        create_table(catalog)
        movies = [Movie.from_json(record) for record in (BLACK_LOTUS, HEAT, UP)]
        shows = [TVShow.from_json(record) for record in (AMERICAN_DAD, OZ)]
        ap.load_titles(catalog, [*movies, *shows])
        yield catalog
        _delete(catalog)


def _delete(catalog: Catalog) -> None:
    with suppress(TableNotFoundError):
        delete_table(catalog)


@pytest.fixture
def record() -> dict[str, Any]:
    """Return the record of a movie that is not in the table."""
    return dict(ALIEN)


@pytest.fixture(autouse=True)
def docstring_names(request: pytest.FixtureRequest) -> None:
    """Provide the names that the examples in docstrings use."""
    if isinstance(request.node, pytest.DoctestItem):
        for name in ("catalog", "record"):
            request.node.dtest.globs[name] = request.getfixturevalue(name)
        request.node.dtest.globs.update(Movie=Movie, TVShow=TVShow, TitleKey=TitleKey)
        request.node.dtest.globs["access_patterns"] = ap


collect_examples = Sybil(
    path=str(Path(__file__).resolve().parents[1]),
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/decisions/*.md", "examples/**/*.md"],
    fixtures=["catalog", "record"],
).pytest()

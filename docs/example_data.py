"""The data for the examples in docstrings, README and docs: a small catalogue, and one record."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader, Loader
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.engines.moto_patches import accelerate
from catalog_model.operations import create_table

MOVIE = "genre_ids", "id", "popularity", "release_date", "title", "vote_average", "vote_count"
SHOW = "first_air_date", "genre_ids", "id", "name", "popularity", "vote_average", "vote_count"


def _record(names: tuple[str, ...], *values: Any) -> dict[str, Any]:
    return dict(zip(names, values, strict=True))


MOVIES = [
    _record(MOVIE, [28, 80], 996154, 1070.023, "2023-04-12", "Black Lotus", 6.559, 85),
    _record(MOVIE, [28, 80], 949, 61.5, "1995-12-15", "Heat", 7.9, 6000),
    _record(MOVIE, [16, 35], 14160, 60.0, "2009-05-28", "Up", 7.0, 18000),
]
SHOWS = [
    _record(SHOW, "2005-02-06", [16, 35], 1433, "American Dad!", 5399.802, 6.945, 2015),
    _record(SHOW, "1997-07-12", [18, 80], 949, "Oz", 40.1, 8.1, 500),
]
HANDLES = re.compile(r"\b[Cc]atalog\b|\bclient\b|\boperations\b")
"""Words of the examples that need a table, or make a handle; the others are run without moto."""

ALIEN = _record(MOVIE, [27, 878], 348, 55.5, "1979-05-25", "Alien", 8.1, 13000)


@pytest.fixture(scope="session", autouse=True)
def models_read_once() -> Iterator[None]:
    """Parse botocore's files once, not for each session; this is most of the time for a client."""
    load, found = JSONFileLoader.load_file, dict[str, Any]()

    def load_once(loader: JSONFileLoader, path: str) -> Any:
        if not path.startswith(Loader.BUILTIN_DATA_PATH):
            return load(loader, path)
        if path not in found:
            found[path] = load(loader, path)
        return found[path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_once)
        yield


@pytest.fixture
def catalog() -> Iterator[Catalog]:
    """Return a handle on a table with three movies and two shows."""
    accelerate()
    with pytest.MonkeyPatch.context() as patch, mock_aws(), TemporaryDirectory() as state:
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("XDG_STATE_HOME", state)
        catalog = Catalog("netflix-movie-catalog")
        with _no_other_tables():
            create_table(catalog)
            ap.load_titles(catalog, [*map(Movie.from_json, MOVIES), *map(TVShow.from_json, SHOWS)])
            yield catalog


@contextmanager
def _no_other_tables() -> Iterator[None]:
    """Set aside the tables of a moto that runs for the whole session, and leave none there."""
    tables = dynamodb_backends[DEFAULT_ACCOUNT_ID]["eu-west-1"].tables
    others = dict(tables)
    tables.clear()
    try:
        yield
    finally:
        tables.clear()
        tables.update(others)


@pytest.fixture
def record() -> dict[str, Any]:
    """Return the record of a movie that is not in the table."""
    return dict(ALIEN)


@pytest.fixture(autouse=True)
def docstring_names(request: pytest.FixtureRequest) -> None:
    """Provide the names that the examples in docstrings use."""
    if isinstance(request.node, pytest.DoctestItem):
        examples = "".join(each.source for each in request.node.dtest.examples)
        if HANDLES.search(examples):
            request.node.dtest.globs["catalog"] = request.getfixturevalue("catalog")
        request.node.dtest.globs["record"] = request.getfixturevalue("record")
        request.node.dtest.globs.update(Movie=Movie, TVShow=TVShow, TitleKey=TitleKey)
        request.node.dtest.globs["access_patterns"] = ap


collect_examples = Sybil(
    path=str(Path(__file__).resolve().parents[1]),
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md", "docs/decisions/*.md", "examples/**/*.md"],
    fixtures=["catalog", "record"],
).pytest()

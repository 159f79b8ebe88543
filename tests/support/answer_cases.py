"""Calls of every access pattern and operation, for tests with invalid answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import boto3
from botocore.config import Config
from engines import Engine
from table_dump import movie

from catalog_model import Catalog, TitleKey, operations
from catalog_model import access_patterns as ap
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.dynamodb.strict.client import strict
from catalog_model.entities import AnyTitle

WRITING = "TransactWriteItems"
TWICE = Config(retries={"mode": "legacy", "total_max_attempts": 2})
"""Two attempts for each request, without botocore's retry quota."""

STOCK: list[AnyTitle] = [
    movie(number, 18, 28, popularity=number, vote_average=number, vote_count=100 * number)
    for number in range(1, 7)
]
HER = STOCK[0].key

_numbers = count(1000)

Call = Callable[[Catalog], Any]

READS: dict[str, Call] = {
    "get_title": lambda c: ap.get_title(c, *HER),
    "get_titles": lambda c: ap.get_titles(c, [TitleKey("movie", n) for n in range(1, 9)]),
    "get_title_with_genres": lambda c: ap.get_title_with_genres(c, *HER),
    "list_titles": lambda c: ap.list_titles(c, "movie", limit=4).items,
    "list_titles_in_genre": lambda c: ap.list_titles_in_genre(c, "movie", 18).items,
    "list_titles_in_genres": lambda c: ap.list_titles_in_genres(c, "movie", [18, 28]).items,
    "sample_titles": lambda c: ap.sample_titles(c, "movie", 3, rng=random.Random(1)),
    "list_top_rated": lambda c: ap.list_top_rated(c, "movie", min_votes=150, min_rating=1).items,
    "list_released_between": lambda c: (
        ap.list_released_between(c, "movie", "1900-01-01", "2100-01-01").items
    ),
    "find_titles_by_name": lambda c: ap.find_titles_by_name(c, "movie", "m").items,
    "list_genres": lambda c: ap.list_genres(c, "movie"),
    "count_titles": lambda c: ap.count_titles(c, "movie"),
}


def _changed() -> AnyTitle:
    return STOCK[0].replace(popularity=float(next(_numbers)))


def _load(catalog: Catalog) -> AnyTitle:
    changed = _changed()
    report = ap.load_titles(catalog, [changed])
    assert (report.changed, report.created, report.unchanged, report.rejected) == (1, 0, 0, [])
    return changed


NEW: dict[str, Any] = {"tagline": "new"}

WRITES: dict[str, Call] = {
    "put_title": lambda c: ap.put_title(c, _changed()),
    "update_popularity": lambda c: ap.update_popularity(c, *HER, next(_numbers)),
    "update_title": lambda c: ap.update_title(c, *HER, popularity=next(_numbers), **NEW),
    "update_votes": lambda c: ap.update_votes(c, *HER, vote_average=5, vote_count=next(_numbers)),
    "set_genres": lambda c: ap.set_genres(c, *HER, [18, next(_numbers)]),
    "delete_title": lambda c: ap.delete_title(c, *HER),
    "load_titles": _load,
}

LOOKS: dict[str, Call] = {
    "table_status": lambda c: operations.table_status(c).is_ready,
    "verify": lambda c: operations.verify(c, segments=1).is_clean,
    "repair": operations.repair,
    "migrate": lambda c: operations.migrate(c, segments=1).items,
    "create_table": lambda c: operations.create_table(c).status,
}
"""Operations on an existing table that change nothing."""


OPERATIONS = (
    *("BatchGetItem", "CreateTable", "DeleteTable", "DescribeTable", "GetItem", "Query", "Scan"),
    *(WRITING, "UpdateItem"),
)
"""All operations of DynamoDB that this package uses."""


def tried_twice(engine: Engine, table: str, *, orjson: bool | None = None) -> Catalog:
    """Return a handle with its own client, which retries once."""
    client: Any = boto3.client(
        "dynamodb", endpoint_url=engine.endpoint_url, config=CLIENT_DEFAULTS.merge(TWICE)
    )
    if engine.name == "moto":
        strict(client)
    if engine.name != "moto" if orjson is None else orjson:
        read_with_orjson(client)
    return Catalog(table, client=client)


@contextmanager
def stocked(engine: Engine) -> Iterator[Catalog]:
    """Yield a handle on a table with a few titles."""
    catalog = engine.catalog()
    operations.create_table(catalog)
    ap.load_titles(catalog, STOCK)
    yield catalog
    operations.delete_table(catalog)

"""Fills tables with the items that a load would write, for tests that are not about loading."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from memory_engine import MemoryClient

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.typed_json import Item
from catalog_model.operations import create_table

MOST = 25
"""The maximum number of writes of a BatchWriteItem."""


def fill(catalog: Catalog, titles: Iterable[Movie | TVShow]) -> None:
    """Put titles with all items derived from them into an empty table."""
    items = _items_of(tuple(titles))
    client: Any = catalog.client
    for start in range(0, len(items), MOST):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + MOST]]
        left = client.batch_write_item(RequestItems={catalog.table: requests})
        assert not left.get("UnprocessedItems")


@lru_cache(8)
def _items_of(titles: tuple[Movie | TVShow, ...]) -> list[Item]:
    """Load titles into an in-memory table, and return its items."""
    client: Any = MemoryClient()
    catalog = Catalog("filled", client=client)
    create_table(catalog)
    report = ap.load_titles(catalog, titles)
    assert report.created == len(titles), report
    items: list[Item] = client.scan(TableName=catalog.table)["Items"]
    return items

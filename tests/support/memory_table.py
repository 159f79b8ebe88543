"""An in-memory table that can be read and written as a whole, for laws on very many tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, cast
from zlib import crc32

from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.dynamodb.actions import Update
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.typed_json import Item, primary_key
from catalog_model.table.indexes import SCHEMA


class MemoryClient(OfflineClient):
    """An offline table that also supports Scan, PutItem and DeleteItem."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        super().__init__(SCHEMA, items)
        self.meta = SimpleNamespace(region_name="memory", endpoint_url="http://memory")

    def scan(self, **request: Any) -> dict[str, Any]:
        """Answer a Scan of one segment, all on one page."""
        segments, segment = request.get("TotalSegments", 1), request.get("Segment", 0)
        with self._lock:
            found = [k for k in sorted(self._items) if crc32(k.PK.encode()) % segments == segment]
            return {"Items": [{**self._items[key]} for key in found]}

    def get_paginator(self, operation: str) -> Any:
        """Return a paginator for Scan."""
        assert operation == "scan"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, **request: Any) -> Iterator[dict[str, Any]]:
        yield self.scan(**request)

    def put_item(self, *, TableName: str, Item: Item) -> None:  # noqa: N803  # boto3's names
        """Write an item without the model."""
        del TableName
        with self._lock:
            self._write(primary_key(Item), Item)

    def delete_item(self, *, TableName: str, Key: Item) -> None:  # noqa: N803  # boto3's names
        """Delete an item without the model."""
        del TableName
        with self._lock:
            self._write(primary_key(Key), None)


class MemoryGateway(OfflineGateway):
    """A gateway that applies an update as a plan of one operation."""

    def update(self, operation: Update) -> None:
        self.transact((operation,))


class MemoryCatalog(OfflineCatalog):
    """A handle on an in-memory table."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        super().__init__("memory")
        self._table = MemoryClient(items)
        self._door = MemoryGateway(self.table, self._table, self._observers)


def raw(catalog: MemoryCatalog) -> Any:
    """Return the client, for writes without the model."""
    return cast("Any", catalog.client)

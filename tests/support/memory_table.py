"""An in-memory table that can be read and written as a whole, for laws on very many tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from memory_engine import MemoryTable

from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.dynamodb.actions import Update
from catalog_model.dynamodb.memory import OfflineGateway
from catalog_model.dynamodb.typed_json import Item
from catalog_model.table.indexes import SCHEMA


class MemoryGateway(OfflineGateway):
    """A gateway that applies an update as a plan of one operation."""

    def update(self, operation: Update) -> None:
        self.transact((operation,))


class MemoryCatalog(OfflineCatalog):
    """A handle on an in-memory table."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        super().__init__("memory")
        self._table = MemoryTable(SCHEMA, items)
        self._door = MemoryGateway(self.table, self._table, self._observers)


def raw(catalog: MemoryCatalog) -> Any:
    """Return the client, for writes without the model."""
    return cast("Any", catalog.client)

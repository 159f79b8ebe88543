"""A table in memory for millions of items: `packed_catalog`.

Its items are compressed, and its indexes are sorted once, after all items are in it. It answers as
`catalog_model.analysis.offline` does, and predicts the same units.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Final

from catalog_model import Catalog, Movie, TVShow
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.table.indexes import SCHEMA
from docs.filling import TABLE, items_of

_LEVEL: Final = 1


class PackedItems(MutableMapping[ItemKey, Item]):
    """Items by their keys, each of them compressed."""

    def __init__(self) -> None:
        self._packed: dict[ItemKey, bytes] = {}

    def __getitem__(self, key: ItemKey) -> Item:
        item: Item = json.loads(zlib.decompress(self._packed[key]))
        return item

    def __setitem__(self, key: ItemKey, item: Item) -> None:
        self._packed[key] = zlib.compress(json.dumps(item).encode(), _LEVEL)

    def __delitem__(self, key: ItemKey) -> None:
        del self._packed[key]

    def __iter__(self) -> Iterator[ItemKey]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


class PackedTable(OfflineClient):
    """A table that is filled by `add`, and then sorted, before it is asked."""

    def __init__(self) -> None:
        super().__init__(SCHEMA)
        self._items: MutableMapping[ItemKey, Item] = PackedItems()  # type: ignore[assignment]

    def add(self, item: Item) -> None:
        """Add an item, as yet without order."""
        key = primary_key(item)
        self._items[key] = item
        for index in (None, *self.schema.indexes):
            pk, sk = self.schema.keys_of(index)
            if pk in item and sk in item:
                self._partitions[index, item[pk]["S"]].append((item[sk]["S"], *key))

    def sort(self) -> None:
        """Bring all partitions into their order."""
        for places in self._partitions.values():
            places.sort()


class PackedCatalog(Catalog):
    """A handle on a table of packed items."""

    def __init__(self, table: PackedTable) -> None:
        super().__init__(TABLE)
        self._door = OfflineGateway(TABLE, table, self._observers)

    @property
    def gateway(self) -> Gateway:
        """The gateway to the table."""
        return self._door


def packed_catalog(titles: Iterable[Movie | TVShow]) -> PackedCatalog:
    """Return a handle on a table in memory with these titles."""
    table = PackedTable()
    items_of(titles, table.add)
    table.sort()
    return PackedCatalog(table)

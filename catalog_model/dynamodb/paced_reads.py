"""Reads for work on the whole table: consistent, and at a pace that leaves others their share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from catalog_model.checks import check_within
from catalog_model.dynamodb.capacity import rcu
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway
from catalog_model.dynamodb.pace import Pace, StoppedError
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey

SEGMENTS: Final = 4
MAX_SEGMENTS: Final = 64

PACED_PAGE: Final = 100
"""How many items a page has where somebody is held back: the less, the evener."""


class PacedReads:
    """Reads items and pays for each answer before the next is asked for."""

    def __init__(self, gateway: Gateway, pace: Pace) -> None:
        self._gateway = gateway
        self._pace = pace

    def stop(self) -> None:
        """Let threads that read page by page end at once, with a `StoppedError`."""
        self._pace.stop()

    def pages(self, segment: int, segments: int) -> Iterator[list[Item]]:
        """Read one of several parts of the whole table, page by page."""
        page = PACED_PAGE if self._pace.is_limited else None
        for items in self._gateway.scan(segment, segments, page=page):
            if self._pace.is_stopped:
                raise StoppedError
            yield self._paid(items)

    def pages_after(
        self, last: Item | None, segment: int, segments: int, *, page: int
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """Read such a part from behind the key *last* on; each page with the last key it saw."""
        for items, reached in self._gateway.scan_after(last, segment, segments, page=page):
            yield self._paid(items), reached

    def collection(self, partition: str) -> list[Item]:
        """Read all items of a partition."""
        return self._paid(self._gateway.query(partition, EVERYTHING, consistent=True))

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
        """Read many items; keys without an item are missing in the answer."""
        found = self._gateway.batch_get(keys, consistent=True)
        self._paid(list(found.values()))
        return found

    def get(self, key: ItemKey) -> Item | None:
        """Read one item, if it is there."""
        item = self._gateway.get(key, consistent=True)
        self._paid([item or {}])
        return item

    def _paid(self, items: list[Item]) -> list[Item]:
        self._pace.spend(rcu(sum(map(_size_of, items))))
        return items


def check_segments(segments: object) -> int:
    """Accept into how many parts a table is cut: 1 to 64."""
    return check_within(segments, "segments", 1, MAX_SEGMENTS)


def _size_of(item: Item) -> int:
    """Size an item that may be anything."""
    try:
        return item_size(item)
    except ValueError:  # a kind of value that no item of this model has
        return len(repr(item))

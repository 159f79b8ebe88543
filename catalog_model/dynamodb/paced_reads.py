"""Strongly consistent reads of the whole table, at a pace that leaves capacity for others."""

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
"""The items of a page if the pace is limited: smaller pages spread the load more evenly."""


class PacedReads:
    """Reads items, and pays for each answer before the next request."""

    def __init__(self, gateway: Gateway, pace: Pace) -> None:
        self._gateway = gateway
        self._pace = pace

    def stop(self) -> None:
        """End threads that read page by page, with a `StoppedError`."""
        self._pace.stop()

    def pages(self, segment: int, segments: int) -> Iterator[list[Item]]:
        """Read one segment of the whole table, page by page."""
        page = PACED_PAGE if self._pace.is_limited else None
        for items in self._gateway.scan(segment, segments, page=page):
            if self._pace.is_stopped:
                raise StoppedError
            yield self._paid(items)

    def every_page(self) -> Iterator[list[Item]]:
        """Read the whole table, page by page."""
        for segment in range(SEGMENTS):
            yield from self.pages(segment, SEGMENTS)

    def pages_after(
        self, last: Item | None, segment: int, segments: int, *, page: int
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """Read a segment, starting after the key *last*; each page comes with its last key."""
        for items, reached in self._gateway.scan_after(last, segment, segments, page=page):
            yield self._paid(items), reached

    def collection(self, partition: str) -> list[Item]:
        """Read all items of a partition."""
        return self._paid(self._gateway.query(partition, EVERYTHING, consistent=True))

    def batch_get(self, keys: Iterable[ItemKey]) -> dict[ItemKey, Item]:
        """Read many items; keys without an item are missing from the result."""
        found = self._gateway.batch_get(keys, consistent=True)
        self._paid(list(found.values()))
        return found

    def get(self, key: ItemKey) -> Item | None:
        """Read one item; None if it does not exist."""
        item = self._gateway.get(key, consistent=True)
        self._paid([item or {}])
        return item

    def _paid(self, items: list[Item]) -> list[Item]:
        self._pace.spend(rcu(sum(map(_size_of, items))))
        return items


def check_segments(segments: object) -> int:
    """Check the number of segments of a table: 1 to 64."""
    return check_within(segments, "segments", 1, MAX_SEGMENTS)


def _size_of(item: Item) -> int:
    """Return the size of an item, which may have values of any type."""
    try:
        return item_size(item)
    except ValueError:  # a type of value that this package does not write
        return len(repr(item))

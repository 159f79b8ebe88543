"""Puts many items by BatchWriteItem, at the table's pace, until each of them is written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from catalog_model.dynamodb.capacity import write_units
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.limits import MAX_BATCH_WRITE
from catalog_model.dynamodb.retries import Retries, rest_as_required
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.dynamodb.write_pace import Progress, WritePace

WRITE: Final = "BatchWriteItem"

MOST_BYTES: Final = 4 * 2**20
"""Items of a batch. The service takes 16 MB as sent, where texts and bytes are larger."""


class BatchPace(WritePace):
    """Follows the table's capacity: when throttled, smaller batches and longer pauses.

    Args:
        gateway: The gateway to the table.
        most: Limit of the write units a second, of the table and of each index; None for no limit.
    """

    def __init__(self, gateway: Gateway, most: float | None) -> None:
        super().__init__(gateway, most, WRITE)
        self._written = 0.0
        self._next = 1.0

    @property
    def units_at_once(self) -> float | None:
        """The units of a batch that takes at most a second; None for no limit."""
        return self._pace.rate

    def await_turn(self, units: float) -> None:
        """Wait until a batch of *units* may be written."""
        self._next = units
        self._pace.await_turn()

    def wrote(self, units: float) -> None:
        """Record a written part of a batch."""
        self._written += units
        self._pace.taken(units)

    def refused(self) -> None:
        """Record that a part of a batch was left unprocessed."""
        self.refusals += 1
        self.slow_down()

    def progress(self) -> Progress:
        """Return the units of an item, of what was written so far, and of a batch."""
        return Progress(min(self._next, 1.0), self._written, self._next)


class BatchWrites:
    """Puts items into one table.

    Args:
        gateway: The gateway to the table.
        most: Limit of the write units a second, of the table and of each index; None for no limit.
    """

    def __init__(self, gateway: Gateway, most: float | None) -> None:
        self._gateway = gateway
        self._pace = BatchPace(gateway, most)

    @property
    def throttled(self) -> int:
        """How many requests were throttled, or processed in part."""
        return self._pace.refusals

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Retry throttled requests in this block until they succeed."""
        with self._pace.kept():
            yield

    def put_all(self, items: Iterable[Item]) -> Iterator[int]:
        """Put items in order, in batches; yield the number of each batch once it is written.

        An item replaces the item of the same key, without a condition.

        Raises:
            ThrottledError: If nothing could be written for a quarter of an hour.
        """
        for batch in self._batches(items):
            self._put(batch)
            yield len(batch)

    def _batches(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        """Cut items into batches of different keys that the table takes within a second."""
        batch: dict[ItemKey, Item] = {}
        size, units = 0, 0.0
        for item in items:
            key, item_bytes, item_units = primary_key(item), item_size(item), self._units(item)
            most = self._pace.units_at_once
            is_full = len(batch) == MAX_BATCH_WRITE or size + item_bytes > MOST_BYTES
            if batch and (is_full or key in batch or (most and units + item_units > most)):
                yield list(batch.values())
                batch, size, units = {}, 0, 0.0
            batch[key] = item
            size += item_bytes
            units += item_units
        if batch:
            yield list(batch.values())

    def _put(self, batch: list[Item]) -> None:
        retries = Retries(WRITE, self._gateway.table_name)
        waiting = [{"PutRequest": {"Item": item}} for item in batch]
        while waiting:
            units = self._units_of(waiting)
            self._pace.await_turn(units)
            left = self._send(waiting)
            if left:
                self._pace.refused()
            if len(left) < len(waiting):
                self._pace.wrote(units - self._units_of(left))
                if left:
                    rest_as_required(retries.pause_after_progress())
            else:
                rest_as_required(retries.pause_for_the_rest())
            waiting = left

    def _send(self, writes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send one request; return the writes that were not processed."""
        gateway = self._gateway
        request: dict[str, Any] = {"RequestItems": {gateway.table_name: writes}}
        answer = gateway._send(WRITE, request, lambda r: gateway.client.batch_write_item(**r))
        unprocessed: dict[str, list[Any]] = answer.get("UnprocessedItems", {})
        return [write for listed in unprocessed.values() for write in listed]

    def _units_of(self, writes: Iterable[dict[str, Any]]) -> float:
        return sum(self._units(write["PutRequest"]["Item"]) for write in writes)

    def _units(self, item: Item) -> float:
        """Predict the units of a new item, on the table or the index that uses the most."""
        units = write_units(self._gateway.schema, None, item)
        return max(units.table, *units.indexes.values()) if units.indexes else units.table

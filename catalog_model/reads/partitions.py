"""Partitions of sorted titles, read part by part; `reads.merge` makes pages of them.

Every place in a list is unique, so each partition is read beyond the place of the last title.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import EVERYTHING, Query, Range
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle
from catalog_model.table import codec
from catalog_model.table.indexes import IndexName
from catalog_model.table.keys import MAX_SORT_KEY, ListKey, SortKey, is_place


@dataclass(frozen=True, slots=True)
class Source:
    """One partition to read from; *wanted* is a filter that a key condition cannot express."""

    list_key: ListKey
    wanted: Callable[[AnyTitle], bool] | None = None
    growing: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An index to read, the place of a title in it, and a direction.

    *stores* names the attribute with the stored place, if older titles may be at outdated places.
    """

    index: IndexName
    place: Callable[[AnyTitle], SortKey]
    descending: bool
    stores: str | None = None

    def beyond(self, place: SortKey, within: Range) -> Range:
        """Narrow a range to the places after *place*; a cursor can never widen it.

        No place is a prefix of another one, because each ends with an id that states its length.
        """
        if self.descending:
            upper = place[:-1] + chr(ord(place[-1]) - 1) + MAX_SORT_KEY
            return Range(within.lower, upper if within.upper is None else min(upper, within.upper))
        lower = place + MAX_SORT_KEY
        return Range(lower if within.lower is None else max(lower, within.lower), within.upper)


@dataclass(frozen=True, slots=True)
class Reading:
    """The partitions to read, their order, and the range of places."""

    kind: Kind
    sources: Sequence[Source]
    order: Order
    within: Range = EVERYTHING


class Stream:
    """One partition that is read part by part."""

    __slots__ = ("_last", "_reading", "_stored", "is_over", "passed", "read", "source")

    def __init__(self, reading: Reading, source: Source) -> None:
        self._reading = reading
        self._last: AnyTitle | None = None
        self._stored: dict[int, str] = {}
        self.source = source
        self.read = 0
        """The number of items read so far."""
        self.passed = 0
        """How many of them are wanted."""
        self.is_over = False

    def ask(self, most: int) -> Query:
        """Return the request for the next part, of at most *most* items."""
        reading, order = self._reading, self._reading.order
        within = reading.within
        if self._last is not None:
            within = order.beyond(self.place_of(self._last), within)
        return Query(
            self.source.list_key,
            within,
            order.index,
            order.descending,
            limit=most,
            only=codec.DOC,
            with_place=order.stores is not None,
        )

    def take(self, items: Sequence[Item], most: int) -> list[AnyTitle]:
        """Record a part, and return its wanted titles; a part that is not full is the last one."""
        kind, wanted, stores = self._reading.kind, self.source.wanted, self._reading.order.stores
        titles = [codec.decode_copy(kind, item) for item in items]
        if stores:
            for title, item in zip(titles, items, strict=True):
                self._stored.setdefault(title.id, item[stores]["S"])
        self.read += len(titles)
        self.is_over = len(titles) < most
        if titles:
            self._last = titles[-1]
        if wanted:
            titles = list(filter(wanted, titles))
        self.passed += len(titles)
        return titles

    def place_of(self, title: AnyTitle) -> SortKey:
        """Return the place of a title: as stored in the index, or computed from the title."""
        stored = self._stored.get(title.id)
        return SortKey(stored) if stored and is_place(stored) else self._reading.order.place(title)

    def reached(self) -> SortKey | None:
        """Return the place up to which the partition was read; None before the first title."""
        return None if self._last is None else self.place_of(self._last)

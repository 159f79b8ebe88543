"""Partitions of sorted titles, read part by part; `reads.merge` makes pages of them.

Every place in a list is unique, so each partition is read beyond the place of the last title.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf
from typing import Final

from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import EVERYTHING, Query, Range
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle
from catalog_model.table import codec
from catalog_model.table.indexes import IndexName
from catalog_model.table.keys import MAX_SORT_KEY, ListKey, SortKey, above, is_place
from catalog_model.table.sortable import sortable_number

FILTERED_BATCH: Final = 20
"""How many items of one request may be dropped by a filter."""

MOST_FILTERED_BATCH: Final = 500

EXPECTED: Final = 10
"""Items expected in a part of a range: fewer than it may have, so that parts are complete."""

MOST_PARTS: Final = 24

CAUTION: Final = 2
"""How many times as many items are read as the filter is expected to need."""


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
    *value* is the number that titles are sorted by, if a range of them can be split by it.
    """

    index: IndexName
    place: Callable[[AnyTitle], SortKey]
    descending: bool
    stores: str | None = None
    value: Callable[[AnyTitle], float] | None = None

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
    shards: int = 1
    """Over how many partitions each list is spread, by id."""


class Stream:
    """One partition that is read part by part."""

    __slots__ = (
        "_asked",
        "_last",
        "_reading",
        "_spacing",
        "_stored",
        "is_over",
        "passed",
        "read",
        "source",
    )

    def __init__(self, reading: Reading, source: Source) -> None:
        self._reading = reading
        self._asked: list[Query] = []
        self._last: AnyTitle | None = None
        self._spacing = 0.0
        self._stored: dict[int, str] = {}
        self.source = source
        self.read = 0
        """The number of items read so far."""
        self.passed = 0
        """How many of them are wanted."""
        self.is_over = False

    def ask(self, items: int) -> list[Query]:
        """Return the requests for the next items.

        It is one request, unless a filter may drop items: then there are several, of at most
        `FILTERED_BATCH` each, for adjacent ranges of places.
        """
        within, source = self._reading.within, self.source
        if self._last is not None:
            within = self._reading.order.beyond(self.place_of(self._last), within)
        if source.wanted is None or source.growing:
            self._asked = [self._query(within, items)]
        else:
            self._asked = [
                self._query(each, FILTERED_BATCH) for each in self._ranges(within, items)
            ]
        return self._asked

    def _query(self, within: Range, limit: int) -> Query:
        order = self._reading.order
        return Query(
            self.source.list_key,
            within,
            order.index,
            order.descending,
            limit=limit,
            only=codec.DOC,
            with_place=order.stores is not None,
        )

    def _ranges(self, within: Range, items: int) -> list[Range]:
        """Split a descending range so that about `EXPECTED` items are in each part but the last."""
        value, parts = self._reading.order.value, min(-(-items // EXPECTED), MOST_PARTS)
        if value is None or self._last is None or not 0 < self._spacing < inf:
            return [within]
        last, width = value(self._last), self._spacing * EXPECTED
        ranges: list[Range] = []
        upper, lowest = within.upper or MAX_SORT_KEY, within.lower or ""
        for number in range(1, parts):
            bound = above(sortable_number(round(last - number * width, 6)))
            if lowest < bound < upper:
                ranges.append(Range(bound, upper))
                upper = bound
        return [*ranges, Range(within.lower, upper)]

    def take(self, answers: Sequence[Sequence[Item]]) -> list[AnyTitle]:
        """Record the answers to the last requests, and return the wanted titles.

        A part that is full may not be complete: what follows it is left out, and read again.
        """
        kind, wanted = self._reading.kind, self.source.wanted
        self.read += sum(map(len, answers))
        titles: list[AnyTitle] = []
        self.is_over = True
        for query, items in zip(self._asked, answers, strict=True):
            found = codec.decode_copies(kind, items)
            self._note_places(found, items)
            titles += found
            if len(found) == query.limit:
                self.is_over = False
                break
        if titles:
            self._last = titles[-1]
            self._spacing = self._spacing_of(titles)
        if wanted:
            titles = list(filter(wanted, titles))
        self.passed += len(titles)
        return titles

    def _spacing_of(self, titles: Sequence[AnyTitle]) -> float:
        """Return the distance from one title to the next: of the later half, if it has any.

        Titles with the highest ratings are far apart, and those that follow are closer.
        """
        value, middle = self._reading.order.value, len(titles) // 2
        if value is None:
            return 0.0
        first, half, last = value(titles[0]), value(titles[middle]), value(titles[-1])
        return (half - last) / (len(titles) - middle) or (first - last) / len(titles)

    def _note_places(self, titles: Sequence[AnyTitle], items: Sequence[Item]) -> None:
        stores = self._reading.order.stores
        if stores:
            for title, item in zip(titles, items, strict=True):
                self._stored.setdefault(title.id, item[stores]["S"])

    def items_for(self, titles: int) -> int:
        """Return how many items to read for that many titles, more if a filter drops some."""
        if self.source.wanted is None:
            return titles
        if self.source.growing:
            return min(2 * (self._asked[0].limit or 1), MOST_FILTERED_BATCH)
        return ceil(CAUTION * titles * self.read / max(1, self.passed))

    def place_of(self, title: AnyTitle) -> SortKey:
        """Return the place of a title: as stored in the index, or computed from the title."""
        stored = self._stored.get(title.id)
        return SortKey(stored) if stored and is_place(stored) else self._reading.order.place(title)

    def reached(self) -> SortKey | None:
        """Return the place up to which the partition was read; None before the first title."""
        return None if self._last is None else self.place_of(self._last)

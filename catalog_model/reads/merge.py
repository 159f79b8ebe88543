"""Reads one sorted page from one or several sorted partitions, with one cursor for all of them.

Every place in a list is unique, so each partition is read beyond the place of the last title.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import ge, itemgetter, le
from typing import Final

from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import (
    EVERYTHING,
    Conversation,
    Query,
    Range,
    queries,
)
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.cursor import Cursors
from catalog_model.table import codec
from catalog_model.table.indexes import IndexName
from catalog_model.table.keys import MAX_SORT_KEY, ListKey, SortKey, is_place

FILTERED_BATCH: Final = 20
"""How many items are read at a time from a partition in which some titles are dropped."""

MOST_FILTERED_BATCH: Final = 500


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


@dataclass(frozen=True, slots=True)
class Reading:
    """The partitions to read, their order, and the range of places."""

    kind: Kind
    sources: Sequence[Source]
    order: Order
    within: Range = EVERYTHING


class _Places:
    """The places of a page's titles: as stored in the index, or computed from the title."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._stored: dict[int, str] = {}

    def note(self, titles: Iterable[AnyTitle], items: Iterable[Item]) -> None:
        """Record the stored places of titles; if a title has two, the first one counts."""
        if self._order.stores:
            for title, item in zip(titles, items, strict=True):
                self._stored.setdefault(title.id, item[self._order.stores]["S"])

    def of(self, title: AnyTitle) -> SortKey:
        stored = self._stored.get(title.id)
        return SortKey(stored) if stored and is_place(stored) else self._order.place(title)


@dataclass(slots=True)
class _Stream:
    """One partition, read part by part."""

    reading: Reading
    source: Source
    batch: int
    places: _Places
    titles: list[AnyTitle] = field(default_factory=list)
    is_over: bool = False
    last: AnyTitle | None = None
    """The last title that was read."""

    def __post_init__(self) -> None:
        if self.source.wanted and not self.source.growing:
            self.batch = min(self.batch, FILTERED_BATCH)

    def next_query(self) -> Query:
        """Return the request for the next part."""
        if self.last is not None:
            place = self.places.of(self.last)
            self.reading = replace(self.reading, within=_beyond(place, self.reading))
            growing = min(2 * self.batch, MOST_FILTERED_BATCH)
            self.batch = growing if self.source.growing else FILTERED_BATCH
        order = self.reading.order
        return Query(
            self.source.list_key,
            self.reading.within,
            index=order.index,
            descending=order.descending,
            limit=self.batch,
            only=codec.DOC,
            with_place=order.stores is not None,
        )

    def take(self, items: Sequence[Item]) -> None:
        """Add the titles of a part; a part that is not full is the last one."""
        titles = [codec.decode_copy(self.reading.kind, item) for item in items]
        self.places.note(titles, items)
        self.titles += filter(self.source.wanted, titles) if self.source.wanted else titles
        self.is_over = len(titles) < self.batch
        if titles:
            self.last = titles[-1]

    def reached(self) -> SortKey:
        """Return the place up to which the partition was read; "" before the first title."""
        return SortKey("") if self.last is None else self.places.of(self.last)


def read_page(
    reading: Reading, cursors: Cursors, limit: int, after: object
) -> Conversation[Page[AnyTitle]]:
    """Ask for one page; a title found in several partitions is returned once."""
    reading = replace(reading, within=_beyond(cursors.read(after), reading))
    batch = -(-(limit + 1) // len(reading.sources)) + len(reading.sources) - 1
    places = _Places(reading.order)
    streams = [_Stream(reading, source, batch, places) for source in reading.sources]
    titles: list[AnyTitle] = []
    unread: Sequence[_Stream] = streams
    while unread:
        answers = yield from queries([each.next_query() for each in unread])
        for stream, items in zip(unread, answers, strict=True):
            stream.take(items)
        unread = [each for each in streams if not each.is_over]
        first = _first(unread, reading.order)
        titles = list(islice(_merged(streams, first, reading.order), limit + 1))
        unread = [first] if first and len(titles) <= limit else []
    following = None
    if len(titles) > limit:
        following = cursors.make(places.of(titles[limit - 1]))
    return Page(tuple(titles[:limit]), following)


def _first(unread: Sequence[_Stream], order: Order) -> _Stream | None:
    """Return the stream that was read to the earliest place, if any stream is not over."""
    if len(unread) <= 1:
        return unread[0] if unread else None
    return (max if order.descending else min)(unread, key=_Stream.reached)


def _merged(streams: Sequence[_Stream], first: _Stream | None, order: Order) -> Iterator[AnyTitle]:
    """Merge the titles of sorted streams, up to the place at which *first* has to be read on."""
    if len(streams) == 1:  # a single stream needs no comparison of places
        return _each_once(streams[0].titles)
    listed = [(order.place(title), title) for each in streams for title in each.titles]
    listed.sort(key=itemgetter(0), reverse=order.descending)
    if first is not None:
        end = first.reached()
        is_before = ge if order.descending else le
        listed = [each for each in listed if is_before(each[0], end)]
    return _each_once(title for _, title in listed)


def _each_once(titles: Iterable[AnyTitle]) -> Iterator[AnyTitle]:
    """Drop duplicates: a title that moves during the read is found at both places."""
    seen: set[int] = set()
    for title in titles:
        title_id = title.id
        if title_id not in seen:
            seen.add(title_id)
            yield title


def _beyond(place: SortKey | None, reading: Reading) -> Range:
    """Narrow the range to the places after *place*; a cursor can never widen it.

    No place is a prefix of another one, because each ends with an id that states its length.
    """
    within = reading.within
    if place is None:
        return within
    if reading.order.descending:
        upper = place[:-1] + chr(ord(place[-1]) - 1) + MAX_SORT_KEY
        return Range(within.lower, upper if within.upper is None else min(upper, within.upper))
    lower = place + MAX_SORT_KEY
    return Range(lower if within.lower is None else max(lower, within.lower), within.upper)

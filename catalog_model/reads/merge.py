"""Reads one sorted page from one or several sorted partitions, with one cursor for all of them.

Every place in a list is unique, so each partition is read beyond the place of the last title.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.gateway import EVERYTHING, Gateway, Range
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


def read_page(
    gateway: Gateway, reading: Reading, cursors: Cursors, limit: int, after: object
) -> Page[AnyTitle]:
    """Read one page; a title found in several partitions is returned once."""
    reading = replace(reading, within=_beyond(cursors.read(after), reading))
    batch = -(-(limit + 1) // len(reading.sources)) + len(reading.sources) - 1
    places = _Places(reading.order)
    streams = [_stream(gateway, reading, source, batch, places) for source in reading.sources]
    titles = list(islice(_merged(streams, reading.order), limit + 1))
    following = None
    if len(titles) > limit:
        following = cursors.make(places.of(titles[limit - 1]))
    return Page(tuple(titles[:limit]), following)


def _merged(streams: Sequence[Iterator[AnyTitle]], order: Order) -> Iterator[AnyTitle]:
    """Merge sorted streams; a title found in several of them is returned once."""
    if len(streams) == 1:
        return _each_once(streams[0])  # a single stream needs no comparison of places
    return _each_once(heapq.merge(*streams, key=order.place, reverse=order.descending))


def _each_once(titles: Iterable[AnyTitle]) -> Iterator[AnyTitle]:
    """Drop duplicates: a title that moves during the read is found at both places."""
    seen: set[int] = set()
    for title in titles:
        if title.id not in seen:
            seen.add(title.id)
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


def _stream(
    gateway: Gateway, reading: Reading, source: Source, batch: int, places: _Places
) -> Iterator[AnyTitle]:
    wanted, order = source.wanted, reading.order
    if wanted and not source.growing:
        batch = min(batch, FILTERED_BATCH)
    while True:
        items = gateway.query(
            source.list_key,
            reading.within,
            index=order.index,
            descending=order.descending,
            limit=batch,
            only=codec.DOC,
            with_place=order.stores is not None,
        )
        titles = [codec.decode_copy(reading.kind, item) for item in items]
        places.note(titles, items)
        yield from filter(wanted, titles) if wanted else titles
        if len(titles) < batch:
            return
        reading = replace(reading, within=_beyond(places.of(titles[-1]), reading))
        batch = min(2 * batch, MOST_FILTERED_BATCH) if source.growing else FILTERED_BATCH

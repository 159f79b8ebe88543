"""One sorted page out of one or several sorted partitions, with one cursor for all of them.

Every place in a list is unique and says where it stands, so the place of the last title shown is
all that a page needs to go on: in each partition, what lies beyond it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from catalog_model.dynamodb.gateway import EVERYTHING, Gateway, Range
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.cursor import Cursors
from catalog_model.table import codec
from catalog_model.table.indexes import IndexName
from catalog_model.table.keys import MAX_SORT_KEY, Kind, ListKey, SortKey, is_place

FILTERED_BATCH: Final = 20
"""How many items at a time are read from a partition whose titles may not all be wanted."""

MOST_FILTERED_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Source:
    """One partition to read from; *wanted* drops what the key condition cannot."""

    list_key: ListKey
    wanted: Callable[[AnyTitle], bool] | None = None
    growing: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """An index to read by, the place of a title in it, and a direction.

    An index that may hold titles of an older version at other places than they would have now
    *stores* the place: the attribute that it is read from, and not made of the title.
    """

    index: IndexName
    place: Callable[[AnyTitle], SortKey]
    descending: bool
    stores: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read: which partitions, in which order, between which places."""

    kind: Kind
    sources: Sequence[Source]
    order: Order
    within: Range = EVERYTHING


class _Places:
    """Where the titles of a page stand: as the index has it, or as follows from the title."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._stored: dict[int, str] = {}

    def note(self, titles: Iterable[AnyTitle], items: Iterable[codec.Item]) -> None:
        """Note where titles stand that are read; of one at two places the first counts."""
        if self._order.stores:
            for title, item in zip(titles, items, strict=True):
                self._stored.setdefault(title.id, item[self._order.stores]["S"])

    def of(self, title: AnyTitle) -> SortKey:
        """Give the place of a title."""
        stored = self._stored.get(title.id)
        return SortKey(stored) if stored and is_place(stored) else self._order.place(title)


def read_page(
    gateway: Gateway, reading: Reading, cursors: Cursors, limit: int, after: object
) -> Page[AnyTitle]:
    """Read one page; a title that several partitions hold comes once."""
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
    """Merge sorted streams; a title that is in several comes once."""
    if len(streams) == 1:
        return _each_once(streams[0])  # places cost time, and here nobody has to compare them
    return _each_once(heapq.merge(*streams, key=order.place, reverse=order.descending))


def _each_once(titles: Iterable[AnyTitle]) -> Iterator[AnyTitle]:
    """Leave out what came before: a title that moves meanwhile is found at both places."""
    seen: set[int] = set()
    for title in titles:
        if title.id not in seen:
            seen.add(title.id)
            yield title


def _beyond(place: SortKey | None, reading: Reading) -> Range:
    """Narrow the range to what comes after *place*; no place could widen it.

    No place is the beginning of another, because each ends with an id that states its length: so
    nothing lies between a place and the bounds made of it here.
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
    """Read a partition in batches, as far as somebody asks for more."""
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

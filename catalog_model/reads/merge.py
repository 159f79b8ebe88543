"""Reads one sorted page from one or several sorted partitions, with one cursor for all of them.

Several partitions are read at the same time: each for its share of the page, then those that may
hold more of it for what is missing. Items read <= 2 x titles returned + 20 x requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import ge, gt, itemgetter, le, lt
from typing import Final

from catalog_model.dynamodb.conversation import Conversation, queries, query
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.partitions import Order, Reading, Stream
from catalog_model.table.keys import SortKey

FILTERED_BATCH: Final = 20
"""How many items of one request may be dropped by a filter."""

MOST_FILTERED_BATCH: Final = 500


def read_page(
    reading: Reading, cursors: Cursors, limit: int, after: object
) -> Conversation[Page[AnyTitle]]:
    """Ask for one page; a title found in several partitions is returned once."""
    place = cursors.read(after)
    if place is not None:
        reading = replace(reading, within=reading.order.beyond(place, reading.within))
    streams = [Stream(reading, source) for source in reading.sources]
    # One title more than the page shows whether there is a next page.
    read = _read_one(streams[0], limit + 1) if len(streams) == 1 else None
    titles = yield from read or _read_several(streams, limit + 1, reading.order)
    following = None
    if len(titles) > limit:
        following = cursors.make(streams[0].place_of(titles[limit - 1]))
    return Page(tuple(titles[:limit]), following)


def _read_one(stream: Stream, wanted: int) -> Conversation[list[AnyTitle]]:
    is_growing = stream.source.growing
    batch = wanted if is_growing or not stream.source.wanted else min(wanted, FILTERED_BATCH)
    titles: list[AnyTitle] = []
    while True:
        items = yield from query(stream.ask(batch))
        titles += stream.take(items, batch)
        found = list(_each_once(titles))
        if stream.is_over or len(found) >= wanted:
            return found
        batch = min(2 * batch, MOST_FILTERED_BATCH) if is_growing else FILTERED_BATCH


def _read_several(
    streams: Sequence[Stream], wanted: int, order: Order
) -> Conversation[list[AnyTitle]]:
    share = -(-wanted // len(streams)) + len(streams) - 1
    asked = [
        (each, min(share, FILTERED_BATCH) if each.source.wanted else share) for each in streams
    ]
    merge = _Merge(streams, wanted, order)
    while asked:
        answers = yield from queries([stream.ask(most) for stream, most in asked])
        for (stream, most), items in zip(asked, answers, strict=True):
            merge.add(stream, stream.take(items, most))
        asked = merge.still_needed()
    return merge.titles()


class _Merge:
    """Titles of several partitions, merged as far as these were read."""

    def __init__(self, streams: Sequence[Stream], wanted: int, order: Order) -> None:
        self._streams = streams
        self._wanted = wanted
        self._order = order
        self._is_before, self._is_until = (gt, ge) if order.descending else (lt, le)
        self._ranked: list[tuple[SortKey, AnyTitle, Stream]] = []
        self._requests = 0

    def add(self, stream: Stream, titles: Iterable[AnyTitle]) -> None:
        """Add the titles of one request."""
        self._ranked += [(self._order.place(title), title, stream) for title in titles]
        self._requests += 1

    def titles(self) -> list[AnyTitle]:
        """Return the titles so far in their order, each once."""
        return list(_each_once(title for _, title, _ in self._ranked))

    def still_needed(self) -> list[tuple[Stream, int]]:
        """Return the partitions that may hold more of the page, and how many items to read."""
        self._ranked.sort(key=itemgetter(0), reverse=self._order.descending)
        places = self._places()
        end = places[self._wanted - 1] if len(places) >= self._wanted else None
        reached = {
            stream: place
            for stream in self._streams
            if not stream.is_over and (place := stream.reached()) is not None
            if end is None or self._is_before(place, end)
        }
        if not reached:
            return []
        first = (max if self._order.descending else min)(reached.values())
        missing = self._wanted - sum(1 for place in places if self._is_until(place, first))
        needs = {stream: self._need_of(stream, missing, first) for stream in reached}
        return self._granted(needs)

    def _places(self) -> list[SortKey]:
        """Return the places of the titles in their order, each title once, at its first place."""
        places: dict[int, SortKey] = {}
        for place, title, _ in self._ranked:
            places.setdefault(title.id, place)
        return list(places.values())

    def _need_of(self, stream: Stream, missing: int, first: SortKey) -> int:
        """Return how many items of a partition can be among the *missing* titles after *first*."""
        further = sum(
            1 for place, _, of in self._ranked if of is stream and not self._is_until(place, first)
        )
        titles = max(1, missing - further)
        return (
            titles
            if not stream.source.wanted
            else -(-titles * stream.read // max(1, stream.passed))
        )

    def _granted(self, needs: dict[Stream, int]) -> list[tuple[Stream, int]]:
        """Return the numbers of items to read: the needs, or their shares of what is allowed."""
        requests = self._requests + len(needs)
        allowed = 2 * (self._wanted - 1) + FILTERED_BATCH * requests
        allowed -= sum(stream.read for stream in self._streams)
        needs = {
            stream: min(need, FILTERED_BATCH * requests - stream.read)
            if stream.source.wanted  # all of its items may be dropped
            else need
            for stream, need in needs.items()
        }
        total = sum(needs.values())
        if total <= allowed:
            return list(needs.items())
        spare = allowed - FILTERED_BATCH * len(needs)
        return [
            (stream, min(need, FILTERED_BATCH + spare * need // total))
            for stream, need in needs.items()
        ]


def _each_once(titles: Iterable[AnyTitle]) -> Iterator[AnyTitle]:
    """Drop duplicates: a title that moves during the read is found at both places."""
    seen: set[int] = set()
    for title in titles:
        title_id = title.id
        if title_id not in seen:
            seen.add(title_id)
            yield title

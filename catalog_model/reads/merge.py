"""Reads one sorted page from one or several sorted partitions, with one cursor for all of them.

Several partitions are read at the same time: each for its share of the page, then those that may
hold more of it for what is missing. Items read <= 2 x titles returned + 20 x requests.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isqrt
from operator import ge, gt, itemgetter, le, lt

from catalog_model.dynamodb.conversation import Conversation, queries
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle, Page
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.partitions import (
    FILTERED_BATCH,
    MOST_FILTERED_BATCH,
    Order,
    Reading,
    Stream,
)
from catalog_model.table.keys import SortKey


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
    titles = yield from read or _read_several(streams, limit + 1, reading)
    following = None
    if len(titles) > limit:
        following = cursors.make(streams[0].place_of(titles[limit - 1]))
    return Page(tuple(titles[:limit]), following)


def _read_one(stream: Stream, wanted: int) -> Conversation[list[AnyTitle]]:
    items, titles = wanted, list[AnyTitle]()
    while True:
        answers = yield from queries(stream.ask(items))
        titles += stream.take(answers)
        found = _each_once(titles)
        if stream.is_over or len(found) >= wanted:
            return found
        if stream.source.growing:
            items = min(2 * items, MOST_FILTERED_BATCH)
        else:
            items = stream.items_for(wanted - len(found))


def _read_several(
    streams: Sequence[Stream], wanted: int, reading: Reading
) -> Conversation[list[AnyTitle]]:
    needs = dict.fromkeys(streams, _share(wanted, len(streams), reading.shards))
    merge = _Merge(streams, wanted, reading.order)
    while needs:
        asked = [(stream, stream.ask(items)) for stream, items in needs.items()]
        answers = iter((yield from queries([query for _, several in asked for query in several])))
        for stream, several in asked:
            merge.add(stream, [next(answers) for _ in several])
        needs = merge.needs()
    return merge.titles()


def _share(wanted: int, streams: int, shards: int) -> int:
    """Return how many items to read of each partition at first.

    The titles of a list are spread over its shards at random, so each has nearly the same share.
    """
    lists = streams // shards
    share = -(-wanted // lists) + lists - 1
    return share if shards == 1 else -(-share // shards) + 2 * isqrt(-(-share // shards)) + 1


class _Merge:
    """Titles of several partitions, merged as far as these were read."""

    def __init__(self, streams: Sequence[Stream], wanted: int, order: Order) -> None:
        self._streams = streams
        self._wanted = wanted
        self._order = order
        self._is_before, self._is_until = (gt, ge) if order.descending else (lt, le)
        self._ranked: list[tuple[SortKey, AnyTitle, Stream]] = []
        self._requests = 0

    def add(self, stream: Stream, answers: Sequence[Sequence[Item]]) -> None:
        """Add the titles of a stream's last requests."""
        titles = stream.take(answers)
        self._ranked += [(self._order.place(title), title, stream) for title in titles]
        self._requests += len(answers)

    def titles(self) -> list[AnyTitle]:
        """Return the titles so far in their order, each once."""
        return _each_once(title for _, title, _ in self._ranked)

    def needs(self) -> dict[Stream, int]:
        """Return the streams that may hold more of the page, and how many items to read of each."""
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
            return {}
        first = (max if self._order.descending else min)(reached.values())
        missing = self._wanted - sum(1 for place in places if self._is_until(place, first))
        return self._granted({stream: self._need_of(stream, missing, first) for stream in reached})

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
        return stream.items_for(max(1, missing - further))

    def _granted(self, needs: dict[Stream, int]) -> dict[Stream, int]:
        """Return the numbers of items to read: the needs, or their shares of what is allowed."""
        filtered = {stream: need for stream, need in needs.items() if stream.source.wanted}
        plain = {stream: need for stream, need in needs.items() if not stream.source.wanted}
        # Requests with a filter read no more than they allow.
        allowed = 2 * (self._wanted - 1) + FILTERED_BATCH * (self._requests + len(plain))
        allowed -= sum(stream.read for stream in self._streams)
        total = sum(plain.values())
        if total > allowed:
            spare = allowed - FILTERED_BATCH * len(plain)
            plain = {
                stream: min(need, FILTERED_BATCH + spare * need // total)
                for stream, need in plain.items()
            }
        return filtered | plain


def _each_once(titles: Iterable[AnyTitle]) -> list[AnyTitle]:
    """Drop duplicates: a title that moves during the read is found at both places."""
    first: dict[int, AnyTitle] = {}
    for title in titles:
        first.setdefault(title.id, title)
    return list(first.values())

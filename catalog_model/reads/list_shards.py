"""Pages of lists, which may be spread over shards: how many, a handle reads from a tally.

A handle with ``sharded_lists`` keeps what it read for `KEPT_FOR` seconds. One without reads lists
of one partition, and nothing else. Where lists are spread, all of these are empty. So if a page is
empty, and no other page had titles for as long, it reads a tally, too: the page may be refused,
instead of being wrong.
"""

import time
from dataclasses import replace
from typing import Any, Final, NamedTuple

from catalog_model.catalog import Catalog
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.conversation import Conversation, get
from catalog_model.entities import AnyTitle, Page
from catalog_model.errors import AccessDeniedError, SchemaMismatchError
from catalog_model.reads.cursor import Cursors
from catalog_model.reads.merge import read_page
from catalog_model.reads.partitions import Reading
from catalog_model.table import keys
from catalog_model.table.spread import NOT_SPREAD, Spread, spread_in

KEPT_FOR: Final = 60.0
"""For how many seconds a handle keeps how lists are spread."""


class Known(NamedTuple):
    """How the lists of a table are spread, as read at a moment of the monotonic clock."""

    spread: Spread
    read_at: float


def read_list(
    catalog: Catalog, reading: Reading, cursors: Cursors, limit: int, after: str | None
) -> Conversation[Page[AnyTitle]]:
    """Ask for one page of lists, in all of their shards."""
    if catalog.sharded_lists:
        cursors.read(after)  # refused before anything is sent
        spread = yield from _read_spread(catalog, reading.kind)
        return (yield from read_page(spread_out(reading, spread), cursors, limit, after))
    page = yield from read_page(reading, cursors, limit, after)
    if page.items:
        catalog.known_spread = Known(NOT_SPREAD, time.monotonic())
    elif not reading.within.is_empty():
        yield from _check_not_spread(catalog, reading.kind)
    return page


def spread_out(reading: Reading, spread: Spread) -> Reading:
    """Return the same reading of all shards of its lists."""
    shards = spread.shards
    if shards == NOT_SPREAD.shards:
        return reading
    sources = [
        replace(source, list_key=keys.list_shard_key(source.list_key, shard))
        for source in reading.sources
        for shard in shards
    ]
    return replace(reading, sources=sources, shards=len(shards))


def _read_spread(catalog: Catalog, kind: Kind) -> Conversation[Spread]:
    """Read how lists are spread, unless the handle read it within a minute."""
    known = catalog.known_spread
    if not isinstance(known, Known) or time.monotonic() >= known.read_at + KEPT_FOR:
        table, now = catalog.table, time.monotonic()
        tally = yield from get(keys.tally_key(kind, 0), consistent=True)
        known = Known(spread_in(tally or {}), now)
        if catalog.table == table:
            catalog.known_spread = known
    return known.spread


def _check_not_spread(catalog: Catalog, kind: Kind) -> Conversation[None]:
    """Refuse an empty page where lists are spread; read a tally at most once in a minute."""
    try:
        spread = yield from _read_spread(catalog, kind)
    except AccessDeniedError:  # the policy allows lists only, as it did before
        catalog.known_spread = Known(NOT_SPREAD, time.monotonic())
        return
    if spread != NOT_SPREAD:
        raise SchemaMismatchError(
            f"the lists of {catalog.table!r} are spread over {spread}, which this handle does not "
            "read: make it with Catalog(..., sharded_lists=True), or set CATALOG_SHARDED_LISTS=1"
        )


def shards_read_by(catalog: Catalog) -> int:
    """Return how many partitions of each list a handle reads, as far as it knows."""
    known: Any = catalog.known_spread
    reads_shards = catalog.sharded_lists and isinstance(known, Known)
    return len(known.spread.shards) if reads_shards else 1

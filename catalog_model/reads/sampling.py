"""The access pattern that picks titles at random, with every subset equally likely.

Each title owns one slot, which holds its listing. The tallies say which slots are taken: all that
were opened, except the free ones. Picking distinct taken slots means picking distinct titles, each
with the same probability, whatever was written or deleted before.

A drawn slot may be empty: its title was deleted since the tallies were written, or more titles were
deleted than a tally lists free slots. Another one is drawn in its place; drawing until enough
titles are found leaves them equally likely. If empty slots are to be expected, more are drawn at
once. If nearly all are empty, reading every listing costs less.
"""

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from math import ceil, sqrt
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import (
    ANY_TITLE,
    LISTING,
    LISTINGS,
    tallies_steps,
)
from catalog_model.domain.arguments import check_kind
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.conversation import (
    Conversation,
    Query,
    batch_get,
    batch_get_parts,
    queries,
)
from catalog_model.dynamodb.numbers import check_count
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle
from catalog_model.reads.counts import read_tallies
from catalog_model.table import codec, keys
from catalog_model.table.slots import Shard, shard_of

ROUNDS: Final = 5
"""How many times empty slots are replaced by others."""

CONFIDENCE: Final = 2.33
"""Standard deviations: with them, the slots drawn are enough in 99 of 100 samples."""

SPARSE: Final = 4
"""If there are more than this number of slots for each title, the listings may be read instead."""

LISTINGS_FOR_A_SLOT: Final = 3
"""How many listings a Query reads for the units of one slot in a BatchGetItem, at least."""


@access_pattern(
    "Some titles of a kind, picked at random",
    *tallies_steps(strong=False),
    step("BatchGetItem", LISTING, requests="ceil(count / 100)", units="0.5 * count * rcu(copy)"),
    step(
        "BatchGetItem",
        ANY_TITLE,
        requests="ceil(count / 100)",
        units="0.5 * count * rcu(title)",
        rarely="titles of an older version",
    ),
    step(
        "Query",
        LISTINGS,
        requests="8",
        units="0.5 * (8 + rcu(read * copy))",
        rarely="nearly all titles were deleted",
    ),
    order="random",
    consistency="eventual",
)
def sample_titles(
    catalog: Catalog, kind: Kind, count: int = 20, *, rng: random.Random | None = None
) -> Conversation[list[AnyTitle]]:
    """Pick *count* distinct titles of *kind* at random; all of them if there are fewer.

    Every subset of that size is equally likely, and so is each of its orders.

    Costs a Query (the tallies) and a BatchGetItem (the titles), and 1 + *count* / 2 read units, at
    any size of the catalogue; one more request for each further 100 titles. A title that is deleted
    during the call is replaced by another, with one more request. If many titles were deleted, more
    than a thousand of a kind, and none created since, it costs more, in proportion, until a
    `repair`. The latest titles may not be included yet.

    Returns an empty list if there are no titles of the kind.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        count: Number of titles, 0 or more.
        rng: Random number generator, such as ``random.Random(7)`` for a reproducible sample.

    Raises:
        InvalidArgumentError: If an argument is invalid.

    >>> sorted(movie.display_name for movie in sample_titles(catalog, "movie", 20))
    ['Black Lotus', 'Heat', 'Up']
    """
    check_instance(catalog, "catalog", Catalog)
    kind = check_kind(kind)
    count = check_count(count, "count")
    if rng is not None:
        check_instance(rng, "rng", random.Random)
    tallies = yield from read_tallies(kind, consistent=False)
    rng = rng or random.Random()  # noqa: S311  # no secret; seeded by the system, for this call
    lottery = _Lottery([shard_of(tally) for tally in tallies], rng)
    picked: dict[TitleKey, AnyTitle] = {}
    if lottery.is_dearer_than_all(count):
        picked = yield from _all_titles(kind)
    else:
        for _ in range(ROUNDS):
            slots = lottery.draw(count - len(picked))
            if not slots:
                break
            picked |= yield from _titles_in(kind, slots)
    titles = [picked[key] for key in sorted(picked)]
    return rng.sample(titles, min(count, len(titles)))


class _Lottery:
    """The taken slots of all shards, each a number from 0."""

    def __init__(self, shards: Sequence[Shard], rng: random.Random) -> None:
        self._taken_before = [_taken_before(shard.free, shard.slots) for shard in shards]
        free = map(len, self._taken_before)
        taken = (each.slots - few for each, few in zip(shards, free, strict=True))
        self._ends = list(accumulate(taken))
        self._titles = min(sum(shard.total for shard in shards), self._ends[-1])
        self._rng = rng
        self._drawn: set[int] = set()

    def is_dearer_than_all(self, count: int) -> bool:
        """Whether drawing costs more than reading the listings of all titles."""
        is_sparse = self._ends[-1] > SPARSE * self._titles
        return is_sparse and self._titles < LISTINGS_FOR_A_SLOT * self._needed(count)

    def draw(self, count: int) -> list[tuple[int, int]]:
        """Draw slots with *count* titles, each as shard and number; fewer if none are left."""
        slots = self._ends[-1]
        wanted = min(self._needed(count), slots - len(self._drawn))
        tickets = self._rng.sample(range(slots), wanted + len(self._drawn))
        fresh = [ticket for ticket in tickets if ticket not in self._drawn][:wanted]
        self._drawn.update(fresh)
        return [self._slot(ticket) for ticket in fresh]

    def _needed(self, count: int) -> int:
        """Return how many slots to draw for *count* titles, as some slots are empty."""
        if count <= 0 or not self._titles:
            return 0
        share = self._titles / self._ends[-1]
        spread = CONFIDENCE * sqrt(1 - share)
        root = (spread + sqrt(spread**2 + 4 * count)) / 2
        return ceil(root**2 / share - 1e-9)

    def _slot(self, ticket: int) -> tuple[int, int]:
        shard = bisect_right(self._ends, ticket)
        number = ticket - (self._ends[shard - 1] if shard else 0)
        return shard, number + bisect_right(self._taken_before[shard], number)


@lru_cache(64)
def _taken_before(free: frozenset[int], slots: int) -> tuple[int, ...]:
    """Return for each free slot of a shard, in order, the number of taken slots before it."""
    return tuple(n - at for at, n in enumerate(sorted(n for n in free if n < slots)))


def _titles_in(
    kind: Kind, slots: Iterable[tuple[int, int]]
) -> Conversation[dict[TitleKey, AnyTitle]]:
    """Read the titles in slots, unordered."""
    asked = [keys.slot_key(kind, shard, number) for shard, number in slots]
    found = yield from batch_get_parts(asked, (codec.TITLE_ID, codec.DOC))
    return (yield from _titles_of(kind, found))


def _all_titles(kind: Kind) -> Conversation[dict[TitleKey, AnyTitle]]:
    """Read all titles of a kind from their listings."""
    pks = [keys.slot_key(kind, shard, 0).PK for shard in range(keys.SHARDS)]
    pages = yield from queries([Query(pk) for pk in pks])
    return (yield from _titles_of(kind, [item for page in pages for item in page]))


def _titles_of(kind: Kind, found: Sequence[Item]) -> Conversation[dict[TitleKey, AnyTitle]]:
    """Decode listings; read the titles of slots without one, which an older version wrote."""
    copies = [item for item in found if codec.DOC in item]
    titles = {title.key: title for title in codec.decode_copies(kind, copies)}
    if len(copies) < len(found):
        named = [codec.decode_slot(kind, item) for item in found if codec.DOC not in item]
        own = yield from batch_get(map(keys.title_key, named))
        former = map(codec.decode_title, own.values())
        titles |= {title.key: title for title in former}
    return titles

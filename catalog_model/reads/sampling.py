"""The access pattern that picks titles at random, with every subset equally likely.

Each title owns a slot. The slots of a shard are numbered from 0 without gaps, so the totals of the
shards determine the existing slots. Picking distinct slots means picking distinct titles, each with
the same probability, whatever was written or deleted before.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import ANY_LISTING, SLOT, tallies_step
from catalog_model.domain.arguments import check_kind
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.conversation import Conversation, batch_get_parts
from catalog_model.dynamodb.numbers import check_count
from catalog_model.entities import AnyTitle
from catalog_model.reads.counts import read_counts
from catalog_model.reads.titles import read_titles
from catalog_model.table import codec, keys

ROUNDS: Final = 5
"""How many times slots that changed their owner during the read are replaced by others."""


@access_pattern(
    "Some titles of a kind, picked at random",
    tallies_step(strong=False),
    step("BatchGetItem", SLOT, requests="ceil(count / 100)", units="0.5 * count"),
    step(
        "BatchGetItem", ANY_LISTING, requests="ceil(count / 100)", units="0.5 * count * rcu(copy)"
    ),
    order="random",
    consistency="eventual",
)
def sample_titles(
    catalog: Catalog, kind: Kind, count: int = 20, *, rng: random.Random | None = None
) -> Conversation[list[AnyTitle]]:
    """Pick *count* distinct titles of *kind* at random; all of them if there are fewer.

    Every subset of that size is equally likely, and so is each of its orders.

    Costs three BatchGetItem (the totals, the slots, the titles) and 4 + *count* read units, at any
    size of the catalogue; two more requests for each further 100 titles. A title that is deleted
    during the call is replaced by another, with two more requests. The latest titles may not be
    included yet.

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
    totals, _ = yield from read_counts(kind)
    rng = rng or random.SystemRandom()
    lottery = _Lottery(totals, rng)
    picked: dict[TitleKey, AnyTitle] = {}
    for _ in range(ROUNDS):
        slots = lottery.draw(count - len(picked))
        if not slots:
            break
        picked.update((yield from _titles_in(kind, slots)))
    titles = [picked[key] for key in sorted(picked)]
    rng.shuffle(titles)
    return titles


class _Lottery:
    def __init__(self, totals: Sequence[int], rng: random.Random) -> None:
        self._ends = list(accumulate(totals))
        self._rng = rng
        self._drawn: set[int] = set()

    def draw(self, count: int) -> list[tuple[int, int]]:
        """Draw slots, each as shard and number; fewer if none are left."""
        slots = self._ends[-1]
        wanted = min(count, slots - len(self._drawn))
        tickets = self._rng.sample(range(slots), wanted + len(self._drawn))
        fresh = [ticket for ticket in tickets if ticket not in self._drawn][:wanted]
        self._drawn.update(fresh)
        return [self._slot(ticket) for ticket in fresh]

    def _slot(self, ticket: int) -> tuple[int, int]:
        shard = bisect_right(self._ends, ticket)
        return shard, ticket - (self._ends[shard - 1] if shard else 0)


def _titles_in(
    kind: Kind, slots: Iterable[tuple[int, int]]
) -> Conversation[dict[TitleKey, AnyTitle]]:
    """Read the owners of the slots, then those titles, unordered."""
    asked = [keys.slot_key(kind, shard, number) for shard, number in slots]
    found = yield from batch_get_parts(asked, (codec.TITLE_ID,))
    return (yield from read_titles([codec.decode_slot(kind, item) for item in found]))

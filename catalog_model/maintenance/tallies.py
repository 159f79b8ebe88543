"""The tallies of a kind, which writers of version 4 move to other keys."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.pace import PacedReads
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import UnknownEntityError
from catalog_model.table import evolution, keys
from catalog_model.table.plan import moved_tally, plan_move
from catalog_model.table.spread import NOT_SPREAD, Spread, spread_in
from catalog_model.table.title_items import key_of


@dataclass(frozen=True, slots=True)
class Tallies:
    """The tallies of a kind by shard, empty where one is missing, and the plan to move them."""

    of_shards: list[Item]
    move: Plan = ()


def agreed_spread(tallies: Iterable[Item]) -> Spread:
    """Return how lists are spread according to most of the tallies, which should all agree."""
    stated: Counter[Spread] = Counter()
    for tally in filter(None, tallies):
        with suppress(UnknownEntityError):
            stated[spread_in(tally)] += 1
    return max(stated, key=lambda each: (stated[each], each.lists), default=NOT_SPREAD)


def read_tallies(reads: PacedReads, kind: Kind) -> Tallies:
    """Read the tallies of a kind, those of an older version as they will be after their move."""
    tallies = _current(reads, kind)
    if any(tallies):
        return Tallies(tallies)
    at = keys.former_tally_keys(kind)
    former = reads.batch_get(at)
    if any(map(evolution.is_former, former.values())):
        items = [former.get(key, {}) for key in at]
        return Tallies(
            [moved_tally(kind, *each) for each in enumerate(items)], plan_move(kind, items)
        )
    return Tallies(_current(reads, kind) if former else tallies)  # moved meanwhile, or lost


def every_tally(reads: PacedReads) -> dict[tuple[Kind, int], Item]:
    """Read the tallies of the table, by kind and shard, without missing ones."""
    return {
        (kind, shard): tally
        for kind in KINDS
        for shard, tally in enumerate(read_tallies(reads, kind).of_shards)
        if tally
    }


def _current(reads: PacedReads, kind: Kind) -> list[Item]:
    found = {key_of(item): item for item in reads.collection(keys.tallies_pk(kind))}
    return [found.get(key, {}) for key in keys.tally_keys(kind)]

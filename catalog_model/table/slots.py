"""The slots of a shard: which one a new title takes, and when a deleted title's is free. Pure.

Each title owns one slot, whose item is its listing. A tally has two attributes for them: ``_slots``
is the number of slots ever opened, so every taken slot is below it, and ``_free`` the slots below
it that no title owns. The sampler draws from the rest.

A new title takes a random free slot, on the condition that it is still free. Where few are left, a
writer opens a block of new slots, on the condition that none were opened meanwhile. A deleted
title's slot becomes free, except when ``_free`` is full: then it is *unlisted*, and the sampler
finds it empty. Unlisted slots are searched at random, and taken, where there are many of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from catalog_model.dynamodb.actions import Contains, Equals, Lacks
from catalog_model.table import codec

MOST_FREE: Final = 128
"""The number of free slots that a tally lists: with them it stays below 1 KB.

Deletions at the same moment may list a few more, each without knowing of the others.
"""

BLOCK: Final = 64
"""The number of slots opened at once."""

FEW: Final = 32
"""Below this number of free slots, a new title is the more likely to open a block, the fewer."""

LOOKS: Final = 8
"""How many slots are read to find unlisted ones."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard's tally, as creations and deletions depend on it.

    ``unlisted`` are slots that were found empty, although the tally does not list them as free.
    """

    total: int = 0
    version: int = 0
    slots: int = 0
    free: frozenset[int] = frozenset()
    unlisted: tuple[int, ...] = field(default=(), compare=False)
    lists: int = 1
    """The number of shards of new titles' lists."""

    def is_taken(self, slot: int) -> bool:
        """Whether the tally counts a slot as taken."""
        return slot < self.slots and slot not in self.free

    @property
    def gaps(self) -> int:
        """The number of unlisted slots."""
        return max(0, self.slots - len(self.free) - self.total)

    def places_to_look(self, draw: int) -> list[int]:
        """Return some slots that may be unlisted, if many are, and few are free."""
        if len(self.free) >= FEW or self.gaps <= max(MOST_FREE, self.slots // 4):
            return []
        places = {(draw + self.slots * n // LOOKS) % self.slots for n in range(LOOKS)}
        return sorted(places - self.free)


@dataclass(frozen=True, slots=True)
class Taken:
    """Slots for new titles, and the change of the tally that takes them."""

    slots: tuple[int, ...]
    conditions: tuple[Contains | Lacks | Equals, ...]
    end: int | None = None
    """The new number of slots, if a block is opened."""
    opened: tuple[int, ...] = ()
    """The slots of the block that become free."""
    closed: tuple[int, ...] = ()
    """The slots that were free."""


def are_sparse(slots: int, free: int, titles: int) -> bool:
    """Whether a sample reads far more slots than it returns titles, as most are unlisted."""
    return slots - free - titles > max(2 * MOST_FREE, titles)


def take(shard: Shard, wanted: int, draw: int) -> Taken:
    """Take slots for new titles; *draw*, a random number, decides which."""
    if len(shard.unlisted) >= wanted:
        some = shard.unlisted[:wanted]
        still = (Lacks(codec.FREE, each) for each in some)
        return Taken(some, (Equals(codec.SLOTS, shard.slots), *still))
    if len(shard.free) >= max(wanted, draw % FEW + 1):
        free = sorted(shard.free)
        chosen = tuple(free[(draw // FEW + n) % len(free)] for n in range(wanted))
        return Taken(chosen, tuple(Contains(codec.FREE, n) for n in chosen), closed=chosen)
    first, end = shard.slots, shard.slots + max(wanted, BLOCK)
    new = tuple(range(first, end))
    is_unchanged = Equals(codec.SLOTS, first, or_absent=first == 0)
    return Taken(new[:wanted], (is_unchanged,), end, opened=new[wanted:])


def freed(shard: Shard, slot: int) -> tuple[int, ...]:
    """Return the slot of a deleted title if it becomes free, or nothing if there is no room."""
    return (slot,) if slot < shard.slots and len(shard.free) < MOST_FREE else ()


def shard_of(tally: Mapping[str, Any]) -> Shard:
    """Decode a tally, which is empty if it is missing."""
    total, slots = (codec.read_count(tally, name) for name in (codec.TOTAL, codec.SLOTS))
    lists = codec.read_lists(tally)
    return Shard(total, codec.read_version(tally), slots, codec.read_free(tally), lists=lists)

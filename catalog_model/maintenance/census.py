"""Sums over the table for comparisons across items: the counts, and the slots as checksums.

Each shard has the sum of a hash of every title with its slot and the listing that belongs there,
and the sum of a hash of every slot with its title and the listing found. They are equal if all of
them match, else with probability 2**-128. An unreadable title is counted only if its slot names it,
with the genres of its memberships.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.typed_json import Item
from catalog_model.maintenance.findings import Finding, Problem
from catalog_model.table import evolution, keys
from catalog_model.table.slots import Shard as TallyOfShard
from catalog_model.table.title_items import Share, item_name

Shard = tuple[Kind, int]

MOST_FINDINGS: Final = 10_000
"""How many findings of one problem are listed; further ones are counted.

Each problem has its own limit, so the findings of one cannot hide those of another.
"""

_BITS: Final = 128


@dataclass(slots=True)
class Slots:
    """The sums of titles and slots of a shard."""

    titles: int = 0
    title_sum: int = 0
    slots: int = 0
    slot_sum: int = 0
    misfits: int = 0
    """Slots with a title that the tally does not count as taken."""

    def add(self, other: Slots) -> None:
        """Add the sums of another part of the table."""
        self.titles += other.titles
        self.slots += other.slots
        self.title_sum = (self.title_sum + other.title_sum) % 2**_BITS
        self.slot_sum = (self.slot_sum + other.slot_sum) % 2**_BITS
        self.misfits += other.misfits

    def agree(self) -> bool:
        """Return whether each title has its own slot, with its listing, and no other is taken."""
        return self.slots == self.titles and self.title_sum == self.slot_sum and not self.misfits


@dataclass(slots=True)
class Census:
    """The sums over a part of the table, or over all of it."""

    items: int = 0
    titles: int = 0
    outdated: int = 0
    more: Counter[Problem] = field(default_factory=Counter)
    _findings: dict[Problem, list[Finding]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[Shard, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    slots: dict[Shard, Slots] = field(default_factory=lambda: defaultdict(Slots))

    @property
    def findings(self) -> list[Finding]:
        """The listed findings."""
        return [finding for found in self._findings.values() for finding in found]

    def add(self, other: Census) -> None:
        """Add another part of the table."""
        self.items += other.items
        self.titles += other.titles
        self.outdated += other.outdated
        self.more.update(other.more)
        self.note(other.findings)
        for shard, counts in other.counts.items():
            self.counts[shard].update(counts)
        for shard, slots in other.slots.items():
            self.slots[shard].add(slots)

    def note(self, findings: Iterable[Finding]) -> None:
        """Record findings: list them up to the limit, then only count them."""
        for finding in findings:
            kept = self._findings[finding.problem]
            if len(kept) < MOST_FINDINGS:
                kept.append(finding)
            else:
                self.more[finding.problem] += 1

    def count(self, item: Item, shards: Mapping[Shard, TallyOfShard]) -> None:
        """Count one item, with the tallies of all *shards*; `enrol` adds a title's share."""
        self.items += 1
        name = item_name(item)
        self.outdated += name is not None and evolution.is_outdated(item)
        if isinstance(name, keys.SlotItem):
            sums = self.slots[name.kind, name.shard]
            sums.slots += 1
            tally = shards.get((name.kind, name.shard))
            sums.misfits += tally is not None and not tally.is_taken(name.number)
            sums.slot_sum = (sums.slot_sum + _hash(name.number, item)) % 2**_BITS

    def enrol(self, share: Share, slot: Item | None) -> None:
        """Add a title's share to its shard, with the item that belongs in its slot."""
        shard = share.key.kind, keys.shard_of(share.key)
        self.counts[shard].update(share.counts)
        sums = self.slots[shard]
        sums.titles += 1
        sums.title_sum = (sums.title_sum + _hash(share.slot, slot)) % 2**_BITS


def _hash(slot: int | None, item: Item | None) -> int:
    """Return a hash of a slot and its item, with its version as of today."""
    content = sorted(evolution.upgraded(item).items()) if item else None
    digest = blake2b(f"{slot}{content!r}".encode(), digest_size=_BITS // 8).digest()
    return int.from_bytes(digest, "big")

"""Sums over the table for comparisons across items: the counts, and the slots as checksums.

Each shard has the sum of a hash of every title with its slot, and the sum of a hash of every slot
with its title. They are equal if titles and slots name each other, else with probability 2**-128.
An unreadable title is counted only if its slot names it, with the genres of its memberships.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.typed_json import Item
from catalog_model.maintenance.findings import Finding, Problem
from catalog_model.table import codec, evolution, keys
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
    last: int = -1

    def add(self, other: Slots) -> None:
        """Add the sums of another part of the table."""
        self.titles += other.titles
        self.slots += other.slots
        self.title_sum = (self.title_sum + other.title_sum) % 2**_BITS
        self.slot_sum = (self.slot_sum + other.slot_sum) % 2**_BITS
        self.last = max(self.last, other.last)

    def agree(self) -> bool:
        """Return whether each title has its own slot and the slot numbers have no gaps."""
        is_dense = self.slots == self.titles == self.last + 1
        return is_dense and self.title_sum == self.slot_sum


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

    def count(self, item: Item) -> None:
        """Count one item; `enrol` adds the title's share."""
        self.items += 1
        name = item_name(item)
        self.outdated += name is not None and evolution.is_outdated(item)
        if isinstance(name, keys.SlotItem):
            slots = self.slots[name.kind, name.shard]
            slots.slots += 1
            slots.last = max(slots.last, name.number)
            owner = item.get(codec.TITLE_ID, {}).get("N", "")
            slots.slot_sum = (slots.slot_sum + _hash(name.number, owner)) % 2**_BITS

    def enrol(self, share: Share) -> None:
        """Add a title's share to its shard."""
        shard = share.key.kind, keys.shard_of(share.key)
        self.counts[shard].update(share.counts)
        slots = self.slots[shard]
        slots.titles += 1
        slots.title_sum = (slots.title_sum + _hash(share.slot, share.key.id)) % 2**_BITS


def _hash(slot: object, title_id: object) -> int:
    digest = blake2b(f"{slot}#{title_id}".encode(), digest_size=_BITS // 8).digest()
    return int.from_bytes(digest, "big")

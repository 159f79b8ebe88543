"""Plans that put derived data right again. Pure: what is there in, plans out.

Each plan holds only as long as what it was made of: it checks the version of the title, or of the
tally, that it saw. A title's own record is never written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from catalog_model import codec, evolution, keys
from catalog_model.codec import Item
from catalog_model.findings import TitleRecord, counts_in, key_of, name_of, read_title
from catalog_model.keys import ItemKey, Kind, TitleKey
from catalog_model.plan import (
    MAX_ACTIONS,
    Absent,
    Check,
    Delete,
    Known,
    Operation,
    Plan,
    Put,
    Update,
    as_read,
    own_sets,
    title_as_read,
)

SLOTS_AT_ONCE: Final = 30
"""How many slots one transaction gives away: two actions each, and what is checked."""


def plan_collection(items: Iterable[Item]) -> Plan:
    """Plan the copies of one title from its own item; without that item, their end.

    Empty where nothing is to be done, or nothing can be: where the title's own item cannot be read
    or is of another schema. Older copies are left as they are where nothing else is wrong with
    them. Of very many changes the first, to be planned anew after them.
    """
    by_key = {key_of(item): item for item in items}
    copies = {key: item for key, item in by_key.items() if _is_copy(item)}
    own = [item for item in by_key.values() if isinstance(name_of(item), keys.TitleItem)]
    if not own:
        orphans = [Delete(key) for key, item in copies.items() if not evolution.is_newer(item)]
        return _guarded(Check(_title_key(next(iter(copies))), Absent()), orphans) if copies else ()
    record = read_title(own[0])
    if record is None or not evolution.is_known(own[0]):
        return ()
    expected = {key_of(copy): copy for copy in codec.encode_copies(record.title)}
    changes: list[Operation] = [
        Put(copy) for key, copy in expected.items() if _is_due(copies.get(key, {}), copy)
    ]
    changes += [
        Delete(key)
        for key, item in copies.items()
        if key not in expected and not evolution.is_newer(item)
    ]
    return _guarded(Check(keys.title_key(record.title.key), title_as_read(record.version)), changes)


def _guarded(check: Check, changes: list[Operation] | list[Delete]) -> Plan:
    return (check, *changes[: MAX_ACTIONS - 1]) if changes else ()


def _is_due(found: Item, expected: Item) -> bool:
    return evolution.upgraded(found) != expected and not evolution.is_newer(found)


def _is_copy(item: Item) -> bool:
    return isinstance(name_of(item), keys.ListingItem | keys.MembershipItem)


def _title_key(copy: ItemKey) -> ItemKey:
    return ItemKey(copy.PK, copy.PK)


@dataclass(slots=True)
class ShardState:
    """All that a shard holds: its titles, its slots and its tally."""

    kind: Kind
    shard: int
    tally: Item = field(default_factory=dict)
    titles: dict[TitleKey, TitleRecord] = field(default_factory=dict)
    owners: dict[int, TitleKey | None] = field(default_factory=dict)
    """Who each slot names; None where that cannot be read."""

    @property
    def version(self) -> int:
        """The version of the tally: it changes with every title that comes or goes."""
        return codec.read_int(self.tally, codec.VERSION)

    @property
    def counts(self) -> dict[str, int]:
        """What the tally should count, by the names of its attributes."""
        titles = (record.title for record in self.titles.values())
        return dict(Counter(n for title in titles for n in codec.tally_attributes(title)))


def plans_for_shard(state: ShardState) -> Iterator[Plan]:
    """Plan what a shard's counts and slots need, each plan for the state that the one before left.

    All hold only while no title comes or goes in the shard.
    """
    version = state.version
    tally = _plan_counts(state)
    if tally:
        yield tally
        version += 1
    guard = Check(keys.tally_key(state.kind, state.shard), as_read(version))
    changes = list(_slot_changes(state))
    for at in range(0, len(changes), SLOTS_AT_ONCE):
        some = changes[at : at + SLOTS_AT_ONCE]
        yield (guard, *(operation for change in some for operation in change))


def _plan_counts(state: ShardState) -> Plan:
    expected, found = state.counts, counts_in(state.tally)
    if expected == found:
        return ()
    zeros = dict.fromkeys(found.keys() - expected.keys(), 0)
    own = dict(own_sets(keys.TallyItem(state.kind, state.shard)))
    sets: dict[str, int | str] = {**own, **expected, **zeros}
    return (
        Update(
            keys.tally_key(state.kind, state.shard),
            sets=tuple(sorted(sets.items())),
            adds=((codec.VERSION, 1),),
            condition=Known(as_read(state.version)),
        ),
    )


def _slot_changes(state: ShardState) -> Iterator[Plan]:
    """Give each title without a slot of its own one that nobody has, and end what lies beyond."""
    count = len(state.titles)
    kept = {
        number: owner
        for number, owner in state.owners.items()
        if number < count and owner in state.titles and state.titles[owner].slot == number
    }
    settled = set(kept.values())
    homeless = [record for key, record in state.titles.items() if key not in settled]
    holes = (number for number in range(count) if number not in kept)
    for record, number in zip(homeless, holes, strict=True):
        yield _moved(record, number)
    for number in sorted(state.owners):
        if number >= count:
            yield (Delete(keys.slot_key(state.kind, state.shard, number), Known()),)


def _moved(record: TitleRecord, slot: int) -> Plan:
    return (
        Put(codec.encode_slot(record.title.key, slot), Known()),
        Update(
            keys.title_key(record.title.key),
            sets=((codec.SLOT, slot),),
            adds=((codec.VERSION, 1),),
            condition=Known(title_as_read(record.version)),
        ),
    )


def described(operation: Operation) -> str:
    """Say in a line what an operation does."""
    match operation:
        case Put(item):
            return f"put {' | '.join(key_of(item))}"
        case Delete(key):
            return f"delete {' | '.join(key)}"
        case Update(key, sets):
            ours = (codec.SCHEMA, codec.TYPE)
            own = ", ".join(f"{name}={value}" for name, value in sets if name not in ours)
            return f"set {own} in {' | '.join(key)}"
    return f"check {' | '.join(operation.key)}"

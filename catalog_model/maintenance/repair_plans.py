"""Plans that repair derived data. Pure: the current state in, plans out.

Each plan is valid only as long as its source has not changed: it checks the version of the title,
or of the tally. Of a title's own item only the package's own attributes are written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Final

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import (
    Absent,
    Check,
    Condition,
    Delete,
    Equals,
    NotNewer,
    Operation,
    Plan,
    Put,
    Update,
)
from catalog_model.dynamodb.limits import (
    MAX_ITEM_BYTES,
    MAX_TRANSACTION_ACTIONS,
    MAX_TRANSACTION_BYTES,
)
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey, number
from catalog_model.errors import SchemaMismatchError
from catalog_model.maintenance.findings import INDEX_ATTRIBUTES, counts_in, is_valid_item
from catalog_model.table import codec, evolution, keys
from catalog_model.table.plan import Stored, as_read, own_sets, title_as_read
from catalog_model.table.title_items import Share, TitleItems, key_of, read_items

SLOTS_AT_ONCE: Final = 30
"""How many slots one transaction assigns: two actions each, plus the checks."""

COUNTS_AT_ONCE: Final = 100
"""How many counts one update sets: an expression has at most 4 KB."""


def plan_collection(items: Iterable[Item]) -> Plan:
    """Plan the copies of one title from its own item; without that item, their deletion.

    Missing package attributes of its own item are planned as well. The plan is empty if nothing has
    to be done, or nothing can be: the item is unreadable or of a newer version. Older copies are
    left as they are. A plan of more than one transaction has the first changes only.
    """
    of_title = read_items(items)
    if not of_title.copies and of_title.own is None:
        return ()
    title = keys.title_key(of_title.key)
    if of_title.own is None:
        return _guarded(Check(title, Absent()), _deletions(of_title.copies))
    if of_title.record is None or evolution.is_newer(of_title.own):
        return ()
    changes = _due_copies(of_title, of_title.record)
    as_it_was = title_as_read(of_title.record.version)
    if is_valid_item(of_title.own):
        return _guarded(Check(title, as_it_was), changes)
    return (_stamp(of_title.own, as_it_was), *_as_many_as_fit(changes))


def _due_copies(of_title: TitleItems, record: Stored) -> Iterator[Operation]:
    expected = {key_of(copy): copy for copy in codec.encode_copies(record.title)}
    for key, copy in expected.items():
        if _is_due(of_title.copies.get(key, {}), copy) and item_size(copy) <= MAX_ITEM_BYTES:
            yield Put(copy)
    yield from _deletions({k: i for k, i in of_title.copies.items() if k not in expected})


def _deletions(copies: Mapping[ItemKey, Item]) -> Iterator[Operation]:
    return (Delete(key) for key, item in copies.items() if not evolution.is_newer(item))


def _guarded(check: Check, changes: Iterator[Operation]) -> Plan:
    some = tuple(_as_many_as_fit(changes))
    return (check, *some) if some else ()


def _as_many_as_fit(changes: Iterator[Operation]) -> Iterator[Operation]:
    """Yield as many changes as fit into one transaction with one more action."""
    size = 0
    for change in islice(changes, MAX_TRANSACTION_ACTIONS - 1):
        size += item_size(change.item) if isinstance(change, Put) else 0
        if size > MAX_TRANSACTION_BYTES:
            return
        yield change


def _is_due(found: Item, expected: Item) -> bool:
    return evolution.upgraded(found) != expected and not evolution.is_newer(found)


def _stamp(item: Item, condition: Condition) -> Update:
    """Plan an item's own attributes, except the version of an older one, and no index keys."""
    key = key_of(item)
    return Update(
        key,
        sets=() if evolution.is_outdated(item) else own_sets(keys.parse_key(*key)),
        adds=((codec.VERSION, 1),),
        condition=condition,
        removes=tuple(sorted(item.keys() & INDEX_ATTRIBUTES)),
    )


@dataclass(frozen=True, slots=True)
class Resident:
    """A title of a shard: its share, and the condition under which its slot may be written."""

    share: Share
    condition: Condition
    is_newer: bool


def resident(own: Item, share: Share, version: int) -> Resident:
    """Return the resident for a title that was read from its *own* item."""
    condition = _known(own, title_as_read(version))
    return Resident(share, condition, evolution.is_newer(own))


def _known(item: Item, condition: Equals | None = None) -> Condition:
    """Return the condition that no newer version wrote the item, if its version is valid."""
    says = item.get(codec.SCHEMA, number(codec.SCHEMA_VERSION)).get("N")
    is_asked = says is not None and Decimal(says) <= codec.SCHEMA_VERSION
    return NotNewer(condition) if is_asked else condition


@dataclass(slots=True)
class ShardState:
    """The contents of a shard: its titles, its slots and its tally."""

    kind: Kind
    shard: int
    tally: Item = field(default_factory=dict)
    titles: dict[TitleKey, Resident] = field(default_factory=dict)
    unreadable: dict[TitleKey, Share] = field(default_factory=dict)
    """Unreadable titles whose slots name them: they keep their slots."""
    slots: dict[int, Item] = field(default_factory=dict)
    owners: dict[int, TitleKey | None] = field(default_factory=dict)
    """The title named by each slot; None if that is unreadable."""

    @property
    def version(self) -> int:
        """The version of the tally, which changes with every creation and deletion."""
        return codec.read_version(self.tally)

    @property
    def key(self) -> ItemKey:
        """The key of the tally."""
        return keys.tally_key(self.kind, self.shard)

    def close_gaps(self) -> None:
        """Drop slots of unreadable titles that would lie beyond the end without gaps."""
        while True:
            count = len(self.titles) + len(self.unreadable)
            beyond = [k for k, share in self.unreadable.items() if (share.slot or 0) >= count]
            if not beyond:
                return
            for key in beyond:
                del self.unreadable[key]

    @property
    def counts(self) -> dict[str, int]:
        """The counts that the tally should have, by attribute name."""
        shares = [*(each.share for each in self.titles.values()), *self.unreadable.values()]
        return dict(Counter(name for share in shares for name in share.counts))


def plans_for_shard(state: ShardState) -> Iterator[Plan]:
    """Plan the repair of a shard's counts and slots, each plan for the state after the last.

    All plans are valid only while no title of the shard is created or deleted.
    """
    evolution.check_not_newer(state.tally)
    state.close_gaps()
    version = state.version
    for update in _plan_tally(state):
        yield (update,)
        version += 1
    guard = Check(state.key, as_read(version))
    changes = list(_slot_changes(state))
    for at in range(0, len(changes), SLOTS_AT_ONCE):
        some = changes[at : at + SLOTS_AT_ONCE]
        yield (guard, *(operation for change in some for operation in change))


def _plan_tally(state: ShardState) -> Iterator[Update]:
    """Set the wrong counts, and the tally's own attributes."""
    expected, found = state.counts, counts_in(state.tally)
    names = expected.keys() | found.keys()
    wrong = sorted(name for name in names if expected.get(name) != found.get(name))
    is_valid = not state.tally or is_valid_item(state.tally)
    if is_valid and not wrong:
        return
    own: dict[str, int | str] = dict(own_sets(keys.TallyItem(state.kind, state.shard)))
    for part, at in enumerate(range(0, max(len(wrong), 1), COUNTS_AT_ONCE)):
        counts = {name: expected.get(name, 0) for name in wrong[at : at + COUNTS_AT_ONCE]}
        before = {} if part else state.tally
        yield Update(
            state.key,
            sets=tuple(sorted({**own, **counts}.items())),
            adds=((codec.VERSION, 1),),
            condition=_known(before, as_read(state.version + part)),
            removes=tuple(sorted(before.keys() & INDEX_ATTRIBUTES)),
        )


def _slot_changes(state: ShardState) -> Iterator[Plan]:
    """Assign free slots to titles without their own slot, and delete slots beyond the end."""
    count = len(state.titles) + len(state.unreadable)
    kept = {
        number: owner
        for number, owner in state.owners.items()
        if number < count and owner is not None and _slot_named_by(state, owner) == number
    }
    settled = set(kept.values())
    homeless = [each for key, each in state.titles.items() if key not in settled]
    holes = (number for number in range(count) if number not in kept)
    for each, slot in zip(homeless, holes, strict=True):
        if each.is_newer:
            raise SchemaMismatchError(
                f"a newer version of this package wrote {each.share.key.kind} {each.share.key.id}, "
                "which has no slot of its own: update catalog-model"
            )
        yield _moved(each, slot, state.slots.get(slot, {}))
    for slot, item in sorted(state.slots.items()):
        evolution.check_not_newer(item if slot not in kept else {})
        if slot >= count:
            yield (Delete(key_of(item), _known(item)),)
        elif slot in kept and not is_valid_item(item) and not evolution.is_newer(item):
            yield (Put(codec.encode_slot(kept[slot], slot), _known(item)),)


def _slot_named_by(state: ShardState, title: TitleKey) -> int | None:
    if title in state.unreadable:
        return state.unreadable[title].slot
    return state.titles[title].share.slot if title in state.titles else None


def _moved(title: Resident, slot: int, before: Item) -> Plan:
    evolution.check_not_newer(before)
    return (
        Put(codec.encode_slot(title.share.key, slot), _known(before)),
        Update(
            keys.title_key(title.share.key),
            sets=((codec.SLOT, slot),),
            adds=((codec.VERSION, 1),),
            condition=title.condition,
        ),
    )


def described(operation: Operation) -> str:
    """Return a one-line description of an operation."""
    match operation:
        case Put(item):
            return f"put {' | '.join(key_of(item))}"
        case Delete(key):
            return f"delete {' | '.join(key)}"
        case Update(key, sets):
            own = (codec.SCHEMA, codec.TYPE)
            shown = [each for each in sets if each[0] not in own] or sets
            changes = [f"{name}={value}" for name, value in shown]
            changes += [f"no {name}" for name in operation.removes]
            return f"set {', '.join(changes or [codec.VERSION])} in {' | '.join(key)}"
    return f"check {' | '.join(operation.key)}"

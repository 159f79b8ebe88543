"""Plans that repair a shard: its counts, its slots, and which are free. Pure.

Each plan is valid only as long as no title of the shard is created or deleted, which the version of
its tally shows. A title keeps a slot that names it. Other titles get empty ones, and with them
their listings. In a shard with many unlisted slots, the titles in the highest ones move down.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Any, Final

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import Check, Delete, Equals, Operation, Plan, Put, Update
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.limits import MAX_PUT_BYTES, MAX_TRANSACTION_ACTIONS
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import SchemaMismatchError
from catalog_model.maintenance.findings import (
    INDEX_ATTRIBUTES,
    check_tally,
    counts_in,
    is_valid_item,
)
from catalog_model.maintenance.repair_plans import known
from catalog_model.maintenance.tallies import agreed_spread
from catalog_model.table import codec, evolution, keys
from catalog_model.table.plan import Stored, as_read, own_sets, title_as_read
from catalog_model.table.slots import MOST_FREE, Shard, are_sparse
from catalog_model.table.spread import statement_in
from catalog_model.table.title_items import Share, expected_slot, key_of

MOVES_AT_ONCE: Final = 30
"""How many titles get slots in one transaction: three actions each, plus the check."""

COUNTS_AT_ONCE: Final = 100
"""How many counts one update sets: an expression has at most 4 KB."""

ReadTitles = Callable[[list[TitleKey]], Mapping[TitleKey, tuple[Item, Stored]]]
"""Reads titles' own items, with what can be decoded of them."""


@dataclass(frozen=True, slots=True)
class Resident:
    """A title of a shard: its share, and whether it may be given another slot."""

    share: Share
    is_newer: bool = False
    is_too_large: bool = False


@dataclass(slots=True)
class ShardState:
    """The contents of a shard: its tally, its titles, and its slots."""

    kind: Kind
    shard: int
    tally: Item = field(default_factory=dict)
    others: Mapping[ItemKey, Item] = field(default_factory=dict)
    """The other tallies of the table, which state the same about lists."""
    titles: dict[TitleKey, Resident] = field(default_factory=dict)
    unreadable: dict[TitleKey, Share] = field(default_factory=dict)
    """Unreadable titles whose slots name them: they keep their slots."""
    slots: dict[int, Item] = field(default_factory=dict)
    """The items in the slots, without their copies."""
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

    @property
    def counts(self) -> dict[str, int]:
        """The counts that the tally should have, by attribute name."""
        shares = [*(each.share for each in self.titles.values()), *self.unreadable.values()]
        return dict(Counter(name for share in shares for name in share.counts))

    def slot_named_by(self, title: TitleKey) -> int | None:
        """Return the slot that a title of this shard names."""
        if title in self.unreadable:
            return self.unreadable[title].slot
        return self.titles[title].share.slot if title in self.titles else None


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the titles of a shard belong."""

    moves: Mapping[TitleKey, int]
    """The new slots of titles without one, and of those that leave a sparse shard's upper end."""
    sources: Mapping[TitleKey, int]
    """The slots that these leave."""
    strays: list[int]
    """The slots with surplus items."""
    opened: int
    """The number of slots before and during the moves."""
    end: int
    """The number of slots after them."""
    free: frozenset[int]


def plans_for_shard(state: ShardState, read: ReadTitles) -> Iterator[Plan]:
    """Plan the repair of a shard, each plan for the state after the last one.

    All plans are valid only while no title of the shard is created or deleted.
    """
    evolution.check_not_newer(state.tally)
    version = state.version
    before, wrong = check_tally(state.kind, state.shard, state.tally)
    layout = _layout(state, before)
    is_set = not wrong or bool(before.free)
    for update in _tally_updates(state, before, layout, is_set=is_set):
        yield (replace(update, condition=known(state.tally, as_read(version))),)
        version += 1
    statement = _statement(state, version)
    if statement:
        yield statement
        version += 1
    guard = Check(state.key, as_read(version))
    _check_not_newer(state, layout)
    yield from _moves(state, layout, guard, read)
    yield from _deletions(state, layout, guard)
    if layout.end < layout.opened:
        sets = ((codec.SLOTS, layout.end),)
        yield (_update(state, sets, condition=known(state.tally, as_read(version))),)


def _layout(state: ShardState, before: Shard) -> _Layout:
    named = {t: n for n, t in state.owners.items() if t and state.slot_named_by(t) == n}
    shrunk = _end_if_sparse(state, before, named)
    settled = {t: n for t, n in named.items() if shrunk is None or n < shrunk}
    sources = {t: n for t, n in named.items() if t not in settled}
    homeless = [
        title
        for title, each in state.titles.items()
        if title not in settled and not each.is_too_large
    ]
    held = {*named.values()}
    moves = _new_slots(state, homeless, {*held}, before.slots if shrunk is None else shrunk)
    taken = {*settled.values(), *moves.values()}
    opened = max([before.slots, *(n + 1 for n in (*taken, *sources.values()))])
    end = opened if shrunk is None else max([shrunk, *(n + 1 for n in taken)])
    opened = opened if sources else end
    left = held.difference(settled.values())
    strays = sorted(state.slots.keys() - taken - left)
    return _Layout(moves, sources, strays, opened, end, _free(state, before, taken, end))


def _new_slots(
    state: ShardState, titles: list[TitleKey], held: set[int], end: int
) -> dict[TitleKey, int]:
    """Return an empty slot for each of these titles: the one that it names, or any."""
    slots: dict[TitleKey, int] = {}
    for title in titles:
        slot = state.slot_named_by(title)
        if slot is not None and slot < end and slot not in held and slot not in state.slots:
            slots[title] = slot
            held.add(slot)
    empty = (n for n in count() if n not in held)
    return slots | dict(zip((t for t in titles if t not in slots), empty, strict=False))


def _end_if_sparse(state: ShardState, before: Shard, named: Mapping[TitleKey, int]) -> int | None:
    """Return the number of slots to which a sparse shard shrinks; None if it is not sparse.

    Titles move down only where ending after the last of them is not enough. Those that cannot move
    limit it.
    """
    titles = len(state.titles) + len(state.unreadable)
    last = max((n + 1 for n in named.values()), default=0)
    if not _is_sparse(max(before.slots, last), titles):
        return None
    if not _is_sparse(last, titles):
        return max(last, titles)
    newer = (title for title, each in state.titles.items() if each.is_newer)
    fixed = (named[title] + 1 for title in (*state.unreadable, *newer) if title in named)
    return max([titles, *fixed])


def _is_sparse(slots: int, titles: int) -> bool:
    return are_sparse(slots, min(MOST_FREE, slots - titles), titles)


def _free(state: ShardState, before: Shard, taken: set[int], end: int) -> frozenset[int]:
    """Return the slots to list as free: those listed already, and others while there is room."""
    listed = {n for n in before.free if n < end and n not in taken and n not in state.slots}
    empty = (n for n in range(end) if n not in taken | listed and n not in state.slots)
    return frozenset(listed).union(islice(empty, max(0, MOST_FREE - len(listed))))


def _tally_updates(
    state: ShardState, before: Shard, layout: _Layout, *, is_set: bool
) -> Iterator[Update]:
    """Set the wrong counts, the slots, and the tally's own attributes."""
    expected, found = state.counts, counts_in(state.tally)
    names = expected.keys() | found.keys()
    sets = [(n, expected.get(n, 0)) for n in sorted(names) if expected.get(n) != found.get(n)]
    if before.slots != layout.opened or not is_set:
        sets.append((codec.SLOTS, layout.opened))
    surplus, missing = before.free - layout.free, layout.free - before.free
    is_valid = is_set and (not state.tally or is_valid_item(state.tally))
    if is_valid and not sets and not surplus and not missing:
        return
    removed = INDEX_ATTRIBUTES if is_set else INDEX_ATTRIBUTES | {codec.FREE}
    yield _update(
        state,
        tuple(sets[:COUNTS_AT_ONCE]),
        removes=tuple(sorted(state.tally.keys() & removed)),
        excludes=((codec.FREE, tuple(sorted(surplus))),) if surplus else (),
    )
    for at in range(COUNTS_AT_ONCE, len(sets), COUNTS_AT_ONCE):
        yield _update(state, tuple(sets[at : at + COUNTS_AT_ONCE]))
    if missing:  # an expression names an attribute once
        yield _update(state, (), includes=((codec.FREE, tuple(sorted(missing))),))


def _statement(state: ShardState, version: int) -> Plan:
    """Make a tally state the same about lists as most others, as long as these do.

    All tallies state the same, and change together, so the version of one is enough.
    """
    spread = agreed_spread([*state.others.values(), state.tally])
    wanted, found = spread.statement(), statement_in(state.tally)
    if found == wanted:
        return ()
    guards = (
        Check(at, as_read(codec.read_version(item)))
        for at, item in state.others.items()
        if agreed_spread([item]) == spread
    )
    update = _update(
        state,
        tuple(spread.attributes().items()),
        removes=tuple(sorted(found.keys() - wanted.keys())),
        condition=known(state.tally, as_read(version)),
    )
    return (*islice(guards, 1), update)


def _update(state: ShardState, sets: tuple[tuple[str, int], ...], **changes: Any) -> Update:
    own = own_sets(keys.TallyItem(state.kind, state.shard))
    return Update(state.key, sets=(*own, *sets), adds=((codec.VERSION, 1),), **changes)


def _check_not_newer(state: ShardState, layout: _Layout) -> None:
    for title in layout.moves:
        if state.titles[title].is_newer:
            raise SchemaMismatchError(
                f"a newer version of this package wrote {title.kind} {title.id}, "
                "which has no slot of its own: update catalog-model"
            )
    for slot in (*layout.strays, *layout.moves.values()):
        evolution.check_not_newer(state.slots.get(slot, {}))


def _moves(state: ShardState, layout: _Layout, guard: Check, read: ReadTitles) -> Iterator[Plan]:
    """Assign slots to titles, as many at a time as a transaction holds."""
    titles = list(layout.moves)
    for at in range(0, len(titles), MOVES_AT_ONCE):
        some = titles[at : at + MOVES_AT_ONCE]
        found = read(some)
        if any(title not in found for title in some):
            raise LostRaceError("a title of the shard was deleted meanwhile")
        planned: list[Operation] = []
        size = 0
        for title in some:
            move, bytes_ = _move(state, layout, title, *found[title])
            if size + bytes_ > MAX_PUT_BYTES:
                yield (guard, *planned)
                planned, size = [], 0
            planned += move
            size += bytes_
        yield (guard, *planned)


def _move(
    state: ShardState, layout: _Layout, title: TitleKey, own: Item, record: Stored
) -> tuple[Plan, int]:
    """Plan a title's new slot; return the size of what is written, too."""
    slot, source = layout.moves[title], layout.sources.get(title)
    listing = expected_slot(replace(record, slot=slot))
    if listing is None or record.slot != state.slot_named_by(title):
        raise LostRaceError(f"{title.kind} {title.id} got another slot meanwhile")
    is_own = Equals(codec.TITLE_ID, title.id)
    leaving: Plan = ()
    if source is not None:
        condition = known(state.slots.get(source, {}), is_own)
        leaving = (Delete(keys.listing_key(title, source), condition),)
    return (
        Put(listing, known(state.slots.get(slot, {}))),
        *leaving,
        Update(
            keys.title_key(title),
            sets=((codec.SLOT, slot),),
            adds=((codec.VERSION, 1),),
            condition=known(own, title_as_read(record.version)),
        ),
    ), item_size(listing)


def _deletions(state: ShardState, layout: _Layout, guard: Check) -> Iterator[Plan]:
    """Delete the surplus items in slots."""
    for at in range(0, len(layout.strays), MAX_TRANSACTION_ACTIONS - 1):
        some = layout.strays[at : at + MAX_TRANSACTION_ACTIONS - 1]
        yield (guard, *(Delete(key_of(state.slots[n]), known(state.slots[n])) for n in some))

"""The course of every write: read, plan, send, and again after a lost race.

If a condition fails, or an attribute has another type than the plan assumes, although the title and
the counts of its shard are still as they were read, no concurrent change can be the reason: the
table contradicts itself there. The second reading shows that, and the error names the item.
"""

import random
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final, Generic, NamedTuple, TypeVar

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import Plan, as_sent, key_of
from catalog_model.dynamodb.conversation import (
    Conversation,
    Query,
    batch_get,
    batch_get_parts,
    get,
    query,
    transact,
)
from catalog_model.dynamodb.failures import MISFIT, LostRaceError, answer_in
from catalog_model.dynamodb.retries import MAX_RACES, racing
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.errors import ConflictError
from catalog_model.table import evolution, keys
from catalog_model.table.encoded import VERSION_BITS
from catalog_model.table.plan import Stored, plan_move
from catalog_model.table.slots import Shard, shard_of
from catalog_model.table.title_items import read_stored, slot_owner

_T = TypeVar("_T")

REFUSED: Final = ("ConditionalCheckFailed", MISFIT)
"""The codes of actions that do not fit the stored item."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The readings of a write: the title, its shard, and, if read, whether its slot names it."""

    stored: Stored | None
    shard: Shard = field(default_factory=Shard)
    owns_slot: bool = True
    has_tally: bool = True
    """Whether its shard has a tally, or none was read."""

    @property
    def is_enrolled(self) -> bool:
        """Whether the title exists and has a slot."""
        return self.stored is not None and self.stored.slot is not None


class Planned(NamedTuple, Generic[_T]):
    """A plan, empty if nothing has to be written, and the result of the write."""

    operations: Plan
    result: _T


def read_snapshot(key: TitleKey, *, with_shard: bool) -> Conversation[Snapshot]:
    """Read a title consistently; *with_shard* with the tally of its shard."""
    at = keys.title_key(key)
    if not with_shard:
        item = yield from get(at, consistent=True)
        return Snapshot(read_stored(key, item))
    number = keys.shard_of(key)
    tally = keys.tally_key(key.kind, number)
    found = yield from batch_get((at, tally), consistent=True)
    shard = _shard_in(found.get(tally, {}))
    snapshot = Snapshot(read_stored(key, found.get(at)), shard, has_tally=tally in found)
    if snapshot.is_enrolled:
        return snapshot
    (shard,) = yield from _with_unlisted(key.kind, {number: snapshot.shard})
    return replace(snapshot, shard=shard)


def read_shards(kind: Kind) -> Conversation[list[Shard]]:
    """Read the tallies of all shards: one BatchGetItem."""
    at = keys.tally_keys(kind)
    found = yield from batch_get(at, consistent=True)
    if len(found) < keys.SHARDS and (yield from move_tallies(kind)) > found.keys():
        found = yield from batch_get(at, consistent=True)
    shards = {number: _shard_in(found.get(key, {})) for number, key in enumerate(at)}
    return (yield from _with_unlisted(kind, shards))


def move_tallies(kind: Kind) -> Conversation[AbstractSet[ItemKey]]:
    """Move the tallies of a kind, if an older version wrote them; return the keys of those there.

    The tallies move together, in one transaction. A kind without titles has none.
    """
    current = set(keys.tally_keys(kind))
    found = yield from query(Query(keys.tallies_pk(kind), consistent=True))
    there = current & set(map(primary_key, found))
    if there:
        return there
    at = keys.former_tally_keys(kind)
    former = yield from batch_get(at, consistent=True)
    items = [former.get(key, {}) for key in at]
    if not any(items):
        return set()
    if any(map(evolution.is_former, items)):
        yield from transact(plan_move(kind, items))
    # Otherwise another writer moved them after the first read.
    return current


def _with_unlisted(kind: Kind, shards: Mapping[int, Shard]) -> Conversation[list[Shard]]:
    """Look for unlisted slots in shards that have few free ones and many of these."""
    draw = first_version()
    places = {
        keys.slot_key(kind, number, slot): (number, slot)
        for number, shard in shards.items()
        for slot in shard.places_to_look(draw)
    }
    taken = yield from batch_get_parts(places, ("PK", "SK"))
    empty: dict[int, list[int]] = {number: [] for number in shards}
    for number, slot in (places[at] for at in places.keys() - set(map(primary_key, taken))):
        empty[number].append(slot)
    return [replace(s, unlisted=tuple(sorted(empty[number]))) for number, s in shards.items()]


def _shard_in(tally: Item) -> Shard:
    evolution.check_not_newer(tally)
    return shard_of(tally)


def first_version() -> int:
    """Return a random version, so a title that is deleted and put again never has the old one."""
    return random.getrandbits(VERSION_BITS)


def read_owner(key: TitleKey, number: int) -> Conversation[TitleKey | None]:
    """Read the owner of a slot of the title's shard; None if it is missing or unreadable."""
    at = keys.slot_key(key.kind, keys.shard_of(key), number)
    slot = yield from get(at, consistent=True)
    evolution.check_not_newer(slot or {})
    return slot_owner(key.kind, slot) if slot else None


@dataclass(slots=True)
class Attempts(Generic[_T]):
    """One write: its readings, and the plan that follows from them.

    ``read_damage`` reads what the plan needs in a shard that contradicts itself; without it, such a
    write is refused.
    """

    key: TitleKey
    read: Callable[[], Conversation[Snapshot]]
    plan: Callable[[Snapshot], Planned[_T]]
    read_damage: Callable[[Snapshot], Conversation[Snapshot]] | None = None
    _before: Snapshot | None = None
    _around: Snapshot | None = None
    _race: LostRaceError | None = None
    _refused: tuple[ItemKey, ...] = ()
    """The items that the plan of the last attempt did not fit."""

    def run(self) -> Conversation[_T]:
        """Write until no concurrent change interferes, and return the result."""
        try:
            return (yield from racing(self._attempt))
        except LostRaceError as race:
            raise ConflictError(
                f"concurrent changes of {self.key.kind} {self.key.id} won {MAX_RACES} "
                "times in a row"
            ) from race

    def _attempt(self, _: int) -> Conversation[_T]:
        snapshot = yield from self._read()
        planned = self.plan(snapshot)
        if planned.operations and not snapshot.has_tally:
            tally = keys.tally_key(self.key.kind, keys.shard_of(self.key))
            if tally in (yield from move_tallies(self.key.kind)):
                planned = self.plan((yield from self._read()))
        if planned.operations:
            try:
                yield from transact(planned.operations)
            except LostRaceError as error:
                self._race, self._refused = error, refused_items(error, planned.operations)
                raise
        return planned.result

    def _read(self) -> Conversation[Snapshot]:
        """Read what the plan needs; after a refusal that no concurrent change explains, more."""
        snapshot = yield from self.read()
        if not self._refused or not self._is_as(self._before, snapshot):
            self._before = snapshot
            return snapshot
        if self.read_damage is None or self._is_as(self._around, snapshot):
            raise self._damaged() from self._race
        self._around = snapshot
        return (yield from self.read_damage(snapshot))

    def _is_as(self, before: Snapshot | None, now: Snapshot) -> bool:
        """Whether nothing has changed that explains the refusal.

        Other titles of the shard do not explain one by the title's own slot.
        """
        if before is None or before.stored is None or before.stored.slot is None:
            return before == now
        is_by_slot = self._refused == (keys.listing_key(self.key, before.stored.slot),)
        return before.stored == now.stored if is_by_slot else before == now

    def _damaged(self) -> ConflictError:
        where = ", ".join(" | ".join(key) for key in self._refused)
        return ConflictError(
            f"{self.key.kind} {self.key.id} was not written: the table is damaged at {where}, "
            "which contradicts the title or the counts of its shard, and no concurrent change is "
            "the reason; `catalog-model verify` reports it, `catalog-model repair` repairs it or "
            "has the reason why not"
        )


def refused_items(error: LostRaceError, planned: Plan) -> tuple[ItemKey, ...]:
    """Return the items that the plan does not fit; none if another transaction held an item.

    Their conditions failed, or one of their attributes has another type.
    """
    cause = error.__cause__
    answer = answer_in(cause) if isinstance(cause, Exception) else {}
    reasons = answer.get("CancellationReasons", [])
    codes = [reason.get("Code") for reason in reasons]
    if set(codes) - {*REFUSED, "None", None}:
        return ()
    pairs = zip(as_sent(planned), codes, strict=False)
    return tuple(key_of(operation) for operation, code in pairs if code in REFUSED)

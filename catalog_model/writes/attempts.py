"""What every write does: read, plan, send, and begin again where a concurrent change was faster.

A condition that fails while the title and the counts of its shard stay as they were read was not
overtaken by anything: what is there contradicts itself. That is told from a race by reading once
more, and is said at once, with the item.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.actions import Plan, as_sent, key_of
from catalog_model.dynamodb.failures import LostRaceError, answer_in
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import ConflictError, UnknownEntityError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.keys import SHARDS
from catalog_model.table.plan import Shard, Stored

TRIES: Final = 12
"""How often a write is planned anew before a conflict is given up: some seconds in all."""

FAILED: Final = "ConditionalCheckFailed"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a writer read: the title, and what it needs to know of its shard of the sampler."""

    stored: Stored | None
    shard: Shard = field(default_factory=lambda: Shard(0))

    @property
    def is_enrolled(self) -> bool:
        """Whether the title has a slot; one that is not there has none."""
        return self.stored is not None and self.stored.slot is not None


def read_snapshot(gateway: Gateway, key: TitleKey, *, with_shard: bool) -> Snapshot:
    """Read a title consistently, and with *with_shard* how many titles its shard has.

    Raises:
        SchemaMismatchError: If a newer version of this package wrote it: no write may follow.
        UnknownEntityError: If it cannot be read.
    """
    at = keys.title_key(key)
    if not with_shard:
        return Snapshot(read_stored(key, gateway.get(at, consistent=True)))
    tally = keys.tally_key(key.kind, keys.shard_of(key))
    found = gateway.batch_get((at, tally), consistent=True)
    return Snapshot(read_stored(key, found.get(at)), _shard_in(found.get(tally)))


def read_stored(key: TitleKey, item: Item | None) -> Stored | None:
    """Read a title's item with its version and its slot.

    Raises:
        SchemaMismatchError: If a newer version of this package wrote it.
        UnknownEntityError: If it cannot be read, or holds another title than its key says.
    """
    if item is None:
        return None
    evolution.check_not_newer(item)
    item = evolution.upgraded(item)
    title = codec.decode_title(item)
    if title.key != key:
        raise UnknownEntityError(f"the item of {key.kind} {key.id} holds {title!r}")
    slot = codec.read_count(item, codec.SLOT) if codec.SLOT in item else None
    return Stored(title, codec.read_version(item), slot)


def read_shards(gateway: Gateway, kind: Kind) -> list[Shard]:
    """Read how many titles each shard has, and of which version its tally is: one BatchGetItem.

    Raises:
        SchemaMismatchError: If a newer version of this package wrote a tally.
    """
    tallies = [keys.tally_key(kind, shard) for shard in range(SHARDS)]
    found = gateway.batch_get(tallies, consistent=True)
    return [_shard_in(found.get(tally)) for tally in tallies]


def _shard_in(tally: Item | None) -> Shard:
    counts = evolution.upgraded(tally or {})
    evolution.check_not_newer(counts)
    return Shard(codec.read_count(counts, codec.TOTAL), version=codec.read_version(counts))


def read_last_owner(gateway: Gateway, key: TitleKey, shard: Shard) -> TitleKey | None:
    """Tell who owns the last slot of the title's shard; None where nobody can be found."""
    return read_owner(gateway, key, shard.total - 1) if shard.total > 0 else None


def read_owner(gateway: Gateway, key: TitleKey, number: int) -> TitleKey | None:
    """Tell who owns a slot of the title's shard; None where nobody can be found.

    Raises:
        SchemaMismatchError: If a newer version of this package wrote it.
    """
    at = keys.slot_key(key.kind, keys.shard_of(key), number)
    slot = gateway.get(at, consistent=True)
    evolution.check_not_newer(slot or {})
    try:
        return codec.decode_slot(key.kind, slot) if slot else None
    except UnknownEntityError:
        return None


@dataclass(frozen=True, slots=True)
class Attempts:
    """One write: how it reads, and what it plans from that.

    ``plan`` gives None where what was read does not fit together, as readings of two moments may
    not. ``plan_around`` plans the same write past a damage, None where that cannot be done.
    """

    gateway: Gateway
    key: TitleKey
    read: Callable[[], Snapshot]
    plan: Callable[[Snapshot], Plan | None]
    plan_around: Callable[[Snapshot], Plan] | None = None

    def run(self) -> Snapshot:
        """Write until no concurrent change comes between; tell what was read last.

        Raises:
            ConflictError: If concurrent changes won every time, or the table is damaged there.
        """
        race: LostRaceError | None = None
        refused: tuple[ItemKey, ...] = ()
        before: Snapshot | None = None
        around: Snapshot | None = None
        planned: Plan | None
        for attempt in range(TRIES):
            snapshot = self.read()
            if refused and snapshot == before:  # nothing came between
                if self.plan_around is None or snapshot == around:
                    raise self._damaged(refused) from race
                planned, around = self.plan_around(snapshot), snapshot
            else:
                planned = self.plan(snapshot)
            if planned == ():
                return snapshot
            if planned is None:
                refused = (_last_slot(self.key, snapshot.shard),)
            else:
                try:
                    self.gateway.transact(planned)
                except LostRaceError as error:
                    race, refused = error, refused_items(error, planned)
                else:
                    return snapshot
            before = snapshot
            waits.rest(waits.pause(attempt) / 4)
        raise ConflictError(
            f"concurrent changes of {self.key.kind} {self.key.id} won {TRIES} times in a row"
        ) from race

    def _damaged(self, refused: tuple[ItemKey, ...]) -> ConflictError:
        where = ", ".join(" | ".join(key) for key in refused)
        return ConflictError(
            f"{self.key.kind} {self.key.id} was not written: the table is damaged at {where}, "
            "which contradicts the title or the counts of its shard; no concurrent change did "
            "that: `catalog-model verify` shows it, `catalog-model repair` mends it"
        )


def refused_items(error: LostRaceError, planned: Plan) -> tuple[ItemKey, ...]:
    """Name the items whose conditions failed; none where another transaction was at an item."""
    cause = error.__cause__
    answer = answer_in(cause) if isinstance(cause, Exception) else {}
    reasons = answer.get("CancellationReasons", [])
    codes = [reason.get("Code") for reason in reasons]
    if set(codes) - {FAILED, "None", None}:
        return ()
    pairs = zip(as_sent(planned), codes, strict=False)
    return tuple(key_of(operation) for operation, code in pairs if code == FAILED)


def _last_slot(key: TitleKey, shard: Shard) -> ItemKey:
    return keys.slot_key(key.kind, keys.shard_of(key), max(0, shard.total - 1))

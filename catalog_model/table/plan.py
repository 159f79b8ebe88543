"""Plans of writes: the operations that lead from the stored title to the new one.

Pure: nothing is read or sent here. One plan is one transaction, so the title, its copies, the
counts and the sampler change together or not at all. Whatever may have changed since it was read is
a condition on an operation; if one fails, the writer reads again and makes a new plan.

The sampler's slots of a shard are numbered 0, 1, 2 ... without gaps: a new title takes the slot
whose number is the shard's total, and the owner of the last slot moves into a deleted title's.

A condition compares a version, which never repeats, or states what the plan requires of an item.
The version of a shard's tally changes with every creation and deletion: as long as it is as read,
so are the total and the slots. A total would not do: it returns to the same value when one title is
deleted and another created.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import (
    Absent,
    Delete,
    Equals,
    NotNewer,
    Operation,
    Plan,
    Put,
    Update,
)
from catalog_model.dynamodb.typed_json import Item, primary_key, read_int
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import ConflictError, UnknownEntityError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.encoded import Encoded


@dataclass(frozen=True)
class Stored:
    """A title in the table.

    A title put by another program has no version, which reads as 0, and no slot: it is in no count
    and in no sample until a write enrols it.
    """

    title: Movie | TVShow
    version: int
    slot: int | None

    def holds(self, title: Encoded) -> bool:
        """Whether this title equals another one."""
        return self.title.kind == title.title.kind and self._text == title.text

    @cached_property
    def _text(self) -> str:
        return self.title.to_json_text()


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of a shard of the sampler that creations and deletions depend on.

    ``total`` is the number of its titles, ``version`` that of the tally, ``last`` the owner of its
    last slot, for deletions only: read after the tally, it is right as long as the version is.
    """

    total: int
    last: TitleKey | None = None
    version: int = 0


def plan_creation(title: Encoded, version: int, shard: Shard) -> Plan:
    """Plan a title that does not exist yet; its versions count from *version*."""
    return plan_creations([title], version, (shard,) * keys.SHARDS)


def plan_creations(titles: Iterable[Encoded], version: int, shards: Sequence[Shard]) -> Plan:
    """Plan several titles of one kind that do not exist yet, in their *shards*."""
    slots = [shard.total for shard in shards]
    arrivals: list[Operation] = []
    counts: dict[tuple[Kind, int], Counter[str]] = defaultdict(Counter)
    for title in titles:
        shard = keys.shard_of(title.title.key)
        arrivals += _plan_arrival(title, version, slots[shard], Absent())
        counts[title.title.kind, shard].update(_counts(None, title.title))
        slots[shard] += 1
    tallies = [
        _tally_shard(kind, shard, counts[kind, shard], shards[shard])
        for kind, shard in sorted(counts)
    ]
    return (*arrivals, *tallies)


def plan_enrolment(before: Stored, after: Encoded, version: int, shard: Shard) -> Plan:
    """Plan a title in place of one that another program put: from now on it is counted.

    Its versions count from *version*, so that later writes of that program are noticed.
    """
    return (
        *_plan_arrival(after, version, shard.total, title_as_read(before.version)),
        *_plan_leaving(before.title, after.title),
        _tally(after.title.key, _counts(None, after.title), shard),
    )


def _plan_arrival(title: Encoded, version: int, slot: int, condition: Absent | Equals) -> Plan:
    """Plan the items of a title that gets a slot, except its tally."""
    title.check_size()
    return (
        Put(title.own(version=version, slot=slot), condition),
        Put(codec.encode_slot(title.title.key, slot), Absent()),
        *map(Put, title.copies),
    )


def plan_change(before: Stored, after: Encoded) -> Plan:
    """Plan a title in place of the stored one; the plan is empty if they are equal."""
    if before.holds(after):
        return ()
    counts = _counts(before.title, after.title)
    return (
        *plan_rewriting(before, after),
        *_plan_leaving(before.title, after.title),
        *([_tally(after.title.key, counts)] if counts else []),
    )


def plan_rewriting(before: Stored, title: Encoded) -> Plan:
    """Plan the items of a title of the same genres, as the current version has them."""
    title.check_size()
    own = title.own(version=before.version + 1, slot=_slot_of(before))
    return (Put(own, title_as_read(before.version)), *map(Put, title.copies))


def _plan_leaving(before: Movie | TVShow, after: Movie | TVShow) -> Iterator[Delete]:
    """Plan the end of memberships that a title loses."""
    gone = set(before.genre_ids) - set(after.genre_ids)
    return (Delete(keys.membership_key(after.key, genre_id)) for genre_id in sorted(gone))


def plan_upgrade(item: Item) -> Update:
    """Plan the upgrade of an older tally or slot, on the condition that it is still older.

    Adds 0 to a tally's version so that it exists. Concurrent changes are not overwritten.
    """
    key = primary_key(item)
    name = keys.parse_key(*key)
    return Update(
        key,
        sets=own_sets(name),
        adds=((codec.VERSION, 0),) if isinstance(name, keys.TallyItem) else (),
        condition=Equals(codec.SCHEMA, read_int(item, codec.SCHEMA)),
    )


def as_read(version: int) -> Equals:
    """Require that a tally still has this version; a missing tally or version counts as 0."""
    return Equals(codec.VERSION, version, or_absent=version == 0)


def title_as_read(version: int) -> Equals:
    """Require that a title exists and still has this version; a missing version counts as 0."""
    is_none = version == 0
    return Equals(codec.VERSION, version, or_absent=is_none, must_exist=is_none)


def _slot_of(stored: Stored) -> int:
    if stored.slot is None:
        raise UnknownEntityError(f"{stored.title!r} has no slot: another program put it")
    return stored.slot


def own_sets(name: keys.ItemName) -> tuple[tuple[str, int | str], ...]:
    """Return the attributes that updates set in every item: its type and schema version."""
    return ((codec.TYPE, evolution.type_of(name)), (codec.SCHEMA, codec.SCHEMA_VERSION))


def plan_deletion(before: Stored, shard: Shard) -> Plan:
    """Plan the deletion of a title and of everything derived from it, if the readings fit."""
    if before.slot is None:
        return _plan_end(before)
    if not fits(before, shard):
        raise ConflictError(f"{before.title!r} and the last slot of its shard do not fit together")
    return (
        *_plan_end(before),
        *_plan_departure(before.title.key, before.slot, shard),
        _tally(before.title.key, _counts(before.title, None), shard),
    )


def fits(before: Stored, shard: Shard) -> bool:
    """Whether a title has the last slot of its shard, or another title has it and can move."""
    last_slot, last = shard.total - 1, shard.last
    if before.slot is None or before.slot == last_slot:
        return True
    return before.slot < last_slot and last is not None and last != before.title.key


def plan_removal(before: Stored, shard: Shard, *, owns_slot: bool) -> Plan:
    """Plan a deletion in a shard with damaged slots; a repair then renumbers the slots."""
    key = before.title.key
    slot = keys.slot_key(key.kind, keys.shard_of(key), _slot_of(before))
    counts = _counts(before.title, None) if shard.total > 0 else {}
    return (
        *_plan_end(before),
        *([Delete(slot, NotNewer(Equals(codec.TITLE_ID, key.id)))] if owns_slot else []),
        _tally(key, counts, shard),
    )


def _plan_end(before: Stored) -> Plan:
    key = before.title.key
    genres = codec.unique_genres(before.title)
    return (
        Delete(keys.title_key(key), title_as_read(before.version)),
        Delete(keys.listing_key(key)),
        *(Delete(keys.membership_key(key, genre_id)) for genre_id in genres),
    )


def _plan_departure(key: TitleKey, slot: int, shard: Shard) -> Plan:
    """Move the owner of the last slot into that of a deleted title, to leave no gap."""
    at, last_slot = keys.shard_of(key), shard.total - 1
    leaving, end = (keys.slot_key(key.kind, at, number) for number in (slot, last_slot))
    if slot == last_slot or shard.last is None:
        return (Delete(leaving, NotNewer(Equals(codec.TITLE_ID, key.id))),)
    return (
        Put(codec.encode_slot(shard.last, slot), NotNewer(Equals(codec.TITLE_ID, key.id))),
        Delete(end, NotNewer(Equals(codec.TITLE_ID, shard.last.id))),
        Update(
            keys.title_key(shard.last),
            sets=((codec.SLOT, slot),),
            adds=((codec.VERSION, 1),),
            condition=NotNewer(Equals(codec.SLOT, last_slot)),
        ),
    )


def _counts(before: Movie | TVShow | None, after: Movie | TVShow | None) -> dict[str, int]:
    old = set(codec.tally_attributes(before)) if before else set()
    new = set(codec.tally_attributes(after)) if after else set()
    return dict.fromkeys(old - new, -1) | dict.fromkeys(new - old, +1)


def _tally(key: TitleKey, counts: Mapping[str, int], shard: Shard | None = None) -> Update:
    return _tally_shard(key.kind, keys.shard_of(key), counts, shard)


def _tally_shard(
    kind: Kind, number: int, counts: Mapping[str, int], shard: Shard | None = None
) -> Update:
    """Plan a change of the counts and their version; with *shard*, if they are as read."""
    unchanged = None if shard is None else as_read(shard.version)
    return Update(
        keys.tally_key(kind, number),
        sets=own_sets(keys.TallyItem(kind, number)),
        adds=(*sorted(counts.items()), (codec.VERSION, 1)),
        condition=NotNewer(unchanged),
    )

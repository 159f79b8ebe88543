"""The write plan: from a title as it is and as it shall be to the operations that lead there.

Pure: it reads nothing and sends nothing. One plan is one transaction, so the title, its copies,
the counts and the sampler change together or not at all. What may have changed since the writer
read stands as a condition on an operation; when one fails, the writer reads again and plans anew.

The sampler's slots of a shard are numbered 0, 1, 2 ... without a gap: a new title takes the
number that the shard's total shows, and a deleted one leaves its number to the last.

A condition compares a version, which never comes back, or states what the plan needs of an item.
The version of a shard's tally changes with every title that comes or goes: while it is as read,
the total and the slots are, too. A total alone comes back when one title goes and another comes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from catalog_model.checks import counted
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
    check_distinct,
    plan_size,
)
from catalog_model.dynamodb.limits import (
    MAX_ITEM_BYTES,
    MAX_TRANSACTION_ACTIONS,
    MAX_TRANSACTION_BYTES,
)
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, primary_key, read_int
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import ConflictError, InvalidTitleError, UnknownEntityError
from catalog_model.table import codec, evolution, keys

TYPICAL_VERSION: Final = 2**48 - 1
"""As long as the versions are that `put_title` begins with."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A title as the table holds it.

    A title that another program put has neither a version, which reads as 0, nor a slot: it is
    counted nowhere, and no sample finds it, until a write enrols it.
    """

    title: Movie | TVShow
    version: int
    slot: int | None


@dataclass(frozen=True, slots=True)
class Shard:
    """What a writer has to know of a shard of the sampler to add or take away a title.

    ``total`` is the number of its titles, ``last`` the owner of its last slot, ``version`` that of
    the tally. Only a deletion needs the last owner: read after the tally, it is right as long as
    the tally's version is.
    """

    total: int
    last: TitleKey | None = None
    version: int = 0


def plan_creation(title: Movie | TVShow, version: int, shard: Shard) -> Plan:
    """Plan a title that is not there yet; its versions count from *version*."""
    return (
        *_plan_arrival(title, version, shard.total, Absent()),
        _tally(title.key, _counts(None, title), shard),
    )


def plan_enrolment(before: Stored, after: Movie | TVShow, version: int, shard: Shard) -> Plan:
    """Plan a title in place of one that another program put: from now on it is counted.

    Its versions count from *version*, so that what that program puts later is told from it.
    """
    gone = set(before.title.genre_ids) - set(after.genre_ids)
    return (
        *_plan_arrival(after, version, shard.total, title_as_read(before.version)),
        *(Delete(keys.membership_key(after.key, genre_id)) for genre_id in sorted(gone)),
        _tally(after.key, _counts(None, after), shard),
    )


def plan_creations(titles: Iterable[Movie | TVShow], version: int, shards: Sequence[Shard]) -> Plan:
    """Plan several titles of one kind that are not there yet, in its *shards*."""
    slots = [shard.total for shard in shards]
    arrivals: list[Operation] = []
    counts: dict[tuple[Kind, int], Counter[str]] = defaultdict(Counter)
    for title in titles:
        shard = keys.shard_of(title.key)
        arrivals += _plan_arrival(title, version, slots[shard], Absent())
        counts[title.kind, shard].update(_counts(None, title))
        slots[shard] += 1
    tallies = [
        _tally_shard(kind, shard, counts[kind, shard], shards[shard])
        for kind, shard in sorted(counts)
    ]
    return (*arrivals, *tallies)


def _plan_arrival(
    title: Movie | TVShow, version: int, slot: int, condition: Absent | Equals
) -> Plan:
    """Plan the items of a title that gets a slot: all but its tally."""
    return (
        Put(codec.encode_title(title, version=version, slot=slot), condition),
        Put(codec.encode_slot(title.key, slot), Absent()),
        *(Put(copy) for copy in codec.encode_copies(title)),
    )


def plan_change(before: Stored, after: Movie | TVShow) -> Plan:
    """Plan a title in place of the one that is there; nothing where they are equal.

    Raises:
        UnknownEntityError: If it has no slot: that takes `plan_enrolment`.
    """
    if before.title == after:
        return ()
    gone = set(before.title.genre_ids) - set(after.genre_ids)
    title = codec.encode_title(after, version=before.version + 1, slot=_slot_of(before))
    counts = _counts(before.title, after)
    return (
        Put(title, title_as_read(before.version)),
        *(Put(copy) for copy in codec.encode_copies(after)),
        *(Delete(keys.membership_key(after.key, genre_id)) for genre_id in sorted(gone)),
        *([_tally(after.key, counts)] if counts else []),
    )


def plan_rewriting(before: Stored) -> Plan:
    """Plan the same title again with its copies, all as the current version has them.

    Raises:
        UnknownEntityError: If it has no slot.
    """
    title = codec.encode_title(before.title, version=before.version + 1, slot=_slot_of(before))
    return (
        Put(title, title_as_read(before.version)),
        *(Put(copy) for copy in codec.encode_copies(before.title)),
    )


def plan_upgrade(item: Item) -> Update:
    """Plan to bring an older tally or slot up to the current version, as long as it is older.

    It sets what is new, and adds nothing to a tally's version so that there is one. What others
    add to or set meanwhile it neither reads nor writes back, so nothing of theirs can be lost.
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
    """Hold where a tally is of this version still; one without, or that is not there, is of 0."""
    return Equals(codec.VERSION, version, or_absent=version == 0)


def title_as_read(version: int) -> Equals:
    """Hold where a title is there, and of this version still; one that has none is of 0."""
    is_none = version == 0
    return Equals(codec.VERSION, version, or_absent=is_none, must_exist=is_none)


def _slot_of(stored: Stored) -> int:
    if stored.slot is None:
        raise UnknownEntityError(f"{stored.title!r} has no slot: another program put it")
    return stored.slot


def own_sets(name: keys.ItemName) -> tuple[tuple[str, int | str], ...]:
    """Give what an update sets in every item: what it is, and of which version."""
    return ((codec.TYPE, evolution.type_of(name)), (codec.SCHEMA, codec.SCHEMA_VERSION))


def plan_deletion(before: Stored, shard: Shard) -> Plan:
    """Plan the end of a title and of everything derived from it.

    Raises:
        ConflictError: If what was read does not fit together, see `fits`.
    """
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
    """Plan the end of a title of a shard whose slots are damaged: no other title is moved.

    Its slot goes where it is its own. A repair numbers the others anew.
    """
    key = before.title.key
    slot = keys.slot_key(key.kind, keys.shard_of(key), _slot_of(before))
    counts = _counts(before.title, None) if shard.total > 0 else {}
    return (
        *_plan_end(before),
        *([Delete(slot, NotNewer(Equals(codec.TITLE_ID, key.id)))] if owns_slot else []),
        _tally(key, counts, shard),
    )


def _plan_end(before: Stored) -> Plan:
    """Plan the end of a title's own item and its copies."""
    key = before.title.key
    genres = codec.unique_genres(before.title)
    return (
        Delete(keys.title_key(key), title_as_read(before.version)),
        Delete(keys.listing_key(key)),
        *(Delete(keys.membership_key(key, genre_id)) for genre_id in genres),
    )


def _plan_departure(key: TitleKey, slot: int, shard: Shard) -> Plan:
    """Fill the slot of a title that goes with the last one, so that no gap is left.

    Each condition states what has to be so now: whose each slot is, and which slot is the last.
    """
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
    """Tell by how much each count changes."""
    old = set(codec.tally_attributes(before)) if before else set()
    new = set(codec.tally_attributes(after)) if after else set()
    return dict.fromkeys(old - new, -1) | dict.fromkeys(new - old, +1)


def _tally(key: TitleKey, counts: Mapping[str, int], shard: Shard | None = None) -> Update:
    return _tally_shard(key.kind, keys.shard_of(key), counts, shard)


def _tally_shard(
    kind: Kind, number: int, counts: Mapping[str, int], shard: Shard | None = None
) -> Update:
    """Count a change; with *shard*, only if nothing of it was counted in the meantime.

    Every change of the counts gives the tally another version.
    """
    unchanged = None if shard is None else as_read(shard.version)
    return Update(
        keys.tally_key(kind, number),
        sets=own_sets(keys.TallyItem(kind, number)),
        adds=(*sorted(counts.items()), (codec.VERSION, 1)),
        condition=NotNewer(unchanged),
    )


def check_plan(plan: Plan, title: Movie | TVShow) -> None:
    """Accept a plan that fits DynamoDB's bounds for items and transactions.

    Raises:
        InvalidTitleError: Naming *title*, if an item is over 400 KB, or the plan has over 100
            actions or 4 MB.
        ConflictError: If it names an item twice.
    """
    check_distinct(plan)
    puts = (operation for operation in plan if isinstance(operation, Put))
    largest = max((item_size(put.item) for put in puts), default=0)
    total = plan_size(plan)
    if largest > MAX_ITEM_BYTES:
        raise InvalidTitleError(
            f"{title!r} makes an item of {largest:,} bytes; DynamoDB holds {MAX_ITEM_BYTES:,}"
        )
    if total > MAX_TRANSACTION_BYTES:
        genres = counted(len(codec.unique_genres(title)), "genre")
        raise InvalidTitleError(
            f"{title!r} makes a transaction of {total:,} bytes with its copies for {genres}; "
            f"DynamoDB takes {MAX_TRANSACTION_BYTES:,}"
        )
    if len(plan) > MAX_TRANSACTION_ACTIONS:
        raise InvalidTitleError(
            f"{title!r} makes a transaction of {len(plan)} actions; "
            f"DynamoDB takes {MAX_TRANSACTION_ACTIONS}"
        )

"""Plans of writes: the operations that lead from the stored title to the new one.

Pure: nothing is read or sent here. One plan is one transaction, so the title, its copies, the
counts and the sampler change together or not at all. Whatever may have changed since it was read is
a condition on an operation; if one fails, the writer reads again and makes a new plan.

A condition compares a version, which never repeats, or states what the plan requires of an item:
that a slot is free, or that its listing is the title's. Creations and deletions of other titles in
a shard do not change what a plan requires, unless they take the same slot.

A title of the *former* form, before version 4, has a listing next to it, which every plan of a
change or a deletion replaces or deletes. Its slot, which only named it, becomes the listing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import (
    Absent,
    Delete,
    Equals,
    Every,
    NotNewer,
    Operation,
    Plan,
    Put,
    Update,
)
from catalog_model.dynamodb.typed_json import Item, number, primary_key, read_int
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.encoded import Encoded
from catalog_model.table.slots import Shard, Taken, freed, take
from catalog_model.table.spread import lists_are


@dataclass(frozen=True)
class Stored:
    """A title in the table.

    A title put by another program has no version, which reads as 0, and no slot: it is in no count
    and in no sample until a write enrols it. One of an older version is in the *former* form.
    """

    title: Movie | TVShow
    version: int
    slot: int | None
    is_former: bool = False
    lists: int = 1
    """The number of shards of the lists that have its copies."""

    def holds(self, title: Encoded) -> bool:
        """Whether this title equals another one."""
        before, after = self.title, title.title
        # Most differ in a value, which is found without their texts.
        is_like = before.kind == after.kind and before._record == after._record
        return is_like and self._text == title.text

    @cached_property
    def _text(self) -> str:
        return self.title.to_json_text()


def plan_creation(title: Encoded, version: int, shard: Shard) -> Plan:
    """Plan a title that does not exist yet.

    Its versions count from *version*, a random number, which also decides on its slot.
    """
    return plan_creations([title], version, (shard,) * keys.SHARDS)


def plan_creations(titles: Iterable[Encoded], version: int, shards: Sequence[Shard]) -> Plan:
    """Plan several titles of one kind that do not exist yet, in their *shards*."""
    groups: dict[int, list[Encoded]] = defaultdict(list)
    for title in titles:
        groups[keys.shard_of(title.title.key)].append(title)
    arrivals: list[Operation] = []
    tallies: list[Operation] = []
    for number_, group in sorted(groups.items()):
        taken = take(shards[number_], len(group), version)
        counts: Counter[str] = Counter()
        for title, slot in zip(group, taken.slots, strict=True):
            arrivals += _plan_arrival(title, version, slot, Absent(), shards[number_].lists)
            counts.update(_counts(None, title.title))
        tallies.append(_tally(group[0].title.key, counts, taken, lists=shards[number_].lists))
    return (*arrivals, *tallies)


def plan_enrolment(before: Stored, after: Encoded, version: int, shard: Shard) -> Plan:
    """Plan a title in place of one that another program put: from now on it is counted.

    Its versions count from *version*, so that later writes of that program are noticed.
    """
    taken = take(shard, 1, version)
    return (
        *_plan_arrival(after, version, taken.slots[0], title_as_read(before.version), shard.lists),
        Delete(keys.former_listing_key(after.title.key)),
        *_plan_leaving(before.title, after.title),
        _tally(after.title.key, _counts(None, after.title), taken, lists=shard.lists),
    )


def _plan_arrival(
    title: Encoded, version: int, slot: int, condition: Absent | Equals, lists: int
) -> Plan:
    """Plan the items of a title that gets a slot, except its tally."""
    title.check_size(lists)
    return (
        Put(title.own(version=version, slot=slot, lists=lists), condition),
        Put(title.listing(slot, lists), Absent()),
        *map(Put, title.memberships(lists)),
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


def plan_rewriting(before: Stored, title: Encoded, lists: int | None = None) -> Plan:
    """Plan the items of a title of the same genres, as the current version has them.

    They stay in lists of as many shards as before, unless *lists* is another number.
    """
    lists = before.lists if lists is None else lists
    title.check_size(lists)
    slot, key = _slot_of(before), title.title.key
    own = title.own(version=before.version + 1, slot=slot, lists=lists)
    is_own = NotNewer(Equals(codec.TITLE_ID, key.id, or_absent=True))
    return (
        Put(own, title_as_read(before.version)),
        Put(title.listing(slot, lists), is_own),
        *([Delete(keys.former_listing_key(key))] if before.is_former else []),
        *map(Put, title.memberships(lists)),
    )


def plan_lists(stored: Stored, lists: int) -> Update:
    """Plan what a title's own item states about its lists; its copies are planned afterwards."""
    name = keys.TitleItem(stored.title.key)
    return Update(
        keys.item_key(name),
        sets=((codec.LISTS, lists),) if lists > 1 else (),
        adds=((codec.VERSION, 1),),
        condition=NotNewer(title_as_read(stored.version)),
        removes=() if lists > 1 else (codec.LISTS,),
    )


def _plan_leaving(before: Movie | TVShow, after: Movie | TVShow) -> Iterator[Delete]:
    """Plan the end of memberships that a title loses."""
    gone = set(before.genre_ids) - set(after.genre_ids)
    return (Delete(keys.membership_key(after.key, genre_id)) for genre_id in sorted(gone))


def plan_move(kind: Kind, former: Sequence[Item]) -> Plan:
    """Plan the tallies of a kind, from those that it had before version 4.

    Slots were numbered without gaps then, so all below the total are taken. The *former* tallies
    stay, with the current schema version, so that no writer of an older version counts on.
    """
    return tuple(
        operation for shard, item in enumerate(former) for operation in _moved(kind, shard, item)
    )


def _moved(kind: Kind, shard: int, former: Item) -> Plan:
    end = Update(
        keys.former_tally_key(kind, shard),
        sets=own_sets(keys.FormerTally(kind, shard)),
        adds=((codec.VERSION, 1),),
        condition=NotNewer(as_read(codec.read_version(former))),
    )
    return Put(moved_tally(kind, shard, former), Absent()), end


def moved_tally(kind: Kind, shard: int, former: Item) -> Item:
    """Return the tally that follows from a *former* one, which is empty if it is missing."""
    counts = {name: number(count) for name, count in codec.readable_counts(former).items()}
    slots = {codec.SLOTS: counts.get(codec.TOTAL, number(0))}
    version = {codec.VERSION: number(codec.read_version(former))}
    return codec.own_item(keys.TallyItem(kind, shard), **counts, **slots, **version)


def plan_upgrade(item: Item) -> Update:
    """Plan the upgrade of an older tally, on the condition that it is still older.

    Concurrent changes are not overwritten.
    """
    key = primary_key(item)
    return Update(
        key,
        sets=own_sets(keys.parse_key(*key)),
        adds=(),
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


def plan_deletion(before: Stored, shard: Shard, *, owns_slot: bool = True) -> Plan:
    """Plan the deletion of a title and of everything derived from it.

    In a damaged shard, its slot may be another title's, and the counts may be too low.
    """
    key, slot = before.title.key, before.slot
    if slot is None:
        return (*_plan_end(before), Delete(keys.former_listing_key(key)))
    counts = _counts(before.title, None) if shard.total > 0 else {}
    is_own = NotNewer(Equals(codec.TITLE_ID, key.id))
    return (
        *_plan_end(before),
        *([Delete(keys.former_listing_key(key))] if before.is_former else []),
        *([Delete(keys.listing_key(key, slot), is_own)] if owns_slot else []),
        _tally(key, counts, frees=freed(shard, slot) if owns_slot else ()),
    )


def _plan_end(before: Stored) -> Plan:
    key = before.title.key
    genres = codec.unique_genres(before.title)
    return (
        Delete(keys.title_key(key), title_as_read(before.version)),
        *(Delete(keys.membership_key(key, genre_id)) for genre_id in genres),
    )


def _counts(before: Movie | TVShow | None, after: Movie | TVShow | None) -> dict[str, int]:
    old = set(codec.tally_attributes(before)) if before else set()
    new = set(codec.tally_attributes(after)) if after else set()
    return dict.fromkeys(old - new, -1) | dict.fromkeys(new - old, +1)


_NONE = Taken((), ())


def _tally(
    key: TitleKey,
    counts: Mapping[str, int],
    taken: Taken = _NONE,
    frees: tuple[int, ...] = (),
    *,
    lists: int = 1,
) -> Update:
    """Plan a change of the counts of a title's shard, and of its slots.

    Titles that take slots have the condition that lists of new titles still have *lists* shards.
    """
    name = keys.TallyItem(key.kind, keys.shard_of(key))
    end = () if taken.end is None else ((codec.SLOTS, taken.end),)
    opened = taken.opened or frees
    return Update(
        keys.item_key(name),
        sets=(*own_sets(name), *end),
        adds=(*sorted(counts.items()), (codec.VERSION, 1)),
        condition=NotNewer(
            Every((*taken.conditions, lists_are(lists))) if taken.conditions else None
        ),
        includes=((codec.FREE, opened),) if opened else (),
        excludes=((codec.FREE, taken.closed),) if taken.closed else (),
    )

"""Access patterns that change one title, with everything derived from it, in one transaction.

Each reads what it changes, plans, and writes on the condition that nothing changed in between.
When a concurrent change was faster it starts again from the fresh state.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from catalog_model import codec, evolution, keys
from catalog_model.arguments import (
    check_count,
    check_flag,
    check_genre_ids,
    check_id,
    check_instance,
    check_kind,
    check_number,
)
from catalog_model.catalog import Catalog
from catalog_model.entities import check_title
from catalog_model.errors import ConflictError, TitleExistsError
from catalog_model.faults import LostRaceError
from catalog_model.gateway import Gateway
from catalog_model.keys import Kind, TitleKey
from catalog_model.merge import AnyTitle
from catalog_model.patterns import access_pattern, step
from catalog_model.plan import (
    Plan,
    Shard,
    Stored,
    check_plan,
    plan_change,
    plan_creation,
    plan_deletion,
)
from catalog_model.records import MAX_GENRES
from catalog_model.retries import pause
from catalog_model.steps import (
    ANY_TITLE,
    AS_READ,
    CREATION,
    KNOWN,
    LISTING,
    MEMBERSHIP,
    MOVED_ONCE,
    REPLACED,
    REWRITTEN,
    SLOT,
    TALLY,
    TITLE,
    TOTAL_AS_READ,
    write_step,
)
from catalog_model.titles import not_found

TRIES: Final = 12
"""How often a write is planned anew before a conflict is given up: some seconds in all."""

VERSION_BITS: Final = 48

READ_BEFORE: Final = step("GetItem", TITLE, units="rcu(title)", strong=True)
READ_WITH_SHARD: Final = step(
    "BatchGetItem", TITLE, TALLY, units="rcu(title) + rcu(tally)", strong=True
)


@access_pattern(
    "Create a title, or replace it",
    READ_WITH_SHARD,
    write_step(
        *CREATION,
        units=f"{REPLACED} + 2 + 2 * wcu(tally)",
    ),
    consistency="atomic",
)
def put_title(catalog: Catalog, title: AnyTitle, *, if_absent: bool = False) -> AnyTitle:
    """Create *title*, or replace the title with its kind and id.

    The title, its copy in each list, the counts and the sampler change in one transaction, or
    nothing does. A title that is there already and equal is not written.

    Costs one BatchGetItem (2 read units) and one TransactWriteItems; `docs/costs.md` has the
    write units.

    Args:
        title: A `Movie` or a `TVShow`.
        if_absent: Raise `TitleExistsError` where the title is there, instead of replacing it.

    Returns:
        The title as it now is.

    Raises:
        InvalidTitleError: If it is too large: 400 KB, or 4 MB with all of its copies.
        TitleExistsError: If it is there and *if_absent* was asked for.
        ConflictError: If concurrent changes won every time.

    >>> put_title(catalog, Movie.from_json(record)).display_name
    'Alien'
    """
    check_instance(catalog, "catalog", Catalog)
    check_title(title)
    if_absent = check_flag(if_absent, "if_absent")
    check_creation(title)
    write_title(catalog, title, if_absent=if_absent)
    return title


def check_creation(title: AnyTitle) -> None:
    """Accept a title that fits DynamoDB's bounds, with all of its copies.

    Raises:
        InvalidTitleError: If it does not.
    """
    check_plan(plan_creation(title, 2**VERSION_BITS, Shard(0)), title)


def write_title(catalog: Catalog, title: AnyTitle, *, if_absent: bool = False) -> Snapshot:
    """Create or replace a checked title; tell what was there before."""

    def plan(snapshot: Snapshot) -> Plan:
        if snapshot.stored is None:
            return plan_creation(title, first_version(), Shard(snapshot.total))
        if if_absent:
            raise TitleExistsError(f"{snapshot.stored.title!r} is in {catalog.table!r} already")
        return plan_change(snapshot.stored, title)

    return _write(catalog, title.key, plan, with_shard=True)


@access_pattern(
    "Change the popularity of a title",
    READ_BEFORE,
    write_step(f"{TITLE} {AS_READ}", LISTING, MEMBERSHIP, units=MOVED_ONCE),
    consistency="atomic",
)
def update_popularity(catalog: Catalog, kind: Kind, title_id: int, popularity: float) -> AnyTitle:
    """Give a title another popularity, and so another place in its lists.

    Costs one GetItem (1 read unit) and one TransactWriteItems; only the GetItem where the title
    has that popularity already.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        popularity: Any finite number that DynamoDB holds; it is kept as a float.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidArgumentError: If an argument is out of its bounds.
        ConflictError: If concurrent changes won every time.

    >>> update_popularity(catalog, "movie", 949, 1500.5).popularity
    1500.5
    """
    value = check_number(popularity, "popularity")
    return _change(catalog, kind, title_id, lambda title: title.replace(popularity=value))


@access_pattern(
    "Change the votes of a title",
    READ_BEFORE,
    write_step(f"{TITLE} {AS_READ}", LISTING, MEMBERSHIP, units=MOVED_ONCE),
    consistency="atomic",
)
def update_votes(
    catalog: Catalog, kind: Kind, title_id: int, *, vote_average: float, vote_count: int
) -> AnyTitle:
    """Give a title another average vote and another number of votes. Costs as `update_popularity`.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        vote_average: Any finite number that DynamoDB holds, usually 0 to 10; kept as a float.
        vote_count: 0 or more.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidArgumentError: If an argument is out of its bounds.
        ConflictError: If concurrent changes won every time.

    >>> update_votes(catalog, "movie", 949, vote_average=8.5, vote_count=7000).vote_average
    8.5
    """
    votes = {
        "vote_average": check_number(vote_average, "vote_average"),
        "vote_count": check_count(vote_count, "vote_count"),
    }
    return _change(catalog, kind, title_id, lambda title: title.replace(**votes))


@access_pattern(
    "Change the genres of a title",
    READ_BEFORE,
    write_step(
        f"{TITLE} {AS_READ}",
        LISTING,
        MEMBERSHIP,
        f"{TALLY} {KNOWN}",
        units=f"{REWRITTEN} + 2 * wcu(tally)",
    ),
    consistency="atomic",
)
def set_genres(catalog: Catalog, kind: Kind, title_id: int, genre_ids: Iterable[int]) -> AnyTitle:
    """Give a title other genres: memberships are added and removed, their order follows.

    Costs as `update_popularity`.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.
        genre_ids: Up to 48 ids of genres in the order to keep; none at all takes the title out
            of every genre.

    Returns:
        The title as it now is.

    Raises:
        TitleNotFoundError: If there is no such title; nothing is written then.
        InvalidArgumentError: If an argument is out of its bounds.
        InvalidTitleError: If the title with its copies is over 4 MB.
        ConflictError: If concurrent changes won every time.

    >>> set_genres(catalog, "movie", 949, [80, 18]).genre_ids
    (80, 18)
    """
    genres = list(check_genre_ids(genre_ids, most=MAX_GENRES))
    return _change(catalog, kind, title_id, lambda title: title.replace(genre_ids=genres))


@access_pattern(
    "Delete a title",
    READ_WITH_SHARD,
    step("GetItem", SLOT, units="1", strong=True),
    write_step(
        f"{TITLE} {AS_READ}",
        LISTING,
        MEMBERSHIP,
        f"{SLOT} IF (title_id = <as read> AND <no newer version>)",
        f"{ANY_TITLE} IF (_slot = <the last> AND <no newer version>)",
        f"{TALLY} {TOTAL_AS_READ}",
        units=f"{REWRITTEN} + 4 + 2 * wcu(other) + 2 * wcu(tally)",
    ),
    consistency="atomic",
)
def delete_title(catalog: Catalog, kind: Kind, title_id: int) -> AnyTitle:
    """Delete a title and everything derived from it.

    The last title of the sampler's shard takes over its slot. Costs one BatchGetItem and one
    GetItem (3 read units), and one TransactWriteItems.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.

    Returns:
        The title as it was.

    Raises:
        TitleNotFoundError: If there is no such title.
        InvalidArgumentError: If an argument is out of its bounds.
        ConflictError: If concurrent changes won every time.

    >>> delete_title(catalog, "movie", 949).display_name
    'Heat'
    """
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))

    def plan(snapshot: Snapshot) -> Plan:
        if snapshot.stored is None:
            raise not_found(catalog, key)
        last = _last_owner(catalog.gateway, key, snapshot.total)
        return plan_deletion(snapshot.stored, Shard(snapshot.total, last))

    before = _write(catalog, key, plan, with_shard=True)
    if before.stored is None:
        raise not_found(catalog, key)
    return before.stored.title


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a writer read: the title, and how many titles its shard of the sampler has."""

    stored: Stored | None
    total: int = 0


def _change(
    catalog: Catalog, kind: Kind, title_id: int, change: Callable[[AnyTitle], AnyTitle]
) -> AnyTitle:
    """Write what *change* makes of a title that must be there."""
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))

    def plan(snapshot: Snapshot) -> Plan:
        if snapshot.stored is None:
            raise not_found(catalog, key)
        after = change(snapshot.stored.title)
        planned = plan_change(snapshot.stored, after)
        check_plan(planned, after)
        return planned

    before = _write(catalog, key, plan, with_shard=False)
    if before.stored is None:
        raise not_found(catalog, key)
    return change(before.stored.title)


def _write(
    catalog: Catalog, key: TitleKey, plan: Callable[[Snapshot], Plan], *, with_shard: bool
) -> Snapshot:
    """Read, plan and write until no concurrent change comes between; tell what was read last."""
    for attempt in range(TRIES):
        snapshot = read_snapshot(catalog.gateway, key, with_shard=with_shard)
        planned = plan(snapshot)
        if not planned:
            return snapshot
        try:
            catalog.gateway.transact(planned)
        except LostRaceError as error:
            race = error
            time.sleep(pause(attempt) / 4)
        else:
            return snapshot
    raise ConflictError(
        f"concurrent changes of {key.kind} {key.id} won {TRIES} times in a row"
    ) from race


def read_snapshot(gateway: Gateway, key: TitleKey, *, with_shard: bool) -> Snapshot:
    """Read a title consistently, and with *with_shard* how many titles its shard has.

    Raises:
        SchemaMismatchError: If a newer version of this package wrote it: no write may follow.
    """
    at = keys.title_key(key)
    if not with_shard:
        return Snapshot(read_stored(gateway.get(at, consistent=True)))
    tally = keys.tally_key(key.kind, keys.shard_of(key))
    found = gateway.batch_get((at, tally), consistent=True)
    counts = evolution.upgraded(found.get(tally, {}))
    evolution.check_not_newer(counts)
    return Snapshot(read_stored(found.get(at)), codec.read_int(counts, codec.TOTAL))


def read_stored(item: codec.Item | None) -> Stored | None:
    """Read a title's item with its version and its slot."""
    if item is None:
        return None
    evolution.check_not_newer(item)
    item = evolution.upgraded(item)
    version, slot = codec.read_version(item), codec.read_count(item, codec.SLOT)
    return Stored(codec.decode_title(item), version, slot)


def _last_owner(gateway: Gateway, key: TitleKey, total: int) -> TitleKey | None:
    """Tell who owns the last slot of the title's shard."""
    slot = gateway.get(keys.slot_key(key.kind, keys.shard_of(key), total - 1), consistent=True)
    return codec.decode_slot(key.kind, slot) if slot else None


def first_version() -> int:
    """Begin anywhere, so that a title deleted and put again is never taken for the old one."""
    return random.getrandbits(VERSION_BITS)


__all__ = [
    "delete_title",
    "put_title",
    "set_genres",
    "update_popularity",
    "update_votes",
]

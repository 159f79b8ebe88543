"""Access patterns that put and delete one title, with everything derived from it.

Each reads what it changes, plans, and writes in one transaction on the condition that nothing
changed in between. When a concurrent change was faster it starts again from the fresh state.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, refuse
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import (
    ANY_TITLE,
    AS_READ,
    CREATION,
    ENROLMENT,
    LISTING,
    MEMBERSHIP,
    REPLACED,
    REWRITTEN,
    SLOT,
    TALLY,
    TALLY_AS_READ,
    TITLE,
    UNCOUNTED_DELETION,
    write_step,
)
from catalog_model.domain.arguments import check_id, check_kind
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import Plan
from catalog_model.entities import AnyTitle, Movie, TVShow, check_title
from catalog_model.errors import ConflictError, TitleExistsError
from catalog_model.reads.titles import not_found
from catalog_model.table.plan import (
    Shard,
    Stored,
    check_plan,
    fits,
    plan_change,
    plan_creation,
    plan_deletion,
    plan_enrolment,
    plan_removal,
)
from catalog_model.writes.attempts import (
    Attempts,
    Snapshot,
    read_last_owner,
    read_owner,
    read_snapshot,
)

VERSION_BITS: Final = 48

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
    ENROLMENT,
    consistency="atomic",
)
def put_title(
    catalog: Catalog,
    title: AnyTitle,
    *,
    if_absent: bool = False,
    if_unchanged: AnyTitle | None = None,
) -> AnyTitle:
    """Create *title*, or replace the title with its kind and id.

    The title, its copy in each list, the counts and the sampler change in one transaction, or
    nothing does. A title that is there already and equal is not written.

    A title that was read, changed and put back undoes what others changed meanwhile, unless
    *if_unchanged* is the title as it was read. To change some attributes, use `update_title`.

    Costs one BatchGetItem (2 read units) and one TransactWriteItems; `docs/costs.md` has the
    write units.

    Args:
        title: A `Movie` or a `TVShow`.
        if_absent: Raise `TitleExistsError` where the title is there, instead of replacing it.
        if_unchanged: Replace this title only; raise `ConflictError` where the stored one is not
            equal to it any more, or is gone.

    Returns:
        The title as it now is.

    Raises:
        InvalidTitleError: If it is too large: 400 KB, or 4 MB with all of its copies.
        InvalidArgumentError: If *if_unchanged* has another kind or id, or is given together with
            *if_absent*.
        TitleExistsError: If it is there and *if_absent* was asked for.
        ConflictError: If the stored title is not *if_unchanged*, or if concurrent changes won
            every time.

    >>> put_title(catalog, Movie.from_json(record)).display_name
    'Alien'
    """
    check_instance(catalog, "catalog", Catalog)
    check_title(title)
    if_absent = check_flag(if_absent, "if_absent")
    check_expected(title, if_unchanged, if_absent=if_absent)
    check_creation(title)
    write_title(catalog, title, if_absent=if_absent, if_unchanged=if_unchanged)
    return title


def check_expected(title: AnyTitle, before: object, *, if_absent: bool) -> None:
    """Accept a title that *title* may take the place of, or None.

    Raises:
        InvalidArgumentError: If it is no title, another one, or has to be absent, too.
    """
    if before is None:
        return
    if not isinstance(before, (Movie, TVShow)):
        refuse("if_unchanged", before, "a Movie, a TVShow or None")
    if before.key != title.key:
        refuse("if_unchanged", before, f"{title.kind} {title.id} as it was read")
    if if_absent:
        refuse("if_absent", if_absent, "False where if_unchanged is given")


def check_creation(title: AnyTitle) -> None:
    """Accept a title that fits DynamoDB's bounds, with all of its copies.

    Raises:
        InvalidTitleError: If it does not.
    """
    check_plan(plan_creation(title, 2**VERSION_BITS, Shard(0)), title)


def write_title(
    catalog: Catalog,
    title: AnyTitle,
    *,
    if_absent: bool = False,
    if_unchanged: AnyTitle | None = None,
) -> Snapshot:
    """Create or replace a checked title; tell what was there before."""

    def plan(snapshot: Snapshot) -> Plan:
        stored = snapshot.stored
        there = stored.title if stored else None
        if if_unchanged is not None and there != if_unchanged:
            found = "gone" if there is None else "another by now"
            raise ConflictError(f"{if_unchanged!r} in {catalog.table!r} is {found}")
        if stored is None:
            return plan_creation(title, first_version(), snapshot.shard)
        if if_absent:
            raise TitleExistsError(f"{stored.title!r} is in {catalog.table!r} already")
        return _plan_change(stored, title, snapshot.shard)

    def read() -> Snapshot:
        return read_snapshot(catalog.gateway, title.key, with_shard=True)

    return Attempts(catalog.gateway, title.key, read, plan).run()


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
        f"{TALLY} {TALLY_AS_READ}",
        units=f"{REWRITTEN} + 4 + 2 * wcu(other) + 2 * wcu(tally)",
    ),
    UNCOUNTED_DELETION,
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

    gateway = catalog.gateway

    def read() -> Snapshot:
        snapshot = read_snapshot(gateway, key, with_shard=True)
        if not snapshot.is_enrolled:
            return snapshot
        last = read_last_owner(gateway, key, snapshot.shard)
        return replace(snapshot, shard=replace(snapshot.shard, last=last))

    def plan(snapshot: Snapshot) -> Plan | None:
        if snapshot.stored is None:
            raise not_found(catalog, key)
        is_one = fits(snapshot.stored, snapshot.shard)
        return plan_deletion(snapshot.stored, snapshot.shard) if is_one else None

    def plan_around(snapshot: Snapshot) -> Plan:
        stored = snapshot.stored
        if stored is None or stored.slot is None:
            raise not_found(catalog, key)
        owns_slot = read_owner(gateway, key, stored.slot) == key
        return plan_removal(stored, snapshot.shard, owns_slot=owns_slot)

    before = Attempts(gateway, key, read, plan, plan_around).run()
    if before.stored is None:
        raise not_found(catalog, key)
    return before.stored.title


def change_title(
    catalog: Catalog, kind: Kind, title_id: int, change: Callable[[AnyTitle], AnyTitle]
) -> AnyTitle:
    """Write what *change* makes of a title that must be there."""
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))

    def read() -> Snapshot:
        snapshot = read_snapshot(catalog.gateway, key, with_shard=False)
        if snapshot.stored is None or snapshot.is_enrolled:
            return snapshot
        return read_snapshot(catalog.gateway, key, with_shard=True)

    def plan(snapshot: Snapshot) -> Plan:
        if snapshot.stored is None:
            raise not_found(catalog, key)
        after = change(snapshot.stored.title)
        planned = _plan_change(snapshot.stored, after, snapshot.shard)
        check_plan(planned, after)
        return planned

    before = Attempts(catalog.gateway, key, read, plan).run()
    if before.stored is None:
        raise not_found(catalog, key)
    return change(before.stored.title)


def _plan_change(before: Stored, after: AnyTitle, shard: Shard) -> Plan:
    """Plan a title in place of the one that is there, which is enrolled if it was not."""
    if before.slot is None:
        return plan_enrolment(before, after, first_version(), shard)
    return plan_change(before, after)


def first_version() -> int:
    """Begin anywhere, so that a title deleted and put again is never taken for the old one."""
    return random.getrandbits(VERSION_BITS)


__all__ = [
    "delete_title",
    "put_title",
]

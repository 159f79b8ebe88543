"""Access patterns that put and delete one title, with everything derived from it.

Each reads, plans, and writes in one transaction, on the condition that nothing has changed in
between. After a lost race it starts again with new readings.
"""

from dataclasses import replace
from typing import Any, Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, refuse
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import (
    AS_READ,
    CREATION,
    CREATION_WITHOUT_TALLIES,
    ENROLMENT,
    FORMER_CHANGE,
    FORMER_DELETION,
    KNOWN,
    LISTING,
    MEMBERSHIP,
    MOVE_OF_TALLIES,
    OWN,
    REPLACED,
    REWRITTEN,
    SEARCH_OF_SLOTS,
    TALLY,
    TITLE,
    UNCOUNTED_DELETION,
    delete,
    update,
    write_step,
)
from catalog_model.domain.arguments import check_id, check_kind
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.entities import AnyTitle, Movie, TVShow, check_title
from catalog_model.errors import ConflictError, TitleExistsError
from catalog_model.reads.titles import not_found
from catalog_model.table.encoded import Encoded
from catalog_model.table.plan import (
    Stored,
    plan_change,
    plan_creation,
    plan_deletion,
    plan_enrolment,
)
from catalog_model.table.slots import Shard
from catalog_model.writes.attempts import (
    Attempts,
    Planned,
    Snapshot,
    first_version,
    read_owner,
    read_snapshot,
)

READ_WITH_SHARD: Final = step(
    "BatchGetItem", TITLE, TALLY, units="rcu(title) + rcu(tally)", strong=True
)


@access_pattern(
    "Create a title, or replace it",
    READ_WITH_SHARD,
    write_step(*CREATION, units=f"{REPLACED} + 2 * wcu(tally)"),
    ENROLMENT,
    FORMER_CHANGE,
    *CREATION_WITHOUT_TALLIES,
    SEARCH_OF_SLOTS,
    consistency="atomic",
)
def put_title(
    catalog: Catalog,
    title: AnyTitle,
    *,
    if_absent: bool = False,
    if_unchanged: AnyTitle | None = None,
) -> Conversation[AnyTitle]:
    """Create *title*, or replace the title of the same kind and id.

    The title, its copy in each list, the counts and the sampler change in one transaction, or not
    at all. A title that equals the stored one is not written.

    Writing back a title that was read earlier overwrites changes made in between, unless
    *if_unchanged* is the title as it was read. To change some attributes, use `update_title`.

    Costs one BatchGetItem (2 read units) and one TransactWriteItems; `docs/costs.md` has the
    write units.

    Args:
        title: A `Movie` or a `TVShow`.
        if_absent: Raise `TitleExistsError` if the title exists, instead of replacing it.
        if_unchanged: Replace only this title; raise `ConflictError` if the stored one differs from
            it or is missing.

    Returns:
        The title as stored.

    Raises:
        InvalidTitleError: If it is too large: over 400 KB, or over 4 MB with all of its copies.
        InvalidArgumentError: If *if_unchanged* has another kind or id, or is passed together with
            *if_absent*.
        TitleExistsError: If it exists and *if_absent* is set.
        ConflictError: If the stored title differs from *if_unchanged*, or concurrent changes won
            every time.

    >>> put_title(catalog, Movie.from_json(record)).display_name
    'Alien'
    """
    check_instance(catalog, "catalog", Catalog)
    check_title(title)
    if_absent = check_flag(if_absent, "if_absent")
    check_expected(title, if_unchanged, if_absent=if_absent)
    encoded = Encoded(title)
    encoded.check_size()
    yield from write_title(catalog, encoded, if_absent=if_absent, if_unchanged=if_unchanged)
    return title


def check_expected(title: AnyTitle, before: object, *, if_absent: bool) -> None:
    """Check the *if_unchanged* of a write."""
    if before is None:
        return
    if not isinstance(before, (Movie, TVShow)):
        refuse("if_unchanged", before, "a Movie, a TVShow or None")
    if before.key != title.key:
        refuse("if_unchanged", before, f"{title.kind} {title.id} as it was read")
    if if_absent:
        refuse("if_absent", if_absent, "False where if_unchanged is given")


def write_title(
    catalog: Catalog,
    title: Encoded,
    *,
    if_absent: bool = False,
    if_unchanged: AnyTitle | None = None,
) -> Conversation[Stored | None]:
    """Create or replace a title, and return what was stored before."""
    key = title.title.key
    expected = None if if_unchanged is None else Encoded(if_unchanged)

    def read() -> Conversation[Snapshot]:
        return read_snapshot(key, with_shard=True)

    def read_damage(snapshot: Snapshot) -> Conversation[Snapshot]:
        """Use none of the free slots: a title may be in one of them."""
        yield from ()
        return replace(snapshot, shard=replace(snapshot.shard, free=frozenset()))

    def plan(snapshot: Snapshot) -> Planned[Stored | None]:
        stored = snapshot.stored
        if expected is not None and not (stored and stored.holds(expected)):
            found = "another by now" if stored else "gone"
            raise ConflictError(f"{if_unchanged!r} in {catalog.table!r} is {found}")
        if stored is None:
            return Planned(plan_creation(title, first_version(), snapshot.shard), None)
        if if_absent:
            raise TitleExistsError(f"{stored.title!r} is in {catalog.table!r} already")
        return Planned(_plan_change(stored, title, snapshot.shard), stored)

    return (yield from Attempts(key, read, plan, read_damage).run())


@access_pattern(
    "Delete a title",
    READ_WITH_SHARD,
    write_step(
        delete(TITLE, AS_READ),
        delete(LISTING, OWN),
        delete(MEMBERSHIP),
        update(TALLY, KNOWN),
        units=f"{REWRITTEN} + 2 * wcu(tally)",
    ),
    UNCOUNTED_DELETION,
    FORMER_DELETION,
    *MOVE_OF_TALLIES,
    consistency="atomic",
)
def delete_title(catalog: Catalog, kind: Kind, title_id: int) -> Conversation[AnyTitle]:
    """Delete a title and everything derived from it.

    Costs one BatchGetItem (2 read units) and one TransactWriteItems.

    Args:
        kind: ``"movie"`` or ``"tv"``.
        title_id: The title's id.

    Returns:
        The title as it was.

    Raises:
        TitleNotFoundError: If there is no such title.
        InvalidArgumentError: If an argument is invalid.
        ConflictError: If concurrent changes won every time.

    >>> delete_title(catalog, "movie", 949).display_name
    'Heat'
    """
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))

    def read() -> Conversation[Snapshot]:
        return read_snapshot(key, with_shard=True)

    def read_damage(snapshot: Snapshot) -> Conversation[Snapshot]:
        slot = _existing(catalog, key, snapshot).slot
        if slot is None:
            return snapshot
        owner = yield from read_owner(key, slot)
        return replace(snapshot, owns_slot=owner == key)

    def plan(snapshot: Snapshot) -> Planned[AnyTitle]:
        stored = _existing(catalog, key, snapshot)
        planned = plan_deletion(stored, snapshot.shard, owns_slot=snapshot.owns_slot)
        return Planned(planned, stored.title)

    return (yield from Attempts(key, read, plan, read_damage).run())


def change_title(
    catalog: Catalog, kind: Kind, title_id: int, **changes: Any
) -> Conversation[AnyTitle]:
    """Change attributes of a title that must exist, and return it as it then is."""
    check_instance(catalog, "catalog", Catalog)
    key = TitleKey(check_kind(kind), check_id(title_id))

    def read() -> Conversation[Snapshot]:
        snapshot = yield from read_snapshot(key, with_shard=False)
        if snapshot.stored is None or (snapshot.is_enrolled and not snapshot.stored.is_former):
            return snapshot
        return (yield from read_snapshot(key, with_shard=True))

    def plan(snapshot: Snapshot) -> Planned[AnyTitle]:
        stored = _existing(catalog, key, snapshot)
        after = Encoded(stored.title.replace(**changes))
        return Planned(_plan_change(stored, after, snapshot.shard), after.title)

    return (yield from Attempts(key, read, plan).run())


def _existing(catalog: Catalog, key: TitleKey, snapshot: Snapshot) -> Stored:
    if snapshot.stored is None:
        raise not_found(catalog, key)
    return snapshot.stored


def _plan_change(before: Stored, after: Encoded, shard: Shard) -> Plan:
    """Plan a title in place of the stored one, with an enrolment if that has no slot."""
    if before.slot is None:
        return plan_enrolment(before, after, first_version(), shard)
    return plan_change(before, after)

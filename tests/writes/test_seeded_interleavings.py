"""Bugs planted in the writes: each is detected by the interleavings of two or three writers.

This shows that the laws of `test_interleavings` can fail. The bugs:

1. The old deletion: a missing last slot is taken for "this is the last one", and the condition on
   the counts is the total that was read, which can recur.
2. The same, if the last slot is the title's own by then: a plan contains an item twice.
3. A change that reads the title and puts it back: it undoes concurrent changes.
4. A title replaces an unchanged one, but this is not checked again after a lost race.
5. A deleted title is taken for an unchanged one without a version: a change creates it again.
6. A title without a slot is taken for the owner of slot 0.
7. A creation that does not check for other changes of the shard leaves a gap, or takes a slot.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from interleavings import (
    EIGHT,
    FOREIGN,
    SIXTEEN,
    THERE,
    Writer,
    create,
    delete,
    explored,
    popularity,
    put,
    put_by_another_program,
    swap,
    table_of,
    update,
)
from table_dump import Table, movie

from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Equals, NotNewer, Update
from catalog_model.table import codec, plan, title_items
from catalog_model.table.plan import Shard, Stored
from catalog_model.writes import attempts

Bug = Callable[[pytest.MonkeyPatch], None]


def deletes_as_it_once_did(patch: pytest.MonkeyPatch) -> None:
    """Nothing is read again, and the condition on the counts is their total."""
    tally_of = plan._tally_shard

    def careless(kind: Any, number: int, counts: Any, shard: Shard | None = None) -> Update:
        made = tally_of(kind, number, counts, shard)
        if shard is None:
            return made
        total = Equals(codec.TOTAL, shard.total, or_absent=shard.total == 0)
        return Update(made.key, made.sets, made.adds, NotNewer(total))

    patch.setattr(plan, "_tally_shard", careless)
    patch.setattr(plan, "fits", lambda *_: True)
    patch.setattr("catalog_model.writes.storing.fits", lambda *_: True)


def changes_by_reading_and_putting(patch: pytest.MonkeyPatch) -> None:
    """The lost update: the title is put back as it was read, except for the change."""

    def change(catalog: Any, kind: Any, title_id: int, **changes: Any) -> Any:
        title = ap.get_title(catalog, kind, title_id, consistent=True)
        return ap.put_title(catalog, title.replace(**changes))

    patch.setattr("catalog_model.writes.changes.change_title", change)


def looks_once_whether_it_is_unchanged(patch: pytest.MonkeyPatch) -> None:
    """After a lost race, it is planned again without the check."""
    write = ap.put_title.__globals__["write_title"]

    def forgetful(catalog: Any, title: Any, *, if_absent: bool, if_unchanged: Any) -> Any:
        if if_unchanged is not None and if_unchanged != ap.get_title(
            catalog, *title.title.key, consistent=True
        ):
            return write(catalog, title, if_absent=if_absent, if_unchanged=if_unchanged)
        return write(catalog, title, if_absent=if_absent)

    patch.setattr("catalog_model.writes.storing.write_title", forgetful)


def takes_no_title_for_one_without_a_version(patch: pytest.MonkeyPatch) -> None:
    """The rule for missing tallies is applied to titles."""
    patch.setattr(plan, "title_as_read", plan.as_read)


def takes_no_slot_for_slot_0(patch: pytest.MonkeyPatch) -> None:
    """A missing attribute is read as 0."""
    read = title_items.read_stored

    def careless(key: Any, item: Any) -> Stored | None:
        stored = read(key, item)
        return stored and Stored(stored.title, stored.version, stored.slot or 0)

    patch.setattr(attempts, "read_stored", careless)


def counts_without_a_condition(patch: pytest.MonkeyPatch) -> None:
    """Any writer takes the slot that was free a moment ago."""
    patch.setattr(plan, "as_read", lambda _: None)


def _shard() -> Table:
    return table_of(*THERE)


def _with_foreign() -> Table:
    return _shard() | put_by_another_program(FOREIGN)


BUGS: list[tuple[Bug, Callable[[], Table], tuple[Writer, ...], str]] = [
    (deletes_as_it_once_did, _shard, (delete(8), delete(24), put(movie(32, 28))), "inconsistent"),
    (
        deletes_as_it_once_did,
        _shard,
        (delete(8), delete(8), put(EIGHT)),
        "a plan names an item twice",
    ),
    (
        changes_by_reading_and_putting,
        _shard,
        (popularity(16, popularity=7.5), update(16, overview="mine")),
        "no order",
    ),
    (
        looks_once_whether_it_is_unchanged,
        _shard,
        (swap(SIXTEEN, SIXTEEN.replace(overview="mine")), popularity(16, popularity=7.5)),
        "no order",
    ),
    (
        takes_no_title_for_one_without_a_version,
        _with_foreign,
        (popularity(40, popularity=7.5), delete(40)),
        "no order",
    ),
    (takes_no_slot_for_slot_0, _with_foreign, (popularity(40, popularity=7.5),), "inconsistent"),
    (takes_no_slot_for_slot_0, _with_foreign, (delete(40),), "inconsistent"),
    (counts_without_a_condition, _shard, (create(movie(32)), delete(16)), "inconsistent"),
]
"""Each bug, the writers that reveal it, and the expected problem."""


@pytest.mark.parametrize(("bug", "start", "writers", "found"), BUGS)
def test_the_interleavings_find_a_planted_bug(
    monkeypatch: pytest.MonkeyPatch,
    bug: Bug,
    start: Callable[[], Table],
    writers: tuple[Writer, ...],
    found: str,
) -> None:
    """With the bug some end has this problem; without it none has one."""
    table = start()
    with monkeypatch.context() as patch:
        bug(patch)
        seen = explored(table, *writers)
    assert any(problem.startswith(found) for problem in seen.problems), seen
    assert not explored(table, *writers).problems

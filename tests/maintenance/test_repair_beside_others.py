"""A repair of a title written by another program, concurrent with other writes to that title.

Before each transaction of the repair, a rival writes once to the title. Whatever the outcome, the
rival's write is kept, no item without a title is created, and another repair, if one is needed,
leaves the table intact.
"""

from __future__ import annotations

import pytest
from memory_engine import MemoryCatalog
from repair_laws import RIVALS, STEPS, _put, check_rival
from table_dump import assert_in_step

from catalog_model.dynamodb.actions import Plan
from catalog_model.maintenance.repair import repair

pytestmark = pytest.mark.usefixtures("in_no_time")


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("step", range(STEPS))
def test_a_rival_at_the_title_is_never_undone(rival: str, step: int) -> None:
    """Any rival, at any time."""
    check_rival(RIVALS[rival], step)


@pytest.mark.parametrize("rival", ["deletes its item", "puts its item again"])
@pytest.mark.parametrize("step", range(STEPS))
def test_the_word_of_the_other_program_stands(rival: str, step: int) -> None:
    """Its last put is the title; what it deleted stays deleted."""
    catalog = MemoryCatalog()
    _put(catalog, 18, 28)
    transact, calls = catalog.gateway.transact, iter(range(1000))

    def disturbed(operations: Plan) -> None:
        if next(calls) == step:
            RIVALS[rival](catalog)
        transact(operations)

    catalog.gateway.transact = disturbed  # type: ignore[method-assign]
    repair(catalog)
    repair(catalog)
    genres = {title.genre_ids for title in assert_in_step(catalog).values()}
    assert genres == ({(99,)} if rival == "puts its item again" else set())

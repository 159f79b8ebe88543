"""A repair of a title written by another program, concurrent with other writes to that title.

Before each transaction of the repair, a rival writes once to the title. Whatever the outcome, the
rival's write is kept, no item without a title is created, and another repair, if one is needed,
leaves the table intact.
"""

from typing import Any

import pytest
from memory_engine import MemoryCatalog, raw
from repair_laws import KEY, RIVALS, STEPS, _put, check_rival
from table_dump import assert_in_step, dump, movie

from catalog_model import access_patterns as ap
from catalog_model.dynamodb.actions import Plan
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import keys

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


@pytest.mark.parametrize("slot", [None, 0, 1, 7])
def test_a_title_that_is_corrected_during_the_repair_is_repaired(slot: int | None) -> None:
    """Its owner puts a readable item, with any slot or none, after the scan met the unreadable."""
    catalog = MemoryCatalog()
    ap.load_titles(catalog, [movie(title_id, 18) for title_id in (24, 8, 16)])
    at = keys.title_key(KEY)
    own = dump(catalog)[at]
    client = raw(catalog)
    client.put_item(TableName="t", Item={**own, "vote_average": {"S": "8.1"}})
    tally = keys.tally_key("movie", 0)
    client.put_item(TableName="t", Item={**dump(catalog)[tally], "g18": {"N": "7"}})
    corrected = {name: value for name, value in own.items() if not name.startswith("_")}
    corrected |= {} if slot is None else {"_slot": {"N": str(slot)}}
    report = verify(catalog)
    gateway = catalog.gateway
    query, asked = gateway.query, []

    def overtaken(partition: str, *arguments: Any, **options: Any) -> Any:
        if partition == at.PK:
            asked.append(partition)
            if len(asked) == 2:  # the first reading is that of the title's own repair
                client.put_item(TableName="t", Item=corrected)
        return query(partition, *arguments, **options)

    gateway.query = overtaken  # type: ignore[method-assign]
    repair(catalog, report)
    assert len(asked) >= 2
    repair(catalog)
    assert len(assert_in_step(catalog)) == 3
    assert repair(catalog).actions == []

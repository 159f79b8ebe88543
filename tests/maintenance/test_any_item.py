"""Any content of one item: verify reports it, repair repairs or leaves it, all else works."""

from collections.abc import Callable
from functools import partial

import pytest
from any_item_laws import (
    DAMAGED_IDS,
    Damaged,
    base,
    cases,
    check,
    own_keys,
    reads,
    refused,
    region,
    writes,
)
from scaled import some_of
from table_dump import dump

from catalog_model import TitleKey
from catalog_model.dynamodb.gateway import chunks
from catalog_model.entities import FIELDS
from catalog_model.errors import UnknownEntityError
from catalog_model.maintenance.migrate import migrate
from catalog_model.table import keys
from catalog_model.table.keys import SHARDS
from catalog_model.writes.load import LoadReport

pytestmark = pytest.mark.usefixtures("in_no_time")
each_type = pytest.mark.parametrize("what", ["title", "listing", "membership", "tally"])


@each_type
def test_any_attribute_of_any_item_may_be_anything(what: str) -> None:
    """It is found by name, repaired or left with a reason; all other items stay correct."""
    for some in some_of(list(chunks(cases("movie", what), SHARDS))):
        check("movie", some)


def test_any_attribute_of_a_show_may_be_anything() -> None:
    """The attributes that movies do not have."""
    own = {*FIELDS["tv"]} - {*FIELDS["movie"]}
    some = [case for case in cases("tv", "title") if case[1].attribute in own]
    assert len(some) > 80
    for batch in chunks(some, SHARDS // 2):
        check("tv", {case[0]: case for case in batch}.values())


@each_type
def test_every_call_answers_or_raises_an_error_of_the_package(what: str) -> None:
    """Reads, writes and a migration of a table with one item damaged in any way."""
    for some in some_of(list(chunks(cases("movie", what), SHARDS))):
        damaged = Damaged("movie", some)
        for call in reads(damaged.catalog, "movie", DAMAGED_IDS):
            refused(call)
        assert dump(damaged.catalog) == damaged.before
        for key, _ in some:
            for call in writes(damaged.catalog, key):
                refused(call)
        refused(partial(migrate, damaged.again()))


def refusal(call: Callable[[], object]) -> str:
    """Return the message with which a write rejects a title; a load may report it."""
    try:
        done = call()
    except UnknownEntityError as error:
        return str(error)
    assert isinstance(done, LoadReport), "written"
    return "; ".join(each.reason for each in done.rejected)


def test_no_write_touches_a_title_that_cannot_be_read() -> None:
    """Each write is rejected with an error that names the title; nothing is written."""
    for some in some_of(list(chunks(cases("movie", "title"), SHARDS))):
        damaged = Damaged("movie", some)
        for key, mutant in damaged.unreadable():
            for call in writes(damaged.catalog, key):
                assert keys.title_pk(key) in refusal(call), (mutant, call)
        assert dump(damaged.catalog) == damaged.before
        migrate(damaged.catalog)
        for key, mutant in damaged.unreadable():
            after, before = region(key, dump(damaged.catalog)), region(key, damaged.before)
            assert after == before, mutant


def test_the_cases_are_as_many_as_one_thinks() -> None:
    """For each type of item, with all of its attributes and some foreign ones."""
    counts = {
        what: len(cases("movie", what)) for what in own_keys(TitleKey("movie", 1), base("movie"))
    }
    assert sum(counts.values()) > 1000

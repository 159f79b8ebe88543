"""The tallies of a kind: those of version 4, or of an older version that are not moved yet."""

from collections.abc import Callable

import pytest
from older_tables import delete, grow_old, put
from table_dump import assert_in_step, dump, hooked, movie, once

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.typed_json import Item, text
from catalog_model.maintenance.migrate import migrate
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import keys

pytestmark = pytest.mark.in_memory

SOME = [movie(8, 28), movie(16, 18, 28), movie(9)]


@pytest.fixture
def former(catalog: Catalog) -> Catalog:
    """A handle on a table of version 3 with three movies."""
    ap.load_titles(catalog, SOME)
    grow_old(catalog, "version 3")
    return catalog


def assert_counted(catalog: Catalog) -> None:
    assert ap.count_titles(catalog, "movie") == len(SOME)
    counts = {genre.id: genre.title_count for genre in ap.list_genres(catalog, "movie")}
    assert counts == {18: 1, 28: 2}
    assert len(ap.sample_titles(catalog, "movie", 10)) == len(SOME)


MOVES: dict[str, Callable[[Catalog], object]] = {
    "a migration": migrate,
    "a repair": repair,
    "a write": lambda catalog: ap.delete_title(catalog, *ap.put_title(catalog, movie(24)).key),
}


@pytest.mark.parametrize("move", MOVES)
def test_an_item_of_another_application_among_tallies_is_not_taken_for_one(
    former: Catalog, move: str
) -> None:
    """It has the partition key of the tallies, which have not been moved there yet."""
    foreign: Item = {"PK": text(keys.tallies_pk("movie")), "SK": text("NOTE")}
    put(former, foreign)
    assert_counted(former)
    MOVES[move](former)
    assert_counted(former)
    assert {finding.problem for finding in verify(former).findings} == {"unknown entity"}
    assert foreign in dump(former).values()


def test_tallies_that_were_lost_after_their_move_are_counted_anew(former: Catalog) -> None:
    """Those of the older version stayed, but they are no longer kept: they do not count."""
    migrate(former)
    for shard in range(keys.SHARDS):
        delete(former, keys.tally_key("movie", shard))
    assert {finding.problem for finding in verify(former).findings} == {"count wrong"}
    repair(former)
    assert_counted(former)
    ap.put_title(former, movie(24, 18))
    assert len(assert_in_step(former)) == len(SOME) + 1


def test_titles_that_an_older_process_creates_during_a_migration_are_counted(
    former: Catalog,
) -> None:
    """Those of a kind that had none, and so no tallies to move, when the migration began."""
    there = dump(former)
    for key in there:
        delete(former, key)

    def create() -> None:
        for item in there.values():
            put(former, item)

    with hooked(former, "before-call.dynamodb.Scan", once(create)):
        migrate(former)
    assert verify(former).is_clean
    ap.put_title(former, movie(24, 18))
    assert len(assert_in_step(former)) == len(SOME) + 1

"""Many problems of one kind do not hide others: limits, many plans, large items."""

import pytest
from memory_engine import MemoryCatalog, raw
from repair_laws import MANY, check_bounds
from table_dump import dump, movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.limits import MAX_ITEM_BYTES
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import ItemKey
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys

pytestmark = pytest.mark.usefixtures("few_are_named", "in_no_time")


@pytest.mark.parametrize("foreign_items", [1, 3 * MANY])
@pytest.mark.parametrize("titles", [3, MANY])
def test_a_bound_of_one_problem_hides_nothing_of_another(foreign_items: int, titles: int) -> None:
    """With fewer and more problems than the limit, in all combinations."""
    check_bounds(foreign_items=foreign_items, titles=titles)


def test_what_many_plans_take_is_done_in_one_repair() -> None:
    """Surplus memberships of one title for more transactions than retries; no race was lost."""
    catalog = MemoryCatalog()
    ap.put_title(catalog, movie(8, 18))
    for genre_id in range(1000, 1700):
        item = codec.encode_membership(movie(8, 18), genre_id)
        raw(catalog).put_item(TableName="t", Item=item)
    dry = repair(catalog, dry_run=True)
    repaired = repair(catalog)
    assert dry.actions == repaired.actions
    assert (len(repaired.actions), repaired.left) == (700, [])
    assert verify(catalog).is_clean


def test_a_copy_that_dynamodb_cannot_hold_is_left_for_this_reason() -> None:
    """A title may fill its item, and its copy would be too large: the other copies are written."""
    item = codec.encode_title(movie(8, 18, overview=""), version=1, slot=0)
    for name in ("_schema", "_type", "_version", "_slot", "_form", "_doc"):
        item.pop(name, None)
    item["overview"] = {"S": "x" * (MAX_ITEM_BYTES - item_size(item) - 100)}
    catalog = MemoryCatalog([item])
    report = repair(catalog)
    assert {finding.problem for finding, _ in report.left} == {"slot missing", "membership missing"}
    assert all("DynamoDB holds 409,600" in reason for _, reason in report.left)
    assert (ap.count_titles(catalog, "movie"), repair(catalog).actions) == (1, [])


def test_more_counts_than_an_expression_holds_are_set(catalog: Catalog) -> None:
    """A thousand wrong counts of one tally: an expression has at most 4 KB."""
    ap.put_title(catalog, movie(8, 18))
    key = keys.tally_key("movie", 0)
    tally = dump(catalog)[key] | {f"g{n}": {"N": "7"} for n in range(1000, 2000)}
    raw(catalog).put_item(TableName=catalog.table, Item=tally)  # type: ignore[arg-type]
    repaired = repair(catalog)
    assert (len(repaired.actions), repaired.left) == (10, [])
    assert verify(catalog).is_clean
    assert ap.count_titles(catalog, "movie", 1500) == 0


def test_a_surplus_copy_of_a_newer_version_is_left() -> None:
    """The other surplus copies of the title are deleted."""
    catalog = MemoryCatalog()
    ap.put_title(catalog, movie(8, 18))
    for genre_id, version in ((77, 2), (78, 99)):
        item = codec.encode_membership(movie(8, 18), genre_id)
        item["_schema"] = {"N": str(version)}
        raw(catalog).put_item(TableName="t", Item=item)
    repaired = repair(catalog)
    assert repaired.actions == ["delete TITLE#movie#8 | GENRE#77"]
    newer = ItemKey("TITLE#movie#8", "GENRE#78")
    assert {finding.key for finding, _ in repaired.left} == {newer}
    assert all("a newer version" in reason for _, reason in repaired.left)

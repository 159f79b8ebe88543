"""Many problems of one kind do not hide others: limits, many plans, large items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from engines import Engine
from memory_table import MemoryCatalog, raw
from table_dump import assert_complete, dump, movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.limits import MAX_ITEM_BYTES
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes
from catalog_model.maintenance.findings import Problem
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table import codec, keys

FEW = 5
MANY = 12


@pytest.fixture(autouse=True)
def _few_are_named(monkeypatch: pytest.MonkeyPatch, in_no_time: None) -> None:
    """Lower the limit for small tables."""
    del in_no_time
    monkeypatch.setattr("catalog_model.maintenance.census.MOST_FINDINGS", FEW)
    monkeypatch.setattr("catalog_model.maintenance.repair.MOST_FINDINGS", FEW)


def foreign(number: int) -> Item:
    """Return an item of another application."""
    return {"PK": {"S": f"USER#{number}"}, "SK": {"S": "PROFILE"}, "name": {"SS": ["a", "b"]}}


def damaged(*, foreign_items: int, titles: int) -> MemoryCatalog:
    """Return a table with another application's items; each title lacks a membership and a slot."""
    catalog = MemoryCatalog()
    ap.load_titles(catalog, [movie(8 * i, 18, 28) for i in range(1, titles + 1)])
    for number in range(foreign_items):
        raw(catalog).put_item(TableName="t", Item=foreign(number))
    for number in range(1, titles + 1):
        key = TitleKey("movie", 8 * number)
        membership = key_attributes(keys.membership_key(key, 28))
        slot = key_attributes(keys.slot_key("movie", 0, number - 1))
        for each in (membership, slot):
            raw(catalog).delete_item(TableName="t", Key=each)
    return catalog


def problems(report: Report) -> Counter[Problem]:
    """Count the problems by kind, including those that are not listed."""
    return Counter(report.more) + Counter(finding.problem for finding in report.findings)


def check_bounds(*, foreign_items: int, titles: int) -> None:
    """The law: each kind of problem has a separate limit, and everything repairable is repaired."""
    catalog = damaged(foreign_items=foreign_items, titles=titles)
    report = verify(catalog)
    assert problems(report) == {
        "unknown entity": foreign_items,
        "membership missing": titles,
        "slot missing": titles,
    }
    named = {p: sum(f.problem == p for f in report.findings) for p in problems(report)}
    assert named == {
        "unknown entity": min(foreign_items, FEW),
        **dict.fromkeys(("membership missing", "slot missing"), min(titles, FEW)),
    }
    assert report.more_findings == sum(report.more.values())
    dry = repair(catalog, dry_run=True)
    repaired = repair(catalog)
    assert dry.actions == repaired.actions
    assert len(repaired.actions) == 3 * titles
    assert len(repaired.left) + repaired.more_left == foreign_items
    assert {f.problem for f, _ in repaired.left} == {"unknown entity"}
    assert repair(catalog).actions == []
    assert problems(verify(catalog)) == {"unknown entity": foreign_items}
    table = {key: item for key, item in dump(catalog).items() if not key.PK.startswith("USER")}
    assert len(assert_complete(table)) == titles


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
    for name in ("_schema", "_type", "_version", "_slot", "_form"):
        item.pop(name, None)
    item["overview"] = {"S": "x" * (MAX_ITEM_BYTES - item_size(item) - 100)}
    catalog = MemoryCatalog([item])
    report = repair(catalog)
    assert {finding.problem for finding, _ in report.left} == {
        "listing missing",
        "membership missing",
    }
    assert all("DynamoDB holds 409,600" in reason for _, reason in report.left)
    assert (ap.count_titles(catalog, "movie"), repair(catalog).actions) == (1, [])


@pytest.fixture
def strict_table(engine: Engine) -> Iterator[Catalog]:
    """A table of an engine with DynamoDB's limits."""
    catalog = engine.catalog()
    create_table(catalog)
    yield catalog
    delete_table(catalog)


def test_more_counts_than_an_expression_holds_are_set(strict_table: Catalog) -> None:
    """A thousand wrong counts of one tally: an expression has at most 4 KB."""
    ap.put_title(strict_table, movie(8, 18))
    key = keys.tally_key("movie", 0)
    tally = dump(strict_table)[key] | {f"g{n}": {"N": "7"} for n in range(1000, 2000)}
    raw(strict_table).put_item(TableName=strict_table.table, Item=tally)  # type: ignore[arg-type]
    repaired = repair(strict_table)
    assert (len(repaired.actions), repaired.left) == (10, [])
    assert verify(strict_table).is_clean
    assert ap.count_titles(strict_table, "movie", 1500) == 0


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

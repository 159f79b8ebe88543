"""Damage beyond the bounds of one repair, and its check."""

from __future__ import annotations

from collections import Counter

from memory_table import MemoryCatalog, raw
from table_dump import assert_complete, dump, movie

from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.typed_json import Item, key_attributes
from catalog_model.maintenance.findings import Problem
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.table import keys

FEW = 5


MANY = 12


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

"""Laws of repair: damage beyond the bounds of one repair, and writers during it."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from any_item_laws import refused
from memory_engine import MemoryCatalog, raw
from table_dump import assert_complete, assert_in_step, dump, movie

from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.typed_json import Item, key_attributes, read_int
from catalog_model.maintenance.findings import Problem
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.table import codec, keys

FEW = 5
MANY = 12


def foreign(number: int) -> Item:
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
        own = dump(catalog)[keys.title_key(key)]
        slot = key_attributes(keys.slot_key("movie", 0, read_int(own, codec.SLOT)))
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


# --- Writers during a repair, one between any two of its requests

KEY: Final = TitleKey("movie", 24)
AT: Final = key_attributes(keys.title_key(KEY))
OWN: Final = ("_schema", "_type", "_version", "_slot", "_form", "_doc")
STEPS: Final = 3
"""The repair's transactions: the title with its copies, the counts, the slot."""


def _put(catalog: MemoryCatalog, *genre_ids: int) -> None:
    """Put the item like another program."""
    item = codec.encode_title(movie(KEY.id, *genre_ids, popularity=5), version=1, slot=0)
    own = {name: value for name, value in item.items() if name not in OWN}
    raw(catalog).put_item(TableName="t", Item=own)


Rival = Callable[[MemoryCatalog], object]
RIVALS: Final[dict[str, Rival]] = {
    "deletes its item": lambda catalog: raw(catalog).delete_item(TableName="t", Key=AT),
    "puts its item again": lambda catalog: _put(catalog, 99),
    "deletes it": lambda catalog: ap.delete_title(catalog, *KEY),
    "puts it": lambda catalog: ap.put_title(catalog, movie(KEY.id, 35, popularity=9)),
    "changes it": lambda catalog: ap.update_popularity(catalog, *KEY, 77),
    "changes its genres": lambda catalog: ap.set_genres(catalog, *KEY, [35, 80]),
    "puts another": lambda catalog: ap.put_title(catalog, movie(32, 18)),
    "deletes another": lambda catalog: ap.delete_title(catalog, "movie", 8),
    "repairs, too": repair,
}


def check_rival(rival: Rival, step: int) -> None:
    """The law, for a rival before the transaction with this number."""
    catalog = MemoryCatalog()
    ap.load_titles(catalog, [movie(title_id, 18) for title_id in (8, 16, 1)])
    _put(catalog, 18, 28)
    gateway = catalog.gateway
    transact, calls = gateway.transact, iter(range(1000))

    def disturbed(operations: Plan) -> None:
        if next(calls) == step:
            gateway.transact = transact  # type: ignore[method-assign]
            refused(partial(rival, catalog))  # it may be, while the title is not enrolled
        transact(operations)

    gateway.transact = disturbed  # type: ignore[method-assign]
    repair(catalog)
    assert next(calls) > step, "the rival came"
    assert all("id" in item for key, item in dump(catalog).items() if key.PK == key.SK)
    repair(catalog)
    assert verify(catalog).is_clean
    assert_in_step(catalog)
    assert repair(catalog).actions == []


def check_rivals() -> None:
    """The law, for every rival before every transaction."""
    for rival in RIVALS.values():
        for step in range(STEPS):
            check_rival(rival, step)

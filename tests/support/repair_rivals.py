"""Writers during a repair, one between any two of its requests."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from memory_table import MemoryCatalog, raw
from table_dump import assert_in_step, dump, movie

from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.typed_json import Item, key_attributes
from catalog_model.errors import CatalogError
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys

KEY: Final = TitleKey("movie", 24)


AT: Final = key_attributes(keys.title_key(KEY))


OWN: Final = ("_schema", "_type", "_version", "_slot", "_form")


STEPS: Final = 3
"""The repair's transactions: the title with its copies, the counts, the slot."""


def by_hand(*genre_ids: int) -> Item:
    """Return the item that another program puts."""
    item = codec.encode_title(movie(KEY.id, *genre_ids, popularity=5), version=1, slot=0)
    return {name: value for name, value in item.items() if name not in OWN}


def _put(catalog: MemoryCatalog, *genre_ids: int) -> None:
    raw(catalog).put_item(TableName="t", Item=by_hand(*genre_ids))


def _delete(catalog: MemoryCatalog) -> None:
    raw(catalog).delete_item(TableName="t", Key=AT)


Rival = Callable[[MemoryCatalog], object]


RIVALS: Final[dict[str, Rival]] = {
    "deletes its item": _delete,
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
            refuses(partial(rival, catalog))
        transact(operations)

    gateway.transact = disturbed  # type: ignore[method-assign]
    repair(catalog)
    assert next(calls) > step, "the rival came"
    titles = {key for key in dump(catalog) if key.PK == key.SK}
    assert all("id" in item for key, item in dump(catalog).items() if key in titles)
    repair(catalog)
    assert verify(catalog).is_clean
    assert_in_step(catalog)
    assert repair(catalog).actions == []


def refuses(call: Callable[[], Any]) -> None:
    """Let the rival act; its write may be rejected while the title is not enrolled."""
    error = None
    try:
        call()
    except CatalogError as refused:
        error = refused
    assert error is None or str(error)


def check_rivals() -> None:
    """The law, for every rival before every transaction."""
    for rival in RIVALS.values():
        for step in range(STEPS):
            check_rival(rival, step)

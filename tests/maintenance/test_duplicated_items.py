"""Items duplicated under another key, as with the console: this is damage, but nothing worse.

Each item of a table is put again, unchanged, under the key of each type of item: of another title
or the same one, of an existing item or a missing one. The result is found, repaired or left; the
other titles stay, and nothing is written twice.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest
from memory_engine import MemoryCatalog, raw
from table_dump import Table, assert_complete, dump, movie

from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes, read_int
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import UnknownEntityError
from catalog_model.maintenance.repair import repair
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys

pytestmark = pytest.mark.usefixtures("in_no_time")

HEAT, NEXT, NEIGHBOUR = (TitleKey("movie", title_id) for title_id in (949, 950, 957))
"""A title, one of another shard, and one of the same."""

NOBODY = TitleKey("movie", 1949)
SHOW = TitleKey("tv", 949)


def titles() -> list[Movie | TVShow]:
    """Return the contents of the table."""
    show = TVShow(**{**movie(949, 18).to_json(), "name": "Oz"})
    return [movie(949, 28, 80), movie(950, 28), movie(957, 18, 80), movie(16, 18), show]


def targets() -> list[ItemKey]:
    """Return keys of each type, of existing and missing items."""
    shard = keys.shard_of(HEAT)
    return [
        *(
            key
            for each in (NEXT, NEIGHBOUR, NOBODY, SHOW)
            for key in (
                keys.title_key(each),
                keys.former_listing_key(each),
                keys.membership_key(each, 28),
            )
        ),
        keys.membership_key(HEAT, 99),
        *(keys.slot_key("movie", shard, number) for number in (0, 2, 4711)),
        keys.slot_key("movie", 6, 0),
        *(keys.tally_key("movie", 6), keys.tally_key("tv", 5)),
        ItemKey("TITLE#movie#0949", "ALL"),  # no key of this model
    ]


def sources(table: Table) -> dict[str, Item]:
    """Return an item of each type."""
    slot = read_int(table[keys.title_key(HEAT)], codec.SLOT)
    return {
        "title": table[keys.title_key(HEAT)],
        "listing": table[keys.slot_key("movie", 5, slot)],
        "membership": table[keys.membership_key(HEAT, 80)],
        "tally": table[keys.tally_key("movie", 5)],
    }


SOURCES: Final = ("title", "listing", "membership", "tally")


def damaged(source: str) -> Iterator[tuple[ItemKey, MemoryCatalog]]:
    """Yield a table for each key under which the item is put."""
    catalog = MemoryCatalog()
    ap.load_titles(catalog, titles())
    whole = dump(catalog)
    for key in targets():
        table = MemoryCatalog(whole.values())
        item = {**sources(whole)[source], **key_attributes(key)}
        raw(table).put_item(TableName="t", Item=item)
        if item != whole.get(key):
            yield key, table


def of_others(table: Table, *partitions: str) -> Table:
    """Leave out the items of some titles, of slots and of tallies."""
    return {
        key: {name: value for name, value in item.items() if name not in ("_slot", "_version")}
        for key, item in table.items()
        if key.PK.startswith("TITLE") and key.PK not in partitions
    }


@pytest.mark.parametrize("source", SOURCES)
def test_a_duplicated_item_is_found_and_harms_no_other_title(source: str) -> None:
    """Under any key: repaired, or left with a reason, at the first attempt."""
    for key, catalog in damaged(source):
        before = dump(catalog)
        assert not verify(catalog).is_clean
        repaired = repair(catalog)
        after = dump(catalog)
        assert of_others(after, key.PK) == of_others(before, key.PK), key
        left = {finding.key for finding, reason in repaired.left if reason}
        assert left <= {key}, (source, key)
        assert {finding.key for finding in verify(catalog).findings} == left
        assert repair(catalog).actions == []
        if not left:
            assert_complete(after)
            ap.put_title(catalog, movie(1950, 28))
            ap.delete_title(catalog, *HEAT)
            assert verify(catalog).is_clean, (source, key)


def test_a_title_duplicated_under_another_id_writes_to_neither() -> None:
    """Every write of the duplicate names it, and the memberships of the original are kept."""
    for key, catalog in damaged("title"):
        name = keys.parse_key(*key) if key.PK != "TITLE#movie#0949" else None
        if not isinstance(name, keys.TitleItem):
            continue
        before = dump(catalog)
        words = f"its key says {name.key.id}|name is missing"
        for write in (
            partial(ap.update_popularity, catalog, *name.key, 99),
            partial(ap.set_genres, catalog, *name.key, [18]),
            partial(ap.delete_title, catalog, *name.key),
        ):
            with pytest.raises(UnknownEntityError, match=words):
                write()
        repair(catalog)
        after = dump(catalog)
        assert {k: i for k, i in after.items() if keys.title_pk(HEAT) == k.PK} == {
            k: i for k, i in before.items() if keys.title_pk(HEAT) == k.PK
        }
        assert ap.get_title(catalog, *HEAT).popularity == 1

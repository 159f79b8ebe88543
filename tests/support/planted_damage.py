"""Planted damage, one kind after the other, for verify and repair to find."""

from itertools import combinations
from typing import Any

from table_dump import dump

from catalog_model import Catalog
from catalog_model.dynamodb.typed_json import Item, ItemKey, Value, key_attributes, number, read_int
from catalog_model.entities import AnyTitle
from catalog_model.maintenance.census import Shard
from catalog_model.table import codec, keys


class Vandal:
    """Writes directly to the table, without the model."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._client: Any = catalog.client
        self.titles = sorted(
            (codec.decode_title(item) for key, item in dump(catalog).items() if key.PK == key.SK),
            key=lambda title: title.key,
        )
        self.victim = next(title for title in self.titles if title.genre_ids)
        self.membership = keys.membership_key(self.victim.key, self.victim.genre_ids[0])
        self.tally = keys.tally_key(*_shard(self.victim))

    def get(self, key: ItemKey) -> Item:
        asked = {"TableName": self._catalog.table, "Key": key_attributes(key)}
        found: Item = self._client.get_item(**asked, ConsistentRead=True)["Item"]
        return found

    def put(self, item: Item) -> None:
        self._client.put_item(TableName=self._catalog.table, Item=item)

    def delete(self, key: ItemKey) -> None:
        self._client.delete_item(TableName=self._catalog.table, Key=key_attributes(key))

    def change(self, key: ItemKey, **attributes: Value) -> None:
        self.put({**self.get(key), **attributes})

    @property
    def neighbours(self) -> tuple[AnyTitle, AnyTitle]:
        """Two titles of one shard."""
        pairs = combinations(self.titles, 2)
        return next(pair for pair in pairs if _shard(pair[0]) == _shard(pair[1]))

    def slot_of(self, title: AnyTitle) -> ItemKey:
        """The slot of a title."""
        number = read_int(self.get(keys.title_key(title.key)), codec.SLOT)
        return keys.slot_key(title.kind, keys.shard_of(title.key), number)


def _shard(title: AnyTitle) -> Shard:
    return title.kind, keys.shard_of(title.key)


def _text(value: str) -> Value:
    return {"S": value}


def membership_is_gone(vandal: Vandal) -> None:
    vandal.delete(vandal.membership)


def listing_is_gone(vandal: Vandal) -> None:
    vandal.delete(vandal.slot_of(vandal.victim))


def membership_of_another_genre(vandal: Vandal) -> None:
    vandal.put(codec.encode_membership(vandal.victim, 99_999))


def memberships_without_a_title(vandal: Vandal) -> None:
    stranger = vandal.victim.replace(id=77_777_777)
    for copy in codec.encode_copies(stranger, 0)[1:]:
        vandal.put(copy)


def copy_shows_an_old_record(vandal: Vandal) -> None:
    old = vandal.victim.replace(overview="As it was before")
    vandal.change(vandal.membership, _doc=_text(old.to_json_text()))


def tally_counts_one_too_many(vandal: Vandal) -> None:
    total = read_int(vandal.get(vandal.tally), codec.TOTAL)
    vandal.change(vandal.tally, total=number(total + 1))


def tally_is_gone(vandal: Vandal) -> None:
    vandal.delete(vandal.tally)


def slot_is_gone(vandal: Vandal) -> None:
    vandal.delete(vandal.slot_of(vandal.neighbours[0]))


def two_slots_for_one_title(vandal: Vandal) -> None:
    one, other = vandal.neighbours
    vandal.change(vandal.slot_of(other), title_id=number(one.id))


def slot_of_nobody(vandal: Vandal) -> None:
    stranger = vandal.victim.replace(id=800_000_000 + keys.shard_of(vandal.victim.key))
    vandal.put(codec.encode_listing(stranger, 999))

"""The items of one title, read together: what is there, and what of it can be read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.keys import ItemName


class TitleRecord(NamedTuple):
    """A title's own item, read; ``slot`` is None where the title has none that can be."""

    title: Movie | TVShow
    version: int
    slot: int | None


class Share(NamedTuple):
    """What a title is of its shard: the counts that count it, by their names, and its slot."""

    key: TitleKey
    counts: tuple[str, ...]
    slot: int | None


@dataclass(frozen=True, slots=True)
class TitleItems:
    """All items of one title; ``record`` is None where its own item is missing or unreadable."""

    by_key: Mapping[ItemKey, Item]
    own: Item | None
    record: TitleRecord | None
    copies: Mapping[ItemKey, Item]

    @property
    def is_unreadable(self) -> bool:
        """Whether there is a title's item that cannot be read: nothing may follow from it."""
        return self.own is not None and self.record is None

    @property
    def key(self) -> TitleKey:
        """Which title they are of."""
        return _title_of(next(iter(self.by_key)))

    def share(self) -> Share | None:
        """Tell what the title is of its shard; None where there is no title.

        One that cannot be read may have been enrolled before it was spoilt. Then it has been
        counted for the memberships that it still has.
        """
        if self.record is not None:
            counts = codec.tally_attributes(self.record.title)
            return Share(self.key, tuple(counts), self.record.slot)
        if self.own is None:
            return None
        names = map(name_of, self.copies)
        genres = [n.genre_id for n in names if isinstance(n, keys.MembershipItem)]
        counted = map(codec.tally_attribute, (None, *genres))
        return Share(self.key, tuple(counted), codec.read_slot(self.own))


def read_items(items: Iterable[Item]) -> TitleItems:
    """Read the items of one title; others of its partition are only kept."""
    by_key = {key_of(item): item for item in items}
    names = {key: name_of(key) for key in by_key}
    own = [by_key[key] for key, name in names.items() if isinstance(name, keys.TitleItem)]
    copies = {key: by_key[key] for key, name in names.items() if is_copy(name)}
    return TitleItems(by_key, own[0] if own else None, read_title(own[0]) if own else None, copies)


def read_title(item: Item) -> TitleRecord | None:
    """Read a title's own item; None if that is not possible."""
    try:
        item = evolution.upgraded(item)
        return TitleRecord(
            codec.decode_title(item), codec.read_version(item), codec.read_slot(item)
        )
    except UnknownEntityError:
        return None


def slot_owner(kind: Kind, item: Item) -> TitleKey | None:
    """Read which title owns a slot; None if that is not possible."""
    try:
        return codec.decode_slot(kind, item)
    except UnknownEntityError:
        return None


def slot_key(title: TitleKey, slot: int) -> ItemKey:
    """Give the key of a title's slot."""
    return keys.slot_key(title.kind, keys.shard_of(title), slot)


def key_of(item: Mapping[str, Any]) -> ItemKey:
    """Give the key of any item, also of one that is not of this model."""
    return ItemKey(*(str(item.get(name, {}).get("S", "")) for name in ("PK", "SK")))


def name_of(key: ItemKey) -> ItemName | None:
    """Name the item that has this key; None if no item of this model has it."""
    try:
        return keys.parse_key(*key)
    except UnknownEntityError:
        return None


def is_of_a_title(name: ItemName | None) -> bool:
    """Tell whether it is a title's own item, or a copy."""
    return isinstance(name, keys.TitleItem | keys.ListingItem | keys.MembershipItem)


def is_copy(name: ItemName | None) -> bool:
    """Tell whether it is a copy of a title for the lists."""
    return isinstance(name, keys.ListingItem | keys.MembershipItem)


def _title_of(key: ItemKey) -> TitleKey:
    name = keys.parse_key(key.PK, key.PK)
    if not isinstance(name, keys.TitleItem):
        raise UnknownEntityError(f"{key} is of no title")
    return name.key

"""The items of one title, read together, and what can be decoded of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, evolution, keys
from catalog_model.table.keys import ItemName
from catalog_model.table.plan import Stored


class Share(NamedTuple):
    """A title's part of its shard: the names of the counts that include it, and its slot."""

    key: TitleKey
    counts: tuple[str, ...]
    slot: int | None


@dataclass(frozen=True, slots=True)
class TitleItems:
    """All items of one title; ``record`` is None if its own item is missing or unreadable."""

    by_key: Mapping[ItemKey, Item]
    own: Item | None
    record: Stored | None
    copies: Mapping[ItemKey, Item]

    @property
    def is_unreadable(self) -> bool:
        """Whether its own item exists and cannot be read: nothing may be derived from it."""
        return self.own is not None and self.record is None

    @property
    def key(self) -> TitleKey:
        """The title's key."""
        return _title_of(next(iter(self.by_key)))

    def share(self) -> Share | None:
        """Return the title's part of its shard; None without a title.

        An unreadable title is counted in the genres of its remaining memberships.
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
    """Decode the items of one title; other items of its partition are only kept."""
    by_key = {key_of(item): item for item in items}
    names = {key: name_of(key) for key in by_key}
    own = [by_key[key] for key, name in names.items() if isinstance(name, keys.TitleItem)]
    copies = {key: by_key[key] for key, name in names.items() if is_copy(name)}
    return TitleItems(by_key, own[0] if own else None, read_title(own[0]) if own else None, copies)


def read_title(item: Item) -> Stored | None:
    """Decode a title's own item, without a slot if that is invalid; None if it is unreadable."""
    try:
        item = evolution.upgraded(item)
        return Stored(codec.decode_current(item), codec.read_version(item), codec.read_slot(item))
    except UnknownEntityError:
        return None


def read_stored(key: TitleKey, item: Item | None) -> Stored | None:
    """Decode a title's own item for a write; None if there is no item.

    An unreadable item, or one that a newer version wrote, raises an error.
    """
    if item is None:
        return None
    evolution.check_not_newer(item)
    item = evolution.upgraded(item)
    title = codec.decode_current(item)
    if title.key != key:
        raise UnknownEntityError(f"the item of {key.kind} {key.id} holds {title!r}")
    slot = codec.read_count(item, codec.SLOT) if codec.SLOT in item else None
    return Stored(title, codec.read_version(item), slot)


def slot_owner(kind: Kind, item: Item) -> TitleKey | None:
    """Return the title that owns a slot; None if the slot is unreadable."""
    try:
        return codec.decode_slot(kind, item)
    except UnknownEntityError:
        return None


def slot_key(title: TitleKey, slot: int) -> ItemKey:
    """Return the key of a title's slot."""
    return keys.slot_key(title.kind, keys.shard_of(title), slot)


def key_of(item: Mapping[str, Any]) -> ItemKey:
    """Return the key of any item, including items of other applications."""
    return ItemKey(*(str(item.get(name, {}).get("S", "")) for name in ("PK", "SK")))


def name_of(key: ItemKey) -> ItemName | None:
    """Return the name of the item with this key; None if it does not belong to this model."""
    try:
        return keys.parse_key(*key)
    except UnknownEntityError:
        return None


def item_name(item: Mapping[str, Any]) -> ItemName | None:
    """Return the name of an item; None if it does not belong to this model."""
    return name_of(key_of(item))


def is_of_a_title(item: Mapping[str, Any]) -> bool:
    """Whether this is a title's own item, or a copy."""
    return isinstance(item_name(item), keys.TitleItem | keys.ListingItem | keys.MembershipItem)


def slots_in(items: Iterable[Item]) -> dict[int, Item]:
    """Return the slots among the items of a shard, by number."""
    named = ((item_name(item), item) for item in items)
    return {name.number: item for name, item in named if isinstance(name, keys.SlotItem)}


def is_copy(name: ItemName | None) -> bool:
    """Whether this is a copy of a title for the lists."""
    return isinstance(name, keys.ListingItem | keys.MembershipItem)


def _title_of(key: ItemKey) -> TitleKey:
    name = keys.parse_key(key.PK, key.PK)
    if not isinstance(name, keys.TitleItem):
        raise UnknownEntityError(f"{key} is of no title")
    return name.key

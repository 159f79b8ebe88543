"""The items of one title, read together, and what can be decoded of them. Pure.

Its listing is in another partition than its other items, so it may be read with them, or not.
"""

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
    """The items of one title; ``record`` is None if its own item is missing or unreadable.

    ``copies`` are its memberships, and its former listing, if any; with its slot's item, if read.
    """

    by_key: Mapping[ItemKey, Item]
    own: Item | None
    record: Stored | None
    copies: Mapping[ItemKey, Item]
    slot: Item | None = None

    @property
    def is_unreadable(self) -> bool:
        """Whether its own item exists and cannot be read: nothing may be derived from it."""
        return self.own is not None and self.record is None

    @property
    def key(self) -> TitleKey:
        """The title's key."""
        return _title_of(next(iter(self.by_key)))

    def slot_key(self) -> ItemKey | None:
        """Return the key of its slot; None without a valid one."""
        slot = codec.read_slot(self.own) if self.own is not None else None
        return None if slot is None else keys.listing_key(self.key, slot)

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


def read_items(items: Iterable[Item], slot: Item | None = None) -> TitleItems:
    """Decode the items of one title, and of its *slot*, if read; others are only kept."""
    by_key = {key_of(item): item for item in items}
    names = {key: name_of(key) for key in by_key}
    own = [by_key[key] for key, name in names.items() if isinstance(name, keys.TitleItem)]
    copies = {key: by_key[key] for key, name in names.items() if is_copy(name)}
    first = own[0] if own else None
    return TitleItems(by_key, first, read_title(first) if first else None, copies, slot)


def read_title(item: Item) -> Stored | None:
    """Decode a title's own item, without a slot if that is invalid; None if it is unreadable."""
    is_former = evolution.is_former(item)
    try:
        item = evolution.upgraded(item)
        version, lists = codec.read_version(item), codec.read_lists(item)
        slot = codec.read_slot(item)
        return Stored(codec.decode_current(item), version, slot, is_former, lists)
    except UnknownEntityError:
        return None


def read_stored(key: TitleKey, item: Item | None) -> Stored | None:
    """Decode a title's own item for a write; None if there is no item.

    An unreadable item, or one that a newer version wrote, raises an error.
    """
    if item is None:
        return None
    evolution.check_not_newer(item)
    is_former = evolution.is_former(item)
    item = evolution.upgraded(item)
    title = codec.decode_current(item)
    if title.key != key:
        raise UnknownEntityError(f"the item of {key.kind} {key.id} holds {title!r}")
    slot = codec.read_count(item, codec.SLOT) if codec.SLOT in item else None
    return Stored(title, codec.read_version(item), slot, is_former, codec.read_lists(item))


def expected_copies(record: Stored) -> dict[ItemKey, Item]:
    """Return the copies that belong next to a title, in the current version's form."""
    title = record.title
    copies = [codec.encode_membership(title, genre) for genre in codec.unique_genres(title)]
    if record.is_former:
        copies.append(codec.encode_former_listing(title))
    copies = [codec.in_list_shard(copy, title.key, record.lists) for copy in copies]
    return {key_of(copy): copy for copy in copies}


def expected_slot(record: Stored) -> Item | None:
    """Return the item that belongs in a title's slot; None for a title without one."""
    if record.slot is None:
        return None
    if record.is_former:
        return codec.encode_former_slot(record.title.key, record.slot)
    listing = codec.encode_listing(record.title, record.slot)
    return codec.in_list_shard(listing, record.title.key, record.lists)


def slot_owner(kind: Kind, item: Item) -> TitleKey | None:
    """Return the title that owns a slot; None if the slot is unreadable."""
    try:
        return codec.decode_slot(kind, item)
    except UnknownEntityError:
        return None


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
    """Whether this is a title's own item, or a copy next to it."""
    return isinstance(item_name(item), keys.TitleItem | keys.FormerListing | keys.MembershipItem)


def is_copy(name: ItemName | None) -> bool:
    """Whether this is a copy of a title next to its own item."""
    return isinstance(name, keys.FormerListing | keys.MembershipItem)


def _title_of(key: ItemKey) -> TitleKey:
    name = keys.parse_key(key.PK, key.PK)
    if not isinstance(name, keys.TitleItem):
        raise UnknownEntityError(f"{key} is of no title")
    return name.key

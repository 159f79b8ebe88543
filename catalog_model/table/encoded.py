"""A title on its way into the table: encoded once, for every check and every plan of a write."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from catalog_model.checks import counted
from catalog_model.dynamodb.limits import MAX_ITEM_BYTES, MAX_PUT_BYTES
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, number, text
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import InvalidTitleError
from catalog_model.table import codec, keys

VERSION_BITS: Final = 48
"""The number of bits of the random version with which a title begins."""

TYPICAL_VERSION: Final = 2**VERSION_BITS - 1
"""The largest of these versions; most have as many digits."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """A title with its JSON text, its items and their sizes, each computed at its first use."""

    title: Movie | TVShow

    @cached_property
    def text(self) -> str:
        """The record as JSON text, as the copies hold it."""
        return self.title.to_json_text()

    @property
    def genres(self) -> int:
        """The number of its genres, each with a membership."""
        return len(self._copies) - 1

    def memberships(self, lists: int = 1) -> tuple[Item, ...]:
        """Return the copies for the lists of its genres, each of *lists* shards."""
        copies = self._copies[1:]
        if lists == 1:
            return copies
        return tuple(codec.in_list_shard(copy, self.title.key, lists) for copy in copies)

    def listing(self, slot: int, lists: int = 1) -> Item:
        """Return the copy for the lists of its kind, each of *lists* shards, in this slot."""
        key = self.title.key
        copy = codec.in_list_shard(self._copies[0], key, lists)
        return {**copy, "SK": text(keys.listing_key(key, slot).SK)}

    def own(self, *, version: int, slot: int, lists: int = 1) -> Item:
        """Return the title's own item with this version and this slot."""
        own = codec.with_lists(self._own, lists)
        return {**own, codec.VERSION: number(version), codec.SLOT: number(slot)}

    @cached_property
    def size(self) -> int:
        """The most bytes of all items that a creation puts: the title and its copies."""
        return sum(self._sizes) + len(self._sizes) * codec.LIST_SHARD_BYTES

    def check_size(self, lists: int | None = None) -> None:
        """Refuse a title with an item over 400 KB, or over 4 MB with all of its copies.

        Its version and its slot count with the most digits, and its copies with the longest keys of
        *lists* shards, or of any number, so that later writes fit, too. A write may also delete as
        many other copies, and changes counts and free slots: 16 KB of the 4 MB are left for these.
        """
        own = codec.with_lists(self._own, codec.MOST_LISTS if lists is None else lists)
        if codec.DOC in own:
            return  # it has at most 4 KB, and so even 48 copies are far from both limits
        if lists is None:
            largest = max(self._sizes) + codec.LIST_SHARD_BYTES
        else:
            largest = max(self._sizes if lists == 1 else self._sizes_in(lists))
        if largest > MAX_ITEM_BYTES:
            raise InvalidTitleError(
                f"{self.title!r} makes an item of up to {largest:,} bytes; "
                f"DynamoDB holds {MAX_ITEM_BYTES:,}"
            )
        if self.size > MAX_PUT_BYTES:
            genres = counted(self.genres, "genre")
            raise InvalidTitleError(
                f"{self.title!r} has {self.size:,} bytes with its copies for {genres}; "
                f"at most {MAX_PUT_BYTES:,} fit into a transaction of DynamoDB"
            )

    @cached_property
    def _own(self) -> Item:
        return codec.encode_title(
            self.title, version=codec.LARGEST, slot=codec.LARGEST, text_of_record=self.text
        )

    @cached_property
    def _copies(self) -> tuple[Item, ...]:
        return tuple(codec.encode_copies(self.title, codec.LARGEST, self.text))

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        return tuple(map(item_size, (self._own, *self._copies)))

    def _sizes_in(self, lists: int) -> tuple[int, ...]:
        own, key = codec.with_lists(self._own, lists), self.title.key
        copies = (codec.in_list_shard(copy, key, lists) for copy in self._copies)
        return tuple(map(item_size, (own, *copies)))

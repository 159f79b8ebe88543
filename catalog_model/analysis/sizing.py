"""The sizes of titles, which budgets use in addition to a call's arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from statistics import mean
from typing import Final

from catalog_model.analysis.prediction import index_entry
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import Movie, TVShow
from catalog_model.table import codec
from catalog_model.table.encoded import TYPICAL_VERSION

LONGEST_SLOT: Final = 10**6
"""A slot number as long as in a catalogue of millions."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes in bytes of a title's items, and the number of its genres.

    The defaults are at least those of 99 of 100 titles of the application.
    """

    title: float = 2600
    """The title's own item."""
    copy: float = 1450
    """A listing or a membership."""
    entry: float = 1350
    """The index entry of a copy."""
    mean_entry: float = 900
    """The same, averaged over a page."""
    genres: float = 5
    """The number of the title's genres; for a change, those before or after it."""
    tally: float = 1000
    """The counts of one shard, and its free slots."""

    @classmethod
    def of(cls, titles: Iterable[Movie | TVShow]) -> Sizes:
        """Return the largest sizes among *titles*; the defaults if there are none.

        >>> Sizes.of([Movie.from_json(record)]).genres
        2
        """
        measured = list(titles)
        if not measured:
            return APPLICATION
        copies = [codec.encode_copies(title, LONGEST_SLOT) for title in measured]
        entries = [_largest_entry(listing) for listing, *_ in copies]
        return cls(
            title=max(item_size(_own_item(each)) for each in measured),
            copy=max(item_size(copy) for each in copies for copy in each),
            entry=max(entries),
            mean_entry=max(APPLICATION.mean_entry, mean(entries)),
            genres=max(map(len, _genres(measured).values())),
        )

    def of_spread_lists(self) -> Sizes:
        """Return the sizes of the same titles in lists of several shards, a few bytes more."""
        more = codec.LIST_SHARD_BYTES
        names = ("title", "copy", "entry", "mean_entry")
        return replace(self, **{name: getattr(self, name) + more for name in names})

    def quantities(self) -> dict[str, float]:
        """Return the sizes by their names in formulas."""
        return asdict(self)


APPLICATION: Final = Sizes()


def _own_item(title: Movie | TVShow) -> Item:
    return codec.encode_title(title, version=TYPICAL_VERSION, slot=LONGEST_SLOT)


def _genres(titles: Iterable[Movie | TVShow]) -> Mapping[TitleKey, set[int]]:
    genres: dict[TitleKey, set[int]] = defaultdict(set)
    for title in titles:
        genres[title.key].update(title.genre_ids)
    return genres


def _largest_entry(listing: Item) -> int:
    """Return the size of a listing's largest index entry; its keys differ by index."""
    by_name = index_entry(listing, "by_name") or {}
    by_value = index_entry(listing, "by_rating") or {}
    return max(item_size(by_name), item_size(by_value))

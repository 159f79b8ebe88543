"""The sort orders of lists, and the partitions of each."""

from collections.abc import Callable, Mapping
from typing import Final, Literal

from catalog_model.domain.kinds import Kind
from catalog_model.entities import AnyTitle
from catalog_model.reads.partitions import Order, Source
from catalog_model.table import codec, keys
from catalog_model.table.indexes import IndexName
from catalog_model.table.keys import (
    TOP_MAGNITUDE,
    SortKey,
    date_sort_key,
    name_sort_key,
    number_sort_key,
)

GenreOrderName = Literal["popularity", "rating", "release"]
OrderName = Literal["popularity", "rating", "release", "name"]
GENRE_ORDERS: Final[tuple[GenreOrderName, ...]] = ("popularity", "rating", "release")
ORDERS: Final[tuple[OrderName, ...]] = (*GENRE_ORDERS, "name")
PLAIN_GENRE_ORDERS: Final[tuple[GenreOrderName, ...]] = ("popularity", "release")
PLAIN_ORDERS: Final[tuple[OrderName, ...]] = (*PLAIN_GENRE_ORDERS, "name")
"""The orders whose lists are one partition; by rating there is one for each magnitude of votes."""

_ORDERS: Final[Mapping[OrderName, tuple[IndexName, Callable[[AnyTitle], SortKey]]]] = {
    "popularity": ("by_popularity", lambda title: number_sort_key(title.popularity, title.id)),
    "rating": ("by_rating", lambda title: number_sort_key(title.vote_average, title.id)),
    "release": ("by_release", lambda title: date_sort_key(title.released, title.id)),
    "name": ("by_name", lambda title: name_sort_key(title.display_name, title.id)),
}


def order_by(name: OrderName, *, descending: bool = True) -> Order:
    """Return the index to read, and the function that computes a title's place in it."""
    stores = codec.NAME_SK if name == "name" else None  # older versions folded names differently
    value = (lambda title: title.vote_average) if name == "rating" and descending else None
    return Order(*_ORDERS[name], descending, stores, value)


def list_source(kind: Kind, genre_id: int | None = None) -> Source:
    """Return the partition with all titles of *kind*, or of one genre."""
    return Source(keys.list_key(kind, genre_id))


def rating_sources(kind: Kind, genre_id: int | None, min_votes: int = -1) -> list[Source]:
    """Return the partitions with more than *min_votes* votes; only the lowest also holds others."""
    lowest = keys.magnitude_of(min_votes + 1)
    is_mixed = min_votes >= 0 and keys.magnitude_of(min_votes) == lowest
    boundary = Source(
        keys.rating_list_key(kind, genre_id, lowest),
        wanted=(lambda title: title.vote_count > min_votes) if is_mixed else None,
    )
    higher = range(lowest + 1, TOP_MAGNITUDE + 1)
    return [boundary, *(Source(keys.rating_list_key(kind, genre_id, m)) for m in higher)]

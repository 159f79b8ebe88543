"""The indexes: what they are called, their keys, and what travels with each entry."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from catalog_model.table import codec

IndexName = Literal["by_popularity", "by_rating", "by_release", "by_name"]
INDEXES: Final[tuple[IndexName, ...]] = get_args(IndexName)

TABLE: Final = "table"
"""What the table itself is called where indexes are called by their names."""

INDEX_KEYS: Final[Mapping[IndexName, tuple[str, str]]] = MappingProxyType(
    {
        "by_popularity": (codec.LIST_PK, codec.POPULARITY_SK),
        "by_rating": (codec.RATING_PK, codec.RATING_SK),
        "by_release": (codec.LIST_PK, codec.RELEASE_SK),
        "by_name": (codec.LIST_PK, codec.NAME_SK),
    }
)
"""The partition key and the sort key of each index."""

INCLUDED: Final = (codec.DOC,)
"""What each index holds besides its own keys and those of the table: what a list shows."""

"""The indexes, declared once: their names, their keys, and what each entry projects."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, get_args

from catalog_model.dynamodb.schema import TableSchema
from catalog_model.table import codec, evolution

IndexName = Literal["by_popularity", "by_rating", "by_release", "by_name"]
INDEXES: Final[tuple[IndexName, ...]] = get_args(IndexName)

INDEX_KEYS: Final[Mapping[IndexName, tuple[str, str]]] = MappingProxyType(
    {
        "by_popularity": (codec.LIST_PK, codec.POPULARITY_SK),
        "by_rating": (codec.RATING_PK, codec.RATING_SK),
        "by_release": (codec.LIST_PK, codec.RELEASE_SK),
        "by_name": (codec.LIST_PK, codec.NAME_SK),
    }
)
"""The partition key and the sort key of each index.

Lists by popularity and by release hold all titles of a kind, and those of each genre. Lists by
rating are split by the magnitude of the number of votes. Lists by name hold all of a kind only:
memberships lack the attribute (a sparse index).
"""

INCLUDED: Final = (codec.DOC,)
"""The attributes that each index projects besides keys: what a list shows."""

SCHEMA: Final = TableSchema(INDEX_KEYS, INCLUDED, evolution.VERSIONS)
"""The schema of the table, as `dynamodb` needs it."""

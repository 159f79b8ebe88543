"""The indexes, declared in one place: their names, their keys, and their projections."""

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

Lists by popularity and by release contain all titles of a kind, or those of one genre. Lists by
rating are divided by the magnitude of the number of votes. Lists by name exist for whole kinds
only: memberships lack the attribute (a sparse index).
"""

INCLUDED: Final = (codec.DOC,)
"""The attributes that each index projects in addition to keys: what a list returns."""

SCHEMA: Final = TableSchema(INDEX_KEYS, INCLUDED, evolution.VERSIONS)
"""The schema of the table, in the form that `dynamodb` uses."""

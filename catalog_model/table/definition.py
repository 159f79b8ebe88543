"""The table, declared with PynamoDB: its keys, its indexes, and what travels with them."""

from __future__ import annotations

from typing import Any

from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection.base import MetaTable
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection
from pynamodb.models import Model

from catalog_model.table import codec
from catalog_model.table.indexes import INCLUDED


class ByPopularity(GlobalSecondaryIndex["CatalogItem"]):
    """Lists by popularity: all of a kind, and each genre."""

    class Meta:
        """What PynamoDB wants to know of the index."""

        index_name = "by_popularity"
        projection = IncludeProjection(list(INCLUDED))

    list_key = UnicodeAttribute(attr_name=codec.LIST_PK, hash_key=True)
    place = UnicodeAttribute(attr_name=codec.POPULARITY_SK, range_key=True)


class ByRating(GlobalSecondaryIndex["CatalogItem"]):
    """Lists by rating, each split by the magnitude of the number of votes."""

    class Meta:
        """What PynamoDB wants to know of the index."""

        index_name = "by_rating"
        projection = IncludeProjection(list(INCLUDED))

    list_key = UnicodeAttribute(attr_name=codec.RATING_PK, hash_key=True)
    place = UnicodeAttribute(attr_name=codec.RATING_SK, range_key=True)


class ByRelease(GlobalSecondaryIndex["CatalogItem"]):
    """Lists by date of release or first broadcast: all of a kind, and each genre."""

    class Meta:
        """What PynamoDB wants to know of the index."""

        index_name = "by_release"
        projection = IncludeProjection(list(INCLUDED))

    list_key = UnicodeAttribute(attr_name=codec.LIST_PK, hash_key=True)
    place = UnicodeAttribute(attr_name=codec.RELEASE_SK, range_key=True)


class ByName(GlobalSecondaryIndex["CatalogItem"]):
    """Lists by name, of all of a kind only: memberships lack the attribute (a sparse index)."""

    class Meta:
        """What PynamoDB wants to know of the index."""

        index_name = "by_name"
        projection = IncludeProjection(list(INCLUDED))

    list_key = UnicodeAttribute(attr_name=codec.LIST_PK, hash_key=True)
    place = UnicodeAttribute(attr_name=codec.NAME_SK, range_key=True)


class CatalogItem(Model):
    """Any item of the table. Only the keys are declared: `codec` reads and writes the rest."""

    class Meta:
        """What PynamoDB wants to know of the table; its name comes from the `Catalog`."""

        table_name = "any"

    PK = UnicodeAttribute(hash_key=True)
    SK = UnicodeAttribute(range_key=True)
    by_popularity = ByPopularity()
    by_rating = ByRating()
    by_release = ByRelease()
    by_name = ByName()


def schema() -> dict[str, Any]:
    """Give the declaration in the words of `pynamodb.connection.Connection.create_table`."""
    declared: dict[str, Any] = dict(CatalogItem._get_schema())  # offered by no public function
    unique = {each["AttributeName"]: each for each in declared["attribute_definitions"]}
    declared["attribute_definitions"] = list(unique.values())
    return declared


def meta_table(table_name: str) -> MetaTable:
    """Tell PynamoDB the keys of a table, so that it need not ask the service for them."""
    declared = schema()
    return MetaTable(
        {
            "TableName": table_name,
            "KeySchema": declared["key_schema"],
            "AttributeDefinitions": declared["attribute_definitions"],
        }
    )


def description_of(declared: dict[str, Any]) -> dict[str, Any]:
    """Reduce the declaration, or a DescribeTable answer, to what makes a table this model's."""
    indexes = declared.get("global_secondary_indexes", declared.get("GlobalSecondaryIndexes", []))
    return {
        "keys": _key_names(declared.get("key_schema", declared.get("KeySchema", []))),
        "types": {each["AttributeName"]: each["AttributeType"] for each in _definitions(declared)},
        "indexes": {_index_name(index): _describe_index(index) for index in indexes},
    }


def _definitions(declared: dict[str, Any]) -> list[dict[str, str]]:
    return list(declared.get("attribute_definitions", declared.get("AttributeDefinitions", [])))


def _index_name(index: dict[str, Any]) -> str:
    return str(index.get("index_name", index.get("IndexName")))


def _describe_index(index: dict[str, Any]) -> dict[str, Any]:
    projection = index.get("projection", index.get("Projection", {}))
    return {
        "keys": _key_names(index.get("key_schema", index.get("KeySchema", []))),
        "projection": projection.get("ProjectionType"),
        "attributes": sorted(projection.get("NonKeyAttributes", [])),
    }


def _key_names(key_schema: list[dict[str, str]]) -> dict[str, str]:
    return {each["KeyType"]: each["AttributeName"] for each in key_schema}

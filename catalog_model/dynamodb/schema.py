"""The schema of a single table: string keys ``PK`` and ``SK``, indexes, item versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.dynamodb.limits import MAX_DIGITS
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import SchemaMismatchError

TABLE: Final = "table"
"""The name of the table itself in mappings by index."""

PRIMARY_KEY: Final = ("PK", "SK")


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of items: the attribute that stores them, and the newest known one."""

    attribute: str
    newest: int

    def of(self, item: Mapping[str, Any]) -> int | None:
        """Return the version of an item; None if it has no readable one."""
        match item.get(self.attribute):
            case {"N": str(digits)} if digits.isdecimal() and len(digits) <= MAX_DIGITS:
                return int(digits)
        return None

    def is_newer(self, item: Mapping[str, Any]) -> bool:
        """Return whether an item was written by a newer version of this package."""
        version = self.of(item)
        return version is not None and version > self.newest

    def check_not_newer(self, item: Mapping[str, Any]) -> None:
        """Refuse an item of a newer version: overwriting it would lose unreadable data."""
        if self.is_newer(item):
            where = " | ".join(item.get(name, {}).get("S", "?") for name in PRIMARY_KEY)
            raise SchemaMismatchError(
                f"{where} is of version {self.of(item)}, this code writes version {self.newest} "
                "and must not overwrite it: update catalog-model"
            )


@dataclass(frozen=True, slots=True)
class TableSchema:
    """The indexes of a table: their two keys, all strings, and the *included* attributes."""

    indexes: Mapping[Any, tuple[str, str]]
    included: tuple[str, ...]
    versions: Versions

    def keys_of(self, index: str | None) -> tuple[str, str]:
        """Return the names of an index's keys; None stands for the table."""
        return self.indexes[index] if index else PRIMARY_KEY

    def entry(self, item: Mapping[str, Any] | None, index: str) -> Item | None:
        """Return the entry of *item* in *index*; None if it lacks a key (a sparse index)."""
        own = self.indexes[index]
        if item is None or any(name not in item for name in own):
            return None
        wanted = {*own, *PRIMARY_KEY, *self.included}
        return {name: value for name, value in item.items() if name in wanted}

    def declaration(self) -> dict[str, Any]:
        """Return the keys and indexes as parameters of CreateTable."""
        names = dict.fromkeys([*PRIMARY_KEY, *(n for own in self.indexes.values() for n in own)])
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(self.included)}
        return {
            "KeySchema": _key_schema(PRIMARY_KEY),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name in names
            ],
            "GlobalSecondaryIndexes": [
                {"IndexName": index, "KeySchema": _key_schema(own), "Projection": projection}
                for index, own in self.indexes.items()
            ],
        }


def _key_schema(names: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"AttributeName": name, "KeyType": kind}
        for name, kind in zip(names, ("HASH", "RANGE"), strict=True)
    ]


def description_of(declared: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys and indexes of a declaration, or of an answer of DescribeTable."""
    indexes = declared.get("GlobalSecondaryIndexes", [])
    return {
        "keys": _key_names(declared),
        "types": {
            each["AttributeName"]: each["AttributeType"]
            for each in declared.get("AttributeDefinitions", [])
        },
        "indexes": {each["IndexName"]: _describe_index(each) for each in indexes},
    }


def _describe_index(index: Mapping[str, Any]) -> dict[str, Any]:
    projection = index.get("Projection", {})
    return {
        "keys": _key_names(index),
        "projection": projection.get("ProjectionType"),
        "attributes": sorted(projection.get("NonKeyAttributes", [])),
    }


def _key_names(declared: Mapping[str, Any]) -> dict[str, str]:
    return {each["KeyType"]: each["AttributeName"] for each in declared.get("KeySchema", [])}

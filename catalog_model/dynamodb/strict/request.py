"""Splits a request to DynamoDB for the rules: actions, their items, keys and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from catalog_model.dynamodb.numbers import normal
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.strict.expressions import Expression, parsed, resolved

Value = Mapping[str, Any]
Item = Mapping[str, Value]

INVALID: Final = "One or more parameter values were invalid: "

EXPRESSIONS: Final = (
    "ConditionExpression",
    "FilterExpression",
    "KeyConditionExpression",
    "ProjectionExpression",
    "UpdateExpression",
)
BATCHES: Final = frozenset({"BatchGetItem", "BatchWriteItem"})
TRANSACTIONS: Final = frozenset({"TransactGetItems", "TransactWriteItems"})
OPERATIONS: Final = (
    BATCHES
    | TRANSACTIONS
    | frozenset({"DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"})
)
"""The operations that the rules check."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The key attributes of a table or index, and the index's projection."""

    name: str
    hashes: tuple[str, ...]
    ranges: tuple[str, ...]
    is_global: bool = False
    projected: frozenset[str] | None = None
    """None stands for all attributes."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """All attributes of the key."""
        return self.hashes + self.ranges

    @classmethod
    def of(cls, described: Mapping[str, Any], *, is_global: bool = False) -> KeySet:
        """Read the description of a table or index."""
        by_type: dict[str, list[str]] = {"HASH": [], "RANGE": []}
        for element in described["KeySchema"]:
            by_type[element["KeyType"]].append(element["AttributeName"])
        projection = described.get("Projection", {})
        projected = None
        if projection.get("ProjectionType", "ALL") != "ALL":
            projected = frozenset(projection.get("NonKeyAttributes", ()))
        return cls(
            described.get("IndexName", ""),
            tuple(by_type["HASH"]),
            tuple(by_type["RANGE"]),
            is_global,
            projected,
        )


@dataclass(frozen=True, slots=True)
class Schema:
    """The keys of a table and its indexes, and the types of all key attributes."""

    table: KeySet
    indexes: Mapping[str, KeySet]
    types: Mapping[str, str]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> Schema:
        """Read ``Table`` of a DescribeTable answer, or the arguments of CreateTable."""
        of_globals = described.get("GlobalSecondaryIndexes", ())
        indexes = [KeySet.of(index, is_global=True) for index in of_globals]
        indexes += [KeySet.of(index) for index in described.get("LocalSecondaryIndexes", ())]
        definitions = described["AttributeDefinitions"]
        return cls(
            KeySet.of(described),
            {index.name: index for index in indexes},
            {each["AttributeName"]: each["AttributeType"] for each in definitions},
        )


class Action:
    """A request to one table, or a part of a batch or transaction."""

    def __init__(
        self, operation: str, body: Mapping[str, Any], table: str, schema: Schema | None
    ) -> None:
        self.operation = operation
        self.body = body
        self.table = table
        self.schema = schema
        self.item: Item | None = body.get("Item")
        self.keys: list[Item] = [body["Key"]] if "Key" in body else list(body.get("Keys", ()))
        self.start: Item | None = body.get("ExclusiveStartKey")
        self.names: Mapping[str, str] = body.get("ExpressionAttributeNames") or {}
        self.values: Item = body.get("ExpressionAttributeValues") or {}

    @cached_property
    def expressions(self) -> dict[str, Expression]:
        """The expressions in the action."""
        body = self.body
        return {kind: parsed(body[kind]) for kind in EXPRESSIONS if body.get(kind) is not None}

    @cached_property
    def parts(self) -> list[tuple[str, Any, int]]:
        """Type, content and depth of every value in the action, including nested ones."""
        places = [self.item, self.start, self.values, *self.keys]
        return list(_inside(value for place in places if place for value in place.values()))

    @property
    def read(self) -> KeySet | None:
        """The table or index that is queried or scanned; None if unknown."""
        if self.schema is None or self.operation not in ("Query", "Scan"):
            return None
        index = self.body.get("IndexName")
        return self.schema.indexes.get(index) if index else self.schema.table

    def attributes(self, kind: str) -> list[str]:
        """Return the attributes that begin an expression's paths, with placeholders resolved."""
        found = self.expressions.get(kind)
        return [resolved(name, self.names) for name in found.attributes] if found else []

    def named_items(self) -> list[tuple[Any, ...]]:
        """Return the keys of the items in the action, so that equal keys compare equal."""
        if self.schema is None:
            return []
        places = [*self.keys, *([self.item] if self.item else ())]
        key = self.schema.table.attributes
        return [tuple(comparable(place.get(name)) for name in key) for place in places]

    def size(self) -> int:
        """Return the size of the data sent, a lower bound of what is written."""
        places = [self.item, self.values, *self.keys]
        return sum(item_size(place) for place in places if place)


class Request:
    """A request with its actions."""

    def __init__(
        self, operation: str, params: Mapping[str, Any], schema: Callable[[str], Schema | None]
    ) -> None:
        self.operation = operation
        self.params = params
        self.actions = [
            Action(verb, body, name, schema(name))
            for verb, body, name in _actions(operation, params)
        ]

    def tables_and_items(self) -> list[tuple[Any, ...]]:
        """Return the keys of all items in the request, with their tables."""
        return [(each.table, *key) for each in self.actions for key in each.named_items()]


def _actions(
    operation: str, params: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield the operation, the parameters and the table of each part of a request."""
    if operation in TRANSACTIONS:
        for each in params["TransactItems"]:
            for verb, body in each.items():
                yield verb, body, table_name(body["TableName"])
    elif operation == "BatchGetItem":
        for name, body in params["RequestItems"].items():
            yield "GetItem", body, table_name(name)
    elif operation == "BatchWriteItem":
        for name, parts in params["RequestItems"].items():
            for part in parts:
                yield from ((verb, body, table_name(name)) for verb, body in part.items())
    else:
        yield operation, params, table_name(params["TableName"])


def table_name(name: str) -> str:
    """Return the name of a table, given its name or ARN."""
    return name.rsplit("/", 1)[-1] if name.startswith("arn:") else name


def _inside(values: Iterable[Value]) -> Iterator[tuple[str, Any, int]]:
    waiting = [(value, 0) for value in values]
    while waiting:
        value, depth = waiting.pop()
        if len(value) != 1:
            yield "", value, depth
        for kind, content in value.items():
            yield kind, content, depth
            if kind == "L":
                waiting.extend((inner, depth + 1) for inner in content)
            elif kind == "M":
                waiting.extend((inner, depth + 1) for inner in content.values())


def comparable(value: Value | None) -> Any:
    """Return a value that is equal for equal key values."""
    if not value:
        return None
    ((kind, content),) = value.items()
    return kind, normal(content) if kind == "N" else content

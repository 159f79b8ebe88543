"""The table of the other clients: movies as native attributes, a copy in each of their genres."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer

from bench.titles import KEYS, Record, plain

TABLE = "native"
INDEX = "by_popularity"
QUERY: Mapping[str, Any] = {"IndexName": INDEX, "ScanIndexForward": False, "Limit": 20}
_DESERIALIZER = TypeDeserializer()


@dataclass(frozen=True)
class Native:
    """The loaded table, and the keys that are asked for."""

    keys: list[tuple[int, int]]
    table: str = TABLE

    @property
    def typed_keys(self) -> list[dict[str, Any]]:
        """The keys in typed JSON."""
        return [{"id": {"N": str(i)}, "genre": {"N": str(g)}} for i, g in self.keys]

    @property
    def plain_keys(self) -> list[dict[str, int]]:
        """The keys as Python's values."""
        return [{"id": i, "genre": g} for i, g in self.keys]


def fill(records: list[Record]) -> Native:
    """Create and fill the table."""
    service: Any = boto3.resource("dynamodb")
    table = service.create_table(
        TableName=TABLE,
        KeySchema=_keys("id", "genre"),
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "N"} for name in ("id", "genre", "popularity")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": INDEX,
                "KeySchema": _keys("genre", "popularity"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    table.wait_until_exists()
    with table.batch_writer() as batch:
        for record in records:
            native = json.loads(json.dumps(record), parse_float=Decimal)
            for genre in record["genre_ids"]:
                batch.put_item(Item={**native, "genre": genre})
    return Native([(record["id"], record["genre_ids"][0]) for record in records[:KEYS]])


def _keys(partition: str, sort: str) -> list[Any]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def of_typed(items: list[dict[str, Any]]) -> list[Record]:
    """Return items in typed JSON as plain records."""
    return [plain(_DESERIALIZER.deserialize({"M": item})) for item in items]


def by_id(records: list[Record]) -> list[Record]:
    """Sort records: the items of a batch have no order."""
    return sorted(records, key=lambda record: int(record["id"]))

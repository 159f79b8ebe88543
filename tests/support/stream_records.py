"""The stream of a table, read like Lambda does, and the events for a Lambda function."""

import base64
import json
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from moto.events.models import EventPattern

from catalog_model import Catalog

Record = dict[str, Any]

_CONFIG = Config(account_id_endpoint_mode="disabled")  # no account-specific endpoints


class TableStream:
    """The stream of a table, from its creation on."""

    def __init__(
        self, catalog: Catalog, endpoint_url: str | None, view: str = "NEW_AND_OLD_IMAGES"
    ) -> None:
        client: Any = catalog.client
        specification = {"StreamEnabled": True, "StreamViewType": view}
        client.update_table(TableName=catalog.table, StreamSpecification=specification)
        self.arn = client.describe_table(TableName=catalog.table)["Table"]["LatestStreamArn"]
        self._client: Any = boto3.client(
            "dynamodbstreams", endpoint_url=endpoint_url, config=_CONFIG
        )
        self._iterators: dict[str, str] = {}

    def read(self) -> list[Record]:
        description = self._client.describe_stream(StreamArn=self.arn)["StreamDescription"]
        found = []
        for shard in description["Shards"]:
            found += self._read_shard(shard["ShardId"])
        return found

    def event(self) -> dict[str, Any]:
        """Return the records since the last call in the form of a function's event."""
        return event_of(self.read(), self.arn)

    def _read_shard(self, shard_id: str) -> list[Record]:
        if shard_id not in self._iterators:
            self._iterators[shard_id] = self._client.get_shard_iterator(
                StreamArn=self.arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        found: list[Record] = []
        while True:
            answer = self._client.get_records(ShardIterator=self._iterators[shard_id])
            self._iterators[shard_id] = answer["NextShardIterator"]
            if not answer["Records"]:
                return found
            found += answer["Records"]


def event_of(records: list[Record], arn: str = "arn:aws:dynamodb:::stream") -> dict[str, Any]:
    """Return Lambda's JSON of records: times in seconds, bytes in base64."""
    told = [{**record, "eventSourceARN": arn} for record in records]
    event: dict[str, Any] = json.loads(json.dumps({"Records": told}, default=_as_json))
    return event


def _as_json(value: object) -> float | str:
    if isinstance(value, datetime):
        return value.timestamp()
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def passes(pattern: Any, event: Any) -> bool:
    """Whether an event matches an EventBridge pattern."""
    return bool(EventPattern(None, pattern).matches_event(event))

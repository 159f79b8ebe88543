"""The only interface to DynamoDB: it sends requests and returns items; all errors are translated.

`Exchanges` decides what to send and when to retry; this module sends it, and waits.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, TypeVar

from catalog_model.dynamodb.actions import Plan, Update
from catalog_model.dynamodb.answers import check_answers
from catalog_model.dynamodb.calls import Call
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.conversation import EVERYTHING, Range, Request, chunks, drive
from catalog_model.dynamodb.deadline import keep_deadlines
from catalog_model.dynamodb.exchange import Attempt, Exchange, Exchanges, Pause
from catalog_model.dynamodb.failures import translated
from catalog_model.dynamodb.lane.choice import lane_for
from catalog_model.dynamodb.limits import MAX_BATCH_GET
from catalog_model.dynamodb.parallel import at_once
from catalog_model.dynamodb.retries import rest_as_required
from catalog_model.dynamodb.schema import TableSchema
from catalog_model.dynamodb.trace import Observers, Send
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key

__all__ = ["EVERYTHING", "Gateway", "Range", "chunks"]

_T = TypeVar("_T")

_METHODS: Final = {
    "BatchGetItem": "batch_get_item",
    "DeleteTable": "delete_table",
    "DescribeTable": "describe_table",
    "GetItem": "get_item",
    "Query": "query",
    "Scan": "scan",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
}
"""The methods of boto3's client, by operation."""


class Gateway:
    """Requests to one table. Thread-safe, like botocore's clients."""

    def __init__(
        self,
        table_name: str,
        client: DynamoDBClient,
        schema: TableSchema,
        observers: Observers | None = None,
        profile: str | None = None,
        deadline: float | None = None,
        fast: bool | None = None,  # noqa: FBT001
    ) -> None:
        self.table_name = table_name
        self._profile = profile
        self.client = client
        self.schema = schema
        self._observers = observers or Observers()
        self._deadline = deadline
        self._translation = translated(table_name, profile, schema.versions)
        check_answers(client)
        keep_deadlines(client)
        self._lane = lane_for(client, fast)
        self.exchanges = Exchanges(table_name, schema, self._observers, deadline)

    def ask(self, requests: Sequence[Request]) -> Sequence[Any]:
        """Send requests that do not depend on each other at once; return their answers.

        One request is sent by this thread, several by threads of a small pool as well. An error of
        one of them is raised.
        """
        if len(requests) == 1:
            return (requests[0].of(self),)
        with self._observers.collecting(len(requests)) as blocks:
            pairs = zip(requests, blocks, strict=True)
            return at_once([partial(self._ask_within, *pair) for pair in pairs])

    def _ask_within(
        self, request: Request, block: Callable[[], AbstractContextManager[None]]
    ) -> Any:
        with block():
            return request.of(self)

    def get(self, key: ItemKey, *, consistent: bool = False) -> Item | None:
        """Read one item; None if it does not exist."""
        return self._run(self.exchanges.get(key, consistent=consistent))

    def batch_get(
        self, keys: Iterable[ItemKey], *, consistent: bool = False
    ) -> dict[ItemKey, Item]:
        """Read many items, 100 per request; keys without an item are missing from the result."""
        return {
            primary_key(item): item
            for chunk in chunks(dict.fromkeys(keys), MAX_BATCH_GET)
            for item in self.batch_get_parts(chunk, (), consistent=consistent)
        }

    def batch_get_parts(
        self, keys: Iterable[tuple[str, str]], only: tuple[str, ...], *, consistent: bool = False
    ) -> list[Item]:
        """Read some attributes of up to 100 items, unordered; () for whole items."""
        return self._run(self.exchanges.batch_get(keys, only, consistent=consistent))

    def query(
        self,
        partition: str,
        within: Range,
        *,
        index: str | None = None,
        descending: bool = False,
        consistent: bool = False,
        limit: int | None = None,
        only: str | None = None,
        with_place: bool = False,
    ) -> list[Item]:
        """Read at most *limit* items of one partition, in the order of their sort keys.

        One request for each 1 MB. *only* reads a single attribute, *with_place* also the sort key.
        """
        return self._run(
            self.exchanges.query(
                partition,
                within,
                index=index,
                descending=descending,
                consistent=consistent,
                limit=limit,
                only=only,
                with_place=with_place,
            )
        )

    def scan(self, segment: int, segments: int, *, page: int | None = None) -> Iterator[list[Item]]:
        """Read one segment of the whole table page by page, with strong consistency."""
        return (items for items, _ in self.scan_after(None, segment, segments, page=page))

    def scan_after(
        self, last: Item | None, segment: int, segments: int, *, page: int | None = None
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """Read a segment after the key *last*; each page comes with its last key, or None."""
        while True:
            items, last = self._run(self.exchanges.scan(last, segment, segments, page))
            yield items, last
            if last is None:
                return

    def update(self, operation: Update) -> None:
        """Apply a single operation, at half the price of a transaction."""
        self._run(self.exchanges.update(operation))

    def transact(self, operations: Plan) -> None:
        """Apply all operations of a plan, or none; retries after throttling.

        All attempts have the same token: a cancelled transaction applied nothing, and one whose
        answer was lost is not applied again. A failed condition raises `LostRaceError`.
        """
        self._run(self.exchanges.transact(operations))

    def rest(self, seconds: float) -> None:
        """Wait before a retry."""
        rest_as_required(seconds)

    def describe_table(self) -> dict[str, Any]:
        """Return the description of the table."""
        answer = self._send("DescribeTable", {"TableName": self.table_name})
        described: dict[str, Any] = answer["Table"]
        return described

    def delete_table(self) -> None:
        """Start deleting the table."""
        self._send("DeleteTable", {"TableName": self.table_name})

    def call(self, operation: str, request: dict[str, Any], send: Send) -> Any:
        """Send a request of any kind, of this table's life, as all others are sent."""
        return self._send(operation, request, send)

    def _send(self, operation: str, request: dict[str, Any], send: Send | None = None) -> Any:
        return self._run(self.exchanges.send(operation, request, send))

    def _run(self, exchange: Exchange[_T]) -> _T:
        return drive(exchange, self._perform)

    def _perform(self, step: Attempt | Pause) -> Any:
        if isinstance(step, Pause):
            return self.rest(step.seconds)
        operation, request, seconds, send = step
        with Call(operation, request, seconds, self._deadline), self._translation:
            return self._observers.send(operation, request, send or self._sender(operation))

    def _sender(self, operation: str) -> Send:
        """Return the function that hands a request of this kind to the lane or the client."""
        lane = self._lane
        if lane is None:
            return self._by_botocore(operation)
        return lambda request: (
            lane.send(operation, request) or self._by_botocore(operation)(request)
        )

    def _by_botocore(self, operation: str) -> Send:
        """Return the function that hands a request of this kind to the client."""
        method = getattr(self.client, _METHODS[operation])
        return lambda request: method(**request)

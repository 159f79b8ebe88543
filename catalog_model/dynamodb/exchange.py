"""Exchanges: how each request is asked of DynamoDB, with its pages, leftovers and retries.

Like a conversation, an exchange is a generator without input and output: it yields what to do next,
an `Attempt` or a `Pause`, and is sent the answer. So all gateways share one set of retries.
"""

from collections.abc import Generator, Iterable
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from uuid import uuid4

from catalog_model.dynamodb.actions import Plan, Update
from catalog_model.dynamodb.conversation import Range
from catalog_model.dynamodb.parameters import projection_parameters, query_parameters
from catalog_model.dynamodb.retries import Retries, note_progress
from catalog_model.dynamodb.schema import TableSchema
from catalog_model.dynamodb.trace import Observers, Send
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes
from catalog_model.dynamodb.writes import Writes
from catalog_model.errors import ServiceError

_T = TypeVar("_T")

BATCHES: Final = ("BatchGetItem", "BatchWriteItem")


class Attempt(NamedTuple):
    """One attempt of a request; the answer is the service's, an error is raised in the exchange.

    ``seconds`` is the time that it may take, None for no limit. ``send`` takes the place of the
    client's method of that name.
    """

    operation: str
    request: dict[str, Any]
    seconds: float | None
    send: Send | None = None


class Pause(NamedTuple):
    """A wait; the answer is None."""

    seconds: float


Exchange: TypeAlias = Generator[Attempt | Pause, Any, _T]


class Exchanges:
    """The exchanges with one table."""

    def __init__(
        self,
        table_name: str,
        schema: TableSchema,
        observers: Observers,
        deadline: float | None,
    ) -> None:
        self._table_name = table_name
        self._schema = schema
        self.writes = Writes(table_name, schema)
        self._observers = observers
        self._deadline = deadline

    def get(self, key: ItemKey, *, consistent: bool = False) -> Exchange[Item | None]:
        """Read one item; None if it does not exist."""
        request = {
            "TableName": self._table_name,
            "Key": key_attributes(key),
            "ConsistentRead": consistent,
        }
        answer = yield from self.send("GetItem", request)
        item: Item | None = answer.get("Item")
        return item

    def batch_get(
        self, keys: Iterable[tuple[str, str]], only: tuple[str, ...], *, consistent: bool = False
    ) -> Exchange[list[Item]]:
        """Read some attributes of up to 100 items, unordered; () for whole items."""
        listed = list(map(key_attributes, keys))
        asked: Any = {"Keys": listed, "ConsistentRead": consistent}
        asked.update(projection_parameters(only))
        retries = Retries("BatchGetItem", self._table_name, self._deadline)
        found: list[Item] = []
        while asked:
            wanted = len(asked["Keys"])
            answer = yield from self.send(
                "BatchGetItem", {"RequestItems": {self._table_name: asked}}
            )
            found += answer["Responses"].get(self._table_name, [])
            asked = answer.get("UnprocessedKeys", {}).get(self._table_name, {})
            if asked and len(asked["Keys"]) < wanted:  # even if no key has an item
                yield Pause(retries.pause_after_progress())
            elif asked:
                yield Pause(retries.pause_for_the_rest())
        return found

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
    ) -> Exchange[list[Item]]:
        """Read at most *limit* items of one partition; one request for each 1 MB."""
        if within.is_empty():
            return []
        request = query_parameters(
            partition, within, index, only, self._schema, with_place=with_place
        )
        request["TableName"] = self._table_name
        request["ScanIndexForward"] = not descending
        request["ConsistentRead"] = consistent
        items: list[Item] = []
        while True:
            if limit is not None:
                request["Limit"] = limit - len(items)
            answer = yield from self.send("Query", request)
            items.extend(answer["Items"])
            last = answer.get("LastEvaluatedKey")
            if not last or len(items) == limit:
                return items
            request = {**request, "ExclusiveStartKey": last}

    def scan(
        self, last: Item | None, segment: int, segments: int, page: int | None
    ) -> Exchange[tuple[list[Item], Item | None]]:
        """Read one page of a segment, after the key *last*, and return it with its last key."""
        request: dict[str, Any] = {
            "TableName": self._table_name,
            "Segment": segment,
            "TotalSegments": segments,
            "ConsistentRead": True,
        }
        if page is not None:
            request["Limit"] = page
        if last is not None:
            request["ExclusiveStartKey"] = last
        answer = yield from self.send("Scan", request)
        return answer["Items"], answer.get("LastEvaluatedKey")

    def update(self, operation: Update) -> Exchange[None]:
        """Apply a single operation, at half the price of a transaction."""
        yield from self.send("UpdateItem", self.writes.action(operation))

    def transact(self, operations: Plan) -> Exchange[None]:
        """Apply all operations of a plan, or none; all attempts have the same token."""
        listed = self.writes.listed(operations)
        request = {"TransactItems": listed, "ClientRequestToken": str(uuid4())}
        yield from self.send("TransactWriteItems", request)

    def send(
        self, operation: str, request: dict[str, Any], send: Send | None = None
    ) -> Exchange[Any]:
        """Attempt one request until it is answered or given up."""
        with self._observers.guard(operation):
            retries = Retries(operation, self._table_name, self._deadline)
            while True:
                try:
                    answer = yield Attempt(operation, request, retries.seconds_left(), send)
                except ServiceError as error:
                    seconds = retries.pause_after(error)
                    if seconds is None:
                        raise
                else:
                    if operation not in BATCHES:  # these may have made no progress
                        note_progress()
                    return answer
                yield Pause(seconds)

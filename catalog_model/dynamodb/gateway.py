"""The only interface to DynamoDB: it sends requests and returns items; all errors are translated.

Reads use boto3's client. Writes use PynamoDB's connection, which builds conditions and
transactions, with the same client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, TypeVar
from uuid import uuid4

from pynamodb.connection import Connection
from pynamodb.connection.base import MetaTable
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from catalog_model.dynamodb.actions import (
    Absent,
    Check,
    Condition,
    Delete,
    Equals,
    NotNewer,
    Operation,
    Plan,
    Put,
    Update,
    as_sent,
    check_distinct,
)
from catalog_model.dynamodb.answers import check_answers
from catalog_model.dynamodb.calls import Call
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.deadline import keep_deadlines
from catalog_model.dynamodb.failures import translated
from catalog_model.dynamodb.lane.choice import lane_for
from catalog_model.dynamodb.limits import MAX_BATCH_GET
from catalog_model.dynamodb.retries import Retries, note_progress
from catalog_model.dynamodb.schema import TableSchema, Versions
from catalog_model.dynamodb.trace import Observers, Send
from catalog_model.dynamodb.typed_json import (
    Item,
    ItemKey,
    key_attributes,
    number,
    own_value,
    primary_key,
)
from catalog_model.errors import ServiceError

_T = TypeVar("_T")

BATCHES: Final = ("BatchGetItem", "BatchWriteItem")

_ACTIONS: Final[dict[type[Operation], str]] = {
    Check: "ConditionCheck",
    Delete: "Delete",
    Put: "Put",
    Update: "Update",
}
"""The operations of a plan and their names in a transaction, in PynamoDB's order."""


@dataclass(frozen=True, slots=True)
class Range:
    """The sort keys from *lower* to *upper*, both inclusive; None means unbounded."""

    lower: str | None = None
    upper: str | None = None

    def is_empty(self) -> bool:
        """Return whether no sort key can be in the range; DynamoDB rejects such a condition."""
        return self.lower is not None and self.upper is not None and self.lower > self.upper


EVERYTHING: Final = Range()


class SharedConnection(Connection):
    """PynamoDB's connection with an existing client, instead of one for each thread."""

    def __init__(self, client: DynamoDBClient, table_name: str, schema: TableSchema) -> None:
        super().__init__(region=client.meta.region_name)
        self._shared_client = client
        self.add_meta_table(_meta_table(table_name, schema))

    @property
    def client(self) -> Any:
        """The client, which reads use as well."""
        return self._shared_client


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
        check_answers(client)
        keep_deadlines(client)
        self._lane = lane_for(client, fast)
        self.connection = SharedConnection(client, table_name, schema)

    def get(self, key: ItemKey, *, consistent: bool = False) -> Item | None:
        """Read one item; None if it does not exist."""
        request = {
            "TableName": self.table_name,
            "Key": key_attributes(key),
            "ConsistentRead": consistent,
        }
        answer = self._send("GetItem", request, lambda r: self.client.get_item(**r))
        item: Item | None = answer.get("Item")
        return item

    def batch_get(
        self, keys: Iterable[ItemKey], *, consistent: bool = False
    ) -> dict[ItemKey, Item]:
        """Read many items, 100 per request; keys without an item are missing from the result."""
        found = self.batch_get_parts(keys, (), consistent=consistent)
        return {primary_key(item): item for item in found}

    def batch_get_parts(
        self, keys: Iterable[ItemKey], only: tuple[str, ...], *, consistent: bool = False
    ) -> Iterator[Item]:
        """Yield some attributes of many items, unordered."""
        projection = _projection(only) if only else {}
        for chunk in chunks(dict.fromkeys(keys), MAX_BATCH_GET):
            wanted = {"Keys": [key_attributes(key) for key in chunk], "ConsistentRead": consistent}
            yield from self._batch_get({**wanted, **projection})

    def _batch_get(self, asked: Any) -> Iterator[Item]:
        retries = Retries("BatchGetItem", self.table_name, self._deadline)
        while asked:
            wanted = len(asked["Keys"])
            request = {"RequestItems": {self.table_name: asked}}
            answer = self._send("BatchGetItem", request, lambda r: self.client.batch_get_item(**r))
            yield from answer["Responses"].get(self.table_name, [])
            asked = answer.get("UnprocessedKeys", {}).get(self.table_name, {})
            if asked and len(asked["Keys"]) < wanted:  # even if no key has an item
                retries.progressed()
            elif asked:
                retries.wait_for_the_rest()

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
        if within.is_empty():
            return []
        request = _query(partition, within, index, only, self.schema, with_place=with_place)
        request.update(
            TableName=self.table_name, ScanIndexForward=not descending, ConsistentRead=consistent
        )
        items: list[Item] = []
        while True:
            if limit is not None:
                request["Limit"] = limit - len(items)
            answer = self._send("Query", request, lambda r: self.client.query(**r))
            items.extend(answer["Items"])
            request["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
            if not request["ExclusiveStartKey"] or len(items) == limit:
                return items

    def scan(self, segment: int, segments: int, *, page: int | None = None) -> Iterator[list[Item]]:
        """Read one segment of the whole table page by page, with strong consistency."""
        return (items for items, _ in self.scan_after(None, segment, segments, page=page))

    def scan_after(
        self, last: Item | None, segment: int, segments: int, *, page: int | None = None
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """Read a segment after the key *last*; each page comes with its last key, or None."""
        request: dict[str, Any] = {
            "TableName": self.table_name,
            "Segment": segment,
            "TotalSegments": segments,
            "ConsistentRead": True,
        }
        if page is not None:
            request["Limit"] = page
        while True:
            if last is not None:
                request["ExclusiveStartKey"] = last
            answer = self._send("Scan", request, lambda r: self.client.scan(**r))
            last = answer.get("LastEvaluatedKey")
            yield answer["Items"], last
            if last is None:
                return

    def update(self, operation: Update) -> None:
        """Apply a single operation, at half the price of a transaction."""
        request = self._action(operation)
        self._send("UpdateItem", request, lambda r: self.client.update_item(**r))

    def transact(self, operations: Plan) -> None:
        """Apply all operations of a plan, or none; retries after throttling.

        All attempts have the same token: a cancelled transaction applied nothing, and one whose
        answer was lost is not applied again. A failed condition raises `LostRaceError`.
        """
        listed = self._listed(operations)
        actions: dict[str, list[dict[str, Any]]] = {name: [] for name in _ACTIONS.values()}
        for each in listed:
            for name, action in each.items():
                actions[name].append(action)
        token = str(uuid4())

        def send(request: dict[str, Any]) -> Any:
            return self.connection.transact_write_items(
                condition_check_items=actions["ConditionCheck"],
                delete_items=actions["Delete"],
                put_items=actions["Put"],
                update_items=actions["Update"],
                client_request_token=token,
                return_consumed_capacity=request["ReturnConsumedCapacity"],
            )

        request = {
            "TransactItems": listed,
            "ClientRequestToken": token,
            "ReturnConsumedCapacity": "NONE",  # said, as PynamoDB asks for it otherwise
        }
        self._send("TransactWriteItems", request, send)

    def _listed(self, operations: Plan) -> list[dict[str, Any]]:
        """Convert a plan to the actions of a transaction, in PynamoDB's order."""
        return [
            {_ACTIONS[type(operation)]: self._action(operation)}
            for operation in as_sent(check_distinct(operations))
        ]

    def describe_table(self) -> dict[str, Any]:
        """Return the description of the table."""
        request = {"TableName": self.table_name}
        answer = self._send("DescribeTable", request, lambda r: self.client.describe_table(**r))
        described: dict[str, Any] = answer["Table"]
        return described

    def delete_table(self) -> None:
        """Start deleting the table."""
        request = {"TableName": self.table_name}
        self._send("DeleteTable", request, lambda _: self.connection.delete_table(self.table_name))

    def call(self, operation: str, request: dict[str, Any], send: Send) -> Any:
        """Send a request of any kind, of this table's life, as all others are sent."""
        return self._send(operation, request, send)

    def _send(self, operation: str, request: dict[str, Any], send: Send) -> Any:
        with self._observers.guard(operation):
            return self._send_until_taken(operation, request, send)

    def _send_until_taken(self, operation: str, request: dict[str, Any], send: Send) -> Any:
        retries = Retries(operation, self.table_name, self._deadline)
        fastest = send if self._lane is None else self._lane.before(operation, send)
        while True:
            try:
                with (
                    Call(operation, request, retries.seconds_left(), self._deadline),
                    translated(self.table_name, self._profile, self.schema.versions),
                ):
                    answer = self._observers.send(operation, request, fastest)
            except ServiceError as error:
                if not retries.wait_after(error):
                    raise
            else:
                if operation not in BATCHES:  # these may have made no progress
                    note_progress()
                return answer

    def _action(self, operation: Operation) -> dict[str, Any]:
        condition = _condition(operation.condition, self.schema.versions)
        why = "ALL_OLD" if isinstance(operation.condition, NotNewer) else None
        match operation:
            case Put(item):
                attributes = {name: item[name] for name in item if name not in ("PK", "SK")}
                key = primary_key(item)
                extra: dict[str, Any] = {"key": "Item", "attributes": attributes}
            case Update(key, sets, adds):
                changes: list[Action] = [Path(name).set(own_value(value)) for name, value in sets]
                changes += [Path(name).add(own_value(value)) for name, value in adds]
                changes += [Path(name).remove() for name in operation.removes]
                extra = {"actions": changes}
            case Delete(key) | Check(key):
                extra = {}
        action: dict[str, Any] = self.connection.get_operation_kwargs(
            self.table_name,
            key.PK,
            key.SK,
            condition=condition,
            return_values_on_condition_failure=why,
            **extra,
        )
        return action


def _meta_table(table_name: str, schema: TableSchema) -> MetaTable:
    """Return the table's keys in PynamoDB's form, so that it need not ask the service for them."""
    declared = schema.declaration()
    return MetaTable(
        {
            "TableName": table_name,
            "KeySchema": declared["KeySchema"],
            "AttributeDefinitions": declared["AttributeDefinitions"],
        }
    )


def chunks(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Split *values* into lists of *size*; the last one may be shorter."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _query(
    partition: str,
    within: Range,
    index: str | None,
    only: str | None,
    schema: TableSchema,
    *,
    with_place: bool = False,
) -> dict[str, Any]:
    pk, sk = schema.keys_of(index)
    names, values = {"#pk": pk}, {":pk": {"S": partition}}
    condition = "#pk = :pk"
    if within.lower is not None and within.upper is not None:
        condition += " AND #sk BETWEEN :lower AND :upper"
    elif within.lower is not None:
        condition += " AND #sk >= :lower"
    elif within.upper is not None:
        condition += " AND #sk <= :upper"
    for bound, value in ((":lower", within.lower), (":upper", within.upper)):
        if value is not None:
            values[bound] = {"S": value}
            names["#sk"] = sk
    request: dict[str, Any] = {"KeyConditionExpression": condition}
    if index:
        request["IndexName"] = index
    if only:
        request["ProjectionExpression"] = "#only"
        request["Select"] = "SPECIFIC_ATTRIBUTES"  # the default, but a policy may require it
        names["#only"] = only
        if with_place:
            request["ProjectionExpression"] += ",#sk"
            names["#sk"] = sk
    request["ExpressionAttributeNames"] = names
    request["ExpressionAttributeValues"] = values
    return request


def _projection(attributes: tuple[str, ...]) -> dict[str, Any]:
    names = {f"#{at}": name for at, name in enumerate(attributes)}
    return {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names}


def _condition(condition: Condition, versions: Versions) -> PynamoCondition | None:
    match condition:
        case None:
            return None
        case Absent():
            return Path("PK").does_not_exist()
        case Equals(attribute, value, or_absent, must_exist):
            equals: PynamoCondition = Path(attribute) == own_value(value)
            holds = (Path(attribute).does_not_exist() | equals) if or_absent else equals
            return (Path("PK").exists() & holds) if must_exist else holds
        case NotNewer(also):
            version = Path(versions.attribute)
            known: PynamoCondition = version.does_not_exist() | (version <= number(versions.newest))
            wanted = _condition(also, versions)
            return known if wanted is None else wanted & known

"""An in-memory table that answers a gateway like boto3's client."""

import re
import threading
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, Final, NoReturn, cast

from botocore.exceptions import ClientError

from catalog_model.checks import refuse
from catalog_model.dynamodb import capacity
from catalog_model.dynamodb.actions import (
    Absent,
    Condition,
    Contains,
    Equals,
    Every,
    Lacks,
    NotNewer,
    Operation,
    Plan,
    as_sent,
    key_of,
    outcome,
)
from catalog_model.dynamodb.capacity import Units
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.conversation import Request
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.limits import MAX_BATCH_BYTES, MAX_PAGE_BYTES
from catalog_model.dynamodb.numbers import normal
from catalog_model.dynamodb.schema import TableSchema, Versions
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.trace import Observers
from catalog_model.dynamodb.typed_json import Item, ItemKey, Value, primary_key
from catalog_model.errors import ServiceError

_CONDITION: Final = re.compile(
    r"(#\w+) = (:\w+)(?: AND (#\w+) (?:BETWEEN (:\w+) AND (:\w+)|>= (:\w+)|<= (:\w+)))?"
)
_SELECT: Final = "SPECIFIC_ATTRIBUTES"
"""The selection that a projection implies, and the only one supported."""

Place = tuple[str, str, str]
"""The place of an item in a partition: its sort key, then its primary key as the tie-breaker."""


@dataclass(frozen=True, slots=True)
class _Question:
    index: str | None
    partition: str
    lower: str | None
    upper: str | None
    descending: bool
    limit: int | None
    start: Place | None

    def find(self, partition: Sequence[Place]) -> list[Place]:
        """Return the places in the range and after the start, in the requested order."""
        first, end = 0, len(partition)
        if self.lower is not None:
            first = bisect_left(partition, self.lower, key=itemgetter(0))
        if self.upper is not None:
            end = bisect_right(partition, self.upper, key=itemgetter(0))
        if self.start and self.descending:
            end = min(end, bisect_left(partition, self.start))
        elif self.start:
            first = max(first, bisect_right(partition, self.start))
        numbers = range(first, end)[:: -1 if self.descending else 1]
        return [partition[number] for number in numbers[: self.limit]]


class OfflineClient:
    """Answers the reads of a gateway like boto3's client, and applies its plans. Thread-safe.

    Items are stored as DynamoDB returns them, and are only replaced, never changed.
    """

    def __init__(self, schema: TableSchema, items: Iterable[Item] = ()) -> None:
        self.schema = schema
        self.meta = SimpleNamespace(region_name="offline", endpoint_url="offline:")
        self._lock = threading.Lock()
        self._items: dict[ItemKey, Item] = {}
        self._partitions: dict[tuple[str | None, str], list[Place]] = defaultdict(list)
        for item in items:
            try:
                self._write(primary_key(item), item)
            except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
                refuse("items", item, "items of typed JSON, each with its keys")

    def items(self) -> list[Item]:
        """Return copies of all items, sorted by key."""
        with self._lock:
            return [deepcopy(self._items[key]) for key in sorted(self._items)]

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Answer a GetItem."""
        consistent = request.get("ConsistentRead", False)
        with self._lock:
            item = self._items.get(primary_key(request["Key"]))
        answer: dict[str, Any] = {"Item": deepcopy(item)} if item else {}
        if _is_asked_for_units(request):
            units = capacity.get_units(item, consistent=consistent)
            answer["ConsumedCapacity"] = _report(units)
        return answer

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Answer a BatchGetItem; keys beyond 16 MB are left unprocessed."""
        ((table, asked),) = request["RequestItems"].items()
        with self._lock:
            found = [self._items.get(primary_key(key)) for key in asked["Keys"]]
        read = _as_far_as(MAX_BATCH_BYTES, found)
        left = asked["Keys"][len(read) :]
        answer: dict[str, Any] = {
            "Responses": {table: _projected(filter(None, read), asked)},
            "UnprocessedKeys": {table: {**asked, "Keys": left}} if left else {},
        }
        if _is_asked_for_units(request):
            consistent = asked.get("ConsistentRead", False)
            units = capacity.batch_get_units(read, consistent=consistent)
            answer["ConsumedCapacity"] = [_report(units)]
        return answer

    def query(self, **request: Any) -> dict[str, Any]:
        """Answer a Query; items beyond 1 MB are left for the next page."""
        asked = _question(request, self.schema)
        index = asked.index
        with self._lock:
            places = asked.find(self._partitions.get((index, asked.partition), ()))
            found = [self._items[ItemKey(pk, sk)] for _, pk, sk in places]
        seen = [self.schema.entry(each, index) for each in found] if index else found
        read = _as_far_as(MAX_PAGE_BYTES, seen)
        answer: dict[str, Any] = {
            "Items": _projected(filter(None, read), request),
            "Count": len(read),
            "ScannedCount": len(read),
        }
        if len(read) < len(found) or len(read) == asked.limit:
            last = found[len(read) - 1]
            answer["LastEvaluatedKey"] = {
                name: last[name] for name in ("PK", "SK", *self.schema.keys_of(index))
            }
        if _is_asked_for_units(request):
            consistent = request.get("ConsistentRead", False)
            units = capacity.query_units(
                self.schema, found[: len(read)], index=index, consistent=consistent
            )
            answer["ConsumedCapacity"] = _report(units)
        return answer

    def transact(self, planned: Plan, request: Mapping[str, Any]) -> dict[str, Any]:
        """Apply a plan, and return the answer to its TransactWriteItems."""
        answer: dict[str, Any] = {}
        with self._lock:
            before = [self._items.get(key_of(each)) for each in planned]
            held = [
                _holds(*each, self.schema.versions) for each in zip(planned, before, strict=True)
            ]
            if not all(held):
                raise _cancelled(held, before)
            if _is_asked_for_units(request):
                units = capacity.predict_plan(self.schema, planned, self._items)
                answer["ConsumedCapacity"] = [_report(units)]
            for operation, item in zip(planned, before, strict=True):
                self._write(key_of(operation), outcome(operation, item))
        return answer

    def _write(self, key: ItemKey, item: Item | None) -> None:
        before = self._items.pop(key, None)
        if item is not None:
            self._items[key] = {name: _normal(value) for name, value in item.items()}
        for index in (None, *self.schema.indexes):
            own = self.schema.keys_of(index)
            old, new = _place(before, own), _place(item, own)
            if old != new:
                self._move(index, old, new)

    def _move(
        self, index: str | None, old: tuple[str, Place] | None, new: tuple[str, Place] | None
    ) -> None:
        if old:
            places = self._partitions[index, old[0]]
            del places[bisect_left(places, old[1])]
        if new:
            insort(self._partitions[index, new[0]], new[1])

    def _make_api_call(self, operation: str, _: object) -> NoReturn:
        """Reject requests past the methods of the client."""
        raise _unknown(operation)

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):  # special methods, looked up by Python only
            raise AttributeError(name)

        def unknown(*_: object, **__: object) -> NoReturn:
            raise _unknown(name)

        return unknown


class OfflineGateway(Gateway):
    """The gateway as it is, but its transactions apply plans instead of sending them."""

    def __init__(self, table_name: str, table: OfflineClient, observers: Observers) -> None:
        super().__init__(table_name, cast("DynamoDBClient", table), table.schema, observers)
        self._table = table

    def ask(self, requests: Sequence[Request]) -> Sequence[Any]:
        """Answer requests one after the other, as no answer is waited for."""
        return [each.of(self) for each in requests]

    def transact(self, operations: Plan) -> None:
        """Apply all operations of a plan or none."""
        request = {"TransactItems": self.exchanges.writes.listed(operations)}
        sent = as_sent(operations)
        self._send("TransactWriteItems", request, lambda r: self._table.transact(sent, r))


def _question(request: Mapping[str, Any], schema: TableSchema) -> _Question:
    found = _CONDITION.fullmatch(request["KeyConditionExpression"])
    is_other = request.get("Select", _SELECT) != _SELECT or "FilterExpression" in request
    if found is None or is_other:
        raise _unknown(f"Query with {dict(request)!r}")
    pk, partition, sk, between, and_, least, most = found.groups()
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    index, start = request.get("IndexName"), request.get("ExclusiveStartKey")
    own = schema.keys_of(index)
    if (names[pk], names[sk] if sk else own[1]) != own:
        raise _unknown(f"Query by {sorted(names.values())} of {index or 'the table'}")
    lower, upper = between or least, and_ or most
    return _Question(
        index,
        values[partition]["S"],
        lower=values[lower]["S"] if lower else None,
        upper=values[upper]["S"] if upper else None,
        descending=not request.get("ScanIndexForward", True),
        limit=request.get("Limit"),
        start=(start[own[1]]["S"], *primary_key(start)) if start else None,
    )


def _as_far_as(most: int, items: Iterable[Item | None]) -> list[Item | None]:
    """Return the items before the one that exceeds *most* bytes in total."""
    taken: list[Item | None] = []
    size = 0
    for item in items:
        size += item_size(item or {})
        if size > most:
            break
        taken.append(item)
    return taken


def _projected(items: Iterable[Item], asked: Mapping[str, Any]) -> list[Item]:
    expression = asked.get("ProjectionExpression")
    if not expression:
        return deepcopy(list(items))
    names = [asked["ExpressionAttributeNames"][each] for each in expression.split(",")]
    return [{name: deepcopy(item[name]) for name in names if name in item} for item in items]


def _is_asked_for_units(request: Mapping[str, Any]) -> bool:
    return bool(request.get("ReturnConsumedCapacity", "NONE") != "NONE")


def _report(units: Units) -> dict[str, Any]:
    shares = {index: {"CapacityUnits": share} for index, share in units.indexes.items()}
    report = {"CapacityUnits": units.total, "Table": {"CapacityUnits": units.table}}
    return report | ({"GlobalSecondaryIndexes": shares} if shares else {})


def _holds(operation: Operation, item: Item | None, versions: Versions) -> bool:
    return _is_met(operation.condition, item, versions)


def _is_met(  # noqa: PLR0911  # one for each type
    condition: Condition, item: Item | None, versions: Versions
) -> bool:
    match condition:
        case Absent():
            return item is None
        case NotNewer(also):
            return not versions.is_newer(item or {}) and _is_met(also, item, versions)
        case Equals(attribute, value, or_absent, must_exist):
            if item is None or attribute not in item:
                return or_absent and not (must_exist and item is None)
            found: Value = item[attribute]
            return found == {"N": str(value)}
        case Contains(attribute, member) | Lacks(attribute, member):
            is_in = str(member) in (item or {}).get(attribute, {}).get("NS", ())
            return is_in is isinstance(condition, Contains)
        case Every(conditions):
            return all(_is_met(each, item, versions) for each in conditions)
    return True


def _cancelled(held: Sequence[bool], before: Iterable[Item | None]) -> ClientError:
    codes = ["None" if each else "ConditionalCheckFailed" for each in held]
    message = f"the conditions of the transaction: {', '.join(codes)}"
    reasons: list[Any] = [
        {"Code": code} if code == "None" else {"Code": code, "Item": item or {}}
        for code, item in zip(codes, before, strict=True)
    ]
    return ClientError(
        {
            "Error": {"Code": "TransactionCanceledException", "Message": message},
            "CancellationReasons": reasons,
        },
        "TransactWriteItems",
    )


def _unknown(what: str) -> ServiceError:
    message = f"a table in memory serves the access patterns only: it does not support {what}"
    return ServiceError(message, code="UnknownOperationException")


def _place(item: Item | None, own: tuple[str, str]) -> tuple[str, Place] | None:
    pk, sk = own
    if item is None or pk not in item or sk not in item:
        return None
    return item[pk]["S"], (item[sk]["S"], *primary_key(item))


def _normal(value: Value) -> Value:
    """Copy a value, with numbers as DynamoDB returns them: in full, without redundant zeros."""
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return {kind: normal(content)}
        case "L":
            return {kind: [_normal(each) for each in content]}
        case "M":
            return {kind: {name: _normal(each) for name, each in content.items()}}
    return {kind: content}

"""An in-memory engine: tables behind the client methods that a gateway and tests call.

It answers requests, not plans: it parses this package's expressions like DynamoDB. Its reads are
those of the offline table. It is lenient, without throttling, lag of indexes or the capacity of
writes, so it is for laws about results, of which it can check very many. `test_memory_engine`
compares it with the other engines.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final, cast
from zlib import crc32

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.dynamodb.actions import Update
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.strict.expressions import assignments, parsed
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.operations import create_table
from catalog_model.table.indexes import SCHEMA

Holds = Callable[[Item, Mapping[str, str], Mapping[str, Any]], bool]
Sought = Callable[[Any, Any], bool]
"""Compares an attribute with a value, both in typed JSON."""

OPERATORS: Final[Mapping[str, Sought]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "begins_with": str.startswith,
}


OF_ITEMS: Final = ("get_item", "query", "scan", "put_item", "update_item", "delete_item")
"""The requests that each table answers separately."""


class MemoryTable(OfflineClient):
    """One table: an offline table that also supports Scan and writes with expressions."""

    def scan(self, **request: Any) -> dict[str, Any]:
        """Answer a Scan of one segment; pages end only at the limit."""
        segments, segment = request.get("TotalSegments", 1), request.get("Segment", 0)
        start, limit = request.get("ExclusiveStartKey"), request.get("Limit")
        with self._lock:
            keys = sorted(k for k in self._items if crc32(k.PK.encode()) % segments == segment)
            after = [key for key in keys if start is None or key > primary_key(start)]
            seen = [self._items[key] for key in after[:limit]]
        answer: dict[str, Any] = {"Items": [{**item} for item in seen if _is_met(request, item)]}
        if len(seen) == limit:
            answer["LastEvaluatedKey"] = {name: seen[-1][name] for name in ("PK", "SK")}
        return answer

    def get_paginator(self, operation: str) -> Any:
        assert operation == "scan"
        return SimpleNamespace(paginate=lambda **request: [self.scan(**request)])

    def put_item(self, **request: Any) -> dict[str, Any]:
        return self._write_one("Put", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        return self._write_one("Update", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        return self._write_one("Delete", request)

    def _write_one(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self.write([(verb, request)])
        except ClientError as error:
            reasons: Any = error.response.get("CancellationReasons")
            if not reasons:
                raise
            code = "ConditionalCheckFailedException"
            raise failed(code, "the condition", Item=reasons[0].get("Item", {})) from error
        return {}

    def write(self, requests: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Carry out all requests, or none if a condition failed."""
        listed = [(verb, _key_of(request), request) for verb, request in requests]
        if len({key for _, key, _ in listed}) < len(listed):
            raise failed("ValidationException", "one item twice in a transaction")
        with self._lock:
            before = [self._items.get(key) for _, key, _ in listed]
            held = [
                _is_met(request, item or {}, "ConditionExpression")
                for item, (_, _, request) in zip(before, listed, strict=True)
            ]
            if not all(held):
                raise _cancelled(held, before, [request for _, _, request in listed])
            for item, (verb, key, request) in zip(before, listed, strict=True):
                if verb != "ConditionCheck":
                    self._write(key, _outcome(verb, item, request))


class MemoryClient:
    """Tables by name, in the form of boto3's client; hooks are called as by its events."""

    def __init__(self) -> None:
        events = HierarchicalEmitter()
        self.meta = SimpleNamespace(
            region_name="memory", endpoint_url="http://memory", events=events
        )
        self._tables: dict[str, tuple[dict[str, Any], MemoryTable]] = {}

    def _make_api_call(self, operation: str, request: dict[str, Any]) -> Any:
        """Answer a request, including those of PynamoDB's connection."""
        events, model = self.meta.events, SimpleNamespace(name=operation)
        for event in ("provide-client-params", "before-call"):
            events.emit(f"{event}.dynamodb.{operation}", params=request, model=model)
        name = xform_name(operation)
        own: Any = getattr(self, f"_{name}", None)
        parsed: Any = {}
        try:
            parsed = own(**request) if own else getattr(self._table(**request), name)(**request)
        except ClientError as error:
            parsed = error.response
            raise
        finally:
            events.emit(f"after-call.dynamodb.{operation}", parsed=parsed, model=model)
        return parsed

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not (hasattr(type(self), f"_{name}") or name in OF_ITEMS):
            raise AttributeError(name)
        operation = "".join(word.capitalize() for word in name.split("_"))
        return lambda **request: self._make_api_call(operation, request)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "scan"
        return SimpleNamespace(paginate=lambda **request: [self._make_api_call("Scan", request)])

    def _batch_get_item(self, **request: Any) -> dict[str, Any]:
        (table,) = request["RequestItems"]
        return self._table(table).batch_get_item(**request)

    def _batch_write_item(self, **request: Any) -> dict[str, Any]:
        ((table, writes),) = request["RequestItems"].items()
        for each in writes:
            ((verb, write),) = each.items()
            self._table(table)._write_one(verb.removesuffix("Request"), write)
        return {}

    def _transact_write_items(self, **request: Any) -> dict[str, Any]:
        actions = [action for each in request["TransactItems"] for action in each.items()]
        (table,) = {action["TableName"] for _, action in actions}
        self._table(table).write(actions)
        return {}

    def _describe_table(self, **request: Any) -> dict[str, Any]:
        self._table(**request)
        return {"Table": self._tables[request["TableName"]][0]}

    def _create_table(self, **request: Any) -> dict[str, Any]:
        if request["TableName"] in self._tables:
            raise failed("ResourceInUseException", "the table is there")
        billing = {"BillingMode": request["BillingMode"]}
        described = {**request, "TableStatus": "ACTIVE", "BillingModeSummary": billing}
        self._tables[request["TableName"]] = described, MemoryTable(SCHEMA)
        return {"TableDescription": described}

    def _delete_table(self, **request: Any) -> dict[str, Any]:
        self._table(**request)
        described, _ = self._tables.pop(request["TableName"])
        return {"TableDescription": described}

    def _table(self, TableName: str, **_: Any) -> MemoryTable:  # noqa: N803  # boto3's names
        try:
            return self._tables[TableName][1]
        except KeyError as error:
            raise failed("ResourceNotFoundException", "there is no such table") from error


def failed(code: str, message: str, **more: Any) -> ClientError:
    """Return an error in the form in which botocore raises it."""
    response: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(response, "Memory")


def _cancelled(
    held: list[bool], before: list[Item | None], requests: list[Mapping[str, Any]]
) -> ClientError:
    reasons: list[dict[str, Any]] = []
    for is_met, item, request in zip(held, before, requests, strict=True):
        reasons.append({"Code": "None" if is_met else "ConditionalCheckFailed"})
        is_shown = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        if not is_met and is_shown and item is not None:
            reasons[-1]["Item"] = item
    code, message = "TransactionCanceledException", "the conditions of the transaction"
    return failed(code, message, CancellationReasons=reasons)


def _key_of(request: Mapping[str, Any]) -> ItemKey:
    return primary_key(request.get("Key") or request["Item"])


def _outcome(verb: str, before: Item | None, request: Mapping[str, Any]) -> Item | None:
    if verb == "Put":
        item: Item = request["Item"]
        return item
    if verb == "Delete":
        return None
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    after = {**(before or request["Key"])}
    for each in assignments(request["UpdateExpression"]):
        (path,) = each.path
        name = names[path]
        match each.verb:
            case "SET":
                after[name] = values[each.value]
            case "ADD" if "NS" in values[each.value]:
                after[name] = _numbers(_set_in(after, name) | _set_in(values, each.value))
            case "DELETE":
                left = _set_in(after, name) - _set_in(values, each.value)
                after.pop(name, None)
                after |= {name: _numbers(left)} if left else {}
            case "ADD":
                added = Decimal(values[each.value]["N"])
                after[name] = {"N": str(Decimal(after.get(name, {"N": "0"})["N"]) + added)}
            case "REMOVE":
                after.pop(name, None)
            case verb:
                raise failed("ValidationException", f"{verb} is not known here")
    return after


def _set_in(attributes: Mapping[str, Any], name: str) -> set[int]:
    """Return a set of numbers among attributes or values."""
    return set(map(int, attributes.get(name, {"NS": []})["NS"]))


def _numbers(numbers: set[int]) -> dict[str, list[str]]:
    return {"NS": [str(each) for each in sorted(numbers)]}


def _is_met(request: Mapping[str, Any], item: Item, kind: str = "FilterExpression") -> bool:
    expression = request.get(kind)
    if expression is None:
        return True
    names = request.get("ExpressionAttributeNames", {})
    return _condition(expression)(item, names, request.get("ExpressionAttributeValues", {}))


@lru_cache(1024)
def _condition(expression: str) -> Holds:
    tokens = [*parsed(expression).tokens]
    holds = _any_of(tokens)
    assert not tokens, f"{expression!r} is not understood from {tokens} on"
    return holds


def _any_of(tokens: list[str]) -> Holds:
    """Parse conditions joined by OR, which has a lower precedence than AND."""
    parts = [_all_of(tokens)]
    while tokens[:1] == ["OR"]:
        tokens.pop(0)
        parts.append(_all_of(tokens))
    return lambda *asked: any(part(*asked) for part in parts)


def _all_of(tokens: list[str]) -> Holds:
    parts = [_one(tokens)]
    while tokens[:1] == ["AND"]:
        tokens.pop(0)
        parts.append(_one(tokens))
    return lambda *asked: all(part(*asked) for part in parts)


def _one(tokens: list[str]) -> Holds:
    match tokens:
        case ["(", *_]:
            tokens.pop(0)
            inner = _any_of(tokens)
            assert tokens.pop(0) == ")"
            return inner
        case ["attribute_exists" | "attribute_not_exists" as function, "(", name, ")", *_]:
            del tokens[:4]
            is_wanted = function == "attribute_exists"
            return lambda item, names, _: (names.get(name, name) in item) is is_wanted
        case ["NOT", *_]:
            tokens.pop(0)
            denied = _one(tokens)
            return lambda *asked: not denied(*asked)
        case ["contains", "(", name, ",", value, ")", *_]:
            del tokens[:6]
            return _containing(name, value)
        case ["begins_with" as verb, "(", name, ",", value, ")", *_]:
            del tokens[:6]
        case [name, verb, value, *_]:
            del tokens[:3]
    return _comparison(name, OPERATORS[verb], value)


def _comparison(name: str, is_so: Sought, value: str) -> Holds:
    def holds(item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
        found = item.get(names.get(name, name), {})
        ((kind, wanted),) = values[value].items()
        if kind not in found:
            return False
        if kind == "N":
            return is_so(Decimal(found[kind]), Decimal(wanted))
        return is_so(found[kind], wanted)

    return holds


def _containing(name: str, value: str) -> Holds:
    def holds(item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
        found = item.get(names.get(name, name), {}).get("NS", ())
        return values[value]["N"] in found

    return holds


# --- Tables filled with the items that a load would write

MOST = 25
"""The maximum number of writes of a BatchWriteItem."""


def fill(catalog: Catalog, titles: Iterable[Movie | TVShow]) -> None:
    """Put titles with all items derived from them into an empty table."""
    items = items_of(tuple(titles))
    client: Any = catalog.client
    for start in range(0, len(items), MOST):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + MOST]]
        left = client.batch_write_item(RequestItems={catalog.table: requests})
        assert not left.get("UnprocessedItems")


@lru_cache(8)
def items_of(titles: tuple[Movie | TVShow, ...]) -> list[Item]:
    """Load titles into an in-memory table, and return its items."""
    client: Any = MemoryClient()
    catalog = Catalog("filled", client=client)
    create_table(catalog)
    report = ap.load_titles(catalog, titles)
    assert report.created == len(titles), report
    items: list[Item] = client.scan(TableName=catalog.table)["Items"]
    return items


# --- A handle on a table that can be read and written as a whole


class MemoryGateway(OfflineGateway):
    """A gateway that applies an update as a plan of one operation."""

    def update(self, operation: Update) -> None:
        self.transact((operation,))


class MemoryCatalog(OfflineCatalog):
    """A handle on an in-memory table."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        super().__init__("memory")
        self._table = MemoryTable(SCHEMA, items)
        self._door = MemoryGateway(self.table, self._table, self._observers)


def raw(catalog: MemoryCatalog) -> Any:
    """Return the client, for writes without the model."""
    return cast("Any", catalog.client)

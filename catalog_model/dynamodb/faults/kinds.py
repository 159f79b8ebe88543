"""The effect of each kind of fault on one attempt; errors are byte for byte the service's."""

import json
import random
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, Literal
from uuid import uuid4

from boto3.dynamodb.table import BatchWriter
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.failures import translated
from catalog_model.dynamodb.faults.garbled_answers import JSON, Garbled, Place, garbled, nothing_of
from catalog_model.dynamodb.strict.request import TRANSACTIONS, table_name
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes, primary_key

FaultKind = Literal[
    "throttling",
    "conflict",
    "internal_error",
    "connection_reset",
    "lost_answer",
    "garbled_answer",
    "unprocessed",
    "slow_answer",
    "stale_index",
]

FAULT_KINDS: Final[Mapping[FaultKind, str]] = {
    "throttling": (
        "ProvisionedThroughputExceededException or ThrottlingException; for a transaction also "
        "TransactionCanceledException with ThrottlingError at one action."
    ),
    "conflict": (
        "A conflict with a transaction: TransactionCanceledException with TransactionConflict "
        "at one action; a single write: TransactionConflictException."
    ),
    "internal_error": "InternalServerError, with status 500.",
    "connection_reset": "The connection breaks before the request is sent.",
    "lost_answer": (
        "The request is carried out, but its answer is lost: a time-out or a broken connection."
    ),
    "garbled_answer": (
        "The answer is replaced by another response, one of `GARBLED_FORMS`: a page, nothing, "
        "truncated JSON, another answer. The request is carried out, or not."
    ),
    "unprocessed": (
        "A part of a batch, from one action to all of them, is not carried out but returned in "
        "UnprocessedKeys or UnprocessedItems."
    ),
    "slow_answer": "The request is sent after a pause of `seconds`.",
    "stale_index": "A Query of an index returns its state `lag` writes ago.",
}
"""All kinds of faults, and their effects."""

HIT_BY: Final[Mapping[FaultKind, frozenset[str]]] = {
    "conflict": TRANSACTIONS | {"DeleteItem", "PutItem", "UpdateItem"},
    "unprocessed": frozenset({"BatchGetItem", "BatchWriteItem"}),
    "stale_index": frozenset({"Query"}),
}
"""The operations that a kind of fault can affect; if not listed, all operations on items."""

WRITES: Final = HIT_BY["conflict"] - {"TransactGetItems"} | {"BatchWriteItem"}

_CANCELLED: Final = "Transaction cancelled, please refer cancellation reasons for specific reasons"
_SLOW_DOWN: Final = "Throughput exceeds the current capacity of your table or index."


@dataclass(slots=True)
class Attempt:
    """One attempt of a request, the *number*-th of its operation; *body* is sent to the engine.

    ``is_done``: a transaction that was carried out before; the service only repeats its answer.
    ``carried_out``: whether the request of a ``garbled_answer`` was carried out.
    """

    operation: str
    number: int
    body: dict[str, Any]
    rng: random.Random
    is_done: bool = False
    held: dict[str, Any] = field(default_factory=dict)
    form: str = ""
    carried_out: bool = False


Deliver = Callable[[], AWSResponse]
Effect = Callable[[Attempt, Deliver], AWSResponse]


def make_answer(status: int, content: Mapping[str, Any]) -> AWSResponse:
    """Return an answer in the form of the service."""
    body = json.dumps(content, default=_base64).encode()
    named = {"x-amzn-RequestId": f"FAULT-{uuid4()}", "Content-Length": str(len(body))}
    return _response(Garbled(body, status, JSON, named))


def _base64(content: bytes) -> str:
    """Encode a binary value, the only one that JSON lacks, as the service does."""
    return b64encode(content).decode()


def _response(came: Garbled) -> AWSResponse:
    headers = HTTPHeaders()
    for name, value in {"Content-Type": came.kind, **came.headers}.items():
        headers[name] = value
    return AWSResponse("", came.status, headers, SimpleNamespace(stream=lambda: [came.body]))


def make_error(code: str, message: str, *, status: int = 400, **more: Any) -> AWSResponse:
    """Return an error in the form of the service."""
    kind = f"com.amazonaws.dynamodb.v20120810#{code}"
    return make_answer(status, {"__type": kind, "message": message, **more})


def mismatch() -> AWSResponse:
    """Return the error for a token that was used for another request."""
    text = "The ClientRequestToken was used before with other parameters"
    return make_error("IdempotentParameterMismatchException", text)


def throttle(attempt: Attempt, _: Deliver) -> AWSResponse:
    """Throttle the request, with one of the service's errors."""
    ways = ["ProvisionedThroughputExceededException", "ThrottlingException"]
    if attempt.operation in TRANSACTIONS and not attempt.is_done:
        ways.append("TransactionCanceledException")
    code = attempt.rng.choice(ways)
    if code == "TransactionCanceledException":
        return cancel(attempt, "ThrottlingError", _SLOW_DOWN)
    return make_error(code, _SLOW_DOWN)


def conflict(attempt: Attempt, _: Deliver) -> AWSResponse:
    """Fail because of a conflict with another transaction."""
    if attempt.operation in TRANSACTIONS:
        return cancel(attempt, "TransactionConflict", "Transaction is ongoing for the item")
    return make_error("TransactionConflictException", "Transaction is ongoing for the item")


def cancel(attempt: Attempt, code: str, message: str, place: int | None = None) -> AWSResponse:
    """Cancel a transaction because of one action: that at a place, or a random one."""
    reasons: list[dict[str, str]] = [{"Code": "None"} for _ in attempt.body["TransactItems"]]
    cause = attempt.rng.choice(reasons) if place is None else reasons[place]
    cause.update(Code=code, Message=message)
    text = f"{_CANCELLED} [{', '.join(reason['Code'] for reason in reasons)}]"
    return make_error("TransactionCanceledException", text, CancellationReasons=reasons)


def fail(_: Attempt, __: Deliver) -> AWSResponse:
    """Fail with an internal error."""
    return make_error("InternalServerError", "Internal server error", status=500)


def break_off(_: Attempt, __: Deliver) -> AWSResponse:
    """Break the connection before anything is sent."""
    raise ConnectionClosedError(endpoint_url="injected fault: connection_reset")


def lose(attempt: Attempt, deliver: Deliver) -> AWSResponse:
    """Carry out the request, and lose the answer."""
    deliver()
    error = attempt.rng.choice((ConnectionClosedError, ReadTimeoutError))
    raise error(endpoint_url="injected fault: lost_answer")


def garble(attempt: Attempt, deliver: Deliver) -> AWSResponse:
    """Replace the answer by another response."""
    answer = deliver().content if attempt.carried_out else nothing_of(attempt.operation)
    return _response(garbled(attempt.form, Place(attempt.operation, answer, attempt.rng)))


def hold_back(attempt: Attempt) -> None:
    """Remove a part of a batch from the request, before it is signed."""
    whole = attempt.body["RequestItems"]
    asked = [(table, part) for table, each in whole.items() for part in _parts_of(each)]
    chosen = set(attempt.rng.sample(range(len(asked)), attempt.rng.randint(1, len(asked))))
    split: tuple[dict[str, list[Any]], dict[str, list[Any]]] = ({}, {})
    for at, (table, part) in enumerate(asked):
        split[at in chosen].setdefault(table, []).append(part)
    kept, held = ({t: _with_parts(whole[t], parts) for t, parts in s.items()} for s in split)
    attempt.body, attempt.held = {**attempt.body, "RequestItems": kept}, held


def answer_in_part(attempt: Attempt, deliver: Deliver) -> AWSResponse:
    """Send the rest of the batch, if any, to the engine, and report the removed part."""
    is_read = attempt.operation == "BatchGetItem"
    content: dict[str, Any] = {}
    if attempt.body["RequestItems"]:
        answer = deliver()
        if answer.status_code != 200:  # noqa: PLR2004  # an error of the engine itself
            return answer
        content = json.loads(answer.content)
    elif is_read:
        content["Responses"] = {table: [] for table in attempt.held}
    left = content.setdefault("UnprocessedKeys" if is_read else "UnprocessedItems", {})
    for table, more in attempt.held.items():
        parts = [*_parts_of(left.get(table, [])), *_parts_of(more)]
        left[table] = _with_parts(more, parts)
    return make_answer(200, content)


def _parts_of(each: Any) -> list[Any]:
    parts: list[Any] = each if isinstance(each, list) else each["Keys"]
    return parts


def _with_parts(like: Any, parts: list[Any]) -> Any:
    return parts if isinstance(like, list) else {**like, "Keys": parts}


EFFECTS: Final[Mapping[FaultKind, Effect]] = {
    "throttling": throttle,
    "conflict": conflict,
    "internal_error": fail,
    "connection_reset": break_off,
    "lost_answer": lose,
    "garbled_answer": garble,
    "unprocessed": answer_in_part,
}
"""Functions that answer in place of the engine; the other two kinds need more than the request."""


class LaggingCopy:
    """A copy of the table that is *lag* writes behind; a Query of a lagging index is sent to it."""

    def __init__(self, client: DynamoDBClient, table: str, lag: int) -> None:
        self.lock = threading.RLock()
        self._client = client
        self._named = table
        self._table = table_name(table)
        self._lag = lag
        self._copy = f"{self._table[:200]}.{lag}-behind.{uuid4().hex[:8]}"
        self._coming: deque[dict[ItemKey, Item | None]] = deque()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Create the copy, and delete it at the end of the block."""
        with translated(self._table):
            self._client.create_table(**self._declaration())
        try:
            with translated(self._table):
                self._client.get_waiter("table_exists").wait(
                    TableName=self._copy, WaiterConfig={"Delay": 1}
                )
                self._fill()
            yield
        finally:
            with translated(self._table):
                self._client.delete_table(TableName=self._copy)

    def can_answer(self, attempt: Attempt) -> bool:
        """Return whether the request reads an index of the table."""
        return "IndexName" in attempt.body and self._is_ours(attempt.body)

    def redirect(self, attempt: Attempt) -> None:
        """Redirect the request to the copy, before it is signed."""
        attempt.body = {**attempt.body, "TableName": self._copy}

    def answer(self, deliver: Deliver) -> AWSResponse:
        """Let the copy answer, under the name of the table."""
        answer = deliver()
        content = json.loads(answer.content)
        if "ConsumedCapacity" not in content:
            return answer
        content["ConsumedCapacity"]["TableName"] = self._table
        return make_answer(answer.status_code, content)

    def follow(self, attempt: Attempt) -> None:
        """Read the items after a write, and apply the oldest pending write to the copy."""
        ours = [request for request in _writes_in(attempt) if self._is_ours(request)]
        written = [request.get("Key") or request["Item"] for request in ours]
        keys = [primary_key(item) for item in written]
        found = self._read(keys)
        if keys:
            self._coming.append({key: found.get(key) for key in keys})
        if len(self._coming) <= self._lag:
            return
        with self._writer() as batch:
            for key, item in self._coming.popleft().items():
                if item is None:
                    batch.delete_item(Key=key_attributes(key))
                else:
                    batch.put_item(Item=item)

    def _declaration(self) -> Any:
        """Return the declaration of the copy: that of the table, but on-demand."""
        described = self._client.describe_table(TableName=self._named)["Table"]
        indexes = [
            {name: index[name] for name in ("IndexName", "KeySchema", "Projection")}
            for index in described.get("GlobalSecondaryIndexes", ())
        ]
        return {
            "TableName": self._copy,
            "KeySchema": described["KeySchema"],
            "AttributeDefinitions": described["AttributeDefinitions"],
            "GlobalSecondaryIndexes": indexes,
            "BillingMode": "PAY_PER_REQUEST",
        }

    def _read(self, keys: list[ItemKey]) -> dict[ItemKey, Item]:
        found: dict[ItemKey, Item] = {}
        asked: Any = {"Keys": [key_attributes(key) for key in keys], "ConsistentRead": True}
        while asked and asked["Keys"]:
            answer = self._client.batch_get_item(RequestItems={self._named: asked})
            items = answer["Responses"].get(self._named, [])
            found |= {primary_key(item): item for item in items}
            asked = answer.get("UnprocessedKeys", {}).get(self._named)
        return found

    def _fill(self) -> None:
        scan = self._client.get_paginator("scan")
        pages = scan.paginate(TableName=self._named, ConsistentRead=True)
        with self._writer() as batch:
            for page in pages:
                for item in page["Items"]:
                    batch.put_item(Item=item)

    def _is_ours(self, request: Mapping[str, Any]) -> bool:
        return table_name(request["TableName"]) == self._table

    def _writer(self) -> Any:
        return BatchWriter(self._copy, self._client)


def _writes_in(attempt: Attempt) -> Iterator[dict[str, Any]]:
    if attempt.operation == "TransactWriteItems":
        for action in attempt.body["TransactItems"]:
            yield from action.values()
    elif attempt.operation == "BatchWriteItem":
        for table, parts in attempt.body["RequestItems"].items():
            yield from ({"TableName": table, **each} for part in parts for each in part.values())
    else:
        yield attempt.body

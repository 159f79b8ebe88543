"""Traces of requests to DynamoDB; without a listener, nothing is recorded or requested for them."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from catalog_model.dynamodb.callers import caller
from catalog_model.dynamodb.failures import answer_in, code_of
from catalog_model.dynamodb.schema import TABLE
from catalog_model.errors import CatalogError

ITEM_OPERATIONS: Final = frozenset(
    ("BatchGetItem", "GetItem", "Query", "Scan", "TransactWriteItems", "UpdateItem")
)
"""The operations on items, for which the service reports consumed capacity on request."""

SHOWN_KEYS: Final = 3
_log: Final = logging.getLogger(__name__)
_UNRECORDED: Final = frozenset({"ClientRequestToken"})
_PLACEHOLDER: Final = re.compile(r"[#:]\w+")

Send = Callable[[dict[str, Any]], Any]
AsyncSend = Callable[[dict[str, Any]], Awaitable[Any]]
Guarding = Callable[[str], AbstractContextManager[None]]
"""The context manager around each request, by operation; it may reject the request."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with the figures in its answer.

    ``pattern`` is the access pattern that made the request (the outermost one, if patterns call
    each other); None for operations on the whole table. ``asked`` are the parameters as sent,
    without the token of a transaction. ``round_trip`` counts the times that the pattern waited for
    answers, from 1 on; requests with the same number are sent at once. ``units`` are the capacity
    units charged to the table and to each index. ``items_read`` is the number of items read to find
    ``items_returned``. ``began`` is in seconds since 1970. A failed request has an ``error``, and
    as ``error_type`` the service's code or, if the service did not answer, the name of the
    exception.
    """

    pattern: str | None
    operation: str
    asked: Mapping[str, Any] = field(repr=False)
    items_read: int
    items_returned: int
    units: Mapping[str, float]
    retries: int
    bytes_received: int
    began: float
    milliseconds: float
    error: str = ""
    error_type: str = ""
    round_trip: int = 0

    @property
    def index(self) -> str:
        """The index of the request, or ``table``."""
        return str(self.asked.get("IndexName", TABLE))

    @property
    def key_conditions(self) -> tuple[str, ...]:
        """The conditions on the key of each item, with values; in a transaction, after the verb."""
        return tuple(_key_conditions(self.operation, self.asked))

    @property
    def key_condition(self) -> str:
        """All of `key_conditions` in one text; of many, the first three, and how many more."""
        conditions = self.key_conditions
        more = len(conditions) - SHOWN_KEYS
        listed = ", ".join(conditions[:SHOWN_KEYS])
        return f"{listed}, and {more} more" if more > 0 else listed

    @property
    def total_units(self) -> float:
        """The capacity units charged to the table and all indexes."""
        return sum(self.units.values())


Hook = Callable[[Request], None]


@dataclass(slots=True)
class Trace:
    """The requests made through a handle in a block, in the order of their answers.

    Requests that are sent at once are in the order in which the access pattern asked for them.
    """

    requests: list[Request] = field(default_factory=list)

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def units(self) -> dict[str, float]:
        """The capacity units charged to the table and to each index."""
        total: Counter[str] = Counter()
        for request in self.requests:
            total.update(request.units)
        return dict(total)

    @property
    def total_units(self) -> float:
        """The total capacity units charged."""
        return sum(self.units.values())


_collected: Final[ContextVar[list[Request] | None]] = ContextVar("collected", default=None)


class Observers:
    """The listeners to a handle's requests, and the guard of the requests. Thread-safe."""

    def __init__(self) -> None:
        self.guard: Guarding = lambda _: nullcontext()
        self._hooks: tuple[Hook, ...] = ()
        self._lock = threading.Lock()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Call *hook* with each request from now on; return a function that removes it."""
        listener = partial(hook)  # distinct, because the same hook may be added twice
        with self._lock:
            self._hooks = (*self._hooks, listener)
        return lambda: self._remove(listener)

    def _remove(self, listener: Hook) -> None:
        with self._lock:
            self._hooks = tuple(hook for hook in self._hooks if hook is not listener)

    def send(self, operation: str, request: dict[str, Any], send: Send) -> Any:
        """Send a request, and notify the listeners."""
        if not self._hooks:
            return send(request)
        with self._recorded(operation, request) as record:
            record.answer = send(record.sent)
        return record.answer

    async def send_async(self, operation: str, request: dict[str, Any], send: AsyncSend) -> Any:
        """Send a request, and notify the listeners."""
        if not self._hooks:
            return await send(request)
        with self._recorded(operation, request) as record:
            record.answer = await send(record.sent)
        return record.answer

    @contextmanager
    def _recorded(self, operation: str, request: dict[str, Any]) -> Iterator[_Record]:
        """Notify the listeners of the request that is sent in this block."""
        sent = {**request}
        if operation in ITEM_OPERATIONS:
            sent["ReturnConsumedCapacity"] = "INDEXES"
        asked = {name: value for name, value in sent.items() if name not in _UNRECORDED}
        current = caller.get()
        record = _Record(sent)
        problem: BaseException | None = None
        began, clock = time.time(), time.perf_counter()
        try:
            yield record
        except BaseException as error:
            cause = error.__cause__ if isinstance(error, CatalogError) else error
            problem, record.answer = error, answer_in(cause) if isinstance(cause, Exception) else {}
            raise
        finally:
            milliseconds = (time.perf_counter() - clock) * 1000
            answer = record.answer
            metadata = answer.get("ResponseMetadata", {})
            returned = _returned(answer)
            self._note(
                Request(
                    pattern=current.name if current else None,
                    round_trip=current.round_trip if current else 0,
                    operation=operation,
                    asked=asked,
                    items_read=answer.get("ScannedCount", returned),
                    items_returned=returned,
                    units=_units(answer),
                    retries=metadata.get("RetryAttempts", 0),
                    bytes_received=int(metadata.get("HTTPHeaders", {}).get("content-length", 0)),
                    began=began,
                    milliseconds=milliseconds,
                    error="" if problem is None else str(problem) or "it was interrupted",
                    error_type="" if problem is None else _type_of(problem),
                )
            )

    @contextmanager
    def collecting(self, parts: int) -> Iterator[list[Callable[[], AbstractContextManager[None]]]]:
        """Yield for each part of some work the context manager for its requests.

        The listeners are notified at the end of the block, by its thread, part by part.
        """
        if not self._hooks:
            yield [nullcontext] * parts
            return
        collected: list[list[Request]] = [[] for _ in range(parts)]
        try:
            yield [partial(_collecting, requests) for requests in collected]
        finally:
            for requests in collected:
                for request in requests:
                    self._tell(request)

    def _note(self, request: Request) -> None:
        """Notify the listeners now, or after the requests that are sent at once."""
        collected = _collected.get()
        if collected is None:
            self._tell(request)
        else:
            collected.append(request)

    def _tell(self, request: Request) -> None:
        for hook in self._hooks:
            try:
                hook(request)
            except Exception:  # noqa: BLE001  # the answer has arrived, and a write is complete
                _log.exception("a hook failed on %s of %s", request.operation, request.pattern)


class _Record:
    """A request that is being sent, and its answer."""

    __slots__ = ("answer", "sent")

    def __init__(self, sent: dict[str, Any]) -> None:
        self.sent = sent
        self.answer: Any = {}


@contextmanager
def _collecting(requests: list[Request]) -> Iterator[None]:
    token = _collected.set(requests)
    try:
        yield
    finally:
        _collected.reset(token)


def _type_of(error: BaseException) -> str:
    return code_of(error) if isinstance(error, Exception) else type(error).__name__


def _returned(answer: Any) -> int:
    batches = answer.get("Responses")
    if isinstance(batches, dict):
        return sum(map(len, batches.values()))
    return len(answer.get("Items", ())) or int("Item" in answer)


def _units(answer: Any) -> dict[str, float]:
    consumed = answer.get("ConsumedCapacity", [])
    units: dict[str, float] = {TABLE: 0}
    for part in consumed if isinstance(consumed, list) else [consumed]:
        indexes = part.get("GlobalSecondaryIndexes", {})
        shares = {name: share["CapacityUnits"] for name, share in indexes.items()}
        whole = part["CapacityUnits"] - sum(shares.values())
        shares[TABLE] = part.get("Table", {}).get("CapacityUnits", whole)
        for name, share in shares.items():
            units[name] = units.get(name, 0) + share
    table_first = sorted(units, key=lambda name: (name != TABLE, name))
    return {name: units[name] for name in table_first if units[name]}


def _key_conditions(operation: str, asked: Mapping[str, Any]) -> Iterator[str]:
    match operation:
        case "BatchGetItem":
            yield from (_key(key) for of in asked["RequestItems"].values() for key in of["Keys"])
        case "GetItem":
            yield _key(asked["Key"])
        case "Query":
            yield _with_values(asked["KeyConditionExpression"], asked)
        case "Scan":
            yield f"segment {asked.get('Segment', 0)} of {asked.get('TotalSegments', 1)}"
        case "TransactWriteItems":
            for each in asked["TransactItems"]:
                yield from (_of_action(verb, action) for verb, action in each.items())
        case "UpdateItem":
            yield _of_action("Update", asked)


def _of_action(verb: str, action: Mapping[str, Any]) -> str:
    condition = action.get("ConditionExpression")
    on_condition = f" IF {_with_values(condition, action)}" if condition else ""
    return f"{verb} {_key(action.get('Key') or action['Item'])}{on_condition}"


def _with_values(expression: str, asked: Mapping[str, Any]) -> str:
    values = asked.get("ExpressionAttributeValues", {})
    spelt = {
        name: content if kind == "N" else repr(content)
        for name, value in values.items()
        for kind, content in value.items()
    }
    spelt.update(asked.get("ExpressionAttributeNames", {}))
    return _PLACEHOLDER.sub(lambda found: spelt[found[0]], expression)


def _key(item: Mapping[str, Any]) -> str:
    return f"PK = {item['PK']['S']!r} AND SK = {item['SK']['S']!r}"

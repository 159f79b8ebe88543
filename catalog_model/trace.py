"""What was asked of DynamoDB: each request as it was sent, answered and charged.

Nothing is recorded, and nothing more is asked of the service, while nobody listens.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from catalog_model.patterns import pattern_of

TABLE: Final = "table"
"""What the table itself is called where indexes are called by their names."""

_SHOWN_KEYS: Final = 3

Send = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with what the engine said of it.

    ``pattern`` is the access pattern that asked (the outermost, where one uses another), None for
    the operations around the table. ``units`` are the capacity units charged on the table and on
    each index, ``items_read`` what was read to find ``items_returned``.
    """

    pattern: str | None
    operation: str
    index: str
    key_condition: str
    items_read: int
    items_returned: int
    units: Mapping[str, float]
    retries: int
    bytes_received: int
    milliseconds: float
    error: str = ""

    @property
    def total_units(self) -> float:
        """The capacity units charged on the table and all indexes."""
        return sum(self.units.values())


Hook = Callable[[Request], None]


@dataclass(slots=True)
class Trace:
    """The requests made through a handle in a block, in the order of their answers."""

    requests: list[Request] = field(default_factory=list)

    def __iter__(self) -> Iterator[Request]:
        return iter(self.requests)

    def __len__(self) -> int:
        return len(self.requests)

    @property
    def units(self) -> dict[str, float]:
        """The capacity units charged on the table and on each index."""
        total: Counter[str] = Counter()
        for request in self.requests:
            total.update(request.units)
        return dict(total)

    @property
    def total_units(self) -> float:
        """The capacity units charged in all."""
        return sum(self.units.values())


class Observers:
    """Who listens to the requests of a handle. Thread-safe."""

    def __init__(self) -> None:
        self._hooks: tuple[Hook, ...] = ()
        self._lock = threading.Lock()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Call *hook* with each request from now on; gives what ends it."""
        with self._lock:
            self._hooks = (*self._hooks, hook)
        return lambda: self._remove(hook)

    def _remove(self, hook: Hook) -> None:
        with self._lock:
            kept = list(self._hooks)
            kept.remove(hook)
            self._hooks = tuple(kept)

    def send(self, operation: str, request: dict[str, Any], send: Send) -> Any:
        """Send a request, and tell whoever listens."""
        if not self._hooks:
            return send(request)
        pattern, began = _asking(sys._getframe(1)), time.perf_counter()
        answer: Any = {}
        problem = ""
        try:
            answer = send({**request, "ReturnConsumedCapacity": "INDEXES"})
        except Exception as error:
            problem = str(error)
            raise
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            seen = _seen(pattern, operation, request, answer, milliseconds, problem)
            for hook in self._hooks:
                hook(seen)
        return answer


def _asking(frame: FrameType | None) -> str | None:
    """Find the outermost access pattern that is being called."""
    found = None
    while frame is not None:
        found = pattern_of(frame.f_code) or found
        frame = frame.f_back
    return found


def _seen(
    pattern: str | None,
    operation: str,
    request: dict[str, Any],
    answer: Any,
    milliseconds: float,
    problem: str,
) -> Request:
    metadata = answer.get("ResponseMetadata", {})
    returned = _returned(answer)
    return Request(
        pattern=pattern,
        operation=operation,
        index=request.get("IndexName", TABLE),
        key_condition=_KEY_CONDITIONS[operation](request),
        items_read=answer.get("ScannedCount", returned),
        items_returned=returned,
        units=_units(answer),
        retries=metadata.get("RetryAttempts", 0),
        bytes_received=int(metadata.get("HTTPHeaders", {}).get("content-length", 0)),
        milliseconds=milliseconds,
        error=problem,
    )


def _returned(answer: Any) -> int:
    batches = answer.get("Responses")
    if isinstance(batches, dict):
        return sum(map(len, batches.values()))
    return len(answer.get("Items", ())) or int("Item" in answer)


def _units(answer: Any) -> dict[str, float]:
    consumed = answer.get("ConsumedCapacity", [])
    units: Counter[str] = Counter()
    for part in consumed if isinstance(consumed, list) else [consumed]:
        indexes = part.get("GlobalSecondaryIndexes", {})
        for name, share in indexes.items():
            units[name] += share["CapacityUnits"]
        whole = part["CapacityUnits"] - sum(share["CapacityUnits"] for share in indexes.values())
        units[TABLE] += part.get("Table", {}).get("CapacityUnits", whole)
    return {name: share for name, share in units.items() if share}


def _of_query(request: dict[str, Any]) -> str:
    condition: str = request["KeyConditionExpression"]
    for name, attribute in request["ExpressionAttributeNames"].items():
        condition = condition.replace(name, attribute)
    for name, value in request["ExpressionAttributeValues"].items():
        condition = condition.replace(name, repr(value["S"]))
    return condition


def _of_get(request: dict[str, Any]) -> str:
    return _key(request["Key"])


def _of_batch_get(request: dict[str, Any]) -> str:
    return _some(_key(key) for each in request["RequestItems"].values() for key in each["Keys"])


def _of_transaction(request: dict[str, Any]) -> str:
    actions = (pair for each in request["TransactItems"] for pair in each.items())
    return _some(f"{name} {_key(action.get('Key') or action['Item'])}" for name, action in actions)


_KEY_CONDITIONS: Final[Mapping[str, Callable[[dict[str, Any]], str]]] = {
    "BatchGetItem": _of_batch_get,
    "GetItem": _of_get,
    "Query": _of_query,
    "TransactWriteItems": _of_transaction,
}


def _key(item: Mapping[str, Any]) -> str:
    return f"{item['PK']['S']} | {item['SK']['S']}"


def _some(keys: Iterator[str]) -> str:
    listed = list(keys)
    more = len(listed) - _SHOWN_KEYS
    return ", ".join(listed[:_SHOWN_KEYS]) + (f", and {more} more" if more > 0 else "")

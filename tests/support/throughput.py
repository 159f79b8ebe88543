"""The throughput of a provisioned table, for engines without one: `limited_throughput`.

Each table and index has a bucket of read units and one of write units that store the unused units
of the last five minutes, like DynamoDB's burst capacity. A request without enough units is
throttled with the service's own errors. Time is that of a `Clock`, which advances only by waiting,
so hours pass in seconds.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import botocore.endpoint
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse

from catalog_model import Catalog
from catalog_model.analysis.prediction import index_entry
from catalog_model.dynamodb.capacity import rcu, wcu
from catalog_model.dynamodb.faults.kinds import make_answer, make_error
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.typed_json import Item, primary_key
from catalog_model.table.indexes import INDEXES

BURST_SECONDS: Final = 300
SECONDS_PER_REQUEST: Final = 0.005
READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
WRITES: Final = frozenset(
    {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
)

_NOWHERE: Final = "http://answered.invalid/"
_EXCEEDED: Final = "The level of configured provisioned throughput for the table was exceeded."


_TIMED: Final = (
    "cli.progress",
    "deployment.batch_writes",
    "dynamodb.pace",
    "dynamodb.retries",
    "writes.load_pace",
)
"""The modules of this package that ask for the time."""


class Clock:
    """A clock that advances only by waiting."""

    def __init__(self) -> None:
        self._now = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self._now

    def sleep(self, seconds: float, _: object = None) -> None:
        """Advance the time immediately."""
        with self._lock:
            self._now += max(0.0, seconds)

    @contextmanager
    def ruling(self) -> Iterator[None]:
        """Make this package and botocore use this clock in this block."""
        ours = SimpleNamespace(**{**vars(time), "sleep": self.sleep, "monotonic": self})
        with ExitStack() as stack:
            stack.enter_context(patch.object(botocore.endpoint, "time", ours))
            for module in _TIMED:
                stack.enter_context(patch(f"catalog_model.{module}.time", ours))
            stack.enter_context(patch("catalog_model.dynamodb.waits.sleep", self.sleep))
            yield


@dataclass
class Bucket:
    """A number of units per second, and the unused ones of the last five minutes."""

    rate: float
    level: float
    filled: float

    def refill(self, now: float) -> float:
        """Add the units for the time that has passed; return its capacity."""
        most = self.rate * BURST_SECONDS
        self.level = min(most, self.level + (now - self.filled) * self.rate)
        self.filled = now
        return most

    def has(self, units: float, now: float) -> bool:
        """Whether it contains this many units by now, or is full if that exceeds its capacity."""
        return min(units, self.refill(now)) <= self.level


class Throughput:
    """The buckets of a table and its indexes, between a client and its engine.

    ``refused`` counts throttled requests by operation, ``units`` what was charged, by resource and
    direction.
    """

    def __init__(
        self, client: Any, read_units: float, write_units: float, seed: int, burst: float
    ) -> None:
        self.clock = Clock()
        self.read_units, self.write_units = read_units, write_units
        self.refused: Counter[str] = Counter()
        self.units: defaultdict[tuple[str, str], float] = defaultdict(float)
        self._client = client
        self._rng = random.Random(seed)
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._buckets = {
            (name, way): Bucket(rate, rate * BURST_SECONDS * burst, self.clock())
            for name in (TABLE, *INDEXES)
            for way, rate in (("read", read_units), ("write", write_units))
        }

    def scale(self, write_units: float) -> None:
        """Change the write units of the table and its indexes from now on."""
        for (_, way), bucket in self._buckets.items():
            if way == "write":
                bucket.refill(self.clock())
                bucket.rate = write_units

    def _admits(self, way: str, wanted: Mapping[str, float]) -> bool:
        """Whether a request that needs these units of each resource may be carried out."""
        now = self.clock()
        return all(
            bucket.has(wanted.get(name, 0), now)
            for (name, direction), bucket in self._buckets.items()
            if direction == way
        )

    def _charge(self, way: str, units: Mapping[str, float]) -> None:
        for name, share in units.items():
            self._buckets[name, way].level -= share
            self.units[name, way] += share

    def prepare(self, request: AWSRequest, operation_name: str, **_: Any) -> None:
        """Request the units, before the request is signed."""
        self._thread.coming = None
        if operation_name in READS | WRITES:
            body = {**json.loads(request.data or "{}"), "ReturnConsumedCapacity": "INDEXES"}
            request.data = json.dumps(body).encode()
            self._thread.coming = operation_name, body

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Answer or throttle the request."""
        coming = getattr(self._thread, "coming", None)
        if coming is None or request.url == _NOWHERE:
            return None
        self._thread.coming = None
        self.clock.sleep(SECONDS_PER_REQUEST)
        operation, body = coming
        ask = self._write if operation in WRITES else self._read
        with self._lock:
            answer = ask(operation, body, request)
        request.url = _NOWHERE
        return answer

    def _write(self, operation: str, body: dict[str, Any], request: Any) -> AWSResponse:
        if not self._admits("write", estimated(operation, body)):
            return self._refuse(operation, body)
        answer = self._ask(request)
        if answer.status_code == 200:
            self._charge("write", consumed(json.loads(answer.content)))
        return answer

    def _read(self, operation: str, body: dict[str, Any], request: Any) -> AWSResponse:
        """Ask the engine for the cost; an answer that is not returned has no effect."""
        answer = self._ask(request)
        if answer.status_code != 200:
            return answer
        content = json.loads(answer.content)
        units = consumed(content)
        if self._admits("read", units):
            self._charge("read", units)
            return answer
        if operation == "BatchGetItem":
            return self._read_in_part(body, content)
        return self._refuse(operation, body)

    def _read_in_part(self, body: dict[str, Any], content: dict[str, Any]) -> AWSResponse:
        """Return those items of a batch for which there are units."""
        ((table, asked),) = body["RequestItems"].items()
        found = {primary_key(item): item for item in content["Responses"][table]}
        factor = 1 if asked.get("ConsistentRead") else 0.5
        given: list[Item] = []
        left = list(asked["Keys"])
        while left:
            item = found.get(primary_key(left[0]))
            units = {TABLE: factor * rcu(item_size(item) if item else 1)}
            if not self._admits("read", units):
                break
            self._charge("read", units)
            given += [item] if item else []
            del left[0]
        if len(left) == len(asked["Keys"]):
            return self._refuse("BatchGetItem", body)
        content["Responses"][table] = given
        content["UnprocessedKeys"] = {table: {**asked, "Keys": left}}
        return make_answer(200, content)

    def _ask(self, request: AWSPreparedRequest) -> AWSResponse:
        answer: AWSResponse = self._client._endpoint.http_session.send(request)
        return answer

    def _refuse(self, operation: str, body: dict[str, Any]) -> AWSResponse:
        """Throttle like DynamoDB; a transaction in one of three ways."""
        self.refused[operation] += 1
        way = self._rng.choice(("ThrottlingError", "ProvisionedThroughputExceeded", "plain"))
        if operation != "TransactWriteItems" or way == "plain":
            return make_error("ProvisionedThroughputExceededException", _EXCEEDED)
        return cancellation(body, [way], self._rng)


@contextmanager
def limited_throughput(
    catalog: Catalog, read_units: float, write_units: float, *, seed: int = 0, burst: float = 1.0
) -> Iterator[Throughput]:
    """Throttle like a table with this throughput; *burst* is the initial level of the buckets."""
    client: Any = catalog.client
    throughput = Throughput(client, read_units, write_units, seed, burst)
    hooks = {
        "request-created.dynamodb": throughput.prepare,
        "before-send.dynamodb": throughput.send,
    }
    for event, hook in hooks.items():
        client.meta.events.register_first(event, hook)
    try:
        with throughput.clock.ruling():
            yield throughput
    finally:
        for event, hook in hooks.items():
            client.meta.events.unregister(event, hook)


def estimated(operation: str, body: dict[str, Any]) -> Counter[str]:
    """Return the minimum cost of a write for the table and each index, by the items in it."""
    units: Counter[str] = Counter()
    for action in actions_of(operation, body):
        item = action.get("Item", {})
        factor = 2 if operation == "TransactWriteItems" else 1
        units[TABLE] += factor * wcu(item_size(item) if item else 1)
        for index in INDEXES:
            if entry := index_entry(item, index):
                units[index] += wcu(item_size(entry))
    return units


def actions_of(operation: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    if operation == "TransactWriteItems":
        return [action for each in body["TransactItems"] for action in each.values()]
    if operation == "BatchWriteItem":
        parts = [part for each in body["RequestItems"].values() for part in each]
        return [action for part in parts for action in part.values()]
    return [body]


def consumed(content: dict[str, Any]) -> Counter[str]:
    """Return the units that the engine charges."""
    units: Counter[str] = Counter()
    reported = content.get("ConsumedCapacity", [])
    for each in reported if isinstance(reported, list) else [reported]:
        units[TABLE] += each.get("Table", {}).get("CapacityUnits", 0)
        for name, share in each.get("GlobalSecondaryIndexes", {}).items():
            units[name] += share["CapacityUnits"]
    return units


def cancellation(body: dict[str, Any], codes: Iterable[str], rng: random.Random) -> AWSResponse:
    """Cancel a transaction, with these reasons for as many of its items."""
    codes = list(codes)
    reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in body["TransactItems"]]
    for at, code in zip(rng.sample(range(len(reasons)), len(codes)), codes, strict=True):
        reasons[at].update(Code=code, Message=_EXCEEDED)
    text = f"Transaction cancelled [{', '.join(each['Code'] for each in reasons)}]"
    return make_error("TransactionCanceledException", text, CancellationReasons=reasons)

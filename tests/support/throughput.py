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
from dataclasses import dataclass, field
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
from catalog_model.dynamodb.typed_json import Item
from catalog_model.table.indexes import INDEXES

BURST_SECONDS: Final = 300
READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
WRITES: Final = frozenset(
    {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"}
)

_CREATED: Final = "request-created.dynamodb"
_SENDING: Final = "before-send.dynamodb"
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
    filled: float = 0.0

    def refill(self, now: float) -> None:
        """Add the units for the time that has passed."""
        self.level = min(self.most, self.level + (now - self.filled) * self.rate)
        self.filled = now

    @property
    def most(self) -> float:
        """Its capacity."""
        return self.rate * BURST_SECONDS

    def has(self, units: float) -> bool:
        """Whether it contains this many units, or is full if that exceeds its capacity."""
        return self.level >= min(units, self.most)


@dataclass
class Throughput:
    """The buckets of a table and its indexes, and their statistics.

    ``refused`` counts throttled requests by operation, ``units`` what was charged, by resource and
    direction.
    """

    clock: Clock
    read_units: float
    write_units: float
    seed: int = 0
    burst: float = 1.0
    seconds_per_request: float = 0.005
    refused: Counter[str] = field(default_factory=Counter)
    units: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._lock = threading.RLock()
        rates = {"read": self.read_units, "write": self.write_units}
        self._buckets = {
            (name, way): Bucket(rate, rate * BURST_SECONDS * self.burst, self.clock())
            for name in (TABLE, *INDEXES)
            for way, rate in rates.items()
        }

    def admits(self, way: str, wanted: Mapping[str, float]) -> bool:
        """Whether a request that needs these units of each resource may be carried out."""
        for (name, direction), bucket in self._buckets.items():
            bucket.refill(self.clock())
            if direction == way and not bucket.has(wanted.get(name, 0)):
                return False
        return True

    def charge(self, way: str, units: Mapping[str, float]) -> None:
        """Subtract what was consumed."""
        for name, share in units.items():
            self._buckets[name, way].level -= share
            self.units[name, way] += share

    def scale(self, write_units: float) -> None:
        """Change the write units of the table and its indexes from now on."""
        for (_, way), bucket in self._buckets.items():
            if way == "write":
                bucket.refill(self.clock())
                bucket.rate = write_units


@contextmanager
def limited_throughput(
    catalog: Catalog, read_units: float, write_units: float, *, seed: int = 0, burst: float = 1.0
) -> Iterator[Throughput]:
    """Throttle requests in this block like a table with this throughput.

    All requests through the handle's client are counted, by the units that the engine reports:
    dynoxide's are DynamoDB's. *burst* is the initial fill level of the buckets.
    """
    clock = Clock()
    throughput = Throughput(clock, read_units, write_units, seed=seed, burst=burst)
    gate = _Gate(catalog, throughput)
    events: Any = catalog.client.meta.events
    events.register_first(_CREATED, gate.prepare)
    events.register_first(_SENDING, gate.send)
    try:
        with clock.ruling():
            yield throughput
    finally:
        events.unregister(_CREATED, gate.prepare)
        events.unregister(_SENDING, gate.send)


class _Gate:
    """The gate between the client and the engine."""

    def __init__(self, catalog: Catalog, throughput: Throughput) -> None:
        self._client: Any = catalog.client
        self._throughput = throughput
        self._thread = threading.local()
        self._lock = threading.Lock()

    def prepare(self, request: AWSRequest, operation_name: str, **_: Any) -> None:
        """Request the units, before the request is signed."""
        self._thread.coming = None
        if operation_name in READS | WRITES:
            body = json.loads(request.data or "{}")
            body["ReturnConsumedCapacity"] = "INDEXES"
            request.data = json.dumps(body).encode()
            self._thread.coming = operation_name, body

    def send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        """Answer or throttle the request."""
        coming = getattr(self._thread, "coming", None)
        if coming is None or request.url == _NOWHERE:
            return None
        self._thread.coming = None
        operation, body = coming
        throughput = self._throughput
        throughput.clock.sleep(throughput.seconds_per_request)
        with self._lock:
            if operation in WRITES:
                answer = self._write(operation, body, request)
            else:
                answer = self._read(operation, body, request)
        request.url = _NOWHERE
        return answer

    def _write(self, operation: str, body: dict[str, Any], request: Any) -> AWSResponse:
        throughput = self._throughput
        if not throughput.admits("write", estimated(operation, body)):
            throughput.refused[operation] += 1
            return refusal(operation, body, throughput._rng)
        answer = self._ask(request)
        if answer.status_code == 200:
            throughput.charge("write", consumed(json.loads(answer.content)))
        return answer

    def _read(self, operation: str, body: dict[str, Any], request: Any) -> AWSResponse:
        """Ask the engine for the cost; an answer that is not returned has no effect."""
        throughput = self._throughput
        answer = self._ask(request)
        if answer.status_code != 200:
            return answer
        content = json.loads(answer.content)
        units = consumed(content)
        if throughput.admits("read", units):
            throughput.charge("read", units)
            return answer
        if operation == "BatchGetItem":
            return self._read_in_part(body, content)
        throughput.refused[operation] += 1
        return refusal(operation, body, throughput._rng)

    def _read_in_part(self, body: dict[str, Any], content: dict[str, Any]) -> AWSResponse:
        """Return those items of a batch for which there are units."""
        throughput = self._throughput
        ((table, asked),) = body["RequestItems"].items()
        found = {_key(item): item for item in content["Responses"][table]}
        factor = 1 if asked.get("ConsistentRead") else 0.5
        given: list[Item] = []
        left = list(asked["Keys"])
        while left:
            item = found.get(_key(left[0]))
            units = {TABLE: factor * rcu(item_size(item) if item else 1)}
            if not throughput.admits("read", units):
                break
            throughput.charge("read", units)
            given += [item] if item else []
            del left[0]
        if len(left) == len(asked["Keys"]):
            throughput.refused["BatchGetItem"] += 1
            return refusal("BatchGetItem", body, throughput._rng)
        content["Responses"][table] = given
        content["UnprocessedKeys"] = {table: {**asked, "Keys": left}}
        return make_answer(200, content)

    def _ask(self, request: AWSPreparedRequest) -> AWSResponse:
        answer: AWSResponse = self._client._endpoint.http_session.send(request)
        return answer


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
    """Return the single writes of a request."""
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


def refusal(operation: str, body: dict[str, Any], rng: random.Random) -> AWSResponse:
    """Throttle like DynamoDB; a transaction in one of three ways."""
    way = rng.choice(("ThrottlingError", "ProvisionedThroughputExceeded", "plain"))
    if operation != "TransactWriteItems" or way == "plain":
        return make_error("ProvisionedThroughputExceededException", _EXCEEDED)
    return cancellation(body, [way], rng)


def cancellation(body: dict[str, Any], codes: Iterable[str], rng: random.Random) -> AWSResponse:
    """Cancel a transaction, with these reasons for as many of its items."""
    codes = list(codes)
    reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in body["TransactItems"]]
    for at, code in zip(rng.sample(range(len(reasons)), len(codes)), codes, strict=True):
        reasons[at].update(Code=code, Message=_EXCEEDED)
    text = f"Transaction cancelled [{', '.join(each['Code'] for each in reasons)}]"
    return make_error("TransactionCanceledException", text, CancellationReasons=reasons)


def _key(item: Item) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]

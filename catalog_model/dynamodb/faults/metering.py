"""Meters the requests of a client by a `Throughput`: admits, charges or throttles each attempt."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.faults.buckets import Demand, Resource
from catalog_model.dynamodb.faults.demand import (
    READS,
    WRITES,
    Action,
    Item,
    Layout,
    Writing,
    actions_of,
    key_demands,
    read_demand,
    reported_units,
    total_of,
)
from catalog_model.dynamodb.faults.kinds import Attempt, Deliver, make_answer
from catalog_model.dynamodb.faults.throughput import Throughput
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.strict.request import table_name

CHANGES_OF_TABLES: Final = frozenset({"CreateTable", "DeleteTable", "UpdateTable"})

_NOTHING: Final[Demand] = {}
_OK: Final = 200
_BAD_REQUEST: Final = 400


@dataclass(slots=True)
class Ticket:
    """The admission of an attempt: a write with its reserved units, or what lacks them."""

    writing: Writing | None = None
    reserved: Demand = field(default_factory=dict)
    lacking: Resource | None = None
    unprocessed: list[Any] = field(default_factory=list)
    is_refused: bool = False


class Meter:
    """Meters the requests of a client to one table."""

    def __init__(self, client: DynamoDBClient, table: str, throughput: Throughput) -> None:
        self._client = client
        self._named = table
        self._table = table_name(table)
        self._throughput = throughput
        self._layout: Layout | None = None

    def admit(self, attempt: Attempt) -> Ticket | None:
        """Admit an attempt, and reserve the units of a write; None if it is not metered.

        Called before the attempt is signed, because a batch may be admitted in part.
        """
        if not self._is_ours(attempt.body):
            return None
        if attempt.operation in CHANGES_OF_TABLES:
            return Ticket()
        if attempt.operation not in READS | WRITES:
            return None
        attempt.body = {**attempt.body, "ReturnConsumedCapacity": "INDEXES"}
        layout = self._layout or self._read_layout()
        if layout is None or attempt.is_done:
            return None
        return self._admit_write(layout, attempt) if attempt.operation in WRITES else Ticket()

    def carry_out(self, attempt: Attempt, ticket: Ticket, deliver: Deliver) -> AWSResponse:
        """Send an admitted attempt to the engine, or throttle it."""
        if attempt.operation in CHANGES_OF_TABLES:
            return self._change(deliver)
        clock = self._throughput.clock
        if clock is not None:
            clock.advance(clock.request_seconds)
        if ticket.lacking is not None:
            return self._refuse(attempt, ticket, ticket.lacking)
        if ticket.writing is None:
            return self._read(attempt, ticket, deliver)
        return self._write(ticket, ticket.writing, deliver)

    def finish(self, ticket: Ticket) -> None:
        """Return the units of an attempt that did not reach the engine."""
        reserved, ticket.reserved = ticket.reserved, _NOTHING
        self._throughput.settle(reserved, _NOTHING)

    def _change(self, deliver: Deliver) -> AWSResponse:
        """Change the table, and read its throughput again."""
        answer = deliver()
        self._layout = None
        self._read_layout()
        return answer

    def _is_ours(self, body: Mapping[str, Any]) -> bool:
        if "TransactItems" in body:
            each = (action for item in body["TransactItems"] for action in item.values())
            return any(table_name(action["TableName"]) == self._table for action in each)
        named = body.get("RequestItems") or [body.get("TableName", "")]
        return any(table_name(name) == self._table for name in named)

    def _read_layout(self) -> Layout | None:
        """Read the table's keys, indexes and throughput; None if it does not exist."""
        try:
            described: Any = self._client.describe_table(TableName=self._named)["Table"]
        except ClientError:
            return None
        self._throughput.deployed(described)
        layout = Layout(described)
        if described.get("TableStatus", "ACTIVE") == "ACTIVE":
            self._layout = layout
        return layout

    def _admit_write(self, layout: Layout, attempt: Attempt) -> Ticket:
        actions = actions_of(attempt.operation, attempt.body, self._table)
        self._read_before(layout, actions)
        writing = Writing(layout, attempt.operation, actions)
        if attempt.operation == "BatchWriteItem":
            return self._admit_batch(attempt, writing)
        demand = writing.certain()
        lacking = self._throughput.lacking(demand)
        return Ticket(writing, _NOTHING if lacking else demand, lacking)

    def _admit_batch(self, attempt: Attempt, writing: Writing) -> Ticket:
        """Admit the first writes of a batch, and remove the others from the request."""
        whole = attempt.body["RequestItems"]
        name = next(name for name in whole if table_name(name) == self._table)
        admitted: list[Demand] = []
        lacking = None
        for at in range(len(writing.actions)):
            demand = writing.certain_of(at)
            lacking = self._throughput.lacking(demand)
            if lacking:
                break
            admitted.append(demand)
        count = len(admitted)
        if not count and len(whole) == 1:
            return Ticket(writing, lacking=lacking)
        parts = {**whole, name: whole[name][:count]}
        sent = {table: each for table, each in parts.items() if each}
        attempt.body = {**attempt.body, "RequestItems": sent}
        return Ticket(
            writing.first(count), total_of(admitted), unprocessed=list(whole[name][count:])
        )

    def _write(self, ticket: Ticket, writing: Writing, deliver: Deliver) -> AWSResponse:
        answer = deliver()
        content = json.loads(answer.content) if answer.status_code == _OK else {}
        if answer.status_code == _OK:
            taken = writing.consumed(reported_units(content))
        else:
            is_failed = answer.status_code == _BAD_REQUEST and b"Condition" in answer.content
            taken = writing.failed() if is_failed else _NOTHING
        reserved, ticket.reserved = ticket.reserved, _NOTHING
        self._throughput.settle(reserved, taken)
        if answer.status_code != _OK or not ticket.unprocessed:
            return answer
        left = content.setdefault("UnprocessedItems", {})
        left[self._table] = [*left.get(self._table, ()), *ticket.unprocessed]
        return make_answer(_OK, content)

    def _read(self, attempt: Attempt, ticket: Ticket, deliver: Deliver) -> AWSResponse:
        """Ask the engine for the units; an answer that is not returned has no effect."""
        answer = deliver()
        if answer.status_code != _OK or self._layout is None:
            return answer
        content = json.loads(answer.content)
        if attempt.operation == "BatchGetItem":
            return self._read_batch(self._layout, attempt, ticket, answer)
        demand = read_demand(self._layout, attempt.operation, attempt.body, content)
        lacking = self._throughput.lacking(demand)
        if lacking is not None:
            return self._refuse(attempt, ticket, lacking)
        self._throughput.settle(demand, demand)
        return answer

    def _read_batch(
        self, layout: Layout, attempt: Attempt, ticket: Ticket, answer: AWSResponse
    ) -> AWSResponse:
        """Return those items of a batch for which there are units."""
        content = json.loads(answer.content)
        named = attempt.body["RequestItems"].items()
        name, asked = next(pair for pair in named if table_name(pair[0]) == self._table)
        total = reported_units(content).get(TABLE, 0)
        admitted = 0
        for demand in key_demands(layout, asked, content["Responses"].get(name, []), total):
            lacking = self._throughput.lacking(demand)
            if lacking is None:
                self._throughput.settle(demand, demand)
                admitted += 1
            elif not admitted:
                return self._refuse(attempt, ticket, lacking)
            else:
                return self._in_part(name, asked, content, admitted)
        return answer

    def _in_part(
        self, name: str, asked: Mapping[str, Any], content: dict[str, Any], admitted: int
    ) -> AWSResponse:
        """Return the answer for the first keys of a batch, with the others as unprocessed."""
        keys: Any = {**asked, "Keys": asked["Keys"][:admitted]}
        part: Any = self._client.batch_get_item(RequestItems={name: keys})
        content["Responses"][name] = part["Responses"].get(name, [])
        unprocessed = part.get("UnprocessedKeys", {}).get(name, {"Keys": []})["Keys"]
        left = {**asked, "Keys": [*unprocessed, *asked["Keys"][admitted:]]}
        content["UnprocessedKeys"] = {**content.get("UnprocessedKeys", {}), name: left}
        return make_answer(_OK, content)

    def _refuse(self, attempt: Attempt, ticket: Ticket, lacking: Resource) -> AWSResponse:
        ticket.is_refused = True
        writing, items = ticket.writing, attempt.body.get("TransactItems", ())
        is_alone = writing is not None and len(writing.actions) == len(items)
        place = writing.place_of(lacking) if writing and is_alone else None
        return self._throughput.refuse(attempt, lacking, place)

    def _read_before(self, layout: Layout, actions: list[Action]) -> None:
        """Read the items before a write, which determine its units and partitions."""
        keys = [
            {
                name: each.key_and_more[name]
                for name in layout.key_names
                if name in each.key_and_more
            }
            for each in actions
        ]
        if not keys or any(len(key) < len(layout.key_names) for key in keys):
            return
        distinct = list({layout.key_of(key): key for key in keys}.values())
        found = {layout.key_of(item): item for item in self._items(distinct)}
        for each, key in zip(actions, keys, strict=True):
            each.before = found.get(layout.key_of(key))

    def _items(self, keys: Sequence[Item]) -> Iterator[Item]:
        asked: Any = {"Keys": keys, "ConsistentRead": True}
        while asked and asked["Keys"]:
            answer = self._client.batch_get_item(RequestItems={self._named: asked})
            for items in answer["Responses"].values():
                yield from items
            asked = next(iter(answer.get("UnprocessedKeys", {}).values()), None)

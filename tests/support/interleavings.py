"""Every interleaving of the requests of a few writers, on an in-memory table.

A writer is a call on a handle. Other writers may act between its requests; each item of a batch is
read separately, as in DynamoDB. A writer is deterministic, so its state is determined by the
answers it has received: to find its next request, it is run again with these. A state that is
reached in several ways is explored once, and every way is counted.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from table_dump import Table

from catalog_model import Catalog
from catalog_model.dynamodb.actions import Plan, Update, as_sent, key_of, outcome
from catalog_model.dynamodb.failures import translate
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import _cancelled, _holds, _normal
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import CatalogError
from catalog_model.table import evolution

Answer = Any
History = tuple[int, ...]
"""The answers that a writer received, each as its number in the world."""

MOST_REQUESTS: Final = 300
"""A writer with more requests is considered endless."""


class Pending(BaseException):  # not an error: it must not be caught
    """The writer waits for the answer to a request."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self.request = request


@dataclass(frozen=True)
class Request:
    """A request of a writer to the table."""

    kind: str
    keys: tuple[Any, ...] = ()
    planned: Plan = ()


@dataclass(frozen=True)
class Done:
    """The result of a writer, as a value that can be compared."""

    result: Any


@dataclass(frozen=True)
class Writer:
    """A call, and its effect on titles and its answer without interference.

    ``effect`` receives the titles by key, changes them, and returns the answer.
    """

    name: str
    act: Callable[[Catalog], Any]
    effect: Callable[[dict[Any, Any]], Any]

    def __str__(self) -> str:
        return self.name


class ReplayedGateway(Gateway):
    """Answers from a history, and suspends the writer at the first request without an answer."""

    def __init__(self, table_name: str, answers: Iterable[Answer]) -> None:
        self.table_name = table_name
        self._answers = iter(answers)

    def _ask(self, request: Request) -> Answer:
        for answer in self._answers:
            if isinstance(answer, Exception):
                raise answer
            return answer
        raise Pending(request)

    def get(self, key: ItemKey, *, consistent: bool = False) -> Item | None:
        """Read one item."""
        assert consistent, "what a write follows from is read consistently"
        item: Item | None = self._ask(Request("get", (key,)))
        return item

    def batch_get(
        self, keys: Iterable[ItemKey], *, consistent: bool = False
    ) -> dict[ItemKey, Item]:
        """Read many items, each at a different moment."""
        found = {key: self.get(key, consistent=consistent) for key in dict.fromkeys(keys)}
        return {key: item for key, item in found.items() if item is not None}

    def query(self, partition: str, *_: Any, **__: Any) -> list[Item]:
        """Read a partition of the table."""
        items: list[Item] = self._ask(Request("query", (partition,)))
        return items

    def scan_after(
        self, last: Item | None, segment: int, segments: int, *, page: int | None = None
    ) -> Iterator[tuple[list[Item], Item | None]]:
        """Read a segment of the table in one page: the partitions assigned to it."""
        del last, page
        yield self._ask(Request("scan", (segment, segments))), None

    def update(self, operation: Update) -> None:
        """Apply one operation."""
        self._ask(Request("update", (), (operation,)))

    def transact(self, operations: Plan) -> None:
        """Apply a plan."""
        self._ask(Request("transact", (), operations))


class _Handle(Catalog):
    """A handle whose requests are answered from a history."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        super().__init__("catalog", region="eu-west-1")
        self._replayed = ReplayedGateway("catalog", answers)

    @property
    def gateway(self) -> Gateway:
        """The gateway that replays."""
        return self._replayed

    @property
    def client(self) -> Any:
        """No client, as no request leaves the process."""
        return SimpleNamespace(meta=SimpleNamespace(endpoint_url="memory"))


@dataclass
class Explored:
    """The results of an exploration: ways, states and ends, and problems of the ends."""

    ways: int = 0
    states: int = 0
    ends: int = 0
    problems: list[str] = field(default_factory=list)


class World:
    """Writers on one table: explores all interleavings from one of its states."""

    def __init__(self, start: Mapping[ItemKey, Item], writers: Sequence[Writer]) -> None:
        self._writers = writers
        self._numbers: dict[str, int] = {}
        self._answers: list[Answer] = []
        self._next: dict[tuple[int, History], Request | Done] = {}
        self._ways: dict[Any, int] = {}
        self._versions = itertools.count()
        self._start = {key: (item, self._number(item)) for key, item in start.items()}
        self.seen = Explored()
        self.ends: dict[Any, tuple[Table, tuple[Any, ...], tuple[History, ...]]] = {}

    def explore(self) -> Explored:
        """Explore every way; each distinct end is kept once."""
        histories: tuple[History, ...] = ((),) * len(self._writers)
        first_version = "catalog_model.writes.{}.first_version"
        with (
            patch(first_version.format("storing"), lambda: next(self._versions)),
            patch(first_version.format("load"), lambda: next(self._versions)),
        ):
            self.seen.ways = self._go(self._start, histories)
        self.seen.states, self.seen.ends = len(self._ways), len(self.ends)
        return self.seen

    def _go(self, table: dict[ItemKey, tuple[Item, int]], histories: tuple[History, ...]) -> int:
        at = frozenset((key, number) for key, (_, number) in table.items())
        known = self._ways.get((at, histories))
        if known is not None:
            return known
        steps = [self._step(number, each) for number, each in enumerate(histories)]
        ways = 0
        for number, step in enumerate(steps):
            if isinstance(step, Request):
                after, answer = self._perform(step, table)
                history = (*histories[number], answer)
                ways += self._go(after, (*histories[:number], history, *histories[number + 1 :]))
        if all(isinstance(step, Done) for step in steps):
            ways = 1
            results = tuple(step.result for step in steps if isinstance(step, Done))
            items = {key: item for key, (item, _) in table.items()}
            self.ends.setdefault((at, results), (items, results, histories))
        self._ways[at, histories] = ways
        return ways

    def _step(self, number: int, history: History) -> Request | Done:
        """Run a writer with the answers that it received, up to its next request or its end."""
        assert len(history) < MOST_REQUESTS, f"{self._writers[number]} does not end"
        key = number, history
        if key not in self._next:
            self._next[key] = self._run(number, history)
        return self._next[key]

    def _run(self, number: int, history: History) -> Request | Done:
        catalog = _Handle([self._answers[each] for each in history])
        self._versions = itertools.count(1000 * (number + 1), 100)
        try:
            result = self._writers[number].act(catalog)
        except Pending as waiting:
            return waiting.request
        except CatalogError as error:
            return Done(type(error).__name__)
        return Done(result)

    def _perform(
        self, request: Request, table: dict[ItemKey, tuple[Item, int]]
    ) -> tuple[dict[ItemKey, tuple[Item, int]], int]:
        answer: Answer
        if request.kind == "get":
            answer = table[request.keys[0]][0] if request.keys[0] in table else None
        elif request.kind == "query":
            answer = [table[key][0] for key in sorted(table) if request.keys[0] == key.PK]
        elif request.kind == "scan":
            part, parts = request.keys
            partitions = sorted({key.PK for key in table})[part::parts]
            answer = [table[key][0] for key in sorted(table) if key.PK in partitions]
        else:
            return self._apply(request.planned, table)
        return table, self._number(answer)

    def _apply(
        self, planned: Plan, table: dict[ItemKey, tuple[Item, int]]
    ) -> tuple[dict[ItemKey, tuple[Item, int]], int]:
        sent = as_sent(planned)
        touched = [key_of(each) for each in sent]
        if len(set(touched)) < len(touched):
            self.seen.problems.append(f"a plan names an item twice: {sorted(touched)}")
            return table, self._number(_lost_race([False] * len(sent), [None] * len(sent)))
        before = [table.get(key, (None, 0))[0] for key in touched]
        held = [_holds(*pair, evolution.VERSIONS) for pair in zip(sent, before, strict=True)]
        if not all(held):
            return table, self._number(_lost_race(held, before))
        after = dict(table)
        for operation, key, item in zip(sent, touched, before, strict=True):
            changed = outcome(operation, item)
            if changed is None:
                after.pop(key, None)
            else:
                normal = {name: _normal(value) for name, value in changed.items()}
                after[key] = normal, self._number(normal)
        return after, self._number(None)

    def _number(self, value: Answer) -> int:
        """Return a number for each distinct value."""
        is_error = isinstance(value, Exception)
        text = repr(value.__cause__.response) if is_error else json.dumps(value, sort_keys=True)
        if text not in self._numbers:
            self._numbers[text] = len(self._answers)
            self._answers.append(value)
        return self._numbers[text]


def _lost_race(held: Sequence[bool], before: Sequence[Item | None]) -> Exception:
    """Return the error for a rejected plan, as raised by the gateway."""
    cause = _cancelled(held, before)
    error = translate(cause, "catalog")
    error.__cause__ = cause
    return error

"""Every interleaving of the requests of a few writers, on an in-memory table.

A writer is a call on a handle. Other writers may act between its requests; each item of a batch is
read separately, as in DynamoDB. A writer is deterministic, so its state is determined by the
answers it has received: to find its next request, it is run again with these. A state that is
reached in several ways is explored once, and every way is counted.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from table_dump import Table, assert_no_slot_is_lost, assert_whole, movie, titles_in

from catalog_model import Catalog, Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import offline_catalog
from catalog_model.dynamodb import conversation
from catalog_model.dynamodb.actions import Plan, Update, as_sent, key_of, outcome
from catalog_model.dynamodb.failures import translate
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import _cancelled, _holds, _normal
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key
from catalog_model.errors import CatalogError
from catalog_model.table import codec, evolution, keys
from catalog_model.testing import without_pauses

Answer = Any
Titles = dict[TitleKey, Any]
History = tuple[int, ...]
"""The answers that a writer received, each as its number in the world."""

_Numbered = dict[ItemKey, tuple[Item, int]]
"""A table, in which each item has the number of its content."""

MOST_REQUESTS: Final = 300
"""A writer with more requests is considered endless."""


@dataclass(frozen=True)
class Request:
    """A request of a writer to the table."""

    kind: str
    keys: tuple[Any, ...] = ()
    planned: Plan = ()


@dataclass
class Pending(BaseException):  # not an error: it must not be caught
    """The writer waits for the answer to a request."""

    request: Request


@dataclass(frozen=True)
class Done:
    """The result of a writer, as a value that can be compared."""

    result: Any


@dataclass(frozen=True)
class Writer:
    """A call, and its effect on titles by key: it changes them, and returns the answer."""

    name: str
    act: Callable[[Catalog], Any]
    effect: Callable[[Titles], Any]

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

    def ask(self, requests: Sequence[conversation.Request]) -> Sequence[Any]:
        """Answer requests one after the other."""
        return [each.of(self) for each in requests]

    def get(self, key: ItemKey, *, consistent: bool = False) -> Item | None:
        """Read one item."""
        assert consistent, "what a write follows from is read consistently"
        item: Item | None = self._ask(Request("get", (key,)))
        return item

    def batch_get_parts(
        self, keys: Iterable[tuple[str, str]], only: tuple[str, ...], *, consistent: bool = False
    ) -> list[Item]:
        """Read many items, each at a different moment."""
        assert consistent or only == ("PK", "SK"), "only unlisted slots are searched otherwise"
        found = [self.get(ItemKey(*key), consistent=True) for key in dict.fromkeys(keys)]
        return [item for item in found if item is not None]

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
        with (
            patch("catalog_model.writes.storing.first_version", lambda: next(self._versions)),
            patch("catalog_model.writes.load.first_version", lambda: next(self._versions)),
            patch("catalog_model.writes.attempts.first_version", lambda: 0),
        ):
            self.seen.ways = self._go(self._start, histories)
        self.seen.states, self.seen.ends = len(self._ways), len(self.ends)
        return self.seen

    def _go(self, table: _Numbered, histories: tuple[History, ...]) -> int:
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
        if (number, history) not in self._next:
            self._next[number, history] = self._run(number, history)
        return self._next[number, history]

    def _run(self, number: int, history: History) -> Request | Done:
        catalog = _Handle(self._answers[each] for each in history)
        self._versions = itertools.count(1000 * (number + 1), 100)
        try:
            result = self._writers[number].act(catalog)
        except Pending as waiting:
            return waiting.request
        except CatalogError as error:
            return Done(type(error).__name__)
        return Done(result)

    def _perform(self, request: Request, table: _Numbered) -> tuple[_Numbered, int]:
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

    def _apply(self, planned: Plan, table: _Numbered) -> tuple[_Numbered, int]:
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
            after.pop(key, None)
            if (changed := outcome(operation, item)) is not None:
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


# --- Writers of few titles


NOT_FOUND: Final = "TitleNotFoundError"
EIGHT, SIXTEEN, TWENTY_FOUR = (movie(number, 18, 28, popularity=1.0) for number in (8, 16, 24))

THERE: Final = (EIGHT, SIXTEEN, TWENTY_FOUR)
"""Titles of one shard."""


@contextmanager
def small_shards(*, block: int = 4, most_free: int = 2) -> Iterator[None]:
    """Open few slots at once, and list few free ones, so that all cases occur with few titles.

    There is only one shard, because each tally is a request of its own.
    """
    with (
        patch("catalog_model.table.keys.SHARDS", 1),
        patch("catalog_model.table.slots.BLOCK", block),
        patch("catalog_model.table.slots.FEW", 1),
        patch("catalog_model.table.slots.MOST_FREE", most_free),
        patch("table_dump.MOST_FREE", most_free),
    ):
        yield


def key(number: int) -> TitleKey:
    """Return the key of a movie; multiples of 8 are in one shard."""
    return TitleKey("movie", number)


def _writer(
    name: str, of: TitleKey, act: Callable[..., Any], effect: Callable[[Any], Any]
) -> Writer:
    """Make a writer; *effect* returns the title after the write, or the name of an error."""

    def change_titles(titles: Titles) -> Any:
        after = effect(titles.get(of))
        if isinstance(after, str):
            return after
        titles[of] = after
        return after.to_json_text()

    return Writer(f"{name} {of.id}", lambda c: act(c).to_json_text(), change_titles)


def put(title: Movie) -> Writer:
    """Put a title, whether it exists or not."""
    return _writer("put", title.key, partial(ap.put_title, title=title), lambda _: title)


def create(title: Movie) -> Writer:
    """Put a title if it does not exist."""
    act = partial(ap.put_title, title=title, if_absent=True)
    return _writer("create", title.key, act, lambda there: "TitleExistsError" if there else title)


def swap(before: Movie, after: Movie) -> Writer:
    """Replace a title if it has not changed."""
    act = partial(ap.put_title, title=after, if_unchanged=before)
    return _writer(
        "swap", after.key, act, lambda there: after if there == before else "ConflictError"
    )


def change(name: str, pattern: Callable[..., Any], number: int, **fields: Any) -> Writer:
    """Change attributes of a title."""
    act = partial(pattern, kind="movie", title_id=number, **fields)
    return _writer(
        name, key(number), act, lambda there: there.replace(**fields) if there else NOT_FOUND
    )


def delete(number: int) -> Writer:
    """Delete a title."""
    act = partial(ap.delete_title, kind="movie", title_id=number)

    def effect(titles: Titles) -> Any:
        gone = titles.pop(key(number), None)
        return gone.to_json_text() if gone else NOT_FOUND

    return Writer(f"delete {number}", lambda c: act(c).to_json_text(), effect)


popularity = partial(change, "popularity", ap.update_popularity)
update = partial(change, "update", ap.update_title)


def table_of(*titles: Movie) -> Table:
    """Make a table with these titles, created in this order."""
    catalog = offline_catalog()
    for title in titles:
        ap.put_title(catalog, title)
    return {primary_key(item): item for item in catalog.items()}


def explored(start: Table, *writers: Writer) -> Explored:
    """Explore all interleavings of *writers*, and check each end."""
    world = World(start, writers)
    with without_pauses():
        seen = world.explore()
    allowed = _allowed(start, writers)
    for table, results, _ in world.ends.values():
        try:
            there = assert_whole(table)
            assert_no_slot_is_lost(table)
        except AssertionError as error:
            seen.problems.append(f"inconsistent: {error}")
            continue
        if (_texts(there), results) not in allowed:
            seen.problems.append(f"no order of them gives {results} and {_texts(there)}")
    return seen


def _allowed(start: Table, writers: Sequence[Writer]) -> list[Any]:
    """Return the possible titles and answers: those of all sequential orders of the writers."""
    ends = []
    for order in itertools.permutations(range(len(writers))):
        titles = titles_in(start)
        results = {number: writers[number].effect(titles) for number in order}
        ends.append((_texts(titles), tuple(results[number] for number in range(len(writers)))))
    return ends


def _texts(titles: Titles) -> dict[TitleKey, str]:
    return {each: title.to_json_text() for each, title in titles.items()}


def put_by_another_program(title: Movie) -> Table:
    """Return a title's item as written by `aws dynamodb put-item`, without other attributes."""
    item = codec.encode_title(title, version=1, slot=0)
    ours = {codec.VERSION, codec.SLOT, codec.SCHEMA, codec.TYPE, codec.DOC}
    return {keys.title_key(title.key): {n: v for n, v in item.items() if n not in ours}}


FOREIGN: Final = movie(
    40, 18, 28, **dict.fromkeys(set(Movie.fields) - set(movie(40).to_json())), popularity=1.0
)
"""A title written by another program, with all possible attributes."""

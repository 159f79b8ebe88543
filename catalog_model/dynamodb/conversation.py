"""Conversations: generators that yield the requests they need next, and are sent the answers.

A conversation performs no input or output. A driver sends its requests: `hold` through a gateway.
All requests of one `yield` are independent of each other, so one `yield` is one round trip.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.callers import caller
from catalog_model.dynamodb.limits import MAX_BATCH_GET
from catalog_model.dynamodb.typed_json import Item, ItemKey, primary_key

_T = TypeVar("_T")
_Step = TypeVar("_Step")


@dataclass(frozen=True, slots=True)
class Range:
    """The sort keys from *lower* to *upper*, both inclusive; None means unbounded."""

    lower: str | None = None
    upper: str | None = None

    def is_empty(self) -> bool:
        """Return whether no sort key can be in the range; DynamoDB rejects such a condition."""
        return self.lower is not None and self.upper is not None and self.lower > self.upper


EVERYTHING: Final = Range()


class Door(Protocol):
    """Sends requests to a table: a gateway, or its asynchronous twin, which returns awaitables."""

    def get(self, key: ItemKey, *, consistent: bool = False) -> Any:
        """Read one item."""

    def batch_get_parts(
        self, keys: Iterable[tuple[str, str]], only: tuple[str, ...], *, consistent: bool = False
    ) -> Any:
        """Read some attributes of many items."""

    def query(
        self,
        partition: str,
        within: Range,
        *,
        index: str | None = None,
        descending: bool = False,
        consistent: bool = False,
        limit: int | None = None,
        only: str | None = None,
        with_place: bool = False,
    ) -> Any:
        """Read items of one partition."""

    def transact(self, operations: Plan) -> Any:
        """Apply a plan."""

    def rest(self, seconds: float) -> Any:
        """Wait before a retry."""


class Handle(Protocol):
    """What conversations are held with: a handle on a table."""

    @property
    def gateway(self) -> Any:
        """The gateway to the table, whose ``ask`` returns the answers to requests."""


@dataclass(frozen=True, slots=True)
class Get:
    """A request for one item; the answer is the item, or None."""

    key: ItemKey
    consistent: bool = False

    def of(self, door: Door) -> Any:
        """Send this request."""
        return door.get(self.key, consistent=self.consistent)


@dataclass(frozen=True, slots=True)
class BatchGet:
    """A request for up to 100 items, or for some attributes of them; the answer is a list."""

    keys: Sequence[tuple[str, str]]
    only: tuple[str, ...] = ()
    consistent: bool = False

    def of(self, door: Door) -> Any:
        """Send this request."""
        return door.batch_get_parts(self.keys, self.only, consistent=self.consistent)


@dataclass(frozen=True, slots=True)
class Query:
    """A request for a part of a partition; the answer is a list of items. See `Gateway.query`."""

    partition: str
    within: Range = EVERYTHING
    index: str | None = None
    descending: bool = False
    consistent: bool = False
    limit: int | None = None
    only: str | None = None
    with_place: bool = False

    def of(self, door: Door) -> Any:
        """Send this request."""
        return door.query(
            self.partition,
            self.within,
            index=self.index,
            descending=self.descending,
            consistent=self.consistent,
            limit=self.limit,
            only=self.only,
            with_place=self.with_place,
        )


@dataclass(frozen=True, slots=True)
class Transact:
    """A request to apply a plan as a whole; the answer is None."""

    plan: Plan

    def of(self, door: Door) -> Any:
        """Send this request."""
        return door.transact(self.plan)


@dataclass(frozen=True, slots=True)
class Rest:
    """A pause before the next requests, asked for alone; the answer is None."""

    seconds: float

    def of(self, door: Door) -> Any:
        """Wait."""
        return door.rest(self.seconds)


Request: TypeAlias = Get | BatchGet | Query | Transact | Rest
Conversation: TypeAlias = Generator[Sequence[Request], Sequence[Any], _T]


def hold(handle: Handle, conversation: Conversation[_T]) -> _T:
    """Hold a conversation through the gateway of *handle*, and return its result.

    An error of a request is raised in the conversation, at its ``yield``.
    """

    def ask(requests: Sequence[Request]) -> Sequence[Any]:
        count_round(requests)
        return handle.gateway.ask(requests)  # type: ignore[no-any-return]

    return drive(conversation, ask)


def drive(steps: Generator[_Step, Any, _T], perform: Callable[[_Step], Any]) -> _T:
    """Run a generator to its end; *perform* does what it yields, its errors are raised in it."""
    try:
        step = next(steps)
        while True:
            try:
                answer = perform(step)
            except BaseException as error:  # noqa: BLE001  # the generator decides
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: _T = end.value
        return result


def count_round(requests: Sequence[Request]) -> None:
    """Count a round trip of the access pattern in progress."""
    current = caller.get()
    if current is not None and requests and not isinstance(requests[0], Rest):
        current.round_trip += 1


def get(key: ItemKey, *, consistent: bool = False) -> Conversation[Item | None]:
    """Ask for one item; None if it does not exist."""
    (item,) = yield (Get(key, consistent),)
    return item  # type: ignore[no-any-return]


def batch_get(
    keys: Iterable[ItemKey], *, consistent: bool = False
) -> Conversation[dict[ItemKey, Item]]:
    """Ask for many items at once; keys without an item are missing from the result."""
    found = yield from batch_get_parts(keys, (), consistent=consistent)
    return {primary_key(item): item for item in found}


def batch_get_parts(
    keys: Iterable[tuple[str, str]], only: tuple[str, ...], *, consistent: bool = False
) -> Conversation[list[Item]]:
    """Ask for some attributes of many items at once, unordered; () for whole items."""
    parts = [
        BatchGet(chunk, only, consistent) for chunk in chunks(dict.fromkeys(keys), MAX_BATCH_GET)
    ]
    if not parts:
        return []
    answers = yield parts
    return [item for found in answers for item in found]


def query(asked: Query) -> Conversation[list[Item]]:
    """Ask for the items of one Query."""
    (items,) = yield (asked,)
    return items  # type: ignore[no-any-return]


def queries(asked: Sequence[Query]) -> Conversation[Sequence[list[Item]]]:
    """Ask for the items of several Queries at once."""
    return (yield asked)


def transact(plan: Plan) -> Conversation[None]:
    """Ask to apply a plan; a failed condition raises `LostRaceError`."""
    yield (Transact(plan),)


def chunks(values: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Split *values* into lists of *size*; the last one may be shorter."""
    iterator = iter(values)
    while chunk := list(islice(iterator, size)):
        yield chunk

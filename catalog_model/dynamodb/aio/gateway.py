"""The gateway of an event loop: the exchanges of `Gateway`, whose answers and pauses are awaited.

It decides nothing that `exchange` decides: pages, leftovers, retries and pauses are the same.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from catalog_model.dynamodb.actions import Plan
from catalog_model.dynamodb.aio.at_once import at_once
from catalog_model.dynamodb.aio.sender import Sender
from catalog_model.dynamodb.calls import Call
from catalog_model.dynamodb.conversation import Conversation, Range, Request, count_round
from catalog_model.dynamodb.exchange import Attempt, Exchange, Pause
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.dynamodb.waits import rest_async

_T = TypeVar("_T")
_Step = TypeVar("_Step")


class AsyncGateway:
    """Requests to one table from one event loop, for any number of its tasks."""

    def __init__(self, gateway: Gateway, sender: Sender) -> None:
        self.gateway = gateway
        self.sender = sender

    async def hold(self, conversation: Conversation[_T]) -> _T:
        """Hold a conversation, and return its result, as `conversation.hold` does."""

        async def ask(requests: Sequence[Request]) -> Sequence[Any]:
            count_round(requests)
            return await self.ask(requests)

        return await _drive(conversation, ask)

    async def ask(self, requests: Sequence[Request]) -> Sequence[Any]:
        """Send requests that do not depend on each other at once; return their answers."""
        if len(requests) == 1:
            return (await requests[0].of(self),)
        with self.gateway._observers.collecting(len(requests)) as blocks:
            pairs = zip(requests, blocks, strict=True)
            return await at_once([partial(self._ask_within, *pair) for pair in pairs])

    async def _ask_within(
        self, request: Request, block: Callable[[], AbstractContextManager[None]]
    ) -> Any:
        with block():
            return await request.of(self)

    def get(self, key: ItemKey, *, consistent: bool = False) -> Awaitable[Item | None]:
        """Read one item; None if it does not exist."""
        return self._run(self.gateway.exchanges.get(key, consistent=consistent))

    def batch_get_parts(
        self, keys: Iterable[tuple[str, str]], only: tuple[str, ...], *, consistent: bool = False
    ) -> Awaitable[list[Item]]:
        """Read some attributes of up to 100 items, unordered; () for whole items."""
        return self._run(self.gateway.exchanges.batch_get(keys, only, consistent=consistent))

    def query(self, partition: str, within: Range, **options: Any) -> Awaitable[list[Item]]:
        """Read items of one partition; *options* are those of `Exchanges.query`."""
        return self._run(self.gateway.exchanges.query(partition, within, **options))

    def transact(self, operations: Plan) -> Awaitable[None]:
        """Apply all operations of a plan, or none; see `Gateway.transact`."""
        return self._run(self.gateway.exchanges.transact(operations))

    def rest(self, seconds: float) -> Awaitable[None]:
        """Wait before a retry."""
        return rest_async(seconds)

    def _run(self, exchange: Exchange[_T]) -> Coroutine[Any, Any, _T]:
        return _drive(exchange, self._perform)

    async def _perform(self, step: Attempt | Pause) -> Any:
        if isinstance(step, Pause):
            return await self.rest(step.seconds)
        gateway = self.gateway
        operation, request, seconds, _ = step
        with Call(operation, request, seconds, gateway._deadline) as call, gateway._translation:
            try:
                return await gateway._observers.send_async(
                    operation, request, partial(self.sender.send, gateway, operation)
                )
            except CancelledError:
                call.abandon()
                raise


async def _drive(
    steps: Generator[_Step, Any, _T], perform: Callable[[_Step], Awaitable[Any]]
) -> _T:
    """Run a generator to its end, as `conversation.drive` does; what it yields is awaited."""
    try:
        step = next(steps)
        while True:
            try:
                answer = await perform(step)
            except BaseException as error:  # noqa: BLE001  # the generator decides
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as end:
        result: _T = end.value
        return result

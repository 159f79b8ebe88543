"""`AsyncCatalog`: a cheap handle on one table for the tasks of an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.dynamodb.aio.gateway import AsyncGateway
from catalog_model.dynamodb.aio.sender import Sender, is_aio_installed
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.dynamodb.trace import Hook, Trace

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _with_arguments_of(
    made: Callable[Concatenate[Catalog, _P], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate[AsyncCatalog, _P], None]]:
    """Give `AsyncCatalog` the arguments of `Catalog`, whatever they are."""

    def decorate(make: Callable[..., None]) -> Any:
        make.__wrapped__ = made  # type: ignore[attr-defined]  # for `inspect.signature`
        return make

    return decorate


class AsyncCatalog:
    """A handle on one table: the first argument of every access pattern of `catalog_model.aio`.

    It has the settings of `Catalog`, and all of its arguments. Creating it opens and sends nothing.
    Any number of tasks share it. It keeps connections open for the event loop that it is used in;
    used in another one, it opens others there. So use a handle in one loop at a time, and `close`
    it before the loop ends, or use it in an ``async with`` block. After a fork, the child process
    opens its own connections.

    With the extra ``aio``, requests for items are sent by aiohttp. Without it, or if other code
    listens to the client, botocore sends them in threads.

    >>> AsyncCatalog("netflix-movie-catalog", region="eu-west-1")
    AsyncCatalog('netflix-movie-catalog', region='eu-west-1')
    """

    @_with_arguments_of(Catalog.__init__)
    def __init__(self, *args: Any, **settings: Any) -> None:
        self._begin(Catalog(*args, **settings))

    def _begin(self, sync: Catalog) -> None:
        self._sync = sync
        self._gateways: dict[asyncio.AbstractEventLoop, AsyncGateway] = {}
        self._process = os.getpid()
        self._inherited: list[object] = []

    @classmethod
    def from_env(cls, *, pointer: str | None = None, **settings: Any) -> AsyncCatalog:
        """Make a handle as `Catalog.from_env` does, with the same arguments and variables.

        If the table's name is in a pointer, this reads it, and waits for the answer.
        """
        return cls.of(Catalog.from_env(pointer=pointer, **settings))

    @classmethod
    def of(cls, catalog: Catalog) -> AsyncCatalog:
        """Return an asynchronous handle with the settings, the client and the hooks of *catalog*.

        Raises:
            InvalidArgumentError: If *catalog* is not a `Catalog`.

        >>> AsyncCatalog.of(catalog).sync is catalog
        True
        """
        check_instance(catalog, "catalog", Catalog)
        made = cls.__new__(cls)
        made._begin(catalog)
        return made

    @property
    def sync(self) -> Catalog:
        """The handle for code without an event loop: same settings, client, hooks and traces.

        `catalog_model.operations`, `prometheus` and `otel` take it.
        """
        return self._sync

    @property
    def table(self) -> str:
        """The name (or ARN) of the table."""
        return self._sync.table

    async def follow(self) -> bool:
        """Read the pointer again, and change to the table that it names now; see `Catalog`."""
        return await asyncio.to_thread(self._sync.follow)

    async def for_table(self, table: str, *, lineage: str | None = None) -> AsyncCatalog:
        """Return a handle on another table, with the settings and the client of this one."""
        return self.of(await asyncio.to_thread(self._sync.for_table, table, lineage=lineage))

    async def warm(self) -> AsyncCatalog:
        """Make the client now instead of at the first request; sends nothing.

        Raises:
            ConfigurationError: If region, profile or endpoint is invalid.
        """
        await self._opened()
        return self

    def trace(self) -> AbstractContextManager[Trace]:
        """Record each request made through this handle in the block, by any task.

        An ordinary ``with`` block, as with `Catalog.trace`.
        """
        return self._sync.trace()

    def on_request(self, hook: Hook) -> Callable[[], None]:
        """Call *hook* with each `Request` made through this handle, as `Catalog.on_request` does.

        It is called in the event loop, once the answer has arrived, and must not wait.
        """
        return self._sync.on_request(hook)

    async def hold(self, conversation: Conversation[_T]) -> _T:
        """Hold the conversation of an access pattern; for this package's own modules."""
        gateway = await self._opened()
        return await gateway.hold(conversation)

    async def close(self) -> None:
        """Close the connections of the running event loop.

        Requests in progress fail. The handle stays usable: its next request opens others.
        """
        gateway = self._known().pop(asyncio.get_running_loop(), None)
        if gateway is not None:
            await gateway.sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    async def _opened(self) -> AsyncGateway:
        """Return the gateway of the running event loop."""
        sync, loop = self._sync, asyncio.get_running_loop()
        if loop not in self._known():
            await asyncio.to_thread(_prepare, sync)
        gateway = self._known().get(loop)
        if gateway is None:
            self._drop_ended()
            gateway = AsyncGateway(sync.gateway, Sender(sync.client, sync.fast))
            self._gateways[loop] = gateway
        elif gateway.gateway is not sync.gateway:  # the pointer was followed
            gateway = self._gateways[loop] = AsyncGateway(sync.gateway, gateway.sender)
        return gateway

    def _known(self) -> dict[asyncio.AbstractEventLoop, AsyncGateway]:
        """Return the gateways of this process."""
        if self._process != os.getpid():
            # Closing them would end sessions of the parent process, and so would collecting them.
            self._inherited.append(self._gateways)
            self._gateways, self._process = {}, os.getpid()
        return self._gateways

    def _drop_ended(self) -> None:
        for loop in [each for each in self._gateways if each.is_closed()]:
            self._gateways.pop(loop).sender.drop()

    def __copy__(self) -> AsyncCatalog:
        return self.of(self._sync.__copy__())

    def __deepcopy__(self, _: object) -> AsyncCatalog:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        return {"sync": self._sync}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._begin(state["sync"])

    def __repr__(self) -> str:
        return f"{type(self).__name__}{repr(self._sync).removeprefix(type(self._sync).__name__)}"


def _prepare(sync: Catalog) -> None:
    """Read the files and import the modules that requests need."""
    sync.warm()
    is_aio_installed()

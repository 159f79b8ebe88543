"""How an event loop sends requests: by the lane, or by botocore in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.lane.choice import is_eligible

if TYPE_CHECKING:
    from catalog_model.dynamodb.aio.lane import AsyncLane

_T = TypeVar("_T")

MAX_THREADS: Final = 32
"""Threads of an event loop that wait for botocore; further requests wait for one of them."""

_log: Final = logging.getLogger(__name__)


class Sender:
    """Sends the requests of one client from the running event loop."""

    def __init__(self, client: DynamoDBClient, fast: bool | None) -> None:  # noqa: FBT001
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(MAX_THREADS, "catalog-model-aio")
        self._lane = _lane_for(client, fast)

    async def send(self, gateway: Gateway, operation: str, request: dict[str, Any]) -> Any:
        """Send a request, and return its answer."""
        lane = self._lane
        if lane is None:
            return await self.in_thread(gateway._sender(operation), request)
        answer = await lane.send(operation, request, self.in_thread)
        if answer is None:
            return await self.in_thread(gateway._by_botocore(operation), request)
        return answer

    async def in_thread(self, call: Callable[..., _T], *args: Any) -> _T:
        """Call a function in a thread, with the context of this task."""
        run = partial(copy_context().run, call, *args)
        return await self._loop.run_in_executor(self._threads, run)

    async def close(self) -> None:
        """Close the connections of this event loop, and let its threads end."""
        self._threads.shutdown(wait=False)
        if self._lane is not None:
            await self._lane.transport.close()

    def drop(self) -> None:
        """Let go of what belongs to an event loop that has ended."""
        self._threads.shutdown(wait=False)
        if self._lane is not None:
            self._lane.transport.drop()


def is_aio_installed() -> bool:
    """Return whether the extra ``aio`` is installed, and works."""
    try:
        import aiohttp  # noqa: F401, PLC0415
        import orjson  # noqa: F401, PLC0415
    except ImportError:
        return False
    return True


def _lane_for(client: DynamoDBClient, fast: bool | None) -> AsyncLane | None:  # noqa: FBT001
    if not is_eligible(client, fast) or not is_aio_installed():
        return None
    from catalog_model.dynamodb.aio.lane import AsyncLane  # noqa: PLC0415  # needs the extra

    try:
        return AsyncLane(client)
    except (AttributeError, LookupError, OSError):  # botocore is built in another way, or no file
        _log.debug("there is no fast lane for %r", client, exc_info=True)
        return None

"""The fast lane of an event loop: what `lane` prepares and judges, sent by aiohttp.

Needs the extra ``aio``. docs/decisions/0016-lane.md lists what is left to botocore.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from catalog_model.dynamodb.aio.transport import AsyncTransport
from catalog_model.dynamodb.calls import current
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.lane.destinations import Destination
from catalog_model.dynamodb.lane.lane import Lane, leave_to_botocore
from catalog_model.dynamodb.lane.received import FAILURES, Received

InThread = Callable[..., Awaitable[Any]]
"""Calls a function in a thread with the context of the task."""


class AsyncLane:
    """The fast way of a client's requests in the running event loop."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.transport = AsyncTransport(client)
        self._lane = Lane(client, _Bridge(self.transport))
        self._credentials: Any = client._request_signer._credentials  # type: ignore[attr-defined]

    async def send(
        self, operation: str, request: dict[str, Any], in_thread: InThread
    ) -> dict[str, Any] | None:
        """Send a request and return its answer, as `Lane.send` does."""
        lane = self._lane
        watched = lane.watched(operation)
        if watched is None or self._is_renewed():
            return None
        if watched.prepare:  # fault injectors, which may wait
            answer: dict[str, Any] | None = await in_thread(
                lane.send_intercepted, operation, request, watched
            )
            return answer
        prepared = lane.prepare(operation, request)
        if prepared is None:
            return None
        call = current()
        ends = math.inf if call is None else call.ends
        try:
            received = await self.transport.post(*prepared, ends)
        except FAILURES as error:
            leave_to_botocore(operation, error)
            return None
        return lane.read(operation, request, received, watched)

    def _is_renewed(self) -> bool:
        """Whether the next request renews the credentials, which a thread has to wait for."""
        is_due = getattr(self._credentials, "refresh_needed", None)
        return is_due is not None and is_due()


class _Bridge:
    """Lets threads send through the event loop that runs now."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def post(self, to: Destination, headers: list[str], body: bytes, ends: float) -> Received:
        """Send a request; see `AsyncTransport.post`."""
        sent = self._transport.post(to, headers, body, ends)
        return asyncio.run_coroutine_threadsafe(sent, self._loop).result()

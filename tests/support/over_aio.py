"""Existing tests over `catalog_model.aio`: their calls of access patterns run in an event loop.

In the block of `over_aio`, functions of `catalog_model.access_patterns` call their asynchronous
twins, and references that tests took before hold their conversations through an `AsyncCatalog`.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Final, TypeVar
from unittest.mock import patch

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.aio import AsyncCatalog
from catalog_model.aio import access_patterns as async_ap
from catalog_model.declarations import pattern
from catalog_model.dynamodb.conversation import Conversation

_T = TypeVar("_T")

AIO: Final = "aio"
"""The engine of tests that run over asyncio: dynoxide, asked through an event loop."""


class LoopThread:
    """An event loop in a thread, for callers in other threads."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine with the context of this thread, and return its result."""
        ended: Future[_T] = Future()
        context = copy_context()

        async def run() -> None:
            try:
                ended.set_result(await coroutine)
            except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
                ended.set_exception(error)

        tasks: list[asyncio.Task[None]] = []  # a loop keeps no task alive
        start = self.loop.create_task
        self.loop.call_soon_threadsafe(lambda: tasks.append(start(run(), context=context)))
        return ended.result()

    def close(self) -> None:
        """End the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@dataclass
class Handles:
    """The asynchronous handles next to those of a test."""

    loop: LoopThread = field(default_factory=LoopThread)
    calls: int = 0
    _known: dict[int, AsyncCatalog] = field(default_factory=dict)

    def beside(self, catalog: Catalog) -> AsyncCatalog:
        """Return the asynchronous handle with the settings and the client of *catalog*."""
        self.calls += 1
        return self._known.setdefault(id(catalog), AsyncCatalog.of(catalog))

    def hold(self, catalog: Catalog, conversation: Conversation[_T]) -> _T:
        """Hold a conversation, as `conversation.hold` does."""
        return self.loop.run(self.beside(catalog).hold(conversation))

    def close(self) -> None:
        """Close all connections."""
        for each in self._known.values():
            self.loop.run(each.close())
        self.loop.close()


@contextmanager
def over_aio() -> Iterator[Handles]:
    """Run the calls of this block in an event loop."""
    handles = Handles()
    twins = {name: _through(handles, getattr(async_ap, name)) for name in ap.PATTERNS}
    with patch.multiple(ap, **twins), patch.object(pattern, "hold", handles.hold):
        try:
            yield handles
        finally:
            handles.close()


def _through(handles: Handles, function: Callable[..., Coroutine[Any, Any, _T]]) -> Any:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> _T:
        if args and isinstance(args[0], Catalog):
            args = (handles.beside(args[0]), *args[1:])
        elif isinstance(kwargs.get("catalog"), Catalog):
            kwargs["catalog"] = handles.beside(kwargs["catalog"])
        return handles.loop.run(function(*args, **kwargs))

    return call

"""`load_titles` for asyncio: in a thread, as a load follows the table's pace for minutes."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from catalog_model import access_patterns as sync
from catalog_model.aio.catalog import AsyncCatalog
from catalog_model.aio.functions import present, with_sync_handle
from catalog_model.catalog import Catalog
from catalog_model.dynamodb.waits import raise_if_stopped, stoppable

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SOON: Final = 0.1
"""Seconds after which a thread that waits for the event loop checks whether it has to end."""

_NOTE: Final = """
    The load runs in a thread of its own, with requests as `catalog_model.access_patterns` sends
    them. *titles* are read in that thread; *on_progress* is called in the event loop. A
    cancellation returns at once: the thread begins no further transaction, and one that is in
    progress is applied as a whole or not at all.

    Args:"""


def in_a_thread(
    function: Callable[Concatenate[Catalog, _P], _T],
) -> Callable[Concatenate[AsyncCatalog, _P], Coroutine[Any, Any, _T]]:
    """Return the coroutine function of a load, which runs in a thread and can be cancelled."""
    pattern = sync.PATTERNS[function.__name__]

    async def call(*args: Any, **kwargs: Any) -> _T:
        _, args, kwargs = with_sync_handle(pattern, args, kwargs)
        on_progress = kwargs.get("on_progress")
        if on_progress is None:
            kwargs["on_progress"] = lambda _: raise_if_stopped()
        elif callable(on_progress):
            kwargs["on_progress"] = partial(_tell, asyncio.get_running_loop(), on_progress)
        stop = threading.Event()

        def load() -> _T:
            with stoppable(stop):
                return function(*args, **kwargs)

        try:
            return await asyncio.to_thread(load)
        finally:
            stop.set()

    made: Any = present(call, function)
    made.__doc__ = made.__doc__.replace("\n    Args:", _NOTE, 1)
    return made  # type: ignore[no-any-return]


def _tell(loop: asyncio.AbstractEventLoop, on_progress: Callable[[int], None], done: int) -> None:
    """Call *on_progress* in the event loop; its error ends the load."""
    told: Future[None] = Future()

    def run() -> None:
        try:
            on_progress(done)
        except Exception as error:  # noqa: BLE001  # raised again in the thread
            told.set_exception(error)
        else:
            told.set_result(None)

    raise_if_stopped()
    loop.call_soon_threadsafe(run)
    while not wait([told], _SOON).done:
        raise_if_stopped()
    told.result()


load_titles: Final = in_a_thread(sync.load_titles)

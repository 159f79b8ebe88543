"""Short tasks of one event loop at the same time, which end together."""

from asyncio import TaskGroup
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from catalog_model.dynamodb.parallel import is_in_order

_T = TypeVar("_T")

MAX_AT_ONCE: Final = 16
"""Requests of one call in progress at the same time."""


async def at_once(tasks: Sequence[Callable[[], Awaitable[_T]]]) -> list[_T]:
    """Run short *tasks* at the same time, a bounded number of them; return the results.

    After an error no further task begins; the error of the earliest task is raised once all have
    ended. A cancellation cancels all of them, and waits for their ends.
    """
    waiting = deque(enumerate(tasks))
    results: dict[int, _T] = {}
    errors: dict[int, Exception] = {}

    async def work() -> None:
        while waiting:
            number, task = waiting.popleft()
            try:
                results[number] = await task()
            except Exception as error:  # noqa: BLE001  # raised again after all have ended
                errors[number] = error
                waiting.clear()

    async with TaskGroup() as group:
        for _ in range(1 if is_in_order() else min(len(tasks), MAX_AT_ONCE)):
            group.create_task(work())
    if errors:
        raise errors[min(errors)]
    return [results[number] for number in range(len(tasks))]

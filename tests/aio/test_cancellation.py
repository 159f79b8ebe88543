"""A cancelled call leaves no half-read connection, and a cancelled write is whole or not there."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from lying_server import read_request, real_answer, serving
from recording_server import recording
from table_dump import assert_in_step, movie

from catalog_model import Catalog
from catalog_model.aio import AsyncCatalog
from catalog_model.aio import access_patterns as ap
from catalog_model.errors import UnreachableError

HER = movie(1, 18, 878)
OTHER = HER.replace(genre_ids=[28, 35], popularity=99)
UP = movie(2, 16)

CALLS: dict[str, Callable[[AsyncCatalog], Coroutine[Any, Any, Any]]] = {
    "get_title": lambda c: ap.get_title(c, "movie", 1),
    "by rating": lambda c: ap.list_titles(c, "movie", order="rating"),
    "put_title": lambda c: ap.put_title(c, OTHER),
    "delete_title": lambda c: ap.delete_title(c, "movie", 1),
}


class Stepped:
    """Runs a coroutine, and cancels its task at its *n*-th suspension."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], steps: int) -> None:
        self._coroutine = coroutine
        self._steps = steps
        self.is_cancelled = False

    async def run(self) -> None:
        await self

    def __await__(self) -> Any:
        task = asyncio.current_task()
        assert task
        try:
            step = self._coroutine.send(None)
            while True:
                if self._steps == 0:
                    self.is_cancelled = True
                    asyncio.get_running_loop().call_soon(task.cancel)
                self._steps -= 1
                try:
                    value = yield step
                except BaseException as error:  # noqa: BLE001  # the coroutine decides
                    step = self._coroutine.throw(error)
                else:
                    step = self._coroutine.send(value)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("name", CALLS)
def test_a_call_can_be_cancelled_at_each_of_its_awaits(table: Catalog, name: str) -> None:
    """Afterwards the handle answers rightly, all places are free, and a write is whole."""
    ended = False
    for steps in range(60):

        async def main(steps: int = steps) -> bool:
            async with AsyncCatalog.of(table) as catalog:
                await ap.put_title(catalog, HER)
                await ap.put_title(catalog, UP)
                stepped = Stepped(CALLS[name](catalog), steps)
                await asyncio.wait([asyncio.create_task(stepped.run())])
                for _ in range(3):
                    assert await ap.get_title(catalog, "movie", 2) == UP
                assert _taken(catalog) == 0
                return not stepped.is_cancelled

        ended = asyncio.run(main())
        there = assert_in_step(table)
        assert there.get(HER.key) in _possible(name)
        if ended:
            break
    assert ended
    assert steps >= 1


def _possible(name: str) -> tuple[Any, ...]:
    return {"put_title": (HER, OTHER), "delete_title": (HER, None)}.get(name, (HER,))


def _taken(catalog: AsyncCatalog) -> int:
    """Return how many connections are in use."""
    (gateway,) = catalog._gateways.values()
    lane = gateway.sender._lane
    connector: Any = lane and lane.transport._session.connector
    return len(connector._acquired) if connector else 0


def own(address: str, **settings: Any) -> AsyncCatalog:
    return AsyncCatalog("films", region="eu-west-1", endpoint_url=address, **settings)


def test_a_time_limit_ends_a_call_that_gets_no_answer() -> None:
    """`asyncio.timeout` works, long before the handle's own limits."""

    def say_nothing(connection: socket.socket, _: int) -> None:
        read_request(connection)

    async def main(address: str) -> None:
        async with own(address) as catalog:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await ap.get_title(catalog, "movie", 1)
            assert _taken(catalog) == 0

    with serving(say_nothing) as address:
        asyncio.run(main(address))


def test_a_half_read_answer_is_not_taken_for_the_next_one() -> None:
    """The connection of a call that was cancelled while it read is closed."""

    def say_half(connection: socket.socket, number: int) -> None:
        if number == 1:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
            read_request(connection)
        else:
            connection.sendall(real_answer({"Items": [], "Count": 0, "ScannedCount": 0}))

    async def main(address: str) -> None:
        async with own(address) as catalog:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await ap.list_titles(catalog, "movie")
            assert not (await ap.list_titles(catalog, "movie")).items

    with serving(say_half) as address:
        asyncio.run(main(address))


def test_a_refused_connection_is_retried_and_unreachable() -> None:
    """By botocore, with its number of attempts."""

    async def main() -> None:
        async with own("http://127.0.0.1:1") as catalog:
            with catalog.trace() as trace, pytest.raises(UnreachableError):
                await ap.get_title(catalog, "movie", 1)
            assert len(trace) == 1

    asyncio.run(main())


def test_requests_take_the_lane_over_kept_connections() -> None:
    """One connection for calls in a row; a client with another listener is botocore's.

    The first empty page is followed by the read of a tally.
    """

    async def main(address: str) -> None:
        async with own(address) as catalog:
            await catalog.warm()
            _without_moto(catalog)
            for _ in range(3):
                await ap.list_titles(catalog, "movie")
            catalog.sync.client.meta.events.register("before-send.dynamodb", lambda **_: None)
            await ap.list_titles(catalog, "movie")

    with recording() as server:
        asyncio.run(main(server.address))
    assert [each.is_of_lane for each in server.requests] == [True, True, True, True, False]
    assert len(set(server.connections[:3])) == 1


def _without_moto(catalog: AsyncCatalog) -> None:
    from lanes import without_moto  # noqa: PLC0415

    without_moto(catalog.sync.client)

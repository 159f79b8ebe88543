"""Clients for asyncio, as their documentation advises: aiodynamo and dynamoxy."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from bench.native import INDEX, TABLE, by_id
from bench.ours import BATCH, ONE, PAGE
from bench.rounds import Contender, in_loop
from bench.setting import Setting
from bench.titles import GENRE, plain

Make = Callable[[Setting, AsyncExitStack], Awaitable[dict[str, Contender]]]


def _records(items: Any) -> list[dict[str, Any]]:
    return [plain(item) for item in items]


def _sorted(items: Any) -> list[dict[str, Any]]:
    return by_id(_records(items))


async def aiodynamo(setting: Setting, stack: AsyncExitStack) -> dict[str, Contender]:
    """Return the reads of aiodynamo on aiohttp: dicts."""
    from aiodynamo.client import Client  # noqa: PLC0415  # where it is installed
    from aiodynamo.credentials import Key, StaticCredentials  # noqa: PLC0415
    from aiodynamo.expressions import HashKey  # noqa: PLC0415
    from aiodynamo.http.aiohttp import AIOHTTP  # noqa: PLC0415
    from aiodynamo.models import BatchGetRequest  # noqa: PLC0415
    from aiohttp import ClientSession  # noqa: PLC0415
    from yarl import URL  # noqa: PLC0415

    region, endpoint = setting.region, URL(setting.engine.endpoint_url)
    session = await stack.enter_async_context(ClientSession())
    credentials = StaticCredentials(Key("local", "local"))
    client = Client(AIOHTTP(session), credentials, region, endpoint=endpoint)
    keys, loop, name = setting.native.plain_keys, setting.loop, "aiodynamo"
    request = {TABLE: BatchGetRequest(keys)}

    async def page() -> Any:
        found = await client.query_single_page(
            TABLE, HashKey("genre", GENRE), scan_forward=False, index=INDEX, limit=20
        )
        return found.items

    async def one() -> Any:
        return [await client.get_item(TABLE, keys[0])]

    async def batch() -> Any:
        return (await client.batch_get(request)).items[TABLE]

    return {
        PAGE: in_loop(name, loop, page, _records),
        ONE: in_loop(name, loop, one, _records),
        BATCH: in_loop(name, loop, batch, _sorted),
    }


async def dynamoxy(setting: Setting, stack: AsyncExitStack) -> dict[str, Contender]:
    """Return the reads of dynamoxy's tables: dicts."""
    from dynamoxy import Client, Credentials, F  # noqa: PLC0415  # where it is installed

    client = await stack.enter_async_context(
        Client(
            region=setting.region,
            endpoint_url=setting.engine.endpoint_url,
            credentials=Credentials("local", "local"),
        )
    )
    table, keys = client.table(TABLE), setting.native.plain_keys
    loop, name = setting.loop, "dynamoxy"
    query = table.query(F("genre") == GENRE, index=INDEX).descending().page_size(20)

    async def page() -> Any:
        return (await query.page()).items

    async def one() -> Any:
        return [await table.get(keys[0])]

    async def batch() -> Any:
        return await table.batch_get(keys)

    return {
        PAGE: in_loop(name, loop, page, _records),
        ONE: in_loop(name, loop, one, _records),
        BATCH: in_loop(name, loop, batch, _sorted),
    }


@contextmanager
def async_peers(setting: Setting) -> Iterator[list[dict[str, Contender]]]:
    """Return the reads of each client that is installed."""
    stack, reads = AsyncExitStack(), []
    makers: tuple[Make, ...] = (aiodynamo, dynamoxy)
    for make in makers:
        try:
            reads.append(setting.loop.run_until_complete(make(setting, stack)))
        except ImportError:
            print(f"{make.__name__} is not installed")
    try:
        yield reads
    finally:
        setting.loop.run_until_complete(stack.aclose())

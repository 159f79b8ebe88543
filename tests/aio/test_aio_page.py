"""The application on docs/aio.md, run as it is printed."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from engines import Engine
from table_dump import movie

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap

PAGE = Path(__file__).parents[2] / "docs" / "aio.md"


def test_the_application_on_the_page_answers(
    engine: Engine, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A movie, a missing one, a page and the next one, and invalid requests."""
    if engine.endpoint_url is None:
        pytest.skip("moto answers to no other address")
    some = [movie(number, popularity=number) for number in range(1, 31)]
    ap.load_titles(catalog, some)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint_url)
    monkeypatch.setenv("CATALOG_TABLE", catalog.table)
    asyncio.run(_ask(_application(), some))
    monkeypatch.setenv("CATALOG_TABLE", "no-such-table")
    asyncio.run(_ask_in_vain(_application()))


def _application() -> dict[str, Any]:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code
    names: dict[str, Any] = {"__name__": "main"}
    exec(code[1], names)
    return names


@asynccontextmanager
async def _client(names: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    app = names["app"]
    transport = httpx.ASGITransport(app)
    async with (
        names["lifespan"](app),
        httpx.AsyncClient(transport=transport, base_url="http://films") as client,
    ):
        yield client


async def _ask_in_vain(names: dict[str, Any]) -> None:
    async with _client(names) as client:
        for path in ("/movies/1", "/movies"):
            assert (await client.get(path)).status_code == 503
        assert (await client.get("/movies/0")).status_code == 400


async def _ask(names: dict[str, Any], some: list[Movie]) -> None:
    async with _client(names) as client:
        assert (await client.get("/movies/1")).json() == some[0].to_json()
        assert (await client.get("/movies/99")).status_code == 404
        assert (await client.get("/movies/0")).status_code == 400
        page = (await client.get("/movies")).json()
        rest = (await client.get("/movies", params={"after": page["next"]})).json()
        assert [each["id"] for each in page["movies"] + rest["movies"]] == [*range(30, 0, -1)]
        assert rest["next"] is None
        assert (await client.get("/movies", params={"after": "forged"})).status_code == 400

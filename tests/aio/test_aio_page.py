"""The application on docs/aio.md, run as it is printed."""

import asyncio
import re
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
    """A movie, a missing one, a page and the next one, and a forged cursor."""
    if engine.endpoint_url is None:
        pytest.skip("moto answers to no other address")
    some = [movie(number, popularity=number) for number in range(1, 31)]
    ap.load_titles(catalog, some)
    monkeypatch.setenv("CATALOG_TABLE", catalog.table)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint_url)
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    asyncio.run(_ask(names, some))


async def _ask(names: dict[str, Any], some: list[Movie]) -> None:
    app = names["app"]
    transport = httpx.ASGITransport(app)
    async with (
        names["lifespan"](app),
        httpx.AsyncClient(transport=transport, base_url="http://films") as client,
    ):
        assert (await client.get("/movies/1")).json() == some[0].to_json()
        assert (await client.get("/movies/99")).status_code == 404
        page = (await client.get("/movies")).json()
        rest = (await client.get("/movies", params={"after": page["next"]})).json()
        assert [each["id"] for each in page["movies"] + rest["movies"]] == [*range(30, 0, -1)]
        assert rest["next"] is None
        assert (await client.get("/movies", params={"after": "forged"})).status_code == 400

"""The access patterns for asyncio: the same arguments, and the type of each result."""

from __future__ import annotations

import asyncio
from typing import assert_type

from catalog_model import Catalog, Genre, Movie, Page, TitleKey, TVShow
from catalog_model.aio import AsyncCatalog
from catalog_model.aio import access_patterns as ap


async def reads(catalog: AsyncCatalog) -> None:
    """An awaited call has the type of the synchronous call."""
    assert_type(await ap.get_title(catalog, "movie", 949, consistent=True), Movie | TVShow)
    assert_type(await ap.get_titles(catalog, [TitleKey("movie", 1)]), list[Movie | TVShow | None])
    page = await ap.list_titles(catalog, "tv", order="name", limit=5)
    assert_type(page, Page[Movie | TVShow])
    assert_type(await ap.list_genres(catalog, "movie"), list[Genre])
    assert_type(await ap.count_titles(catalog, "movie", 28), int)
    count = await asyncio.create_task(ap.count_titles(catalog, "movie"))
    assert_type(count, int)


async def writes(movie: Movie) -> None:
    """A handle has the arguments of `Catalog`."""
    async with AsyncCatalog("films", region="eu-west-1", deadline=3) as catalog:
        assert_type(catalog, AsyncCatalog)
        await ap.put_title(catalog, movie, if_absent=True)
        report = await ap.load_titles(catalog, [movie], on_progress=print)
        assert_type(report.created, int)
    assert_type(catalog.sync, Catalog)


async def refused(catalog: AsyncCatalog, sync: Catalog) -> None:
    """What is wrong with a synchronous call is wrong here."""
    await ap.get_title(sync, "movie", 1)  # type: ignore[arg-type]
    await ap.list_titles(catalog, "film")  # type: ignore[arg-type]
    await ap.list_titles(catalog, "movie", limits=3)  # type: ignore[call-arg]
    AsyncCatalog("films", regions="eu-west-1")  # type: ignore[call-arg]

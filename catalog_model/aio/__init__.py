"""The access patterns for asyncio: the same names, arguments, results, errors and costs.

>>> from catalog_model.aio import AsyncCatalog, access_patterns as ap
>>> async def names(catalog: AsyncCatalog) -> list[str]:
...     page = await ap.list_titles(catalog, "movie")
...     return [title.display_name for title in page]

docs/aio.md has an application, and what a cancellation leaves. Without the extra ``aio``, requests
are sent by threads.
"""

from catalog_model.aio import access_patterns
from catalog_model.aio.catalog import AsyncCatalog

__all__ = ["AsyncCatalog", "access_patterns"]

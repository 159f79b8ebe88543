"""The access patterns as coroutine functions, made of the same conversations.

Import them from here::

    from catalog_model.aio import AsyncCatalog, access_patterns as ap

    page = await ap.list_titles_in_genre(catalog, "movie", 28)

Names, arguments, results, errors, requests and costs are those of `catalog_model.access_patterns`.
"""

from typing import Final

from catalog_model import access_patterns as sync
from catalog_model.aio.functions import asynchronous
from catalog_model.aio.loads import load_titles

get_title: Final = asynchronous(sync.get_title)
get_titles: Final = asynchronous(sync.get_titles)
get_title_with_genres: Final = asynchronous(sync.get_title_with_genres)
list_titles: Final = asynchronous(sync.list_titles)
list_titles_in_genre: Final = asynchronous(sync.list_titles_in_genre)
list_titles_in_genres: Final = asynchronous(sync.list_titles_in_genres)
sample_titles: Final = asynchronous(sync.sample_titles)
list_top_rated: Final = asynchronous(sync.list_top_rated)
list_released_between: Final = asynchronous(sync.list_released_between)
find_titles_by_name: Final = asynchronous(sync.find_titles_by_name)
list_genres: Final = asynchronous(sync.list_genres)
count_titles: Final = asynchronous(sync.count_titles)
put_title: Final = asynchronous(sync.put_title)
update_title: Final = asynchronous(sync.update_title)
update_popularity: Final = asynchronous(sync.update_popularity)
update_votes: Final = asynchronous(sync.update_votes)
set_genres: Final = asynchronous(sync.set_genres)
delete_title: Final = asynchronous(sync.delete_title)

PATTERNS: Final = sync.PATTERNS
"""The declarations of all access patterns, by the name of the function."""

__all__ = [
    "PATTERNS",
    "count_titles",
    "delete_title",
    "find_titles_by_name",
    "get_title",
    "get_title_with_genres",
    "get_titles",
    "list_genres",
    "list_released_between",
    "list_titles",
    "list_titles_in_genre",
    "list_titles_in_genres",
    "list_top_rated",
    "load_titles",
    "put_title",
    "sample_titles",
    "set_genres",
    "update_popularity",
    "update_title",
    "update_votes",
]

"""Every access pattern of the table: the questions it answers and the changes it accepts.

Import them from here::

    from catalog_model import access_patterns as ap

    page = ap.list_titles_in_genre(catalog, "movie", 28)

`docs/access-patterns.md` lists them in a table, with their requests to DynamoDB.
"""

from collections.abc import Mapping
from typing import Final

from catalog_model.declarations.pattern import AccessPattern, catalogue_of
from catalog_model.reads.counts import count_titles, list_genres
from catalog_model.reads.lists import list_titles, list_titles_in_genre, list_titles_in_genres
from catalog_model.reads.ranges import find_titles_by_name, list_released_between, list_top_rated
from catalog_model.reads.sampling import sample_titles
from catalog_model.reads.titles import get_title, get_title_with_genres, get_titles
from catalog_model.writes.changes import set_genres, update_popularity, update_title, update_votes
from catalog_model.writes.load import load_titles
from catalog_model.writes.storing import delete_title, put_title

PATTERNS: Final[Mapping[str, AccessPattern]] = catalogue_of(
    get_title,
    get_titles,
    get_title_with_genres,
    list_titles,
    list_titles_in_genre,
    list_titles_in_genres,
    sample_titles,
    list_top_rated,
    list_released_between,
    find_titles_by_name,
    list_genres,
    count_titles,
    put_title,
    update_title,
    update_popularity,
    update_votes,
    set_genres,
    delete_title,
    load_titles,
)
"""Every access pattern by the name of its function."""

__all__ = [
    "PATTERNS",
    "AccessPattern",
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

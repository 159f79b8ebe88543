"""Calls of every access pattern, for wrong arguments to be put into."""

from __future__ import annotations

from typing import Any

from generated import generated_records

from catalog_model import Movie, TitleKey
from catalog_model.domain.kinds import KINDS, Kind

RECORDS: dict[Kind, dict[str, Any]] = {
    kind: {**next(iter(generated_records()[kind].values())), "id": 949} for kind in KINDS
}
"""A valid record of each kind."""


def movie(**changes: Any) -> Movie:
    """Make a movie that is valid except for *changes*."""
    return Movie.from_json({**RECORDS["movie"], **changes})


_LIST = {"limit": 20, "after": None}


_TITLE = {"kind": "movie", "title_id": 949}


CALLS: dict[str, dict[str, Any]] = {
    "get_title": {**_TITLE, "consistent": False},
    "get_titles": {"keys": [TitleKey("movie", 949), TitleKey("tv", 949)]},
    "get_title_with_genres": {**_TITLE, "consistent": False},
    "list_titles": {"kind": "movie", "order": "popularity", "descending": True, **_LIST},
    "list_titles_in_genre": {
        "kind": "movie",
        "genre_id": 28,
        "order": "popularity",
        "descending": True,
        **_LIST,
    },
    "list_titles_in_genres": {"kind": "movie", "genre_ids": [28, 12], "match": "all", **_LIST},
    "sample_titles": {"kind": "movie", "count": 20, "rng": None},
    "list_top_rated": {
        "kind": "movie",
        "min_votes": 100,
        "min_rating": 7,
        "genre_id": None,
        **_LIST,
    },
    "list_released_between": {
        "kind": "movie",
        "since": "2020-01-01",
        "until": "2023-12-31",
        "genre_id": None,
        "descending": True,
        **_LIST,
    },
    "find_titles_by_name": {"kind": "movie", "prefix": "he", **_LIST},
    "list_genres": {"kind": "movie"},
    "count_titles": {"kind": "movie", "genre_id": None},
    "put_title": {"title": movie(), "if_absent": False, "if_unchanged": None},
    "update_title": {**_TITLE, "attributes": {"an": ["unknown", "one"]}},
    "update_popularity": {**_TITLE, "popularity": 9.5},
    "update_votes": {**_TITLE, "vote_average": 8.5, "vote_count": 7000},
    "set_genres": {**_TITLE, "genre_ids": [80, 18]},
    "delete_title": dict(_TITLE),
    "load_titles": {"titles": [movie()], "on_progress": None, "write_units": None},
}
"""A valid call of each function, with every argument named."""

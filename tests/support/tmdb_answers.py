"""Answers of TMDB's API: every form of a title, and other objects."""

from typing import Any

ELEMENT: dict[str, Any] = {
    "adult": False,
    "backdrop_path": "/sMTVDsaeqGsbUyP2HXuSFCJ5jbb.jpg",
    "genre_ids": [28, 80],
    "id": 949,
    "original_language": "en",
    "original_title": "Heat",
    "overview": "Obsessive master thief Neil McCauley leads a crew.",
    "popularity": 62.541,
    "poster_path": "/umSVjVdbVwtx5ryCA2QXL44Durm.jpg",
    "release_date": "1995-12-15",
    "title": "Heat",
    "video": False,
    "vote_average": 7.9,
    "vote_count": 7351,
}
"""An element of a list of movies, as in the application's files."""

SHOW: dict[str, Any] = {
    "adult": False,
    "backdrop_path": None,
    "genre_ids": [80, 18],
    "id": 1438,
    "origin_country": ["US"],
    "original_language": "en",
    "original_name": "The Wire",
    "overview": "",
    "popularity": 93,
    "poster_path": None,
    "first_air_date": "2002-06-02",
    "name": "The Wire",
    "vote_average": 9,
    "vote_count": 0,
}
"""An element of a list of shows; TMDB writes whole numbers without a decimal point."""

GENRES = {
    28: {"id": 28, "name": "Action"},
    80: {"id": 80, "name": "Crime"},
    18: {"id": 18, "name": "Drama"},
}


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def in_order(record: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(record.items()))


MOVIE_DETAIL = in_order(
    without(ELEMENT, "genre_ids")
    | {
        "belongs_to_collection": {"id": 10, "name": "Heat Collection", "poster_path": None},
        "budget": 60_000_000,
        "credits": {"cast": [{"id": 380, "name": "Robert De Niro", "order": 0}], "crew": []},
        "genres": [GENRES[28], GENRES[80]],
        "homepage": "",
        "images": {"backdrops": [], "posters": [{"aspect_ratio": 0.667}]},
        "imdb_id": "tt0113277",
        "origin_country": ["US"],
        "production_companies": [{"id": 508, "name": "Regency", "origin_country": "US"}],
        "recommendations": {"page": 1, "results": [ELEMENT | {"media_type": "movie"}]},
        "release_dates": {"results": [{"iso_3166_1": "US", "release_dates": []}]},
        "revenue": 187_436_818,
        "runtime": 170,
        "spoken_languages": [{"english_name": "English", "iso_639_1": "en"}],
        "status": "Released",
        "tagline": "A Los Angeles crime saga",
    }
)
"""A detail with many appended parts."""

SHOW_DETAIL = in_order(
    without(SHOW, "genre_ids")
    | {
        "created_by": [{"id": 41, "name": "David Simon", "profile_path": None}],
        "episode_run_time": [],
        "genres": [GENRES[80], GENRES[18]],
        "in_production": False,
        "last_episode_to_air": {"id": 7, "name": "-30-", "episode_number": 10},
        "networks": [{"id": 49, "name": "HBO"}],
        "number_of_seasons": 5,
        "seasons": [{"id": 3, "name": "Season 1", "season_number": 1, "air_date": None}],
        "type": "Scripted",
    }
)

CAST = ELEMENT | {"character": "Vincent", "credit_id": "52fe", "order": 0, "media_type": "movie"}

MOVIES: dict[str, dict[str, Any]] = {
    "an element of a list": ELEMENT,
    "an element of trending, or of multi": ELEMENT | {"media_type": "movie"},
    "an element of combined credits": CAST,
    "an element of a collection": in_order(ELEMENT),
    "an element that was rated": ELEMENT | {"rating": 8, "account_rating": {"value": 8}},
    "an element of today": ELEMENT | {"softcore": False},
    "a detail": MOVIE_DETAIL,
    "a detail without genres": MOVIE_DETAIL | {"genres": []},
    "a detail of a movie to come": MOVIE_DETAIL
    | {"release_date": "", "popularity": 0, "vote_average": 0, "vote_count": 0, "overview": None},
    "a detail without a date": without(MOVIE_DETAIL, "release_date", "video"),
    "a detail of unknown rating": MOVIE_DETAIL | {"adult": None, "backdrop_path": None},
    "an answer of the first years": MOVIE_DETAIL | {"popularity": "1.53400000"},
}
SHOWS: dict[str, dict[str, Any]] = {
    "an element of a list": SHOW,
    "an element of multi": SHOW | {"media_type": "tv"},
    "an element of credits": SHOW | {"character": "Omar", "episode_count": 3, "credit_id": "5"},
    "a detail": SHOW_DETAIL,
    "a detail with a season": SHOW_DETAIL | {"season/1": {"id": 3, "episodes": []}},
    "a detail of a show to come": SHOW_DETAIL | {"first_air_date": None},
    "a show in a credit": SHOW | {"episodes": [], "seasons": [{"season_number": 1}]},
}

PERSON = {
    "adult": False,
    "gender": 2,
    "id": 1158,
    "known_for": [ELEMENT | {"media_type": "movie"}],
    "known_for_department": "Acting",
    "name": "Al Pacino",
    "popularity": 60.1,
    "profile_path": "/m.jpg",
}
PAGE = {"page": 1, "results": [ELEMENT], "total_pages": 1, "total_results": 1}
COLLECTION = {"backdrop_path": None, "id": 10, "name": "Heat Collection", "parts": [ELEMENT]}

NO_MOVIES: dict[str, tuple[Any, str]] = {
    "a show": (SHOW, "this is a TV show, not a movie: read it with TVShow.from_tmdb"),
    "a show of multi": (SHOW | {"media_type": "tv"}, "read it with TVShow.from_tmdb"),
    "a detail of a show": (SHOW_DETAIL, "this is a TV show, not a movie"),
    "a person": (PERSON, "this is a person, not a movie"),
    "a person of multi": (PERSON | {"media_type": "person"}, "this is a person, not a movie"),
    "a page": (PAGE, "this is a page of a list, not a movie: its titles are under 'results'"),
    "find": ({"movie_results": [], "tv_results": [SHOW]}, "this is an answer to find"),
    "credits": ({"cast": [CAST], "crew": [], "id": 1}, "its titles are under 'cast'"),
    "a collection": (
        COLLECTION,
        "a collection of movies, not a movie: its titles are under 'parts'",
    ),
    "a collection that was searched for": (
        without(COLLECTION, "parts") | {"adult": False, "original_name": "Heat", "overview": ""},
        "neither genre_ids nor genres",
    ),
    "a company": ({"id": 3, "logo_path": None, "name": "Pixar"}, "neither genre_ids nor genres"),
    "a show without genres": (without(SHOW, "genre_ids"), "this is a TV show, not a movie"),
    "a list": ({"id": "5", "items": [CAST], "name": "Best"}, "its titles are under 'items'"),
    "an episode": (
        {"air_date": "2002-06-02", "episode_number": 1, "id": 7, "name": "The Target"},
        "this is an episode of a TV show, not a movie",
    ),
    "a season": (
        {"air_date": None, "episodes": [], "id": 3, "name": "Season 1", "season_number": 1},
        "this is a season of a TV show, not a movie",
    ),
    "an error": (
        {"status_code": 34, "status_message": "The resource could not be found.", "success": False},
        "a status of TMDB, and no title: 34 The resource could not be found.",
    ),
    "without genres": (without(ELEMENT, "genre_ids"), "neither genre_ids nor genres"),
    "genres without ids": (
        MOVIE_DETAIL | {"genres": [GENRES[28], {"name": "Crime"}]},
        "genres[1] must be an object with an id, not {'name': 'Crime'}",
    ),
    "genres that are ids": (MOVIE_DETAIL | {"genres": [28]}, "genres[0] must be an object"),
    "invalid genres": (MOVIE_DETAIL | {"genres": "Action"}, "neither genre_ids nor genres"),
    "genres of no number": (MOVIE_DETAIL | {"genres": [{"id": "x"}]}, "genre_ids must be a list"),
    "without popularity": (without(ELEMENT, "popularity"), "a movie record needs 'popularity'"),
    "popularity in words": (ELEMENT | {"popularity": "high"}, "popularity must be a number"),
    "of another media_type": (ELEMENT | {"media_type": 5}, "media_type"),
    "a list of them": ([ELEMENT], "must be a JSON object"),
    "nothing": (None, "must be a JSON object"),
    "an empty object": ({}, "neither genre_ids nor genres"),
}
"""Values that are not movies, and the part of each that the message must contain."""

"""The names of TMDB's genres. An id may mean different genres for movies and for shows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from catalog_model.domain.kinds import Kind

MOVIE_GENRES: Final[Mapping[int, str]] = MappingProxyType(
    {
        12: "Adventure",
        14: "Fantasy",
        16: "Animation",
        18: "Drama",
        27: "Horror",
        28: "Action",
        35: "Comedy",
        36: "History",
        37: "Western",
        53: "Thriller",
        80: "Crime",
        99: "Documentary",
        878: "Science Fiction",
        9648: "Mystery",
        10402: "Music",
        10749: "Romance",
        10751: "Family",
        10752: "War",
        10770: "TV Movie",
    }
)

TV_GENRES: Final[Mapping[int, str]] = MappingProxyType(
    {
        16: "Animation",
        18: "Drama",
        35: "Comedy",
        37: "Western",
        80: "Crime",
        99: "Documentary",
        9648: "Mystery",
        10751: "Family",
        10759: "Action & Adventure",
        10762: "Kids",
        10763: "News",
        10764: "Reality",
        10765: "Sci-Fi & Fantasy",
        10766: "Soap",
        10767: "Talk",
        10768: "War & Politics",
    }
)

_NAMES: Final[Mapping[Kind, Mapping[int, str]]] = {"movie": MOVIE_GENRES, "tv": TV_GENRES}


def genre_name(kind: Kind, genre_id: int) -> str:
    """Return the name of a genre of *kind*; ``Genre <id>`` if TMDB does not list it.

    >>> genre_name("movie", 28), genre_name("tv", 10749)
    ('Action', 'Genre 10749')
    """
    return _NAMES[kind].get(genre_id, f"Genre {genre_id}")

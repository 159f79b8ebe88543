"""The attributes that a change may set, for type checkers: none of them is required.

Python cannot derive these types from the classes of `entities`; a test compares the two.
"""

from collections.abc import Sequence
from datetime import date
from typing import TypedDict


class _Attributes(TypedDict, total=False):
    adult: bool | None
    backdrop_path: str | None
    genre_ids: Sequence[int]
    original_language: str | None
    overview: str | None
    popularity: float
    poster_path: str | None
    vote_average: float
    vote_count: int


class MovieAttributes(_Attributes, total=False):
    """The attributes of a movie, except its id."""

    original_title: str | None
    release_date: str | date | None
    title: str
    video: bool | None


class ShowAttributes(_Attributes, total=False):
    """The attributes of a TV show, except its id."""

    first_air_date: str | date | None
    name: str
    origin_country: list[str] | tuple[str, ...] | None
    original_name: str | None


class TitleAttributes(MovieAttributes, ShowAttributes, total=False):
    """The attributes of a movie or a TV show, except its id."""


class MovieChanges(MovieAttributes, total=False):
    """The fields of a movie."""

    id: int


class ShowChanges(ShowAttributes, total=False):
    """The fields of a TV show."""

    id: int

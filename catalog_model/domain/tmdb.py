"""Converts answers of TMDB's API to records of the application. Pure.

An element of a list (discover, search, trending, find, credits) has ``genre_ids``, as a record has;
a detail has ``genres`` as objects. Both have more keys than a record, in another order.
"""

from collections.abc import Mapping
from typing import Any, Final

from catalog_model.checks import shown
from catalog_model.domain.fields import Fields
from catalog_model.domain.kinds import Kind
from catalog_model.errors import InvalidTitleError

GENRES: Final = "genres"
GENRE_IDS: Final = "genre_ids"

LISTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "movie": ("results", "movie_results"),
    "tv": ("results", "tv_results"),
}
"""The keys that hold the titles of a page: of a list, and of an answer to find."""

_CALLED: Final[Mapping[str, str]] = {
    "movie": "a movie",
    "tv": "a TV show",
    "person": "a person",
    "collection": "a collection of movies",
    "tv_season": "a season of a TV show",
    "tv_episode": "an episode of a TV show",
}
_READERS: Final[Mapping[str, str]] = {
    "movie": "read it with Movie.from_tmdb",
    "tv": "read it with TVShow.from_tmdb",
}
_WITHIN: Final[Mapping[str, str]] = {
    "results": "a page of a list",
    "movie_results": "an answer to find",
    "parts": "a collection of movies",
    "items": "a list",
    "cast": "a list of credits",
    "crew": "a list of credits",
}
"""Answers that hold titles in a list, by the name of that list."""

_SIGNS: Final[Mapping[str, frozenset[str]]] = {
    "person": frozenset({"known_for", "known_for_department", "birthday", "profile_path"}),
    "tv_episode": frozenset({"episode_number", "still_path"}),
    "tv_season": frozenset({"season_number"}),
}
"""Keys that identify an answer without genres; the first match wins."""

_OTHER: Final[Mapping[Kind, tuple[str, Kind, frozenset[str]]]] = {
    "movie": ("title", "tv", frozenset({"name", "original_name", "first_air_date"})),
    "tv": ("name", "movie", frozenset({"title", "original_title", "release_date"})),
}
"""By kind: the key of its name, and the keys that identify the other kind in its absence."""

_DATES: Final = frozenset({"first_air_date", "release_date"})


def record_of(answer: object, kind: Kind, fields: Fields, *, keep_extras: bool) -> dict[str, Any]:
    """Convert an answer to a record: the keys of *fields*, in their order."""
    if not isinstance(answer, Mapping):
        raise InvalidTitleError(f"an answer of TMDB must be a JSON object, not {shown(answer)}")
    other = other_than(answer, kind)
    if other:
        raise InvalidTitleError(other)
    known = {**answer, GENRE_IDS: _genre_ids(answer)}
    record = {
        name: _number(known[name]) if fields[name].rule.is_float else known[name]
        for name in fields
        if name in known
    }
    extras = {name: value for name, value in answer.items() if name not in fields}
    return {**record, **extras} if keep_extras else record


def is_answer(record: object, kind: Kind) -> bool:
    """Whether a record is an answer of TMDB, not a record of the application."""
    if not isinstance(record, Mapping) or isinstance(record.get(GENRE_IDS), list):
        return False
    return GENRES in record or bool(other_than(record, kind))


def other_than(answer: Mapping[str, Any], kind: Kind) -> str:
    """Describe an answer that is not one title of *kind*, with advice; "" if it may be one."""
    if "status_message" in answer:
        what = f"{answer.get('status_code', '')} {answer['status_message']}".strip()
        return f"this is a status of TMDB, and no title: {what[:200]}"
    media = answer.get("media_type", kind)
    if media != kind:
        return _instead(str(media), kind)
    name, other, signs = _OTHER[kind]
    if not {GENRES, GENRE_IDS} & answer.keys():
        found = _other_without_genres(answer, kind)
        if found:
            return found
        signs &= _DATES  # collections, companies and networks have names, too
    return _instead(other, kind) if name not in answer and signs & answer.keys() else ""


def _other_without_genres(answer: Mapping[str, Any], kind: Kind) -> str:
    for other, signs in _SIGNS.items():
        if signs & answer.keys():
            return _instead(other, kind)
    for name, called in _WITHIN.items():
        if isinstance(answer.get(name), list):
            return f"this is {called}, not {_CALLED[kind]}: its titles are under {name!r}"
    return ""


def _instead(media: str, kind: Kind) -> str:
    what = _CALLED.get(media, f"of media_type {shown(media)}")
    advice = f": {_READERS[media]}" if media in _READERS else ""
    return f"this is {what}, not {_CALLED[kind]}{advice}"


def _genre_ids(answer: Mapping[str, Any]) -> Any:
    if answer.get(GENRE_IDS) is not None:
        return answer[GENRE_IDS]
    genres = answer.get(GENRES)
    if not isinstance(genres, (list, tuple)):
        raise InvalidTitleError(
            "this answer of TMDB has neither genre_ids nor genres, as the detail of a title has: "
            f"{shown(dict(answer))}"
        )
    for at, genre in enumerate(genres):
        if not isinstance(genre, Mapping) or "id" not in genre:
            raise InvalidTitleError(
                f"genres[{at}] must be an object with an id, not {shown(genre)}"
            )
    return [genre["id"] for genre in genres]


def _number(value: Any) -> Any:
    """Convert a number in a text, which TMDB returned in its first years."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value

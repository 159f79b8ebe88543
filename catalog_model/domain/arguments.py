"""Checks of the catalogue's arguments: kinds, ids, keys, genres, dates and limits."""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from catalog_model.checks import check_choice, check_many, check_within, refuse
from catalog_model.checks.plain import plain
from catalog_model.domain.kinds import END_OF_IDS, KINDS, Kind, TitleKey
from catalog_model.dynamodb.limits import MAX_DIGITS

MAX_LIMIT: Final = 1000

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_LENGTH: Final = 10


def check_kind(kind: object) -> Kind:
    """Check for ``"movie"`` or ``"tv"``."""
    return check_choice(kind, "kind", KINDS)


def check_id(value: object, name: str = "title_id") -> int:
    """Check for a positive whole number of up to 38 digits."""
    number = value if type(value) is int else plain(value)
    if type(number) is not int:
        refuse(name, value, "a positive whole number", int)
    if not 0 < number < END_OF_IDS:
        refuse(name, value, f"a positive whole number of at most {MAX_DIGITS} digits")
    return number


def check_key(key: object) -> TitleKey:
    """Check for a `TitleKey`, or a pair of a kind and an id."""
    if type(key) is TitleKey:
        kind, title_id = key
        is_usual = type(kind) is str and type(title_id) is int
        if is_usual and kind in KINDS and 0 < title_id < END_OF_IDS:
            return key
    if not isinstance(key, tuple) or len(key) != len(TitleKey._fields):
        refuse("key", key, "a TitleKey")
    return TitleKey(check_kind(key[0]), check_id(key[1]))


def check_genre_ids(genre_ids: object, *, most: int) -> tuple[int, ...]:
    """Check the ids of genres; their order is kept."""
    several = check_many(genre_ids, "genre_ids", "the ids of genres")
    checked = tuple(check_id(genre_id, "genre_id") for genre_id in several)
    if len(set(checked)) > most:
        refuse("genre_ids", checked, f"at most {most} genres")
    return checked


def check_limit(limit: object) -> int:
    """Check the maximum number of titles on a page: 1 to 1,000."""
    return check_within(limit, "limit", 1, MAX_LIMIT)


def check_date(value: object, name: str) -> str:
    """Check for a `date`, or its text as ``YYYY-MM-DD``; return the text."""
    day = plain_date(value)
    if not isinstance(day, str) or not is_date(day):
        refuse(name, value, "a date as YYYY-MM-DD", date)
    return day


def plain_date(value: object) -> Any:
    """Convert a `date` to its text; a `datetime`, which contains more, is returned unchanged."""
    day = plain(value)
    is_day = isinstance(day, date) and not isinstance(day, datetime)
    return day.isoformat() if is_day else day


def is_date(text: str) -> bool:
    """Whether *text* is a valid date in the form ``YYYY-MM-DD``."""
    return len(text) == _DATE_LENGTH and _is_day(text)


@lru_cache(4096)  # many titles have their days in common
def _is_day(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True

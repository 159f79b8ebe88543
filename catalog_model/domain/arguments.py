"""Checks of what a caller hands in: each gives the value back, checked, or names it and refuses."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final, NoReturn, TypeVar

from catalog_model.checks.plain import how_to_convert, plain, plain_float, plain_text
from catalog_model.errors import InvalidArgumentError
from catalog_model.table.keys import KINDS, Kind, TitleKey

MAX_LIMIT: Final = 1000
MAX_DIGITS: Final = 38
MIN_EXPONENT: Final = -130
MAX_EXPONENT: Final = 125
SHOWN: Final = 80
"""Characters of a value that an error message shows."""
_LEVELS: Final = 200
_LONG: Final = 10_000  # to write out more takes its time

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_Choice = TypeVar("_Choice", bound=str)


def shown(value: object) -> str:
    """Show *value* in an error message: as Python writes it, cut where it gets long."""
    if isinstance(value, (str, bytes)) and len(value) > _LONG:
        return f"{shown(value[:SHOWN])[:SHOWN]}... ({len(value):,} characters)"
    try:
        text = _too_large(value) if _is_deep(value) else repr(value)
    except (ValueError, RecursionError):  # an int of too many digits
        text = _too_large(value)
    except Exception:  # noqa: BLE001  # a class's own: what is wrong is the value, not its words
        text = f"{type(value).__name__} that cannot be shown"
    text = text.encode("ascii", "backslashreplace").decode() if _has_surrogates(text) else text
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"


def _too_large(value: object) -> str:
    return f"{type(value).__name__} too large to be shown"


def _is_deep(value: object) -> bool:
    """Whether a value has more levels than every Python can show."""
    level, seen = [value], set[int]()
    for _ in range(_LEVELS):
        containers = [each for each in level if isinstance(each, (dict, list, tuple))]
        new = {id(each): each for each in containers if id(each) not in seen}
        if not new:
            return False
        seen |= new.keys()
        parts = (each.values() if isinstance(each, dict) else each for each in new.values())
        level = list(chain.from_iterable(parts))
    return True


def refuse(name: str, value: object, wanted: str, kind: type | None = None) -> NoReturn:
    """Raise the one error for a bad argument; with the *kind* that it is to have, how to convert.

    Raises:
        InvalidArgumentError: Always.
    """
    raise InvalidArgumentError(f"{name} must be {wanted}, not {shown(value)}{advice(value, kind)}")


def advice(value: object, kind: type | None) -> str:
    """Say how *value* is converted to *kind* where that is not done here, as it is not exact.

    >>> advice(7.0, int)
    '; convert it with int(...)'
    """
    conversion = how_to_convert(value, kind) if kind else ""
    return f"; convert it with {conversion}" if conversion else ""


def check_kind(kind: object) -> Kind:
    """Accept ``"movie"`` or ``"tv"``."""
    for known in KINDS:
        if isinstance(kind, str) and kind == known:
            return known
    refuse("kind", kind, " or ".join(map(repr, KINDS)))


def check_id(value: object, name: str = "title_id") -> int:
    """Accept a positive whole number of up to 38 digits."""
    number = plain(value)
    if type(number) is not int:
        refuse(name, value, "a positive whole number", int)
    if not 0 < number < 10**MAX_DIGITS:
        refuse(name, value, f"a positive whole number of at most {MAX_DIGITS} digits")
    return number


def check_key(key: object) -> TitleKey:
    """Accept a `TitleKey`, or a pair that could be one."""
    if not isinstance(key, tuple) or len(key) != len(TitleKey._fields):
        refuse("key", key, "a TitleKey")
    return TitleKey(check_kind(key[0]), check_id(key[1]))


def check_many(values: object, name: str, wanted: str) -> Iterator[Any]:
    """Accept several values; a text is one, and so is numpy's array of no dimension."""
    if not isinstance(values, (str, bytes)) and isinstance(values, Iterable):
        with suppress(TypeError):
            return iter(values)
    refuse(name, values, wanted)


def check_genre_ids(genre_ids: object, *, most: int) -> tuple[int, ...]:
    """Accept ids of genres, in their order."""
    several = check_many(genre_ids, "genre_ids", "the ids of genres")
    checked = tuple(check_id(genre_id, "genre_id") for genre_id in several)
    if len(set(checked)) > most:
        refuse("genre_ids", checked, f"at most {most} genres")
    return checked


def check_limit(limit: object) -> int:
    """Accept how many titles a page may hold: 1 to 1,000."""
    return check_within(limit, "limit", 1, MAX_LIMIT)


def check_within(value: object, name: str, least: int, most: int) -> int:
    """Accept a whole number from *least* to *most*."""
    number = plain(value)
    if type(number) is not int or not least <= number <= most:
        refuse(name, value, f"a whole number from {least} to {most}", int)
    return number


def check_count(count: object, name: str, *, least: int = 0) -> int:
    """Accept a whole number from *least* on that DynamoDB can hold."""
    number = plain(count)
    if type(number) is not int or number < least:
        refuse(name, count, f"a whole number from {least} on", int)
    problem = number_problem(number)
    if problem:
        refuse(name, count, problem)
    return number


def check_number(value: object, name: str) -> float:
    """Accept a number that DynamoDB and a float can hold, and give the float; -0.0 becomes 0.0."""
    number = plain(value)
    if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
        refuse(name, value, "a number", float)
    problem = number_problem(number)
    if problem:
        refuse(name, value, problem)
    held = plain_float(number)
    if not isinstance(held, float):
        refuse(name, value, "a number that a float holds exactly", float)
    return held


def number_problem(value: Any) -> str:
    """Say what a number must be that DynamoDB could hold instead of *value*; "" if it can.

    The bounds are the service's: magnitude 1E-130 to 9.99E+125, or 0, and 38 digits.
    """
    is_decimal = isinstance(value, Decimal)
    if not (value.is_finite() if is_decimal else isinstance(value, int) or math.isfinite(value)):
        return "a finite number"
    if not value:
        return ""
    if isinstance(value, int) and abs(value) >= 10 ** (MAX_EXPONENT + 1):
        return "a number of a magnitude from 1E-130 to 9.99E+125"
    decimal = (value if is_decimal else Decimal(repr(value))).as_tuple()
    exponent = len(decimal.digits) - 1 + int(decimal.exponent)
    if not MIN_EXPONENT <= exponent <= MAX_EXPONENT:
        return "a number of a magnitude from 1E-130 to 9.99E+125"
    if len("".join(map(str, decimal.digits)).strip("0")) > MAX_DIGITS:
        return f"a number of at most {MAX_DIGITS} digits"
    return ""


def check_choice(value: object, name: str, choices: tuple[_Choice, ...]) -> _Choice:
    """Accept one of a few words."""
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    refuse(name, value, " or ".join(map(repr, choices)))


def check_flag(value: object, name: str) -> bool:
    """Accept True or False, and nothing that merely behaves like them."""
    flag = plain(value)
    if not isinstance(flag, bool):
        refuse(name, value, "True or False")
    return flag


def check_text(value: object, name: str) -> str:
    """Accept a text that can be written as UTF-8."""
    if not isinstance(value, str):
        refuse(name, value, "a text", str)
    if _has_surrogates(value):
        refuse(name, value, "a text without lone surrogates")
    return str(plain_text(value))


def check_date(value: object, name: str) -> str:
    """Accept a `date`, or its text as ``YYYY-MM-DD``; give the text."""
    day = plain_date(value)
    if not isinstance(day, str) or not is_date(day):
        refuse(name, value, "a date as YYYY-MM-DD", date)
    return day


def plain_date(value: object) -> Any:
    """Write a `date` as its text; a moment, which says more, comes back as it is."""
    day = plain(value)
    is_day = isinstance(day, date) and not isinstance(day, datetime)
    return day.isoformat() if is_day else day


def is_date(text: str) -> bool:
    """Tell whether *text* is a day of the calendar, written as ``YYYY-MM-DD``."""
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def check_progress(on_progress: Callable[[int], None] | None) -> Callable[[int], None]:
    """Accept a function of how much is done; for None give one that does nothing."""
    if on_progress is None:
        return lambda _: None
    if not callable(on_progress):
        refuse("on_progress", on_progress, "a function of a number")
    return on_progress


def check_instance(value: object, name: str, kind: type[Any]) -> None:
    """Accept an instance of *kind*."""
    if not isinstance(value, kind):
        refuse(name, value, f"a {kind.__name__}")


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)

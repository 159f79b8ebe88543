"""The settings of the Flask extension, checked when they are read and named when rejected."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from http import HTTPStatus
from numbers import Real
from typing import Any, Final

from catalog_model.cache import LONGEST
from catalog_model.checks import check_text, refuse
from catalog_model.checks.plain import plain
from catalog_model.errors import CatalogError, InvalidArgumentError

PREFIX: Final = "CATALOG_"
TEXTS: Final = {
    "CATALOG_TABLE": "table",
    "CATALOG_TABLE_POINTER": "pointer",
    "CATALOG_LINEAGE": "lineage",
    "CATALOG_REGION": "region",
    "CATALOG_ENDPOINT_URL": "endpoint_url",
    "CATALOG_PROFILE": "profile",
    "CATALOG_CURSOR_SECRET": "cursor_secret",
}
"""The configuration keys that become arguments of `Catalog.from_env`."""

SWITCHES: Final = {"CATALOG_FAST": "fast", "CATALOG_SHARDED_LISTS": "sharded_lists"}
"""The keys for True or False that become arguments of `Catalog.from_env`."""

SECRETS: Final = frozenset(("CATALOG_CURSOR_SECRET",))
"""Settings whose values are never shown in messages."""


ERROR_STATUSES: Final = frozenset(each for each in HTTPStatus if each >= HTTPStatus.BAD_REQUEST)
MOST_SECONDS: Final = 1e9


@dataclass(frozen=True, slots=True)
class Number:
    """A numeric setting: its bounds and its default."""

    least: float
    most: float
    default: float
    is_whole: bool = False

    @property
    def wanted(self) -> str:
        """A description of valid values."""
        kind = "a whole number" if self.is_whole else "a number"
        return f"{kind} from {self.least:g} to {self.most:g}"


NUMBERS: Final[Mapping[str, Number]] = {
    "CATALOG_READY_SECONDS": Number(0, 3600, 5),
    "CATALOG_DEADLINE": Number(0.1, 900, 2),
    "CATALOG_WAITING_REQUESTS": Number(1, 10_000, 10_000, is_whole=True),
    "CATALOG_POINTER_SECONDS": Number(1, 86_400, 30),
    "CATALOG_CACHE_SECONDS": Number(0, LONGEST, 0),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one application, checked."""

    catalog: Mapping[str, Any]
    """Settings of the handle, by their names in `Catalog`."""

    ready_seconds: float
    deadline: float
    waiting_requests: int
    pointer_seconds: float
    cache_seconds: float
    """Zero for no page cache."""


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Read an application's configuration; for numbers, also the environment.

    None and ``""`` count as not set. A number may be given as text, as in environment variables, and
    so may a switch, which is True, False, 1 or 0. A number out of bounds is rejected, and so is any
    other type: True is not a number, and bytes are not text.

    Raises:
        InvalidArgumentError: If a setting is invalid; names it and its value.

    >>> read_settings({"CATALOG_READY_SECONDS": "2.5"}).ready_seconds
    2.5
    >>> read_settings({"CATALOG_READY_SECONDS": "soon"})
    Traceback (most recent call last):
    catalog_model.errors.InvalidArgumentError: CATALOG_READY_SECONDS must be a number from 0 to 3600, not 'soon'
    """  # noqa: E501  # the message in one line
    numbers = {key: _number(key, config) for key in NUMBERS}
    said = {key: value for key, value in config.items() if _is_said(value)}
    texts = {name: _text(key, said[key]) for key, name in TEXTS.items() if key in said}
    switches = {name: _switch(key, said[key]) for key, name in SWITCHES.items() if key in said}
    return Settings(
        {**texts, **switches},
        numbers["CATALOG_READY_SECONDS"],
        numbers["CATALOG_DEADLINE"],
        int(numbers["CATALOG_WAITING_REQUESTS"]),
        numbers["CATALOG_POINTER_SECONDS"],
        numbers["CATALOG_CACHE_SECONDS"],
    )


def misspelt(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the keys that are probably meant as settings, each with the name of the setting.

    >>> misspelt({"CATALOG_TABEL": "films", "CATALOG_TABLE": "films", "CATALOG_COLOURS": 3})
    {'CATALOG_TABEL': 'CATALOG_TABLE'}
    """
    settings = {key.removeprefix(PREFIX): key for key in (*TEXTS, *SWITCHES, *NUMBERS)}
    ours = [key for key in config if isinstance(key, str) and key.startswith(PREFIX)]
    unknown = [key for key in ours if key not in settings.values()]
    near = {key: get_close_matches(key.removeprefix(PREFIX), settings, 1, 0.8) for key in unknown}
    return {key: settings[names[0]] for key, names in near.items() if names}


def check_seconds(given: float, name: str, *, least: float) -> float:
    """Check for a number of seconds from *least* to 1e9, or infinity."""
    seconds = plain(given)
    if type(seconds) not in (int, float) or not (
        least <= seconds <= MOST_SECONDS or seconds == math.inf
    ):
        refuse(name, given, f"a number of seconds from {least:g} to {MOST_SECONDS:g}", float)
    return seconds  # type: ignore[no-any-return]


def check_statuses(
    statuses: Mapping[type[CatalogError], int] | None,
) -> Mapping[type[CatalogError], int]:
    """Check for statuses of errors, by their classes; None becomes no statuses."""
    if statuses is None:
        return {}
    if not isinstance(statuses, Mapping):
        refuse("statuses", statuses, "a mapping of error classes to statuses")
    for kind, status in statuses.items():
        if not isinstance(kind, type) or not issubclass(kind, CatalogError):
            refuse("a key of statuses", kind, "a class of CatalogError")
        number = plain(status)
        if type(number) is not int or number not in ERROR_STATUSES:
            refuse(f"statuses[{kind.__name__}]", status, "an HTTP status from 400 on", int)
    return {kind: int(status) for kind, status in statuses.items()}


def _is_said(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and not value)


def _text(key: str, value: object) -> str:
    try:
        return check_text(value, key)
    except InvalidArgumentError:
        if key not in SECRETS:
            raise
    raise InvalidArgumentError(f"{key} must be a text of Unicode, not {type(value).__name__}")


def _switch(key: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip() if isinstance(value, (int, str)) else ""
    if text not in ("1", "0"):
        refuse(key, value, "True or False, 1 or 0")
    return text == "1"


def _number(key: str, config: Mapping[str, Any]) -> float:
    found = NUMBERS[key]
    value = config.get(key)
    if not _is_said(value):
        value = os.environ.get(key)
    if not _is_said(value):
        return found.default
    number = _read(value)
    if not found.least <= number <= found.most or (found.is_whole and number % 1):
        refuse(key, value, found.wanted)
    return number


def _read(value: object) -> float:
    """Read a number or a numeric text; return NaN, which is within no bounds, for anything else."""
    if isinstance(value, bool) or not isinstance(value, (Real, Decimal, str)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan

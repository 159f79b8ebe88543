"""Calls of every access pattern, and wrong arguments for each of their parameters."""

import math
import random
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from inspect import signature
from typing import Any, NamedTuple

from generated import generated_records

from catalog_model import Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.errors import InvalidArgumentError, InvalidCursorError, InvalidTitleError

RECORDS: dict[Kind, dict[str, Any]] = {
    kind: {**next(iter(generated_records()[kind].values())), "id": 949} for kind in KINDS
}
"""A valid record of each kind."""


def movie(**changes: Any) -> Movie:
    """Make a movie that is valid except for *changes*."""
    return Movie.from_json({**RECORDS["movie"], **changes})


GOOD: dict[str, Any] = {
    "kind": "movie",
    "title_id": 949,
    "genre_id": 28,
    "keys": [TitleKey("movie", 949), TitleKey("tv", 949)],
    "genre_ids": [80, 18],
    "min_votes": 100,
    "min_rating": 7,
    "since": "2020-01-01",
    "until": "2023-12-31",
    "prefix": "he",
    "title": movie(),
    "titles": [movie()],
    "attributes": {"an": ["unknown", "one"]},
    "popularity": 9.5,
    "vote_average": 8.5,
    "vote_count": 7000,
}
"""A valid value of each parameter that has no default."""


def _valid_call(pattern: ap.AccessPattern) -> dict[str, Any]:
    _, *parameters = signature(pattern.function).parameters.values()
    return {p.name: GOOD[p.name] if p.default is p.empty else p.default for p in parameters}


CALLS = {name: _valid_call(pattern) for name, pattern in ap.PATTERNS.items()}
"""A valid call of each function, with every argument named."""


class NoDimension:
    """It is iterable by its class only, like numpy's array of one value without dimensions."""

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("iteration over a 0-d array")


class Bad(NamedTuple):
    """An invalid value, the part of it that the message must contain, and the error."""

    value: Any
    part: str
    error: type[InvalidArgumentError] = InvalidArgumentError


def bad(*values: Any, error: type[InvalidArgumentError] = InvalidArgumentError) -> list[Bad]:
    """Return invalid values with their `repr`, truncated if they are long."""
    return [Bad(value, repr(value)[:20], error) for value in values]


HUGE = Bad(10**5000, "too large to be shown")
SURROGATE = "a\ud800"
FLAGS = bad(1, 0, None, "yes", [])
IDS = [*bad(0, -1, 5.0, "5", True, 10**38, [5], math.nan, Decimal("5.0")), HUGE]
COUNTS = [*bad(-1, 1.5, True, None, "5", math.nan, 10**39 - 1, 10**126, Decimal("5.5")), HUGE]
NUMBERS = [
    *bad(math.nan, math.inf, -math.inf, 1e126, -1e126, 1e-131, -1e-131, 10**126),
    *bad(10**39 - 1, 5e-324, True, False, None, "5", "x", 5j, [5]),
    *bad(Decimal("0.12345678901234567890"), Decimal("1E+999999"), Fraction(1, 3)),
    HUGE,
]

DATES = bad(
    *("2023-02-30", "20230412", "2023-1-1", "2023-02-01T00:00", "2023-02-01\n", " 2023-02-01"),
    *("0000-01-01", "２０２３-02-01", "soon", b"2023-02-01", 20230201, True),  # noqa: RUF001
    datetime(2023, 2, 1),  # noqa: DTZ001  # a datetime without a zone is rejected like one with a zone
)

GENRE_LISTS = [
    *bad(None, "28", b"28", 28),
    Bad(NoDimension(), "NoDimension"),
    *[Bad([28, wrong.value], wrong.part) for wrong in [*IDS, *bad(None)]],
]

BAD: dict[str, list[Bad]] = {
    "kind": bad("film", None, "Movie", b"movie", "", 1, ["movie"], "movie "),
    "title_id": [*IDS, *bad(None)],
    "genre_id": IDS,
    "consistent": FLAGS,
    "descending": FLAGS,
    "if_absent": FLAGS,
    "if_unchanged": [
        *bad({}, RECORDS["movie"], "Heat", 949, False, TitleKey("movie", 949), Movie),
        Bad(movie(id=950), "Movie 950"),
    ],
    "attributes": [
        *bad({1}, b"x", math.nan, 10**126, error=InvalidTitleError),
        *[Bad({"a": {1}}, "{1}", InvalidTitleError), Bad({1: 2}, "not 1", InvalidTitleError)],
        Bad(SURROGATE, "ud800", InvalidTitleError),
    ],
    "limit": [*bad(0, 1001, True, "5", -1, 20.0, None), HUGE],
    "after": bad(
        *("", "abc", ".", "a.b", SURROGATE, "é", "a" * 5000, b"abc", 5, 0, True, False, [], {}),
        error=InvalidCursorError,
    ),
    "order": bad("votes", None, "Popularity", True, b"name", ["name"], ""),
    "match": bad("some", None, "All", True, b"all", ["all"], ""),
    "count": COUNTS,
    "rng": bad(7, "x", random, random.Random, False),
    "min_votes": [wrong for wrong in [*COUNTS, *bad(-2)] if wrong.value != -1],
    "min_rating": NUMBERS,
    "since": [*DATES, *bad(None, "")],
    "until": [*DATES, *bad(None, "")],
    "prefix": bad(None, 5, b"a", SURROGATE, "a" * 901, "ß" * 451, "я" * 451, ["a"], True),
    "keys": [
        *bad(None, 5, "movie", b"movie"),
        Bad(NoDimension(), "NoDimension"),
        *[Bad([key], repr(key)) for key in (("movie",), ("movie", 1, 2), ["movie", 1], None)],
        *[Bad([TitleKey("tv", 1), ("film", 1)], "'film'"), Bad([("movie", True)], "True")],
        *[Bad([("movie", "5")], "'5'"), Bad(TitleKey("movie", 1), "'movie'"), Bad("a", "'a'")],
    ],
    "title": [
        *bad({}, RECORDS["movie"], None, "Heat", 949, TitleKey("movie", 949), Movie),
        Bad(movie(overview="x" * 400 * 1024), "Movie 949", InvalidTitleError),
        Bad(movie(title="x" * 400 * 1024), "Movie 949", InvalidTitleError),
        Bad(movie(overview="x" * 250_000, genre_ids=list(range(1, 20))), "19", InvalidTitleError),
    ],
    "popularity": NUMBERS,
    "vote_average": NUMBERS,
    "vote_count": COUNTS,
    "genre_ids": [*GENRE_LISTS, Bad(range(1, 50), "(1, 2, 3, 4")],
    "titles": [*bad(None, 5, "x", b"x", RECORDS, movie()), Bad(NoDimension(), "NoDimension")],
    "on_progress": bad(5, "x", True, 0),
    "write_units": [
        *bad(0, -1, True, "5", math.nan, math.inf, [5], Decimal(0)),
        *bad(1e-300, 5e-324, 0.0009, 1.1e12, 10**400),
    ],
}

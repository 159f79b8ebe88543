"""What a record may be: the fields the model knows, and what JSON and DynamoDB can hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, NoReturn

from catalog_model.checks import advice, shown
from catalog_model.checks.plain import MAX_DEPTH, plain, plain_float, plain_text
from catalog_model.domain.arguments import is_date, plain_date
from catalog_model.domain.kinds import END_OF_IDS, Kind
from catalog_model.dynamodb.limits import MAX_DIGITS
from catalog_model.dynamodb.numbers import number_problem
from catalog_model.errors import InvalidTitleError

MAX_GENRES: Final = 48
"""A change from 48 genres to 48 others still fits one transaction of 100 actions."""

_ONLY_INT: Final = frozenset({int})

MAX_NAME_BYTES: Final = 65_000
"""DynamoDB's bound for the name of an attribute is 64 KB, and escaping may add to it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record that the model knows: what it wants there, and whether it must be there.

    ``is_every`` says that it accepts every value of its kind, so that none need be asked about.
    """

    wanted: str
    accepts: Callable[[Any], bool]
    kind: type
    required: bool = False
    is_every: bool = False

    @property
    def is_float(self) -> bool:
        """Whether the application's files have a float here."""
        return self.kind is float

    def plain(self, value: Any) -> Any:
        """Convert what another library has for such a value, if nothing is lost."""
        if type(value) in (str, float):
            return plain(value)
        if self.kind is date:
            return plain_date(value)
        is_fraction = isinstance(value, (Decimal, Fraction))
        return plain(plain_float(value) if self.is_float and is_fraction else value)

    def problem(self, value: Any) -> str:
        """Say what *value* must be instead; "" if it is right."""
        if value is None and not self.required:
            return ""
        return "" if self.accepts(value) else self.wanted


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < END_OF_IDS


def _is_id_list(value: Any) -> bool:
    """Tell whether it is a list of ids; every title that is read is asked this."""
    if not isinstance(value, list):
        return False
    if not value:
        return True
    are_whole = _ONLY_INT.issuperset(map(type, value))
    if not are_whole or min(value) <= 0 or max(value) >= END_OF_IDS:
        return False
    return len(value) <= MAX_GENRES or len(set(value)) <= MAX_GENRES


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_date_or_empty(value: Any) -> bool:
    return isinstance(value, str) and (not value or is_date(value))


_ID = Field(f"a positive whole number of at most {MAX_DIGITS} digits", _is_id, int, required=True)
_GENRES = Field(
    f"a list of genre ids (positive whole numbers, at most {MAX_GENRES} genres)",
    _is_id_list,
    list,
    required=True,
)
_NUMBER = Field("a number", _is_number, float, required=True)
_COUNT = Field("a whole number, 0 or more", _is_count, int, required=True)
_NAME = Field("a text", _is_text, str, required=True, is_every=True)
_TEXT = Field("a text or null", _is_text, str, is_every=True)
_TEXTS = Field("a list of texts or null", _is_text_list, list)
_FLAG = Field("true, false or null", _is_flag, bool, is_every=True)
_DATE = Field("a date as YYYY-MM-DD, empty or null", _is_date_or_empty, date)

FIELDS: Final[Mapping[Kind, Mapping[str, Field]]] = {
    "movie": MappingProxyType(
        {
            "adult": _FLAG,
            "backdrop_path": _TEXT,
            "genre_ids": _GENRES,
            "id": _ID,
            "original_language": _TEXT,
            "original_title": _TEXT,
            "overview": _TEXT,
            "popularity": _NUMBER,
            "poster_path": _TEXT,
            "release_date": _DATE,
            "title": _NAME,
            "video": _FLAG,
            "vote_average": _NUMBER,
            "vote_count": _COUNT,
        }
    ),
    "tv": MappingProxyType(
        {
            "adult": _FLAG,
            "backdrop_path": _TEXT,
            "genre_ids": _GENRES,
            "id": _ID,
            "origin_country": _TEXTS,
            "original_language": _TEXT,
            "original_name": _TEXT,
            "overview": _TEXT,
            "popularity": _NUMBER,
            "poster_path": _TEXT,
            "first_air_date": _DATE,
            "name": _NAME,
            "vote_average": _NUMBER,
            "vote_count": _COUNT,
        }
    ),
}
"""The keys of the application's records, in the order of its files."""


def plain_record(record: object, kind: Kind) -> dict[str, Any]:
    """Copy a record of *kind* through and through; what is no JSON is converted or refused.

    Raises:
        InvalidTitleError: Naming the field and its value, for the first thing that is wrong.
    """
    if not isinstance(record, Mapping):
        raise InvalidTitleError(f"a {kind} record must be a JSON object, not {shown(record)}")
    fields = FIELDS[kind]
    copy = {
        plain_text(name): fields[name].plain(value) if name in fields else plain(value)
        for name, value in record.items()
    }
    check_record(copy, kind, shown_as=record)
    return copy


def check_record(record: object, kind: Kind, *, shown_as: Mapping[str, Any] | None = None) -> None:
    """Accept a record of *kind* that is JSON; *shown_as* is what it was before.

    Raises:
        InvalidTitleError: Naming the field and its value, for the first thing that is wrong.
    """
    if not isinstance(record, Mapping):
        raise InvalidTitleError(f"a {kind} record must be a JSON object, not {shown(record)}")
    for name, field in FIELDS[kind].items():
        if name in record:
            problem = field.problem(record[name])
            if problem:
                _refuse(name, (shown_as or record)[name], problem, field.kind)
        elif field.required:
            raise InvalidTitleError(f"a {kind} record needs {name!r}: {shown(dict(record))}")
    for name, value in record.items():
        _check_name(name)
        _check_value(name, value, 1)


def _check_value(path: str, value: Any, depth: int) -> None:
    """Accept what both JSON and DynamoDB can hold, however deep."""
    if depth > MAX_DEPTH:
        _refuse(path, value, f"nested at most {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_unicode(path, value)
    elif type(value) in (int, float):
        problem = number_problem(value)
        if problem:
            _refuse(path, value, problem)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            _check_value(f"{path}[{index}]", element, depth + 1)
    elif isinstance(value, dict):
        for name, element in value.items():
            _check_name(name, path)
            _check_value(f"{path}.{name}", element, depth + 1)
    else:
        _refuse(path, value, "a JSON value", object)


def _check_name(name: object, path: str = "a record") -> None:
    if not isinstance(name, str):
        raise InvalidTitleError(f"the keys of {path} must be texts, not {shown(name)}")
    _check_unicode("a key", name)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidTitleError(f"a key must have at most {MAX_NAME_BYTES:,} bytes: {shown(name)}")


def _check_unicode(path: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(path, text, "a text without lone surrogates")


def _refuse(path: str, value: Any, wanted: str, kind: type | None = None) -> NoReturn:
    raise InvalidTitleError(f"{path} must be {wanted}, not {shown(value)}{advice(value, kind)}")


def copy_json(value: Any) -> Any:
    """Copy a JSON value through and through; -0.0 becomes 0.0, as DynamoDB knows only one zero."""
    if isinstance(value, Mapping):
        return {name: copy_json(element) for name, element in value.items()}
    if isinstance(value, list):
        return [copy_json(element) for element in value]
    return value + 0.0 if type(value) is float else value

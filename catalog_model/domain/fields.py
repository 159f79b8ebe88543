"""The fields of a record: the values that each of them takes. Pure.

`field` declares one in the body of a class, as `dataclasses.field` does:

    class Movie(Title):
        id: int = field(ID)
        overview: str | None = field(TEXT, default=None)

Type checkers derive the constructor from it (`typing.dataclass_transform`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, Generic, Self, TypeVar, overload

from catalog_model.checks.plain import plain, plain_float
from catalog_model.domain.arguments import is_date, plain_date
from catalog_model.domain.kinds import END_OF_IDS
from catalog_model.dynamodb.limits import MAX_DIGITS

MAX_GENRES: Final = 48
"""A change from 48 genres to 48 others still fits one transaction of 100 actions."""

_Read = TypeVar("_Read")
_Given = TypeVar("_Given")


@dataclass(frozen=True, slots=True)
class Rule:
    """The values that a field takes.

    Attributes:
        wanted: The values in words, for messages.
        accepts: Whether a value other than null is one of them.
        is_every: Whether every value of *kind* is one, so that no value need be checked.
    """

    wanted: str
    accepts: Callable[[Any], bool]
    kind: type
    is_nullable: bool = False
    is_every: bool = False

    @property
    def is_float(self) -> bool:
        """Whether the application's files have a float here."""
        return self.kind is float

    def plain(self, value: Any) -> Any:
        """Convert a value of another library, if that is lossless."""
        if type(value) in (str, float):
            return plain(value)
        if self.kind is date:
            return plain_date(value)
        is_fraction = isinstance(value, (Decimal, Fraction))
        return plain(plain_float(value) if self.is_float and is_fraction else value)

    def problem(self, value: Any) -> str:
        """Return what *value* must be instead; "" if it is valid."""
        is_valid = self.is_nullable if value is None else self.accepts(value)
        return "" if is_valid else self.wanted


class Field(Generic[_Read, _Given]):
    """A key of a title's record as an attribute of the title. Made by `field`.

    ``Field[tuple[int, ...], Sequence[int]]`` as an annotation says that the attribute is a tuple,
    and that the constructor takes any sequence.
    """

    name: str

    def __init__(self, rule: Rule, *, required: bool) -> None:
        self.rule = rule
        self.required = required

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, title: None, owner: type) -> Self: ...
    @overload
    def __get__(self, title: object, owner: type) -> _Read: ...
    def __get__(self, title: Any, owner: type) -> Any:
        """Read the value out of the title's record: a list as a tuple, a missing key as None."""
        if title is None:
            return self
        value = title._record.get(self.name)
        return tuple(value) if type(value) is list else value

    def __set__(self, title: object, value: _Given) -> None:
        """Refuse: titles are frozen. The type of *value* is that of the constructor's argument."""
        raise AttributeError(f"a title is frozen: use replace({self.name}=...)")


Fields = Mapping[str, Field[Any, Any]]
"""The fields of a kind by name, in the order of the application's files."""

_REQUIRED: Final[Any] = object()


def field(rule: Rule, *, default: Any = _REQUIRED) -> Any:
    """Declare a field: required, or with None as the default that a missing key reads as."""
    return Field[Any, Any](rule, required=default is _REQUIRED)


def _is_id(value: Any) -> bool:
    return type(value) is int and 0 < value < END_OF_IDS


def _is_id_list(value: Any) -> bool:
    """Whether it is a list of ids. Fast, because every title that is read is checked."""
    if not isinstance(value, list):
        return False
    for each in value:
        if type(each) is not int or not 0 < each < END_OF_IDS:
            return False
    return len(value) <= MAX_GENRES or len(set(value)) <= MAX_GENRES


def _is_text_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_date_or_empty(value: Any) -> bool:
    return isinstance(value, str) and (not value or is_date(value))


ID: Final = Rule(f"a positive whole number of at most {MAX_DIGITS} digits", _is_id, int)
GENRES: Final = Rule(
    f"a list of genre ids (positive whole numbers, at most {MAX_GENRES} genres)", _is_id_list, list
)
NUMBER: Final = Rule("a number", lambda value: type(value) in (int, float), float)
COUNT: Final = Rule("a whole number, 0 or more", lambda v: type(v) is int and v >= 0, int)
NAME: Final = Rule("a text", _is_text, str, is_every=True)
TEXT: Final = Rule("a text or null", _is_text, str, is_nullable=True, is_every=True)
TEXTS: Final = Rule("a list of texts or null", _is_text_list, list, is_nullable=True)
FLAG: Final = Rule(
    "true, false or null", lambda v: type(v) is bool, bool, is_nullable=True, is_every=True
)
DATE: Final = Rule("a date as YYYY-MM-DD, empty or null", _is_date_or_empty, date, is_nullable=True)

GenreIds = Field[tuple[int, ...], Sequence[int]]
Texts = Field[tuple[str, ...] | None, list[str] | tuple[str, ...] | None]
Day = Field[str | None, str | date | None]

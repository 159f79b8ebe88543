"""Conversion of other libraries' values to Python's own, where nothing is lost.

A whole number may be an `enum.IntEnum` or a numpy integer, a number may be a `decimal.Decimal` from
boto3, and a list may be a tuple or an array. The result is an exact `int`, `float`, `str`, `bool`,
`list` or `dict`, so that JSON and DynamoDB see what Python sees. Values are recognized by their
interfaces; no other library is imported.
"""

import math
import operator
from collections import UserString
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from numbers import Complex, Integral, Rational, Real
from typing import Any, Final

MAX_DEPTH: Final = 32
"""DynamoDB's maximum nesting depth, including the innermost value."""

_LARGEST: Final = 125
"""The exponent of the largest number in DynamoDB."""

_SMALLEST: Final = 1e-130

_NUMBERS: Final[Mapping[type, str]] = {int: "int(...)", float: "float(...)", object: "float(...)"}
_BYTES: Final = (bytes, bytearray, memoryview)
_NO_LISTS: Final = (str, UserString, *_BYTES)

_OWN: Final = frozenset({str, int, bool, type(None)})
"""Classes of values that need no conversion."""

_TEXTS: Final = (str, date, object)
_CONVERSIONS: Final[Sequence[tuple[Any, Mapping[type, str]]]] = (
    (Enum, dict.fromkeys((*_TEXTS, int, float, bool, list), ".value")),
    (bool, {}),
    ((bytes, bytearray), dict.fromkeys(_TEXTS, ".decode()")),
    (UserString, dict.fromkeys(_TEXTS, "str(...)")),
    (datetime, dict.fromkeys(_TEXTS, ".isoformat()") | {date: ".date()"}),
    (date, dict.fromkeys(_TEXTS, ".isoformat()")),
)
"""Conversions from a class to others; the first matching row counts."""


def plain(value: Any, depth: int = 1) -> Any:
    """Convert *value* and everything in it, where nothing is lost; -0.0 becomes 0.0.

    Values that cannot be converted are returned unchanged, for a check to reject: bytes, a number
    that does not fit a float exactly, a set, which has no order. Values deeper than DynamoDB's
    nesting limit are not converted.

    >>> plain((1, Decimal("7.5"), Decimal("7"), -0.0))
    [1, 7.5, 7, 0.0]
    >>> plain(Decimal("0.1234567890123456789"))
    Decimal('0.1234567890123456789')
    """
    kind: type = type(value)
    if kind in _OWN:
        return value
    if kind is float:
        return value + 0.0
    elements: Any = value if kind is list else _elements(value)
    is_object = elements is None and isinstance(value, Mapping)
    if elements is None and not is_object:
        return _plain_scalar(value)
    if depth > MAX_DEPTH:
        return value
    if is_object:
        return {plain_text(name): plain(element, depth + 1) for name, element in value.items()}
    return [plain(element, depth + 1) for element in elements]


def plain_text(value: Any) -> Any:
    """Convert an instance of a subclass of `str`, such as an `enum.StrEnum`, to `str`."""
    return str.__str__(value) if isinstance(value, str) else value


def plain_float(value: Any) -> Any:
    """Convert a number to a float if the float is exact; otherwise return it unchanged.

    A float stands for the number that its shortest decimal digits describe, as in JSON and
    DynamoDB.

    >>> plain_float(Decimal("8.1")), plain_float(7), plain_float(2**53 + 1)
    (8.1, 7.0, 9007199254740993)
    """
    try:
        converted = float(value)
    except (OverflowError, TypeError, ValueError):
        return value
    exact = value if isinstance(value, Decimal) else None
    if type(value) is int:
        exact = Decimal(value)
    if exact is None:
        is_held = converted == value
    else:
        is_held = exact in (Decimal(repr(converted)), Decimal.from_float(converted))  # noqa: FURB164  # independent of the decimal context
    return converted + 0.0 if is_held else value


def how_to_convert(value: Any, wanted: type) -> str:
    """Return the explicit conversion to *wanted* that the caller could use; "" if there is none.

    >>> how_to_convert(Decimal("8.123456789012345678"), float), how_to_convert({28}, list)
    ('float(...)', 'list(...)')
    """
    for kinds, conversions in _CONVERSIONS:
        if isinstance(value, kinds):
            return conversions.get(wanted, "")
    if isinstance(value, (str, Decimal, Real)):
        return _how_to_number(value, wanted)
    if wanted in (list, object) and isinstance(value, Iterable):
        is_other = isinstance(value, (*_NO_LISTS, Mapping)) or _elements(value) is not None
        return "" if is_other else "list(...)"
    return ".item()" if _is_array_of_one(value) and wanted not in (str, date) else ""


def _how_to_number(value: str | Decimal | Real, wanted: type) -> str:
    if isinstance(value, str):
        return _NUMBERS[wanted] if wanted in (int, float) and _reads_as(value, wanted) else ""
    kind: type = type(value)
    is_right = kind is wanted or (wanted is object and kind in (int, float))
    return "" if is_right or not _is_in_range(value) else _NUMBERS.get(wanted, "")


def _elements(value: Any) -> Iterable[Any] | None:
    """Return the elements of a value that is a list in another form; None for all other values."""
    if isinstance(value, _NO_LISTS):
        return None
    if isinstance(value, Sequence):
        return value
    listed = _as_python(value)
    return listed if isinstance(listed, list) else None


def _as_python(value: Any) -> Any:
    """Convert an array, or a scalar of an array library, to Python's own types."""
    to_list = getattr(value, "tolist", None)
    return to_list() if callable(to_list) and not isinstance(value, type) else value


def _plain_scalar(value: Any) -> Any:
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    if isinstance(value, Real):
        return _plain_real(value)
    other = _as_python(value)
    return other if isinstance(other, (bool, date)) else value


def _plain_real(value: Real) -> Any:
    """Convert an integer of another class, a fraction, or a float of another class."""
    if isinstance(value, Integral):
        try:
            return operator.index(value)
        except TypeError:  # numpy counts its time spans as integers
            return value
    if isinstance(value, Rational) and value.denominator == 1:
        return int(value.numerator)
    try:
        converted = float(value)
    except (OverflowError, TypeError, ValueError):
        return value
    is_held = not math.isfinite(converted) or converted == value
    return converted + 0.0 if is_held else value


def _plain_decimal(value: Decimal) -> Any:
    """Convert a decimal to int if it is written as a whole number, to float if that is exact."""
    if not value.is_finite():
        return float("inf") if value.is_infinite() else float("nan")
    is_whole = int(value.as_tuple().exponent) >= 0
    if not value:
        return 0 if is_whole else 0.0
    if is_whole:
        return int(value) if value.adjusted() <= _LARGEST else value
    return plain_float(value)


def _is_in_range(number: Decimal | Real) -> bool:
    """Whether DynamoDB supports the nearest float."""
    try:
        size = abs(float(number))
    except (OverflowError, TypeError, ValueError):
        return False
    return size == 0 or _SMALLEST <= size < 10**_LARGEST


def _is_array_of_one(value: Any) -> bool:
    is_scalar = getattr(value, "ndim", None) == 0 and not isinstance(value, Complex)
    return is_scalar and plain(value) is value


def _reads_as(text: str, number: type) -> bool:
    try:
        number(text)
    except ValueError:
        return False
    return True

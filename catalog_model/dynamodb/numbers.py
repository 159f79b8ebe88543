"""Checks of numbers against DynamoDB's limits."""

import math
import re
from decimal import Context, Decimal
from typing import Any, Final

from catalog_model.checks import refuse
from catalog_model.checks.plain import plain, plain_float
from catalog_model.dynamodb.limits import MAX_DIGITS, MAX_EXPONENT, MIN_EXPONENT

_USUAL: Final = frozenset({int, float})
"""Below 1E38 these have at most 38 digits."""

_NORMAL: Final = re.compile(r"0|-?[1-9]\d*", re.ASCII)
_WIDE: Final = Context(prec=400)


def check_count(count: object, name: str, *, least: int = 0) -> int:
    """Check for a whole number, at least *least*, in DynamoDB's range."""
    number = plain(count)
    if type(number) is not int or number < least:
        refuse(name, count, f"a whole number from {least} on", int)
    problem = number_problem(number)
    if problem:
        refuse(name, count, problem)
    return number


def check_number(value: object, name: str) -> float:
    """Check for a number that fits DynamoDB and a float; return the float, with -0.0 as 0.0."""
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
    """Return what a number must be, if DynamoDB does not support *value*; "" if it does."""
    is_decimal = isinstance(value, Decimal)
    if not (value.is_finite() if is_decimal else isinstance(value, int) or math.isfinite(value)):
        return "a finite number"
    if not value or (type(value) in _USUAL and 1e-100 < abs(value) < 1e38):  # noqa: PLR2004
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


def normal(number: str) -> str:
    """Format a number as DynamoDB returns it: in full, without redundant zeros.

    >>> [normal(number) for number in ("5.0", "1.50", "1E3", "-0", "007")]
    ['5', '1.5', '1000', '0', '7']
    """
    if _NORMAL.fullmatch(number):
        return number
    decimal = Decimal(number)
    return format(decimal.normalize(_WIDE), "f") if decimal else "0"

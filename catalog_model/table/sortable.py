"""Text that sorts as the value it stands for.

DynamoDB compares string keys by their UTF-8 bytes, which is the order of code points and so the
order of Python strings. Each maker here keeps the order of its values in that order, and each
parser gives the value back:

========  =======================================  ==============================
value     text                                     example
========  =======================================  ==============================
id        two digits of length, then the digits    ``996154`` -> ``06996154``
number    sign, exponent, significant digits       ``1070.023`` -> ``p1331070023``
name      `catalog_model.table.folding` of it            ``Ápe vs. Ape`` -> ``ape-vs-ape``
========  =======================================  ==============================

None of them can hold ``#``, so a value never reaches past its place in a key.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NewType

from catalog_model.table.folding import fold_name

SortableId = NewType("SortableId", str)
SortableNumber = NewType("SortableNumber", str)
SortableName = NewType("SortableName", str)

NEGATIVE, ZERO, POSITIVE = "n", "o", "p"
"""The signs, in the order of the alphabet as of the numbers."""

EXPONENT_OFFSET = 130
"""The smallest magnitude DynamoDB holds is 1E-130: shifted by this, no exponent is negative."""

AFTER_DIGITS = "~"
"""Ends a negative number: above every digit, so that fewer digits mean a larger number."""

NAME_BYTES = 900
"""A sort key holds 1,024 bytes; a longer name is cut here, and the id after it still differs."""

_NINES_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def sortable_id(number: int) -> SortableId:
    """Give the text of a positive id of up to 38 digits: shorter numbers are smaller ones."""
    digits = str(number)
    return SortableId(f"{len(digits):02}{digits}")


def parse_id(text: str) -> int:
    """Give back the id that *text* stands for."""
    return int(text[2:])


def sortable_number(value: float | Decimal) -> SortableNumber:
    """Give the text of a number that DynamoDB can hold.

    The shortest digits that read back as the same float are used, as in JSON.
    """
    decimal = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not decimal:
        return SortableNumber(ZERO)
    digits = "".join(map(str, decimal.as_tuple().digits)).rstrip("0")
    magnitude = f"{decimal.adjusted() + EXPONENT_OFFSET:03}{digits}"
    if decimal > 0:
        return SortableNumber(POSITIVE + magnitude)
    return SortableNumber(NEGATIVE + magnitude.translate(_NINES_COMPLEMENT) + AFTER_DIGITS)


def parse_number(text: str) -> Decimal:
    """Give back the number that *text* stands for."""
    sign, magnitude = text[0], text[1:]
    if sign == ZERO:
        return Decimal(0)
    if sign == NEGATIVE:
        magnitude = magnitude.removesuffix(AFTER_DIGITS).translate(_NINES_COMPLEMENT)
    exponent, digits = int(magnitude[:3]) - EXPONENT_OFFSET, magnitude[3:]
    number = Decimal(f"{digits[0]}.{digits[1:] or '0'}E{exponent}")
    return number if sign == POSITIVE else -number


def sortable_name(name: str) -> SortableName:
    """Fold *name* to what counts when names are compared, cut to what a key can hold."""
    folded = fold_name(name).encode()
    return SortableName(folded[:NAME_BYTES].decode(errors="ignore"))

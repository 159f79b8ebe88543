"""Text that sorts in the order of the values it represents.

DynamoDB compares string keys by their UTF-8 bytes, which is the order of code points, and therefore
of Python strings. Each function preserves the order of its values:

========  =======================================  ==============================
value     text                                     example
========  =======================================  ==============================
id        two digits of length, then the digits    ``996154`` -> ``06996154``
number    sign, exponent, significant digits       ``1070.023`` -> ``p1331070023``
name      folded (`catalog_model.table.folding`)   ``Ápe vs. Ape`` -> ``ape-vs-ape``
========  =======================================  ==============================

None of them can contain ``#``, so a value never extends beyond its part of a key.
"""

from decimal import Decimal
from functools import lru_cache
from typing import NewType

from catalog_model.table.folding import fold_name

SortableId = NewType("SortableId", str)
SortableNumber = NewType("SortableNumber", str)
SortableName = NewType("SortableName", str)

NEGATIVE, ZERO, POSITIVE = "n", "o", "p"
"""The signs; their alphabetical order is the order of the numbers."""

EXPONENT_OFFSET = 130
"""The smallest magnitude in DynamoDB is 1E-130; with this offset, no exponent is negative."""

AFTER_DIGITS = "~"
"""Ends a negative number. It sorts after every digit, so fewer digits mean a larger number."""

NAME_BYTES = 900
"""A sort key has at most 1,024 bytes. Longer names are truncated; their ids still differ."""

_NINES_COMPLEMENT = str.maketrans("0123456789", "9876543210")


def sortable_id(number: int) -> SortableId:
    """Return the text of a positive id of up to 38 digits; longer numbers sort later."""
    digits = str(number)
    return SortableId(f"{len(digits):02}{digits}")


def parse_id(text: str) -> int:
    """Return the id that *text* represents."""
    return int(text[2:])


@lru_cache(4096)  # ratings are often the same
def sortable_number(value: float | Decimal) -> SortableNumber:
    """Return the text of a number in DynamoDB's range.

    It uses the shortest digits that are parsed as the same float, as JSON does.
    """
    decimal = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not decimal:
        return SortableNumber(ZERO)
    digits = "".join(map(str, decimal.as_tuple().digits)).rstrip("0")
    magnitude = f"{decimal.adjusted() + EXPONENT_OFFSET:03}{digits}"
    if decimal > 0:
        return SortableNumber(POSITIVE + magnitude)
    return SortableNumber(NEGATIVE + magnitude.translate(_NINES_COMPLEMENT) + AFTER_DIGITS)


def sortable_name(name: str) -> SortableName:
    """Fold *name* for comparison, and truncate it to the size of a key."""
    folded = fold_name(name).encode()
    return SortableName(folded[:NAME_BYTES].decode(errors="ignore"))

"""The size of items: AWS developer guide, "DynamoDB item sizes and formats"."""

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

CONTAINER_BYTES: Final = 3
ELEMENT_BYTES: Final = 1


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the size of a typed JSON item in bytes: its names and its values."""
    size = byte_length("".join(item))
    for value in item.values():
        content = value.get("S")  # most values; without a call, as every write adds up many
        size += len(content) if content is not None and content.isascii() else value_size(value)
    return size


def value_size(value: Mapping[str, Any]) -> int:  # one for each type
    """Return the size of a typed JSON value in bytes.

    >>> value_size({"S": "é"}), value_size({"N": "1070.023"}), value_size({"NULL": True})
    (2, 5, 1)
    """
    ((kind, content),) = value.items()
    match kind:
        case "S" | "B":
            return byte_length(content)
        case "N":
            return _number_size(content)
        case "BOOL" | "NULL":
            return 1
        case "SS" | "NS" | "BS":
            return sum(value_size({kind[0]: element}) for element in content)
        case "L":
            return CONTAINER_BYTES + sum(value_size(v) + ELEMENT_BYTES for v in content)
        case "M":
            return CONTAINER_BYTES + item_size(content) + ELEMENT_BYTES * len(content)
    raise ValueError(f"no size is known for a value of type {kind!r}")


def byte_length(content: str | bytes) -> int:
    """Return the length of a text in UTF-8, or of binary data."""
    if isinstance(content, bytes) or content.isascii():
        return len(content)
    return len(content.encode())


@lru_cache(4096)  # titles have many of their numbers in common
def _number_size(content: str) -> int:
    """Return the size of a number: a byte for every two significant digits, plus one."""
    if content.isdecimal() and content.isascii() and content[0] != "0":  # most numbers
        highest, digits = len(content) - 1, content.rstrip("0")
        return _pairs(highest, len(digits)) + 1
    number = Decimal(content)
    if not number:
        return 1
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    return _pairs(number.adjusted(), len(digits)) + 1 + (1 if number < 0 else 0)


def _pairs(highest: int, digits: int) -> int:
    """Return the number of pairs of digits, from that of the power *highest* of 10.

    Pairs start at even powers, so an odd exponent may take an additional half byte.
    """
    lowest = highest - digits + 1
    return highest // 2 - lowest // 2 + 1

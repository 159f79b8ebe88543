"""Sizes as dynoxide counts them."""

from __future__ import annotations

from decimal import Decimal


def engine_number_size(content: str) -> int:
    """Return the size of a number in dynoxide: pairs of digits on both sides of the point.

    `sizes` counts pairs as they are stored, aligned to the point: 120 is `1` and `20`. It is larger
    by one byte if zeros end in the middle of a pair; the guide says "approximately".
    """
    number = Decimal(content)
    whole, _, part = f"{abs(number):f}".partition(".")
    whole, part = whole.lstrip("0"), part.rstrip("0")
    whole, part = (whole, part) if part else (whole.rstrip("0"), part)
    part = part if whole else part.lstrip("0")
    pairs = -(-len(whole) // 2) + -(-len(part) // 2)
    return pairs + 1 + (number < 0) if number else 1

"""Titles whose sizes are at the steps of what is charged, and sizes as dynoxide counts them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st
from strategies import titles

from catalog_model.analysis.prediction import index_entry
from catalog_model.dynamodb import sizes
from catalog_model.entities import AnyTitle
from catalog_model.table import codec

few_ids = st.integers(1, 24)


def _measures(title: AnyTitle) -> tuple[int, ...]:
    """Return the sizes of the title item, of a membership or listing, and of an index entry."""
    listing, *memberships = codec.encode_copies(title)
    entry = index_entry(listing, "by_popularity") or {}
    item = codec.encode_title(title, version=2**47 + 1, slot=0)
    return tuple(sizes.item_size(each) for each in (item, (memberships or [listing])[-1], entry))


@st.composite
def edgy_titles(draw: st.DrawFn, some_ids: st.SearchStrategy[int] = few_ids) -> AnyTitle:
    """Titles whose item, copy or index entry is close to the size of a unit."""
    title = draw(titles(some_ids)).replace(overview="")
    size = draw(st.sampled_from(_measures(title)))
    length = draw(st.sampled_from((0, 1024, 2048, 3072, 4096))) + draw(st.integers(-2, 2))
    return title.replace(overview="x" * max(0, length - size))


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

"""Laws of the text that sorts in the order of the values it represents."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given
from strategies import decimals, floats, ids, names

from catalog_model.table.folding import fold_name
from catalog_model.table.sortable import (
    _NINES_COMPLEMENT,
    AFTER_DIGITS,
    EXPONENT_OFFSET,
    NAME_BYTES,
    NEGATIVE,
    ZERO,
    parse_id,
    sortable_id,
    sortable_name,
    sortable_number,
)


def parse_number(text: str) -> Decimal:
    """Return the number that *text* represents."""
    sign, magnitude = text[0], text[1:]
    if sign == ZERO:
        return Decimal(0)
    if sign == NEGATIVE:
        magnitude = magnitude.removesuffix(AFTER_DIGITS).translate(_NINES_COMPLEMENT)
    exponent, digits = int(magnitude[:3]) - EXPONENT_OFFSET, magnitude[3:]
    number = Decimal(f"{digits[0]}.{digits[1:] or '0'}E{exponent}")
    return -number if sign == NEGATIVE else number


@given(ids)
def test_an_id_is_read_back_as_it_was_written(number: int) -> None:
    """decode(encode(x)) = x"""
    assert parse_id(sortable_id(number)) == number


@given(ids, ids)
def test_the_text_of_ids_sorts_as_the_ids(one: int, other: int) -> None:
    """The order of the texts is the order of the values."""
    assert (sortable_id(one) < sortable_id(other)) == (one < other)


@given(decimals())
@example(Decimal("9.9999999999999999999999999999999999999E+125"))
@example(Decimal("-1E-130"))
def test_a_number_is_read_back_as_it_was_written(number: Decimal) -> None:
    """decode(encode(x)) = x, to the last of 38 digits."""
    assert parse_number(sortable_number(number)) == number


@given(decimals(), decimals())
@example(Decimal(1), Decimal("1.2"))
@example(Decimal(-1), Decimal("-1.2"))
@example(Decimal("-0.5"), Decimal(0))
def test_the_text_of_numbers_sorts_as_the_numbers(one: Decimal, other: Decimal) -> None:
    """The order of the texts is the order of the values, for all numbers in DynamoDB."""
    assert (sortable_number(one) < sortable_number(other)) == (one < other)


@given(decimals(), decimals(), ids, ids)
def test_what_follows_a_number_decides_only_between_equals(
    one: Decimal, other: Decimal, id_: int, other_id: int
) -> None:
    """Places are compared by number first, then by id."""
    places = [f"{sortable_number(n)}#{sortable_id(i)}" for n, i in ((one, id_), (other, other_id))]
    assert (places[0] < places[1]) == ((one, id_) < (other, other_id))


@given(floats)
def test_a_float_is_kept_to_its_last_bit(number: float) -> None:
    """The shortest digits that are parsed as the same float are those of its text."""
    assert float(parse_number(sortable_number(number))) == number


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Amélie", "amelie"),
        ("AMELIE", "amelie"),
        ("Spider-Man: Far from Home", "spiderman-far-from-home"),
        ("  WALL·E  (2008) ", "walle-2008-"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("千と千尋の神隠し", "千と千尋の神隠し"),
        ("किताब", "किताब"),
        ("!!!", ""),
        ("a#b", "ab"),
    ],
)
def test_names_fold_to_what_counts_in_them(name: str, folded: str) -> None:
    """Case, accents and punctuation are dropped; letters, digits, vowel signs and spaces stay."""
    assert fold_name(name) == fold_name(folded.replace("-", " "))
    assert fold_name(name) == unicodedata.normalize("NFKD", folded)


@given(names)
def test_no_name_reaches_past_its_place_in_a_key(name: str) -> None:
    """The delimiter never occurs in it, and it fits a key."""
    text = sortable_name(name * 100)
    assert "#" not in text
    assert len(text.encode()) <= NAME_BYTES

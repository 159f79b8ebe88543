"""Whole numbers of items: short ones are parsed fast, and mean what their decimals say."""

from decimal import Decimal
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from catalog_model.dynamodb.typed_json import read_int, read_numbers
from catalog_model.errors import UnknownEntityError

digits = st.integers(-(10**20), 10**40).map(str)
spellings = st.sampled_from(["007", "1e3", "1.50", "7.0", "-0", "+5", "", " 1", "x", "1E126", "٣"])
contents = st.one_of(digits, digits, st.decimals(allow_nan=True).map(str), spellings)


def by_decimals(text: str) -> int | None:
    """Return a whole number in DynamoDB's range; None for anything else."""
    try:
        number = Decimal(text)
        is_whole = number.is_finite() and number.adjusted() <= 125 and number == int(number)
        return int(number) if is_whole else None
    except (ArithmeticError, ValueError):
        return None


def read(reader: Any, value: Any) -> Any:
    try:
        return reader({"PK": {"S": "a"}, "SK": {"S": "b"}, "n": value}, "n")
    except UnknownEntityError:
        return None


@given(contents)
@example("9" * 15)
@example("9" * 16)
@example("9" * 5_000)
def test_a_whole_number_is_what_its_decimal_says(text: str) -> None:
    """In any notation; anything else is refused."""
    assert read(read_int, {"N": text}) == by_decimals(text)


@given(st.lists(contents, max_size=5))
@example([])
@example(["1", ""])
@example(["1", "9" * 5_000])
@example([str(n) for n in range(128)])
def test_a_set_of_numbers_is_what_its_decimals_say(texts: list[str]) -> None:
    """All of them, or none if one is refused."""
    numbers = [by_decimals(text) for text in texts]
    expected = None if None in numbers else frozenset(numbers)
    assert read(read_numbers, {"NS": texts}) == expected

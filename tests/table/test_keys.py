"""Laws of keys, and of the text in them that sorts in the order of the values it represents."""

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import decimals, floats, ids, kinds, names, title_keys

from catalog_model import TitleKey
from catalog_model.domain.kinds import Kind
from catalog_model.errors import UnknownEntityError
from catalog_model.table import keys
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
    return number.copy_negate() if sign == NEGATIVE else number  # a minus rounds


item_names = st.one_of(
    st.builds(keys.TitleItem, title_keys),
    st.builds(keys.FormerListing, title_keys),
    st.builds(keys.FormerTally, kinds, st.integers(0, keys.SHARDS - 1)),
    st.builds(keys.MembershipItem, title_keys, ids),
    st.builds(keys.TallyItem, kinds, st.integers(0, keys.SHARDS - 1)),
    st.builds(keys.SlotItem, kinds, st.integers(0, keys.SHARDS - 1), st.integers(0, 10**9)),
)


@given(item_names)
def test_every_key_names_the_item_it_was_made_for(name: keys.ItemName) -> None:
    """parse(make(x)) = x for every kind of item."""
    assert keys.parse_key(*keys.item_key(name)) == name


@given(item_names, item_names)
def test_different_items_have_different_keys(one: keys.ItemName, other: keys.ItemName) -> None:
    """Keys are injective: equal keys mean the same item."""
    assert (keys.item_key(one) == keys.item_key(other)) == (one == other)


@given(item_names)
def test_partition_keys_begin_as_the_contract_says(name: keys.ItemName) -> None:
    """TITLE# for a title and its memberships, GENRE# for counts, SLOT# for listings."""
    others: dict[type[keys.ItemName], str] = {
        keys.SlotItem: "SLOT#",
        keys.TallyItem: "GENRE#",
        keys.FormerTally: "GENRE#",
    }
    assert keys.item_key(name).PK.startswith(others.get(type(name), "TITLE#"))


@given(item_names, kinds, st.none() | ids, st.integers(0, keys.TOP_MAGNITUDE))
def test_no_item_of_this_version_has_the_key_of_a_list(
    name: keys.ItemName, kind: Kind, genre: int | None, magnitude: int
) -> None:
    """The table and the indexes share no partition key; before version 4, tallies had such keys."""
    if not isinstance(name, keys.FormerTally):
        lists = {keys.list_key(kind, genre), keys.rating_list_key(kind, genre, magnitude)}
        assert keys.item_key(name).PK not in lists


MADE_BY_NO_MAKER = {
    "TITLE#movie#1": f"TITLE#movie#2 GENRE#x GENRE#028 GENRE#a GENRE#-28 GENRE#0 GENRE#{10**38}",
    "TITLE#film#1": "TITLE#film#1",
    "TITLE#movie#01": "TITLE#movie#01",
    "TITLE#movie#x": "ALL",
    "TITLE#movie#-1": "TITLE#movie#-1",
    "TITLE#movie#0": "ALL",
    f"TITLE#movie#{10**38}": "ALL",
    f"TITLE#movie#{'9' * 1000}": "ALL",
    "GENRE#movie#1": "ALL",
    "GENRE#movie": "TALLY TALLY#8 TALLY#-1 TALLY#01 TALLY#",
    "GENRE#movie#8": "TALLY",
    "GENRE#movie#-1": "TALLY",
    "SLOT#movie#1": f"SLOT#1 SLOT#0312 SLOT#02-1 SLOT#39{10**38}",
    "SLOT#movie#8": "SLOT#010",
    "USER#1": "USER#1",
}
PAIRS = [(pk, sk) for pk, sks in MADE_BY_NO_MAKER.items() for sk in sks.split()]


@pytest.mark.parametrize(("pk", "sk"), [("", ""), ("TITLE#movie#1", ""), *PAIRS])
def test_a_key_that_no_maker_made_is_refused_by_name(pk: str, sk: str) -> None:
    """The error shows the key; it is never interpreted."""
    with pytest.raises(UnknownEntityError) as caught:
        keys.parse_key(pk, sk)
    assert repr(pk) in str(caught.value)


@given(title_keys, ids)
def test_one_range_takes_title_and_memberships_but_not_the_copy(key: TitleKey, genre: int) -> None:
    """ALL < GENRE# < TITLE#"""
    copy, membership = keys.former_listing_key(key).SK, keys.membership_key(key, genre).SK
    assert copy < keys.FIRST_MEMBERSHIP <= membership < keys.title_key(key).SK


@given(names, ids, names, ids)
def test_places_by_name_never_tie(name: str, id_: int, other: str, other_id: int) -> None:
    """Places are equal only for the same id; then the folded names are equal, too."""
    one, two = keys.name_sort_key(name, id_), keys.name_sort_key(other, other_id)
    assert one != two or id_ == other_id


@given(floats, ids, floats, ids)
def test_no_place_is_the_beginning_of_another(a: float, i: int, b: float, j: int) -> None:
    """So a bound made by appending to a place includes or excludes no other place."""
    one, two = keys.number_sort_key(a, i), keys.number_sort_key(b, j)
    assert one == two or not two.startswith(one)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_votes_are_never_of_a_smaller_magnitude(few: int, many: int) -> None:
    """Magnitudes divide the numbers of votes into ranges."""
    few, many = sorted((few, many))
    assert keys.magnitude_of(few) <= keys.magnitude_of(many) <= keys.TOP_MAGNITUDE


@given(kinds, st.none() | ids)
def test_lists_of_different_genres_never_share_a_partition(kind: Kind, genre: int | None) -> None:
    """A partition of an index belongs to one list, and with its magnitude to one part of it."""
    lists = {keys.list_key(kind, genre)} | {
        keys.rating_list_key(kind, genre, magnitude) for magnitude in range(9)
    }
    assert len(lists) == 10
    assert len(keys.list_key(kind, genre).encode()) <= 2048


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
        ("Spider-Man: Far from Home", "spiderman-far-from-home"),
        ("  WALL·E  (2008) ", "walle-2008-"),
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

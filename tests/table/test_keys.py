"""Laws of the key formats: parsing reverses making, and rejects everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import floats, ids, kinds, names, title_keys

from catalog_model import TitleKey
from catalog_model.domain.kinds import Kind
from catalog_model.errors import UnknownEntityError
from catalog_model.table import keys

item_names = st.one_of(
    st.builds(keys.TitleItem, title_keys),
    st.builds(keys.ListingItem, title_keys),
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
    """TITLE# for a title and its memberships, GENRE# for genres, SLOT# for the sampler."""
    prefix = {keys.TallyItem: "GENRE#", keys.SlotItem: "SLOT#"}.get(type(name), "TITLE#")
    assert keys.item_key(name).PK.startswith(prefix)


@pytest.mark.parametrize(
    ("pk", "sk"),
    [
        ("", ""),
        ("TITLE#movie#1", ""),
        ("TITLE#film#1", "TITLE#film#1"),
        ("TITLE#movie#01", "TITLE#movie#01"),
        ("TITLE#movie#1", "TITLE#movie#2"),
        ("TITLE#movie#x", "ALL"),
        ("TITLE#movie#1", "GENRE#x"),
        ("TITLE#movie#1", "GENRE#028"),
        ("GENRE#movie#1", "ALL"),
        ("GENRE#movie", "TALLY"),
        ("SLOT#movie#1", "SLOT#1"),
        ("SLOT#movie#1", "SLOT#0312"),
        ("USER#1", "USER#1"),
        ("TITLE#movie#-1", "TITLE#movie#-1"),
        ("TITLE#movie#0", "ALL"),
        (f"TITLE#movie#{10**38}", "ALL"),
        (f"TITLE#movie#{'9' * 1000}", "ALL"),
        ("TITLE#movie#1", "GENRE#a"),
        ("TITLE#movie#1", "GENRE#-28"),
        ("TITLE#movie#1", "GENRE#0"),
        ("TITLE#movie#1", f"GENRE#{10**38}"),
        ("GENRE#movie#8", "TALLY"),
        ("GENRE#movie#-1", "TALLY"),
        ("SLOT#movie#8", "SLOT#010"),
        ("SLOT#movie#1", "SLOT#02-1"),
        ("SLOT#movie#1", f"SLOT#39{10**38}"),
    ],
)
def test_a_key_that_no_maker_made_is_refused_by_name(pk: str, sk: str) -> None:
    """The error shows the key; it is never interpreted."""
    with pytest.raises(UnknownEntityError) as caught:
        keys.parse_key(pk, sk)
    assert repr(pk) in str(caught.value)


@given(title_keys, ids)
def test_one_range_takes_title_and_memberships_but_not_the_copy(key: TitleKey, genre: int) -> None:
    """ALL < GENRE# < TITLE#"""
    copy, membership = keys.listing_key(key).SK, keys.membership_key(key, genre).SK
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

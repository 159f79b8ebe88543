"""What a layout loses is listed, and restored from the originals: laws for any titles."""

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from other_layouts import Item, as_lists, as_the_course, memberships, with_a_title
from strategies import titles

from catalog_model import TitleKey
from catalog_model.domain.rejection import Sourced
from catalog_model.entities import AnyTitle
from catalog_model.files.layouts import FoundMembership, label_of, read_item
from catalog_model.files.losses import Adoption

Key = Callable[[Item], object]


def by_id(item: Item) -> object:
    """The key of a table with the id alone."""
    return item["id"]["N"]


def by_id_and_title(item: Item) -> object:
    """The key of the course's table."""
    return item["id"]["N"], item["title"]["S"]


def by_id_and_kind(item: Item) -> object:
    """The key of two tables."""
    return item["id"]["N"], "name" in item


LAYOUTS: dict[str, tuple[Callable[[Any], Item], Key]] = {
    "the id alone": (as_lists, by_id),
    "the id alone, with sets": (as_the_course, by_id),
    "id and title": (with_a_title, by_id_and_title),
    "two tables": (as_lists, by_id_and_kind),
}

catalogues = st.lists(
    titles(st.integers(1, 4)).map(
        lambda title: title.replace(genre_ids=[*dict.fromkeys(title.genre_ids)])
    ),
    max_size=6,
    unique_by=lambda title: title.key,
)
"""Titles whose ids collide, without repeated genres, which no set holds."""


def adopted(
    some: Iterable[AnyTitle], layout: str, originals: Iterable[AnyTitle], *, members: bool = False
) -> tuple[dict[TitleKey, AnyTitle], Adoption]:
    """Put titles into a table of a layout, one after the other, and adopt the table."""
    to_item, key = LAYOUTS[layout]
    records = [title.to_json() for title in some]
    table = {key(item): item for item in map(to_item, records)}
    adoption, found = Adoption(originals), dict[TitleKey, AnyTitle]()
    for item in [*table.values(), *(memberships(records) if members else ())]:
        read = read_item(item)
        if isinstance(read, FoundMembership):
            adoption.member(read)
        else:
            place = Sourced(None, "films", label_of(item))
            found |= {each.title.key: each.title for each in adoption.title(read, place)}
    found |= {each.title.key: each.title for each in adoption.rest()}
    return found, adoption


@given(catalogues, st.sampled_from([*LAYOUTS]))
def test_the_originals_restore_everything(some: list[AnyTitle], layout: str) -> None:
    """Whatever the layout lost: order, overwritten titles, genres of a title without any."""
    found, adoption = adopted(some, layout, some)
    assert found == {title.key: title for title in some}
    assert adoption.is_lossless


@given(catalogues, st.sampled_from([*LAYOUTS]), st.booleans())
def test_what_is_not_listed_is_not_lost(some: list[AnyTitle], layout: str, members: bool) -> None:
    """Each title that was taken is exact, or listed with its order.

    Genres are never invented, except for titles without any: their memberships may be those of a
    title that they replaced.
    """
    found, adoption = adopted(some, layout, (), members=members)
    listed = {loss.key for loss in adoption.losses}
    own = {title.key: title for title in some}
    assert found.keys() <= own.keys()
    for key, title in found.items():
        if members and not own[key].genre_ids:
            continue
        assert set(title.genre_ids) <= set(own[key].genre_ids)
        if f"{key.kind} {key.id}" not in listed:
            assert title.to_json() == own[key].to_json()
    if layout == "two tables":
        assert found.keys() == own.keys()


@given(catalogues)
def test_overwritten_titles_are_named_exactly(some: list[AnyTitle]) -> None:
    """Those, and only those, that another with the same id replaced; if both kinds are left."""
    found, adoption = adopted(some, "the id alone", some)
    last = {title.id: title for title in some}
    replaced = {title.key for title in some if last[title.id] != title}
    both = {title.kind for title in last.values()} == {"movie", "tv"}
    named = {loss.key for loss in adoption.losses if loss.what == "overwritten"}
    assert named == ({f"{kind} {id_}" for kind, id_ in replaced} if both else set())
    assert replaced <= found.keys()


@given(catalogues)
def test_a_membership_without_a_title_is_named(some: list[AnyTitle]) -> None:
    """By its id, as it has no kind; if the table has no such id at all."""
    _, adoption = adopted(some[1:], "two tables", (), members=True)
    assert not [loss for loss in adoption.losses if loss.what == "missing"]
    for item in memberships([title.to_json() for title in some[:1]]):
        read = read_item(item)
        assert isinstance(read, FoundMembership)
        adoption.member(read)
    list(adoption.rest())
    expected = {
        f"id {t.id}" for t in some[:1] if t.genre_ids and t.id not in {u.id for u in some[1:]}
    }
    assert {loss.key for loss in adoption.losses if loss.what == "missing"} == expected

"""Every read compared with the plain-Python reference, over the whole catalogue, on every page."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from engines import Engine
from generated import Record, Records
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import DATES, NAMES, Reference, Title, walk
from scaled import scaled

from catalog_model import Catalog, Page, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.genres import genre_name
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.errors import TitleNotFoundError
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS

pytestmark = [pytest.mark.in_memory, pytest.mark.over_aio]

UNKNOWN_GENRES = (1, 99_999, 10**38 - 1)
BOUNDARIES = (0, 1, 3, 4, 15, 16, 63, 64, 255, 256, 1023, 1024, 4095, 4096, 16_383, 16_384)
LISTS: dict[str, tuple[Callable[..., list[Record]], float]] = {
    "list_titles": (Reference.listed, 1),
    "list_titles_in_genre": (Reference.listed, 2.5),
    "list_titles_in_genres": (Reference.in_genres, 3),
    "list_top_rated": (Reference.top_rated, 0.5),
    "list_released_between": (Reference.released_between, 0.5),
    "find_titles_by_name": (Reference.named, 0.5),
}
"""The reference's answer to each list, and its share of the examples."""

EXAMPLES = {"moto": 2, "dynoxide": 60, "memory": 60}
MOST_PAGES = {"moto": 2, "dynoxide": 30, "memory": 30}
"""moto takes many times as long for a Query, so it gets fewer questions."""

_T = TypeVar("_T")
Law = Callable[[_T], None]


class Asking:
    """Compares the table with the reference, as often as the engine's speed allows."""

    def __init__(self, engine: Engine, catalog: Catalog, reference: Reference) -> None:
        self.catalog = catalog
        self.reference = reference
        self._examples = EXAMPLES[engine.name]
        self._most_pages = MOST_PAGES[engine.name]

    def holds(self, questions: st.SearchStrategy[_T], law: Law[_T], *, share: float = 1) -> None:
        """Check the law on random questions."""
        settings(max_examples=scaled(round(share * self._examples)))(given(questions)(law))()

    def agrees(
        self, function: Callable[..., Page[Title]], expected: list[Record], limit: int, **asked: Any
    ) -> None:
        """Check that the pages together are what the reference expects.

        If the list is too long for the engine, the pages are longer.
        """
        limit = max(limit, len(expected) // self._most_pages)

        def page_after(after: str | None) -> Page[Title]:
            return function(self.catalog, limit=limit, after=after, **asked)

        assert walk(page_after, limit) == expected


@pytest.fixture(scope="session")
def reference(records: Records) -> Reference:
    """The records in the form of the reference."""
    return Reference(records)


@pytest.fixture
def asking(engine: Engine, full_catalog: Catalog, reference: Reference) -> Asking:
    """Both sides of a comparison."""
    return Asking(engine, full_catalog, reference)


def genres_of(reference: Reference, kind: Kind) -> list[int]:
    """Return the genres of a kind, and some without titles."""
    return [*reference.genre_counts(kind), *UNKNOWN_GENRES]


def values_of(reference: Reference, kind: Kind, name: str) -> list[Any]:
    """Return the distinct values of a field in the data."""
    found = {record[name] for record in reference.records[kind] if record.get(name)}
    return sorted(found)


def questions(
    name: str, kind: Kind, reference: Reference
) -> st.SearchStrategy[tuple[dict[str, Any], int]]:
    """Draw the arguments of a list, mostly at values in the data and next to them, and a limit."""
    genres = st.sampled_from(genres_of(reference, kind))
    genre = {"genre_id": st.none() | genres}
    direction = {"descending": st.booleans()}
    votes = st.sampled_from(BOUNDARIES) | st.sampled_from(values_of(reference, kind, "vote_count"))
    ratings = st.sampled_from(values_of(reference, kind, "vote_average"))
    days = st.sampled_from(values_of(reference, kind, DATES[kind])) | st.dates().map(str)
    shared = [record["genre_ids"] for record in reference.records[kind] if record["genre_ids"]]
    arguments: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "list_titles": {"order": st.sampled_from(ORDERS), **direction},
        "list_titles_in_genre": {
            "genre_id": genres,
            "order": st.sampled_from(GENRE_ORDERS),
            **direction,
        },
        "list_titles_in_genres": {
            "genre_ids": st.lists(genres, min_size=1, max_size=4) | st.sampled_from(shared),
            "match": st.sampled_from(("all", "any")),
        },
        "list_top_rated": {
            "min_votes": st.builds(lambda n, step: max(-1, n + step), votes, st.integers(-1, 1)),
            "min_rating": ratings | st.sampled_from((0, -1, 6, 7.5, 10)),
            **genre,
        },
        "list_released_between": {"since": days, "until": days, **genre, **direction},
        "find_titles_by_name": {"prefix": prefixes(values_of(reference, kind, NAMES[kind]))},
    }
    asked = st.fixed_dictionaries({"kind": st.just(kind), **arguments[name]})
    return st.tuples(asked, st.integers(1, 50))


@st.composite
def prefixes(draw: st.DrawFn, names: list[str]) -> str:
    """Draw a prefix of a name, with different case, accents, punctuation and spaces."""
    name = draw(st.sampled_from(names))
    prefix = name[: draw(st.integers(0, len(name)))]
    cases: list[Callable[[str], str]] = [str, str.upper, str.lower, str.swapcase, "¡{}".format]
    prefix = draw(st.sampled_from(cases))(prefix)
    spellings = (
        prefix,
        prefix.replace("e", "e\u0301"),
        "'".join(prefix),
        prefix.replace(" ", " \t "),
    )
    return draw(st.sampled_from(spellings))


@st.composite
def key_lists(draw: st.DrawFn, reference: Reference) -> list[TitleKey]:
    """Draw keys of existing titles, missing ones and duplicates."""
    kinds = st.sampled_from(KINDS)
    there = st.sampled_from([record["id"] for record in reference.records[draw(kinds)]])
    keys = st.builds(TitleKey, kinds, there | st.integers(1, 10**38 - 1))
    some = draw(st.lists(keys, max_size=30))
    return some * draw(st.integers(1, 8))


def test_keys_are_answered_in_their_order_with_none_for_missing_titles(asking: Asking) -> None:
    """A list as long as the keys, including duplicates."""
    by_key = {
        TitleKey(kind, record["id"]): record
        for kind in KINDS
        for record in asking.reference.records[kind]
    }

    def law(keys: list[TitleKey]) -> None:
        found = ap.get_titles(asking.catalog, keys)
        assert [title and title.to_json() for title in found] == [by_key.get(key) for key in keys]

    asking.holds(key_lists(asking.reference), law)


@pytest.mark.parametrize("kind", KINDS)
def test_a_title_comes_alone_or_with_its_memberships(asking: Asking, kind: Kind) -> None:
    """get_title and get_title_with_genres agree; memberships are in the order of genre_ids."""

    def law(record: Record) -> None:
        for consistent in (False, True):
            got = ap.get_title(asking.catalog, kind, record["id"], consistent=consistent)
            title, memberships = ap.get_title_with_genres(
                asking.catalog, kind, record["id"], consistent=consistent
            )
            assert title.to_json() == got.to_json() == record
            found = [(m.kind, m.title_id, m.genre_id, m.genre_name) for m in memberships]
            assert found == [
                (kind, record["id"], genre, genre_name(kind, genre))
                for genre in dict.fromkeys(record["genre_ids"])
            ]

    asking.holds(st.sampled_from(asking.reference.records[kind]), law)


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_of_no_title_is_not_found_by_either_read(asking: Asking, kind: Kind) -> None:
    """Including ids of titles of the other kind only."""
    there = {each: {r["id"] for r in asking.reference.records[each]} for each in KINDS}
    others = set.union(*there.values()) - there[kind]
    for title_id in (min(others), max(others), 10**38 - 1):
        with pytest.raises(TitleNotFoundError, match=str(title_id)):
            ap.get_title(asking.catalog, kind, title_id)
        with pytest.raises(TitleNotFoundError, match=str(title_id)):
            ap.get_title_with_genres(asking.catalog, kind, title_id)


@pytest.mark.parametrize("kind", KINDS)
def test_each_genre_begins_with_the_most_popular_of_it(asking: Asking, kind: Kind) -> None:
    """The first page of every list by popularity is in file order, the reference for it."""
    for genre_id in genres_of(asking.reference, kind):
        page = ap.list_titles_in_genre(asking.catalog, kind, genre_id)
        in_file_order = [r for r in asking.reference.records[kind] if genre_id in r["genre_ids"]]
        assert [title.to_json() for title in page.items] == in_file_order[:20]
        assert (page.next is None) == (len(in_file_order) <= 20)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_is_what_the_reference_expects(asking: Asking, kind: Kind, name: str) -> None:
    """Any arguments, in any order and direction; pages neither miss nor repeat a title.

    Also for unknown genres, repeated ones, days in reverse order, and any spelling of a prefix.
    """
    expected, share = LISTS[name]

    def law(question: tuple[dict[str, Any], int]) -> None:
        asked, limit = question
        asking.agrees(
            ap.PATTERNS[name].function, expected(asking.reference, **asked), limit, **asked
        )

    asking.holds(questions(name, kind, asking.reference), law, share=share)


def test_every_boundary_of_a_magnitude_is_strict(engine: Engine, asking: Asking) -> None:
    """One vote less, equal, one more: the filtered partition changes, the rule does not."""
    around = [bound + step for bound in BOUNDARIES for step in (-1, 0, 1)]
    for min_votes in around if engine.is_quick else around[-4:]:
        asked: dict[str, Any] = {"kind": "movie", "min_votes": min_votes, "min_rating": 7}
        expected = asking.reference.top_rated(**asked)
        page = ap.list_top_rated(asking.catalog, limit=1000, **asked)
        assert [title.to_json() for title in page.items] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_exact(asking: Asking, kind: Kind) -> None:
    """All genres with titles, by id, with their names; the total; 0 for an unknown genre."""
    counts = asking.reference.genre_counts(kind)
    found = [(g.id, g.kind, g.name, g.title_count) for g in ap.list_genres(asking.catalog, kind)]
    assert found == [(id_, kind, genre_name(kind, id_), counts[id_]) for id_ in counts]
    assert ap.count_titles(asking.catalog, kind) == len(asking.reference.records[kind])
    for genre_id in genres_of(asking.reference, kind):
        assert ap.count_titles(asking.catalog, kind, genre_id) == counts.get(genre_id, 0)


@pytest.mark.skipif(not os.environ.get("CATALOG_DATA"), reason="figures of the real data only")
@pytest.mark.parametrize(("kind", "how_many"), [("movie", 466), ("tv", 371)])
def test_the_real_data_has_so_many_good_titles(asking: Asking, kind: Kind, how_many: int) -> None:
    """More than 100 votes and better than 6, page by page."""
    bounds: dict[str, Any] = {"min_votes": 100, "min_rating": 6}
    expected = asking.reference.top_rated(kind, **bounds)
    assert len(expected) == how_many
    asking.agrees(ap.list_top_rated, expected, 250, kind=kind, **bounds)

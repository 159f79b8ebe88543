"""Every read compared with the plain-Python reference, over the whole catalogue, on every page."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
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
from catalog_model.table.folding import fold_name

pytestmark = pytest.mark.in_memory

UNKNOWN_GENRES = (1, 99_999, 10**38 - 1)
BOUNDARIES = (0, 1, 3, 4, 15, 16, 63, 64, 255, 256, 1023, 1024, 4095, 4096, 16_383, 16_384)
MATCHES = ("all", "any")
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

    def holds(self, questions: st.SearchStrategy[_T], law: Law[_T], *, cost: int = 1) -> None:
        """Check the law on random questions, on fewer if they are expensive."""
        settings(max_examples=scaled(max(1, self._examples // cost)))(given(questions)(law))()

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


kinds = st.sampled_from(KINDS)
limits = st.integers(1, 50)
directions = st.booleans()


def genres_of(reference: Reference, kind: Kind) -> list[int]:
    """Return the genres of a kind, and some without titles."""
    return [*reference.genre_counts(kind), *UNKNOWN_GENRES]


def values_of(reference: Reference, kind: Kind, name: str) -> list[Any]:
    """Return the distinct values of a field in the data."""
    found = {record[name] for record in reference.records[kind] if record.get(name)}
    return sorted(found)


@st.composite
def top_rated_questions(draw: st.DrawFn, reference: Reference) -> dict[str, Any]:
    """Draw bounds at magnitudes of votes, at values in the data, and next to them."""
    kind = draw(kinds)
    votes = st.sampled_from(BOUNDARIES) | st.sampled_from(values_of(reference, kind, "vote_count"))
    ratings = st.sampled_from(values_of(reference, kind, "vote_average"))
    return {
        "kind": kind,
        "min_votes": max(-1, draw(votes) + draw(st.integers(-1, 1))),
        "min_rating": draw(ratings | st.sampled_from((0, -1, 6, 7.5, 10))),
        "genre_id": draw(st.none() | st.sampled_from(genres_of(reference, kind))),
    }


@st.composite
def release_questions(draw: st.DrawFn, reference: Reference) -> dict[str, Any]:
    """Draw days with releases, in either order, and other days."""
    kind = draw(kinds)
    own = st.sampled_from(values_of(reference, kind, DATES[kind]))
    days = own | st.dates().map(str)
    return {
        "kind": kind,
        "since": draw(days),
        "until": draw(days),
        "genre_id": draw(st.none() | st.sampled_from(genres_of(reference, kind))),
        "descending": draw(directions),
    }


@st.composite
def prefix_questions(draw: st.DrawFn, reference: Reference) -> dict[str, Any]:
    """Draw a prefix of a name, with different case, accents, punctuation and spaces."""
    kind = draw(kinds)
    name = draw(st.sampled_from(values_of(reference, kind, NAMES[kind])))
    prefix = name[: draw(st.integers(0, len(name)))]
    cases: list[Callable[[str], str]] = [str, str.upper, str.lower, str.swapcase, "¡{}".format]
    change = draw(st.sampled_from(cases))
    return {"kind": kind, "prefix": disguised(change(prefix), draw(st.integers(0, 3)))}


def disguised(prefix: str, manner: int) -> str:
    """Rewrite a prefix without changing its folded form."""
    return (
        prefix,
        prefix.replace("e", "e\u0301"),
        "'".join(prefix),
        prefix.replace(" ", " \t "),
    )[manner]


@st.composite
def key_lists(draw: st.DrawFn, reference: Reference) -> list[TitleKey]:
    """Draw keys of existing titles, missing ones and duplicates."""
    kind = draw(kinds)
    there = st.sampled_from([record["id"] for record in reference.records[kind]])
    keys = st.builds(TitleKey, kinds, there | st.integers(1, 10**38 - 1))
    some = draw(st.lists(keys, max_size=30))
    return some * draw(st.integers(1, 8))


def test_every_title_is_got_by_its_key(asking: Asking) -> None:
    """get_titles returns all titles in the requested order, however many."""
    every = [(kind, r) for kind in KINDS for r in reversed(asking.reference.records[kind])]
    found = ap.get_titles(asking.catalog, [TitleKey(kind, r["id"]) for kind, r in every])
    assert [title and title.to_json() for title in found] == [record for _, record in every]


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
    own, others = ({r["id"] for r in asking.reference.records[k]} for k in (kind, _other(kind)))
    for title_id in (min(others - own), max(others - own), 10**38 - 1):
        with pytest.raises(TitleNotFoundError, match=str(title_id)):
            ap.get_title(asking.catalog, kind, title_id)
        with pytest.raises(TitleNotFoundError, match=str(title_id)):
            ap.get_title_with_genres(asking.catalog, kind, title_id)


def _other(kind: Kind) -> Kind:
    return "tv" if kind == "movie" else "movie"


@pytest.mark.parametrize("kind", KINDS)
def test_each_genre_begins_with_the_most_popular_of_it(asking: Asking, kind: Kind) -> None:
    """The first page of every list by popularity is in file order, the reference for it."""
    for genre_id in genres_of(asking.reference, kind):
        page = ap.list_titles_in_genre(asking.catalog, kind, genre_id)
        in_file_order = [r for r in asking.reference.records[kind] if genre_id in r["genre_ids"]]
        assert [title.to_json() for title in page.items] == in_file_order[:20]
        assert (page.next is None) == (len(in_file_order) <= 20)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_all_titles_of_a_kind_come_in_every_order(asking: Asking, kind: Kind, order: str) -> None:
    """(value, id), both reversed when descending; the pages neither miss nor repeat a title."""

    def law(question: tuple[bool, int]) -> None:
        descending, limit = question
        expected = asking.reference.listed(kind, order=order, descending=descending)
        asked = {"kind": kind, "order": order, "descending": descending}
        asking.agrees(ap.list_titles, expected, limit, **asked)

    asking.holds(st.tuples(directions, limits), law, cost=4)


@pytest.mark.parametrize("order", GENRE_ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_titles_of_a_genre_come_in_every_order(asking: Asking, kind: Kind, order: str) -> None:
    """Like all of a kind; an empty or unknown genre is an empty page."""

    def law(question: tuple[int, bool, int]) -> None:
        genre_id, descending, limit = question
        expected = asking.reference.listed(kind, genre_id, order=order, descending=descending)
        asked = {"kind": kind, "genre_id": genre_id, "order": order, "descending": descending}
        asking.agrees(ap.list_titles_in_genre, expected, limit, **asked)

    genres = st.sampled_from(genres_of(asking.reference, kind))
    asking.holds(st.tuples(genres, directions, limits), law, cost=2 if order == "rating" else 1)


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize("kind", KINDS)
def test_several_genres_are_met_in_all_or_in_any(asking: Asking, kind: Kind, match: str) -> None:
    """Each title once, by popularity; order and repetition of the genres do not matter."""

    def law(question: tuple[list[int], int]) -> None:
        genre_ids, limit = question
        expected = asking.reference.in_genres(kind, genre_ids, match)
        asked = {"kind": kind, "genre_ids": genre_ids, "match": match}
        asking.agrees(ap.list_titles_in_genres, expected, limit, **asked)

    genres = st.lists(st.sampled_from(genres_of(asking.reference, kind)), min_size=1, max_size=4)
    asking.holds(st.tuples(genres, limits), law)


@pytest.mark.parametrize("kind", KINDS)
def test_genres_that_titles_share_are_met_together(asking: Asking, kind: Kind) -> None:
    """A title is found by all of its own genres."""

    def law(question: tuple[Record, int]) -> None:
        record, limit = question
        expected = asking.reference.in_genres(kind, record["genre_ids"], "all")
        assert record in expected
        asked = {"kind": kind, "genre_ids": record["genre_ids"]}
        asking.agrees(ap.list_titles_in_genres, expected, limit, **asked)

    with_genres = [record for record in asking.reference.records[kind] if record["genre_ids"]]
    asking.holds(st.tuples(st.sampled_from(with_genres), limits), law)


def test_top_rated_titles_are_above_both_bounds(asking: Asking) -> None:
    """Both bounds are exclusive, best first, for all titles or one genre."""

    def law(question: tuple[dict[str, Any], int]) -> None:
        asked, limit = question
        asking.agrees(ap.list_top_rated, asking.reference.top_rated(**asked), limit, **asked)

    asking.holds(st.tuples(top_rated_questions(asking.reference), limits), law, cost=2)


def test_every_boundary_of_a_magnitude_is_strict(engine: Engine, asking: Asking) -> None:
    """One vote less, equal, one more: the filtered partition changes, the rule does not."""
    around = [bound + step for bound in BOUNDARIES for step in (-1, 0, 1)]
    for min_votes in around if engine.is_quick else around[-4:]:
        asked: dict[str, Any] = {"kind": "movie", "min_votes": min_votes, "min_rating": 7}
        expected = asking.reference.top_rated(**asked)
        page = ap.list_top_rated(asking.catalog, limit=1000, **asked)
        assert [title.to_json() for title in page.items] == expected


def test_titles_released_between_two_days_include_both_days(asking: Asking) -> None:
    """Without titles that have no date; empty if the days are reversed."""

    def law(question: tuple[dict[str, Any], int]) -> None:
        asked, limit = question
        expected = asking.reference.released_between(**asked)
        asking.agrees(ap.list_released_between, expected, limit, **asked)

    asking.holds(st.tuples(release_questions(asking.reference), limits), law)


def test_names_are_found_by_any_spelling_of_their_prefix(asking: Asking) -> None:
    """Ignoring case, accents and punctuation, sorted by name."""

    def law(question: tuple[dict[str, Any], int]) -> None:
        asked, limit = question
        expected = asking.reference.named(**asked)
        asking.agrees(ap.find_titles_by_name, expected, limit, **asked)

    asking.holds(st.tuples(prefix_questions(asking.reference), limits), law)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("Amélie", "AMELIE"),
        ("Spider-Man: No Way Home", "spiderman no way home"),
        ("WALL·E", "walle"),
        ("O'Brien & Söhne", "obrien  sohne"),
        ("Crouching\tTiger", "crouching tiger"),
    ],
)
def test_the_reference_folds_names_as_people_do(written: str, same: str) -> None:
    """The reference uses the package's folding, which is checked here by examples."""
    assert fold_name(written) == fold_name(same)
    assert fold_name(written) != fold_name(same[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_exact(asking: Asking, kind: Kind) -> None:
    """All genres with titles, by id, with their names; the total; 0 for an unknown genre."""
    counts = asking.reference.genre_counts(kind)
    found = [(g.id, g.kind, g.name, g.title_count) for g in ap.list_genres(asking.catalog, kind)]
    assert found == [(id_, kind, genre_name(kind, id_), counts[id_]) for id_ in counts]
    assert ap.count_titles(asking.catalog, kind) == len(asking.reference.records[kind])
    for genre_id in genres_of(asking.reference, kind):
        assert ap.count_titles(asking.catalog, kind, genre_id) == counts.get(genre_id, 0)


def test_samples_are_titles_of_the_kind(asking: Asking) -> None:
    """Distinct ones, as many as requested or as exist."""
    for kind in KINDS:
        records = asking.reference.records[kind]
        for count in (0, 1, 20, 101, len(records), 10**37):
            picked = [title.to_json() for title in ap.sample_titles(asking.catalog, kind, count)]
            assert len({record["id"] for record in picked}) == min(count, len(records))
            assert all(record in records for record in picked)


@pytest.mark.skipif(not os.environ.get("CATALOG_DATA"), reason="figures of the real data only")
@pytest.mark.parametrize(("kind", "how_many"), [("movie", 466), ("tv", 371)])
def test_the_real_catalogue_has_so_many_good_titles(
    asking: Asking, kind: Kind, how_many: int
) -> None:
    """More than 100 votes and better than 6, page by page."""

    def page_after(after: str | None) -> Page[Title]:
        bounds: dict[str, Any] = {"min_votes": 100, "min_rating": 6, "limit": 250}
        return ap.list_top_rated(asking.catalog, kind, after=after, **bounds)

    found = walk(page_after, 250)
    assert len(found) == how_many
    assert _ids(found) == _ids(asking.reference.top_rated(kind, min_votes=100, min_rating=6))


def _ids(records: Iterable[Record]) -> list[int]:
    return [record["id"] for record in records]

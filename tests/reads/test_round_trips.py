"""How many times each read waits for answers: as declared, and at most twice on the real data."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pytest
from memory_engine import items_of
from scaled import some_of

from catalog_model import Movie, Page, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.trace import Request
from catalog_model.reads.orders import ORDERS
from docs.calls import READS, reads

LIMITS = (1, 20, 100)
MOST_PAGES = 3
MOST = 2
"""The most round trips of a read; `match="all"` states its own."""


@pytest.fixture(scope="module")
def stored(titles: list[Movie | TVShow]) -> OfflineCatalog:
    """A handle on all titles, in memory."""
    return OfflineCatalog("films", items=items_of(tuple(titles)))


def trips_of(requests: list[Request]) -> int:
    """Return the number of round trips; they are numbered without gaps."""
    numbers = [each.round_trip for each in requests]
    assert numbers == sorted(numbers)
    assert {*numbers} == {*range(1, len({*numbers}) + 1)}
    return len({*numbers})


def walked(catalog: OfflineCatalog, name: str, **arguments: Any) -> Iterator[int]:
    """Call a read, and go on to the pages that follow; yield the round trips of each page."""
    pattern = ap.PATTERNS[name]
    for _ in range(MOST_PAGES):
        with catalog.trace() as trace:
            page: Page[Any] = pattern.function(catalog, **arguments)
        yield trips_of(trace.requests)
        if page.next is None:
            return
        arguments["after"] = page.next


def genres_of(titles: list[Movie | TVShow], kind: Kind) -> list[int]:
    """Return all genres of a kind."""
    return sorted({genre for each in titles if each.kind == kind for genre in each.genre_ids})


@pytest.mark.parametrize("name", READS)
def test_a_read_waits_at_most_twice(
    stored: OfflineCatalog, titles: list[Movie | TVShow], name: str
) -> None:
    """Each of the calls that are measured, and its next pages; and as often as it declares."""
    found = Counter[int]()
    for call in some_of([call for call in reads(titles) if call.pattern == name]):
        limit = call.arguments.get("limit", 20)
        for each in call.explained(stored):
            made, declared = each.comparison.round_trips, each.comparison.most_round_trips
            assert made <= declared, (call.arguments, made, declared)
            if limit <= max(LIMITS) and call.arguments.get("match") != "all":
                assert made <= MOST, call.arguments
                found[made] += 1
    assert found[1] > 0


@pytest.mark.parametrize(("kind", "limit"), [*product(KINDS, LIMITS)])
def test_a_page_by_rating_waits_at_most_twice(
    stored: OfflineCatalog, titles: list[Movie | TVShow], kind: Kind, limit: int
) -> None:
    """Of all titles and of each genre, best first and worst first."""
    genres: list[Mapping[str, int]] = [{"genre_id": each} for each in genres_of(titles, kind)]
    for genre, descending in some_of([*product([{}, *genres], (True, False))]):
        name = "list_titles_in_genre" if genre else "list_titles"
        asked = {"kind": kind, "order": "rating", "descending": descending, "limit": limit}
        assert max(walked(stored, name, **asked, **genre)) <= MOST, (genre, descending)


@pytest.mark.parametrize(("kind", "limit"), [*product(KINDS, LIMITS)])
def test_a_page_above_a_number_of_votes_waits_at_most_twice(
    stored: OfflineCatalog, titles: list[Movie | TVShow], kind: Kind, limit: int
) -> None:
    """Although titles of the lowest partition are dropped after they are read."""
    genres = [None, *genres_of(titles, kind)]
    for genre_id, min_votes in some_of([*product(genres, (3, 100, 999, 3000))]):
        asked = {"min_votes": min_votes, "min_rating": 6, "genre_id": genre_id, "limit": limit}
        trips = [*walked(stored, "list_top_rated", kind=kind, **asked)]
        assert max(trips) <= MOST, asked


def test_a_page_above_a_number_of_votes_declares_hardly_more_requests_than_it_makes(
    stored: OfflineCatalog, titles: list[Movie | TVShow]
) -> None:
    """At most 9 at once, and then at most 32 at once, as titles are dropped after they are read."""
    calls = [call for call in reads(titles) if call.pattern == "list_top_rated"]
    every = [each.comparison for call in calls for each in call.explained(stored)]
    assert max(each.most_requests for each in every) <= 9 + 32
    assert max(len(each.requests) for each in every) > 9
    assert all(len(each.requests) <= each.most_requests for each in every)


@pytest.mark.parametrize("order", [each for each in ORDERS if each != "rating"])
def test_a_list_that_is_one_partition_is_one_round_trip(stored: OfflineCatalog, order: str) -> None:
    """One Query for each page."""
    for kind, limit in product(KINDS, LIMITS):
        asked = {"kind": kind, "order": order, "limit": limit}
        assert {*walked(stored, "list_titles", **asked)} == {1}

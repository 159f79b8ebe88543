"""Generated catalogues are realistic and repeatable, and the calls on them cost what is shown."""

import statistics
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from engines import has_dynoxide
from table_dump import assert_in_step, by_key, dump

from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import offline_catalog
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.typed_json import primary_key
from catalog_model.local import start_engine
from catalog_model.maintenance.verify import verify
from docs import scale
from docs.catalogues import GENRES, titles
from docs.filling import TABLE, fill, items_of
from docs.packed import packed_catalog

SOME = 300
"""Titles for tests of items."""


def test_the_same_seed_gives_the_same_titles_and_another_one_others() -> None:
    """And a smaller catalogue is the beginning of a larger one."""
    assert list(titles(50)) == list(islice(titles(80), 50))
    assert list(titles(50, seed=1)) == list(titles(50, seed=1))
    assert list(titles(50, seed=1)) != list(titles(50, seed=2))


def test_titles_have_different_keys() -> None:
    """Movies and shows in turn, some ids in both kinds."""
    keys = Counter(title.key for title in titles(6000))
    assert max(keys.values()) == 1
    assert Counter(key.kind for key in keys) == dict.fromkeys(KINDS, 3000)


def test_titles_resemble_those_of_the_application() -> None:
    """In their sizes, numbers of genres and order of the genres by size."""
    several = list(titles(4000))
    sizes = [len(title.to_json_text().encode()) for title in several]
    assert 500 < statistics.mean(sizes) < 900
    assert 1500 < max(sizes) < 4000
    for kind in KINDS:
        of_kind = [title for title in several if title.kind == kind]
        assert 2 < statistics.mean(len(title.genre_ids) for title in of_kind) < 3
        found = Counter(genre for title in of_kind for genre in title.genre_ids)
        largest = [genre for genre, _ in found.most_common(3)]
        assert set(largest) <= set(list(GENRES[kind])[:4])
        votes = sorted(title.vote_count for title in of_kind)
        assert votes[len(votes) // 2] < 200
        assert votes[-10] > 5000


def test_the_items_are_those_of_a_load() -> None:
    """Each of them, except for versions and slots, which are random."""
    several = list(titles(SOME))
    found: list[Any] = []
    assert items_of(several, found.append) == SOME
    loaded = offline_catalog(several).items()
    names = {primary_key(item): item.keys() for item in found}
    assert len(names) == len(found)
    assert Counter(pk.partition("#")[0] for pk, _ in names) == Counter(
        item["PK"]["S"].partition("#")[0] for item in loaded
    )


@pytest.mark.skipif(not has_dynoxide(), reason="dynoxide is missing")
def test_a_filled_database_is_in_step(tmp_path: Path) -> None:
    """It has all titles, and `verify` finds nothing."""
    several = list(titles(SOME))
    count = fill(tmp_path, several)
    with start_engine("dynoxide", folder=tmp_path) as engine:
        catalog = engine.catalog(TABLE)
        assert len(dump(catalog)) == count
        assert assert_in_step(catalog) == by_key(several)
        assert verify(catalog).is_clean


@pytest.mark.slow
def test_packed_items_answer_and_cost_as_others() -> None:
    """The same requests and units for all calls, and the same titles."""
    several = list(titles(scale.ASKED))
    packed, plain = packed_catalog(several), offline_catalog(several)
    for kind in KINDS:
        assert ap.list_titles(packed, kind).items == ap.list_titles(plain, kind).items
        assert ap.list_genres(packed, kind) == ap.list_genres(plain, kind)
    found, expected = (scale.measure_calls({len(several): each}) for each in (packed, plain))
    for one, other in zip(found, expected, strict=True):
        assert (one.pattern, one.case, one.calls) == (other.pattern, other.case, other.calls)
        assert one.requests == pytest.approx(other.requests, rel=0.05)
        assert one.units == pytest.approx(other.units, rel=0.05)
    assert ap.count_titles(packed, "movie") == len(several) / 2


def test_the_cost_of_a_call_does_not_grow_with_the_catalogue() -> None:
    """From the smallest to the largest catalogue, for each kind of call that was measured."""
    sizes = sorted({each.size for each in scale.measured()})
    assert sizes[-1] >= 100 * sizes[0]
    found = {(each.pattern, each.case, each.size): each for each in scale.measured()}
    for (pattern, case, size), each in found.items():
        smallest = found[pattern, case, sizes[0]]
        if (pattern, case) not in GROWING:
            assert each.requests <= 1.5 * smallest.requests + 1, (pattern, case, size)
            assert each.units <= 1.6 * smallest.units + 3, (pattern, case, size)


GROWING = {("list_titles_in_genres", "match=all"), ("list_top_rated", "")}
"""A page reads until it is full, and drops titles; a small catalogue cannot fill it."""


def test_where_titles_are_dropped_a_page_costs_what_filling_it_requires() -> None:
    """In large catalogues, whose lists are long enough to fill the page, no more than that."""
    for each in GROWING:
        found = [made for made in scale.measured() if (made.pattern, made.case) == each]
        large = [made.units for made in found if made.size >= 100_000]
        assert max(large) <= 1.5 * min(large), each


def test_every_access_pattern_was_measured() -> None:
    """At each size."""
    sizes = {each.size for each in scale.measured()}
    for size in sizes:
        assert {each.pattern for each in scale.measured() if each.size == size} == set(ap.PATTERNS)

"""What an access pattern declares is what it asks for: every request of it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from engines import Engine

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.explain import Explanation
from catalog_model.operations import create_table, delete_table
from docs import calls

ROOT = Path(__file__).parents[1]


def departures(explanations: Iterable[Explanation], engine: Engine) -> list[str]:
    """Say where calls depart from what their patterns declare; moto's units are constants."""
    return [
        f"{each.comparison.pattern.name}{dict(each.comparison.arguments)}: {departure.what}"
        for each in explanations
        for departure in each.comparison.departures
        if engine.measures or departure.check != "units"
    ]


def steps_made(explanations: Iterable[Explanation]) -> set[int]:
    """Give which steps made a request, by identity."""
    lines = (line for each in explanations for line in each.comparison.lines)
    return {id(line.step) for line in lines if line.requests}


@pytest.fixture(scope="module")
def many_titles(engine: Engine, titles: list[Movie | TVShow]) -> list[Movie | TVShow]:
    """The whole catalogue; part of it where each Query looks at all there is, as moto's does."""
    return titles if engine.measures else titles[::16]


@pytest.fixture(scope="module")
def filled(engine: Engine, many_titles: list[Movie | TVShow]) -> Iterator[Catalog]:
    """A handle on a table with these titles; nobody writes to it."""
    catalog = engine.catalog()
    create_table(catalog)
    ap.load_titles(catalog, many_titles)
    yield catalog
    delete_table(catalog)


@pytest.mark.parametrize("name", calls.READS)
def test_a_read_asks_for_what_it_declares(
    filled: Catalog, engine: Engine, many_titles: list[Movie | TVShow], name: str
) -> None:
    """Operation, index, key condition and consistency; at most so many requests, items and units.

    And every request that is declared is made by some call.
    """
    asked = [call for call in calls.reads(many_titles) if call.pattern == name]
    explained = [each for call in asked for each in call.explained(filled)]
    assert departures(explained, engine) == []
    assert steps_made(explained) == {id(step) for step in ap.PATTERNS[name].steps}


def test_a_write_asks_for_what_it_declares(
    catalog: Catalog, engine: Engine, many_titles: list[Movie | TVShow]
) -> None:
    """The same for creations, changes, deletions and loads, each on what the ones before left."""
    explained = [each for call in calls.writes(many_titles) for each in call.explained(catalog)]
    assert departures(explained, engine) == []
    assert {each.comparison.pattern.name for each in explained} == set(calls.WRITES)
    every = {id(step) for name in calls.WRITES for step in ap.PATTERNS[name].steps}
    assert steps_made(explained) == every
    assert [each.error for each in explained if each.error] == []

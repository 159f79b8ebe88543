"""Access patterns make exactly the requests that they declare, at the declared costs."""

import re
from collections.abc import Iterable, Iterator
from inspect import signature
from pathlib import Path
from typing import get_type_hints

import pytest
from engines import Engine
from memory_engine import fill
from scaled import some_of

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import Explanation
from catalog_model.declarations import pattern
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.dynamodb.conversation import Conversation
from catalog_model.operations import create_table, delete_table
from catalog_model.table.indexes import INDEXES
from docs import calls

pytestmark = pytest.mark.one_engine

ROOT = Path(__file__).parents[2]
DIFF = re.compile(r"^```diff$.*?^```$", re.DOTALL | re.MULTILINE)
"""Additions of a how-to page, which do not exist yet."""


def departures(explanations: Iterable[Explanation], engine: Engine) -> list[str]:
    """Return where calls differ from their declarations; moto's units are constants."""
    return [
        f"{each.comparison.pattern.name}{dict(each.comparison.arguments)}: {departure.what}"
        for each in explanations
        for departure in each.comparison.departures
        if engine.measures or departure.check != "units"
    ]


def steps_made(explanations: Iterable[Explanation]) -> set[int]:
    """Return the steps that made a request, by identity."""
    lines = (line for each in explanations for line in each.comparison.lines)
    return {id(line.step) for line in lines if line.requests}


@pytest.fixture(scope="module")
def many_titles(engine: Engine, titles: list[Movie | TVShow]) -> list[Movie | TVShow]:
    """The whole catalogue; part of it in a quick run, or where the engine is slow, as moto is."""
    return list(some_of(titles)) if engine.measures else titles[::16]


@pytest.fixture(scope="module")
def filled(engine: Engine, many_titles: list[Movie | TVShow]) -> Iterator[Catalog]:
    """A handle on a table with these titles, for reading only."""
    catalog = engine.catalog()
    create_table(catalog)
    fill(catalog, many_titles)
    yield catalog
    delete_table(catalog)


@pytest.mark.parametrize("name", calls.READS)
def test_a_read_asks_for_what_it_declares(
    filled: Catalog, engine: Engine, many_titles: list[Movie | TVShow], name: str
) -> None:
    """Operation, index, key condition and consistency; the maximum of requests, items and units.

    Every declared request is made by some call, except those of unusual cases.
    """
    asked = [call for call in calls.reads(many_titles) if call.pattern == name]
    explained = [each for call in asked for each in call.explained(filled)]
    assert departures(explained, engine) == []
    assert steps_made(explained) == {id(step) for step in ap.PATTERNS[name].usual}


def test_a_write_asks_for_what_it_declares(
    catalog: Catalog, engine: Engine, many_titles: list[Movie | TVShow]
) -> None:
    """The same for creations, changes, deletions and loads, each after the previous ones.

    Without the steps of unusual cases, which `test_update_title` covers.
    """
    explained = [each for call in calls.writes(many_titles) for each in call.explained(catalog)]
    assert departures(explained, engine) == []
    assert {each.comparison.pattern.name for each in explained} == set(calls.WRITES)
    every = {id(step) for name in calls.WRITES for step in ap.PATTERNS[name].usual}
    assert steps_made(explained) >= every
    assert [each.error for each in explained if each.error] == []


def test_every_access_pattern_is_called_here() -> None:
    """A new pattern without calls fails here, and so do calls of an unknown one."""
    assert {*calls.READS, *calls.WRITES} == set(ap.PATTERNS)
    for name, declared in ap.PATTERNS.items():
        assert (name in calls.WRITES) == (declared.role == "write")


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_every_access_pattern_is_declared_in_full(name: str) -> None:
    """A question in one line, steps with keys of existing indexes, and their reads."""
    pattern = ap.PATTERNS[name]
    assert pattern.question
    assert "\n" not in pattern.question
    assert pattern.steps
    for each in pattern.steps:
        assert each.key_conditions
        assert each.index in ("table", *INDEXES)
        assert each.operation in ("GetItem", "BatchGetItem", "Query", "TransactWriteItems")
        assert set(each.when) | set(each.unless) <= set(signature(pattern.function).parameters)


def test_what_the_documentation_names_exists() -> None:
    """Every function in its tables is an access pattern, and every `ap.` in it can be imported."""
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    for page in pages:
        text = DIFF.sub("", page.read_text("utf-8"))
        used = set(re.findall(r"\bap\.(\w+)\(", text))
        assert used <= set(ap.__all__), page.name
    for page in (ROOT / "README.md", ROOT / "docs" / "access-patterns.md"):
        rows = re.findall(r"^\| [^|]+ \| `(\w+)` \|", page.read_text("utf-8"), re.MULTILINE)
        assert rows == list(ap.PATTERNS), page.name


def test_a_declared_pattern_is_a_function_like_its_conversation() -> None:
    """Name, arguments and docstring are those of the conversation; it returns the result."""

    def ask(catalog: Catalog, kind: str, *, limit: int = 20) -> Conversation[list[str]]:
        """Ask."""
        yield ()
        return [catalog.table, kind] * limit

    declared = access_pattern("A question", step("Query", "PK = <a>", units="1"), consistency="")
    function = declared(ask)
    assert (function.__name__, function.__doc__) == ("ask", "Ask.")
    assert list(signature(function).parameters) == ["catalog", "kind", "limit"]
    assert get_type_hints(function)["return"] == list[str]
    assert function(Catalog("films"), "tv", limit=2) == ["films", "tv"] * 2
    assert function(limit=1, kind="tv", catalog=Catalog("films")) == ["films", "tv"]
    assert pattern._declared["ask"].conversation is ask
    with pytest.raises(TypeError, match=r"ask\(\) missing 1 required positional argument"):
        function(Catalog("films"))  # type: ignore[call-arg]
    del pattern._declared["ask"]

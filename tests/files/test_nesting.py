"""The nesting limit of JSON is the package's, independent of the Python version."""

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from generated import Record, Records
from hypothesis import given
from hypothesis import strategies as st
from open_files import parse_title

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.checks import nesting, shown
from catalog_model.checks.nesting import MAX_NESTING, nests_too_deeply, parse_json
from catalog_model.errors import CatalogError
from catalog_model.files.json_input import parse
from catalog_model.files.reader import read_titles
from examples.netflix_movie_catalog.app import create_app

DEPTHS = (1, 31, 32, 33, 500, 848, 849, 850, 851, 900, 999, 1000, 1001, 3000, 20_000, 100_000)
LIMITS = (0, 9_000)
"""Added to the recursion limit, so that the parser goes as deep as that of a later Python."""

BRACKETS = {"arrays": ("[", "]"), "objects": ('{"a":', "}")}


@pytest.fixture(params=LIMITS)
def _limit(request: pytest.FixtureRequest) -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + request.param)
    yield
    sys.setrecursionlimit(before)


pytestmark = pytest.mark.usefixtures("_limit")


def nested(levels: int, kind: str = "arrays", core: str = "1") -> str:
    opening, closing = BRACKETS[kind]
    return opening * levels + core + closing * levels


@pytest.fixture
def movie(catalog: Catalog, records: Records) -> Record:
    record = next(iter(records["movie"].values()))
    ap.put_title(catalog, Movie.from_json(record))
    return record


@pytest.mark.parametrize("kind", BRACKETS)
def test_the_application_has_its_own_bound(catalog: Catalog, movie: Record, kind: str) -> None:
    """An unknown attribute may be deep; a deep popularity is not a number."""
    client = create_app(catalog).test_client()
    for levels in DEPTHS:
        deep = nested(levels, kind)
        known = f'{{"movieId": "{movie["id"]}", "popularity": {deep}}}'
        beside = f'{{"movieId": "{movie["id"]}", "popularity": 5.5, "more": {deep}}}'
        cut = f'{{"movieId": "{movie["id"]}", "popularity": {deep[:-levels]}'
        fits = levels + 1 <= MAX_NESTING
        answers = [
            client.post("/updatePopularity", data=body, content_type="application/json")
            for body in (known, beside, cut)
        ]
        assert [each.status_code for each in answers] == [400, 200 if fits else 400, 400], levels
        if fits:
            assert answers[0].json == {"error": "Popularity value must be a float"}
            assert answers[2].mimetype == "text/html", "malformed"
        else:
            told = [each.get_json()["error"] for each in answers]
            assert told == ["The body is nested too deeply"] * 3


def outcome(function: Callable[[], Any]) -> str:
    """Return the outcome of a call as text."""
    try:
        return f"returned {shown(function())}"
    except CatalogError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("kind", BRACKETS)
def test_files_are_read_to_the_same_depth(kind: str, tmp_path: Any) -> None:
    """Too deep for DynamoDB is a rejected record; too deep for the package, an unreadable file."""
    fields = {"title": "A", "genre_ids": [], "popularity": 1.0, "vote_average": 1.0}
    path = tmp_path / "movies.json"
    for levels in DEPTHS:
        head = json.dumps({"id": 5, **fields, "vote_count": 1})[:-1]
        text = f'{head}, "more": {nested(levels, kind)}}}'
        path.write_text(f'{{"5": {text}}}')
        read = outcome(lambda: [type(each).__name__ for each in read_titles(path, "movie")])
        alone = outcome(lambda raw=text: parse_title(raw.encode(), "movie", "x"))  # type: ignore[misc]
        for found, around in ((read, 2), (alone, 1)):
            if levels + around > MAX_NESTING:
                assert "nested too deeply" in found
            elif levels > 31:
                is_rejected = found == "returned ['Rejection']"
                assert is_rejected or ("Error: x: more" in found and "nested at most" in found)
            else:
                assert found in ("returned ['Movie']", "returned <Movie 5 'A'>")


MALFORMED = ("", "1", '{"a":1,"a":2}', "nul", "1" * 5000, '"\ud800', '"\\')


@pytest.mark.parametrize("core", MALFORMED)
@pytest.mark.parametrize("is_closed", [True, False])
def test_what_is_malformed_far_inside_is_refused_for_the_depth(core: str, is_closed: bool) -> None:
    """The depth is reported first in every Python, whatever else is wrong."""
    text = nested(MAX_NESTING + 1, "arrays", core)
    data = (text if is_closed else text.rstrip("]")).encode("utf-8", "surrogatepass")
    with pytest.raises(CatalogError, match="nested too deeply"):
        parse(data)


json_values = st.recursive(
    st.none() | st.text('"\\[]{}a') | st.integers(0, 9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('"[{\\'), inner, max_size=3)
    ),
    max_leaves=12,
)


def levels_of(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max(map(levels_of, parts), default=0) if isinstance(value, (dict, list)) else 0


@given(json_values, st.booleans(), st.text("[{ab", max_size=5))
def test_the_levels_are_those_of_the_value(value: Any, ensure_ascii: bool, behind: str) -> None:
    """Brackets in strings do not count, and neither does text after the value."""
    text = json.dumps(value, ensure_ascii=ensure_ascii)
    with pytest.MonkeyPatch.context() as patch:
        for bound, usual in itertools.product(range(1, 6), range(3)):
            patch.setattr(nesting, "MAX_NESTING", bound)
            patch.setattr(nesting, "_USUAL_LEVELS", usual)
            assert nests_too_deeply(text) is (levels_of(value) > bound)
            assert nests_too_deeply(f"  {text}{behind}", 2, 2 + len(text)) is nests_too_deeply(text)
            if isinstance(value, (list, dict)):
                assert nests_too_deeply(text + behind) is nests_too_deeply(text)


@pytest.mark.parametrize("bracket", BRACKETS.values())
def test_no_parser_begins_what_is_too_deep(bracket: tuple[str, str]) -> None:
    """A parser that exhausts the stack breaks finalizers that run at the same time."""

    class Parser(json.JSONDecoder):
        def decode(self, s: str, *_: Any) -> Any:
            return len(s)

    for levels in (MAX_NESTING, MAX_NESTING + 1, 100_000):
        text = bracket[0] * levels + "1" + bracket[1] * levels
        if levels <= MAX_NESTING:
            assert parse_json(text, Parser()) == len(text)
        else:
            with pytest.raises(ValueError, match="nested too deeply"):
                parse_json(text, Parser())


@pytest.mark.parametrize("text", ['"' + '\\"' * 10**6, '"' * (10**6 + 1), '["\\' * 10**6])
def test_a_hostile_text_takes_no_longer_than_its_length(text: str) -> None:
    """Unterminated strings and escapes of their ends; quadratic time would be hours."""
    began = time.monotonic()
    assert nests_too_deeply("[" * MAX_NESTING + text) == text.startswith('["')
    assert time.monotonic() - began < 10


def test_an_error_shows_a_deep_value_in_the_same_words() -> None:
    """Including one that contains itself."""
    for levels in (250, 900, 5000):
        value: Any = []
        for _ in range(levels):
            value = [value]
        assert shown(value) == "list too large to be shown"
    itself: list[Any] = []
    itself += [itself, itself]
    assert shown([itself, [[1] * 3] * 2]) == "[[[...], [...]], [[1, 1, 1], [1, 1, 1]]]"

"""The records of titles as JSON: byte for byte what `json.dumps` and Flask's ``jsonify`` write."""

import json
from typing import Any

import flask
import pytest
from generated import Records
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scaled import scaled

from catalog_model import Movie, TVShow
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import InvalidTitleError
from catalog_model.flask import records as module
from catalog_model.flask.records import records_json

AWKWARD = '\x7f\x1f\x00\t\n"\\/<é\u2028😀'
REQUIRED: dict[str, Any] = {
    "id": 1,
    "title": "Up",
    "genre_ids": [1],
    "popularity": 1.5,
    "vote_average": 0.0,
    "vote_count": 3,
}


def by_json(titles: list[Movie | TVShow]) -> str:
    """Return the text by the standard library alone."""
    records = [title.to_json() for title in titles]
    return json.dumps(records, sort_keys=True, separators=(",", ":"))


def assert_same(**attributes: Any) -> None:
    """Compare the texts of one movie."""
    movie = Movie.from_json({**REQUIRED, **attributes})
    assert records_json([movie]) == by_json([movie])


@pytest.mark.parametrize("parser", ["orjson", "json"])
@pytest.mark.parametrize("kind", KINDS)
def test_all_records_are_written_as_by_json(
    kind: Kind, parser: str, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With orjson and without; most of them by orjson where it is installed."""
    titles = [TITLE_CLASSES[kind].from_json(record) for record in records[kind].values()]
    left: list[object] = []
    if parser == "json":
        monkeypatch.setattr(module, "fast_dumps", None)
    else:
        monkeypatch.setattr(module, "json", _Counting(left))
    assert records_json(titles) == by_json(titles)
    assert len(left) < len(titles) or parser == "json"
    assert records_json([]) == "[]"


class _Counting:
    """`json`, which counts what it writes."""

    def __init__(self, written: list[object]) -> None:
        self._written = written

    def dumps(self, value: object, **settings: Any) -> str:
        self._written.append(value)
        return json.dumps(value, **settings)


@settings(max_examples=scaled(400))
@given(popularity=st.floats(allow_nan=False, allow_infinity=False, width=64))
@example(1e16)
@example(9999999999999998.0)
@example(1e-4)
@example(0.00009999999999999999)
@example(-5.5)
@example(-0.0)
@example(5e-324)
def test_all_floats_are_written_as_by_json(popularity: float) -> None:
    """With an exponent and without, of both signs."""
    try:
        assert_same(popularity=popularity)
    except InvalidTitleError:
        assert not 1e-130 <= abs(popularity) < 1e126


@settings(max_examples=scaled(200))
@given(text=st.text(max_size=5))
@example(AWKWARD)
def test_all_texts_are_written_as_by_json(text: str) -> None:
    """Characters that one of them escapes, in values and in unknown names."""
    assert_same(title=text)
    assert_same(**{f"x{text}": {text: [text, 1e-9, 10**30]}})


@pytest.mark.parametrize("number", [0, 7, -7, 2**63, 10**38 - 1, 10**20])
def test_whole_numbers_are_written_as_by_json(number: int) -> None:
    """Of any size, also in place of floats."""
    assert_same(popularity=number)
    assert_same(vote_count=abs(number), id=abs(number) or 1)


def test_it_is_what_jsonify_writes(records: Records) -> None:
    """Apart from the line break at its end."""
    app = flask.Flask("shop")
    titles = [Movie.from_json(record) for record in list(records["movie"].values())[:20]]
    with app.test_request_context():
        expected = flask.jsonify([title.to_json() for title in titles]).get_data(as_text=True)
    assert f"{records_json(titles)}\n" == expected

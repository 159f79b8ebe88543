"""The lost update, and its prevention: `update_title`, and `put_title` with ``if_unchanged``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from engines import Engine
from hypothesis import given
from hypothesis import strategies as st
from strategies import floats, genre_lists, names, titles
from table_dump import assert_in_step, dump, hooked, movie, once

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import explain
from catalog_model.analysis.offline import offline_catalog
from catalog_model.cli.arguments import attribute_value
from catalog_model.errors import (
    ConflictError,
    InvalidArgumentError,
    InvalidTitleError,
    TitleNotFoundError,
)
from catalog_model.local import Engine as LocalEngine
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec, keys

pytestmark = pytest.mark.every_engine

HEAT = movie(949, 28, 80, title="Heat", overview="A heist.", popularity=5.0)

BEFORE_WRITING = "before-call.dynamodb.TransactWriteItems"


def stored(catalog: Catalog) -> Any:
    """Read the current title."""
    return ap.get_title(catalog, *HEAT.key, consistent=True)


def test_what_others_change_meanwhile_stays(catalog: Catalog) -> None:
    """Another writer changes something else between the read and the write of a change."""
    ap.put_title(catalog, HEAT)

    def others() -> None:
        ap.update_popularity(catalog, *HEAT.key, 9.5)
        ap.set_genres(catalog, *HEAT.key, [18])

    with hooked(catalog, BEFORE_WRITING, once(others)):
        answer = ap.update_title(catalog, *HEAT.key, overview="Mine.")
    assert answer == HEAT.replace(popularity=9.5, genre_ids=[18], overview="Mine.")
    assert stored(catalog) == answer
    assert_in_step(catalog)


def test_a_title_is_replaced_only_as_it_was_read(catalog: Catalog) -> None:
    """Read, changed and put back: concurrent changes are not overwritten."""
    ap.put_title(catalog, HEAT)
    mine = stored(catalog)
    ap.update_popularity(catalog, *HEAT.key, 9.5)
    with pytest.raises(ConflictError, match=r"<Movie 949 'Heat'> in .* is another by now"):
        ap.put_title(catalog, mine.replace(overview="Mine."), if_unchanged=mine)
    assert stored(catalog) == HEAT.replace(popularity=9.5)
    mine = stored(catalog)
    after = mine.replace(overview="Mine.", genre_ids=[18])
    assert ap.put_title(catalog, after, if_unchanged=mine) == after
    assert stored(catalog) == after
    assert_in_step(catalog)


@pytest.mark.parametrize("change", ["a change", "a deletion", "a change that is taken back"])
def test_a_change_between_reading_and_writing_is_seen(catalog: Catalog, change: str) -> None:
    """Only the state at the time of the write matters."""
    ap.put_title(catalog, HEAT)

    def others() -> None:
        if change == "a deletion":
            ap.delete_title(catalog, *HEAT.key)
            return
        ap.update_popularity(catalog, *HEAT.key, 9.5)
        if change == "a change that is taken back":
            ap.update_popularity(catalog, *HEAT.key, 5.0)

    def put() -> Any:
        return ap.put_title(catalog, HEAT.replace(overview="Mine."), if_unchanged=HEAT)

    with hooked(catalog, BEFORE_WRITING, once(others)):
        if change == "a change that is taken back":
            assert put() == HEAT.replace(overview="Mine.")
        else:
            with pytest.raises(ConflictError):
                put()
    assert verify(catalog).is_clean


def test_a_title_that_is_gone_is_not_put_again(catalog: Catalog) -> None:
    """Nor is one that never existed."""
    with pytest.raises(ConflictError, match="is gone"):
        ap.put_title(catalog, HEAT, if_unchanged=HEAT)
    assert dump(catalog) == {}


def test_a_title_that_is_one_in_numbers_only_is_another(catalog: Catalog) -> None:
    """Titles are equal if their records are the same JSON text: 5 is not 5.0."""
    ap.put_title(catalog, HEAT)
    with pytest.raises(ConflictError):
        ap.put_title(catalog, HEAT, if_unchanged=HEAT.replace(popularity=5))


def test_a_title_cannot_be_absent_and_unchanged(catalog: Catalog) -> None:
    """Both together are rejected before anything is sent."""
    with catalog.trace() as trace, pytest.raises(InvalidArgumentError, match="if_absent"):
        ap.put_title(catalog, HEAT, if_absent=True, if_unchanged=HEAT)
    assert not trace


@given(titles(st.just(8)), titles(st.just(8)), st.data())
def test_an_update_is_a_replacement_of_what_is_stored(
    before: Movie | TVShow, other: Movie | TVShow, data: st.DataObject
) -> None:
    """Any valid attributes of a record, including unknown ones."""
    given = {name: value for name, value in other.to_json().items() if name in before.fields}
    given |= {"tagline": data.draw(names), "facts": [data.draw(floats), {"a": None}]}
    del given["id"]
    chosen = data.draw(st.sets(st.sampled_from(sorted(given)), min_size=1))
    changes: dict[str, Any] = {name: given[name] for name in given if name in chosen}
    catalog = offline_catalog([before])
    expected = before.replace(**changes)
    assert ap.update_title(catalog, *before.key, **changes) == expected
    assert ap.get_title(catalog, *before.key) == expected
    copies = [copy for copy in catalog.items() if codec.DOC in copy]
    assert {copy[codec.DOC]["S"] for copy in copies} == {expected.to_json_text()}


@given(titles(st.just(8)), genre_lists)
def test_what_is_read_of_a_title_can_be_given_to_an_update(
    title: Movie | TVShow, genre_ids: list[int]
) -> None:
    """A title returns its genres as a tuple."""
    catalog = offline_catalog([title])
    wanted: Any = title.replace(genre_ids=genre_ids).genre_ids
    assert ap.update_title(catalog, *title.key, genre_ids=wanted).genre_ids == wanted


REFUSED: list[tuple[dict[str, Any], type[InvalidArgumentError], str]] = [
    ({}, InvalidArgumentError, "at least one attribute"),
    ({"id": 950}, InvalidArgumentError, "any but id"),
    ({"id": 949, "title": "Heat"}, InvalidArgumentError, "any but id"),
    ({"popularity": "much"}, InvalidTitleError, "popularity must be a number, not 'much'"),
    ({"popularity": float("nan")}, InvalidTitleError, "finite"),
    ({"title": None}, InvalidTitleError, "title must be a text, not None"),
    ({"genre_ids": [0]}, InvalidTitleError, "genre_ids must be"),
    ({"genre_ids": list(range(1, 50))}, InvalidTitleError, "at most 48 genres"),
    ({"release_date": "1995"}, InvalidTitleError, "release_date must be a date"),
    ({"": "\ud800"}, InvalidTitleError, "without lone surrogates"),
    ({"x": {1, 2}}, InvalidTitleError, "x must be a JSON value"),
]


@pytest.mark.parametrize(("attributes", "error", "words"), REFUSED)
def test_what_cannot_be_an_attribute_is_refused_before_anything_is_sent(
    attributes: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Each value alone, like a record with it."""
    catalog = offline_catalog([HEAT])
    with catalog.trace() as trace, pytest.raises(error, match=words) as raised:
        ap.update_title(catalog, *HEAT.key, **attributes)
    assert type(raised.value) is error
    assert not trace


def test_a_title_that_gets_too_large_is_refused_and_stays() -> None:
    """That depends on what else it has, so it is known only when the title was read."""
    catalog = offline_catalog([HEAT.replace(original_title="x" * 300_000)])
    with pytest.raises(InvalidTitleError, match="DynamoDB holds"):
        ap.update_title(catalog, *HEAT.key, overview="y" * 120_000)
    assert ap.get_title(catalog, *HEAT.key).overview == HEAT.overview


def test_a_missing_title_is_not_created() -> None:
    """Nothing is written."""
    catalog = offline_catalog()
    with pytest.raises(TitleNotFoundError):
        ap.update_title(catalog, *HEAT.key, overview="Mine.")
    assert catalog.items() == []


def test_an_attribute_may_have_any_name_that_no_argument_has() -> None:
    """Including names used by Python or the model."""
    catalog = offline_catalog([HEAT])
    odd: dict[str, Any] = {
        "self": 1,
        "attributes": {"a": [1]},
        "PK": "x",
        "_version": 7,
        "copy": 5,
        "cls": None,
    }
    after = ap.update_title(catalog, *HEAT.key, **odd)
    assert dict(after.extra) == odd
    explained = explain(catalog, "update_title", *HEAT.key, **{**odd, "copy": 6})
    assert explained.comparison.departures == ()
    assert explained.answer.extra["copy"] == 6


PUT_BY_HAND: dict[str, Callable[[Catalog], object]] = {
    "update_title": lambda c: ap.update_title(c, *HEAT.key, overview="Mine."),
    "update_popularity": lambda c: ap.update_popularity(c, *HEAT.key, 9.5),
    "update_votes": lambda c: ap.update_votes(c, *HEAT.key, vote_average=9.0, vote_count=3),
    "set_genres": lambda c: ap.set_genres(c, *HEAT.key, [28, 18]),
    "put_title": lambda c: ap.put_title(c, HEAT.replace(genre_ids=[18])),
    "put_title, the same": lambda c: ap.put_title(c, stored(c)),
    "load_titles": lambda c: ap.load_titles(c, [HEAT.replace(genre_ids=[18])]),
    "load_titles, the same": lambda c: ap.load_titles(c, [stored(c)]),
    "delete_title": lambda c: ap.delete_title(c, *HEAT.key),
}


def put_by_hand(catalog: Catalog) -> None:
    """Put a title item like another program, without attributes of this model."""
    record = HEAT.to_json()
    ordered = Movie.from_json({name: record.get(name) for name in Movie.fields})
    item = codec.encode_title(ordered, version=1, slot=0)
    own = {codec.VERSION, codec.SLOT, codec.SCHEMA, codec.TYPE, codec.FORM}
    client: Any = catalog.client
    client.put_item(TableName=catalog.table, Item={n: v for n, v in item.items() if n not in own})


@pytest.mark.parametrize("name", PUT_BY_HAND)
def test_a_title_that_another_program_put_is_enrolled_by_its_first_change(
    catalog: Catalog, name: str
) -> None:
    """With a slot, all copies and the counts, in the same transaction, as declared."""
    ap.put_title(catalog, movie(941 - 8 * 5, 28))  # in the same shard, with slot 0
    put_by_hand(catalog)
    with catalog.trace() as trace:
        PUT_BY_HAND[name](catalog)
    assert sum(request.operation == "TransactWriteItems" for request in trace) == 1
    there = assert_in_step(catalog)
    assert (HEAT.key in there) == (name != "delete_title")


BY_NAME: dict[str, dict[str, Any]] = {
    "update_title": {"overview": "Mine."},
    "update_popularity": {"popularity": 9.5},
    "update_votes": {"vote_average": 9.0, "vote_count": 3},
    "set_genres": {"genre_ids": [28, 18]},
    "delete_title": {},
}


@pytest.mark.parametrize("name", [*BY_NAME, "put_title", "load_titles"])
def test_the_first_write_of_such_a_title_asks_for_what_is_declared(
    catalog: Catalog, engine: Engine, name: str
) -> None:
    """It may be more than for other writes, and is not in the costs."""
    put_by_hand(catalog)
    new = HEAT.replace(genre_ids=[28, 18])
    given: dict[str, Any] = {"kind": "movie", "title_id": HEAT.id, **BY_NAME.get(name, {})}
    if name not in BY_NAME:
        given = {"title": new} if name == "put_title" else {"titles": [new]}
    comparison = explain(catalog, name, **given).comparison
    wrong = [each for each in comparison.departures if engine.measures or each.check != "units"]
    assert not wrong
    assert any(line.step.rarely and line.requests for line in comparison.lines)


def test_the_command_replaces_a_title_only_as_it_was_read(
    local_engine: LocalEngine, tmp_path: Path
) -> None:
    """`--if-unchanged` accepts the record as it was printed before."""
    cli = CommandLine(local_engine).filled([HEAT])
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(cli.json("get-title", "movie", "949")))
    after.write_text(json.dumps(HEAT.replace(overview="Mine.").to_json()))
    words = ("put-title", "movie", str(after), "--if-unchanged", str(before))
    assert cli.json(*words)["overview"] == "Mine."
    refused = cli(*words)
    assert refused.exit_code not in (0, 2)
    assert "is another by now" in refused.stderr
    assert cli(*words, "--if-absent").exit_code == 2


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("12.5", "popularity", 12.5),
        ("12", "vote_count", 12),
        ("1917", "title", "1917"),
        ('"1917"', "title", "1917"),
        ("true", "adult", True),
        ("null", "overview", None),
        ("null", "title", "null"),
        ("A thief.", "overview", "A thief."),
        ("", "overview", ""),
        ("a=b", "overview", "a=b"),
        ("[28, 80]", "genre_ids", [28, 80]),
        ("1995-12-15", "release_date", "1995-12-15"),
        ("NaN", "title", "NaN"),
        ("NaN", "popularity", "NaN"),
        ('{"a": 1}', "unknown", {"a": 1}),
        ("7.0", "unknown", 7.0),
        ("[" * 100_000, "unknown", "[" * 100_000),
    ],
)
def test_a_value_on_the_command_line_is_json_or_the_text_that_it_is(
    text: str, name: str, value: object
) -> None:
    """A text attribute gets a text: there is a movie called 1917."""
    assert attribute_value("movie", name, text) == value


def test_the_command_changes_what_is_named(local_engine: LocalEngine) -> None:
    """NAME=VALUE, any number of times; anything else is wrong usage."""
    cli = CommandLine(local_engine).filled([HEAT])
    words = ("update-title", "movie", "949")
    answer = cli.json(*words, "overview=A thief = a cop.", "popularity=12.5", "tagline=null")
    changes: dict[str, Any] = {
        "overview": "A thief = a cop.",
        "popularity": 12.5,
        "tagline": None,
    }
    assert answer == HEAT.replace(**changes).to_json()
    for wrong in ((), ("overview",), ("=x",), ("a=1", "a=2"), ("kind=tv",), ("title_id=1",)):
        assert cli(*words, *wrong).exit_code == 2
    refused = cli(*words, "id=950")
    assert refused.exit_code == 2 or "any but id" in refused.stderr
    assert cli(*words, "popularity=much").exit_code != 0
    assert cli.json("get-title", "movie", "949") == answer
    assert keys.title_key(HEAT.key)

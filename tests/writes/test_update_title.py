"""The lost update, and its prevention: `update_title`, and `put_title` with ``if_unchanged``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from command_line import CommandLine
from engines import Engine
from hypothesis import given
from hypothesis import strategies as st
from interleavings import put_by_another_program
from older_tables import put
from strategies import floats, names, titles
from table_dump import assert_in_step, dump, hooked, movie, once

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.explain import explain
from catalog_model.analysis.offline import offline_catalog
from catalog_model.cli.arguments import attribute_value
from catalog_model.errors import ConflictError, InvalidArgumentError, InvalidTitleError
from catalog_model.local import Engine as LocalEngine
from catalog_model.maintenance.verify import verify
from catalog_model.table import codec

pytestmark = pytest.mark.every_engine

HEAT = movie(949, 28, 80, title="Heat", overview="A heist.", popularity=5.0)


def stored(catalog: Catalog) -> Any:
    return ap.get_title(catalog, *HEAT.key, consistent=True)


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


def test_a_change_that_is_taken_back_meanwhile_is_none(catalog: Catalog) -> None:
    """Only the state at the time of the write matters."""
    ap.put_title(catalog, HEAT)

    def others() -> None:
        ap.update_popularity(catalog, *HEAT.key, 9.5)
        ap.update_popularity(catalog, *HEAT.key, 5.0)

    mine = HEAT.replace(overview="Mine.")
    with hooked(catalog, "before-call.dynamodb.TransactWriteItems", once(others)):
        assert ap.put_title(catalog, mine, if_unchanged=HEAT) == mine
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
    """Any valid attributes of a record, including unknown ones; genres as they are read, too."""
    given = {name: value for name, value in other.to_json().items() if name in before.fields}
    given |= {"tagline": data.draw(names), "facts": [data.draw(floats), {"a": None}]}
    given["genre_ids"] = data.draw(st.sampled_from((list, tuple)))(other.genre_ids)
    del given["id"]
    chosen = data.draw(st.sets(st.sampled_from(sorted(given)), min_size=1))
    changes: dict[str, Any] = {name: given[name] for name in given if name in chosen}
    catalog = offline_catalog([before])
    expected = before.replace(**changes)
    assert ap.update_title(catalog, *before.key, **changes) == expected
    assert ap.get_title(catalog, *before.key) == expected
    copies = [copy for copy in catalog.items() if codec.DOC in copy]
    assert {copy[codec.DOC]["S"] for copy in copies} == {expected.to_json_text()}


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


def test_an_attribute_may_have_any_name_that_no_argument_has() -> None:
    """Including names used by Python or the model."""
    catalog = offline_catalog([HEAT])
    odd: dict[str, Any] = {"self": 1, "attributes": {"a": [1]}, "PK": "x", "cls": None}
    odd |= {"_version": 7, "copy": 5}
    after = ap.update_title(catalog, *HEAT.key, **odd)
    assert dict(after.extra) == odd
    explained = explain(catalog, "update_title", *HEAT.key, **{**odd, "copy": 6})
    assert explained.comparison.departures == ()
    assert explained.answer.extra["copy"] == 6


AT = {"kind": "movie", "title_id": HEAT.id}
OTHER = HEAT.replace(genre_ids=[28, 18])
FIRST_CHANGES: dict[str, Callable[[Catalog], dict[str, Any]]] = {
    "update_title": lambda _: {**AT, "overview": "Mine."},
    "update_popularity": lambda _: {**AT, "popularity": 9.5},
    "update_votes": lambda _: {**AT, "vote_average": 9.0, "vote_count": 3},
    "set_genres": lambda _: {**AT, "genre_ids": [28, 18]},
    "put_title": lambda _: {"title": OTHER},
    "put_title, the same": lambda c: {"title": stored(c)},
    "load_titles": lambda _: {"titles": [OTHER]},
    "load_titles, the same": lambda c: {"titles": [stored(c)]},
    "delete_title": lambda _: AT,
}
"""Writes, and what each is called with."""


def put_by_hand(catalog: Catalog) -> None:
    """Put a title item like another program, without attributes of this model."""
    record = HEAT.to_json()
    ordered = Movie.from_json({name: record.get(name) for name in Movie.fields})
    (item,) = put_by_another_program(ordered).values()
    put(catalog, item)


@pytest.mark.parametrize("name", FIRST_CHANGES)
def test_a_title_that_another_program_put_is_enrolled_by_its_first_change(
    catalog: Catalog, engine: Engine, name: str
) -> None:
    """With a slot, all copies and the counts, in one transaction; declared, but not a cost."""
    ap.put_title(catalog, movie(941 - 8 * 5, 28))  # in the same shard, with slot 0
    put_by_hand(catalog)
    given = FIRST_CHANGES[name](catalog)
    with catalog.trace() as trace:
        comparison = explain(catalog, name.partition(",")[0], **given).comparison
    assert sum(request.operation == "TransactWriteItems" for request in trace) == 1
    wrong = [each for each in comparison.departures if engine.measures or each.check != "units"]
    assert not wrong
    assert any(line.step.rarely and line.requests for line in comparison.lines)
    assert (HEAT.key in assert_in_step(catalog)) == (name != "delete_title")


def test_the_command_replaces_only_what_was_read(local_engine: LocalEngine, tmp_path: Path) -> None:
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
        ("[" * 100_000, "title", "[" * 100_000),
        ("5" * 5000, "overview", "5" * 5000),
    ],
)
def test_a_value_on_the_command_line_is_json_or_the_text_that_it_is(
    text: str, name: str, value: object
) -> None:
    """A text attribute gets a text: there is a movie called 1917."""
    assert attribute_value("movie", name, text) == value


@pytest.mark.parametrize("name", ["unknown", "vote_count", "genre_ids", "adult"])
@pytest.mark.parametrize(
    "text", ["5" * 5000, f"[{'5' * 5000}]", "[" * 900 + "]" * 900, "[" * 100_000], ids=range(4)
)
def test_json_that_cannot_be_read_is_refused_and_not_stored_as_a_text(name: str, text: str) -> None:
    """Unless the attribute is a text; the error has the name and the beginning of the value."""
    with pytest.raises(click.BadParameter, match=f"{name} must be JSON that can be stored") as told:
        attribute_value("movie", name, text)
    assert text[:20] in str(told.value)
    assert len(str(told.value)) < 300


def test_the_command_changes_what_is_named(local_engine: LocalEngine) -> None:
    """NAME=VALUE, any number of times; anything else is wrong usage."""
    cli = CommandLine(local_engine).filled([HEAT])
    words = ("update-title", "movie", "949")
    answer = cli.json(*words, "overview=A thief = a cop.", "popularity=12.5", "tagline=null")
    changes: dict[str, Any] = {"overview": "A thief = a cop.", "popularity": 12.5, "tagline": None}
    assert answer == HEAT.replace(**changes).to_json()
    for wrong in ((), ("overview",), ("=x",), ("a=1", "a=2"), ("kind=tv",), ("title_id=1",)):
        assert cli(*words, *wrong).exit_code == 2
    refused = cli(*words, "id=950")
    assert refused.exit_code == 2 or "any but id" in refused.stderr
    assert cli(*words, "popularity=much").exit_code != 0
    assert cli(*words, f"budget={'5' * 5000}").exit_code == 2
    assert cli.json("get-title", "movie", "949") == answer

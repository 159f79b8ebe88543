"""TMDB's answers become titles, in code and from files; other objects are named in one line."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from command_line import CommandLine
from engines import has_dynoxide
from generated import Records
from open_files import parse_title
from tmdb_answers import (
    ELEMENT,
    MOVIE_DETAIL,
    MOVIES,
    NO_MOVIES,
    PAGE,
    PERSON,
    SHOW,
    SHOW_DETAIL,
    SHOWS,
    without,
)

from catalog_model import Movie, Rejection, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import Kind
from catalog_model.domain.rejection import Sourced
from catalog_model.entities import FIELDS, TITLE_CLASSES
from catalog_model.errors import InvalidArgumentError, InvalidTitleError
from catalog_model.files.reader import TitleFile, read_titles
from catalog_model.local import start_engine

ANSWERS: list[tuple[Kind, dict[str, Any]]] = [
    *(("movie", answer) for answer in MOVIES.values()),
    *(("tv", answer) for answer in SHOWS.values()),
]
IDS = [*(f"movie: {name}" for name in MOVIES), *(f"tv: {name}" for name in SHOWS)]


@pytest.mark.parametrize(("kind", "answer"), ANSWERS, ids=IDS)
def test_every_form_of_a_title_is_read(kind: Kind, answer: dict[str, Any]) -> None:
    """The keys of the application's records in order, with TMDB's values."""
    title = TITLE_CLASSES[kind].from_tmdb(answer)
    there = answer.keys() | {"genre_ids"}
    record = title.to_json()
    assert list(record) == [name for name in FIELDS[kind] if name in there]
    expected = {"popularity": float(answer["popularity"])} if kind == "movie" else {}
    genres = answer.get("genre_ids", [genre["id"] for genre in answer.get("genres", ())])
    assert record == {name: answer.get(name) for name in record} | expected | {"genre_ids": genres}
    assert type(title).from_json(record) == title
    assert type(title).from_tmdb(MappingProxyType(answer)) == title


@pytest.mark.parametrize(("kind", "answer"), ANSWERS, ids=IDS)
def test_the_rest_is_kept_on_demand(kind: Kind, answer: dict[str, Any]) -> None:
    """After the record, in TMDB's order, including the genres with their names."""
    title = TITLE_CLASSES[kind].from_tmdb(answer, keep_extras=True)
    plain = TITLE_CLASSES[kind].from_tmdb(answer)
    extras = {name: value for name, value in answer.items() if name not in FIELDS[kind]}
    assert json.dumps(title.to_json()) == json.dumps(plain.to_json() | extras)
    assert title.to_json() == json.loads(title.to_json_text())
    assert plain.extra == {}


def test_a_detail_is_the_element_of_the_list() -> None:
    """So the source of a title does not matter."""
    assert Movie.from_tmdb(MOVIE_DETAIL) == Movie.from_tmdb(ELEMENT) == Movie.from_json(ELEMENT)
    assert TVShow.from_tmdb(SHOW_DETAIL) == TVShow.from_tmdb(SHOW) == TVShow.from_json(SHOW)


@pytest.mark.parametrize(("answer", "message"), NO_MOVIES.values(), ids=NO_MOVIES)
def test_what_is_no_movie_is_named_in_one_line(answer: Any, message: str) -> None:
    """With a remedy, if there is one."""
    with pytest.raises(InvalidTitleError) as caught:
        Movie.from_tmdb(answer)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("answer", MOVIES.values(), ids=MOVIES)
def test_a_movie_is_no_show(answer: dict[str, Any]) -> None:
    """And a show is not a movie."""
    with pytest.raises(InvalidTitleError, match=r"a movie, not a TV show: read it with Movie\."):
        TVShow.from_tmdb(answer)


def test_records_of_the_application_are_elements(records: Records) -> None:
    """They came from TMDB: a whole catalogue is read unchanged."""
    for kind, title_class in TITLE_CLASSES.items():
        for record in records[kind].values():
            assert title_class.from_tmdb(record) == title_class.from_json(record)
            other = title_class.from_tmdb(dict(reversed(record.items())), keep_extras=True)
            assert other.to_json_text() == title_class.from_json(record).to_json_text()


def test_keeping_extras_is_yes_or_no() -> None:
    """Other values are rejected."""
    with pytest.raises(InvalidArgumentError, match="keep_extras must be True or False"):
        Movie.from_tmdb(ELEMENT, keep_extras="yes")  # type: ignore[arg-type]


SECOND = ELEMENT | {"id": 950, "title": "Ice Age"}
RECORDS = [Movie.from_json(ELEMENT), Movie.from_json(SECOND)]
BY_ID = {"949": ELEMENT, "950": SECOND}

FILES: dict[str, Any] = {
    "the application's file": BY_ID,
    "its records as a list": [ELEMENT, SECOND],
    "a page": PAGE | {"results": [ELEMENT, SECOND]},
    "a page with dates": {"dates": {"maximum": "2024-01-01"}, **PAGE, "results": [ELEMENT, SECOND]},
    "a page, results first": {"results": [ELEMENT, SECOND], "page": 1},
    "a page of trending": PAGE
    | {"results": [each | {"media_type": "movie"} for each in (ELEMENT, SECOND)]},
    "find": {"movie_results": [ELEMENT, SECOND], "person_results": [PERSON], "tv_results": [SHOW]},
    "details as a list": [MOVIE_DETAIL, MOVIE_DETAIL | {"id": 950, "title": "Ice Age"}],
    "details under their ids": {"949": MOVIE_DETAIL, "950": SECOND},
}


def written(folder: Path, content: Any) -> Path:
    path = folder / "titles.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_every_form_of_a_file_has_the_same_titles(tmp_path: Path, content: Any) -> None:
    """From a path, and from what is open."""
    found = [title.replace(original_title="Heat") for title in RECORDS]
    path = written(tmp_path, content)
    assert comparable(read_titles(path, "movie")) == found
    opened = TitleFile(io.BytesIO(path.read_bytes()), "movie")
    assert opened.total == 2
    assert comparable(each.title for each in opened if isinstance(each, Sourced)) == found


def comparable(titles: Any) -> list[Any]:
    """Return titles with a detail's single name for both."""
    return [title.replace(original_title="Heat") for title in titles]


@pytest.mark.parametrize(
    "content", [[], {}, PAGE | {"results": []}, {"movie_results": [], "tv_results": [SHOW]}]
)
def test_a_file_may_hold_no_titles(tmp_path: Path, content: Any) -> None:
    """In any form."""
    assert read_titles(written(tmp_path, content), "movie") == []


@pytest.mark.parametrize(
    "record",
    [ELEMENT, MOVIE_DETAIL, {"tagline": {"a": 1}, **ELEMENT}],
    ids=["element", "detail", "odd"],
)
def test_a_file_may_hold_one_title(tmp_path: Path, record: dict[str, Any]) -> None:
    """A record keeps its other keys; a detail does not."""
    (title,) = read_titles(written(tmp_path, record), "movie")
    expected = Movie.from_tmdb(record) if "genres" in record else Movie.from_json(record)
    assert title == expected
    assert parse_title(json.dumps(record).encode(), "movie", "x") == expected


def test_what_is_no_movie_on_a_page_is_rejected_with_its_place(tmp_path: Path) -> None:
    """The others are loaded; a list works the same way."""
    mixed = [ELEMENT, SHOW | {"media_type": "tv"}, PERSON | {"media_type": "person"}, 5, SECOND]
    for content, place in ((PAGE | {"results": mixed}, "results[{}]"), (mixed, "[{}]")):
        found = read_titles(written(tmp_path, content), "movie")
        assert [each for each in found if isinstance(each, Movie)] == RECORDS
        rejected = [each for each in found if isinstance(each, Rejection)]
        assert [each.key for each in rejected] == [place.format(at) for at in (1, 2, 3)]
        assert "TV show" in rejected[0].reason or "needs" in rejected[0].reason
        assert "object" in rejected[2].reason


FILES_OF_TITLES = {"a page", "find", "a list of them", "an empty object", "of another media_type"}
"""Objects other than movies; but files of titles, of none, or of a record with other keys."""


@pytest.mark.parametrize("name", sorted(NO_MOVIES.keys() - FILES_OF_TITLES))
def test_a_file_of_something_else_is_one_error(tmp_path: Path, name: str) -> None:
    """The message describes the content in one line, and nothing is loaded."""
    answer, _ = NO_MOVIES[name]
    path = written(tmp_path, answer)
    with pytest.raises(InvalidArgumentError) as caught:
        read_titles(path, "movie")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidTitleError, match=r"^x: "):
        parse_title(path.read_bytes(), "movie", "x")


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        yield CommandLine(engine).filled(())


@pytest.mark.parametrize("command", [("load",), ("explain", "load")], ids=str)
def test_a_page_is_loaded(cli: CommandLine, tmp_path: Path, command: tuple[str, ...]) -> None:
    """The movies from a file, the shows piped in; a repetition changes nothing."""
    path = written(tmp_path, PAGE)
    shows = json.dumps({"page": 1, "results": [SHOW, SHOW_DETAIL | {"id": 2}]})
    result = cli(*command, "--movies", str(path), "--tv", "-", answers=shows)
    assert result.exit_code == 0, result.output
    assert ap.get_title(cli.catalog, "movie", 949).display_name == "Heat"
    assert ap.get_title(cli.catalog, "tv", 2).display_name == "The Wire"
    again = cli("--output", "json", "load", "--tv", "-", answers=shows)
    assert json.loads(again.stdout)["unchanged"] == 2


def test_both_kinds_cannot_be_the_standard_input(cli: CommandLine) -> None:
    """It can be read once; nothing is written."""
    result = cli("load", "--movies", "-", "--tv", "-", answers="{}")
    assert result.exit_code == 2
    assert "only one of --movies and --tv" in result.stderr


@pytest.mark.parametrize(
    ("answers", "code", "message"),
    [
        ("", 2, "<stdin>: not JSON, line 1, column 1"),
        ("{", 2, "<stdin>: not JSON"),
        (json.dumps(NO_MOVIES["an error"][0]), 2, "34 The resource could not be found."),
        (json.dumps(PAGE | {"results": [without(ELEMENT, "title")]}), 1, "<stdin>: results[0]"),
    ],
)
def test_bad_standard_input_fails(cli: CommandLine, answers: str, code: int, message: str) -> None:
    """In one line, and by that name."""
    result = cli("load", "--movies", "-", answers=answers)
    assert (result.exit_code, message in result.output) == (code, True), result.output
    assert "Traceback" not in result.output

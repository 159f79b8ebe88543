"""Reading the application's files: all of a record or a reason, all of a file or one error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog_model import Movie, Rejection, TVShow
from catalog_model.errors import InvalidArgumentError, InvalidTitleError
from catalog_model.files import (
    FILE_NAMES,
    parse_title,
    read_folder,
    read_titles,
    sample_folder,
)

RECORD = {
    "genre_ids": [28],
    "id": 5,
    "popularity": 7.0,
    "title": "Amélie",
    "vote_average": 6.5,
    "vote_count": 12,
}


def written(folder: Path, content: str | bytes | Any) -> Path:
    """Write a file: bytes and text as they are, anything else as JSON."""
    path = folder / "data.json"
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_sample_data_loads_without_a_rejection() -> None:
    """The package brings about 60 movies and 40 shows that are valid."""
    titles = read_folder(sample_folder())
    kinds = [type(title) for title in titles]
    assert (kinds.count(Movie), kinds.count(TVShow)) == (60, 40)
    assert len(titles) == 100


def test_titles_come_in_the_order_of_the_file_and_unchanged(tmp_path: Path) -> None:
    """A record comes out of the file as it went in: keys, order and types."""
    records = {str(n): {"x": [1.0, None], **RECORD, "id": n} for n in (9, 3, 7)}
    titles = read_titles(written(tmp_path, records), "movie")
    assert json.dumps([title.to_json() for title in titles if isinstance(title, Movie)]) == (
        json.dumps(list(records.values()))
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_unicode_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    """With a byte order mark or without."""
    text = json.dumps({"5": RECORD}, ensure_ascii=False)
    assert read_titles(str(written(tmp_path, text.encode(encoding))), "movie") == [
        Movie.from_json(RECORD)
    ]


@pytest.mark.parametrize(
    ("key", "record", "reason"),
    [
        ("7", RECORD, "its key is '7', its id 5"),
        ("05", RECORD, "its key is '05', its id 5"),
        (" 5", RECORD, "its key is ' 5', its id 5"),
        ("", RECORD, "its key is '', its id 5"),
        ("5", {**RECORD, "popularity": float("nan")}, "popularity must be a finite number"),
        ("5", {**RECORD, "vote_average": float("inf")}, "vote_average must be a finite number"),
        ("5", {**RECORD, "x": {"y": [float("-inf")]}}, "x.y[0] must be a finite number"),
        ("5", {**RECORD, "id": "5"}, "id must be a positive whole number"),
        ("5", {**RECORD, "id": True}, "id must be a positive whole number"),
        ("5", {**RECORD, "title": "\ud800"}, "title must be a text without lone surrogates"),
        ("5", {**RECORD, "release_date": "1999-02-30"}, "release_date must be a date"),
        ("5", {**RECORD, "x": 10**200}, "x must be a number of a magnitude"),
        ("5", {}, "a movie record needs 'genre_ids'"),
        ("5", [], "a movie record must be a JSON object, not []"),
        ("5", None, "a movie record must be a JSON object, not None"),
    ],
)
def test_a_bad_record_is_rejected_and_the_others_load(
    tmp_path: Path, key: str, record: Any, reason: str
) -> None:
    """The rejection names the file, the key and the reason."""
    good = {**RECORD, "id": 6}
    path = written(tmp_path, {key: record, "6": good})
    rejection, title = read_titles(path, "movie")
    assert title == Movie.from_json(good)
    assert isinstance(rejection, Rejection)
    assert (rejection.source, rejection.key) == ("data.json", key)
    assert reason in rejection.reason


def test_a_key_that_cannot_be_printed_is_escaped(tmp_path: Path) -> None:
    """Whatever a rejection holds can be written as UTF-8."""
    (rejection,) = read_titles(written(tmp_path, {"\ud800": 1}), "movie")
    assert isinstance(rejection, Rejection)
    assert rejection.key == "\\ud800"


def test_a_record_that_is_nested_too_deeply_is_rejected(tmp_path: Path) -> None:
    """Also near the depth at which Python itself gives up."""
    deep = "[" * 800 + "]" * 800
    record = json.dumps(RECORD)[:-1] + f', "x": {deep}}}'
    (rejection,) = read_titles(written(tmp_path, f'{{"5": {record}}}'), "movie")
    assert isinstance(rejection, Rejection)
    assert "nested" in rejection.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON, line 1, column 1: Expecting value"),
        ('{"5": 1,\n "6" 2}', "not JSON, line 2, column 6: Expecting ':' delimiter"),
        ('{"5": 1} x', "not JSON, line 1, column 10: Extra data"),
        (b'{"\xff": 1}', "not JSON, byte 2 as utf-8: invalid start byte"),
        ("[" * 100_000, "nested too deeply"),
        ('{"5":' * 100_000, "nested too deeply"),
        ('{"5": ' + "9" * 5_000 + "}", "holds a number of too many digits"),
        ('{"5": 1, "5": 2}', "the key '5' occurs twice in one object"),
        ('{"5": {"id": 1, "id": 2}}', "the key 'id' occurs twice in one object"),
        ("[]", "must be a JSON object of records under their ids, not []"),
        ('"text"', "must be a JSON object of records under their ids, not 'text'"),
        ("NaN", "must be a JSON object of records under their ids, not nan"),
        ("null", "must be a JSON object of records under their ids, not None"),
    ],
)
def test_a_file_that_is_no_object_of_records_is_one_error(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """It names the file and, for a syntax error, the place."""
    path = written(tmp_path, content)
    with pytest.raises(InvalidArgumentError) as refused:
        read_titles(path, "movie")
    assert str(refused.value) == f"{path}: {message}"


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    """Missing, or a folder, or no path at all."""
    cases: list[tuple[Path | str, str]] = [
        (tmp_path / "nothing.json", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        ("a\0b", "is no path"),
    ]
    for path, reason in cases:
        with pytest.raises(InvalidArgumentError, match=reason):
            read_titles(path, "movie")


def test_a_folder_needs_both_files(tmp_path: Path) -> None:
    """Nothing is read in part."""
    (tmp_path / FILE_NAMES["movie"]).write_text("{}")
    with pytest.raises(InvalidArgumentError, match=r"data_tv\.json: cannot be read"):
        read_folder(tmp_path)
    (tmp_path / FILE_NAMES["tv"]).write_text("{}")
    assert read_folder(tmp_path) == []


def test_an_unknown_kind_is_refused() -> None:
    """Before the file is opened."""
    with pytest.raises(InvalidArgumentError, match="kind must be 'movie' or 'tv', not 'film'"):
        read_titles("nothing.json", "film")  # type: ignore[arg-type]


def test_one_record_is_read_by_itself() -> None:
    """With the same strictness, and the source in the error."""
    assert parse_title(json.dumps(RECORD).encode(), "movie", "x") == Movie.from_json(RECORD)
    with pytest.raises(InvalidTitleError, match=r"up\.json: a tv record needs 'name'"):
        parse_title(json.dumps(RECORD).encode(), "tv", "up.json")
    with pytest.raises(InvalidArgumentError, match=r"up\.json: not JSON, line 1, column 1"):
        parse_title(b"", "tv", "up.json")

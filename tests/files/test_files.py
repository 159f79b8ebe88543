"""Reading the application's files: records are complete or rejected, files are read or fail."""

import codecs
import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from open_files import Endless, opened
from refused_calls import RECORDS

from catalog_model import Movie, Rejection, TVShow
from catalog_model.domain.rejection import Sourced
from catalog_model.errors import InvalidArgumentError
from catalog_model.files import json_input, reader
from catalog_model.files.json_input import JSONInput
from catalog_model.files.reader import (
    FILE_NAMES,
    TitleFile,
    parse_json,
    read_folder,
    read_titles,
    sample_folder,
)

RECORD = {**RECORDS["movie"], "id": 5, "title": "Amélie"}
WANTED_FILE = "a JSON object of records under their ids, a list of them or a page of TMDB's"


def written(folder: Path, content: str | bytes | Any) -> Path:
    """Write a file: bytes and text unchanged, anything else as JSON."""
    path = folder / "data.json"
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_sample_data_loads_without_a_rejection() -> None:
    """The package contains about 60 movies and 40 shows, all valid."""
    kinds = [type(title) for title in read_folder(sample_folder())]
    assert kinds == [Movie] * 60 + [TVShow] * 40


def test_titles_come_in_the_order_of_the_file_and_unchanged(tmp_path: Path) -> None:
    """Keys, order and types of a record are those in the file."""
    records = {str(n): {"x": [1.0, None], **RECORD, "id": n} for n in (9, 3, 7)}
    titles = read_titles(written(tmp_path, records), "movie")
    read = [title.to_json() for title in titles if isinstance(title, Movie)]
    assert json.dumps(read) == json.dumps(list(records.values()))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_unicode_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    """With or without a byte order mark."""
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
def test_only_a_bad_record_is_rejected(tmp_path: Path, key: str, record: Any, reason: str) -> None:
    """The rejection names the file, the key and the reason."""
    good = {**RECORD, "id": 6}
    path = written(tmp_path, {key: record, "6": good})
    rejection, title = read_titles(path, "movie")
    assert title == Movie.from_json(good)
    assert isinstance(rejection, Rejection)
    assert (rejection.source, rejection.key) == ("data.json", key)
    assert reason in rejection.reason


@pytest.mark.parametrize(
    ("key", "shown"),
    [("\ud800", "\\ud800"), ("k" * 100_000, f"{'k' * 200}... (100,000 characters)")],
    ids=["surrogate", "long"],
)
def test_a_rejection_can_be_encoded_and_read(tmp_path: Path, key: str, shown: str) -> None:
    """A surrogate is escaped, and a long key is cut."""
    (rejection,) = read_titles(written(tmp_path, {key: RECORD}), "movie")
    assert isinstance(rejection, Rejection)
    assert rejection.key == shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON, line 1, column 1: Expecting value"),
        ('{"5": 1,\n "6" 2}', "not JSON, line 2, column 6: Expecting ':' delimiter"),
        ('{"5": 1} x', "not JSON, line 1, column 10: Extra data"),
        (b'{"\xff": 1}', "not JSON, byte 2 as utf-8: invalid start byte"),
        ('{"5": 1, "6"', "not JSON, line 1, column 13: Expecting ':' delimiter"),
        ("[1 2]", "not JSON, line 1, column 4: Expecting ',' delimiter"),
        ('{"id": 5}', "a movie record needs 'genre_ids': {'id': 5}"),
        ("[" * 100_000, "nested too deeply"),
        ('{"5":' * 100_000, "nested too deeply"),
        ('{"5": ' + "9" * 5_000 + "}", "holds a number of too many digits"),
        ('{"5": 1, "5": 2}', "the key '5' occurs twice in one object"),
        ('{"5": {"id": 1, "id": 2}}', "the key 'id' occurs twice in one object"),
        ('"text"', f"must be {WANTED_FILE}, not 'text'"),
        ("NaN", f"must be {WANTED_FILE}, not nan"),
        ("null", f"must be {WANTED_FILE}, not None"),
        ("5", f"must be {WANTED_FILE}, not 5"),
    ],
)
def test_a_file_of_no_records_fails(tmp_path: Path, content: str | bytes, message: str) -> None:
    """Before its first title; the error names the file and, for a syntax error, the position."""
    path = written(tmp_path, content)
    for read in (read_titles, TitleFile):
        with pytest.raises(InvalidArgumentError) as refused:
            read(path, "movie")
        assert str(refused.value) == f"{path}: {message}"


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    """Missing, or a folder, or not a path."""
    cases: list[tuple[Path | str, str]] = [
        (tmp_path / "nothing.json", "cannot be read: No such file or directory"),
        (tmp_path, "cannot be read: Is a directory"),
        ("a\0b", "is no path"),
    ]
    for path, reason in cases:
        with pytest.raises(InvalidArgumentError, match=reason):
            read_titles(path, "movie")


def closed_file() -> BytesIO:
    file = BytesIO(b"{}")
    file.close()
    return file


@pytest.mark.parametrize("wrong", [None, 5, True, b"a.json", ["a.json"], Path], ids=repr)
def test_what_is_no_path_is_refused(wrong: Any) -> None:
    """With the value; a folder, too."""
    with pytest.raises(InvalidArgumentError, match="path must be the path of a file, not "):
        read_titles(wrong, "movie")
    with pytest.raises(InvalidArgumentError, match="folder must be the path of a folder, not "):
        read_folder(wrong)


@pytest.mark.parametrize("read", [read_titles, TitleFile])
def test_an_open_file_is_one_of_bytes_that_can_be_read(read: Any, tmp_path: Path) -> None:
    """A text file, a closed one, or one open for writing."""
    with (tmp_path / "a.json").open("wb") as written, pytest.raises(InvalidArgumentError) as caught:
        read(written, "movie")
    assert "cannot be read" in str(caught.value)
    with pytest.raises(InvalidArgumentError, match=r"cannot be read: .*closed"):
        read(closed_file(), "movie")
    for text in ("{}", "", '{"id": 1}\n' * 3):
        with pytest.raises(InvalidArgumentError, match="open in binary mode; it reads as str"):
            read(StringIO(text), "movie")


def test_a_folder_may_be_given_as_a_text() -> None:
    """Like a file."""
    assert read_folder(str(sample_folder())) == read_folder(sample_folder())
    with pytest.raises(InvalidArgumentError, match=r"/none/data_movies\.json: cannot be"):
        read_folder("/none")


def test_a_folder_needs_both_files(tmp_path: Path) -> None:
    """Otherwise nothing is read."""
    (tmp_path / FILE_NAMES["movie"]).write_text("{}")
    with pytest.raises(InvalidArgumentError, match=r"data_tv\.json: cannot be read"):
        read_folder(tmp_path)
    (tmp_path / FILE_NAMES["tv"]).write_text("{}")
    assert read_folder(tmp_path) == []


def test_an_unknown_kind_is_refused() -> None:
    """Before the file is opened."""
    with pytest.raises(InvalidArgumentError, match="kind must be 'movie' or 'tv', not 'film'"):
        read_titles("nothing.json", "film")  # type: ignore[arg-type]


def as_json_reads(data: bytes) -> str:
    """Return what `json` reads, or its error in the words of this package."""
    try:
        return json.dumps(json.loads(data))
    except json.JSONDecodeError as error:
        return f"x: not JSON, line {error.lineno}, column {error.colno}: {error.msg}"


def as_read(data: bytes) -> str:
    """Return what this package reads, or its error."""
    try:
        return json.dumps(opened(data).document())
    except InvalidArgumentError as error:
        return str(error)


SCRAPS = ("", *'{}[",:\\ \n0-.é', "1e5", "tru", "NaN")
ODD = (
    '{"a": [1, -2.50, 1e5, NaN, -Infinity],\n'
    ' "b\\ud83d\\ude00": {"千": "\\n"},"":null, "c" : 12345}\n '
)


@example(text='{"5": 1,\n "6" 2}', encoding="utf-16")
@example(text='{"a": "\ud800\udc00 \ud800"}', encoding="utf-32-be")
@example(text=' {"a": "b', encoding="utf-8")
@given(
    text=st.builds(
        lambda cut, scrap, more: ODD[:cut] + scrap + ODD[max(cut + more, 0) :],
        st.integers(0, len(ODD)),
        st.sampled_from(SCRAPS),
        st.integers(-9, 60),
    ),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le")),
)
def test_a_document_reads_as_json_reads_it(text: str, encoding: str) -> None:
    """The same values of the same types, or the same error at the same place, in any encoding.

    What `json` accepts and this package refuses is tested elsewhere: a key that comes twice.
    """
    data = text.encode(encoding, "surrogatepass")
    found = as_read(data)
    assert found == as_json_reads(data) or "occurs twice in one object" in found


@example(data=b"\xed\xa0\x80", mark=b"")
@example(data=b"\xed\xa0\x80\xff", mark=codecs.BOM_UTF8)
@example(data=b"x: not JSON, byte 7", mark=b"")
@given(st.binary(max_size=60), st.sampled_from((b"", codecs.BOM_UTF8)))
def test_a_byte_that_is_no_text_is_named_by_its_place(data: bytes, mark: bytes) -> None:
    """Counted from the beginning of the file. The three bytes of a surrogate are text to `json`."""
    found = as_read(mark + b'{"a": "' + data + b'"}')
    wrong = first_wrong_byte(data)
    if wrong is None:
        assert not found.startswith("x: not JSON, byte")
    else:
        assert found.startswith(f"x: not JSON, byte {len(mark) + 7 + wrong} as utf-8: ")


def first_wrong_byte(data: bytes) -> int | None:
    """Return where UTF-8 ends to be that, as `json` reads it."""
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        return error.start
    return None


@pytest.mark.parametrize("begin", [b"", b"{", b'{"5": 1,\n', b"[[", b"\xff\xfe"])
@pytest.mark.parametrize("more", [b"x", b"\0", b"[", b"\n", b" {},\n", b"\xff"])
def test_an_endless_file_fails(begin: bytes, more: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal or a device may never end: no more of it is read than a document may have."""
    monkeypatch.setattr(json_input, "MAX_FILE", 100_000)
    monkeypatch.setattr(json_input, "_CHUNK", 1_000)
    file = Endless(begin, more)
    with pytest.raises(InvalidArgumentError, match=r"^x: has at least 1..,... bytes, and a JSON "):
        JSONInput(file.file(), "x").document()
    assert file.given < 300_000


def test_a_file_may_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte more is too much; the error knows what to do."""
    path = written(tmp_path, {"5": RECORD})
    size = path.stat().st_size
    monkeypatch.setattr(json_input, "MAX_FILE", size)
    assert read_titles(path, "movie") == [Movie.from_json(RECORD)]
    monkeypatch.setattr(json_input, "MAX_FILE", size - 1)
    message = (
        f"{path}: has {size} bytes, and a JSON document at most {size - 1}; "
        "as JSON Lines, one record a line, it may be of any size"
    )
    for read in (lambda: read_titles(path, "movie"), lambda: parse_json(path)):
        with pytest.raises(InvalidArgumentError) as refused:
            read()
        assert str(refused.value) == message


def test_too_many_bad_records_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below this number, each one is listed."""
    path = written(tmp_path, {str(number): number for number in range(4)})
    monkeypatch.setattr(reader, "MAX_REJECTED", 4)
    assert len(read_titles(path, "movie")) == 4
    monkeypatch.setattr(reader, "MAX_REJECTED", 3)
    for read in (read_titles, TitleFile):
        with pytest.raises(InvalidArgumentError) as refused:
            read(path, "movie")
        assert str(refused.value) == f"{path}: more than 3 records are no movie records"


def test_a_document_gives_titles_with_their_places(tmp_path: Path) -> None:
    """And its rejections, in the order of the file; their number is known before."""
    path = written(tmp_path, {"5": RECORD, "6": None, "7": {**RECORD, "id": 7}})
    file = TitleFile(str(path), "movie")
    assert file.total == 3
    first, rejection, last = file
    assert first == Sourced(Movie.from_json(RECORD), "data.json", "5")
    assert isinstance(rejection, Rejection)
    assert isinstance(last, Sourced)
    assert [first.title, rejection, last.title] == read_titles(path, "movie")

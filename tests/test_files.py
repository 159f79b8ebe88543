"""Reading the application's files: records are complete or rejected, files are read or fail."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from catalog_model import Movie, Rejection, TVShow
from catalog_model.errors import InvalidArgumentError, InvalidTitleError
from catalog_model.files import json_stream, reader
from catalog_model.files.json_stream import JsonStream
from catalog_model.files.reader import (
    FILE_NAMES,
    TitleFile,
    parse_json,
    parse_title,
    read_folder,
    read_title,
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
    titles = read_folder(sample_folder())
    kinds = [type(title) for title in titles]
    assert (kinds.count(Movie), kinds.count(TVShow)) == (60, 40)
    assert len(titles) == 100


def test_titles_come_in_the_order_of_the_file_and_unchanged(tmp_path: Path) -> None:
    """Keys, order and types of a record are those in the file."""
    records = {str(n): {"x": [1.0, None], **RECORD, "id": n} for n in (9, 3, 7)}
    titles = read_titles(written(tmp_path, records), "movie")
    assert json.dumps([title.to_json() for title in titles if isinstance(title, Movie)]) == (
        json.dumps(list(records.values()))
    )


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
    """The text of a rejection can always be encoded as UTF-8."""
    (rejection,) = read_titles(written(tmp_path, {"\ud800": 1}), "movie")
    assert isinstance(rejection, Rejection)
    assert rejection.key == "\\ud800"


def test_a_record_that_is_nested_too_deeply_is_rejected(tmp_path: Path) -> None:
    """Including depths close to Python's own limit."""
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
        (
            '"text"',
            f"must be {WANTED_FILE}, not 'text'",
        ),
        (
            "NaN",
            f"must be {WANTED_FILE}, not nan",
        ),
        (
            "null",
            f"must be {WANTED_FILE}, not None",
        ),
    ],
)
def test_a_file_that_is_no_object_of_records_is_one_error(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    """The error names the file and, for a syntax error, the position."""
    path = written(tmp_path, content)
    with pytest.raises(InvalidArgumentError) as refused:
        read_titles(path, "movie")
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


def test_one_record_is_read_by_itself() -> None:
    """With the same checks, and the source in the error."""
    assert parse_title(json.dumps(RECORD).encode(), "movie", "x") == Movie.from_json(RECORD)
    with pytest.raises(InvalidTitleError, match=r"up\.json: a tv record needs 'name'"):
        parse_title(json.dumps(RECORD).encode(), "tv", "up.json")
    with pytest.raises(InvalidArgumentError, match=r"up\.json: not JSON, line 1, column 1"):
        parse_title(b"", "tv", "up.json")


# -- A file is read forward, a window at a time ---------------------------------------------------


def member_text(records: dict[str, Any]) -> str:
    """Write members as JSON, as they compare: with their order and their types."""
    return json.dumps(list(records.items()))


def at_once(data: bytes) -> str:
    """Read as `json` reads; where that fails, what the error says, in the words of this package."""
    try:
        found = json.loads(data)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        return f"x: not JSON, {where}: {error.msg}"
    if not isinstance(found, dict):
        return f"x: must be records, not {found!r}"
    return member_text(found)


def in_pieces(data: bytes, chunk: int) -> str:
    """Read as this package reads, so many bytes at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK", chunk)
        try:
            return member_text(dict(JsonStream(io.BytesIO(data), "x").members("records")))
        except InvalidArgumentError as error:
            return str(error)


SCRAPS = (
    "",
    "{",
    "}",
    "[",
    "]",
    '"',
    ",",
    ":",
    "\\",
    " ",
    "\n",
    "0",
    "1e5",
    "-",
    ".",
    "tru",
    "NaN",
    "é",
)
ODD = (
    '{"a": [1, -2.50, 1e5, NaN, -Infinity],\n'
    ' "b\\ud83d\\ude00": {"千": "\\n"},"":null, "c" : 12345}\n '
)


@example(text=ODD, encoding="utf-8", chunk=1)
@example(text='{"5": 1,\n "6" 2}', encoding="utf-16", chunk=2)
@example(text='{"5": 1.5', encoding="utf-8", chunk=4)
@example(text='{"a": "\ud800\udc00 \ud800"}', encoding="utf-32-be", chunk=3)
@example(text=' {"a": "b', encoding="utf-8", chunk=100)
@given(
    text=st.builds(
        lambda cut, scrap, more: ODD[:cut] + scrap + ODD[max(cut + more, 0) :],
        st.integers(0, len(ODD)),
        st.sampled_from(SCRAPS),
        st.integers(-9, 60),
    ),
    encoding=st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-le")),
    chunk=st.integers(1, 40),
)
def test_a_file_in_pieces_reads_as_at_once(text: str, encoding: str, chunk: int) -> None:
    """The same values of the same types, or the same error at the same place, wherever it is cut.

    What `json` accepts and this package refuses is tested elsewhere: a key that comes twice.
    """
    data = text.encode(encoding, "surrogatepass")
    found = in_pieces(data, chunk)
    assert found == at_once(data) or "occurs twice in one object" in found


def test_an_object_in_pieces_of_any_size_keeps_its_records() -> None:
    """The sample data, cut anywhere."""
    for name in FILE_NAMES.values():
        data = (sample_folder() / name).read_bytes()
        for chunk in (1, 7, 1000, len(data)):
            assert in_pieces(data, chunk) == at_once(data)


@given(st.binary(max_size=60), st.integers(1, 9))
def test_a_byte_that_is_no_text_is_named_by_its_place(data: bytes, chunk: int) -> None:
    """Counted from the beginning of the file, whichever piece it comes in."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        found = in_pieces(b'{"a": "' + data + b'"}', chunk)
        at = error.start + 7
        assert f"x: not JSON, byte {at} as utf-8: " in found or "line 1" in found
    else:
        assert "byte" not in in_pieces(b'{"a": "' + data + b'"}', chunk)


class Endless:
    """A file that begins somehow and goes on so forever, or until somebody reads too much of it."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        self._begin = begin
        self._more = more
        self.given = 0

    def read(self, size: int, /) -> bytes:
        """Give so many bytes."""
        data = self._begin or (self._more * (size // len(self._more) + 1))[:size]
        self._begin = b""
        self.given += len(data)
        assert self.given < 4 * json_stream.MAX_VALUE
        return data


TOO_LONG = "one value may have at most 4,194,304 characters"
WANTED = "must be records"


@pytest.mark.parametrize(
    ("begin", "more", "message"),
    [
        (b"", b"[", "nested too deeply"),
        (b'{"5": ', b"[", "nested too deeply"),
        (b'{"5": ', b'{"a":', "nested too deeply"),
        (b'{"5": 1,\n "6": "', b"x", f"line 2, column 7: {TOO_LONG}"),
        (b'{"5": [0', b',"xxxxxxxxxxxxx"', f"line 1, column 7: {TOO_LONG}"),
        (b'{"', b"x", f"line 1, column 2: {TOO_LONG}"),
        (b'{"5": 1', b"0", "holds a number of too many digits"),
        (b'{"5": 0.', b"1", f"line 1, column 7: {TOO_LONG}"),
        (b'{"5": 1}', b"x", "not JSON, line 1, column 9: Extra data"),
        (b'{"5": 1 2', b" ", "not JSON, line 1, column 9: Expecting ',' delimiter"),
        (b'["', b"x", WANTED),
        (b"[0", b',"xxxxxxxxxxxxx"', WANTED),
        (b"\xff\xfe[\0", b"[\0", "nested too deeply"),
        (b"\0\0\0\0", b"\0", "not JSON, line 1, column 1: Expecting value"),
        (b'{"5": "', b"\xff", "not JSON, byte 7 as utf-8: invalid start byte"),
        (b'{"5": "\xe2', b"\xff", "not JSON, byte 7 as utf-8: invalid continuation byte"),
    ],
)
def test_an_endless_file_is_one_error(begin: bytes, more: bytes, message: str) -> None:
    """After what one record may have, and so without memory for more."""
    with pytest.raises(InvalidArgumentError) as refused:
        list(JsonStream(Endless(begin, more), "x").members("records"))
    assert str(refused.value) == f"x: {message}"


@pytest.mark.parametrize("begin", [b"", b'{"5": '])
def test_a_deep_file_is_refused_at_once(begin: bytes) -> None:
    """However deep it is, only its beginning is read."""
    file = Endless(begin, b"[")
    with pytest.raises(InvalidArgumentError, match="nested too deeply"):
        list(JsonStream(file, "x").members("records"))
    assert file.given < 2 * json_stream.CHUNK


def test_a_record_has_a_longest_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One character more is too much: in a file of records, and for a record by itself."""
    text = json.dumps(RECORD)
    path = written(tmp_path, f'{{"5": {text} }}')
    monkeypatch.setattr(json_stream, "MAX_VALUE", len(text))
    assert read_titles(path, "movie") == [Movie.from_json(RECORD)]
    assert parse_title(f"\n {text} ".encode(), "movie", "x") == Movie.from_json(RECORD)
    monkeypatch.setattr(json_stream, "MAX_VALUE", len(text) - 1)
    refused = f"line 1, column 7: one value may have at most {len(text) - 1} characters"
    with pytest.raises(InvalidArgumentError, match=refused):
        read_titles(path, "movie")
    with pytest.raises(InvalidArgumentError, match="line 2, column 2: one value"):
        parse_title(f"\n {text} ".encode(), "movie", "x")
    with pytest.raises(InvalidArgumentError, match="line 1, column 1: one value"):
        parse_json(path)


def test_a_record_of_a_stream_is_read_no_further_than_it_may_be() -> None:
    """A terminal, or a device that never ends, can be given as the file."""
    with pytest.raises(InvalidArgumentError, match="line 1, column 1: one value may have"):
        read_title(Endless(b'{"title": "', b"x"), "movie", "<stdin>")


def test_more_bad_records_than_a_report_can_hold_are_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many are no accident; before, each is listed."""
    path = written(tmp_path, {str(number): number for number in range(4)})
    monkeypatch.setattr(reader, "MAX_REJECTED", 4)
    assert len(read_titles(path, "movie")) == 4
    monkeypatch.setattr(reader, "MAX_REJECTED", 3)
    for read in (read_titles, TitleFile):
        with pytest.raises(InvalidArgumentError) as refused:
            read(path, "movie")
        assert str(refused.value) == f"{path}: more than 3 records are no movie records"


def test_a_long_key_of_a_bad_record_is_cut(tmp_path: Path) -> None:
    """A report holds no more of it than a person reads."""
    (rejection,) = read_titles(written(tmp_path, {"k" * 100_000: RECORD}), "movie")
    assert isinstance(rejection, Rejection)
    assert rejection.key == f"{'k' * 200}... (100,000 characters)"


# -- A file is read through before its titles are -------------------------------------------------


def test_a_file_that_was_read_through_gives_what_it_holds(tmp_path: Path) -> None:
    """Titles and rejections in the order of the file, as often as asked; its length is known."""
    path = written(tmp_path, {"5": RECORD, "6": None, "7": {**RECORD, "id": 7}})
    file = TitleFile(str(path), "movie")
    assert len(file) == 3
    assert list(file) == list(file) == read_titles(path, "movie")
    first, again = iter(file), iter(file)
    assert [next(first), next(again)] == [Movie.from_json(RECORD)] * 2
    first.close()  # type: ignore[attr-defined]
    again.close()  # type: ignore[attr-defined]


def test_the_sample_can_be_read_through() -> None:
    """It may be no file of the file system but one in an archive."""
    for kind, name in FILE_NAMES.items():
        assert list(TitleFile(sample_folder() / name, kind)) == read_titles(
            sample_folder() / name, kind
        )


@pytest.mark.parametrize(
    "content", ["", '{"5": 1, "6"', '{"5": 1} x', '{"5": 1, "5": 1}', "[1 2]", "5"]
)
def test_a_file_that_is_wrong_anywhere_is_refused_before_its_first_title(
    tmp_path: Path, content: str
) -> None:
    """With the error that `read_titles` has."""
    path = written(tmp_path, content)
    with pytest.raises(InvalidArgumentError) as refused:
        read_titles(path, "movie")
    with pytest.raises(InvalidArgumentError) as at_first:
        TitleFile(path, "movie")
    assert str(at_first.value) == str(refused.value)


def test_a_file_that_changed_meanwhile_is_one_error(tmp_path: Path) -> None:
    """It cannot be helped, but it is no crash."""
    file = TitleFile(written(tmp_path, {"5": RECORD}), "movie")
    path = written(tmp_path, '{"5":')
    with pytest.raises(InvalidArgumentError, match="not JSON"):
        list(file)
    path.unlink()
    with pytest.raises(InvalidArgumentError, match="cannot be read"):
        list(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("is_right", [True, False])
def test_a_pipe_is_kept_for_the_second_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_right: bool
) -> None:
    """As the shell gives one for ``<(zcat data.json.gz)``; no copy of it stays behind."""
    copies = tmp_path / "copies"
    copies.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(copies))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = {"5": RECORD} if is_right else "text"
    text = json.dumps(content).encode()
    writer = threading.Thread(target=pipe.write_bytes, args=(text,))
    writer.start()
    if is_right:
        file = TitleFile(pipe, "movie")
        assert list(file) == list(file) == [Movie.from_json(RECORD)]
        assert len(list(copies.iterdir())) == 1
        del file
    else:
        with pytest.raises(InvalidArgumentError, match="must be a JSON object of records"):
            TitleFile(pipe, "movie")
    writer.join()
    assert list(copies.iterdir()) == []


LOW_ON_MEMORY = """
import resource, sys
from pathlib import Path
from catalog_model.files.reader import TitleFile, sample_folder
sample = TitleFile(sample_folder() / "data_movies.json", "movie")
list(sample)
def limit():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 30 * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
limit()
try:
    Path(sys.argv[1]).read_bytes()
except MemoryError:
    print("too large for memory")
file = TitleFile(sys.argv[1], "movie")
print(len(file), sum(1 for title in file if title.overview))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells what is in use")
def test_a_file_larger_than_memory_can_be_read(tmp_path: Path) -> None:
    """60 MB in a process that may have 30 MB more than it has: a record at a time is enough."""
    path = tmp_path / "large.json"
    with path.open("w") as file:
        for number in range(1, 241):
            record = {**RECORD, "id": number, "overview": "x" * 250_000}
            file.write(f'{"{" if number == 1 else ","}"{number}": {json.dumps(record)}')
        file.write("}")
    assert path.stat().st_size > 60_000_000
    run = [sys.executable, "-c", LOW_ON_MEMORY, str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("too large for memory\n240 240\n", "")

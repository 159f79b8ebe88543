"""JSON Lines: one record per line, in any number, each a title or a rejection with its position."""

import codecs
import json
import os
import re
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from hypothesis import example, given
from hypothesis import strategies as st
from open_files import Endless, opened, parse_title

from catalog_model import Movie, Rejection
from catalog_model import access_patterns as ap
from catalog_model.cli.progress import Progress
from catalog_model.domain.rejection import Sourced
from catalog_model.errors import InvalidArgumentError
from catalog_model.files import json_input, reader
from catalog_model.files.json_input import JSONInput
from catalog_model.files.reader import TitleFile, each_title, read_titles
from catalog_model.local import start_engine


def record(number: int, **more: Any) -> dict[str, Any]:
    figures = {"popularity": 7.0, "vote_average": 6.5, "vote_count": 12}
    return {"id": number, "title": "Amélie", "genre_ids": [28], **figures, **more}


def lines_of(*records: Any) -> bytes:
    """Write JSON Lines; text is written unchanged."""
    lines = (each if isinstance(each, str) else json.dumps(each) for each in records)
    return "".join(f"{line}\n" for line in lines).encode()


def read(data: bytes, source: str = "some/movies.jsonl") -> list[Sourced[Any] | Rejection]:
    return list(each_title(opened(data, source), "movie"))


def dictionaries(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with misleading keys."""
    return st.dictionaries(st.text('{}"\n', max_size=3), inner, max_size=3)


values = st.recursive(
    st.none() | st.integers(0, 9) | st.text('{}"\\\n:', max_size=3),
    lambda inner: st.lists(inner, max_size=3) | dictionaries(inner),
    max_leaves=6,
)


@given(values, st.sampled_from((None, 0, 1)), st.sampled_from((b"", codecs.BOM_UTF8)))
def test_no_document_is_taken_for_lines(value: Any, indent: int | None, mark: bytes) -> None:
    """In any layout."""
    text = json.dumps(value, indent=indent)
    broken = re.sub(
        r'"(?:[^"\\]|\\.)*"|[}\]]',
        lambda found: found[0] + ("\n" if found[0] in "}]" else ""),
        text,
    )
    for layout in (text, f"\n{text}\n", broken):
        found = opened(mark + layout.encode())
        assert not found.is_lines
        assert found.document() == value


@given(st.lists(dictionaries(values), min_size=2), st.sampled_from(("", "\n", " \n\n")))
def test_objects_on_lines_of_their_own_are_lines(objects: list[Any], blank: str) -> None:
    """Any objects, with or without blank lines, in a file of any name."""
    found = opened("".join(f"{blank}{json.dumps(each)}\n" for each in objects).encode())
    assert found.is_lines
    assert [json.loads(line) for _, line in found.lines()] == objects


@pytest.mark.parametrize("name", ["x.jsonl", "X.NDJSON"])
@pytest.mark.parametrize("content", [b"", b"\n", b"nonsense", lines_of({"id": 5})])
def test_a_name_can_say_that_a_file_is_lines(name: str, content: bytes) -> None:
    """Then no line makes the file an error."""
    assert all(isinstance(each, Rejection) for each in read(content, name))


odd_lines = st.sampled_from(
    (
        "nonsense",
        '{"id": 5, "title": "\udcff"}',
        '{"id": 5, "id": 5}',
        "[" * 2_000,
        "5",
        "null",
        "[]",
        '{"id": "\\ud800"}',
        '{"id": 949}',
        "9" * 5_000,
        json.dumps(record(7, popularity=float("nan"))),
        json.dumps({"page": 1, "results": [record(5)]}),
    )
)


@example(lines=["", "nonsense", json.dumps(record(5))], newline="\r\n", is_ended=False)
@given(
    lines=st.lists(
        odd_lines | st.just("") | st.integers(1, 99).map(record).map(json.dumps), max_size=12
    ),
    newline=st.sampled_from(("\n", "\r\n", " \n")),
    is_ended=st.booleans(),
)
def test_each_line_is_a_title_or_rejection(lines: list[str], newline: str, is_ended: bool) -> None:
    """In order, each with the file's name, the line's number, and the record's id as key."""
    text = newline.join(lines) + (newline if is_ended else "")
    data = text.encode("utf-8", "surrogateescape")
    expected = [(number, line) for number, line in enumerate(lines, 1) if line]
    found = read(data)
    assert [each.line for each in found] == [number for number, _ in expected]
    for each, (_, line) in zip(found, expected, strict=True):
        assert each.source == "movies.jsonl"
        alone = alone_on_its_line(line)
        if isinstance(each, Sourced):
            assert (each.title, each.key) == (alone, str(each.title.id))
        else:
            assert isinstance(alone, InvalidArgumentError)
            assert each.reason in str(alone) or "not JSON" in each.reason


def alone_on_its_line(line: str) -> Any:
    """Return the title in a single line, or the error."""
    try:
        return parse_title(line.encode("utf-8", "surrogateescape"), "movie", "x")
    except InvalidArgumentError as error:
        return error


def test_a_rejection_names_the_file_the_line_and_the_key() -> None:
    """As text and as JSON; the position of a syntax error is a column of that line."""
    no_json, no_title = read(lines_of('{"id": 5 6}', "", {"id": 949, "title": 3}))
    assert isinstance(no_json, Rejection)
    assert isinstance(no_title, Rejection)
    wrong = "not JSON, column 10: Expecting ',' delimiter"
    assert str(no_json) == f"movies.jsonl: line 1: {wrong}"
    assert str(no_title).startswith("movies.jsonl: line 3: 949: a movie record needs")
    assert no_json.to_json() == {"source": "movies.jsonl", "line": 1, "key": "", "reason": wrong}
    told = Rejection("a.json", "5", "why").to_json()
    assert told == {"source": "a.json", "key": "5", "reason": "why"}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_lines_are_utf_8(encoding: str) -> None:
    """As JSON Lines requires; byte order marks are ignored, even between files."""
    data = lines_of(record(5), record(6))
    with pytest.raises(InvalidArgumentError, match=r"^x\.jsonl: JSON Lines must be UTF-8$"):
        read(data.decode().encode(encoding), "x.jsonl")
    marked = codecs.BOM_UTF8 + data
    assert [each.line for each in read(marked * 2) if isinstance(each, Sourced)] == [1, 2, 3, 4]


def test_only_a_line_that_is_too_long_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more byte is too much, not counting the end of the line; the last line, too."""
    line = lines_of(record(5)).decode().strip()
    monkeypatch.setattr(json_input, "MAX_LINE", len(line))
    monkeypatch.setattr(reader, "MAX_LINE", len(line))
    for more in (1, 2, 50, 5_000):
        found = read(lines_of(line, line + " " * more, line, line + "x" * more).removesuffix(b"\n"))
        assert [isinstance(each, Sourced) for each in found] == [True, False, True, False]
        assert str(found[1]) == f"movies.jsonl: line 2: the line has more than {len(line)} bytes"


@pytest.mark.parametrize("name", ["x.jsonl", "x"])
def test_a_line_without_an_end_is_one_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the maximum size of a document."""
    monkeypatch.setattr(json_input, "MAX_FILE", 100_000)
    monkeypatch.setattr(json_input, "MAX_LINE", 10_000)
    monkeypatch.setattr(json_input, "_CHUNK", 1_000)
    file = Endless(lines_of(record(5)) + b"{", b"x")
    with pytest.raises(InvalidArgumentError, match=r"more than 100,000 bytes|at most 100,000"):
        list(each_title(JSONInput(file.file(), name), "movie"))
    assert file.given < 400_000


def test_endless_lines_that_are_no_records_are_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the maximum of a report."""
    monkeypatch.setattr(reader, "MAX_REJECTED", 50)
    file = Endless(b"", b"{}\n")
    titles = each_title(JSONInput(file.file(), "x"), "movie")
    with pytest.raises(InvalidArgumentError, match="x: more than 50 records are no movie records"):
        list(titles)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_titles_of_a_pipe_come_as_they_are_written(tmp_path: Path) -> None:
    """As with the shell's ``<(zcat movies.jsonl.gz)``; their number is unknown at first."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    was_read = threading.Event()

    def write() -> None:
        with pipe.open("wb", buffering=0) as file:
            file.write(lines_of(record(1), record(2)))
            was_read.wait(10)
            file.write(lines_of(record(3)))

    writer = threading.Thread(target=write)
    writer.start()
    titles = TitleFile(pipe, "movie")
    assert titles.total is None
    assert [next(titles).line, next(titles).line] == [1, 2]
    was_read.set()
    assert [each.line for each in titles] == [3]
    writer.join()


def test_the_lines_of_a_file_are_counted_before(tmp_path: Path) -> None:
    """For the progress of a load; an open file cannot be read twice, and has no number."""
    path = tmp_path / "movies.jsonl"
    path.write_bytes(lines_of(record(1), "", "nonsense", record(3)))
    titles = TitleFile(str(path), "movie")
    assert titles.total == 3
    assert [each if isinstance(each, Rejection) else each.title for each in titles] == (
        read_titles(path, "movie")
    )
    with path.open("rb") as file:
        assert TitleFile(file, "movie").total is None


def test_progress_without_a_total_tells_what_is_done() -> None:
    """Without an estimate."""
    shown = Progress(None)
    shown(1_312)
    assert shown.line() == "1,312 titles, time left unknown"


def test_memory_is_bounded_by_one_record(tmp_path: Path) -> None:
    """For a file of any size: 25 MB here."""
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        for number in range(1, 101):
            file.write(lines_of(record(number, overview="x" * 250_000)))
    tracemalloc.start()
    assert sum(isinstance(each, Sourced) for each in TitleFile(path, "movie")) == 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


TOO_LARGE = record(5, overview="x" * 410_000)


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    with start_engine() as engine:
        yield CommandLine(engine).filled(())


@pytest.mark.parametrize("way", ["a file", "stdin"])
def test_each_rejected_line_has_its_place(cli: CommandLine, tmp_path: Path, way: str) -> None:
    """For an invalid record, and for one that does not fit the table; the rest is loaded."""
    path = tmp_path / "some.jsonl"
    path.write_bytes(lines_of(record(1), "nonsense", {"id": 2}, TOO_LARGE, record(3)))
    source = "some.jsonl" if way == "a file" else "<stdin>"
    words = ["load", "--movies", str(path) if way == "a file" else "-"]
    result = cli(*words, answers="" if way == "a file" else path.read_text())
    head, *rejections = result.stdout.splitlines()
    assert (result.exit_code, result.stderr) == (1, "")
    assert head.endswith(", 3 rejected")
    assert rejections[0] == f"{source}: line 2: not JSON, column 1: Expecting value"
    assert rejections[1].startswith(f"{source}: line 3: 2: a movie record needs")
    assert rejections[2].startswith(f"{source}: line 4: 5: ")
    assert "409,600" in rejections[2]


def test_a_rejected_record_of_a_document_has_its_place(cli: CommandLine, tmp_path: Path) -> None:
    """Even if it only does not fit the table: its key in the document, or its number."""
    path = tmp_path / "some.json"
    path.write_text(json.dumps([record(1), TOO_LARGE]))
    assert cli("load", "--movies", str(path)).stdout.splitlines()[1].startswith("some.json: [1]: ")
    path.write_text(json.dumps({"5": TOO_LARGE}))
    cost = ("cost", "--pattern", "list-titles movie", "--per-second", "1", "--movies", str(path))
    for words in (("load", "--movies", str(path)), cost):
        (rejected,) = json.loads(cli("--output=json", *words).stdout)["rejected"]
        assert (rejected["source"], rejected["key"]) == ("some.json", "5")


def test_put_title_puts_each_line(cli: CommandLine) -> None:
    """Rejected records are listed, and the rest is put; existing titles, too, if requested."""
    ap.put_title(cli.catalog, Movie.from_json(record(11)))
    data = lines_of(record(11, vote_count=13), "nonsense", TOO_LARGE, record(12)).decode()
    result = cli("put-title", "movie", "-", answers=data)
    *rejections, last = result.stdout.splitlines()
    assert (result.exit_code, result.stderr, last) == (1, "", "2 put, 2 rejected")
    assert rejections[0] == "<stdin>: line 2: not JSON, column 1: Expecting value"
    assert rejections[1].startswith("<stdin>: line 3: 5: ")
    assert ap.get_title(cli.catalog, "movie", 11, consistent=True).vote_count == 13
    result = cli("--output=json", "put-title", "movie", "-", "--if-absent", answers=data)
    report = json.loads(result.stdout)
    places = [(each["line"], each["key"]) for each in report["rejected"]]
    assert (result.exit_code, report["put"]) == (1, 0)
    assert places == [(1, "11"), (2, ""), (3, "5"), (4, "12")]
    good = lines_of(record(12), record(13)).decode()
    assert cli("put-title", "movie", "-", answers=good).output == "2 put, 0 rejected\n"


@pytest.mark.parametrize(
    "words", [("put-title", "movie", "-", "--if-unchanged"), ("explain", "put-title", "movie")]
)
def test_only_one_record_is_taken(cli: CommandLine, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Before anything is written."""
    path = tmp_path / "two.json"
    path.write_bytes(lines_of(record(21), record(22)))
    result = cli(*words, str(path), answers=path.read_text())
    assert (result.exit_code, result.stdout) == (2, "")
    assert "one record" in result.stderr or "line 2, column 1: Extra data" in result.stderr
    assert cli("get-title", "movie", "21").exit_code == 1

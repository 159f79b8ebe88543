"""The command `adopt`: its sources, its report, and its exit codes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from other_layouts import Item, as_lists, as_the_course, other_table, put_all

from catalog_model import access_patterns as ap
from catalog_model.files.reader import FILE_NAMES, sample_folder
from catalog_model.local import Engine
from catalog_model.operations import create_table

MOVIES = json.loads((sample_folder() / FILE_NAMES["movie"]).read_bytes())
SHOWS = json.loads((sample_folder() / FILE_NAMES["tv"]).read_bytes())
TWO = [MOVIES["34"], SHOWS["73"]]


@pytest.fixture
def cli(local_engine: Engine) -> CommandLine:
    """The command line on an empty table."""
    command = CommandLine(local_engine)
    create_table(command.catalog)
    return command


@pytest.fixture
def films(cli: CommandLine) -> Iterator[str]:
    """A table with a movie and a show, whose genres are sets."""
    client: Any = cli.catalog.client
    with other_table(client, "id") as films:
        put_all(client, films, list(map(as_the_course, TWO)))
        yield films


@pytest.fixture
def originals(tmp_path: Path) -> list[str]:
    """The options for the files of both titles."""
    words = []
    for option, record in zip(("movies", "tv"), TWO, strict=True):
        path = tmp_path / f"{option}.json"
        path.write_text(json.dumps({str(record["id"]): record}), "utf-8")
        words += [f"--{option}", str(path)]
    return words


def written(tmp_path: Path, *items: Item) -> str:
    """Write items to a file; return its path."""
    path = tmp_path / "items.json"
    path.write_text(json.dumps(items), "utf-8")
    return str(path)


def test_losses_are_listed_and_the_exit_code_is_1(cli: CommandLine, films: str) -> None:
    """Titles with the same loss share a line; the cost of reading is on stderr."""
    result = cli("adopt", f"table:{films}")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "order: movie 34, tv 73: genre_ids",
        "2 created, 0 changed, 0 unchanged, 0 deleted, 0 rejected",
        "Lost before: order 2; 0 of them restored",
    ]
    assert "Read 2 items in the last pass (1 request, 1 read unit in all)" in result.stderr
    assert f"{films} has movies and TV shows, and no id twice" in result.stderr


def test_original_files_restore_losses(cli: CommandLine, films: str, originals: list[str]) -> None:
    """The exit code is 0 then."""
    told = cli.done("adopt", f"table:{films}", *originals)
    assert "order (restored): movie 34, tv 73: genre_ids" in told
    for kind, record in zip(("movie", "tv"), TWO, strict=True):
        assert ap.get_title(cli.catalog, kind, record["id"]).to_json() == record  # type: ignore[arg-type]


def test_the_report_is_for_programs_too(cli: CommandLine, films: str, originals: list[str]) -> None:
    """All of it, as JSON."""
    found = cli.json("adopt", f"table:{films}", *originals, "--follow")
    assert found["created"] == 2
    assert found["is_complete"] is True
    assert {each["key"] for each in found["losses"]} == {"movie 34", "tv 73"}
    assert found["comparison"]["equal"] == 2
    assert [each["created"] for each in found["passes"]] == [2, 0]
    dry = json.loads(cli("--output", "json", "adopt", f"table:{films}", "--dry-run").stdout)
    assert (dry["dry_run"], dry["to_adopt"], dry["created"]) == (True, 2, 0)


def test_rejected_items_are_listed(cli: CommandLine, tmp_path: Path) -> None:
    """The others are taken, and the exit code is 1."""
    path = written(tmp_path, as_lists(TWO[0]), {"user": {"S": "ann"}})
    result = cli("adopt", path)
    assert result.exit_code == 1
    reason = "it is neither a movie nor a TV show: it has no title and no name"
    assert result.stdout.splitlines() == [
        f"rejected: items.json: user ann: {reason}",
        "1 created, 0 changed, 0 unchanged, 0 deleted, 1 rejected",
    ]


def test_the_standard_input_is_a_source(cli: CommandLine) -> None:
    """With or without the kind of its titles."""
    for source, record in zip(("movie=-", "-"), TWO, strict=True):
        result = cli("adopt", source, answers=json.dumps(as_lists(record)))
        assert result.exit_code == 0, result.output
        assert "1 created" in result.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Missing argument 'FROM...'"),
        (["-", "tv=-"], "only one source can be -"),
        (["-", "--movies", "-"], "only one source can be -"),
        (["no-such-file"], "no-such-file: cannot be read"),
        (["table:no-such-table"], "there is no table 'no-such-table' to adopt"),
        (["table:films", "--follow", "--dry-run"], "dry_run must be False where follow is True"),
        (["table:films", "--max-passes", "0"], "max_passes must be"),
    ],
)
def test_what_is_wrong_is_a_usage_error(cli: CommandLine, words: list[str], reason: str) -> None:
    """With exit code 2, and one line."""
    result = cli("adopt", *words)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_an_invalid_original_is_refused(cli: CommandLine, films: str, tmp_path: Path) -> None:
    """It could not restore anything."""
    path = tmp_path / "movies.json"
    path.write_text(json.dumps({"34": {"id": 34}}), "utf-8")
    result = cli("adopt", f"table:{films}", "--movies", str(path))
    assert result.exit_code == 2
    assert "an original is not a title: movies.json: 34" in result.stderr


def test_a_source_that_keeps_changing_is_said_to(cli: CommandLine, films: str) -> None:
    """One pass is not enough to know."""
    result = cli("adopt", f"table:{films}", "--follow", "--max-passes", "1")
    assert result.exit_code == 1
    assert "stop their writers, and repeat" in result.stdout
    assert "may be missing in the table." in result.stdout

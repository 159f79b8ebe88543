"""The commands `dump` and `import`: what they print, and how they end."""

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from table_dump import dump, movie

from catalog_model import access_patterns as ap
from catalog_model.cli import dump as dump_commands
from catalog_model.local import Engine
from catalog_model.operations import delete_table, verify


@pytest.fixture(scope="module")
def cli(local_engine: Engine) -> CommandLine:
    """The command line on a table with a few movies."""
    return CommandLine(local_engine).filled([movie(n, 28, 12) for n in range(1, 11)])


@pytest.fixture
def copy(local_engine: Engine) -> Iterator[CommandLine]:
    """The command line on a table that does not exist."""
    other = CommandLine(local_engine)
    yield other
    if other("status").exit_code != 254:
        delete_table(other.catalog)


def test_a_dump_is_imported(cli: CommandLine, copy: CommandLine, tmp_path: Path) -> None:
    """With counts on stdout, and a note on stderr that it is not one moment."""
    path = tmp_path / "a.json.gz"
    result = cli("dump", str(path))
    assert result.exit_code == 0
    first, second = result.stdout.split(", ", 1)[0], result.stderr
    assert first == f"{len(dump(cli.catalog))} items (listing 10"
    assert "title 10; 0 not of this model" in result.stdout
    assert "not at one moment" in second
    result = copy("import", str(path), "--create")
    items = len(dump(cli.catalog))
    assert (result.exit_code, result.stdout) == (0, f"{items} items: {items} written\n")
    assert result.stderr == "The table was created.\n"
    assert dump(copy.catalog) == dump(cli.catalog)


def test_as_json_the_answer_is_the_manifest(cli: CommandLine, tmp_path: Path) -> None:
    """And that of an import its counts."""
    path = tmp_path / "a.json.gz"
    printed = cli.json("dump", str(path))
    assert printed == json.loads(path.with_name("a.json.gz.manifest").read_text())
    report = cli.json("import", str(path), "--into-existing")
    assert report == {
        "items": printed["items"],
        "written": printed["items"],
        "throttled": 0,
        "created": False,
    }


def test_the_titles_are_written(cli: CommandLine, tmp_path: Path) -> None:
    """Into both files, one line for each on stdout; files are kept unless forced."""
    result = cli("dump", "--titles", str(tmp_path))
    assert result.exit_code == 0
    assert [line.split(": ")[1].split(",")[0] for line in result.stdout.splitlines()] == [
        "10 titles",
        "0 titles",
    ]
    assert len(json.loads((tmp_path / "data_movies.json").read_bytes())) == 10
    again = cli("dump", "--titles", str(tmp_path))
    assert again.exit_code == 2
    assert "exists already, and is not overwritten (--force does)" in again.stderr
    assert cli.json("dump", "--titles", str(tmp_path), "--force", "--like", str(tmp_path))


def test_an_unreadable_title_ends_with_1(copy: CommandLine, tmp_path: Path) -> None:
    """It is listed with its key and the reason."""
    copy.done("create")
    key: Any = {"PK": {"S": "TITLE#movie#7"}, "SK": {"S": "TITLE#movie#7"}}
    copy.catalog.client.put_item(TableName=copy.table, Item=key)
    result = copy("dump", "--titles", str(tmp_path))
    assert result.exit_code == 1
    assert "unreadable: TITLE#movie#7 | TITLE#movie#7: " in result.stdout


def test_a_table_with_items_is_refused(cli: CommandLine, tmp_path: Path) -> None:
    """Exit code 2, and what --into-existing would do."""
    path = tmp_path / "a.json.gz"
    cli.done("dump", str(path))
    result = cli("import", str(path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--into-existing" in result.stderr
    assert verify(cli.catalog).is_clean


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("dump",), "give FILE or --titles FOLDER"),
        (("dump", "a", "--titles", "b"), "give FILE or --titles FOLDER"),
        (("dump", "a", "--like", "b"), "--like is for --titles"),
        (("dump", "--titles", "b", "--manifest", "c"), "--manifest is for a FILE"),
        (("dump", "a", "--segments", "0"), "segments must be a whole number from 1 to 64"),
        (("dump", "a", "--read-units", "0"), "read_units must be a number from 0.001 to 1e+12"),
        (("import",), "give FILE or --from-s3 URL"),
        (("import", "a", "--from-s3", "s3://b/c"), "give FILE or --from-s3 URL"),
        (("import", "a", "--manifest", "c"), "--manifest is for --from-s3"),
        (("import", "--from-s3", "s3://b/c", "--create"), "--from-s3 does not take --create"),
        (("import", "--from-s3", "b"), "url must be s3://BUCKET/PREFIX"),
        (("import", "a", "--write-units", "-1"), "write_units must be a number from 0.001"),
        (("import", "none.json.gz"), "none.json.gz: does not exist"),
    ],
)
def test_wrong_usage_ends_with_2(
    cli: CommandLine, words: tuple[str, ...], why: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Nothing is written."""
    monkeypatch.chdir(tmp_path)
    result = cli(*words)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert why in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_says_how_to_go_on(
    cli: CommandLine, copy: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 130; with the checkpoint, the rest is written by the same command."""
    path, place = tmp_path / "a.json.gz", tmp_path / "the place.json"
    cli.done("dump", str(path))
    with interrupted(monkeypatch, after=1):
        result = copy("import", str(path), "--create", "--checkpoint", str(place))
    assert (result.exit_code, result.stdout) == (130, "")
    assert f"--checkpoint '{place}'` continues from here." in result.stderr
    assert 0 < len(dump(copy.catalog)) < len(dump(cli.catalog))
    printed = copy.done("import", str(path), "--create", "--checkpoint", str(place))
    assert printed.endswith("written, 25 by an earlier run\n")
    assert dump(copy.catalog) == dump(cli.catalog)
    assert not place.exists()
    with interrupted(monkeypatch, after=0):
        result = copy("import", str(path), "--into-existing")
    assert f"`catalog-model import {path} --into-existing` writes all of them" in result.stderr


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> Iterator[None]:
    """Interrupt after a number of batches."""
    calls = 0

    def press(_: int) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise KeyboardInterrupt

    @contextmanager
    def progress(*_: Any) -> Iterator[Any]:
        yield press

    with monkeypatch.context() as patch:
        patch.setattr(dump_commands, "progress", progress)
        yield


def test_changes_after_a_dump_are_undone_in_a_copy(
    cli: CommandLine, copy: CommandLine, tmp_path: Path
) -> None:
    """The earlier state: dump, change, import into a new table, verify."""
    before, path = dump(cli.catalog), tmp_path / "before.json.gz"
    cli.done("dump", str(path))
    cli.done("delete-title", "movie", "3", "--yes")
    cli.done("update-popularity", "movie", "4", "99.5")
    copy.done("import", str(path), "--create")
    copy.done("verify")
    assert dump(copy.catalog) == before != dump(cli.catalog)
    ap.put_title(cli.catalog, ap.get_title(copy.catalog, "movie", 3))


def test_the_policy_of_an_operator_includes_dumps_on_demand(cli: CommandLine) -> None:
    """In a statement of its own; other roles do not get it."""
    printed = cli.json("export", "iam", "--role", "operator", "--dump")
    found = {each["Sid"]: each["Action"] for each in printed["Statement"]}
    assert found["Dump"] == ["dynamodb:BatchWriteItem", "dynamodb:Scan"]
    result = cli("export", "iam", "--role", "writer", "--dump")
    assert (result.exit_code, "--dump is for --role operator" in result.stderr) == (2, True)


def test_a_stream_has_the_files_bytes(cli: CommandLine, copy: CommandLine, tmp_path: Path) -> None:
    """On stdout, with everything else on stderr; and it is read from stdin."""
    path, beside = tmp_path / "a.json.gz", tmp_path / "m.json"
    cli.done("dump", str(path))
    result = cli("dump", "-", "--manifest", str(beside))
    assert result.exit_code == 0
    assert gzip.decompress(result.stdout_bytes) == gzip.decompress(path.read_bytes())
    assert json.loads(beside.read_text())["file"] == "-"
    assert "items (" in result.stderr
    from click.testing import CliRunner  # noqa: PLC0415  # bytes as input

    from catalog_model.cli.program import program  # noqa: PLC0415

    runner = CliRunner(env=copy.environment)
    done = runner.invoke(program, ["import", "-", "--create"], input=path.read_bytes())
    assert done.exit_code == 0, done.output
    assert dump(copy.catalog) == dump(cli.catalog)

"""Every option that takes a path, with unusable paths: one line with the path, exit code 2."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import click
import pytest
from command_line import CommandLine

from catalog_model.cli.program import program
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine, start_engine
from catalog_model.maintenance.migrate import migrate
from catalog_model.operations import dump_table, verify

USAGE = 2
COST = "cost --pattern 'get-title movie 34' --per-second 1"

RECORD = "RECORD"
"""Stands for a file with one record."""
DUMP = "DUMP"
"""Stands for a dump of the table."""
RECORD_TEXT = json.dumps({"id": 5, "title": "A", "genre_ids": [], "popularity": 1.5,
                          "vote_average": 7.0, "vote_count": 3})  # fmt: skip

READING: dict[str, list[str]] = {
    "load --movies": ["load", "--movies"],
    "load --tv": ["load", "--tv"],
    "explain load --movies": ["explain", "load", "--movies"],
    "cost --movies": ["cost", "--pattern", "get-title movie 34", "--per-second", "1", "--movies"],
    "cost --tv": ["cost", "--pattern", "get-title movie 34", "--per-second", "1", "--tv"],
    "cost --prices": ["cost", "--pattern", "get-title movie 34", "--per-second", "1", "--prices"],
    "import": ["import", "--create"],
    "import --manifest": ["import", "--from-s3", "s3://dumps/catalog.json.gz", "--manifest"],
    "put-title": ["put-title", "movie"],
    "explain put-title": ["explain", "put-title", "movie"],
    "put-title --if-unchanged": ["put-title", "movie", RECORD, "--if-unchanged"],
    "explain put-title --if-unchanged": ["explain", "put-title", "movie", RECORD, "--if-unchanged"],
}
WRITING: dict[str, list[str]] = {
    "migrate --checkpoint": ["migrate", "--checkpoint"],
    "dump": ["dump"],
    "dump --manifest": ["dump", "-", "--manifest"],
    "import --checkpoint": ["import", DUMP, "--into-existing", "--checkpoint"],
}


def folder(at: Path) -> Path:
    """A folder instead of a file."""
    at.mkdir()
    return at


def beneath_a_file(at: Path) -> Path:
    """A path below a file."""
    at.write_text("{}")
    return at / "file.json"


def ring(at: Path) -> Path:
    """A link to itself."""
    at.symlink_to(at)
    return at


def link_to_nothing(at: Path) -> Path:
    """A link whose target and its folder do not exist."""
    at.symlink_to(at.parent / "none" / "file.json")
    return at


def too_long(at: Path) -> Path:
    """A name that is too long for a file."""
    return at.with_name("n" * 300)


def not_readable(at: Path) -> Path:
    """An unreadable file; tests recognize root, who can read it."""
    at.write_text("{}")
    at.chmod(0)
    return at


def pipe(at: Path) -> Path:
    """A pipe without a writer."""
    os.mkfifo(at)
    return at


UNREADABLE: list[Callable[[Path], Path]] = [
    folder,
    beneath_a_file,
    ring,
    link_to_nothing,
    too_long,
    not_readable,
    lambda at: at.parent / "none" / "file.json",  # in a missing folder
    lambda at: at,  # missing
    lambda _: Path("/dev/zero"),
    lambda _: Path(),
]
UNWRITABLE: list[Callable[[Path], Path]] = [
    folder,
    beneath_a_file,
    ring,
    too_long,
    not_readable,
    pipe,
    lambda at: at.parent / "none" / "file.json",
    lambda _: Path("/dev/full"),
    lambda _: Path("/dev/zero"),
    lambda _: Path(),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A single engine: these errors occur before the engine matters."""
    with start_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def cli(engine: Engine) -> CommandLine:
    """The command line on a table with the sample data."""
    return CommandLine(engine).filled(read_folder(sample_folder()))


def refused(cli: CommandLine, words: list[str], path: Path) -> None:
    """Check how a command fails."""
    result = cli(*words, str(path))
    assert (result.exit_code, result.stdout) == (USAGE, ""), result.output
    last = result.stderr.splitlines()[-1]
    assert last.startswith("Error: "), result.stderr
    assert path.name[:70] in last
    assert "Traceback" not in result.stderr


def can_read_all(path: Path) -> bool:
    """Whether this process can read files without permission."""
    is_closed = os.path.isfile(path) and not stat.S_IMODE(path.stat().st_mode)  # noqa: PTH113  # never raises
    return is_closed and os.access(path, os.R_OK)


@pytest.mark.parametrize("make", UNREADABLE, ids=range(len(UNREADABLE)))
@pytest.mark.parametrize("option", READING)
def test_an_unreadable_file_is_an_error(
    cli: CommandLine, option: str, make: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Nothing is written to the table, and the message contains the path."""
    path = make(tmp_path / "file.json")
    if can_read_all(path):
        pytest.skip("no permission stops this user")
    record = tmp_path / "record.json"
    record.write_text(RECORD_TEXT)
    words = [str(record) if word == RECORD else word for word in READING[option]]
    refused(cli, words, path)


@pytest.fixture(scope="module")
def dumped(cli: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of the table."""
    path = tmp_path_factory.mktemp("dumped") / "a.json.gz"
    dump_table(cli.catalog, path)
    return path


@pytest.mark.parametrize("make", UNWRITABLE, ids=range(len(UNWRITABLE)))
@pytest.mark.parametrize("option", WRITING)
def test_an_unwritable_file_is_an_error(
    cli: CommandLine, option: str, make: Callable[[Path], Path], tmp_path: Path, dumped: Path
) -> None:
    """Before anything is started."""
    path = make(tmp_path / "file.json")
    if can_read_all(path):
        pytest.skip("no permission stops this user")
    before = sorted(tmp_path.iterdir())
    words = [str(dumped) if word == DUMP else word for word in WRITING[option]]
    refused(cli, words, path)
    assert sorted(tmp_path.iterdir()) == before


def test_every_option_that_takes_a_path_is_tried() -> None:
    """New options must be added here."""
    found = {
        f"{name} {parameter.opts[0]}" if parameter.opts[0].startswith("-") else name
        for name, command in commands(program)
        for parameter in command.params
        if parameter.metavar == "FILE"
        or parameter.name == "file"
        or isinstance(parameter.type, click.File)
    }
    tried = {*READING, *WRITING}
    assert {name.replace("explain load --tv", "explain load --movies") for name in found} == tried


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield each command as its words."""
    for name, command in group.commands.items():
        words = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            yield from commands(command, words)
        else:
            yield words, command


def test_a_disk_that_fills_up_ends_a_migration_with_the_path(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completed work is kept, and no incomplete checkpoint is left."""
    place = tmp_path / "place"
    saves = count()

    def full(_: int) -> None:
        if next(saves):
            no_space()

    monkeypatch.setattr("catalog_model.maintenance.checkpoint.os.fsync", full)
    result = cli("migrate", "--checkpoint", str(place))
    problem = f"Error: checkpoint '{place}': No space left on device\n"
    assert (result.exit_code, result.stderr) == (USAGE, problem)
    assert list(tmp_path.iterdir()) == [place]
    monkeypatch.undo()
    assert migrate(cli.catalog, checkpoint=place).left == []
    assert list(tmp_path.iterdir()) == []
    assert verify(cli.catalog).is_clean


def no_space(**_: str) -> None:
    """Fail like a full disk."""
    raise OSError(28, "No space left on device")

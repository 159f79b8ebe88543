"""Every option that takes a path, with unusable paths: one line with the path, exit code 2."""

from __future__ import annotations

import json
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from errno import ENOSPC
from itertools import count
from pathlib import Path

import click
import pytest
from command_line import CommandLine
from refused_calls import RECORDS

from catalog_model.cli.program import program
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine, start_engine
from catalog_model.maintenance.migrate import migrate
from catalog_model.operations import verify

Make = Callable[[Path], Path]
USAGE = 2
WRITING = "migrate --checkpoint"
RECORD = "RECORD"
"""Stands for a file with one record."""

NEEDED = {
    "cost": "--pattern 'get-title movie 34' --per-second 1",
    "put-title": "movie",
    "--if-unchanged": RECORD,
}
"""What stands before a path, besides the command and the option."""


def options() -> Iterator[str]:
    """Yield each option or argument that takes a path, after all that it needs."""
    for outer, group in program.commands.items():
        for inner, command in getattr(group, "commands", {"": group}).items():
            for parameter in command.params:
                if parameter.metavar == "FILE" or isinstance(parameter.type, click.File):
                    option = parameter.opts[0] if parameter.opts[0].startswith("-") else ""
                    needed = (NEEDED.get(word, "") for word in (inner or outer, option))
                    yield " ".join(filter(None, (outer, inner, *needed, option)))


READING = [words for words in options() if words != WRITING]


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


USELESS: list[Make] = [
    folder,
    beneath_a_file,
    ring,
    too_long,
    not_readable,
    lambda at: at.parent / "none" / "file.json",  # in a missing folder
    lambda _: Path("/dev/zero"),
    lambda _: Path(),
]
UNREADABLE: list[Make] = [*USELESS, link_to_nothing, lambda at: at]  # the last one is missing
UNWRITABLE: list[Make] = [*USELESS, pipe, lambda _: Path("/dev/full")]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """A single engine: these errors occur before the engine matters."""
    with start_engine() as engine:
        yield engine


@pytest.fixture(scope="module")
def cli(engine: Engine) -> CommandLine:
    """The command line on a table with the sample data."""
    return CommandLine(engine).filled(read_folder(sample_folder()))


def refused(cli: CommandLine, words: str, path: Path) -> None:
    """Check how a command fails."""
    if can_read_all(path):
        pytest.skip("no permission stops this user")
    result = cli(*shlex.split(words), str(path))
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
    cli: CommandLine, option: str, make: Make, tmp_path: Path
) -> None:
    """Nothing is written to the table, and the message contains the path."""
    path, record = make(tmp_path / "file.json"), tmp_path / "record.json"
    record.write_text(json.dumps(RECORDS["movie"]))
    refused(cli, option.replace(RECORD, str(record)), path)


@pytest.mark.parametrize("make", UNWRITABLE, ids=range(len(UNWRITABLE)))
def test_an_unwritable_file_is_an_error(cli: CommandLine, make: Make, tmp_path: Path) -> None:
    """Before anything is started."""
    path = make(tmp_path / "file.json")
    before = sorted(tmp_path.iterdir())
    refused(cli, WRITING, path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_disk_that_fills_up_ends_a_migration_with_the_path(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completed work is kept, and no incomplete checkpoint is left."""
    place = tmp_path / "place"
    saves = count()

    def full(_: int) -> None:
        if next(saves):
            raise OSError(ENOSPC, os.strerror(ENOSPC))

    monkeypatch.setattr("catalog_model.maintenance.checkpoint.os.fsync", full)
    result = cli("migrate", "--checkpoint", str(place))
    problem = f"Error: checkpoint '{place}': No space left on device\n"
    assert (result.exit_code, result.stderr) == (USAGE, problem)
    assert list(tmp_path.iterdir()) == [place]
    monkeypatch.undo()
    assert migrate(cli.catalog, checkpoint=place).left == []
    assert list(tmp_path.iterdir()) == []
    assert verify(cli.catalog).is_clean

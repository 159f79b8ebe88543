"""Every command with each stream closed, full or cut: the same end, no traceback, whole writes."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from cli_environment import environment
from command_line import CommandLine
from scaled import some_of

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.cli.patterns import EXAMPLES
from catalog_model.cli.program import program
from catalog_model.errors import TableNotFoundError
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import start_engine
from catalog_model.operations import create_table, dump_table, table_status, verify

SUPPORT = Path(__file__).parents[1] / "support"
FULL = Path("/dev/full")
UNEXPECTED = 255

STATES: list[dict[str, str]] = [
    {"stdout": "closed", "stdin": "closed"},
    {"stdout": "cut"},
    {"stdout": "full"},
    {"stderr": "closed"},
    {"stderr": "cut", "stdin": "closed"},
    {"stderr": "full"},
]
TOGETHER: list[dict[str, str]] = [
    {"stdin": "closed", "stdout": "closed", "stderr": "closed"},
    {"stdin": "closed"},
    {"stdout": "cut", "stderr": "cut"},
    {"stdout": "full", "stderr": "full"},
]

OTHERS: dict[str, str] = {
    "cost": "--pattern 'get-title movie 34' --per-second 1",
    "create": "",
    "delete": "--yes --table other-one",
    "dump": "--force dump.json.gz",
    "export iam": "--role reader",
    "import": "--into-existing sample.json.gz",
    "migrate": "--dry-run",
    "patterns": "",
    "repair": "--dry-run",
    "serve": "--endpoint-url http://127.0.0.1:1",
    "status": "",
    "verify": "",
}
"""Arguments for commands that are not access patterns; `serve` would not end."""

WITHOUT_COMMAND = ("", "--help", "--version", "no-such-command", "--output yaml")


ALIEN = Movie.from_json(
    json.loads((sample_folder() / FILE_NAMES["movie"]).read_bytes())["34"],
)
"""The title that the examples change."""


class Ended(NamedTuple):
    """The result of a command."""

    code: int
    stdout: str
    stderr: str


class Programs:
    """Runs commands, each in a separate process, on one table."""

    def __init__(self, cli: CommandLine, process: subprocess.Popen[str]) -> None:
        self.cli = cli
        self._process = process

    def run(self, words: list[str], streams: dict[str, str]) -> Ended:
        """Run a command with streams in some states, on the table in its original state."""
        if "delete" in words:
            create_table(other_one(self.cli))
        if "delete-title" in words:
            ap.put_title(self.cli.catalog, ALIEN)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"words": words, **streams}) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


def other_one(cli: CommandLine) -> Catalog:
    """Return a handle on the table that exists to be deleted."""
    return Catalog("other-one", client=cli.catalog.client)


@contextmanager
def running(cli: CommandLine, folder: Path) -> Iterator[Programs]:
    """Run the forking process in a folder with the files of the examples."""
    for name in FILE_NAMES.values():
        (folder / name).write_bytes((sample_folder() / name).read_bytes())
    (folder / "alien.json").write_text(json.dumps(ALIEN.to_json()))
    dump_table(cli.catalog, folder / "sample.json.gz")
    with subprocess.Popen(
        [sys.executable, str(SUPPORT / "forked_cli.py")],
        cwd=folder,
        env=environment(**cli.environment, AWS_MAX_ATTEMPTS="2"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Programs(cli, process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """A table with the sample data, and the runner of commands on it."""
    with start_engine() as engine:
        cli = CommandLine(engine).filled(read_folder(sample_folder()))
        with running(cli, tmp_path_factory.mktemp("streams")) as programs:
            yield programs


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the words of every command that does something."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path


COMMANDS = sorted(" ".join(path) for path in leaves(program))


def words_of(command: str) -> list[str]:
    """Return a command with arguments for the sample data."""
    name = command.removeprefix("explain ")
    pattern = "load_titles" if name == "load" else name.replace("-", "_")
    behind = OTHERS[command] if command in OTHERS else EXAMPLES[pattern]
    return [*command.split(), *shlex.split(behind)]


def hold(programs: Programs, words: list[str], states: Sequence[dict[str, str]]) -> None:
    """Compare a command with intact streams to itself with other ones."""
    whole = programs.run(words, {})
    assert "Traceback" not in whole.stderr
    for streams in states:
        ended = programs.run(words, streams)
        is_lost = streams.get("stdout") == "full" and whole.stdout
        assert ended.code == (UNEXPECTED if is_lost else whole.code), (words, streams, ended)
        assert "Traceback" not in ended.stdout + ended.stderr, (words, streams, ended)
        if is_lost and "stderr" not in streams:
            assert ended.stderr.endswith("Error: No space left on device\n")
            assert ended.stderr.count("Error: ") == 1
        if "stdout" not in streams and not is_timed(words):
            assert ended.stdout == whole.stdout, (words, streams)


def is_timed(words: list[str]) -> bool:
    """Whether the output of a command differs between runs."""
    return not words or words[0] in ("explain", "create", "load", "sample-titles", "status")


needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


@needs_full
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_the_same_way_with_any_streams(programs: Programs, command: str) -> None:
    """Closed is like /dev/null, a gone reader ends the output, and a full stdout is 255.

    In a quick run each command meets a third of the states.
    """
    states = STATES[1:3] if command.startswith("explain ") else STATES
    hold(programs, words_of(command), some_of(states, COMMANDS.index(command)))


@needs_full
@pytest.mark.parametrize("command", COMMANDS)
def test_its_help_too(programs: Programs, command: str) -> None:
    """It is printed while click is still parsing the words."""
    for state in ("cut", "full"):
        ended = programs.run([*command.split(), "--help"], {"stdout": state})
        assert ended.code == (UNEXPECTED if state == "full" else 0), ended
        assert "Traceback" not in ended.stderr


@needs_full
@pytest.mark.parametrize("words", WITHOUT_COMMAND)
def test_so_does_the_program_without_a_command(programs: Programs, words: str) -> None:
    """With an unknown command, too."""
    hold(programs, words.split(), [*STATES, *TOGETHER])


def test_what_was_written_is_whole(programs: Programs) -> None:
    """After all commands, every write is complete, even if its output was lost."""
    assert len(COMMANDS) > 40
    assert verify(programs.cli.catalog).is_clean
    ended = programs.run(words_of("delete"), {"stdout": "full", "stderr": "full"})
    assert ended == Ended(UNEXPECTED, "", "")
    with pytest.raises(TableNotFoundError):
        table_status(other_one(programs.cli))

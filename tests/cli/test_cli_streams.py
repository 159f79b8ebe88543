"""Every command with each stream closed, full or cut: the same end, no traceback, whole writes.

And every option that takes a path, with unusable paths: one line with the path, exit code 2.
"""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from errno import ENOSPC
from itertools import count
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from command_line import CommandLine
from packages import environment
from refused_calls import RECORDS
from scaled import some_of

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.cli.patterns import EXAMPLES
from catalog_model.cli.program import program
from catalog_model.errors import TableNotFoundError
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.local import start_engine
from catalog_model.maintenance.migrate import migrate
from catalog_model.operations import create_table, dump_table, repair, table_status, verify

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
    "adopt": "--dry-run table:none",
    "apply": "",
    "backup": "",
    "compare": "none",
    "cost": "--pattern 'get-title movie 34' --per-second 1",
    "create": "",
    "cut-over": "none --pointer file:pointer --yes",
    "delete": "--yes --table other-one",
    "dump": "--force dump.json.gz",
    "export cloudformation": "",
    "export data-model": "",
    "export describe-table": "",
    "export iam": "--role reader",
    "export terraform": "",
    "export workbench": "--titles 1",
    "import": "--into-existing sample.json.gz",
    "lower": "",
    "migrate": "--dry-run",
    "patterns": "",
    "plan": "",
    "repair": "--dry-run",
    "restore": "--minutes-ago 5 --yes",
    "serve": "--endpoint-url http://127.0.0.1:1",
    "show": "--sample --html page.html",
    "status": "",
    "verify": "",
}
"""Arguments for commands that are not access patterns; `serve` would not end."""

WITHOUT_COMMAND = ("", "--help", "--version", "no-such-command", "--output yaml")
ALIEN = Movie.from_json(json.loads((sample_folder() / FILE_NAMES["movie"]).read_bytes())["34"])
"""The title that the examples change."""


class Ended(NamedTuple):
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


@pytest.fixture(scope="module")
def cli() -> Iterator[CommandLine]:
    with start_engine() as engine:
        yield CommandLine(engine).filled(read_folder(sample_folder()))


@pytest.fixture(scope="module")
def programs(cli: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """The forking process, in a folder with the files of the examples."""
    folder = tmp_path_factory.mktemp("streams")
    shutil.copytree(str(sample_folder()), folder, dirs_exist_ok=True)
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


COMMANDS = sorted(
    f"{name} {inner}".strip()
    for name, command in program.commands.items()
    for inner in getattr(command, "commands", [""])
)


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
        if "stdout" not in streams and " ".join(words[:1]) not in TIMED:
            assert ended.stdout == whole.stdout, (words, streams)


TIMED = ("", "explain", "create", "load", "sample-titles", "status")
"""The commands whose output differs between runs."""

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


@needs_full
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_the_same_way_with_any_streams(programs: Programs, command: str) -> None:
    """Closed is like /dev/null, a gone reader ends the output, and a full stdout is 255.

    In a quick run each command meets a third of the states, and not all of `explain` meet one.
    """
    states = STATES[1:3] if command.startswith("explain ") else STATES
    if some := some_of(states, COMMANDS.index(command)):
        hold(programs, words_of(command), some)


@needs_full
@pytest.mark.parametrize("command", COMMANDS)
def test_its_help_too(programs: Programs, command: str) -> None:
    """It is printed while click is still parsing the words; in a quick run for two of three."""
    for state in some_of(("cut", "full"), COMMANDS.index(command)):
        ended = programs.run([*command.split(), "--help"], {"stdout": state})
        assert ended.code == (UNEXPECTED if state == "full" else 0), ended
        assert "Traceback" not in ended.stderr


@needs_full
@pytest.mark.parametrize("words", WITHOUT_COMMAND)
def test_so_does_the_program_without_a_command(programs: Programs, words: str) -> None:
    """With an unknown command, too."""
    hold(programs, words.split(), [*STATES, *TOGETHER])


def assert_whole_titles(catalog: Catalog) -> None:
    """Check all items; a dump that was imported may give a title another slot than it has."""
    problems = {finding.problem for finding in verify(catalog).findings}
    assert problems <= {"slot doubled", "count wrong"}
    repair(catalog)
    assert verify(catalog).is_clean


def test_what_was_written_is_whole(programs: Programs) -> None:
    """After all commands, every write is complete, even if its output was lost."""
    assert len(COMMANDS) > 40
    assert_whole_titles(programs.cli.catalog)
    ended = programs.run(words_of("delete"), {"stdout": "full", "stderr": "full"})
    assert ended == Ended(UNEXPECTED, "", "")
    with pytest.raises(TableNotFoundError):
        table_status(other_one(programs.cli))


Make = Callable[[Path], Path]
USAGE = 2
RECORD = "RECORD"
"""Stands for a file with one record."""
DUMP = "DUMP"
"""Stands for a dump of the table."""

NEEDED = {
    "cost": "--pattern 'get-title movie 34' --per-second 1",
    "put-title": "movie",
    "--if-unchanged": RECORD,
    "adopt": "table:another",
    "dump --manifest": "-",
    "import ": "--create",
    "import --manifest": "--from-s3 s3://dumps/catalog.json.gz",
    "import --checkpoint": f"{DUMP} --into-existing",
    "show": "--sample",
    "compare": "none",
    "restore": "--minutes-ago 5",
}
"""What precedes a path, in addition to the command and the option."""


def options() -> Iterator[str]:
    """Yield each option or argument that takes a path, after all that it needs."""
    for outer, group in program.commands.items():
        for inner, command in getattr(group, "commands", {"": group}).items():
            for parameter in command.params:
                is_path = parameter.metavar == "FILE" or isinstance(parameter.type, click.File)
                if is_path or parameter.name == "file":
                    option = parameter.opts[0] if parameter.opts[0].startswith("-") else ""
                    name = inner or outer
                    needed = (NEEDED.get(word, "") for word in (name, option, f"{name} {option}"))
                    yield " ".join(filter(None, (outer, inner, *needed, option)))


WRITING = [
    words
    for words in options()
    if words.endswith(("--checkpoint", "--list-lost")) or words.startswith(("dump", "show"))
]
STATE = [words for words in options() if words.endswith("--journal")]
"""Options for files of this program's own state, whose errors are those of configuration."""

READING = [words for words in options() if words not in (*WRITING, *STATE)]


def folder(at: Path) -> Path:
    at.mkdir()
    return at


def beneath_a_file(at: Path) -> Path:
    at.write_text("{}")
    return at / "file.json"


def ring(at: Path) -> Path:
    at.symlink_to(at)
    return at


def link_to_nothing(at: Path) -> Path:
    at.symlink_to(at.parent / "none" / "file.json")
    return at


def too_long(at: Path) -> Path:
    return at.with_name("n" * 300)


def not_readable(at: Path) -> Path:
    """An unreadable file; tests recognize root, who can read it."""
    at.write_text("{}")
    at.chmod(0)
    return at


def pipe(at: Path) -> Path:
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
def test_unreadable_files_fail(cli: CommandLine, option: str, make: Make, tmp_path: Path) -> None:
    """Nothing is written to the table, and the message contains the path."""
    path, record = make(tmp_path / "file.json"), tmp_path / "record.json"
    record.write_text(json.dumps(RECORDS["movie"]))
    refused(cli, option.replace(RECORD, str(record)), path)


def is_stream(path: Path) -> bool:
    """Whether a path is that of a device or a pipe."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


@pytest.fixture(scope="module")
def dumped(cli: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of the table."""
    path = tmp_path_factory.mktemp("dumped") / "a.json.gz"
    dump_table(cli.catalog, path)
    return path


@pytest.mark.parametrize("make", UNWRITABLE, ids=range(len(UNWRITABLE)))
@pytest.mark.parametrize("option", WRITING)
def test_unwritable_files_fail(
    cli: CommandLine, option: str, make: Make, tmp_path: Path, dumped: Path
) -> None:
    """Before anything is started."""
    path = make(tmp_path / "file.json")
    if option.startswith("show") and is_stream(path):
        pytest.skip("a page may be written to a device or a pipe")
    before = sorted(tmp_path.iterdir())
    refused(cli, option.replace(DUMP, str(dumped)), path)
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

    monkeypatch.setattr("catalog_model.deployment.journal.os.fsync", full)
    result = cli("migrate", "--checkpoint", str(place))
    problem = f"Error: checkpoint '{place}': No space left on device\n"
    assert (result.exit_code, result.stderr) == (USAGE, problem)
    assert list(tmp_path.iterdir()) == [place]
    monkeypatch.undo()
    assert migrate(cli.catalog, checkpoint=place).left == []
    assert list(tmp_path.iterdir()) == []
    assert_whole_titles(cli.catalog)

"""The transcripts of docs/restore-transcripts.md: played, and written again.

``PYTHONPATH=.:tests/support python tests/support/transcripts.py`` writes what the commands print
now into the page.
"""

import filecmp
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from click.testing import CliRunner
from engines import running_engine, running_server
from pages import DOCS, blocks, commands_of
from restored import age, bare_restores, remove

from catalog_model import Catalog
from catalog_model.cli.program import program
from catalog_model.files.reader import FILE_NAMES, sample_folder

PAGE: Final = "restore-transcripts.md"
MOTO, DYNOXIDE = 0, 1
"""The transcripts, in their order on the page."""

_VARYING: Final = (
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)",
    r"(?<=--after=)\S+",
    r"[\d,]+ bytes, sha256 \S+",
)
"""What differs between two runs: moments, cursors, and the hash of items with their times."""


class Played(NamedTuple):
    """A command, what the page shows, and what it printed."""

    command: str
    shown: str
    printed: str


@dataclass(frozen=True)
class Stage:
    """Where a transcript is played: the two tables, the environment, and what precedes commands."""

    old: Catalog
    new: Catalog
    environment: Mapping[str, str]
    before: Callable[[str], None] = lambda _: None


@contextmanager
def on_moto() -> Iterator[Stage]:
    """Run moto; its restore goes back to the moment before the title is deleted."""
    with running_engine("moto") as engine, bare_restores() as moment:
        old = engine.catalog("drill")

        def before(command: str) -> None:
            if "delete-title" in command:
                moment.remember(old)
                age(old)

        yield Stage(old, engine.catalog("drill-restored"), {}, before)
        remove(old)


@contextmanager
def on_dynoxide() -> Iterator[Stage]:
    """Run dynoxide, if it is installed."""
    with running_server("dynoxide") as engine:
        yield Stage(engine.catalog("drill"), engine.catalog("drill-restored"), engine.environment())


def played(number: int, stage: Stage) -> Iterator[Played]:
    """Play a transcript in a folder of its own with the sample's files."""
    own: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for name in FILE_NAMES.values():
            (Path(folder) / name).write_bytes((sample_folder() / name).read_bytes())
        patch.chdir(folder)
        patch.setenv("XDG_STATE_HOME", folder)
        for name, value in {**stage.environment, "COLUMNS": "100"}.items():
            patch.setenv(name, value)
        for command, shown in commands_of(blocks(PAGE, "console")[number]):
            stage.before(command)
            typed = command
            for cursor, other in own.items():
                typed = typed.replace(cursor, other)
            printed = _run(typed, patch)
            own |= dict(zip(_cursors(shown), _cursors(printed), strict=False))
            yield Played(typed, shown, printed)


def steady(text: str) -> str:
    """Return a text without what differs between two runs."""
    for pattern in _VARYING:
        text = re.sub(pattern, "...", text)
    return text


def _run(line: str, patch: pytest.MonkeyPatch) -> str:
    command, _, on_failure = line.partition(" || ")
    name, *words = shlex.split(command)
    if name == "export":
        patch.setenv(*words[0].split("=", 1))
    elif name == "unset":
        patch.delenv(words[0])
    elif name == "cmp":
        assert filecmp.cmp(words[0], words[1], shallow=False)
    else:
        assert name == "catalog-model", line
        result = CliRunner().invoke(program, words)
        assert (result.exit_code != 0) is bool(on_failure), f"{line}: {result.output}"
        assert on_failure in ("", 'echo "exit code $?"')
        return result.output + (f"exit code {result.exit_code}\n" if on_failure else "")
    return ""


def _cursors(text: str) -> list[str]:
    return re.findall(r"--after=(\S+)", text)


def _write() -> None:
    text = (DOCS / PAGE).read_text("utf-8")
    for number, stage_of in ((MOTO, on_moto), (DYNOXIDE, on_dynoxide)):
        old = blocks(PAGE, "console")[number]
        with stage_of() as stage:
            new = "".join(f"$ {each.command}\n{each.printed}" for each in played(number, stage))
        text = text.replace(old, new)
    (DOCS / PAGE).write_text(text, "utf-8")


if __name__ == "__main__":
    os.environ |= {"AWS_DEFAULT_REGION": "eu-west-1"}
    os.environ |= dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none")
    _write()

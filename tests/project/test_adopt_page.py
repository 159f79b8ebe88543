"""docs/adopt.md, followed from the first line to the last, on each engine."""

import doctest
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from command_line import CommandLine, accepted
from pages import DOCS, SHOWN, blocks, commands_of, is_as_shown

from catalog_model import access_patterns as ap
from catalog_model.files.reader import read_folder
from catalog_model.local import Engine

PAGE: Final = DOCS / "adopt.md"
TABLE: Final = "one-table"


class Reader:
    """Follows the page: types into one Python session, and into a shell."""

    def __init__(self, engine: Engine) -> None:
        self._cli = CommandLine(engine, TABLE)
        self._session: dict[str, Any] = {}
        self._runner = doctest.DocTestRunner(verbose=False, optionflags=SHOWN)
        self.catalog = self._cli.catalog
        self.told: list[str] = []

    def follow(self, language: str, block: str) -> None:
        """Enter a block, and record where the output differs from the page."""
        if language == "pycon":
            typed = doctest.DocTestParser().get_doctest(block, self._session, PAGE.name, None, 0)
            self._runner.run(typed, out=self.told.append, clear_globs=False)
            self._session = typed.globs
            return
        for command, shown in commands_of(block):
            if command.startswith("aws "):
                _aws(command)
            else:
                self._run(command, shown)

    def _run(self, command: str, shown: str) -> None:
        program, *words = shlex.split(command)
        assert program == "catalog-model"
        printed = self._cli(*words).stdout
        if not is_as_shown(shown, printed):
            self.told.append(f"{command}\n\nshown:\n{shown}\nprinted:\n{printed}")


def _aws(command: str) -> None:
    """Run a command of the AWS command line, with its output in a file."""
    words, _, path = command.partition(" > ")
    arguments = [*shlex.split(words)[1:], "--output", "json"]
    with Path(path).open("wb") as file:
        subprocess.run([sys.executable, "-m", "awscli", *arguments], stdout=file, check=True)


@pytest.mark.slow
def test_the_page_prints_what_it_shows(
    local_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block, in order, in one folder; in the end, the table has both files, exactly."""
    monkeypatch.chdir(tmp_path)
    for name, value in (local_engine.environment() | {"CATALOG_TABLE": TABLE}).items():
        monkeypatch.setenv(name, value)
    reader = Reader(local_engine)
    marked = r"^```(pycon|console)\n(.*?)^```$"
    for language, block in re.findall(marked, PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        reader.follow(language, block)
    assert "\n".join(reader.told) == ""
    for title in read_folder(tmp_path):
        assert ap.get_title(reader.catalog, *accepted(title).key) == title


def test_the_policy_of_the_page_is_what_the_sources_need() -> None:
    """One action, on the tables of the page: `test_adopt` checks that no other is sent."""
    (policy,) = map(json.loads, blocks(PAGE, "json"))
    assert policy["Action"] == "dynamodb:Scan"
    assert [arn.rpartition("/")[2] for arn in policy["Resource"]] == ["Movies", "MoviesByGenre"]

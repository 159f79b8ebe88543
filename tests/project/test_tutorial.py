"""docs/tutorial.md, followed from the first line to the last, on each engine."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from command_line import CommandLine
from engines import ENGINES, running_server
from pages import DOCS, SHOWN, commands_of, is_as_shown

from catalog_model.local import Engine

PAGE: Final = DOCS / "tutorial.md"
SET_UP: Final = (
    "make engine",
    ".venv/bin/pip install -e '.[cli,local]'",
    ".venv/bin/catalog-model serve --engine dynoxide",
    ". .venv/bin/activate",
    "mkdir -p /tmp/films && cd /tmp/films",
    "export CATALOG_TABLE=films",
)
"""The differences in the test: it already has a package, an engine, a table name and a Python."""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each engine in turn, as run by `catalog-model serve`."""
    with running_server(request.param) as engine:
        yield engine


class Reader:
    """Follows the page: types into one Python session, and into a shell."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cli = CommandLine(engine, "films")
        self._names: dict[str, Any] = {}
        self._runner = doctest.DocTestRunner(verbose=False, optionflags=SHOWN)
        self.told: list[str] = []

    def follow(self, language: str, block: str) -> None:
        """Enter a block, and record where the output differs from the page."""
        if language == "pycon":
            session = doctest.DocTestParser().get_doctest(block, self._names, PAGE.name, None, 0)
            self._runner.run(session, out=self.told.append, clear_globs=False)
            self._names = session.globs
            return
        for command, shown in commands_of(block):
            if command not in SET_UP:
                self._run(command, shown)

    def _run(self, command: str, shown: str) -> None:
        program, *words = shlex.split(command)
        assert program == "catalog-model"
        result = self._cli(*words)
        if "explain" in words and self._engine.name == "moto":
            return  # it invents its capacity figures, and reads more than a Query needs
        if not is_as_shown(shown, result.output):
            self.told.append(f"{command}\n\nshown:\n{shown}\nprinted:\n{result.output}")


def test_the_tutorial_prints_what_it_shows(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block, in order, in one Python session and one folder."""
    monkeypatch.chdir(tmp_path)
    for name, value in (engine.environment() | {"CATALOG_TABLE": "films"}).items():
        monkeypatch.setenv(name, value)
    reader = Reader(engine)
    found = re.findall(
        r"^```(pycon|console)\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    for language, block in found:
        reader.follow(language, block)
    assert "\n".join(reader.told) == ""

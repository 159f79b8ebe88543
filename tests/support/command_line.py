"""The command line in tests: in this process, on a table of an engine."""

import json
from collections.abc import Iterable
from itertools import count
from typing import Any, Self

import engines
from click.testing import CliRunner, Result
from memory_engine import fill

from catalog_model import Catalog, Movie, Rejection, TVShow
from catalog_model.cli.program import program
from catalog_model.local import Engine
from catalog_model.operations import create_table

_numbers = count(1)


def accepted(title: Movie | TVShow | Rejection) -> Movie | TVShow:
    """Return a title that was read from a file, and was not rejected."""
    assert not isinstance(title, Rejection), title
    return title


class CommandLine:
    """Runs commands on one table."""

    def __init__(self, engine: Engine | engines.Engine, table: str | None = None) -> None:
        self.table = table or f"command-line-{next(_numbers)}"
        self.catalog: Catalog = engine.catalog(self.table)
        self.environment = {**engine.environment(), "CATALOG_TABLE": self.table}

    def filled(self, titles: Iterable[Movie | TVShow | Rejection]) -> Self:
        """Create the table and put titles into it."""
        create_table(self.catalog)
        fill(self.catalog, [accepted(title) for title in titles])
        return self

    def __call__(
        self, *words: str, answers: str = "", env: dict[str, str | None] | None = None
    ) -> Result:
        """Run a command, whether it succeeds or fails."""
        runner = CliRunner(env={**self.environment, **(env or {})})
        return runner.invoke(program, words, input=answers)

    def done(self, *words: str) -> str:
        """Run a command that must succeed; return its output."""
        result = self(*words)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> Any:
        """Run a command that must succeed; return its JSON."""
        return json.loads(self.done("--output", "json", *words))

"""docs/tutorial.md, followed from the first line to the last, and Python code on all pages.

That works when pasted at the prompt, and as a program.
"""

import doctest
import json
import re
import shlex
from codeop import CommandCompiler
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from command_line import CommandLine, accepted
from engines import ENGINES, running_server
from generated import Records
from memory_engine import fill
from packages import ROOT, run_in
from pages import DOCS, SHOWN, blocks, commands_of, is_as_shown

from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import TableNotFoundError
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine
from catalog_model.operations import create_table, delete_table

PAGE: Final = DOCS / "tutorial.md"
SET_UP: Final = (
    "make engine",
    ".venv/bin/pip install -e '.[cli,local]'",
    ".venv/bin/catalog-model serve --engine dynoxide",
    ". .venv/bin/activate",
    "mkdir -p ../films && cd ../films",
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


README = ROOT / "README.md"
PAGES = sorted(
    [README, *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), ROOT / "CONTRIBUTING.md"]
)
PROMPT = re.compile(r"^(?:>>> |\.\.\. |\.\.\.$)")


def typed(session: str) -> str:
    """Return the input of a session: the text after the prompts."""
    lines = [line for line in session.splitlines() if PROMPT.match(line)]
    return "\n".join(PROMPT.sub("", line) for line in lines)


SNIPPETS = [
    pytest.param(text, id=f"{page.relative_to(ROOT)}-{language}-{number}")
    for page in PAGES
    for language in ("python", "pycon")
    for number, text in enumerate(blocks(page, language))
]


def refused_line(text: str) -> str:
    """Return the line at which the prompt rejects pasted text; "" if it accepts all of it.

    The prompt compiles a statement as soon as it is complete, a compound one at an empty line.
    """
    compiler, waiting = CommandCompiler(), list[str]()
    for line in [*text.splitlines(), ""]:
        waiting.append(line)
        try:
            if compiler("\n".join(waiting)) is not None:
                waiting = []
        except (SyntaxError, ValueError):
            return line
    return "\n".join(waiting).strip()


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_every_snippet_may_be_pasted_at_the_prompt(snippet: str) -> None:
    """Line by line: an empty line follows a compound statement, and none is within it."""
    assert refused_line(typed(snippet) if snippet.startswith(">>> ") else snippet) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def f():\n    return 1\nfor _ in 'ab':\n    f()", "for _ in 'ab':"),
        ("def f():\n    a = 1\n\n    return a", "    return a"),
        ("for _ in 'ab':\n    pass\nprint()", "print()"),
        ("f(1,", "f(1,"),
        ("def f():\n    return 1\n\nfor _ in 'ab':\n    f()", ""),
    ],
)
def test_the_prompt_is_as_particular_as_python_is(text: str, line: str) -> None:
    """Code that cannot be pasted is detected."""
    assert refused_line(text) == line


@pytest.fixture(scope="module", params=["sample", "application"])
def table(request: pytest.FixtureRequest, local_engine: Engine, records: Records) -> Engine:
    """An engine with the table that `make run` fills, with the sample or the application's data."""
    catalog = local_engine.catalog()
    with suppress(TableNotFoundError):  # that of the other data
        delete_table(catalog)
    create_table(catalog)
    sample = map(accepted, read_folder(sample_folder()))
    application = (
        title_class.from_json(record)
        for kind, title_class in TITLE_CLASSES.items()
        for record in list(records[kind].values())[:120]
    )
    fill(catalog, application if request.param == "application" else sample)
    return local_engine


@pytest.mark.parametrize("number", range(len(blocks(README, "python"))))
def test_each_snippet_of_the_readme_runs_alone(number: int, table: Engine, tmp_path: Path) -> None:
    """In a new Python, twice, with only the variables that `make run` prints."""
    variables = {**table.environment(), "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    for _ in range(2):
        done = run_in(tmp_path, "-c", blocks(README, "python")[number], **variables)
        assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_the_front_page_writes_over_no_title_of_the_data(records: Records) -> None:
    """A reader's experiments do not change existing titles."""
    (made,) = re.findall(r'"id": (\d+)', "".join(blocks(README, "python")))
    sample = json.loads((sample_folder() / "data_movies.json").read_bytes())
    assert made not in {*sample, *records["movie"]}


def test_the_ten_lines_are_ten() -> None:
    """Not counting empty ones."""
    lines = [line for line in blocks(README, "python")[0].splitlines() if line.strip()]
    assert len(lines) == 10

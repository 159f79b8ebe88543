"""Python code on pages works when pasted at the prompt, and as a program."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from codeop import CommandCompiler
from pathlib import Path

import pytest
from command_line import accepted
from generated import Records
from memory_engine import fill
from packages import ROOT
from pages import blocks

from catalog_model import Movie, TVShow
from catalog_model.dynamodb.engines.local import environment_without_aws
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine
from catalog_model.operations import create_table, delete_table

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
    create_table(catalog)
    titles = read_folder(sample_folder())
    if request.param == "application":
        delete_table(catalog)
        create_table(catalog)
        titles = [
            make.from_json(record)
            for kind, make in (("movie", Movie), ("tv", TVShow))
            for record in list(records[kind].values())[:120]
        ]
    fill(catalog, map(accepted, titles))
    return local_engine


@pytest.mark.parametrize("number", range(len(blocks(README, "python"))))
def test_each_snippet_of_the_front_page_runs_alone(
    number: int, table: Engine, tmp_path: Path
) -> None:
    """In a new Python, twice, with only the variables that `make run` prints."""
    path = {"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    environment = {**environment_without_aws(), **table.environment(), **path}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", blocks(README, "python")[number]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
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

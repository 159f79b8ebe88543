"""The command that draws the table: a page of a table's titles, or of the sample data."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import CommandLine
from html_pages import Parsed
from packages import ROOT
from pages import blocks

from catalog_model.cli.program import program
from catalog_model.cli.show import CANDIDATES, MOST_TITLES
from catalog_model.entities import Title
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine
from catalog_model.operations import create_table

DOCS = ROOT / "docs" / "show.md"
SAMPLE = [title for title in read_folder(sample_folder()) if isinstance(title, Title)]
SOME = [SAMPLE[0], SAMPLE[5], SAMPLE[60], SAMPLE[77]]


@pytest.fixture
def cli(local_engine: Engine) -> CommandLine:
    """The command line on a table with four titles."""
    return CommandLine(local_engine).filled(SOME)


def names_on(path: Path) -> set[str]:
    """Return the names among the choices of a page."""
    return {each.text for each in Parsed(path.read_text("utf-8")).all("bdi")}


def test_the_page_shows_titles_of_the_table(cli: CommandLine, tmp_path: Path) -> None:
    """It takes a list of each kind and one request for the titles, and changes nothing."""
    path = tmp_path / "table.html"
    before = cli.catalog.client.scan(TableName=cli.table)["Items"]
    report = cli.json("show", "--html", str(path))
    assert report["requests"] == 3
    assert report["bytes"] == path.stat().st_size
    assert len(report["titles"]) == len(SOME)
    assert {title.display_name for title in SOME} <= names_on(path)
    assert cli.catalog.client.scan(TableName=cli.table)["Items"] == before
    assert f"4 titles of table {cli.table}" in cli.done("show", "--html", str(path))


def test_the_commands_of_the_page_about_it_run(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each line of docs/show.md writes the file that it names."""
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks(DOCS, "sh") for line in block.splitlines()]
    assert len(lines) == 2
    for line in lines:
        program_name, *words = shlex.split(line)
        assert program_name == "catalog-model"
        cli.done(*words)
        assert (tmp_path / words[words.index("--html") + 1]).stat().st_size < 200_000


def test_the_number_of_titles_is_bounded(cli: CommandLine, tmp_path: Path) -> None:
    """By the option, and the option by the number that a page can show."""
    path = tmp_path / "table.html"
    assert len(cli.json("show", "--html", str(path), "--titles", "2")["titles"]) == 2
    assert MOST_TITLES <= CANDIDATES
    for number in ("0", str(MOST_TITLES + 1)):
        result = cli("show", "--html", str(path), "--titles", number)
        assert result.exit_code == 2
        assert number in result.stderr


@pytest.mark.parametrize("number", [1, 2, 8])
def test_the_sample_needs_no_table(tmp_path: Path, number: int) -> None:
    """Nor settings, for any number of titles; stdout has the page only."""
    words = ["show", "--sample", "--titles", str(number), "--html"]
    result = CliRunner().invoke(program, [*words, "-"])
    assert result.exit_code == 0, result.output
    path = tmp_path / "table.html"
    report = CliRunner().invoke(program, ["--output", "json", *words, str(path)])
    assert json.loads(report.stdout)["requests"] == 0
    assert len(json.loads(report.stdout)["titles"]) == number
    assert path.read_text("utf-8").splitlines() == result.stdout.splitlines()


def test_without_titles_the_sample_is_suggested(local_engine: Engine, tmp_path: Path) -> None:
    """In one line, and no page is written."""
    cli, path = CommandLine(local_engine), tmp_path / "table.html"
    missing = cli("show", "--html", str(path))
    create_table(cli.catalog)
    empty = cli("show", "--html", str(path))
    for result in (missing, empty):
        assert result.exit_code != 0
        assert "--sample" in result.stderr
        assert cli.table in result.stderr
    assert not path.exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """As one line."""
    path = tmp_path / "none" / "table.html"
    result = CliRunner().invoke(program, ["show", "--sample", "--html", str(path)])
    assert result.exit_code == 2
    assert str(path) in result.output
    assert "Traceback" not in result.output

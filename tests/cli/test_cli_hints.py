"""What the command line says about probable mistakes: on stderr, in one line."""

from __future__ import annotations

import pytest
from command_line import CommandLine

from catalog_model import TitleKey
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine


@pytest.fixture
def cli(local_engine: Engine) -> CommandLine:
    """The command line on a table with one movie, for one test."""
    key = TitleKey("movie", 34)
    titles = [each for each in read_folder(sample_folder()) if getattr(each, "key", "") == key]
    return CommandLine(local_engine).filled(titles)


@pytest.mark.parametrize("before", [[], ["explain"]])
def test_an_unknown_attribute_is_stored_with_a_line_on_stderr(
    cli: CommandLine, before: list[str]
) -> None:
    """Once, while it is new; known names, and names that the title has, are stored silently."""
    typo = [*before, "update-title", "movie", "34", "popularty=5", "popularity=6"]
    line = "popularty is not an attribute of the model; it is stored as a new one of movie 34"
    first, second = cli(*typo), cli(*typo[:-1])
    assert (first.exit_code, first.stderr) == (0, f"{line}\n")
    assert second.stderr == ""
    assert cli.json("get-title", "movie", "34")["popularty"] == 5
    help_text = " ".join(cli.done("update-title", "--help").split())
    assert "An unknown name is stored as a new attribute; to remove one, put or load" in help_text

"""The commands: one for each access pattern, each with a description and the same parameters."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import cast

import click
import pytest
from click.testing import CliRunner

from catalog_model import __main__ as entry
from catalog_model import access_patterns as ap
from catalog_model.cli.explain import explain_group
from catalog_model.cli.patterns import EXAMPLES, command_name, pattern_commands, run_pattern
from catalog_model.cli.program import program

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text()


def test_every_access_pattern_has_a_command() -> None:
    """Under its own name with dashes; `load` is that of load_titles."""
    assert {command_name(pattern) for pattern in ap.PATTERNS.values()} <= set(program.commands)
    assert set(EXAMPLES) == set(ap.PATTERNS)
    assert set(explain_group.commands) == {command_name(each) for each in ap.PATTERNS.values()}


@pytest.mark.parametrize("command", program.commands.values(), ids=list(program.commands))
def test_every_command_and_all_it_takes_is_described(command: click.Command) -> None:
    """In its help, and the command in docs/command-line.md, too."""
    assert command.help
    assert command.name
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    for parameter in shown:
        words = getattr(parameter, "words", None) or getattr(parameter, "help", None)
        assert words, f"{command.name}: {parameter.name}"
        assert "`" not in words
    assert "`" not in command.help
    assert f"catalog-model {command.name}" in DOCS or f"another-one {command.name}" in DOCS


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"load_titles", "put_title", "set_genres"}))
def test_options_are_the_arguments_of_the_function(name: str) -> None:
    """With the same names and defaults."""
    command = program.commands[name.replace("_", "-")]
    arguments = list(inspect.signature(ap.PATTERNS[name].function).parameters.values())[1:]
    parameters = {each.name: each for each in command.params if not getattr(each, "hidden", False)}
    assert set(parameters) - {"yes"} == {each.name for each in arguments}
    for argument in arguments:
        parameter = parameters[argument.name]
        has_default = argument.default is not argument.empty
        assert isinstance(parameter, click.Option) == (
            has_default or argument.kind is argument.KEYWORD_ONLY
        )
        if has_default:
            assert parameter.get_default(click.Context(command)) == argument.default


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"load_titles"}))
def test_help_is_for_people_on_a_terminal(name: str) -> None:
    """It shows arguments, options and an example, and functions by the names of their commands."""
    result = CliRunner().invoke(program, [name.replace("_", "-"), "--help"])
    assert result.exit_code == 0
    assert "Arguments:" in result.output
    assert "KIND" in result.output
    assert f"Example: catalog-model {name.replace('_', '-')} " in result.output
    assert not re.search(r"\b(list|get)_titles?\b", result.output)


def test_the_patterns_are_shown_without_a_table() -> None:
    """They require no AWS settings."""
    runner = CliRunner(env={"AWS_PROFILE": "no-such-profile"})
    result = runner.invoke(program, ["patterns", "--output", "json"])
    shown = {each["name"]: each for each in json.loads(result.stdout)}
    assert set(shown) == set(ap.PATTERNS)
    assert shown["load_titles"]["command"] == "load"
    for name, pattern in ap.PATTERNS.items():
        assert shown[name]["key_condition"] == pattern.key_condition
        costs = [text for label, text in shown[name].items() if label.startswith("cost")]
        assert len(costs) == len(pattern.costs)
        for cost, text in zip(pattern.costs, costs, strict=True):
            assert cost.requests in text
            for formula, noun in ((cost.reads, "read unit"), (cost.writes, "write unit")):
                assert (f"{formula} {noun}" in text) == (formula != "0")
            assert text in runner.invoke(program, ["patterns"]).stdout


def test_the_console_script_names_the_extra_it_lacks(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In one line, with the exit code for configuration."""
    monkeypatch.setattr(entry, "find_spec", lambda _: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 253
    assert capfd.readouterr().err == (
        "Error: the command line needs click and rich: pip install 'catalog-model[cli]'\n"
    )


def test_a_pattern_without_an_example_has_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its help shows none; the other commands work as before."""
    monkeypatch.delitem(cast("dict[str, str]", EXAMPLES), "list_genres")
    commands = {each.name: each for each in pattern_commands(run_pattern)}
    shown = CliRunner().invoke(commands["list-genres"], ["--help"], prog_name="list-genres")
    assert shown.exit_code == 0
    assert "Example:" not in shown.output
    assert len(commands) == len(ap.PATTERNS) - 1

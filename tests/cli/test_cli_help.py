"""The commands: one for each access pattern, with its parameters, and examples that run.

The one that prints policies returns those of the functions, for the chosen table.
"""

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn, cast

import click
import pytest
from click.testing import CliRunner, Result
from command_line import CommandLine
from iam_evaluator import ARN, Policy
from packages import ROOT

from catalog_model import __main__ as entry
from catalog_model import access_patterns as ap
from catalog_model.analysis import iam
from catalog_model.cli.base import Program, Settings, shared_options
from catalog_model.cli.commands import command_name
from catalog_model.cli.explain import explain_group
from catalog_model.cli.export import export_group
from catalog_model.cli.patterns import EXAMPLES, pattern_commands, run_pattern
from catalog_model.cli.program import program
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import Engine

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


@pytest.mark.parametrize("step", ["prepare_streams", "find_spec"])
def test_an_interruption_while_the_program_starts_is_one_line(
    step: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As soon as it is this package's: Python itself imports the package first."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "prepare_streams", lambda: None)
    monkeypatch.setattr(entry, step, interrupt)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert (ended.value.code, capsys.readouterr().err) == (130, "Interrupted.\n")


def test_a_pattern_without_an_example_has_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its help shows none; the other commands work as before."""
    monkeypatch.delitem(cast("dict[str, str]", EXAMPLES), "list_genres")
    commands = {each.name: each for each in pattern_commands(run_pattern)}
    shown = CliRunner().invoke(commands["list-genres"], ["--help"], prog_name="list-genres")
    assert shown.exit_code == 0
    assert "Example:" not in shown.output
    assert len(commands) == len(ap.PATTERNS) - 1


NAMES = ("catalog-model", "python -m catalog_model")
PATHS = [
    path
    for name, command in program.commands.items()
    for path in ((name,), *((name, inner) for inner in getattr(command, "commands", ())))
]
"""The words of every command, including those in groups."""


def examples(name: str, path: tuple[str, ...]) -> list[str]:
    """Return the examples in the help of a command, as printed on a narrow terminal."""
    shown = CliRunner(env={"COLUMNS": "80"}).invoke(program, [*path, "--help"], prog_name=name)
    assert shown.exit_code == 0
    return re.findall(r"^ *Example: (.*)$", shown.output, re.MULTILINE)


def test_every_example_of_help_runs(
    local_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the sample data, with its files and a record of one title."""
    name, other = NAMES
    cli = CommandLine(local_engine).filled(read_folder(sample_folder()))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(str(sample_folder()), tmp_path, dirs_exist_ok=True)
    Path("alien.json").write_text(cli.done("--output", "json", "get-title", "movie", "34"))
    found = {path: examples(name, path) for path in PATHS}
    for path, texts in found.items():
        assert examples(other, path) == [text.replace(name, other, 1) for text in texts]
    with_examples = [path for path, texts in found.items() if texts]
    assert len(with_examples) == 2 * len(ap.PATTERNS) - 1, "load's own help has none"
    for path in sorted(with_examples, key=lambda path: "delete-title" in path):
        (text,) = found[path]
        prefix, words = name.split(), shlex.split(text)
        assert words[: len(prefix)] == prefix
        if "delete-title" in path:
            cli.done("put-title", "movie", "alien.json")
        if not (path[0] == "explain" and local_engine.name == "moto"):  # invented figures
            cli.done(*words[len(prefix) :])


def test_the_example_of_the_module_works_in_a_shell(local_engine: Engine, tmp_path: Path) -> None:
    """Like a user: the program's own output, in a separate shell."""
    cli = CommandLine(local_engine).filled(read_folder(sample_folder()))
    scripts = Path(sys.executable).parent
    environment = {**os.environ, **cli.environment, "PYTHONPATH": str(ROOT), "COLUMNS": "60"}
    environment["PATH"] = os.pathsep.join([str(scripts), environment["PATH"]])
    script = (
        "python -m catalog_model update-votes --help"
        " | sed -n 's/^Example: //p' > example.sh && sh -e example.sh"
    )
    done = subprocess.run(
        ["sh", "-ec", script], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert ap.get_title(cli.catalog, "movie", 34).vote_count == 15000


def exported(*words: str, **settings: Any) -> Result:
    program = Program("catalog-model", commands=[export_group], params=shared_options())
    return CliRunner().invoke(program, ["export", "iam", *words], obj=Settings(**settings))


def printed(*words: str, **settings: Any) -> Policy:
    result = exported(*words, **settings)
    assert result.exit_code == 0, result.output
    document: Policy = json.loads(result.stdout)
    return document


@pytest.mark.parametrize("role", iam.ROLES)
def test_the_command_prints_the_policy_of_a_role(role: iam.Role) -> None:
    """The policy of the function."""
    operations = iam.TABLE_ACTIONS if role == "operator" else ()
    wanted = iam.policy(iam.patterns_of(role), table_arn=ARN, operations=operations)
    assert printed("--role", role, "--arn", ARN) == wanted


def test_patterns_are_named_with_dashes_or_underscores() -> None:
    """With or without a role."""
    chosen = [ap.PATTERNS["get_title"], ap.PATTERNS["list_titles"]]
    wanted = iam.policy(chosen, table_arn=ARN)
    words = ["--patterns", "list_titles", "--patterns", "get-title", "--arn", ARN]
    assert printed(*words) == printed(*words, "--role", "reader") == wanted


def test_an_operator_tags_only_where_that_was_said() -> None:
    """As with `create --tag`."""
    actions = printed("--role", "operator", "--arn", ARN, "--tags")["Statement"][0]["Action"]
    assert "dynamodb:TagResource" in actions
    without = printed("--role", "operator", "--arn", ARN)["Statement"][0]["Action"]
    assert "dynamodb:TagResource" not in without


@pytest.mark.parametrize(
    "words", [("--role", "reader"), ("--patterns", "get-title"), ("--role", "operator")]
)
def test_any_role_may_be_allowed_to_describe_the_table(words: tuple[str, ...]) -> None:
    """An operator always may, so the statement is not duplicated."""
    *_, table = printed(*words, "--arn", ARN, "--health")["Statement"]
    without = printed(*words, "--arn", ARN)["Statement"]
    if "operator" in words:
        assert without == [table]
    else:
        assert table["Action"] == ["dynamodb:DescribeTable"]
        assert table not in without


def test_an_operator_sees_items_only_where_that_was_said() -> None:
    """For verify, repair and migrate."""
    table, items = printed("--role", "operator", "--arn", ARN, "--integrity")["Statement"]
    assert (table["Sid"], items["Sid"]) == ("Table", "Integrity")
    assert "dynamodb:Scan" in items["Action"]
    (without,) = printed("--role", "operator", "--arn", ARN)["Statement"]
    assert without == table


@pytest.mark.parametrize(
    ("words", "settings", "arn"),
    [
        ((), {"table": "films"}, "arn:aws:dynamodb:eu-west-1:*:table/films"),
        (("--account", "123456789012"), {"table": "films"}, ARN),
        (
            ("--table", "films", "--region", "cn-north-1"),
            {},
            "arn:aws-cn:dynamodb:cn-north-1:*:table/films",
        ),
        ((), {"table": ARN}, ARN),
        (("--arn", ARN), {"table": "other", "region": "us-east-1"}, ARN),
    ],
)
def test_the_arn_is_the_tables(words: tuple[str, ...], settings: dict[str, Any], arn: str) -> None:
    """The region is that of any command, the account is arbitrary unless it is given."""
    document = printed("--patterns", "get-title", *words, **settings)
    assert [each["Resource"] for each in document["Statement"]] == [arn]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--role", "admin"),
        ("--patterns", "scan-titles"),
        ("--role", "reader", "--patterns", "put-title"),
        ("--role", "operator", "--patterns", "get-title"),
        ("--role", "reader", "--tags"),
        ("--role", "writer", "--settings"),
        ("--role", "writer", "--scaling"),
        ("--role", "writer", "--integrity"),
        ("--role", "reader", "--arn", "films"),
        ("--role", "reader", "--arn", ""),
        ("--role", "reader", "--account", "1"),
    ],
)
def test_a_mistake_is_one_line_and_no_policy(words: tuple[str, ...]) -> None:
    """With the exit code for usage."""
    result = exported(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr

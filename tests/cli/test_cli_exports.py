"""The commands that export the table print what the functions return, for the chosen settings."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pages import DOCS, blocks

from catalog_model.cli.program import program
from catalog_model.deployment.cloudformation import cloudformation
from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.deployment.terraform import terraform
from catalog_model.files.reader import sample_folder
from catalog_model.table.indexes import SCHEMA

SCALED = ("--provisioned", "--min", "1", "--max", "10")
EXPORTS = ("cloudformation", "terraform", "describe-table", "workbench", "data-model")


def run(*words: str) -> Result:
    return CliRunner().invoke(program, ["--table", "films", "export", *words])


def printed(*words: str) -> Any:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", ["table", "global"])
def test_a_template_has_the_settings_of_the_options(kind: Any) -> None:
    """The same options as for `create`."""
    settings = TableSettings(scaling=Scaling(1, 10), recovery_days=7, protection=True)
    wanted = cloudformation(SCHEMA, "films", settings, kind=kind)
    words = [*SCALED, "--recovery-days", "7", "--protect", "--kind", kind]
    assert printed("cloudformation", *words) == wanted


def test_a_configuration_has_the_settings_of_a_file(tmp_path: Path) -> None:
    """In JSON, or in TOML."""
    path = tmp_path / "settings.toml"
    path.write_text("[scaling]\nmin = 1\nmax = 10\n", "utf-8")
    wanted = terraform(SCHEMA, "films", TableSettings(scaling=Scaling(1, 10)))
    assert run("terraform", "--settings", str(path)).stdout == wanted


def test_a_template_is_checked(tmp_path: Path) -> None:
    """Mistakes are printed, and the exit code is 1."""
    path = tmp_path / "template.json"
    template = cloudformation(SCHEMA, "films", TableSettings(scaling=Scaling(1, 10)))
    path.write_text(json.dumps(template), "utf-8")
    assert (run("cloudformation", "--check", str(path)).exit_code) == 0
    template["Resources"]["TableReadTarget"]["Properties"]["MinCapacity"] = 11
    path.write_text(json.dumps(template), "utf-8")
    result = run("cloudformation", "--check", str(path))
    assert result.exit_code == 1
    assert result.stdout == "TableReadTarget: MinCapacity 11 is above MaxCapacity 10\n"


def test_the_name_is_that_of_an_arn() -> None:
    """The rest of the ARN is not part of the name."""
    arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/films"
    result = CliRunner().invoke(program, ["--table", arn, "export", "describe-table"])
    assert json.loads(result.stdout)["Table"]["TableName"] == "films"
    assert json.loads(result.stdout)["Table"]["TableArn"] == arn


def test_sample_rows_are_those_of_the_files(tmp_path: Path) -> None:
    """As many titles of each kind as asked for."""
    path = tmp_path / "movies.json"
    movies = json.loads((sample_folder() / "data_movies.json").read_text("utf-8"))
    path.write_text(json.dumps([{**each, "id": 7 + n} for n, each in enumerate(movies.values())]))
    (table,) = printed("workbench", "--movies", str(path), "--titles", "1")["DataModel"]
    rows = {row["PK"]["S"] for facet in table["TableFacets"] for row in facet["TableData"]}
    assert rows == {"TITLE#movie#7", "GENRE#movie", "SLOT#movie#7"}


def test_a_rate_is_that_of_its_pattern() -> None:
    """Of all requests of its call; the others have a rate of 1."""
    model = printed("data-model", "--rate", "get-title=12.5")
    rates = {
        each["pattern"].split()[0]: each["calls_per_second"] for each in model["access_patterns"]
    }
    assert rates.pop("get-title") == 12.5
    assert set(rates.values()) == {1}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data-model", "--rate", "get-title"], "'get-title' is not PATTERN=NUMBER"),
        (["data-model", "--rate", "get-titel=1"], "did you mean get-title?"),
        (["data-model", "--rate", "get-title=x"], "'x' is not a number from 0 on"),
        (["terraform", "--provisioned"], "--provisioned needs --min and --max"),
        (["cloudformation", "--check", "/nowhere.json"], "/nowhere.json"),
        (["describe-table", "--account", "12"], "'12' is not 12 digits"),
    ],
)
def test_wrong_words_are_refused(words: list[str], said: str) -> None:
    """With exit code 2, and the value."""
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_the_commands_of_the_page_print(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of docs/exports.md, with the files that they name."""
    monkeypatch.chdir(tmp_path)
    for file in sample_folder().iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "settings.toml").write_text("recovery_days = 7\n", "utf-8")
    lines = "".join(blocks(DOCS / "exports.md", "sh")).replace("\\\n", " ").splitlines()
    assert len(lines) == 4
    for line in lines:
        name, *words = shlex.split(line.partition(">")[0])
        assert name == "catalog-model"
        assert CliRunner().invoke(program, words).exit_code == 0


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_sends_nothing(export: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs a region at most."""
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a request was sent"))
    assert run(export).exit_code == 0

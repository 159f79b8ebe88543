"""The commands `plan` and `apply`: what they print, when they ask, and their exit codes."""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result
from engines import Engine, running_engine
from packages import ROOT
from pages import blocks
from planted_drift import deleted, replaced

from catalog_model import Catalog, operations
from catalog_model.cli.program import program
from catalog_model.operations import create_table, table_status
from catalog_model.operations.control import control_of
from catalog_model.testing import without_pauses

PAGE = ROOT / "docs" / "plan-and-apply.md"

_numbers = count(1)


class Commands:
    """Runs commands on a table of moto's in this process, which lacks an index."""

    def __init__(self, engine: Engine) -> None:
        self.table = f"planned-{next(_numbers)}"
        self.catalog: Catalog = engine.catalog(self.table)
        create_table(self.catalog)
        deleted("by_name")(control_of(self.catalog))

    def __call__(self, *words: str, answers: str = "") -> Result:
        """Run a command, whether it succeeds or fails."""
        runner = CliRunner(env={"CATALOG_TABLE": self.table})
        return runner.invoke(program, words, input=answers)

    def json(self, *words: str) -> tuple[int, Any]:
        """Run a command; return its exit code and its JSON."""
        result = self("--output", "json", *words)
        return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def lacking() -> Iterator[Commands]:
    """The commands on a table without an index."""
    with running_engine("moto") as engine:
        yield Commands(engine)


def test_plan_prints_the_differences_and_the_steps(lacking: Commands) -> None:
    """The exit code is 1; it changes nothing, so the second is equal."""
    for _ in range(2):
        result = lacking("plan", "--protect", "--no-protect", "--tag", "team=films", "--protect")
        assert result.exit_code == 1
        assert result.stdout.splitlines() == [
            f"Table {lacking.table} has 3 differences:",
            "  index by_name is missing",
            "  protection is off, not on",
            "  tags is empty, not team=films",
            "3 steps:",
            "  1. protect the table from deletion",
            "  2. create index by_name and wait for its backfill",
            "  3. set the tags team",
        ]


def test_differences_of_all_indexes_are_one_line(lacking: Commands) -> None:
    """With their number."""
    lacking("apply", "--yes")
    result = lacking("plan", "--warm-read", "13000")
    assert result.stdout.splitlines()[1] == (
        "  warm_throughput of the table and 4 indexes is 12,000 read units and 4,000 write units a "
        "second, not 13,000 read units a second"
    )


def test_plan_as_json_has_the_requests(lacking: Commands) -> None:
    """For a review, or another tool."""
    code, plan = lacking.json("plan")
    assert (code, plan["is_empty"]) == (1, False)
    assert plan["differences"] == [
        {"subject": "index", "where": "by_name", "text": "index by_name is missing", "left": ""}
    ]
    (step,) = plan["steps"]
    (request,) = step["requests"]
    assert (request["service"], request["operation"]) == ("dynamodb", "UpdateTable")
    (update,) = request["parameters"]["GlobalSecondaryIndexUpdates"]
    assert update["Create"]["IndexName"] == "by_name"


def test_apply_asks_and_ends_with_an_empty_plan(lacking: Commands) -> None:
    """On stderr, after the plan; then each step is shown."""
    result = lacking("apply", answers="y\n")
    assert result.exit_code == 0, result.output
    assert f"Apply 1 step to table '{lacking.table}'" in result.stderr
    assert "Step 1 of 1: create index by_name and wait for its backfill.\n" in result.stderr
    assert result.stdout.splitlines() == [
        "1 step done.",
        f"Table {lacking.table} is as declared.",
    ]
    assert lacking.json("plan") == (
        0,
        {"table": lacking.table, "differences": [], "steps": [], "surplus": [], "is_empty": True},
    )


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_any_other_answer_changes_nothing(lacking: Commands, answer: str) -> None:
    """Also none."""
    result = lacking("apply", answers=answer)
    assert result.exit_code == 1
    assert "nothing was changed" in result.stderr
    assert "by_name" not in table_status(lacking.catalog).indexes


def test_apply_as_json_does_not_ask_with_yes(lacking: Commands) -> None:
    """The report has the steps, and the plan at the end."""
    code, report = lacking.json("apply", "--yes")
    assert code == 0
    assert [step["text"] for step in report["done"]] == [
        "create index by_name and wait for its backfill"
    ]
    assert report["remaining"]["is_empty"] is report["is_complete"] is True
    assert report["rejected"] == []


def test_what_is_left_is_printed(lacking: Commands) -> None:
    """The exit code is 1; with permission it is done."""
    replaced("by_rating", Projection={"ProjectionType": "KEYS_ONLY"})(control_of(lacking.catalog))
    replaced("by_chance")(control_of(lacking.catalog))
    result = lacking("apply", "--yes")
    assert result.exit_code == 1
    assert "an index cannot be changed in place" in result.stdout
    assert "  index by_chance is not declared" in result.stdout
    result = lacking("apply", "--yes", "--rebuild", "--drop-surplus")
    assert result.exit_code == 0, result.output
    assert set(table_status(lacking.catalog).indexes) == {
        "by_popularity",
        "by_rating",
        "by_release",
        "by_name",
    }


def test_a_rejected_step_is_printed_with_the_reason(lacking: Commands) -> None:
    """As it happens, and at the end."""
    with patch("catalog_model.operations.plan.perform", return_value="it is not allowed"):
        result = lacking("apply", "--yes")
    assert result.exit_code == 1
    assert "Step 1 of 1 was rejected: it is not allowed." in result.stderr
    assert (
        "Not done: create index by_name and wait for its backfill: it is not allowed"
        in result.stdout
    )


def test_an_interruption_says_how_to_continue(lacking: Commands) -> None:
    """By the same command."""
    with patch.object(operations, "apply_plan", side_effect=KeyboardInterrupt):
        result = lacking("apply", "--yes")
    assert "Completed steps are kept; the same command continues." in result.stderr


def test_the_protection_is_removed_as_delete_proposes(lacking: Commands) -> None:
    """`apply --no-protect`, then `delete`."""
    assert lacking("apply", "--yes", "--protect").exit_code == 0
    assert "`catalog-model apply --no-protect`" in lacking("delete", "--yes").stderr
    assert lacking("apply", "--yes", "--no-protect").exit_code == 0
    assert lacking("delete", "--yes").exit_code == 0


def test_a_missing_table_and_other_keys_are_errors(lacking: Commands) -> None:
    """Each with its own message."""
    missing = lacking("--table", "missing-one", "plan")
    assert (missing.exit_code, "`catalog-model create` makes it" in missing.stderr) == (254, True)
    lacking.catalog.client.create_table(
        TableName="other-keys",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert lacking("--table", "other-keys", "plan").exit_code == 1
    applied = lacking("--table", "other-keys", "apply", "--yes")
    assert applied.exit_code == 254
    assert "this needs a new table" in applied.stderr


def test_the_commands_of_the_page_run(
    lacking: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, on the table of the example; what it prints is on the page."""
    monkeypatch.chdir(tmp_path)
    (settings,) = blocks(PAGE, "toml")
    Path("films.toml").write_text(settings, "utf-8")
    printed = ""
    lines = [line for block in blocks(PAGE, "sh") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("catalog-model ")]
    assert len(commands) > 4
    with without_pauses():
        for line in commands:
            words = line.removeprefix("catalog-model ").split()
            result = lacking(*words, answers="y\n")
            assert result.exit_code in (0, 1), (line, result.output)
            printed += result.output
    for block in blocks(PAGE, "text"):
        for line in block.splitlines():
            assert line.replace("Table films", f"Table {lacking.table}") in printed, line

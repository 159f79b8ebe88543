"""The commands `plan` and `apply`: what they print, when they ask, and their exit codes."""

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from command_line import CommandLine
from engines import Engine, create_of_another_model
from packages import ROOT
from pages import blocks
from planted_drift import deleted, replaced

from catalog_model import operations
from catalog_model.operations import create_table, table_status
from catalog_model.operations.control import control_of
from catalog_model.testing import without_pauses

PAGE = ROOT / "docs" / "plan-and-apply.md"


@pytest.fixture
def lacking(moto: Engine) -> CommandLine:
    """The command line on a table of moto's without one of its indexes."""
    cli = CommandLine(moto)
    create_table(cli.catalog)
    deleted("by_name")(control_of(cli.catalog))
    return cli


def test_plan_prints_the_differences_and_the_steps(lacking: CommandLine) -> None:
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


def test_differences_of_all_indexes_are_one_line(lacking: CommandLine) -> None:
    """With their number."""
    lacking("apply", "--yes")
    result = lacking("plan", "--warm-read", "13000")
    assert result.stdout.splitlines()[1] == (
        "  warm_throughput of the table and 4 indexes is 12,000 read units and 4,000 write units a "
        "second, not 13,000 read units a second"
    )


def test_plan_as_json_has_the_requests(lacking: CommandLine) -> None:
    """For a review, or another tool."""
    result = lacking("plan", "--output", "json")
    plan = json.loads(result.stdout)
    assert (result.exit_code, plan["is_empty"]) == (1, False)
    assert plan["differences"] == [
        {"subject": "index", "where": "by_name", "text": "index by_name is missing", "left": ""}
    ]
    (step,) = plan["steps"]
    (request,) = step["requests"]
    assert (request["service"], request["operation"]) == ("dynamodb", "UpdateTable")
    (update,) = request["parameters"]["GlobalSecondaryIndexUpdates"]
    assert update["Create"]["IndexName"] == "by_name"


def test_apply_asks_and_ends_with_an_empty_plan(lacking: CommandLine) -> None:
    """On stderr, after the plan; then each step is shown."""
    result = lacking("apply", answers="y\n")
    assert result.exit_code == 0, result.output
    assert f"Apply 1 step to table '{lacking.table}'" in result.stderr
    assert "Step 1 of 1: create index by_name and wait for its backfill.\n" in result.stderr
    assert result.stdout.splitlines() == ["1 step done.", f"Table {lacking.table} is as declared."]
    nothing: dict[str, Any] = {"differences": [], "steps": [], "surplus": [], "is_empty": True}
    assert lacking.json("plan") == {"table": lacking.table, **nothing}


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_any_other_answer_changes_nothing(lacking: CommandLine, answer: str) -> None:
    """Also none."""
    result = lacking("apply", answers=answer)
    assert result.exit_code == 1
    assert "nothing was changed" in result.stderr
    assert "by_name" not in table_status(lacking.catalog).indexes


def test_apply_as_json_does_not_ask_with_yes(lacking: CommandLine) -> None:
    """The report has the steps, and the plan at the end."""
    report = lacking.json("apply", "--yes")
    assert [step["text"] for step in report["done"]] == [
        "create index by_name and wait for its backfill"
    ]
    assert report["remaining"]["is_empty"] is report["is_complete"] is True
    assert report["rejected"] == []


def test_what_is_left_is_printed(lacking: CommandLine) -> None:
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


def test_a_rejected_step_is_printed_with_the_reason(lacking: CommandLine) -> None:
    """As it happens, and at the end."""
    with patch("catalog_model.operations.plan.perform", return_value="it is not allowed"):
        result = lacking("apply", "--yes")
    assert result.exit_code == 1
    assert "Step 1 of 1 was rejected: it is not allowed." in result.stderr
    assert (
        "Not done: create index by_name and wait for its backfill: it is not allowed"
        in result.stdout
    )


def test_an_interruption_says_how_to_continue(lacking: CommandLine) -> None:
    """By the same command."""
    with patch.object(operations, "apply_plan", side_effect=KeyboardInterrupt):
        result = lacking("apply", "--yes")
    assert "Completed steps are kept; the same command continues." in result.stderr


def test_the_protection_is_removed_as_delete_proposes(lacking: CommandLine) -> None:
    """`apply --no-protect`, then `delete`."""
    assert lacking("apply", "--yes", "--protect").exit_code == 0
    assert "`catalog-model apply --no-protect`" in lacking("delete", "--yes").stderr
    assert lacking("apply", "--yes", "--no-protect").exit_code == 0
    assert lacking("delete", "--yes").exit_code == 0


def test_a_missing_table_and_other_keys_are_errors(lacking: CommandLine) -> None:
    """Each with its own message."""
    missing = lacking("--table", "missing-one", "plan")
    assert (missing.exit_code, "`catalog-model create` makes it" in missing.stderr) == (254, True)
    create_of_another_model(lacking.catalog.for_table("other-keys"))
    assert lacking("--table", "other-keys", "plan").exit_code == 1
    applied = lacking("--table", "other-keys", "apply", "--yes")
    assert applied.exit_code == 254
    assert "this needs a new table" in applied.stderr


def test_the_commands_of_the_page_run(
    lacking: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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

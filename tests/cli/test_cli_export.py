"""The command that prints policies returns those of the functions, for the chosen table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from iam_evaluator import ARN, Policy

from catalog_model import access_patterns as ap
from catalog_model.analysis import iam
from catalog_model.cli.base import Program, Settings, shared_options
from catalog_model.cli.export import export_group


def run(*words: str, **settings: Any) -> Result:
    program = Program("catalog-model", commands=[export_group], params=shared_options())
    return CliRunner().invoke(program, ["export", "iam", *words], obj=Settings(**settings))


def printed(*words: str, **settings: Any) -> Policy:
    result = run(*words, **settings)
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
def test_the_arn_is_that_of_the_table_in_question(
    words: tuple[str, ...], settings: dict[str, Any], arn: str
) -> None:
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
        ("--role", "reader", "--account", "1"),
    ],
)
def test_a_mistake_is_one_line_and_no_policy(words: tuple[str, ...]) -> None:
    """With the exit code for usage."""
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error: " in result.stderr

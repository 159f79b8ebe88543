"""The command line changes the number of list shards, and reads such lists."""

import json

import pytest
from command_line import CommandLine
from engines import Engine
from spread_tables import spread
from table_dump import dump, movie

from catalog_model.dynamodb import waits
from catalog_model.dynamodb.faults.clock import simulated_time
from catalog_model.maintenance.list_shards import PAUSE
from catalog_model.operations import migrate

READING = {"CATALOG_SHARDED_LISTS": "1"}


def test_a_table_is_spread_and_read_by_commands(moto: Engine) -> None:
    """The setting comes from the environment; without it, a list is refused with a hint."""
    cli = CommandLine(moto).filled([movie(n, 18) for n in range(1, 6)])
    planned = cli.json("migrate", "--list-shards", "2", "--dry-run")
    assert planned["moved"] == 5
    assert "moved" not in cli.json("migrate", "--dry-run")
    with simulated_time():
        assert "5 titles moved to lists of 2 shards" in cli.done("migrate", "--list-shards", "2")
    listed = cli("--output", "json", "list-titles", "movie", env={**READING})
    assert len(json.loads(listed.stdout)["items"]) == 5
    refused = cli("list-titles", "movie")
    assert refused.exit_code == 254
    assert "CATALOG_SHARDED_LISTS=1" in refused.stderr
    explained = cli("--output", "json", "explain", "list-titles", "movie", env={**READING})
    assert "ALL#movie#~1" in explained.stdout
    assert "not declared" not in explained.stdout
    cli.catalog.sharded_lists = True
    spread(cli.catalog, 1)
    assert cli("list-titles", "movie").exit_code == 0


def test_verify_shows_the_shards_and_an_unfinished_change(moto: Engine) -> None:
    """Nothing of lists that are not spread; a change that is interrupted in its pause has both."""
    cli = CommandLine(moto).filled([movie(n, 18) for n in range(1, 6)])
    assert "shard" not in cli.done("verify")
    spread(cli.catalog, 4)
    assert cli.done("verify").endswith(" 0 findings\nLists of 4 shards\n")

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with waits.on_pause(interrupt), pytest.raises(KeyboardInterrupt):
        migrate(cli.catalog, list_shards=2)
    assert "Lists of 4 and of 2 shards: a change is running, or was inter" in cli.done("verify")
    found = cli.json("verify")
    assert (found["list_shards"], found["other_list_shards"]) == (4, 2)
    with simulated_time():
        cli.done("migrate", "--list-shards", "2")
    assert cli.done("verify").endswith("Lists of 2 shards\n")


def test_the_progress_counts_the_items_of_both_parts_of_the_work(moto: Engine) -> None:
    """The upgrade and the change of the shards read all items each; the pause is announced."""
    catalog = CommandLine(moto).filled([movie(n, 18) for n in range(1, 6)]).catalog
    seen: list[int] = []
    pauses: list[float] = []
    with simulated_time(), waits.on_pause(pauses.append):
        report = migrate(catalog, list_shards=2, on_progress=seen.append)
    assert max(seen) == report.items + len(dump(catalog))
    assert pauses == [PAUSE]


def test_a_wrong_number_of_shards_is_refused(moto: Engine) -> None:
    """By name, with what is allowed."""
    cli = CommandLine(moto).filled([])
    result = cli("migrate", "--list-shards", "33")
    assert result.exit_code == 2
    assert "list_shards must be a whole number from 1 to 32, not 33" in result.stderr


def test_a_policy_for_spread_lists_is_an_option(moto: Engine) -> None:
    """It allows the shards of the lists of a kind, too."""
    cli = CommandLine(moto)
    usual = cli.done("--region", "eu-west-1", "export", "iam", "--role", "reader")
    spread_too = cli.done(
        "--region", "eu-west-1", "export", "iam", "--role", "reader", "--sharded-lists"
    )
    assert "ALL#movie#~*" in spread_too
    assert "ALL#movie#~*" not in usual

"""Errors of the command line: one line, and a specific exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from engines import create_of_another_model
from refused_calls import RECORDS

from catalog_model import Movie, errors
from catalog_model import access_patterns as ap
from catalog_model.catalog import Catalog
from catalog_model.cli.base import exit_code_of
from catalog_model.errors import AccessDeniedError
from catalog_model.files.reader import sample_folder
from catalog_model.local import Engine

RECORD = {**RECORDS["movie"], "id": 5}

SHOWS = sample_folder() / "data_tv.json"
NOWHERE = CommandLine(Engine("moto", "http://127.0.0.1:1", is_persistent=False))
"""The command line with an endpoint that does not respond."""


@pytest.fixture
def cli(local_engine: Engine) -> CommandLine:
    return CommandLine(local_engine).filled([])


@pytest.fixture(scope="module")
def idle(local_engine: Engine) -> CommandLine:
    """The command line on an empty table that tests do not change."""
    return CommandLine(local_engine).filled([])


CODES = {
    1: ("TitleNotFoundError", "TitleExistsError"),
    2: ("InvalidArgumentError", "InvalidTitleError", "InvalidCursorError"),
    253: ("ConfigurationError",),
}


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_its_exit_code(name: str) -> None:
    """As listed in docs/command-line.md; 254 for all others."""
    code = next((code for code, names in CODES.items() if name in names), 254)
    assert exit_code_of(getattr(errors, name)("it")) == code


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("get-title movie 5", 1, "there is no movie with id 5 in "),
        ("get-title-with-genres movie 5", 1, "there is no movie with id 5 in "),
        ("update-popularity movie 5 7", 1, "there is no movie with id 5 in "),
        ("update-votes movie 5 --vote-average 7 --vote-count 1", 1, "there is no movie"),
        ("set-genres movie 5 28", 1, "there is no movie with id 5 in "),
        ("delete-title movie 5 --yes", 1, "there is no movie with id 5 in "),
        ("delete-title movie 5", 1, "there is no movie with id 5 in "),
        ("get-title movie 0", 2, "title_id must be a positive whole number"),
        ("get-title movie -5", 2, "title_id must be a positive whole number"),
        ("get-titles film:5", 2, "kind must be 'movie' or 'tv', not 'film'"),
        ("update-popularity movie 5 nan", 2, "popularity must be a finite number, not nan"),
        ("update-popularity movie 5 -inf", 2, "popularity must be a finite number, not -inf"),
        ("update-popularity movie 5 1e200", 2, "popularity must be a number of a magnitude"),
        ("list-titles movie --limit 0", 2, "limit must be a whole number from 1 to 1000, not 0"),
        ("list-titles movie --after x", 2, "after must be "),
        ("list-titles-in-genre movie -1", 2, "genre_id must be a positive whole number"),
        ("list-titles-in-genres movie", 2, "genre_ids must be at least one genre, not ()"),
        ("list-released-between movie 1990 2000", 2, "since must be a date as YYYY-MM-DD"),
        ("sample-titles movie --count -1", 2, "count must be a whole number from 0 on"),
        ("--table no!name status", 2, "table must be the name of a DynamoDB table"),
        ("--table missing-one status", 254, "there is no table 'missing-one' here"),
        ("--table missing-one delete --yes", 254, "there is no table 'missing-one' here"),
        ("--table missing-one list-titles tv", 254, "(`catalog-model create` makes it)"),
        (f"--table missing-one load --tv {SHOWS}", 254, "(`catalog-model create` makes it)"),
        ("--endpoint-url nowhere status", 253, "not 'nowhere'"),
        ("--endpoint-url http://127.0.0.1:abc status", 253, "not 'http://127.0.0.1:abc'"),
        ("--endpoint-url http://127.0.0.1:1 status", 254, "http://127.0.0.1:1/"),
        ("--profile no-such-profile status", 253, "profile (no-such-profile) could not be found"),
        ("create --read-capacity 5", 2, "read_capacity and write_capacity must be both or none"),
        ("load --movies nothing.json", 2, "nothing.json: cannot be read: No such file"),
        ("serve --engine moto --port 70000", 253, "there is no port 70000"),
    ],
)
def test_a_mistake_is_one_line(idle: CommandLine, words: str, code: int, message: str) -> None:
    """On stderr, with nothing on stdout and no traceback."""
    result = idle(*words.split())
    assert (result.exit_code, result.stdout) == (code, ""), result.output
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "Usage: "),
        ("undo", "No such command 'undo'"),
        ("get-title", "Missing argument 'KIND'"),
        ("get-title movie", "Missing argument 'TITLE_ID'"),
        ("get-title film 5", "'film' is not one of 'movie', 'tv'"),
        ("get-title movie five", "'five' is not a valid integer"),
        ("get-title movie 5 6", "Got unexpected extra argument"),
        ("get-titles", "Missing argument 'KEYS...'"),
        ("get-titles movie", "'movie' is not KIND:ID, such as movie:949"),
        ("get-titles movie:-5", "'movie:-5' is not KIND:ID, such as movie:949"),
        ("list-titles movie --limt 5", "No such option"),
        ("list-titles movie --order size", "'size' is not one of 'popularity', 'rating'"),
        ("list-titles-in-genre movie 28 --order name", "'name' is not one of"),
        ("list-top-rated movie --min-votes 1", "Missing option '--min-rating'"),
        ("sample-titles movie --seed x", "Invalid value for '--seed'"),
        ("put-title movie nothing.json", "'nothing.json': No such file or directory"),
        ("set-genres movie 5", "give the ids of genres, or --none"),
        ("create --tag x", "a tag is KEY=VALUE"),
        ("create --tag =x", "a tag is KEY=VALUE"),
        ("load", "give --movies FILE, --tv FILE or both"),
        ("--output yaml status", "'yaml' is not one of 'table', 'json'"),
        ("serve --engine mysql", "'mysql' is not one of 'auto', 'dynoxide', 'moto'"),
        ("serve --endpoint-url http://127.0.0.1:1", "serve has its own endpoint"),
    ],
)
def test_wrong_usage_is_answered_with_the_right_one(words: str, message: str) -> None:
    """The exit code is 2, before anything is sent."""
    result = NOWHERE(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Usage: " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (
            AccessDeniedError("no", code="AccessDeniedException"),
            254,
            "Error: no (`catalog-model export iam` prints the policy that allows it)\n",
        ),
        (KeyboardInterrupt(), 130, "\nInterrupted.\n"),
        (ZeroDivisionError("a bug"), 255, "ZeroDivisionError: a bug\n"),
    ],
)
def test_what_ends_a_command_is_said_with_its_code(
    idle: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, told: str
) -> None:
    """A denial with a remedy, an interruption, and a bug, which alone shows its traceback."""

    def ended(**_: Any) -> None:
        raise error

    monkeypatch.setattr(Catalog, "from_env", ended)
    result = idle("count-titles", "movie")
    traceback, found, last = result.stderr.rpartition(told)
    assert (result.exit_code, found, last) == (code, told, "")
    assert traceback.startswith("Traceback") == (code == 255)
    assert code == 255 or not traceback


def test_a_missing_region_or_credentials_are_configuration(idle: CommandLine) -> None:
    """With a hint at the missing setting."""
    result = idle("status", env={"AWS_DEFAULT_REGION": None})
    assert result.exit_code == 253
    assert result.stderr == "Error: You must specify a region. (pass --region, or set AWS_REGION)\n"
    nobody: dict[str, str | None] = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    result = idle("status", env=nobody)
    hint = "aws configure, AWS_PROFILE or AWS_ACCESS_KEY_ID set them"
    locally = "without an account: catalog-model serve"
    expected = f"Error: Unable to locate credentials ({hint}; {locally})\n"
    assert (result.exit_code, result.stderr) == (253, expected)


def test_a_table_is_created_shown_and_deleted(local_engine: Engine) -> None:
    """With both capacities and with tags; creating it again changes nothing."""
    cli = CommandLine(local_engine)
    capacity = ("--read-capacity", "5", "--write-capacity", "3")
    for _ in range(2):
        status = cli.json("create", "--tag", "team=films", "--tag", "empty=", *capacity)
        assert (status["table"], status["status"]) == (cli.table, "ACTIVE")
        assert (status["is_ready"], status["billing_mode"]) == (True, "PROVISIONED")
    assert cli.json("status") == status
    shown = cli.done("status")
    assert cli.table in shown
    assert "index by_rating" in shown
    arn = cli.catalog.client.describe_table(TableName=cli.table)["Table"]["TableArn"]
    tags = cli.catalog.client.list_tags_of_resource(ResourceArn=arn)["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "films", "empty": ""}
    assert cli.json("delete", "--yes") == {"table": cli.table, "status": "DELETED"}
    assert cli("status").exit_code == 254


def test_a_table_with_another_schema_is_distinguished(local_engine: Engine) -> None:
    """`status` reports the difference, `create` does not change the table."""
    cli = CommandLine(local_engine)
    create_of_another_model(cli.catalog)
    result = cli("status")
    assert result.exit_code == 1
    assert "not of this model" in result.stdout
    assert "this needs a new table" in result.stdout
    result = cli("create")
    assert (result.exit_code, result.stdout) == (254, "")
    assert "is not of this model" in result.stderr


def test_a_read_without_its_index_names_the_plan(local_engine: Engine) -> None:
    """The service only says which index is missing."""
    cli = CommandLine(local_engine).filled([])
    removal: list[Any] = [{"Delete": {"IndexName": "by_name"}}]
    cli.catalog.client.update_table(TableName=cli.table, GlobalSecondaryIndexUpdates=removal)
    result = cli("find-titles-by-name", "movie", "x")
    assert result.exit_code == 254
    assert result.stderr.endswith("(`catalog-model plan` shows what the table lacks)\n")
    assert "index by_name is missing" in cli("plan").stdout


def written(folder: Path, name: str, content: Any) -> str:
    (folder / name).write_text(json.dumps(content))
    return str(folder / name)


def test_load_reports_what_it_did(cli: CommandLine, tmp_path: Path) -> None:
    """A second run reports that nothing had to be done."""
    movies = {str(n): {**RECORD, "id": n} for n in (1, 2, 3)}
    path = written(tmp_path, "movies.json", movies)
    assert cli.done("load", "--movies", path) == ("3 created, 0 changed, 0 unchanged, 0 rejected\n")
    movies["2"]["popularity"] = 9.0
    movies["4"] = {**RECORD, "id": 4}
    written(tmp_path, "movies.json", movies)
    report = cli.json("load", "--movies", path)
    assert report == {"created": 1, "changed": 1, "unchanged": 2, "rejected": []}
    assert ap.get_title(cli.catalog, "movie", 2, consistent=True).popularity == 9.0


def test_load_lists_rejected_records_and_loads_the_others(cli: CommandLine, tmp_path: Path) -> None:
    """With file, key and reason, whether the record is invalid or does not fit the table."""
    show = {**RECORD, "name": "B", "overview": "x" * 410_000}
    movies = written(tmp_path, "movies.json", {"5": RECORD, "6": RECORD, "\x1b[1m": 3})
    shows = written(tmp_path, "shows.json", {"5": show})
    result = cli("load", "--movies", movies, "--tv", shows)
    assert result.exit_code == 1
    assert result.stderr == ""
    head, *lines = result.stdout.splitlines()
    assert head == "1 created, 0 changed, 0 unchanged, 3 rejected"
    assert lines[0] == "movies.json: 6: its key is '6', its id 5"
    assert lines[1] == "movies.json: \\x1b[1m: a movie record must be a JSON object, not 3"
    assert lines[2].startswith("shows.json: 5: ")
    assert "410," in lines[2]
    result = cli("load", "--movies", movies, "--output", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["rejected"][0] == {
        "source": "movies.json",
        "key": "6",
        "reason": "its key is '6', its id 5",
    }
    assert ap.get_title(cli.catalog, "movie", 5) == Movie.from_json(RECORD)


@pytest.mark.parametrize("content", ['{"5": ', '{"id": 5}', '{"5": 1, "5": 2}'])
def test_a_bad_file_stops_a_load_at_once(cli: CommandLine, tmp_path: Path, content: str) -> None:
    """Even in the second file: nothing of the first one is written."""
    movies = written(tmp_path, "movies.json", {"5": RECORD})
    (tmp_path / "shows.json").write_text(content)
    result = cli("load", "--movies", movies, "--tv", str(tmp_path / "shows.json"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"Error: {tmp_path / 'shows.json'}: ")
    assert ap.count_titles(cli.catalog, "movie") == 0

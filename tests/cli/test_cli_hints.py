"""What the command line says about probable mistakes: on stderr, in one line."""

import json
from pathlib import Path

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


SHOWS = sample_folder() / "data_tv.json"
EMPTY = {"a.json": "{}", "b.json": "[]", "c.jsonl": "", "d.json": '{"page": 1, "results": []}'}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("reads_stdin", [False, True])
def test_loading_no_records_is_an_error(
    cli: CommandLine, name: str, tmp_path: Path, *, reads_stdin: bool
) -> None:
    """Of one file as well as of two; an empty file next to one with records is accepted."""
    (tmp_path / name).write_text(EMPTY[name])
    path = "-" if reads_stdin and EMPTY[name] else str(tmp_path / name)
    result = cli("load", "--movies", path, answers=EMPTY[name])
    shown = "<stdin>" if path == "-" else path
    assert (result.exit_code, result.stderr) == (2, f"Error: {shown}: has no records\n")
    both = cli("load", "--movies", str(tmp_path / name), "--tv", str(tmp_path / name))
    assert (both.exit_code, both.stderr.count("has no records")) == (2, 1)
    shows = str(tmp_path / "one.json")
    Path(shows).write_text(json.dumps(next(iter(json.loads(SHOWS.read_bytes()).values()))))
    assert "1 created" in cli.done("load", "--movies", str(tmp_path / name), "--tv", shows)


@pytest.mark.parametrize("before", [[], ["explain"]])
def test_an_unknown_attribute_is_stored_with_a_hint(cli: CommandLine, before: list[str]) -> None:
    """Once, while it is new; known names, and names that the title has, are stored silently."""
    typo = [*before, "update-title", "movie", "34", "popularty=5", "popularity=6"]
    line = "popularty is not an attribute of the model; it is stored as a new one of movie 34"
    first, second = cli(*typo), cli(*typo[:-1])
    assert (first.exit_code, first.stderr) == (0, f"{line}\n")
    assert second.stderr == ""
    assert cli.json("get-title", "movie", "34")["popularty"] == 5
    help_text = " ".join(cli.done("update-title", "--help").split())
    assert "An unknown name is stored as a new attribute; to remove one, put or load" in help_text


def test_days_in_the_wrong_order_are_pointed_out(cli: CommandLine) -> None:
    """The page is empty; a single day is in order."""
    result = cli("list-released-between", "movie", "1999-12-31", "1990-01-01")
    assert result.exit_code == 0
    assert "1999-12-31 is after 1990-01-01: SINCE is the first day" in result.stderr
    assert "after" not in cli("list-released-between", "movie", "1979-01-01", "1979-01-01").stderr


@pytest.mark.parametrize("text", ['{"1": {"id": 1}, "2": {"id": 2}}', '[{"id": 1}]'])
def test_a_file_of_many_records_is_for_load(cli: CommandLine, tmp_path: Path, text: str) -> None:
    """The error of put-title says so; not that of one record which is invalid."""
    path = tmp_path / "data_movies.json"
    for content, is_hinted in ((text, True), ('{"id": 1}', False)):
        path.write_text(content)
        result = cli("put-title", "movie", str(path))
        assert result.exit_code == 2
        assert ("(`load` reads files of many records)" in result.stderr) is is_hinted


@pytest.mark.parametrize(
    "words",
    [
        ["export", "iam", "--patterns", "get_titel"],
        ["export", "data-model", "--rate", "get-titel=1"],
        ["cost", "--pattern", "get-titel movie 34", "--per-second", "1"],
    ],
)
def test_an_unknown_pattern_has_a_proposal(local_engine: Engine, words: list[str]) -> None:
    """With the names as they are typed."""
    result = CommandLine(local_engine, "none")(*words)
    assert result.exit_code == 2
    assert "'get-titel'; did you mean get-title? There are get-title, get-titles" in result.stderr


@pytest.mark.parametrize(
    ("endpoint", "hint"),
    [
        ("http://127.0.0.1:1", "`catalog-model serve` starts an engine"),
        ("http://localhost:1", "`catalog-model serve` starts an engine"),
        ("https://dynamodb.eu-wst-1.invalid", "is the region right? --region sets another"),
    ],
)
def test_an_endpoint_that_is_not_reached_has_a_hint(
    cli: CommandLine, endpoint: str, hint: str
) -> None:
    """Most often no engine runs, or the region is misspelt."""
    once: dict[str, str | None] = {"AWS_MAX_ATTEMPTS": "1"}
    result = cli("--endpoint-url", endpoint, "get-title", "movie", "34", env=once)
    assert result.exit_code == 254
    assert f'"{endpoint}/" ({hint})' in result.stderr


def test_a_table_with_other_keys_has_a_hint(local_engine: Engine) -> None:
    """DynamoDB's message shows neither its keys nor those of the model."""
    cli = CommandLine(local_engine)
    cli.catalog.client.create_table(
        TableName=cli.table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for words in (["get-title", "movie", "34"], ["verify"], ["sample-titles", "movie"]):
        assert "(`catalog-model status` shows how it differs)" in cli(*words).stderr
    assert "keys are id (N HASH), not PK (S HASH)" in cli("status").stdout
    assert "0 items (0 not of this model)" in cli("dump", "-").stderr


def test_a_restore_without_a_moment_names_the_options(cli: CommandLine) -> None:
    """Not only the arguments of the function."""
    assert "(--minutes-ago, --at or --backup)" in cli("restore").stderr


@pytest.mark.parametrize(
    "words",
    [
        ["list-titles-in-genre", "movie", "action"],
        ["list-titles-in-genres", "movie", "28", "action"],
        ["count-titles", "movie", "--genre-id", "action"],
        ["set-genres", "movie", "34", "action"],
    ],
)
def test_the_name_of_a_genre_is_refused_with_the_way_to_its_id(
    cli: CommandLine, words: list[str]
) -> None:
    """Genres are numbered by TMDB; the names are in another command."""
    result = cli(*words)
    assert result.exit_code == 2
    assert "'action' is not the id of a genre: `catalog-model list-genres movie`" in result.stderr


def test_the_roles_are_named(cli: CommandLine) -> None:
    """Where one is needed; and the help of names says how to type spaces."""
    assert (
        "give --role (reader, writer, operator), --patterns or both" in cli("export", "iam").stderr
    )
    assert "quoted if it has spaces" in " ".join(cli.done("find-titles-by-name", "-h").split())

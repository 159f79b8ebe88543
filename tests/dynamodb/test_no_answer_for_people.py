"""The command line and the application report a server that is not DynamoDB.

Neither reports a write as done if nothing is stored.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from example_app import BECOMING, post
from lying_server import PAGE, handle_on, real_answer, response, sending, serving
from table_dump import movie

from catalog_model.cli.program import program
from catalog_model.table import codec
from catalog_model.testing import without_pauses
from examples.netflix_movie_catalog.app import create_app

HER = movie(7, 18)
NOTHING_THERE = real_answer({"Responses": {"titles": []}, "UnprocessedKeys": {}})
THERE = real_answer({"Item": codec.encode_title(HER, version=7, slot=0)})
HTML = response(PAGE)

COMMANDS = {
    "create": (),
    "delete --yes": (),
    "status": (),
    "verify": (),
    "repair": (),
    "migrate": (),
    "count-titles movie": (),
    "find-titles-by-name movie h": (),
    "get-title movie 7": (),
    "get-title-with-genres movie 7": (),
    "get-titles movie:7": (),
    "list-genres movie": (),
    "list-released-between movie 1990-01-01 2000-01-01": (),
    "list-titles movie": (),
    "list-titles-in-genre movie 18": (),
    "list-titles-in-genres movie 18 28": (),
    "list-top-rated movie --min-votes 1 --min-rating 1": (),
    "sample-titles movie": (),
    "set-genres movie 7 28": (),
    "set-genres movie 7 28 ": (THERE,),
    "update-popularity movie 7 5.5": (),
    "update-popularity movie 7 5.5 ": (THERE,),
    "update-votes movie 7 --vote-average 5 --vote-count 100": (THERE,),
    "delete-title movie 7": (),
}
"""Commands, and the valid answers before the invalid one."""


def run(address: str, *words: str) -> Result:
    """Run a command on the missing table."""
    environment = {"AWS_MAX_ATTEMPTS": "2"}
    options = ["--table", "titles", "--endpoint-url", address]
    return CliRunner(env=environment).invoke(program, [*options, *words])


def assert_said(result: Result, address: str) -> None:
    """Check for one line about the response, and the exit code of a failing service."""
    assert (result.exit_code, result.stdout) == (254, "")
    assert "got no answer from DynamoDB but status 200, text/html" in result.stderr
    assert f"is a proxy or another program at {address}?" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_came(command: str) -> None:
    """With exit code 254, for any of its requests."""
    with serving(sending(*COMMANDS[command], HTML)) as address, without_pauses():
        assert_said(run(address, *command.split()), address)


def test_explain_shows_the_request_without_a_valid_answer() -> None:
    """With the number of its retries."""
    with serving(sending(HTML)) as address, without_pauses():
        result = run(address, "--output", "json", "explain", "get-title", "movie", "7")
    assert result.exit_code == 254
    assert "got no answer from DynamoDB" in result.stderr
    [request] = json.loads(result.stdout)["requests"]
    assert request["retries"] == 1


@pytest.mark.parametrize("before", [(), (NOTHING_THERE,)])
def test_a_title_is_not_put_by_a_page(tmp_path: Path, before: tuple[bytes, ...]) -> None:
    """Neither a single title nor those of a file."""
    file = tmp_path / "movies.json"
    file.write_text(json.dumps({"7": HER.to_json()}))
    one = tmp_path / "movie.json"
    one.write_text(json.dumps(HER.to_json()))
    for words in (("put-title", "movie", str(one)), ("load", "--movies", str(file))):
        with serving(sending(*before, HTML)) as address, without_pauses():
            result = run(address, *words)
        assert result.exit_code == 254, result.output
        assert "got no answer from DynamoDB" in result.stderr
        assert "created" not in result.stdout


@pytest.mark.parametrize("is_read", [False, True])
def test_the_application_does_not_call_an_update_done(is_read: bool) -> None:
    """It answers 503 with a time to retry, also if the movie was read but not written."""
    item = codec.encode_title(BECOMING, version=7, slot=0)
    right = [real_answer({"Item": item})] * is_read
    with serving(sending(*right, HTML)) as address, without_pauses():
        app = create_app(handle_on(address))
        answer = post(app, str(BECOMING.id), 5.5)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert "success" not in answer.text
        for path in ("/discover", "/discover?genre=28", "/discover?type=tv"):
            assert app.test_client().get(path).status_code == 503

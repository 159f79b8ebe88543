"""Invalid answers over real connections: of programs on the wrong port, and of wrong content.

Handles, the command line and the application report them, and never a write.
"""

import json
import random
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from any_items import nested
from click.testing import CliRunner, Result
from example_app import BECOMING, post
from lying_server import MODES, PAGE, handle_on, real_answer, response, sending, serving
from table_dump import movie

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.cli.patterns import EXAMPLES
from catalog_model.cli.program import program
from catalog_model.dynamodb.answer_shapes import InvalidAnswerError, check_answer, check_error
from catalog_model.dynamodb.faults.garbled_answers import GARBLED_FORMS, Place, garbled
from catalog_model.dynamodb.typed_json import text
from catalog_model.errors import ServiceError, ThrottledError, UnreachableError
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, table_status
from catalog_model.table import codec, keys
from catalog_model.table.indexes import SCHEMA
from catalog_model.testing import without_pauses
from examples.netflix_movie_catalog.app import create_app

HER = movie(1, 18, 28)
ITEM = codec.encode_title(HER, version=7, slot=0)
FORMS = [form for form in GARBLED_FORMS if form != "empty_object"]

Call = Callable[[Catalog], object]

CALLS: dict[str, Call] = {
    "GetItem": lambda c: ap.get_title(c, *HER.key),
    "BatchGetItem": lambda c: ap.put_title(c, HER),
    "Query": lambda c: ap.list_titles(c, "movie"),
    "DescribeTable": table_status,
}
"""Calls by their first operation."""


def garble(form: str, operation: str, answer: bytes = b'{"Item": {}}') -> bytes:
    """Return the response that replaces an answer."""
    return response(garbled(form, Place(operation, answer, random.Random(form))))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_an_invalid_answer_is_retried(form: str, mode: str) -> None:
    """In each mode: the second response is a valid answer, and is used."""
    came = [garble(form, "GetItem"), real_answer({"Item": ITEM})]
    with serving(sending(*came)) as address, without_pauses():
        assert ap.get_title(handle_on(address, mode), *HER.key) == HER


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_where_nothing_is_an_answer_it_is_an_error(form: str, mode: str) -> None:
    """The error is that of an unreachable or busy service; it describes the response."""
    sent: list[bytes] = []
    with (
        serving(lambda connection, _: sending(sent[-1])(connection, 1)) as address,
        without_pauses(),
    ):
        handle = handle_on(address, mode)
        for operation, call in CALLS.items():
            sent.append(garble(form, operation, b'{"Items": [], "Count": 0}'))
            with pytest.raises(ServiceError, match=f"{operation} got no answer") as caught:
                call(handle)
            is_busy = b"HTTP/1.1 429" in sent[-1]
            assert type(caught.value) is (ThrottledError if is_busy else UnreachableError)
            assert is_busy or address in str(caught.value)


OTHER_PROTOCOLS = {
    "nothing": b"",
    "ssh": b"SSH-2.0-OpenSSH_9.7\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x46",
    "redis": b"-ERR unknown command 'POST'\r\n",
    "http 0.9": b"<html>hello</html>",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Type: application/x-am",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "negative": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}",
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
    "cut chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "invalid gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x00",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n{}",
    "status 999": b"HTTP/1.1 999 Denied\r\n\r\n{}",
    "no status": b"HTTP/1.1 OK\r\n\r\n{}",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n{}",
    "long line": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n{}",
    "checksum of no number": b"HTTP/1.1 200 OK\r\nx-amz-crc32: abc\r\n\r\n{}",
    "two checksums": b"HTTP/1.1 200 OK\r\nx-amz-crc32: 1\r\nx-amz-crc32: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OTHER_PROTOCOLS)
def test_another_protocol_is_an_invalid_answer(name: str, mode: str) -> None:
    """A broken protocol is invalid, too; a `{}` in it does not mean that the item is missing."""
    with serving(sending(OTHER_PROTOCOLS[name])) as address, without_pauses():
        handle = handle_on(address, mode)
        for call in CALLS.values():
            with pytest.raises(UnreachableError):
                call(handle)


def get_titles(catalog: Catalog) -> object:
    return ap.get_titles(catalog, [HER.key])


EVERY_CALL: dict[str, Call] = {
    **CALLS,
    "get many": get_titles,
    "update": lambda c: ap.update_popularity(c, *HER.key, 9.5),
    "load": lambda c: ap.load_titles(c, [HER]),
    "create": create_table,
}


@pytest.mark.parametrize("call", EVERY_CALL.values(), ids=EVERY_CALL)
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
def test_an_error_with_status_200_is_an_error(call: Call, code: str) -> None:
    """A gateway that loses the status passes on an error, which does not mean a missing title."""
    error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "Try later."}
    assert_invalid(call, "an error with status 200", real_answer(error))


def assert_invalid(call: Call, words: str, *sent: bytes) -> None:
    """Answer a call with these; the last one must be reported as invalid."""
    with (
        serving(sending(*sent)) as address,
        without_pauses(),
        pytest.raises(UnreachableError, match=words),
    ):
        call(handle_on(address))


OTHER = codec.encode_title(movie(2, 18), version=7, slot=0)
DELETING = {"Table": {"TableName": "other", "TableStatus": "DELETING"}}
COPY = {name: codec.encode_copies(HER, 0)[0][name] for name in ("PK", codec.DOC)}
TALLY = codec.own_item(keys.TallyItem("movie", 1))


def both_kinds(catalog: Catalog) -> object:
    return ap.get_titles(catalog, [HER.key, TitleKey("tv", 1)])


def with_genres(catalog: Catalog) -> object:
    return ap.get_title_with_genres(catalog, *HER.key)


UNREQUESTED: list[tuple[Call, dict[str, Any]]] = [
    (CALLS["GetItem"], {"Item": OTHER}),
    (CALLS["BatchGetItem"], {"Responses": {"titles": [OTHER]}, "UnprocessedKeys": {}}),
    (get_titles, {"Responses": {}, "UnprocessedKeys": {}}),
    (get_titles, {"Responses": {"other": []}}),
    (CALLS["Query"], {"Items": [], "Count": 1}),
    (lambda c: ap.list_titles(c, "movie", limit=1), {"Items": [OTHER] * 3, "Count": 3}),
    (table_status, DELETING),
    *(
        (both_kinds, {"Responses": {"titles": [COPY, odd]}, "UnprocessedKeys": {}})
        for odd in ({"foo": text("x")}, {**COPY, "PK": {"N": "5"}}, {**COPY, "PK": text("")})
    ),
    *(
        (CALLS["BatchGetItem"], {"Responses": {"titles": some}, "UnprocessedKeys": {}})
        for some in ([TALLY, TALLY], [TALLY, {"foo": text("x")}], [{**ITEM, "SK": text("x")}])
    ),
    *(
        (with_genres, {"Items": [ITEM, odd], "Count": 2})
        for odd in ({"foo": text("x")}, {**ITEM, "PK": {"N": "5"}}, {**ITEM, "SK": text("")})
    ),
]


@pytest.mark.parametrize(("call", "content"), UNREQUESTED, ids=range(len(UNREQUESTED)))
def test_an_unrequested_item_is_an_invalid_answer(call: Call, content: dict[str, Any]) -> None:
    """It may come from a cache, or from a connection with shifted answers."""
    assert_invalid(call, "answers another request", real_answer(content))


NO_TEXTS: Any = (None, 5, ["a"], {})
NO_VALUES: Any = ({}, {"S": 5}, {"L": [{"N": "x"}]}, {"M": {"a": None}}, "a")
INVALID: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("S", "B"), NO_TEXTS),
    "N": (*NO_TEXTS, "x", "", "NaN", "1_0", " 1", "\u0663"),
    **dict.fromkeys(("SS", "NS", "BS"), ("a", [5], [None], {})),
    **dict.fromkeys(("BOOL", "NULL"), (None, 1, "true")),
    "L": (None, "a", 5, *([each] for each in NO_VALUES)),
    "M": (None, "a", 5, *({"a": each} for each in NO_VALUES)),
    "X": ("a",),
}
UNTYPED: list[Any] = [{kind: each} for kind, contents in INVALID.items() for each in contents]


def test_a_value_that_is_not_of_its_type_makes_an_answer_invalid() -> None:
    """Anywhere in an item, and in the items that a cancelled transaction returns."""
    shape = boto3.client("dynamodb", region_name="eu-west-1").meta.service_model.operation_model
    read, write = shape("GetItem"), shape("TransactWriteItems")
    request: dict[str, Any] = {"Key": {name: ITEM[name] for name in ("PK", "SK")}}
    check_answer({"Item": {**ITEM, "deep": nested(ITEM["title"], 2_000)}}, read, request, {})
    for value in UNTYPED:
        item = {**ITEM, "odd": value}
        failed = {"Code": "ConditionalCheckFailed", "Item": item}
        cancelled = {"__type": "a#TransactionCanceledException", "CancellationReasons": [failed]}
        for deep in (item, {**ITEM, "deep": nested(value, 2_000)}):
            with pytest.raises(InvalidAnswerError, match=r"is not a value|without a type"):
                check_answer({"Item": deep}, read, request, {})
        with pytest.raises(InvalidAnswerError, match=r"is not a value|without a type"):
            check_error(cancelled, write)


def test_a_version_with_too_many_digits_is_no_version() -> None:
    """A number of this length is not DynamoDB's, and Python refuses to parse it."""
    assert not SCHEMA.versions.is_newer({codec.SCHEMA: {"N": "9" * 5_000}})
    assert SCHEMA.versions.is_newer({codec.SCHEMA: {"N": "9" * 38}})


NO_TALLIES = real_answer({"Responses": {"titles": []}, "UnprocessedKeys": {}})


@pytest.mark.parametrize("last", [{}, {name: ITEM[name] for name in ("PK", "SK")}])
def test_endless_pages_are_invalid_answers(last: dict[str, Any]) -> None:
    """The next page starts from a key, and from a different one than the last page."""
    page = real_answer({"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": last})
    assert_invalid(verify, "answers another request", NO_TALLIES, page)
    assert_invalid(CALLS["Query"], "answers another request", page)


def test_keys_that_are_left_over_are_named() -> None:
    """A batch that leaves keys unprocessed without listing them does not mean missing titles."""
    batch = real_answer({"Responses": {}, "UnprocessedKeys": {"titles": {}}})
    assert_invalid(get_titles, "has no 'Keys'", batch)


def test_a_transaction_is_cancelled_for_reasons_that_have_names() -> None:
    """DynamoDB returns a code for each action; a missing one makes the list invalid."""
    reasons: list[dict[str, str]] = [{}, {"Code": "ThrottlingError"}]
    content = {"__type": "a#TransactionCanceledException", "CancellationReasons": reasons}
    cancelled = real_answer(content).replace(b"200 OK", b"400 Bad Request")
    assert_invalid(CALLS["BatchGetItem"], "has no 'Code'", NO_TALLIES, cancelled)


RIGHT = real_answer({"Item": ITEM})
ANSWERS: dict[str, bytes] = {
    "as the service writes it": RIGHT,
    "of another content type": RIGHT.replace(b"x-amz-json-1.0", b"json"),
    "with a part to come": real_answer({"Item": ITEM, "NewInTheService": {"Of": "2030"}}),
    "a name twice": b'HTTP/1.1 200 OK\r\n\r\n{"Item": {}, '
    + RIGHT.partition(b"\r\n\r\n")[2].removeprefix(b"{"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_believed(name: str) -> None:
    """Unusual answers are accepted; of a duplicate name the last one counts, as usual in JSON."""
    with serving(sending(ANSWERS[name])) as address:
        assert ap.get_title(handle_on(address), *HER.key) == HER


def test_requests_of_other_code_are_unchanged() -> None:
    """Requests outside the handle get their answers unchanged, even through the same client."""
    with serving(sending(response(PAGE))) as address:
        catalog = handle_on(address)
        answer = catalog.client.get_item(TableName="t", Key={"PK": {"S": "a"}, "SK": {"S": "b"}})
    assert "Item" not in answer


SEVEN = movie(7, 18)
THERE = real_answer({"Item": codec.encode_title(SEVEN, version=7, slot=0)})
HTML = response(PAGE)

TABLE_COMMANDS = ("create", "delete --yes", "status", "verify", "repair", "migrate")
READ_FIRST = (
    "set-genres movie 7 28",
    "update-popularity movie 7 5.5",
    "update-votes movie 7 --vote-average 5 --vote-count 100",
)
COMMANDS: list[tuple[str, tuple[bytes, ...]]] = [
    *((command, ()) for command in TABLE_COMMANDS),
    *(
        (f"{name.replace('_', '-')} {words}", ())
        for name, words in EXAMPLES.items()
        if ".json" not in words  # a file, which has a test of its own
    ),
    ("delete-title movie 7", ()),
    *((command, (THERE,)) for command in READ_FIRST),
]
"""Commands, and the valid answers before the invalid one."""


def run(address: str, *words: str) -> Result:
    given = ["--table", "titles", "--endpoint-url", address, *words]
    return CliRunner(env={"AWS_MAX_ATTEMPTS": "2"}).invoke(program, given)


@pytest.mark.parametrize(("command", "before"), COMMANDS)
def test_a_command_says_what_came(command: str, before: tuple[bytes, ...]) -> None:
    """In one line, with the exit code of a failing service, for any of its requests."""
    with serving(sending(*before, HTML)) as address, without_pauses():
        result = run(address, *shlex.split(command))
    assert (result.exit_code, result.stdout) == (254, "")
    assert "got no answer from DynamoDB but status 200, text/html" in result.stderr
    assert f"is a proxy or another program at {address}?" in result.stderr
    assert "Traceback" not in result.stderr


def test_explain_shows_the_request_without_a_valid_answer() -> None:
    """With the number of its retries."""
    with serving(sending(HTML)) as address, without_pauses():
        result = run(address, "--output", "json", "explain", "get-title", "movie", "7")
    assert result.exit_code == 254
    assert "got no answer from DynamoDB" in result.stderr
    [request] = json.loads(result.stdout)["requests"]
    assert request["retries"] == 1


@pytest.mark.parametrize("before", [(), (NO_TALLIES,)])
def test_a_title_is_not_put_by_a_page(tmp_path: Path, before: tuple[bytes, ...]) -> None:
    """Neither a single title nor those of a file."""
    file = tmp_path / "movies.json"
    file.write_text(json.dumps({"7": SEVEN.to_json()}))
    one = tmp_path / "movie.json"
    one.write_text(json.dumps(SEVEN.to_json()))
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

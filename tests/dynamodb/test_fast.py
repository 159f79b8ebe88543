"""The extra ``fast`` changes how answers are parsed, but not their content."""

import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from packages import run
from scaled import scaled
from strategies import decimals

from catalog_model import Catalog
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.orjson_answers import (
    READS,
    has_binary,
    parse_answer,
    pass_on,
    read_with_orjson,
)

pytest.importorskip("orjson", reason="orjson, the extra fast, is not installed")

KEY = {"PK": {"S": "a"}, "SK": {"S": "b"}}
CALLS: dict[str, Any] = {
    "get_item": {"TableName": "t", "Key": KEY},
    "batch_get_item": {"RequestItems": {"t": {"Keys": [KEY]}}},
    "query": {"TableName": "t", "KeyConditionExpression": "PK = :a"},
    "scan": {"TableName": "t"},
}

any_text = st.one_of(
    st.text(st.characters(codec=None), max_size=8),  # including lone surrogates
    st.sampled_from(("B", "BS", '"B"', '{"B":', "null", "é\u0000\u2028", "\U0001f600")),
)
base64_texts = st.binary(max_size=6).map(lambda value: b64encode(value).decode())
number_texts = st.one_of(decimals().map(str), st.integers(-(10**37), 10**37).map(str))
plain_values = st.one_of(
    any_text.map(lambda text: {"S": text}),
    number_texts.map(lambda text: {"N": text}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
    st.lists(any_text, min_size=1, max_size=3).map(lambda texts: {"SS": texts}),
    st.lists(number_texts, min_size=1, max_size=3).map(lambda texts: {"NS": texts}),
)
binary_values = st.one_of(
    base64_texts.map(lambda text: {"B": text}),
    st.lists(base64_texts, min_size=1, max_size=3).map(lambda texts: {"BS": texts}),
)


def _nested(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        values,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda elements: {"L": elements}),
            st.dictionaries(any_text, inner, max_size=3).map(lambda members: {"M": members}),
        ),
        max_leaves=8,
    )


items = st.one_of(
    st.dictionaries(any_text, _nested(plain_values), max_size=5),
    st.dictionaries(any_text, _nested(st.one_of(plain_values, binary_values)), max_size=5),
)
capacities = st.fixed_dictionaries(
    {"TableName": any_text, "CapacityUnits": st.floats(0, 1e6)},
    optional={"GlobalSecondaryIndexes": st.dictionaries(any_text, st.just({"CapacityUnits": 0.5}))},
)
answers: dict[str, st.SearchStrategy[Any]] = {
    "get_item": st.fixed_dictionaries({}, optional={"Item": items, "ConsumedCapacity": capacities}),
    "batch_get_item": st.fixed_dictionaries(
        {"Responses": st.dictionaries(any_text, st.lists(items, max_size=2), max_size=2)},
        optional={
            "UnprocessedKeys": st.just({"t": {"Keys": [KEY], "ConsistentRead": True}}),
            "ConsumedCapacity": st.lists(capacities, max_size=2),
        },
    ),
}
answers["query"] = answers["scan"] = st.fixed_dictionaries(
    {
        "Items": st.lists(items, max_size=3),
        "Count": st.integers(0, 2**40),
        "ScannedCount": st.integers(0, 2**40),
    },
    optional={"LastEvaluatedKey": items, "ConsumedCapacity": capacities},
)


def read_with_json(
    operation_model: Any, response_dict: Any, customized_response_dict: Any, **_event: object
) -> None:
    """Parse an answer like this package does for its own requests without orjson."""
    body = response_dict["body"]
    if response_dict["status_code"] == 200 and not has_binary(body):
        content = json.loads(body.decode())
        pass_on(content, operation_model, response_dict, customized_response_dict)


class Wire:
    """Three clients that receive the same bytes: botocore's, with orjson, and without traversal."""

    def __init__(self) -> None:
        self.status, self.body = 200, b"{}"
        self.plain, self.fast = self._client(), self._client()
        assert read_with_orjson(self.fast)
        self.walkless = self._client()
        for operation in READS:
            self.walkless.meta.events.register(f"before-parse.dynamodb.{operation}", read_with_json)

    def _client(self) -> Any:
        once = Config(retries={"mode": "standard", "total_max_attempts": 1})
        config = CLIENT_DEFAULTS.merge(once)
        client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", config=config)
        client.meta.events.register("before-send.dynamodb", self._answer)  # type: ignore[arg-type]
        return client

    def _answer(self, request: Any, **_event: object) -> AWSResponse:
        headers = {"x-amzn-requestid": "R1", "content-type": "application/x-amz-json-1.0"}
        return AWSResponse(
            request.url, self.status, HTTPHeaders.from_dict(headers), _Raw(self.body)
        )

    def outcome(self, client: Any, call: str) -> Any:
        """Return the result of the call, or its error, in comparable form."""
        try:
            return getattr(client, call)(**CALLS[call])
        except ClientError as error:
            return type(error).__name__, str(error), error.response
        except (BotoCoreError, ValueError, AttributeError, TypeError) as error:
            return type(error), str(error)


class _Raw:
    """The bytes of an answer, in the form of urllib3's response."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        yield self._body


@pytest.fixture(scope="module")
def wire() -> Wire:
    return Wire()


def _hold_equal(wire: Wire, call: str) -> None:
    plain, fast = wire.outcome(wire.plain, call), wire.outcome(wire.fast, call)
    assert plain == fast
    assert repr(_sorted(plain)) == repr(_sorted(fast)), "the same types, too"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(((name, _sorted(part)) for name, part in value.items()), key=repr)
    if isinstance(value, (list, tuple)):
        return [_sorted(part) for part in value]
    return value


@pytest.mark.parametrize("call", CALLS)
@settings(max_examples=scaled(150))
@given(data=st.data())
def test_any_answer_reads_the_same(wire: Wire, call: str, data: st.DataObject) -> None:
    """Attributes of all types and names, with any escapes: values and types are equal."""
    answer = data.draw(answers[call])
    wire.status = 200
    wire.body = json.dumps(answer, ensure_ascii=data.draw(st.booleans())).encode(
        errors="surrogatepass"
    )
    _hold_equal(wire, call)
    assert _sorted(wire.outcome(wire.walkless, call)) == _sorted(wire.outcome(wire.plain, call))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"7", b"{}", b'{"Items": NaN}', b"\xff\xfe", b"<html>down</html>"),
        b'{"__type": "x#ResourceNotFoundException", "message": "no table"}',
        b'{"__type": "x#ThrottlingException", "Message": "slower"}',
    ],
)
def test_invalid_answers_fail_the_same_way(wire: Wire, call: str, status: int, body: bytes) -> None:
    """Errors of the service, broken answers and foreign ones raise the same exception."""
    wire.status, wire.body = status, body
    _hold_equal(wire, call)


def _parsed(status: int, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what orjson parsed of a GetItem answer, and what is left for botocore."""
    taken: dict[str, Any] = {}
    response = {"status_code": status, "body": body}
    operation = boto3.client("dynamodb").meta.service_model.operation_model("GetItem")
    parse_answer(operation, response_dict=response, customized_response_dict=taken)
    return taken, response["body"]  # type: ignore[return-value]


def test_an_answer_is_read_by_orjson_where_it_can() -> None:
    """Otherwise the tests above would compare botocore with itself."""
    taken, left = _parsed(200, b'{"Item": {"title": {"S": "Black Lotus"}}, "New": 1}')
    assert taken == {"Item": {"title": {"S": "Black Lotus"}}}
    assert left == b""


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"Item": {"x": {"B": "AA=="}}}'), (200, b'{"a": "\\ud800"}'), (400, b"{}")],
)
def test_what_orjson_would_read_otherwise_is_left_to_botocore(status: int, body: bytes) -> None:
    """Bytes, lone surrogates and errors."""
    assert _parsed(status, body) == ({}, body)


def test_a_client_of_the_callers_own_is_left_as_it_is() -> None:
    """Only clients created by a handle are changed."""

    def handlers(client: Any) -> list[Any]:
        return list(
            client.meta.events._emitter._handlers.prefix_search("before-parse.dynamodb.Query")
        )

    own = boto3.client("dynamodb")
    assert parse_answer not in handlers(Catalog("t", client=own).client)
    assert parse_answer in handlers(Catalog("t").client)


def test_without_orjson_everything_works_as_ever() -> None:
    """Importing the package or creating a client does not require it."""
    code = (
        "import sys; sys.modules['orjson'] = None\n"
        "from catalog_model import Catalog\n"
        "from catalog_model.dynamodb.orjson_answers import read_with_orjson\n"
        "print(read_with_orjson(Catalog('t').client))"
    )
    assert run(sys.executable, "-c", code, AWS_DEFAULT_REGION="eu-west-1") == "False\n"

"""The lane believes no answer that botocore's path would not believe."""

import json
from binascii import crc32
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled

from catalog_model.dynamodb.answer_shapes import check_answer

pytest.importorskip("pycurl", reason="pycurl, of the extra fast, is not installed")

from catalog_model.dynamodb.lane.quick_answers import Reader

MODEL = boto3.client("dynamodb", region_name="eu-west-1").meta.service_model
KEYS = [{"PK": {"S": name}, "SK": {"S": "x"}} for name in ("a", "b", "c")]
FULL = {
    **KEYS[0],
    "n": {"N": "-7.5E3"},
    "l": {"L": [{"N": "18"}, {"N": "28"}]},
    "deep": {"M": {"a": {"L": [{"S": "é"}, {"NULL": True}, {"BOOL": False}]}}},
    "set": {"NS": ["1", "2"]},
}
CONSUMED = {"TableName": "t", "CapacityUnits": 1.5, "Table": {"CapacityUnits": 1}}
QUERY = {
    "TableName": "t",
    "KeyConditionExpression": "#pk = :pk",
    "ExpressionAttributeNames": {"#pk": "PK"},
    "Limit": 3,
}
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "item": ("GetItem", {"TableName": "t", "Key": KEYS[0]}, {"Item": FULL}),
    "no item": ("GetItem", {"TableName": "t", "Key": KEYS[0]}, {}),
    "charged": ("GetItem", {"Key": KEYS[0]}, {"Item": KEYS[0], "ConsumedCapacity": CONSUMED}),
    "page": (
        "Query",
        QUERY,
        {"Items": [FULL, KEYS[1]], "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": KEYS[1]},
    ),
    "batch": (
        "BatchGetItem",
        {"RequestItems": {"t": {"Keys": KEYS}}},
        {"Responses": {"t": [FULL, KEYS[2]]}, "UnprocessedKeys": {"t": {"Keys": [KEYS[1]]}}},
    ),
    "transaction": ("TransactWriteItems", {"TransactItems": []}, {"ConsumedCapacity": [CONSUMED]}),
}

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.sampled_from(("S", "N", "B", "NS", "1", "1e5", "t", "PK")),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(("S", "N", "B", "L", "PK", "t", "x")), inner, max_size=2)
    ),
    max_leaves=4,
)


def _as_orjson_has_it(digits: str) -> float:
    """Convert a whole number: beyond 64 bits to a float, which only a capacity can be."""
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


def header_of(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nx-amz-crc32: %d\r\n\r\n" % (
        len(body),
        crc32(body),
    )


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all parts of a JSON value."""
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    return [path, *(each for name, part in inside for each in paths_in(part, (*path, name)))]


def changed(value: Any, path: tuple[Any, ...], part: Any) -> Any:
    if not path:
        return part
    copied = dict(value) if isinstance(value, dict) else list(value)
    if part is Missing and len(path) == 1:
        del copied[path[0]]
    else:
        copied[path[0]] = changed(value[path[0]], path[1:], part)
    return copied


class Missing:
    """Instead of a part: it is left out."""


@pytest.mark.parametrize("name", CASES)
def test_a_right_answer_is_read(name: str) -> None:
    """Otherwise the law below would hold for a lane that believes nothing."""
    operation, request, answer = CASES[name]
    body = json.dumps(answer).encode()
    assert Reader(MODEL.operation_model(operation)).read(request, header_of(body), body) == answer


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=scaled(300))
@given(data=st.data())
def test_what_is_read_is_believed_elsewhere(name: str, data: st.DataObject) -> None:
    """Whatever is wrong in an answer: read here, it passes all checks, and means the same."""
    operation, request, answer = CASES[name]
    model = MODEL.operation_model(operation)
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(paths_in(answer)))
        part = (
            data.draw(st.just(Missing) if path else anything)
            if data.draw(st.booleans())
            else (data.draw(anything))
        )
        answer = changed(answer, path, part)
    body = json.dumps(answer).encode()
    found = Reader(model).read(request, header_of(body), body)
    if found is not None:
        check_answer(json.loads(body), model, request, {"x-amz-crc32": str(crc32(body))})
        assert found == json.loads(body, parse_int=_as_orjson_has_it)


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nx-amz-crc32: 1\r\n\r\n", b"{}"),
        (b"HTTP/1.1 200 OK\r\nX-Amz-Crc32: many\r\n\r\n", b"{}"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", b"{}"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", b"{}"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"\xef\xbb\xbf{}"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"{} {}"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b'{"Item": NaN}'),
        (b"HTTP/1.1 200 OK\r\n\r\n", b""),
    ],
)
def test_a_response_that_is_not_whole_is_not_read(header: bytes, body: bytes) -> None:
    operation, request, _ = CASES["no item"]
    reader = Reader(MODEL.operation_model(operation))
    assert reader.read(request, header, body) is None
    assert reader.read(request, header_of(b"{}"), b"{}") == {}

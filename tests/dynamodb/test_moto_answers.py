"""moto's accelerated answers are those of moto."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.core.serialize import ResponseSerializer

from catalog_model.dynamodb.engines import moto_patches, moto_server
from catalog_model.dynamodb.engines.moto_patches import accelerate

TABLE = {"TableName": "answers"}
KEY = {"PK": {"S": "key"}}

texts = st.text(st.characters(codec="utf-8"), max_size=5)
numbers = st.integers(-(10**37), 10**37).map(str)
binaries = st.binary(min_size=1, max_size=5).map(lambda value: base64.b64encode(value).decode())
scalars = st.one_of(
    st.builds(lambda value: {"S": value}, texts),
    st.builds(lambda value: {"N": value}, numbers),
    st.builds(lambda value: {"B": value}, binaries),
    st.builds(lambda value: {"BOOL": value}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda value: {"SS": value}, st.lists(texts, min_size=1, max_size=3, unique=True)),
    st.builds(lambda value: {"NS": value}, st.lists(numbers, min_size=1, max_size=3, unique=True)),
)
attributes = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda value: {"L": value}, st.lists(inner, max_size=3)),
        st.builds(lambda value: {"M": value}, st.dictionaries(texts, inner, max_size=3)),
    ),
    max_leaves=8,
)
names = st.one_of(texts.filter(bool), st.sampled_from(("S", "Item", "Meta", "M", "Value")))


def ask(operation: str, **request: Any) -> Any:
    """Send a request to moto in this process."""
    headers = {
        "host": "127.0.0.1",
        "x-amz-target": f"DynamoDB_20120810.{operation}",
        "content-type": "application/x-amz-json-1.0",
    }
    status, _, body = moto_server._ask_moto(headers, json.dumps({**TABLE, **request}).encode())
    assert status == 200, body
    return json.loads(body)


@pytest.fixture(scope="module", autouse=True)
def _table() -> Iterator[None]:
    accelerate()
    ask(
        "CreateTable",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield
    ask("DeleteTable")


@given(st.dictionaries(names, attributes, max_size=4))
def test_an_item_comes_back_as_it_does_from_moto(item: dict[str, Any]) -> None:
    """From GetItem, Query, Scan and a write that returns the old item."""
    questions: dict[str, dict[str, Any]] = {
        "GetItem": {"Key": KEY},
        "Query": {
            "KeyConditionExpression": "PK = :key",
            "ExpressionAttributeValues": {":key": KEY["PK"]},
        },
        "Scan": {"ReturnConsumedCapacity": "INDEXES"},
        "DescribeTable": {},
        "PutItem": {"Item": {**item, **KEY}, "ReturnValues": "ALL_OLD"},
    }
    ask("PutItem", Item={**item, **KEY})
    for operation, request in questions.items():
        quick = ask(operation, **request)
        with patch.object(ResponseSerializer, "get_value", moto_patches._get_value_slowly):
            assert quick == ask(operation, **request)

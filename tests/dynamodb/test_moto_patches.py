"""moto's accelerated answers and queries are those of moto: items, counts, pages and errors."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from engines import Engine, running_engine
from hypothesis import given
from hypothesis import strategies as st
from memory_engine import fill
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models.table import Table
from scaled import some_of
from table_dump import movie

from catalog_model import Catalog
from catalog_model.dynamodb.engines import moto_patches, moto_server
from catalog_model.dynamodb.engines.moto_patches import accelerate
from catalog_model.operations import create_table, delete_table
from catalog_model.table.indexes import INDEX_KEYS, INDEXES

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
    headers = {
        "host": "127.0.0.1",
        "x-amz-target": f"DynamoDB_20120810.{operation}",
        "content-type": "application/x-amz-json-1.0",
    }
    status, _, body = moto_server._ask_moto(headers, json.dumps({**TABLE, **request}).encode())
    assert status == 200, body
    return json.loads(body)


@pytest.fixture
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


@pytest.mark.usefixtures("_table")
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


@pytest.mark.usefixtures("_table")
@given(st.dictionaries(names, attributes, max_size=4), st.data())
def test_a_projection_has_the_attributes_that_it_names(
    item: dict[str, Any], data: st.DataObject
) -> None:
    """As in the whole item, numbers with all their digits; those without one are absent."""
    item |= {**KEY, "large": {"N": f"1{'0' * 125}"}}
    ask("PutItem", Item=item)
    chosen = data.draw(st.lists(st.sampled_from([*item, "no such"]), min_size=1, unique=True))
    placeholders = {f"#n{number}": name for number, name in enumerate(chosen)}
    shown = {
        "ProjectionExpression": ", ".join(placeholders),
        "ExpressionAttributeNames": placeholders,
    }
    (found,) = ask("BatchGetItem", RequestItems={"answers": {"Keys": [KEY], **shown}})["Responses"][
        "answers"
    ]
    whole = ask("GetItem", Key=KEY)["Item"]
    assert found == {name: whole[name] for name in chosen if name in whole}


MOVIES = [movie(n, 18, *[28] * (n % 2), popularity=n % 5, vote_count=4**n) for n in range(1, 8)]
PARTITIONS = ("ALL#movie", "ALL#tv", "GENRE#movie#18", "GENRE#movie#28", "GENRE#movie#1")
RANGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("", {}),
    (" AND #sk >= :low", {":low": "3"}),
    (" AND #sk <= :high", {":high": "8"}),
    (" AND #sk BETWEEN :low AND :high", {":low": "1", ":high": "5"}),
    (" AND begins_with(#sk, :low)", {":low": "T"}),
)


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    """A handle on moto's table of a few tied movies."""
    with running_engine("moto") as engine:
        catalog = Engine(engine.name, engine.endpoint_url).catalog()
        create_table(catalog)
        fill(catalog, MOVIES)
        yield catalog
        delete_table(catalog)


def questions(catalog: Catalog) -> Iterator[dict[str, Any]]:
    """Yield queries of existing and missing partitions, in the table and each index."""
    found = catalog.client.scan(TableName=catalog.table)["Items"]
    for index in (None, *INDEXES):
        pk, sk = INDEX_KEYS[index] if index else ("PK", "SK")
        partitions = {*PARTITIONS, *(item[pk]["S"] for item in found if pk in item)}
        for partition in sorted(partitions):
            for condition, bounds in RANGES:
                yield {
                    "TableName": catalog.table,
                    **({"IndexName": index} if index else {}),
                    "KeyConditionExpression": f"#pk = :pk{condition}",
                    "ExpressionAttributeNames": {"#pk": pk, **({"#sk": sk} if condition else {})},
                    "ExpressionAttributeValues": {
                        name: {"S": value} for name, value in {":pk": partition, **bounds}.items()
                    },
                }


def pages(catalog: Catalog, question: dict[str, Any], **more: Any) -> list[Any]:
    found: list[Any] = []
    start: dict[str, Any] = {}
    while True:
        answer = catalog.client.query(**question, **more, **start)
        found.append([answer[name] for name in ("Items", "Count", "ScannedCount")])
        if "LastEvaluatedKey" not in answer:
            return found
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


@pytest.mark.parametrize(
    "more", [{}, {"Limit": 2}, {"ScanIndexForward": False, "Limit": 3}], ids=str
)
def test_a_query_finds_what_it_found_before(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    """In the table and each index, in both directions, page by page."""
    asked = some_of(list(questions(catalog)), len(more))
    quick = [pages(catalog, question, **more) for question in asked]
    monkeypatch.setattr(Table, "query", moto_patches._query_slowly)
    assert [pages(catalog, question, **more) for question in asked] == quick
    assert sum(map(len, quick)) > len(asked) or not more
    assert any(len(items) for question in quick for items, *_ in question)


def test_only_the_partition_is_looked_at(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the duration of a Query depends on it, and not on the table."""
    seen: list[int] = []
    ask = moto_patches._query_slowly

    def watched(table: Table, *args: Any, **more: Any) -> Any:
        seen.append(len(table.all_items()))
        return ask(table, *args, **more)

    monkeypatch.setattr(moto_patches, "_query_slowly", watched)
    items = catalog.client.scan(TableName=catalog.table)["Items"]
    for question in questions(catalog):
        names, values = (question[f"ExpressionAttribute{each}"] for each in ("Names", "Values"))
        seen.clear()
        pages(catalog, question)
        assert seen == [sum(item.get(names["#pk"]) == values[":pk"] for item in items)]

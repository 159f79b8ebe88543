"""moto's DynamoDB as a server: only DynamoDB, without lost writes and incomplete transactions."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from engines import running_server
from packages import ROOT, run
from table_dump import movie

from catalog_model import access_patterns as ap
from catalog_model.operations import create_table, table_status

MOVIE = movie(5, 28)


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with running_server("moto") as engine:
        yield engine


def test_the_server_needs_no_more_than_moto_and_its_dynamodb() -> None:
    """None of the packages for moto's own server, and no Flask."""
    code = (
        "import sys\n"
        "for name in ('flask', 'flask_cors', 'docker', 'openapi_spec_validator'):\n"
        "    sys.modules[name] = None\n"
        "import catalog_model.dynamodb.engines.moto_server\n"
        "assert 'moto.moto_server.werkzeug_app' not in sys.modules\n"
    )
    run(sys.executable, "-c", code, PYTHONPATH=str(ROOT))


def test_an_operation_that_moto_lacks_is_refused_by_name(moto: Any) -> None:
    """Like engines that do not support it; and so are other services."""
    client: Any = moto.catalog().client
    with pytest.raises(ClientError) as caught:
        client.list_contributor_insights()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    answer = urllib.request.Request(moto.endpoint_url, method="GET")
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(answer)
    with refused.value as response:
        assert json.load(response)["__type"].endswith("#UnknownOperationException")


def test_moto_fails_with_an_answer(moto: Any) -> None:
    """Unsupported input is an internal error of the service, which continues to run."""
    client: Any = moto.catalog().client
    create_table(moto.catalog("odd"))
    with pytest.raises(ClientError) as caught:
        client.query(TableName="odd", KeyConditionExpression="PK <> :p")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 500)
    assert table_status(moto.catalog("odd")).is_ready


def test_a_stream_of_moto_tells_what_changed(moto: Any) -> None:
    """At the same address as the table."""
    catalog = moto.catalog("streaming")
    create_table(catalog)
    specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    catalog.client.update_table(TableName="streaming", StreamSpecification=specification)
    ap.put_title(catalog, MOVIE)
    session = boto3.Session("local", "local", region_name="us-east-1")
    config = Config(account_id_endpoint_mode="disabled", proxies={})
    streams: Any = session.client("dynamodbstreams", endpoint_url=moto.endpoint_url, config=config)
    arn = streams.list_streams(TableName="streaming")["Streams"][0]["StreamArn"]
    shard = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
    place = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = streams.get_records(ShardIterator=place)["Records"]
    assert {record["eventName"] for record in records} >= {"INSERT"}


def test_it_loses_no_write_of_parallel_requests(moto: Any) -> None:
    """Requests are processed one at a time, and transactions are atomic."""
    movies = [MOVIE.replace(id=title_id) for title_id in range(1, 41)]
    catalog = moto.catalog("parallel")
    create_table(catalog)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda movie: ap.put_title(catalog, movie), movies))
    assert ap.count_titles(catalog, "movie", 28) == len(movies)
    assert set(ap.sample_titles(catalog, "movie", 100)) == set(movies)


def test_a_failed_transaction_leaves_the_table_as_it_was(moto: Any) -> None:
    """Puts, updates and deletes of existing and new items are rolled back."""
    catalog = moto.catalog("table")
    create_table(catalog)
    keys = {name: {"PK": {"S": name}, "SK": {"S": name}} for name in ("a", "b", "c", "d", "new")}
    for name in "abcd":
        catalog.client.put_item(TableName="table", Item={**keys[name], "n": {"N": "1"}})
    update = {
        "Key": keys["c"],
        "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    actions: list[dict[str, Any]] = [
        {"Put": {"Item": {**keys["a"], "n": {"N": "2"}}}},
        {"Delete": {"Key": keys["b"]}},
        {"Update": update},
        {"Put": {"Item": keys["new"]}},
        {"ConditionCheck": {"Key": keys["d"], "ConditionExpression": "attribute_not_exists(PK)"}},
    ]
    for action in actions:
        next(iter(action.values()))["TableName"] = "table"

    def numbers() -> dict[str, Any]:
        found = catalog.client.scan(TableName="table")["Items"]
        return {item["PK"]["S"]: item.get("n", {}).get("N") for item in found}

    with pytest.raises(catalog.client.exceptions.TransactionCanceledException):
        catalog.client.transact_write_items(TransactItems=actions)
    assert numbers() == dict.fromkeys("abcd", "1")
    catalog.client.transact_write_items(TransactItems=actions[:-1])
    assert numbers() == {"a": "2", "c": "2", "d": "1", "new": None}


def test_a_connection_is_kept(moto: Any) -> None:
    """Between requests; opening one takes as long as an answer."""
    catalog = moto.catalog("kept")
    create_table(catalog)
    client: Any = catalog.client
    headers = [
        client.list_tables()["ResponseMetadata"]["HTTPHeaders"].get("connection") for _ in range(3)
    ]
    assert headers == [None, None, None]

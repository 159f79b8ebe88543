"""moto as an engine: no write is lost, no transaction half done, no process left behind."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from catalog_model import Movie
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.engines.local import Engine, start_engine
from catalog_model.operations import create_table, table_status

ROOT = Path(__file__).resolve().parents[1]
MOVIE = Movie(id=5, title="A", genre_ids=[28], popularity=1.5, vote_average=7.0, vote_count=3)


@pytest.fixture(scope="module")
def moto() -> Iterator[Engine]:
    """One moto for the tests that leave it running."""
    with start_engine("moto") as engine:
        yield engine


def is_listening(url: str) -> bool:
    """Tell whether somebody answers there."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_moto_loses_no_write_of_parallel_requests() -> None:
    """Requests are served one at a time, and each transaction is whole."""
    movies = [MOVIE.replace(id=title_id) for title_id in range(1, 41)]
    with start_engine("moto") as engine:
        catalog = engine.catalog()
        create_table(catalog)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda movie: ap.put_title(catalog, movie), movies))
        assert ap.count_titles(catalog, "movie", 28) == len(movies)
        assert set(ap.sample_titles(catalog, "movie", 100)) == set(movies)


def test_a_failed_transaction_leaves_moto_as_it_was() -> None:
    """Puts, updates and deletes of existing and new items are taken back."""
    with start_engine("moto") as engine:
        catalog = engine.catalog("table")
        create_table(catalog)
        client: Any = catalog.client
        items = [{"PK": {"S": key}, "SK": {"S": key}, "n": {"N": "1"}} for key in "abcd"]
        for item in items:
            client.put_item(TableName="table", Item=item)
        keys = {item["PK"]["S"]: {"PK": item["PK"], "SK": item["SK"]} for item in items}
        update = {
            "UpdateExpression": "SET n = n + :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
        new = {"PK": {"S": "new"}, "SK": {"S": "new"}}
        false = {"ConditionExpression": "attribute_not_exists(PK)"}
        actions: list[dict[str, Any]] = [
            {"Put": {"Item": {**keys["a"], "n": {"N": "2"}}}},
            {"Delete": {"Key": keys["b"]}},
            {"Update": {"Key": keys["c"], **update}},
            {"Put": {"Item": new}},
            {"ConditionCheck": {"Key": keys["d"], **false}},
        ]
        for action in actions:
            next(iter(action.values()))["TableName"] = "table"
        with pytest.raises(client.exceptions.TransactionCanceledException):
            client.transact_write_items(TransactItems=actions)
        found = client.scan(TableName="table")["Items"]
        assert sorted(found, key=lambda item: item["PK"]["S"]) == items
        client.transact_write_items(TransactItems=actions[:-1])
        counts = {
            item["PK"]["S"]: item.get("n") for item in client.scan(TableName="table")["Items"]
        }
        assert counts == {"a": {"N": "2"}, "c": {"N": "2"}, "d": {"N": "1"}, "new": None}


def test_moto_ends_with_the_process_that_started_it() -> None:
    """Even when that one is killed without a word."""
    code = (
        "import time\nfrom catalog_model.dynamodb.engines.local import Engine, start_engine\n"
        "with start_engine('moto') as engine:\n"
        "    print(engine.endpoint_url, flush=True)\n    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert is_listening(url)
        process.kill()
    deadline = time.monotonic() + 10
    while is_listening(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_listening(url)


def test_the_server_needs_no_more_than_moto_and_its_dynamodb() -> None:
    """None of what moto's own server brings, and no Flask."""
    code = (
        "import sys\n"
        "for name in ('flask', 'flask_cors', 'docker', 'openapi_spec_validator'):\n"
        "    sys.modules[name] = None\n"
        "import catalog_model.dynamodb.engines.moto_server\n"
        "assert 'moto.moto_server.werkzeug_app' not in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_an_operation_that_moto_lacks_is_refused_by_name(moto: Engine) -> None:
    """As engines do that know no more of DynamoDB; and so are other services."""
    client: Any = moto.catalog().client
    with pytest.raises(ClientError) as caught:
        client.list_contributor_insights()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    answer = urllib.request.Request(moto.endpoint_url, method="GET")
    with pytest.raises(urllib.error.HTTPError, match="400") as refused:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(answer)
    with refused.value as response:
        assert json.load(response)["__type"].endswith("#UnknownOperationException")


def test_moto_fails_with_an_answer(moto: Engine) -> None:
    """What it was not written for is a failure of the service, and it goes on."""
    client: Any = moto.catalog().client
    create_table(moto.catalog("odd"))
    with pytest.raises(ClientError) as caught:
        client.query(TableName="odd", KeyConditionExpression="PK <> :p")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 500)
    assert table_status(moto.catalog("odd")).is_ready


def test_a_stream_of_moto_tells_what_changed(moto: Engine) -> None:
    """At the same address as the table."""
    catalog = moto.catalog("streaming")
    create_table(catalog)
    client: Any = catalog.client
    specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    client.update_table(TableName="streaming", StreamSpecification=specification)
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


def test_a_connection_is_kept(moto: Engine) -> None:
    """From one request to the next; opening one takes as long as an answer."""
    catalog = moto.catalog("kept")
    create_table(catalog)
    client: Any = catalog.client
    headers = [
        client.list_tables()["ResponseMetadata"]["HTTPHeaders"].get("connection") for _ in range(3)
    ]
    assert headers == [None, None, None]

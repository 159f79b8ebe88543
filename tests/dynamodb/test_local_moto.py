"""moto as an engine: no lost writes, no incomplete transactions, no orphaned processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from catalog_model import Movie
from catalog_model import access_patterns as ap
from catalog_model.local import start_engine
from catalog_model.operations import create_table

ROOT = Path(__file__).resolve().parents[2]
MOVIE = Movie(id=5, title="A", genre_ids=[28], popularity=1.5, vote_average=7.0, vote_count=3)


def is_listening(url: str) -> bool:
    """Whether a server listens there."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def test_moto_loses_no_write_of_parallel_requests() -> None:
    """Requests are processed one at a time, and transactions are atomic."""
    movies = [MOVIE.replace(id=title_id) for title_id in range(1, 41)]
    with start_engine("moto") as engine:
        catalog = engine.catalog()
        create_table(catalog)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda movie: ap.put_title(catalog, movie), movies))
        assert ap.count_titles(catalog, "movie", 28) == len(movies)
        assert set(ap.sample_titles(catalog, "movie", 100)) == set(movies)


def test_a_failed_transaction_leaves_moto_as_it_was() -> None:
    """Puts, updates and deletes of existing and new items are rolled back."""
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
    """Even if that process is killed."""
    code = (
        "import time\nfrom catalog_model.dynamodb.engines.local import start_engine\n"
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

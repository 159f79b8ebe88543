"""The cost of a read in this process, as a ratio to bare boto3 in the same interleaved run.

The other clients read the same titles with native attributes, as most applications store them: a
bare client that returns typed JSON undecoded, boto3's Table resource, and PynamoDB models. Run it
as ``python bench/reads.py FOLDER`` with the application's files; it needs dynoxide.

Milliseconds are specific to a machine; the ratios are comparable, to about 5 %.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from catalog_model import Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table

ROUNDS = 60
CALLS = {"page of 20": 8, "get one": 10, "get 100": 4}
Reader = Callable[[], object]


class ByPopularity(GlobalSecondaryIndex["NativeMovie"]):
    """The peers' index."""

    class Meta:
        """PynamoDB's settings."""

        index_name = "by_popularity"
        projection = AllProjection()

    genre = NumberAttribute(hash_key=True)
    popularity = NumberAttribute(range_key=True)


class NativeMovie(Model):
    """A movie in one genre with native attributes, as PynamoDB's users declare it."""

    class Meta:
        """PynamoDB's settings."""

        table_name = "native"
        region = "us-east-1"
        host = ""
        aws_access_key_id = "local"
        aws_secret_access_key = "local"

    id = NumberAttribute(hash_key=True)
    genre = NumberAttribute(range_key=True)
    popularity = NumberAttribute()
    adult = BooleanAttribute()
    backdrop_path = UnicodeAttribute(null=True)
    genre_ids: ListAttribute[NumberAttribute] = ListAttribute(of=NumberAttribute)
    original_language = UnicodeAttribute()
    original_title = UnicodeAttribute()
    overview = UnicodeAttribute()
    poster_path = UnicodeAttribute(null=True)
    release_date = UnicodeAttribute()
    title = UnicodeAttribute()
    video = BooleanAttribute()
    vote_average = NumberAttribute()
    vote_count = NumberAttribute()
    by_popularity = ByPopularity()


def main() -> None:
    """Print the ratio of each client to the bare one, for each read."""
    records = json.loads((Path(sys.argv[1]) / "data_movies.json").read_bytes())
    with start_engine("dynoxide") as engine:
        readers = _readers(engine, list(records.values()))
        for reads in readers.values():
            for read in reads.values():
                read()
        gc.freeze()
        print("| read | client | CPU, ratio to bare boto3 | wall, ratio |")
        print("|---|---|---|---|")
        for name, reads in readers.items():
            for client, (cpu, wall) in _ratios(reads, CALLS[name]).items():
                print(f"| {name} | {client} | {cpu:.2f} | {wall:.2f} |")


def _ratios(reads: dict[str, Reader], calls: int) -> dict[str, tuple[float, float]]:
    """Interleave the clients in random order, and take the median of the ratios of each round."""
    ratios: dict[str, list[tuple[float, float]]] = {client: [] for client in reads}
    for _ in range(ROUNDS):
        order = list(reads)
        random.shuffle(order)
        times = {client: _timed(reads[client], calls) for client in order}
        cpu, wall = times["bare boto3"]
        for client in reads:
            ratios[client].append((times[client][0] / cpu, times[client][1] / wall))
    return {
        client: (statistics.median(c for c, _ in pairs), statistics.median(w for _, w in pairs))
        for client, pairs in ratios.items()
    }


def _timed(read: Reader, calls: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(calls):
        read()
    return time.process_time() - cpu, time.perf_counter() - wall


def _readers(engine: Engine, records: list[dict[str, Any]]) -> dict[str, dict[str, Reader]]:
    catalog = engine.catalog("catalogue")
    create_table(catalog)
    ap.load_titles(catalog, [Movie.from_json(record) for record in records])
    session = boto3.Session("local", "local", region_name="us-east-1")
    bare: Any = session.client("dynamodb", endpoint_url=engine.endpoint_url)
    table: Any = session.resource("dynamodb", endpoint_url=engine.endpoint_url).Table("native")
    _fill_native(engine, table, records)
    ids = [record["id"] for record in records[:100]]
    firsts = [(record["id"], record["genre_ids"][0]) for record in records[:100]]
    native_keys = [{"id": {"N": str(i)}, "genre": {"N": str(g)}} for i, g in firsts]
    resource_keys = [{"id": i, "genre": g} for i, g in firsts]
    query = {"IndexName": "by_popularity", "ScanIndexForward": False, "Limit": 20}
    action = {":genre": {"N": "28"}}
    return {
        "page of 20": {
            "bare boto3": lambda: bare.query(
                TableName="native",
                KeyConditionExpression="genre = :genre",
                ExpressionAttributeValues=action,
                **query,
            ),
            "boto3 resource": lambda: table.query(
                KeyConditionExpression="genre = :genre",
                ExpressionAttributeValues={":genre": 28},
                **query,
            ),
            "PynamoDB": lambda: list(
                NativeMovie.by_popularity.query(28, scan_index_forward=False, limit=20)
            ),
            "catalog-model": lambda: ap.list_titles_in_genre(catalog, "movie", 28),
        },
        "get one": {
            "bare boto3": lambda: bare.get_item(TableName="native", Key=native_keys[0]),
            "boto3 resource": lambda: table.get_item(Key=resource_keys[0]),
            "PynamoDB": lambda: NativeMovie.get(*firsts[0]),
            "catalog-model": lambda: ap.get_title(catalog, "movie", ids[0]),
        },
        "get 100": {
            "bare boto3": lambda: bare.batch_get_item(
                RequestItems={"native": {"Keys": native_keys}}
            ),
            "PynamoDB": lambda: list(NativeMovie.batch_get(firsts)),
            "catalog-model": lambda: ap.get_titles(catalog, [TitleKey("movie", i) for i in ids]),
        },
    }


def _fill_native(engine: Engine, table: Any, records: list[dict[str, Any]]) -> None:
    NativeMovie.Meta.host = engine.endpoint_url
    NativeMovie.create_table(wait=True, billing_mode="PAY_PER_REQUEST")
    with table.batch_writer() as batch:
        for record in records:
            native = json.loads(json.dumps(record), parse_float=Decimal)
            for genre in record["genre_ids"]:
                batch.put_item(Item={**native, "genre": genre})


if __name__ == "__main__":
    main()

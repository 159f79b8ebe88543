"""Synchronous clients, as their documentation advises: boto3, PynamoDB and pydynox."""

from collections.abc import Iterator
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

from bench.native import QUERY, TABLE, Native, by_id, of_typed
from bench.ours import BATCH, ONE, PAGE
from bench.rounds import Contender, in_thread
from bench.setting import Setting
from bench.titles import GENRE, plain
from catalog_model.entities import FIELDS

BARE = "boto3 client"
AGAIN = "boto3 client, again"
CONDITION = "genre = :genre"


class ByPopularity(GlobalSecondaryIndex["NativeMovie"]):
    """The index of the native table."""

    class Meta:
        """PynamoDB's settings."""

        index_name = QUERY["IndexName"]
        projection = AllProjection()

    genre = NumberAttribute(hash_key=True)
    popularity = NumberAttribute(range_key=True)


class NativeMovie(Model):
    """A movie in one genre with native attributes, as PynamoDB's users declare it."""

    class Meta:
        """PynamoDB's settings."""

        table_name = TABLE
        region = ""
        host = ""

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


def bare(name: str, native: Native) -> dict[str, Contender]:
    """Return the reads of a bare client: typed JSON, not decoded."""
    client: Any = boto3.client("dynamodb")
    keys = native.typed_keys
    action = {":genre": {"N": str(GENRE)}}
    return {
        PAGE: in_thread(
            name,
            lambda: client.query(
                TableName=TABLE,
                KeyConditionExpression=CONDITION,
                ExpressionAttributeValues=action,
                **QUERY,
            ),
            lambda it: of_typed(it["Items"]),
        ),
        ONE: in_thread(
            name,
            lambda: client.get_item(TableName=TABLE, Key=keys[0]),
            lambda it: of_typed([it["Item"]]),
        ),
        BATCH: in_thread(
            name,
            lambda: client.batch_get_item(RequestItems={TABLE: {"Keys": keys}}),
            lambda it: by_id(of_typed(it["Responses"][TABLE])),
        ),
    }


def resource(native: Native) -> dict[str, Contender]:
    """Return the reads of boto3's resource."""
    service: Any = boto3.resource("dynamodb")
    table, keys, name = service.Table(TABLE), native.plain_keys, "boto3 resource"
    return {
        PAGE: in_thread(
            name,
            lambda: table.query(
                KeyConditionExpression=CONDITION,
                ExpressionAttributeValues={":genre": GENRE},
                **QUERY,
            ),
            lambda it: list(map(plain, it["Items"])),
        ),
        ONE: in_thread(name, lambda: table.get_item(Key=keys[0]), lambda it: [plain(it["Item"])]),
        BATCH: in_thread(
            name,
            lambda: service.batch_get_item(RequestItems={TABLE: {"Keys": keys}}),
            lambda it: by_id(list(map(plain, it["Responses"][TABLE]))),
        ),
    }


def pynamodb(native: Native, endpoint_url: str, region: str) -> dict[str, Contender]:
    """Return the reads of PynamoDB's models."""
    NativeMovie.Meta.host, NativeMovie.Meta.region = endpoint_url, region

    def records(models: Any) -> list[dict[str, Any]]:
        simple = (plain(model.to_simple_dict()) for model in models)  # without nulls
        return [{name: each.get(name) for name in FIELDS["movie"]} for each in simple]

    query = NativeMovie.by_popularity.query
    name = "PynamoDB"
    return {
        PAGE: in_thread(
            name, lambda: list(query(GENRE, scan_index_forward=False, limit=20)), records
        ),
        ONE: in_thread(name, lambda: [NativeMovie.get(*native.keys[0])], records),
        BATCH: in_thread(
            name,
            lambda: list(NativeMovie.batch_get(list(native.keys))),
            lambda it: by_id(records(it)),
        ),
    }


def pydynox(native: Native, client: Any) -> dict[str, Contender]:
    """Return the reads of pydynox's client: dicts."""
    keys, name = native.plain_keys, "pydynox"

    def query() -> list[Any]:
        found = client.sync_query(
            TABLE,
            CONDITION,
            expression_attribute_values={":genre": GENRE},
            limit=20,
            scan_index_forward=False,
            index_name=QUERY["IndexName"],
        )
        return list(found)

    return {
        PAGE: in_thread(name, query, lambda it: list(map(plain, it))),
        ONE: in_thread(name, lambda: [client.sync_get_item(TABLE, keys[0])], _plain_all),
        BATCH: in_thread(
            name, lambda: client.sync_batch_get(TABLE, keys), lambda it: by_id(_plain_all(it))
        ),
    }


def _plain_all(records: Any) -> list[dict[str, Any]]:
    return list(map(plain, records))


def sync_peers(setting: Setting) -> Iterator[dict[str, Contender]]:
    """Return the reads of each client that is installed; the first one is the baseline."""
    native = setting.native
    yield bare(BARE, native)
    yield bare(AGAIN, native)
    yield resource(native)
    yield pynamodb(native, setting.engine.endpoint_url, setting.region)
    try:
        yield pydynox(native, setting.pydynox())
    except ImportError:
        print("pydynox is not installed")

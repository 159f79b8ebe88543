"""Catalogues in other layouts: tables as the course and its students make them, and their items."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from botocore.exceptions import ClientError
from generated import Record, Records

Item = dict[str, Any]
Form = Callable[[Record], Item]

_numbers = count(1)

TYPES = {"id": "N", "title": "S", "genre_id": "N", "movie_id": "N"}


def typed(value: Any) -> dict[str, Any]:
    """Encode a JSON value as boto3's resource does, with numbers as DynamoDB returns them."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value).removesuffix(".0")}
        case str():
            return {"S": value}
        case list():
            return {"L": [typed(each) for each in value]}
    return {"M": {name: typed(each) for name, each in value.items()}}


def as_lists(record: Record) -> Item:
    """An item with every attribute in its natural type."""
    return {name: typed(value) for name, value in record.items()}


def as_the_course(record: Record) -> Item:
    """The item that the course writes: genres are a set of numbers, which has no order."""
    genres = sorted(map(str, set(record["genre_ids"])), reverse=True)
    item = {**as_lists(record), "genre_ids": {"NS": genres}}
    if not genres:  # there is no empty set
        del item["genre_ids"]
    return item


def with_a_title(record: Record) -> Item:
    """The course's item, and a show's name also as the title that the sort key needs."""
    return {
        **as_the_course(record),
        "title": {"S": record["title"] if "title" in record else record["name"]},
    }


def as_texts(record: Record) -> Item:
    """An item whose numbers are all texts."""
    return {name: _as_text(value) for name, value in record.items()}


def _as_text(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"L": [_as_text(each) for each in value]}
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {"S": str(value)} if is_number else typed(value)


def as_csv(record: Record) -> Item:
    """An item of an import from CSV: everything is a text, and lists are JSON in a text."""
    there = {name: value for name, value in record.items() if value is not None}
    return {
        name: {"S": value if isinstance(value, str) else json.dumps(value)}
        for name, value in there.items()
    }


def wrapped(record: Record) -> Item:
    """An item with the whole record in one attribute, and its kind in another."""
    kind = "movie" if "title" in record else "tv"
    return {"movie_id": typed(record["id"]), "type": {"S": kind}, "data": typed(record)}


LOSSLESS: Mapping[str, Form] = {"lists": as_lists, "texts": as_texts, "wrapped": wrapped}


def memberships(records: Iterable[Record]) -> list[Item]:
    """The items of the course's second table: a genre and an id, without a kind."""
    pairs = dict.fromkeys((g, record["id"]) for record in records for g in record["genre_ids"])
    return [{"genre_id": typed(genre), "movie_id": typed(id_)} for genre, id_ in pairs]


def movies_in(records: Records) -> list[Record]:
    """The records of the movies."""
    return list(records["movie"].values())


def shows_in(records: Records) -> list[Record]:
    """The records of the shows."""
    return list(records["tv"].values())


@contextmanager
def other_table(client: Any, *keys: str, text_id: bool = False) -> Iterator[str]:
    """Create a table with these keys; yield its name, and delete it."""
    name = f"another-layout-{next(_numbers)}"
    types = {**TYPES, **({"id": "S"} if text_id else {})}
    client.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": types[key]} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        yield name
    finally:
        client.delete_table(TableName=name)


def put_each(client: Any, table: str, items: Iterable[Item]) -> list[Item]:
    """Put items one by one; return those that DynamoDB refuses."""
    refused = []
    for item in items:
        try:
            client.put_item(TableName=table, Item=item)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            refused.append(item)
    return refused


def put_all(client: Any, table: str, items: list[Item]) -> None:
    """Put items that DynamoDB accepts, 25 at a time."""
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        answer = client.batch_write_item(RequestItems={table: requests})
        assert not answer.get("UnprocessedItems")


def deleted(client: Any, table: str, **key: dict[str, str]) -> None:
    """Delete an item."""
    client.delete_item(TableName=table, Key=key)

"""Requests to a separate table in boto3's form, valid or not."""

from __future__ import annotations

from typing import Any

Case = tuple[str, dict[str, Any]]

TABLE = "strict-cases"
KEY = {"PK": {"S": "a"}, "SK": {"S": "a"}}
ITEM = {**KEY, "d": {"S": "x"}}


def _key_schema(hash_key: str, range_key: str) -> list[dict[str, str]]:
    roles = {hash_key: "HASH", range_key: "RANGE"}
    return [{"AttributeName": name, "KeyType": role} for name, role in roles.items()]


SCHEMA: dict[str, Any] = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": _key_schema("PK", "SK"),
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "N" if name == "i" else "S"}
        for name in ("PK", "SK", "g", "h", "i")
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": name,
            "KeySchema": _key_schema("g", sort_key),
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
        for name, sort_key in (("by_h", "h"), ("by_i", "i"))
    ],
}


def put(attributes: dict[str, Any] | None = None, **more: Any) -> Case:
    return "put_item", {"TableName": TABLE, "Item": {**ITEM, **(attributes or {})}, **more}


def get(key: dict[str, Any]) -> Case:
    return "get_item", {"TableName": TABLE, "Key": key}


def delete(key: dict[str, Any] = KEY) -> Case:
    return "delete_item", {"TableName": TABLE, "Key": key}


def scan(**more: Any) -> Case:
    return "scan", {"TableName": TABLE, **more}


def update(expression: str, value: dict[str, Any] | None = None) -> Case:
    values = {"ExpressionAttributeValues": {":v": value}} if value else {}
    return "update_item", {"TableName": TABLE, "Key": KEY, "UpdateExpression": expression, **values}


def query(condition: str = "PK = :v", value: Any = None, **more: Any) -> Case:
    asked = {"TableName": TABLE, "KeyConditionExpression": condition}
    return "query", {**asked, "ExpressionAttributeValues": {":v": value or {"S": "a"}}, **more}


def query_index(**more: Any) -> Case:
    return query("g = :v", IndexName="by_h", **more)


def transaction(*cases: Case) -> Case:
    verbs = {"put_item": "Put", "update_item": "Update", "delete_item": "Delete"}
    return "transact_write_items", {
        "TransactItems": [{verbs[operation]: params} for operation, params in cases]
    }


def items(count: int, size: int = 1) -> list[dict[str, Any]]:
    return [{**key, "d": {"S": "x" * size}} for key in keys(count)]


def keys(count: int) -> list[dict[str, Any]]:
    return [{"PK": {"S": f"{at}"}, "SK": {"S": "a"}} for at in range(count)]


def writes(*requests: dict[str, Any]) -> Case:
    return "batch_write_item", {"RequestItems": {TABLE: list(requests)}}


def reads(wanted: list[dict[str, Any]]) -> Case:
    return "batch_get_item", {"RequestItems": {TABLE: {"Keys": wanted}}}


def transact_gets(wanted: list[dict[str, Any]]) -> Case:
    actions = [{"Get": {"TableName": TABLE, "Key": key}} for key in wanted]
    return "transact_get_items", {"TransactItems": actions}


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"M": {"a": value}}
    return value


def puts(wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"PutRequest": {"Item": item}} for item in wanted]


def all_of(count: int) -> Case:
    names = [f":v{at}" for at in range(count)]
    values = {name: {"N": str(at)} for at, name in enumerate(names)}
    return scan(FilterExpression=f"x IN ({', '.join(names)})", ExpressionAttributeValues=values)

"""The requests that this package makes, recorded once and sent again by other clients."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from botocore import xform_name

from bench.titles import plain
from catalog_model import Catalog

Sent = tuple[str, dict[str, Any]]
"""An operation and its parameters."""

NOT_SENT = ("ReturnConsumedCapacity", "ClientRequestToken")
"""Parameters of the recording itself."""


def recorded(catalog: Catalog, call: Callable[[], object]) -> list[Sent]:
    """Run a call, and return the requests that it made."""
    with catalog.trace() as trace:
        call()
    return [
        (each.operation, {n: value for n, value in each.asked.items() if n not in NOT_SENT})
        for each in trace
    ]


def writes_of(requests: list[Sent]) -> list[Sent]:
    """Return the transactions among some requests."""
    return [sent for sent in requests if sent[0] == "TransactWriteItems"]


def on_table(requests: list[Sent], old: str, new: str) -> list[Sent]:
    """Return the same requests, sent to another table."""
    moved: list[Sent] = json.loads(json.dumps(requests).replace(f'"{old}"', f'"{new}"'))
    return moved


def by_boto3(client: Any, requests: list[list[Sent]]) -> Callable[[], None]:
    """Return a function that sends the requests of the next call with a bare client."""
    following: Iterator[list[Sent]] = iter(requests)

    def send() -> None:
        for operation, parameters in next(following):
            getattr(client, xform_name(operation))(**parameters)

    return send


def by_pydynox(client: Any, requests: list[list[Sent]]) -> Callable[[], None]:
    """Return a function that sends the requests of the next call with pydynox.

    Its values are Python's, converted before; only reads by key and transactions can be sent.
    """
    following = iter([[_of_pydynox(*each) for each in call] for call in requests])

    def send() -> None:
        for operation, arguments in next(following):
            getattr(client, operation)(**arguments)

    return send


def _of_pydynox(operation: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if operation == "GetItem":
        consistent = parameters.get("ConsistentRead", False)
        key = _values(parameters["Key"])
        table = parameters["TableName"]
        return "sync_get_item", {"table": table, "key": key, "consistent_read": consistent}
    if operation == "TransactWriteItems":
        actions = [_action(*each) for item in parameters["TransactItems"] for each in item.items()]
        return "sync_transact_write", {"operations": actions}
    raise NotImplementedError(f"no write that is compared sends {operation}")


def _action(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    names = {
        "TableName": "table",
        "UpdateExpression": "update_expression",
        "ConditionExpression": "condition_expression",
        "ExpressionAttributeNames": "expression_attribute_names",
    }
    action = {own: parameters[name] for name, own in names.items() if name in parameters}
    for name, own in (
        ("Key", "key"),
        ("Item", "item"),
        ("ExpressionAttributeValues", "expression_attribute_values"),
    ):
        if name in parameters:
            action[own] = _values(parameters[name])
    return action | {"type": "condition_check" if kind == "ConditionCheck" else kind.lower()}


def _values(typed: dict[str, Any]) -> dict[str, Any]:
    decoder = TypeDeserializer()
    return plain({name: decoder.deserialize(value) for name, value in typed.items()})

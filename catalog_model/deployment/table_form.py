"""The keys and indexes of a table, in the form of DescribeTable's answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

_INDEX: Final = ("IndexName", "KeySchema", "Projection")


def described(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys and indexes of a declaration for PynamoDB, or of an answer of DescribeTable."""
    found = {_pascal(name): value for name, value in table.items()}
    form = {name: found[name] for name in ("TableName",) if name in found}
    form |= {name: list(found.get(name, ())) for name in ("KeySchema", "AttributeDefinitions")}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if found.get(kind):
            form[kind] = _indexes(found[kind])
    billing = found.get("BillingModeSummary", {}).get("BillingMode")
    return form | ({"BillingModeSummary": {"BillingMode": billing}} if billing else {})


def identity_of(table: Mapping[str, Any]) -> str:
    """Return what distinguishes a table from a later one of the same name; "" if unknown."""
    created = table.get("CreationDateTime", "")
    when = str(created.timestamp()) if isinstance(created, datetime) else str(created)
    return str(table.get("TableId", when))


def _indexes(indexes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    named = ({_pascal(name): value for name, value in each.items()} for each in indexes)
    return [{name: index[name] for name in _INDEX if name in index} for index in named]


def _pascal(name: str) -> str:
    """Return a name of PynamoDB's arguments as the service spells it.

    >>> _pascal("global_secondary_indexes"), _pascal("KeySchema")
    ('GlobalSecondaryIndexes', 'KeySchema')
    """
    return "".join(map(str.title, name.split("_"))) if name.islower() else name

"""The keys and indexes of a table, in the form of DescribeTable's answer. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_INDEX: Final = ("IndexName", "KeySchema", "Projection")


def described(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys and indexes of a declaration, or of an answer of DescribeTable."""
    form = {name: table[name] for name in ("TableName",) if name in table}
    form |= {name: list(table.get(name, ())) for name in ("KeySchema", "AttributeDefinitions")}
    for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if table.get(kind):
            form[kind] = [{n: index[n] for n in _INDEX if n in index} for index in table[kind]]
    billing = table.get("BillingModeSummary", {}).get("BillingMode")
    return form | ({"BillingModeSummary": {"BillingMode": billing}} if billing else {})


def identity_of(table: Mapping[str, Any]) -> str:
    """Return what distinguishes a table from a later one of the same name; "" if unknown."""
    created = table.get("CreationDateTime", "")
    when = str(created.timestamp()) if isinstance(created, datetime) else str(created)
    return str(table.get("TableId", when))

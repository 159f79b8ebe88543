"""The table in the form of an answer of DescribeTable, which other engines and tools read."""

from typing import Any

from catalog_model.deployment.deployed import ACTIVE
from catalog_model.deployment.resources import (
    STREAM_VIEWS,
    TABLE_CLASSES,
    encryption,
    initial_units,
    limits,
    warm_units,
)
from catalog_model.deployment.settings import TableSettings, UnitsPerSecond
from catalog_model.dynamodb.schema import TableSchema


def describe_table(
    schema: TableSchema, table: str, settings: TableSettings, *, arn: str
) -> dict[str, Any]:
    """Return what DescribeTable answers for a new, empty table with these settings.

    Point-in-time recovery, tags and the time to live are not part of that answer.

    Args:
        schema: Keys and indexes.
        table: Name of the table.
        settings: Settings of the table.
        arn: ARN of the table.

    >>> from catalog_model.deployment.settings import TableSettings
    >>> from catalog_model.table.indexes import SCHEMA
    >>> arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/films"
    >>> answer = describe_table(SCHEMA, "films", TableSettings(), arn=arn)
    >>> answer["Table"]["BillingModeSummary"]
    {'BillingMode': 'PAY_PER_REQUEST'}
    """
    declared = schema.declaration()
    own = {
        "ProvisionedThroughput": _throughput(initial_units(settings)),
        "ItemCount": 0,
        **_present("OnDemandThroughput", limits(settings)),
        **_present("WarmThroughput", warm_units(settings)),
    }
    indexes = [
        {
            **index,
            "IndexStatus": ACTIVE,
            "IndexArn": f"{arn}/index/{index['IndexName']}",
            "IndexSizeBytes": 0,
            **own,
        }
        for index in declared.pop("GlobalSecondaryIndexes")
    ]
    billing = "PROVISIONED" if settings.billing == "provisioned" else "PAY_PER_REQUEST"
    view = STREAM_VIEWS.get(settings.stream or "off")
    sse = encryption(settings)
    return {
        "Table": {
            "TableName": table,
            **declared,
            "TableStatus": ACTIVE,
            "TableArn": arn,
            "TableSizeBytes": 0,
            "BillingModeSummary": {"BillingMode": billing},
            **own,
            "GlobalSecondaryIndexes": indexes,
            "DeletionProtectionEnabled": bool(settings.protection),
            "TableClassSummary": {"TableClass": TABLE_CLASSES[settings.table_class or "standard"]},
            **_present(
                "StreamSpecification",
                {"StreamEnabled": True, "StreamViewType": view} if view else {},
            ),
            **_present("SSEDescription", _described(sse)),
        }
    }


def _described(sse: dict[str, Any]) -> dict[str, Any]:
    if not sse:
        return {}
    key = {"KMSMasterKeyArn": sse["KMSMasterKeyId"]} if "KMSMasterKeyId" in sse else {}
    return {"Status": "ENABLED", "SSEType": sse["SSEType"], **key}


def _throughput(units: UnitsPerSecond | None) -> dict[str, int | None]:
    units = units or UnitsPerSecond(0, 0)
    return {"ReadCapacityUnits": units.read, "WriteCapacityUnits": units.write}


def _present(name: str, value: dict[str, Any]) -> dict[str, Any]:
    return {name: value} if value else {}

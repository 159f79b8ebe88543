"""The table as a model of NoSQL Workbench: keys, indexes, facets, and real sample rows.

A facet shows the items of one type, with the forms of their keys. Workbench has no public schema;
the form is that of the models which AWS publishes. Pure; no requests are sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from catalog_model.analysis.estimate import reproducible
from catalog_model.analysis.offline import OfflineCatalog
from catalog_model.deployment.resources import initial_units
from catalog_model.deployment.settings import Scaling, TableSettings
from catalog_model.dynamodb.schema import PRIMARY_KEY
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import AnyTitle
from catalog_model.table import codec
from catalog_model.table.indexes import INCLUDED, INDEX_KEYS
from catalog_model.writes.load import load_titles

VERSION: Final = "3.0"
"""The version of the model's form."""

SERVICE_ROLE: Final = "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"
NO_SQL: Final[dict[str, Any]] = {"MySql": {}}
"""What every model of AWS has under ``DataAccess``."""

_TIME: Final = "%b %d, %Y, %I:%M %p"

KEY_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("TITLE#kind#id", "TITLE#kind#id"),
    "membership": ("TITLE#kind#id", "GENRE#genre_id"),
    "listing": ("SLOT#kind#shard", "SLOT#number"),
    "tally": ("GENRE#kind", "TALLY#shard"),
}
"""The forms of the keys of each type of item, as `table.keys` makes them."""


def workbench(
    titles: Sequence[AnyTitle], *, table: str, settings: TableSettings, made: datetime | None = None
) -> dict[str, Any]:
    """Return a model of NoSQL Workbench, with the items of *titles* as sample rows.

    Rows have no attributes of the type NULL: Workbench has no such attributes.

    Args:
        titles: Titles whose items are shown.
        table: Name of the table.
        settings: Settings of the table: its billing, and its scaling if it has any.
        made: Time of the model; the beginning of the day by default.

    >>> from catalog_model.deployment.settings import TableSettings
    >>> title = Movie.from_json(record)
    >>> model = workbench([title], table="films", settings=TableSettings())
    >>> [facet["FacetName"] for facet in model["DataModel"][0]["TableFacets"]]
    ['title', 'membership', 'listing', 'tally']
    """
    catalog = OfflineCatalog(table)
    with reproducible():
        load_titles(catalog, titles)
    items = [_without_nulls(item) for item in catalog.items()]
    today = datetime.now(UTC).replace(hour=0, minute=0)
    now = (made or today).strftime(_TIME)
    return {
        "ModelName": table,
        "ModelMetadata": {
            "Author": "catalog-model",
            "DateCreated": now,
            "DateLastModified": now,
            "Description": "Movies, TV shows and genre memberships in one table.",
            "AWSService": "Amazon DynamoDB",
            "Version": VERSION,
        },
        "DataModel": [_table(table, items, settings)],
    }


def _without_nulls(item: Item) -> Item:
    return {name: value for name, value in item.items() if "NULL" not in value}


def _table(table: str, items: Sequence[Item], settings: TableSettings) -> dict[str, Any]:
    return {
        "TableName": table,
        "KeyAttributes": _keys(PRIMARY_KEY),
        "NonKeyAttributes": _attributes(items),
        "TableFacets": [_facet(kind, items) for kind in KEY_FORMS],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeyAttributes": _keys(names),
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(INCLUDED)},
            }
            for index, names in INDEX_KEYS.items()
        ],
        "DataAccess": NO_SQL,
        **_billing(settings),
    }


def _keys(names: tuple[str, str]) -> dict[str, dict[str, str]]:
    partition, sort = names
    return {
        "PartitionKey": {"AttributeName": partition, "AttributeType": "S"},
        "SortKey": {"AttributeName": sort, "AttributeType": "S"},
    }


def _attributes(items: Iterable[Item]) -> list[dict[str, str]]:
    """Return all attributes but the table's keys, each with its type."""
    types = {name: "S" for names in INDEX_KEYS.values() for name in names}
    types |= dict.fromkeys(INCLUDED, "S")
    for item in items:
        types |= {name: next(iter(value)) for name, value in item.items()}
    return [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in types.items()
        if name not in PRIMARY_KEY
    ]


def _facet(kind: str, items: Iterable[Item]) -> dict[str, Any]:
    partition, sort = KEY_FORMS[kind]
    rows = [item for item in items if item[codec.TYPE]["S"] == kind]
    names = dict.fromkeys(name for row in rows for name in row if name not in PRIMARY_KEY)
    return {
        "FacetName": kind,
        "KeyAttributeAlias": {"PartitionKeyAlias": partition, "SortKeyAlias": sort},
        "TableData": rows,
        "NonKeyAttributes": list(names),
        "DataAccess": NO_SQL,
    }


def _billing(settings: TableSettings) -> dict[str, Any]:
    units = initial_units(settings)
    if units is None:
        return {"BillingMode": "PAY_PER_REQUEST"}
    throughput = {"ReadCapacityUnits": units.read, "WriteCapacityUnits": units.write}
    scaled = _scaled(settings.scaling) if settings.scaling else None
    return {
        "BillingMode": "PROVISIONED",
        "ProvisionedCapacitySettings": {
            "ProvisionedThroughput": throughput,
            **({"AutoScalingRead": scaled, "AutoScalingWrite": scaled} if scaled else {}),
        },
    }


def _scaled(scaling: Scaling) -> dict[str, Any]:
    return {
        "ScalableTargetRequest": {
            "MinCapacity": scaling.min,
            "MaxCapacity": scaling.max,
            "ServiceRole": SERVICE_ROLE,
        },
        "ScalingPolicyConfiguration": {"TargetValue": scaling.target},
    }

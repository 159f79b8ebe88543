"""The table is created once, described and deleted; other tables are never touched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engines import Engine

from catalog_model import Catalog, operations
from catalog_model.errors import (
    InvalidArgumentError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
)
from catalog_model.table.indexes import INDEX_KEYS, SCHEMA

pytestmark = pytest.mark.every_engine


@pytest.fixture
def no_table(engine: Engine) -> Catalog:
    """A handle on a table that does not exist."""
    return engine.catalog()


@pytest.fixture
def other_table(engine: Engine) -> Iterator[Catalog]:
    """A handle on a table with other keys."""
    catalog = engine.catalog()
    catalog.client.create_table(
        TableName=catalog.table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield catalog
    catalog.client.delete_table(TableName=catalog.table)


def test_creation_waits_for_the_table_and_deletion_until_it_is_gone(
    no_table: Catalog,
) -> None:
    """create_table waits until it can be used, delete_table until it is deleted."""
    status = operations.create_table(no_table)
    assert status.is_ready
    assert set(status.indexes) == set(INDEX_KEYS)
    assert status.billing_mode == "PAY_PER_REQUEST"
    operations.delete_table(no_table)
    with pytest.raises(TableNotFoundError, match=no_table.table):
        operations.table_status(no_table)


def test_making_a_table_twice_changes_nothing(catalog: Catalog) -> None:
    """An existing table of this model is not changed."""
    catalog.client.put_item(
        TableName=catalog.table, Item={"PK": {"S": "GENRE#tv#0"}, "SK": {"S": "TALLY"}}
    )
    operations.create_table(catalog)
    assert catalog.client.scan(TableName=catalog.table)["Count"] == 1


def test_a_table_of_another_model_is_refused(other_table: Catalog) -> None:
    """By name, with the differences; it is not changed."""
    with pytest.raises(SchemaMismatchError, match="its keys are"):
        operations.create_table(other_table)
    status = operations.table_status(other_table)
    assert not status.is_ready
    assert any("by_popularity" in difference for difference in status.differences)


def test_a_table_that_has_more_than_the_model_needs_is_this_models(no_table: Catalog) -> None:
    """The owner's additional indexes, or indexes that project all attributes, are accepted."""
    declared = SCHEMA.declaration()
    for index in declared["global_secondary_indexes"]:
        index["projection"] = {"ProjectionType": "ALL"}
    own = {"AttributeName": "tagline", "AttributeType": "S"}
    declared["attribute_definitions"].append(own)
    declared["global_secondary_indexes"].append(
        {
            "index_name": "own",
            "key_schema": [{"AttributeName": "tagline", "KeyType": "HASH"}],
            "projection": {"ProjectionType": "KEYS_ONLY"},
        }
    )
    no_table.gateway.connection.create_table(
        no_table.table, **declared, billing_mode="PAY_PER_REQUEST"
    )
    assert operations.create_table(no_table).is_ready
    operations.delete_table(no_table)


def test_provisioned_capacity_is_for_the_table_and_each_index(no_table: Catalog) -> None:
    """Both figures or none."""
    operations.create_table(no_table, read_capacity=3, write_capacity=2)
    description = no_table.client.describe_table(TableName=no_table.table)["Table"]
    for each in (description, *description["GlobalSecondaryIndexes"]):
        assert each["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
        assert each["ProvisionedThroughput"]["WriteCapacityUnits"] == 2
    operations.delete_table(no_table)
    with pytest.raises(InvalidArgumentError, match="both or none"):
        operations.create_table(no_table, read_capacity=3)


def test_what_does_not_exist_cannot_be_deleted(no_table: Catalog) -> None:
    """It raises an error."""
    with pytest.raises(TableNotFoundError, match=no_table.table):
        operations.delete_table(no_table)


def test_waiting_for_a_table_ends(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time-out, with the table's state in the error."""
    status = operations.table_status(catalog)
    creating = operations.TableStatus(
        status.table, "CREATING", "", 0, 0, indexes={}, differences=()
    )
    monkeypatch.setattr(operations.table, "table_status", lambda _: creating)
    with pytest.raises(ServiceError, match="is CREATING after 0 seconds"):
        operations.create_table(catalog, timeout=0)

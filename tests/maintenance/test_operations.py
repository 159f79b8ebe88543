"""The table is created once, described and deleted; other tables are never touched."""

from dataclasses import replace

import pytest
from engines import Engine

from catalog_model import Catalog, operations
from catalog_model.errors import InvalidArgumentError, ServiceError, TableNotFoundError
from catalog_model.table.indexes import INDEX_KEYS, SCHEMA

pytestmark = pytest.mark.every_engine


@pytest.fixture
def no_table(engine: Engine) -> Catalog:
    """A handle on a table that does not exist."""
    return engine.catalog()


def test_creation_waits_for_the_table_and_deletion_until_it_is_gone(no_table: Catalog) -> None:
    """A table that does not exist has no status, and cannot be deleted."""
    status = operations.create_table(no_table)
    assert status.is_ready
    assert set(status.indexes) == set(INDEX_KEYS)
    assert status.billing_mode == "PAY_PER_REQUEST"
    operations.delete_table(no_table)
    for missing in (operations.table_status, operations.delete_table):
        with pytest.raises(TableNotFoundError, match=no_table.table):
            missing(no_table)


def test_making_a_table_twice_changes_nothing(catalog: Catalog) -> None:
    """An existing table of this model is not changed."""
    catalog.client.put_item(
        TableName=catalog.table, Item={"PK": {"S": "GENRE#tv#0"}, "SK": {"S": "TALLY"}}
    )
    operations.create_table(catalog)
    assert catalog.client.scan(TableName=catalog.table)["Count"] == 1


def test_a_table_that_has_more_than_the_model_needs_is_this_models(no_table: Catalog) -> None:
    """The owner's additional indexes, or indexes that project all attributes, are accepted."""
    declared = SCHEMA.declaration()
    for index in declared["GlobalSecondaryIndexes"]:
        index["Projection"] = {"ProjectionType": "ALL"}
    own = {"AttributeName": "tagline", "AttributeType": "S"}
    declared["AttributeDefinitions"].append(own)
    declared["GlobalSecondaryIndexes"].append(
        {
            "IndexName": "own",
            "KeySchema": [{"AttributeName": "tagline", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    )
    no_table.client.create_table(
        TableName=no_table.table, **declared, BillingMode="PAY_PER_REQUEST"
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


def test_waiting_for_a_table_ends(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time-out, with the table's state in the error."""
    creating = replace(operations.table_status(catalog), status="CREATING")
    monkeypatch.setattr(operations.table, "table_status", lambda _: creating)
    with pytest.raises(ServiceError, match="is CREATING after 0 seconds"):
        operations.create_table(catalog, timeout=0)

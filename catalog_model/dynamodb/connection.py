"""The writes that DynamoDB is asked for, as PynamoDB's connection builds them."""

from functools import reduce
from operator import and_
from typing import Any, Final

from pynamodb.connection import Connection
from pynamodb.connection.base import MetaTable
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from catalog_model.dynamodb.actions import (
    Absent,
    Check,
    Condition,
    Contains,
    Delete,
    Equals,
    Every,
    Lacks,
    NotNewer,
    Operation,
    Plan,
    Put,
    Update,
    as_sent,
    check_distinct,
)
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.schema import TableSchema, Versions
from catalog_model.dynamodb.typed_json import number, numbers_value, own_value, primary_key

_ACTIONS: Final[dict[type[Operation], str]] = {
    Check: "ConditionCheck",
    Delete: "Delete",
    Put: "Put",
    Update: "Update",
}
"""The operations of a plan and their names in a transaction, in PynamoDB's order."""


class SharedConnection(Connection):
    """PynamoDB's connection with an existing client, instead of one for each thread."""

    def __init__(self, client: DynamoDBClient, table_name: str, schema: TableSchema) -> None:
        super().__init__(region=client.meta.region_name)
        self.table_name = table_name
        self.schema = schema
        self._shared_client = client
        self.add_meta_table(_meta_table(table_name, schema))

    @property
    def client(self) -> Any:
        """The client, which reads use as well."""
        return self._shared_client

    def listed(self, operations: Plan) -> list[dict[str, Any]]:
        """Convert a plan to the actions of a transaction, in PynamoDB's order."""
        return [
            {_ACTIONS[type(operation)]: self.action(operation)}
            for operation in as_sent(check_distinct(operations))
        ]

    def action(self, operation: Operation) -> dict[str, Any]:
        """Convert an operation to an action of a transaction, or to the request of one item."""
        condition = _condition(operation.condition, self.schema.versions)
        why = "ALL_OLD" if isinstance(operation.condition, NotNewer) else None
        match operation:
            case Put(item):
                attributes = {name: item[name] for name in item if name not in ("PK", "SK")}
                key = primary_key(item)
                extra: dict[str, Any] = {"key": "Item", "attributes": attributes}
            case Update(key, sets, adds):
                changes: list[Action] = [Path(name).set(own_value(value)) for name, value in sets]
                changes += [Path(name).add(own_value(value)) for name, value in adds]
                changes += [Path(name).remove() for name in operation.removes]
                changes += [Path(n).add(numbers_value(some)) for n, some in operation.includes]
                changes += [Path(n).delete(numbers_value(some)) for n, some in operation.excludes]
                extra = {"actions": changes}
            case Delete(key) | Check(key):
                extra = {}
        action: dict[str, Any] = self.get_operation_kwargs(
            self.table_name,
            key.PK,
            key.SK,
            condition=condition,
            return_values_on_condition_failure=why,
            **extra,
        )
        return action


def _meta_table(table_name: str, schema: TableSchema) -> MetaTable:
    """Return the table's keys in PynamoDB's form, so that it need not ask the service for them."""
    declared = schema.declaration()
    return MetaTable(
        {
            "TableName": table_name,
            "KeySchema": declared["KeySchema"],
            "AttributeDefinitions": declared["AttributeDefinitions"],
        }
    )


def _condition(  # one for each type
    condition: Condition, versions: Versions
) -> PynamoCondition | None:
    match condition:
        case None:
            return None
        case Absent():
            return Path("PK").does_not_exist()
        case Equals(attribute, value, or_absent, must_exist):
            equals: PynamoCondition = Path(attribute) == own_value(value)
            holds = (Path(attribute).does_not_exist() | equals) if or_absent else equals
            return (Path("PK").exists() & holds) if must_exist else holds
        case Contains(attribute, member) | Lacks(attribute, member):
            contains: PynamoCondition = Path(attribute).contains(number(member))
            return contains if isinstance(condition, Contains) else ~contains
        case Every(conditions):
            listed = [_condition(each, versions) for each in conditions]
            return reduce(and_, (each for each in listed if each is not None))
        case NotNewer(also):
            version = Path(versions.attribute)
            known: PynamoCondition = version.does_not_exist() | (version <= number(versions.newest))
            wanted = _condition(also, versions)
            return known if wanted is None else wanted & known

"""Plans as the actions of transactions, with PynamoDB's expressions.

Most expressions differ from others in their values only. So they are written without values, once,
and kept; each action fills in its own.
"""

from collections.abc import Iterator
from functools import lru_cache, reduce
from operator import and_
from typing import Any, Final, NamedTuple

import pynamodb.attributes  # noqa: F401  # now, not in the first write
from pynamodb.expressions.condition import Condition as PynamoCondition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.expressions.update import Update as PynamoUpdate

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
from catalog_model.dynamodb.schema import TableSchema, Versions
from catalog_model.dynamodb.typed_json import (
    Value,
    key_attributes,
    number,
    numbers_value,
    own_value,
)

Names = tuple[str, ...]

_ACTIONS: Final[dict[type[Operation], str]] = {
    Check: "ConditionCheck",
    Delete: "Delete",
    Put: "Put",
    Update: "Update",
}
"""The operations of a plan and their names in a transaction."""

_ANY: Final = number(0)
_ANY_SET: Final = numbers_value([0])


class Changes(NamedTuple):
    """The attributes that an update changes, by the kind of the change."""

    sets: Names
    removes: Names
    adds: Names
    includes: Names
    excludes: Names


class Expressions(NamedTuple):
    """A condition and an update without values; ``names`` are those of all attributes in them."""

    condition: str | None
    update: str | None
    names: dict[str, str]


class Writes:
    """The writes to one table, as DynamoDB is asked for them."""

    def __init__(self, table_name: str, schema: TableSchema) -> None:
        self._table_name = table_name
        self._versions = schema.versions

    def listed(self, operations: Plan) -> list[dict[str, Any]]:
        """Convert a plan to the actions of a transaction, in `SEND_ORDER`."""
        return [
            {_ACTIONS[type(operation)]: self.action(operation)}
            for operation in as_sent(check_distinct(operations))
        ]

    def action(self, operation: Operation) -> dict[str, Any]:
        """Convert an operation to an action of a transaction, or to the request of one item."""
        action: dict[str, Any] = {"TableName": self._table_name}
        condition, changes = operation.condition, None
        if isinstance(operation, Put):
            action["Item"] = {**operation.item}
            if condition is None:
                return action
        else:
            action["Key"] = key_attributes(operation.key)
        values = [*_values_of(condition, self._versions)]
        if isinstance(operation, Update):
            changes = _changes_of(operation)
            values += _new_values_of(operation)
        found = _expressions(_without_values(condition), changes, self._versions)
        if found.condition:
            action["ConditionExpression"] = found.condition
        if isinstance(condition, NotNewer):
            action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        if found.update:
            action["UpdateExpression"] = found.update
        if found.names:
            action["ExpressionAttributeNames"] = {**found.names}
        if values:
            action["ExpressionAttributeValues"] = {f":{n}": each for n, each in enumerate(values)}
        return action


def _without_values(condition: Condition) -> Any:
    """Return a condition of the same form as all that differ from it in their values only."""
    match condition:
        case Equals(attribute, _, or_absent, must_exist):
            return Equals(attribute, 0, or_absent, must_exist)
        case Contains(attribute, _) | Lacks(attribute, _):
            return type(condition)(attribute, 0)
        case Every(conditions):
            return Every(tuple(map(_without_values, conditions)))
        case NotNewer(also):
            return NotNewer(_without_values(also))
    return condition


def _values_of(condition: Condition, versions: Versions) -> Iterator[Value]:
    """Return the values in a condition, in the order in which it is written."""
    match condition:
        case Equals(_, value):
            yield own_value(value)
        case Contains(_, member) | Lacks(_, member):
            yield number(member)
        case Every(conditions):
            for each in conditions:
                yield from _values_of(each, versions)
        case NotNewer(also):
            yield from _values_of(also, versions)
            yield number(versions.newest)


def _changes_of(update: Update) -> Changes:
    return Changes(
        sets=tuple(name for name, _ in update.sets),
        removes=update.removes,
        adds=tuple(name for name, _ in update.adds),
        includes=tuple(name for name, _ in update.includes),
        excludes=tuple(name for name, _ in update.excludes),
    )


def _new_values_of(update: Update) -> Iterator[Value]:
    """Return the values in an update, in the order in which it is written."""
    yield from (own_value(value) for _, value in (*update.sets, *update.adds))
    yield from (numbers_value(some) for _, some in (*update.includes, *update.excludes))


@lru_cache(1024)
def _expressions(condition: Condition, changes: Changes | None, versions: Versions) -> Expressions:
    """Write a condition and an update; each value is ``:`` and its number."""
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    written = _condition(condition, versions)
    text = None if written is None else written.serialize(names, values)
    update = None if changes is None else _update(changes).serialize(names, values)
    return Expressions(text, update, {placeholder: name for name, placeholder in names.items()})


def _update(changes: Changes) -> PynamoUpdate:
    actions: list[Action] = [Path(name).set(_ANY) for name in changes.sets]
    actions += [Path(name).remove() for name in changes.removes]
    actions += [Path(name).add(_ANY) for name in changes.adds]
    actions += [Path(name).add(_ANY_SET) for name in changes.includes]
    actions += [Path(name).delete(_ANY_SET) for name in changes.excludes]
    return PynamoUpdate(*actions)


def _condition(  # one for each type
    condition: Condition, versions: Versions
) -> PynamoCondition | None:
    match condition:
        case None:
            return None
        case Absent():
            return Path("PK").does_not_exist()
        case Equals(attribute, _, or_absent, must_exist):
            equals: PynamoCondition = Path(attribute) == _ANY
            holds = (Path(attribute).does_not_exist() | equals) if or_absent else equals
            return (Path("PK").exists() & holds) if must_exist else holds
        case Contains(attribute, _) | Lacks(attribute, _):
            contains: PynamoCondition = Path(attribute).contains(_ANY)
            return contains if isinstance(condition, Contains) else ~contains
        case Every(conditions):
            listed = [_condition(each, versions) for each in conditions]
            return reduce(and_, (each for each in listed if each is not None))
        case NotNewer(also):
            version = Path(versions.attribute)
            known: PynamoCondition = version.does_not_exist() | (version <= _ANY)
            wanted = _condition(also, versions)
            return known if wanted is None else wanted & known

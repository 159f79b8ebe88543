"""The actions of a write: puts, deletions, updates and checks, each with its condition.

A plan is the actions of one transaction. Nothing is read or sent here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from catalog_model.dynamodb.typed_json import (
    Item,
    ItemKey,
    key_attributes,
    number,
    own_value,
    primary_key,
    read_int,
)
from catalog_model.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Absent:
    """Holds when there is no item with the key."""


@dataclass(frozen=True, slots=True)
class Equals:
    """Holds when the item's *attribute* is this value.

    ``or_absent``: or the attribute is not there, as in an item that is not there; with
    ``must_exist`` there has to be an item.
    """

    attribute: str
    value: int
    or_absent: bool = False
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class NotNewer:
    """Holds when *condition* does, and no newer version of this package wrote the item.

    For items that are written without having been read first.
    """

    condition: Absent | Equals | None = None


Condition = Absent | Equals | NotNewer | None


@dataclass(frozen=True, slots=True)
class Put:
    """Writes a whole item in place of what is there."""

    item: Item
    condition: Condition = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes an item; one that is not there is fine."""

    key: ItemKey
    condition: Condition = None


@dataclass(frozen=True, slots=True)
class Update:
    """Sets attributes of an item, adds to others, and makes the item where it is not there."""

    key: ItemKey
    sets: tuple[tuple[str, int | str], ...]
    adds: tuple[tuple[str, int], ...]
    condition: Condition = None
    removes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Changes nothing, and lets the others happen only where the condition holds."""

    key: ItemKey
    condition: Absent | Equals


Operation = Put | Delete | Update | Check
Plan = tuple[Operation, ...]

SENT: Final = (Check, Delete, Put, Update)
"""The kinds of operations in the order in which PynamoDB has them in a transaction."""


def key_of(operation: Operation) -> ItemKey:
    """Give the key of the item that an operation is about."""
    return primary_key(operation.item) if isinstance(operation, Put) else operation.key


def as_sent(plan: Plan) -> Plan:
    """Give the operations in the order in which they are sent, and so in that of the answer."""
    return tuple(each for kind in SENT for each in plan if isinstance(each, kind))


def check_distinct(plan: Plan) -> Plan:
    """Accept a plan that names each item once, as a transaction may.

    Raises:
        ConflictError: Naming the item: the plan was made of readings that do not fit together.
    """
    seen: set[ItemKey] = set()
    for key in map(key_of, plan):
        if key in seen:
            where = " | ".join(key)
            raise ConflictError(f"nothing was sent: two actions of one transaction are on {where}")
        seen.add(key)
    return plan


def outcome(operation: Operation, before: Item | None) -> Item | None:
    """Give the item as it is after *operation*; None where there is none."""
    match operation:
        case Put(item):
            return item
        case Delete():
            return None
        case Update(key, sets, adds):
            item = {**(before or key_attributes(key))}
            for name in operation.removes:
                item.pop(name, None)
            item.update({name: own_value(value) for name, value in sets})
            for name, value in adds:
                item[name] = number(read_int(item, name) + value)
            return item
    return before

"""The actions of a write, each with its condition. A plan is the actions of one transaction."""

from dataclasses import dataclass
from typing import Final

from catalog_model.dynamodb.typed_json import (
    Item,
    ItemKey,
    key_attributes,
    number,
    numbers_value,
    own_value,
    primary_key,
    read_int,
    read_numbers,
)
from catalog_model.errors import ConflictError


@dataclass(frozen=True, slots=True)
class Absent:
    """True if there is no item with the key."""


@dataclass(frozen=True, slots=True)
class Equals:
    """True if the item's *attribute* has this value.

    With ``or_absent``, also true if the item has no such attribute or does not exist; with
    ``must_exist`` as well, the item must exist.
    """

    attribute: str
    value: int
    or_absent: bool = False
    must_exist: bool = False


@dataclass(frozen=True, slots=True)
class Contains:
    """True if the item's *attribute* is a set of numbers with this one."""

    attribute: str
    number: int


@dataclass(frozen=True, slots=True)
class Lacks:
    """True if the item's *attribute* is no set with this number, or does not exist."""

    attribute: str
    number: int


@dataclass(frozen=True, slots=True)
class Every:
    """True if all of several *conditions* are."""

    conditions: tuple[Absent | Equals | Contains | Lacks, ...]


@dataclass(frozen=True, slots=True)
class NotNewer:
    """True if *condition* is, and no newer version wrote the item, which was not read before."""

    condition: Absent | Equals | Every | None = None


Condition = Absent | Equals | Contains | Lacks | Every | NotNewer | None


@dataclass(frozen=True, slots=True)
class Put:
    """Writes a whole item, replacing the existing one."""

    item: Item
    condition: Condition = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes an item; does nothing if it does not exist."""

    key: ItemKey
    condition: Condition = None


@dataclass(frozen=True, slots=True)
class Update:
    """Sets attributes of an item and adds to others; creates the item if it does not exist.

    ``includes`` adds numbers to sets, ``excludes`` removes them; no set may be in both.
    """

    key: ItemKey
    sets: tuple[tuple[str, int | str], ...]
    adds: tuple[tuple[str, int], ...]
    condition: Condition = None
    removes: tuple[str, ...] = ()
    includes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    excludes: tuple[tuple[str, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Changes nothing; the transaction fails if the condition does not hold."""

    key: ItemKey
    condition: Absent | Equals


Operation = Put | Delete | Update | Check
Plan = tuple[Operation, ...]

SEND_ORDER: Final = (Check, Delete, Put, Update)
"""The kinds of operations, in the order in which a transaction has them."""


def key_of(operation: Operation) -> ItemKey:
    """Return the key of the item that an operation reads or writes."""
    return primary_key(operation.item) if isinstance(operation, Put) else operation.key


def as_sent(plan: Plan) -> Plan:
    """Return the operations in the order in which they are sent, which is that of the answer."""
    return tuple(each for kind in SEND_ORDER for each in plan if isinstance(each, kind))


def check_distinct(plan: Plan) -> Plan:
    """Check that a plan names each item only once; otherwise its reads are inconsistent."""
    seen: set[ItemKey] = set()
    for key in map(key_of, plan):
        if key in seen:
            where = " | ".join(key)
            raise ConflictError(f"nothing was sent: two actions of one transaction are on {where}")
        seen.add(key)
    return plan


def outcome(operation: Operation, before: Item | None) -> Item | None:
    """Return the item after *operation*; None if it does not exist then."""
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
            for name, numbers in operation.includes:
                item[name] = numbers_value(read_numbers(item, name).union(numbers))
            for name, numbers in operation.excludes:
                left = read_numbers(item, name).difference(numbers)
                item.pop(name, None)  # no set is empty
                item |= {name: numbers_value(left)} if left else {}
            return item
    return before

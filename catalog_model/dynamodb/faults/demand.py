"""The units of a request, by table, index and partition: from its body, its items and its answer.

The engine reports the units of the table and of each index; which partitions they belong to
follows from the items.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.dynamodb.capacity import EVENTUAL_FACTOR, TRANSACTION_FACTOR, rcu, wcu
from catalog_model.dynamodb.faults.buckets import Demand, Direction, Resource
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.sizes import item_size
from catalog_model.dynamodb.strict.expressions import comparisons
from catalog_model.dynamodb.strict.request import KeySet, Schema, table_name

Item = Mapping[str, Any]

READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"})
WRITES: Final = frozenset(
    {"BatchWriteItem", "DeleteItem", "PutItem", "TransactWriteItems", "UpdateItem"}
)


@dataclass(slots=True)
class Action:
    """One write to an item: the item before, and after if the request contains it."""

    kind: str
    body: Mapping[str, Any]
    before: Item | None = None

    @property
    def after(self) -> Item | None:
        """The item after the write, as far as it is known: an update may change any attribute."""
        return self.body["Item"] if self.kind == "Put" else self._left

    @property
    def _left(self) -> Item | None:
        return None if self.kind == "Delete" else self.before

    @property
    def key_and_more(self) -> Item:
        """The attributes that contain the item's key."""
        found: Item = self.body.get("Item") or self.body["Key"]
        return found


def actions_of(operation: str, body: Mapping[str, Any], table: str) -> list[Action]:
    """Return the writes of a request to a table."""
    return [action for name, action in _all_actions(operation, body) if name == table]


def _all_actions(operation: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Action]]:
    if operation == "TransactWriteItems":
        for each in body["TransactItems"]:
            for kind, action in each.items():
                yield table_name(action["TableName"]), Action(kind, action)
    elif operation == "BatchWriteItem":
        for name, parts in body["RequestItems"].items():
            for part in parts:
                for kind, action in part.items():
                    yield table_name(name), Action(kind.removesuffix("Request"), action)
    else:
        yield table_name(body["TableName"]), Action(operation.removesuffix("Item"), body)


class Layout:
    """The keys of a table and of its indexes, as deployed."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._schema = Schema.of(described)
        own = self._schema.table
        self.indexes = {name: key for name, key in self._schema.indexes.items() if key.is_global}
        self.key_names = own.attributes

    def key_of(self, item: Item) -> tuple[str, ...]:
        """Return the primary key of an item, in a form that can be compared."""
        return tuple(repr(item[name]) for name in self.key_names)

    def partition(self, index: str, item: Item | None) -> str | None:
        """Return the value of the partition key; None if the item is not in the index."""
        key = self.indexes.get(index, self._schema.table)
        if item is None or any(name not in item for name in key.attributes):
            return None
        return "|".join(_plain(item[name]) for name in key.hashes)

    def entry(self, index: str, item: Item | None) -> Item | None:
        """Return the entry of an item in an index; None if it has none."""
        key = self.indexes[index]
        if item is None or any(name not in item for name in key.attributes):
            return None
        if key.projected is None:
            return item
        names = {*key.attributes, *self.key_names, *key.projected}
        return {name: value for name, value in item.items() if name in names}

    def queried(self, body: Mapping[str, Any]) -> str | None:
        """Return the partition that a Query reads; None if it is not in the usual form."""
        key: KeySet = self.indexes.get(body.get("IndexName", ""), self._schema.table)
        values = body.get("ExpressionAttributeValues", {})
        names = body.get("ExpressionAttributeNames", {})
        found = {
            names.get(each.attribute, each.attribute): values.get(each.values[0])
            for each in comparisons(body.get("KeyConditionExpression", ""))
            if each.operator == "="
        }
        if any(found.get(name) is None for name in key.hashes):
            return None
        return "|".join(_plain(found[name]) for name in key.hashes)


def _plain(value: Any) -> str:
    ((_, content),) = value.items()
    return str(content)


class Writing:
    """The units of a write, before and after it is carried out."""

    def __init__(self, layout: Layout, operation: str, actions: list[Action]) -> None:
        self.actions = actions
        self._layout = layout
        self._operation = operation
        self._factor = TRANSACTION_FACTOR if operation == "TransactWriteItems" else 1
        self._certain = [self._certain_of(each) for each in actions]

    def certain(self) -> Demand:
        """Return the units that it takes at least."""
        return total_of(self._certain)

    def certain_of(self, at: int) -> Demand:
        """Return the units that one of its actions takes at least."""
        return self._certain[at]

    def first(self, count: int) -> Writing:
        """Return the same for the first actions only."""
        return Writing(self._layout, self._operation, self.actions[:count])

    def place_of(self, resource: Resource) -> int | None:
        """Return the number of the first action that takes units of a resource."""
        return next((at for at, units in enumerate(self._certain) if resource in units), None)

    def failed(self) -> Demand:
        """Return the units of a write whose condition failed: those of the existing items."""
        units = _nothing()
        for each in self.actions:
            size = item_size(dict(each.before)) if each.before else 0
            partition = self._layout.partition(TABLE, each.key_and_more)
            _add(units, TABLE, "write", partition, self._factor * wcu(size))
        return units

    def consumed(self, reported: Mapping[str, float]) -> Demand:
        """Return the units that the engine reports, by partition; at least the certain ones."""
        certain, weights = self.certain(), self._weights()
        units = _nothing()
        for name in (TABLE, *self._layout.indexes):
            total = max(reported.get(name, 0), certain.get(Resource(name, "write"), 0))
            shares = {part: w for part, w in weights.items() if part.index == name}
            if not total:
                continue
            units[Resource(name, "write")] = total
            for part, weight in shares.items():
                units[part] += total * weight / sum(shares.values())
        return units

    def _weights(self) -> Demand:
        """Return the partitions that it may write to, with about the units of each."""
        weights = _nothing()
        for each, certain in zip(self.actions, self._certain, strict=True):
            for part, units in certain.items():
                weights[part] += units if part.partition is not None else 0
            if each.kind == "Update":
                self._add_entries(each.before, weights)
        return {part: weight for part, weight in weights.items() if weight}

    def _add_entries(self, item: Item | None, weights: dict[Resource, float]) -> None:
        for index in self._layout.indexes:
            if entry := self._layout.entry(index, item):
                part = self._layout.partition(index, item)
                weights[Resource(index, "write", part)] += wcu(item_size(dict(entry)))

    def _certain_of(self, action: Action) -> Demand:
        """Return the least units of an action; an update may also change entries of indexes."""
        units = _nothing()
        before, after = action.before, action.after
        size = max(item_size(dict(item)) if item else 0 for item in (before, after))
        partition = self._layout.partition(TABLE, action.key_and_more)
        _add(units, TABLE, "write", partition, self._factor * wcu(size))
        if action.kind not in ("Put", "Delete"):
            return units
        for index in self._layout.indexes:
            for part, share in self._moves(index, before, after):
                _add(units, index, "write", part, share)
        return units

    def _moves(
        self, index: str, before: Item | None, after: Item | None
    ) -> Iterator[tuple[str | None, int]]:
        """Yield the partitions that a change of an entry writes to, with the units of each."""
        old, new = self._layout.entry(index, before), self._layout.entry(index, after)
        if old == new:
            return
        names = self._layout.indexes[index].attributes
        if old and new and all(old[name] == new[name] for name in names):
            larger = max(item_size(dict(old)), item_size(dict(new)))
            yield self._layout.partition(index, new), wcu(larger)
            return
        for entry in filter(None, (old, new)):
            yield self._layout.partition(index, entry), wcu(item_size(dict(entry)))


def _nothing() -> defaultdict[Resource, float]:
    return defaultdict(float)


def _add(
    units: dict[Resource, float],
    index: str,
    direction: Direction,
    partition: str | None,
    share: float,
) -> None:
    """Add units to a resource as a whole and to its partition."""
    units[Resource(index, direction)] += share
    if partition is not None:
        units[Resource(index, direction, partition)] += share


def total_of(demands: Iterable[Demand]) -> Demand:
    """Add up the units of several requests."""
    units = _nothing()
    for demand in demands:
        for resource, share in demand.items():
            units[resource] += share
    return units


def read_demand(
    layout: Layout, operation: str, body: Mapping[str, Any], content: Mapping[str, Any]
) -> Demand:
    """Return the units that the engine reports for a read, by partition where that is known."""
    reported = reported_units(content)
    units = _nothing()
    index = body.get("IndexName", TABLE)
    partition = None
    if operation == "GetItem":
        partition = layout.partition(TABLE, body["Key"])
    elif operation == "Query":
        partition = layout.queried(body)
    for name, share in reported.items():
        _add(units, name, "read", partition if name == index else None, share)
    return units


def key_demands(
    layout: Layout, asked: Mapping[str, Any], found: list[Item], total: float
) -> list[Demand]:
    """Return the units for each key of a batch that is read, *total* in all."""
    sizes = {layout.key_of(item): item_size(dict(item)) for item in found if _has_key(layout, item)}
    factor = 1 if asked.get("ConsistentRead") else EVENTUAL_FACTOR
    shares = [factor * rcu(sizes.get(layout.key_of(key), 0)) for key in asked["Keys"]]
    scale = max(1.0, total / sum(shares)) if shares else 1.0
    demands: list[Demand] = []
    for key, share in zip(asked["Keys"], shares, strict=True):
        units = _nothing()
        _add(units, TABLE, "read", layout.partition(TABLE, key), share * scale)
        demands.append(units)
    return demands


def _has_key(layout: Layout, item: Item) -> bool:
    return all(name in item for name in layout.key_names)


def reported_units(content: Mapping[str, Any]) -> dict[str, float]:
    """Return the units that an answer reports, by table and index."""
    units: defaultdict[str, float] = defaultdict(float)
    reported = content.get("ConsumedCapacity") or []
    for each in reported if isinstance(reported, list) else [reported]:
        shares = each.get("GlobalSecondaryIndexes", {})
        of_indexes = {name: share["CapacityUnits"] for name, share in shares.items()}
        own = each.get("Table", {}).get("CapacityUnits")
        rest = each.get("CapacityUnits", 0) - sum(of_indexes.values())
        for name, share in {TABLE: rest if own is None else own, **of_indexes}.items():
            units[name] += share
    return {name: share for name, share in units.items() if share > 0}

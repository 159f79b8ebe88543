"""Rules about keys: those of the table, of its indexes, and in conditions."""

# ruff: noqa: D401  # a docstring states its rule

from collections.abc import Iterator
from typing import Final

from catalog_model.checks import shown
from catalog_model.dynamodb.limits import MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES
from catalog_model.dynamodb.sizes import byte_length
from catalog_model.dynamodb.strict.expressions import assignments, comparisons, resolved
from catalog_model.dynamodb.strict.request import INVALID, Action, Item, KeySet, Value, comparable

NOT_EMPTY: Final = "The AttributeValue for a key attribute cannot contain an empty string value."
NOT_VALID: Final = "One or more parameter values are not valid."


def keys_match_the_schema(action: Action) -> Iterator[str]:
    """A Key contains exactly the table's key; an item contains it; both have the declared types."""
    if action.schema is None:
        return
    wanted, types = action.schema.table.attributes, action.schema.types
    for key in action.keys:
        if {name: next(iter(key[name])) for name in key} != {name: types[name] for name in wanted}:
            yield f"The provided key element does not match the schema: {shown(key)}"
    for name in wanted if action.item else ():
        kind = next(iter((action.item or {}).get(name, ("",))))
        if not kind:
            yield f"{INVALID}Missing the key {name} in the item"
        elif kind != types[name]:
            yield f"{INVALID}Type mismatch for key {name} expected: {types[name]} actual: {kind}"


def keys_are_not_empty(action: Action) -> Iterator[str]:
    """A text or binary key value is not empty, including in key conditions."""
    for name, value, _ in [*_table_key_values(action), *_conditions(action)]:
        if _is_empty(value):
            yield f"{NOT_VALID} {NOT_EMPTY} Key: {name}"


def keys_are_not_too_long(action: Action) -> Iterator[str]:
    """A partition key has at most 2,048 bytes, a sort key 1,024, in UTF-8."""
    for name, value, is_hash in _table_key_values(action):
        problem = _too_long(name, value, is_hash=is_hash)
        if problem:
            yield INVALID + problem


def keys_are_not_updated(action: Action) -> Iterator[str]:
    """UpdateItem does not change the table's key."""
    if action.schema is None or "UpdateExpression" not in action.expressions:
        return
    for assigned in assignments(action.body["UpdateExpression"]):
        name = resolved(assigned.path[0], action.names) if assigned.path else ""
        if name in action.schema.table.attributes:
            yield f"{INVALID}Cannot update attribute {name}. This attribute is part of the key"


def index_keys_have_their_type(action: Action) -> Iterator[str]:
    """A value that a put or an update writes to an index key has the declared type."""
    types = action.schema.types if action.schema else {}
    for index, name, kind, _ in _index_key_values(action):
        if kind != types[name]:
            expected = f"Expected: {types[name]} Actual: {kind} IndexName: {index.name}"
            yield f"{INVALID}Type mismatch for Index Key {name} {expected}"


def index_keys_are_not_empty(action: Action) -> Iterator[str]:
    """A value that a put or an update writes to an index key is not empty."""
    for index, name, _, value in _index_key_values(action):
        if value is not None and _is_empty(value):
            what = "A value specified for a secondary index key is not supported."
            where = f"IndexName: {index.name}, IndexKey: {name}"
            yield f"{NOT_VALID} {what} {NOT_EMPTY} {where}"


def index_keys_are_not_too_long(action: Action) -> Iterator[str]:
    """An index's partition key has at most 2,048 bytes, its sort key 1,024, in UTF-8."""
    for index, name, _, value in _index_key_values(action):
        if value is not None:
            problem = _too_long(name, value, is_hash=name in index.hashes)
            if problem:
                yield f"{INVALID}{problem} IndexName: {index.name}"


def key_conditions_have_the_keys_type(action: Action) -> Iterator[str]:
    """A key condition compares with values of the key's type; begins_with is not for numbers."""
    types = action.schema.types if action.schema else {}
    for name, value, operator in _conditions(action):
        kind = next(iter(value))
        if kind != types.get(name, kind):
            what = "Condition parameter type does not match schema type"
            yield f"{INVALID}{what}: {name} is {types[name]}, not {shown(value)}"
        if operator == "begins_with" and kind == "N":
            what = "Incorrect operand type for operator or function"
            yield (
                f"Invalid KeyConditionExpression: {what}; operator or function: begins_with, "
                "operand type: N"
            )


def filters_leave_the_key_alone(action: Action) -> Iterator[str]:
    """The FilterExpression of a Query contains no key attribute of the queried table or index."""
    if action.read is None or action.operation != "Query":
        return
    for name in action.attributes("FilterExpression"):
        if name in action.read.attributes:
            what = "Filter Expression can only contain non-primary key attributes"
            yield f"{what}: Primary key attribute: {name}"


def global_indexes_are_read_eventually_consistently(action: Action) -> Iterator[str]:
    """ConsistentRead is not supported for global secondary indexes."""
    if action.read and action.read.is_global and action.body.get("ConsistentRead"):
        what = "Consistent reads are not supported on global secondary indexes"
        yield f"{what}: {action.read.name}"


def global_indexes_answer_with_what_they_project(action: Action) -> Iterator[str]:
    """A read of a global secondary index requests projected attributes only."""
    index = action.read
    if index is None or action.schema is None or not index.is_global or index.projected is None:
        return
    if action.body.get("Select") == "ALL_ATTRIBUTES":
        what = "Select type ALL_ATTRIBUTES is not supported for global secondary index"
        yield f"{INVALID}{what} {index.name} because its projection type is not ALL"
    known = {*index.projected, *index.attributes, *action.schema.table.attributes}
    missing = [name for name in action.attributes("ProjectionExpression") if name not in known]
    if missing:
        what = f"Global secondary index {index.name} does not project"
        yield f"{INVALID}{what} [{', '.join(missing)}]"


def start_keys_match_the_schema(action: Action) -> Iterator[str]:
    """ExclusiveStartKey is exactly the key of the table and of the index that is read."""
    start, read, schema = action.start, action.read, action.schema
    if start is None or read is None or schema is None:
        return
    wanted = {name: schema.types[name] for name in schema.table.attributes + read.attributes}
    if {name: next(iter(value), "") for name, value in start.items()} != wanted:
        yield f"The provided starting key is invalid: {shown(start)}"


def start_keys_are_of_the_partition(action: Action) -> Iterator[str]:
    """The ExclusiveStartKey of a Query is in the queried partition."""
    start, read = action.start, action.read
    if start is None or read is None:
        return
    for name, value, operator in _conditions(action):
        if name in read.hashes and operator == "=" and comparable(value) != comparable(start[name]):
            what = "The provided starting key is outside query boundaries based on provided"
            yield f"{what} conditions: {shown(start[name])}"


def _table_key_values(action: Action) -> Iterator[tuple[str, Value, bool]]:
    """Yield name and value of each occurrence of the table's key, and whether it is the hash."""
    if action.schema is None:
        return
    table = action.schema.table
    places: list[Item | None] = [*action.keys, action.item]
    for place in places:
        for name in table.attributes if place else ():
            if place and name in place:
                yield name, place[name], name in table.hashes


def _index_key_values(action: Action) -> Iterator[tuple[KeySet, str, str, Value | None]]:
    """Yield index, attribute, type and value (None if unknown) of each index key written."""
    if action.schema is None:
        return
    written = _written(action)
    for index in action.schema.indexes.values() if written else ():
        for name in index.attributes:
            if name in written:
                yield (index, name, *written[name])


def _written(action: Action) -> dict[str, tuple[str, Value | None]]:
    if action.item:
        return {name: (next(iter(value)), value) for name, value in action.item.items()}
    if "UpdateExpression" not in action.expressions:
        return {}
    written: dict[str, tuple[str, Value | None]] = {}
    for assigned in assignments(action.body["UpdateExpression"]):
        if len(assigned.path) == 1 and assigned.operand:
            value = action.values.get(assigned.value)
            kind = assigned.kind or next(iter(value or ()), "")
            if kind:
                name = resolved(assigned.path[0], action.names)
                written[name] = kind, None if assigned.kind else value
    return written


def _conditions(action: Action) -> Iterator[tuple[str, Value, str]]:
    """Yield attribute, value and operator of each part of a key condition."""
    if "KeyConditionExpression" in action.expressions:
        for comparison in comparisons(action.body["KeyConditionExpression"]):
            name = resolved(comparison.attribute, action.names)
            for value in comparison.values:
                yield name, action.values[value], comparison.operator


def _is_empty(value: Value) -> bool:
    return any(kind in "SB" and not content for kind, content in value.items())


def _too_long(name: str, value: Value, *, is_hash: bool) -> str:
    most = MAX_PARTITION_KEY_BYTES if is_hash else MAX_SORT_KEY_BYTES
    size = max((byte_length(value[kind]) for kind in value if kind in "SB"), default=0)
    if size <= most:
        return ""
    if is_hash:
        what = "Size of hashkey has exceeded the maximum size limit of"
    else:
        what = "Aggregated size of all range keys has exceeded the size limit of "
    return f"{what}{most} bytes: {name} has {size}"

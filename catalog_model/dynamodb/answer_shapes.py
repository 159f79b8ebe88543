"""The required parts of DynamoDB's answers, by operation. Pure: JSON in, valid or not.

Types and names come from botocore's model, which does not declare required members.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from botocore.model import OperationModel

from catalog_model.checks import shown
from catalog_model.dynamodb.schema import PRIMARY_KEY

Names = tuple[str, ...]

_ITEMS: Final = ("Items", "Count")
_NEEDED: Final[Mapping[str, Names]] = {
    "BatchGetItemOutput": ("Responses",),
    "BatchWriteItemOutput": ("UnprocessedItems",),
    "CancellationReason": ("Code",),
    "Capacity": ("CapacityUnits",),
    "ConsumedCapacity": ("CapacityUnits",),
    "CreateTableOutput": ("TableDescription",),
    "DeleteTableOutput": ("TableDescription",),
    "DescribeTableOutput": ("Table",),
    "GlobalSecondaryIndexDescription": ("IndexName", "KeySchema"),
    "KeySchemaElement": ("AttributeName", "KeyType"),
    "KeysAndAttributes": ("Keys",),
    "AttributeDefinition": ("AttributeName", "AttributeType"),
    "QueryOutput": _ITEMS,
    "ScanOutput": _ITEMS,
    "TableDescription": ("TableName", "TableStatus"),
    "TransactGetItemsOutput": ("Responses",),
    "UpdateTableOutput": ("TableDescription",),
}
"""The members that are always present in structures of the service's model. Answers about an item
that does not exist, or to a successful write, may be empty."""

_EXISTING_TABLE: Final = ("AttributeDefinitions", "KeySchema")
"""The members that the description of a table has, unless it is being deleted."""

_NUMBER: Final = (int, float)
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "blob": (str,),
    "boolean": (bool,),
    "double": _NUMBER,
    "float": _NUMBER,
    "integer": (int,),
    "list": (list,),
    "long": (int,),
    "map": (dict,),
    "string": (str,),
    "structure": (dict,),
    "timestamp": (int, float, str),
}
"""The JSON types of the service's types."""

CHECKSUM: Final = "x-amz-crc32"

ERROR: Final = "__type"
"""The member that contains the error type in an error response."""

_ATTRIBUTE: Final = "AttributeValue"
_CONTENT: Final[Mapping[str, type]] = {
    **dict.fromkeys(("S", "N", "B"), str),
    **dict.fromkeys(("BOOL", "NULL"), bool),
    **dict.fromkeys(("L", "SS", "NS", "BS"), list),
    "M": dict,
}
"""The JSON types of an attribute's content, by its DynamoDB type."""

_NUMERAL: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
is_numeral = _NUMERAL.fullmatch
"""Return whether a text is a number."""

_ONLY_OBJECTS: Final = frozenset({dict})
ONLY_TEXTS: Final = frozenset({str})
_ONE: Final = frozenset({1})


class InvalidAnswerError(Exception):
    """A response is not a valid answer of DynamoDB; the message is the reason."""


def check_answer(
    content: object,
    operation_model: OperationModel,
    request: Mapping[str, Any],
    headers: Mapping[str, str],
) -> None:
    """Check that *content*, parsed as JSON, can be the answer to a request with these parameters.

    An answer with a checksum, which has been verified, comes from the service: it may have members
    that the installed botocore does not know.
    """
    shape: Any = operation_model.output_shape
    if not isinstance(content, dict):
        raise InvalidAnswerError("it is not a JSON object")
    if ERROR in content:
        raise InvalidAnswerError(f"it is an error with status 200: {shown(content[ERROR])}")
    if shape is None:
        return
    unknown = content.keys() - shape.members.keys()
    if unknown and CHECKSUM not in headers:
        raise InvalidAnswerError(f"no answer to {operation_model.name} has {_listed(unknown)}")
    if request.get("Select") == "COUNT":
        content = {"Items": [], **content}
    check_member(content, shape, "it")
    if not is_answer_to(operation_model.name, content, request):
        raise InvalidAnswerError("it answers another request")


def is_answer_to(operation: str, content: dict[str, Any], request: Mapping[str, Any]) -> bool:
    """Return whether an answer of the right shape can belong to this request."""
    matches = _MATCHES.get(operation)
    return matches is None or matches(content, request)


def check_error(content: object, operation_model: OperationModel) -> None:
    """Check an error response of the service."""
    code = content.get(ERROR) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(code, str) or not code:
        raise InvalidAnswerError("it is not an error of a service")
    content = {name: value for name, value in content.items() if value is not None}
    for name in ("message", "Message"):
        if not isinstance(content.get(name, ""), str):
            raise InvalidAnswerError(f"its {name} is not a text")
    service: Any = operation_model.service_model
    shape = service.shape_for_error_code(code.rpartition("#")[2])
    if shape is not None:
        check_member(content, shape, "it")


def check_member(value: Any, shape: Any, name: str) -> None:
    """Check the type of a value against the service's model, and its required members."""
    kind = shape.type_name
    if type(value) not in _TYPES[kind]:
        raise InvalidAnswerError(f"{name} is {shown(value)}, not of type {kind}")
    if kind == "structure":
        _check_structure(value, shape, name)
    elif kind == "list":
        if shape.member.type_name == "map" and shape.member.value.name == _ATTRIBUTE:
            for item in value:
                check_item(item)
        else:
            for part in value:
                check_member(part, shape.member, name)
    elif kind == "map":
        if shape.value.name == _ATTRIBUTE:
            check_item(value)
        else:
            for key, part in value.items():
                check_member(part, shape.value, key)


def needed_in(shape: Any) -> frozenset[str]:
    """Return the members that are always there in a structure."""
    return frozenset(_NEEDED.get(shape.name, ()))


def _check_structure(value: dict[str, Any], shape: Any, name: str) -> None:
    missing = needed_in(shape) - value.keys()
    if missing:
        raise InvalidAnswerError(f"{name} has no {_listed(set(missing))}")
    for member, part in value.items():
        member_shape = shape.members.get(member)
        if member_shape is not None:
            check_member(part, member_shape, member)


def check_item(item: Any) -> None:
    """Check an item and the types of all its values; what they mean is checked when decoding."""
    if type(item) is not dict:
        raise InvalidAnswerError(f"{shown(item)} is not an item")
    to_check: list[Any] = [item.values()]
    for values in to_check:
        if not _ONLY_OBJECTS.issuperset(map(type, values)) or not _ONE.issuperset(map(len, values)):
            raise InvalidAnswerError(f"{shown(item)} has values without a type")
        for value in values:
            ((kind, content),) = value.items()
            if kind == "S" and type(content) is str:  # nearly all values
                continue
            if type(content) is not _CONTENT.get(kind) or not _is_valid(kind, content):
                raise InvalidAnswerError(f"{shown(value)} is not a value of its type")
            if kind == "L":  # without recursion, at any depth
                to_check.append(content)
            elif kind == "M":
                to_check.append(value["M"].values())


def _is_valid(kind: str, content: Any) -> bool:
    """Whether a number is one, and the elements of a set are texts."""
    if kind == "N":
        return is_numeral(content) is not None
    return kind not in {"SS", "NS", "BS"} or ONLY_TEXTS.issuperset(map(type, content))


def _is_item_asked_for(content: dict[str, Any], request: Mapping[str, Any]) -> bool:
    item = content.get("Item")
    if item is None or "ProjectionExpression" in request:
        return True
    asked: Mapping[str, Any] = request["Key"]
    return all(item.get(name) == value for name, value in asked.items())


def _are_items_asked_for(content: dict[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether the answer covers the requested tables and contains no other items."""
    found, left = content["Responses"], content.get("UnprocessedKeys", {})
    asked = request["RequestItems"]
    return found.keys() | left.keys() == asked.keys() and all(
        _is_part_of(wanted, found.get(table, []), left.get(table, {}).get("Keys", []))
        for table, wanted in asked.items()
    )


def _is_part_of(wanted: Mapping[str, Any], items: list[Any], left: list[Any]) -> bool:
    """Whether items and unprocessed keys can be the answer, each of them once."""
    keys: list[Mapping[str, Any]] = wanted["Keys"]
    if len(items) + len(left) > len(keys) or not all(key in keys for key in left):
        return False
    names = _returned(keys[0], wanted)
    found = _keys_in(items, names)
    is_once = len(found) == len(items) or len(names) < len(keys[0])
    return is_once and found <= _keys_in(keys, names)


def _keys_in(items: list[Any], names: Names) -> set[Any]:
    if len(names) == 1:  # often, and then without a call for each item
        (name,) = names
        return {item[name].get("S") if name in item else None for item in items}
    return {_key_in(item, names) for item in items}


def _key_in(item: Mapping[str, Any], names: Names) -> tuple[Any, ...]:
    return tuple([item[name].get("S") if name in item else None for name in names])


def _is_page_asked_for(content: dict[str, Any], request: Mapping[str, Any]) -> bool:
    count: int = content["Count"]
    items = content["Items"]
    if request.get("Select") != "COUNT" and len(items) != count:
        return False
    if items and "KeyConditionExpression" in request and not _are_of_keys(items, request):
        return False
    last = content.get("LastEvaluatedKey")
    if last is not None and (not last or last == request.get("ExclusiveStartKey")):
        return False  # it would cause an endless loop of pages
    return 0 <= count <= int(request.get("Limit", count))


def _are_of_keys(items: list[Any], request: Mapping[str, Any]) -> bool:
    """Whether each item of a Query has its keys, as far as they were requested."""
    named = request["ExpressionAttributeNames"]
    keys = {*PRIMARY_KEY, *(named[each] for each in ("#pk", "#sk") if each in named)}
    names = _returned(keys, request)
    return not names or all(all(_key_in(item, names)) for item in items)


def _returned(keys: Iterable[str], request: Mapping[str, Any]) -> Names:
    """Return those of some keys that each item has: all of them, or those of a projection."""
    projection = request.get("ProjectionExpression")
    if projection is None:
        return tuple(keys)
    named = request["ExpressionAttributeNames"]
    projected = {named.get(each, each) for each in projection.split(",")}
    return tuple(name for name in keys if name in projected)


def _is_table_asked_for(content: dict[str, Any], request: Mapping[str, Any]) -> bool:
    table = content["Table"]
    is_whole = table["TableStatus"] == "DELETING" or all(name in table for name in _EXISTING_TABLE)
    asked: str = request["TableName"]
    return is_whole and asked.endswith(table["TableName"])


_MATCHES: Final[Mapping[str, Callable[[dict[str, Any], Mapping[str, Any]], bool]]] = {
    "BatchGetItem": _are_items_asked_for,
    "DescribeTable": _is_table_asked_for,
    "GetItem": _is_item_asked_for,
    "Query": _is_page_asked_for,
    "Scan": _is_page_asked_for,
}
"""Whether an answer can belong to this request, and not to a different one."""


def _listed(names: set[str]) -> str:
    return ", ".join(shown(name) for name in sorted(names))

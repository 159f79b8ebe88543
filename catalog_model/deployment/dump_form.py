"""DynamoDB's export form: an item as one line of JSON, ``{"Item": {...}}``. Pure.

A line has the attributes sorted by name and the members of sets sorted, so that equal items have
equal lines. Numbers have the digits that the engine returned. Binary values are in base64.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from catalog_model.checks import shown
from catalog_model.checks.nesting import parse_json
from catalog_model.dynamodb.strict import key_rules, rules
from catalog_model.dynamodb.strict.request import Action, Schema
from catalog_model.dynamodb.typed_json import MALFORMED, Item, Value

MAX_LINE: Final = 16 * 2**20
"""Maximum bytes of a line: an item of 400 KB has less, whatever its types and escapes."""

DIGEST_BITS: Final = 256

_TYPES: Final[Mapping[str, type]] = {
    "S": str,
    "N": str,
    "B": str,
    "BOOL": bool,
    "NULL": bool,
    "SS": list,
    "NS": list,
    "BS": list,
    "L": list,
    "M": dict,
}
"""The JSON type of the content of each of DynamoDB's types."""

_RULES: Final = (
    rules.values_have_one_type,
    rules.numbers_are_in_range,
    rules.sets_hold_different_values,
    rules.values_nest_at_most_32_levels,
    rules.items_have_at_most_400_kb,
    key_rules.keys_match_the_schema,
    key_rules.keys_are_not_empty,
    key_rules.keys_are_not_too_long,
    key_rules.index_keys_have_their_type,
    key_rules.index_keys_are_not_empty,
    key_rules.index_keys_are_not_too_long,
)
"""The service's rules for the item of a PutItem."""


def line_of(item: Mapping[str, Value]) -> bytes:
    r"""Return an item as a line.

    >>> line_of({"SK": {"S": "a"}, "PK": {"S": "b"}, "data": {"B": b"\0\1"}})
    b'{"Item":{"PK":{"S":"b"},"SK":{"S":"a"},"data":{"B":"AAE="}}}\n'
    """
    content = {name: _encoded(value) for name, value in item.items()}
    try:
        return _json({"Item": content}, ensure_ascii=False)
    except UnicodeEncodeError:  # a lone surrogate, which a lenient engine may hold
        return _json({"Item": content}, ensure_ascii=True)


def item_in(line: bytes) -> Item:
    """Return the item in a line, as boto3 returns and accepts it.

    Raises:
        ValueError: If it is not an item; the message has the reason.

    >>> item_in(b'{"Item": {"PK": {"S": "b"}, "SK": {"S": "a"}, "n": {"NS": ["7", "1"]}}}')
    {'PK': {'S': 'b'}, 'SK': {'S': 'a'}, 'n': {'NS': ['7', '1']}}
    """
    try:
        content = parse_json(line.decode(), _DECODER)
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: {error.reason}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON, column {error.colno}: {error.msg}") from error
    if not isinstance(content, dict) or content.keys() != {"Item"}:
        raise ValueError(f'it must be {{"Item": {{...}}}}, not {shown(content)}')
    item = content["Item"]
    if not isinstance(item, dict):
        raise ValueError(f"Item must be an object of attributes, not {shown(item)}")  # noqa: TRY004
    return {name: _decoded(value, name) for name, value in item.items()}


def check_item(item: Item, schema: Schema) -> None:
    """Check that a table of this schema can hold an item.

    Raises:
        ValueError: If it breaks one of the service's rules; the message has the service's text.
    """
    if not item or "" in item:
        raise ValueError("an item needs its key, and each attribute a name")
    action = Action("PutItem", {"Item": item}, schema)
    for rule in _RULES:
        try:
            problem = rule(action)
        except MALFORMED as error:
            problem = str(error)
        if problem:
            raise ValueError(problem)


def digest_of(line: bytes) -> int:
    """Return the digest of one line; sums of digests do not depend on the order of the lines."""
    return int.from_bytes(sha256(line).digest(), "big")


class Tally:
    """Counts lines, by type of item and by version, and adds up their digests.

    Args:
        type_of: Returns the type of an item; "" for an item that is not of the table's model.
        version_of: Returns its schema version; None if it has none.
    """

    def __init__(
        self, type_of: Callable[[Item], str], version_of: Callable[[Item], int | None]
    ) -> None:
        self.items = 0
        self.foreign = 0
        self.types: Counter[str] = Counter()
        self.versions: Counter[int] = Counter()
        self._sum = 0
        self._type_of = type_of
        self._version_of = version_of

    def count(self, item: Item, line: bytes) -> None:
        """Count one item."""
        self.items += 1
        kind, version = self._type_of(item), self._version_of(item)
        if kind:
            self.types[kind] += 1
            self.versions[version or 0] += 1
        else:
            self.foreign += 1
        self._sum += digest_of(line)

    def add(self, other: Tally) -> None:
        """Add the counts of another part of the table."""
        self.items += other.items
        self.foreign += other.foreign
        self.types.update(other.types)
        self.versions.update(other.versions)
        self._sum += other._sum

    @property
    def digest(self) -> str:
        """The sum of the SHA-256 of all lines, modulo 2**256, in hexadecimal."""
        return f"{self._sum % 2**DIGEST_BITS:064x}"


def _json(value: object, *, ensure_ascii: bool) -> bytes:
    text = json.dumps(value, ensure_ascii=ensure_ascii, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"


def _encoded(value: Value) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: _base64(content)}
        case "BS":
            return {kind: sorted(map(_base64, content))}
        case "SS" | "NS":
            return {kind: sorted(content)}
        case "L":
            return {kind: [_encoded(each) for each in content]}
        case "M":
            return {kind: {name: _encoded(each) for name, each in content.items()}}
    return {kind: content}


def _base64(content: Any) -> str:
    """Encode bytes, also those in a `Binary` of boto3's resources."""
    return b64encode(bytes(getattr(content, "value", content))).decode()


def _decoded(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"{path} must be one value with its type, not {shown(value)}")
    ((kind, content),) = value.items()
    if not _is_of(kind, content):
        raise ValueError(f"{path} is not a value of DynamoDB: {shown(value)}")
    match kind:
        case "B":
            return {kind: _bytes(content, path)}
        case "SS" | "NS" | "BS":
            if not all(type(each) is str for each in content):
                raise ValueError(f"{path} must be a set of texts, not {shown(value)}")
            return {kind: [_bytes(each, path) for each in content] if kind == "BS" else content}
        case "L":
            return {kind: [_decoded(each, f"{path}[{n}]") for n, each in enumerate(content)]}
        case "M":
            return {kind: {name: _decoded(v, f"{path}.{name}") for name, v in content.items()}}
    return {kind: content}


def _is_of(kind: str, content: object) -> bool:
    """Whether the content of a value has the JSON type of its type."""
    return type(content) is _TYPES.get(kind)


def _bytes(content: str, path: str) -> bytes:
    try:
        return b64decode(content, validate=True)
    except ValueError as error:
        raise ValueError(f"{path} is not base64: {shown(content)}") from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("an object has the same key twice")
    return unique


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_without_repetition, parse_constant=_refuse_constant
)

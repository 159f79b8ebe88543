"""Between JSON values and DynamoDB's typed JSON, both ways.

DynamoDB forgets the order of an object's keys and whether a whole number was written ``7`` or
``7.0``. A *form* says both: it is as deep as the value, an object of forms in the order of the
keys, a list of forms, or for anything else whether it is a float. What is read is what is there;
the form only says how.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn

from catalog_model.checks import shown
from catalog_model.dynamodb.limits import MAX_EXPONENT
from catalog_model.errors import UnknownEntityError

Value = Mapping[str, Any]
"""A value of DynamoDB's typed JSON: ``{"S": "text"}``."""

Item = dict[str, Any]
"""An item of typed JSON: its attributes by name."""

MALFORMED: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Exceptions raised when reading items that this package did not write."""

ESCAPE: Final = "__"
IS_FLOAT: Final = 1
AS_IT_READS: Final = 0


class ItemKey(NamedTuple):
    """The primary key of one item of the table."""

    PK: str
    SK: str


def text(value: str) -> Value:
    """Write a string attribute."""
    return {"S": value}


def number(value: float) -> Value:
    """Write a number attribute, in the shortest digits that read back as the same value."""
    return {"N": repr(value).removesuffix(".0")}


def escape(name: str) -> str:
    """Give the name of the attribute for a key of a record: none that the package has itself."""
    reserved = not name or name.startswith("_") or name in ("PK", "SK")
    return ESCAPE + name if reserved else name


def unescape(name: str) -> str:
    """Give the key of a record that is stored under *name*; of other programs the name itself."""
    plain = name.removeprefix(ESCAPE)
    return plain if escape(plain) == name else name


def encode(value: Any) -> Value:
    """Write a JSON value."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return text(value)
        case int() | float():
            return number(value)
        case list():
            return {"L": [encode(element) for element in value]}
    return {"M": {escape(name): encode(element) for name, element in value.items()}}


def decode(value: Value, form: Any) -> Any:  # noqa: PLR0911  # one for each type
    """Read a JSON value; a set is a list in ascending order.

    Raises:
        ValueError: If JSON has no such value, or in place of it anything that malformed data does.
    """
    ((kind, content),) = value.items()
    match kind:
        case "S" | "BOOL":
            return content
        case "N":
            return _number(content, form)
        case "NULL":
            return None
        case "L":
            return [decode(*pair) for pair in zip(content, _forms(form, content), strict=True)]
        case "M":
            return decode_object(content, form if isinstance(form, dict) else {}, {})
        case "NS":
            return sorted(_number(each, AS_IT_READS) for each in content)
        case "SS":
            return sorted(content)
    raise ValueError(f"a value of type {kind} is none of a record")


def _forms(form: Any, elements: list[Any]) -> list[Any]:
    """Give the form of each element of a list; of one that has changed since as they read."""
    is_form = isinstance(form, list) and len(form) == len(elements)
    return form if is_form else [AS_IT_READS] * len(elements)


def decode_object(
    content: Mapping[str, Value], form: dict[str, Any], usual: Mapping[str, Any]
) -> dict[str, Any]:
    """Read what is there: first what *form* names, in its order, then the rest by name."""
    there = {unescape(n) if n[:1] == "_" else n: value for n, value in content.items()}
    if len(there) < len(content):
        raise ValueError("two attributes have the same name without their escape")
    record = {name: decode(there[name], form[name]) for name in form if name in there}
    if len(record) < len(there):
        for name in sorted(there.keys() - record.keys()):
            record[name] = decode(there[name], usual.get(name, AS_IT_READS))
    return record


def _number(content: str, form: Any) -> int | float:
    decimal = _decimal(content)
    is_whole = form != IS_FLOAT and decimal == decimal.to_integral_value()
    return int(decimal) if is_whole else float(content)


def whole(content: str) -> int:
    """Read a whole number, however it is written.

    Raises:
        ValueError: If it is none, or in place of it anything that malformed data does.
    """
    decimal = _decimal(content)
    if decimal != decimal.to_integral_value():
        raise ValueError(f"no whole number: {content[:80]}")
    return int(decimal)


def _decimal(content: str) -> Decimal:
    """Read a number that DynamoDB can hold; to write out another may take forever."""
    decimal = Decimal(content)
    if not decimal.is_finite() or decimal.adjusted() > MAX_EXPONENT:
        raise ValueError(f"no number that DynamoDB holds: {content[:80]}")
    return decimal


def own_value(value: str | int) -> Value:
    """Write an attribute of our own."""
    return text(value) if isinstance(value, str) else number(value)


def key_attributes(key: ItemKey) -> Item:
    """Write the primary key of an item."""
    return {"PK": text(key.PK), "SK": text(key.SK)}


def primary_key(item: Mapping[str, Any]) -> ItemKey:
    """Read the primary key of an item: `key_attributes` turned round."""
    return ItemKey(item["PK"]["S"], item["SK"]["S"])


def read_int(item: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Read a whole number of our own.

    Raises:
        UnknownEntityError: If it is none.
    """
    if name not in item:
        return default
    try:
        return whole(item[name]["N"])
    except MALFORMED as error:
        raise UnknownEntityError(
            f"{name} is no whole number but {shown(item[name])}: {place_of(item)}"
        ) from error


def place_of(item: Mapping[str, Any]) -> str:
    """Show where an item stands, or all of it where it does not say."""
    try:
        return shown(" | ".join(primary_key(item)))
    except MALFORMED:
        return shown(dict(item))


def form_of(value: Any) -> Any:
    """Describe what DynamoDB forgets of a JSON value: key order, and which numbers are floats."""
    if isinstance(value, dict):
        return {name: form_of(element) for name, element in value.items()}
    if isinstance(value, list):
        forms = [form_of(element) for element in value]
        return forms if any(forms) or any(isinstance(e, dict) for e in value) else AS_IT_READS
    return IS_FLOAT if isinstance(value, float) else AS_IT_READS


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""Reads JSON as it is defined: without NaN and infinities."""

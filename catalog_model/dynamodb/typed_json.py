"""Conversion between JSON values and DynamoDB's typed JSON.

DynamoDB loses the order of an object's keys, and whether a whole number was written ``7`` or
``7.0``. A *form* records both. It mirrors the value: an object of forms in the order of the keys, a
list of forms, or, for all other values, whether the value is a float. The content is always that of
the stored value; the form only affects its representation.
"""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn

from catalog_model.checks import shown
from catalog_model.dynamodb.limits import MAX_EXPONENT
from catalog_model.errors import UnknownEntityError

Value = Mapping[str, Any]
"""A typed JSON value of DynamoDB: ``{"S": "text"}``."""

Item = dict[str, Any]
"""An item in typed JSON: its attributes by name."""

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
ALWAYS_HELD: Final = 15
"""The number of digits that any float holds."""

IS_FLOAT: Final = 1
AS_IT_READS: Final = 0


class ItemKey(NamedTuple):
    """The primary key of an item."""

    PK: str
    SK: str


def text(value: str) -> Value:
    """Encode a string attribute."""
    return {"S": value}


def number(value: float) -> Value:
    """Encode a number attribute, with the shortest digits that are parsed as the same value."""
    return {"N": repr(value).removesuffix(".0")}


def escape(name: str) -> str:
    """Return the attribute name for a key of an object, distinct from this package's own names."""
    reserved = not name or name.startswith("_") or name in ("PK", "SK")
    return ESCAPE + name if reserved else name


def unescape(name: str) -> str:
    """Return the key stored under *name*; other programs' names are returned unchanged."""
    plain = name.removeprefix(ESCAPE)
    return plain if escape(plain) == name else name


def encode(value: Any) -> Value:
    """Encode a JSON value."""
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
    """Decode a JSON value; a set becomes a list in ascending order."""
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
    raise ValueError(f"JSON has no value of type {kind}")


def _forms(form: Any, elements: list[Any]) -> list[Any]:
    """Return the form of each element of a list; the default form if the list has changed since."""
    is_form = isinstance(form, list) and len(form) == len(elements)
    return form if is_form else [AS_IT_READS] * len(elements)


def decode_object(
    content: Mapping[str, Value], form: dict[str, Any], usual: Mapping[str, Any]
) -> dict[str, Any]:
    """Decode the attributes: first those in *form*, in its order, then the others by name."""
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
    return int(decimal) if is_whole else _float(content, decimal)


def _float(content: str, decimal: Decimal) -> float:
    """Convert a number to a float, if that holds all of its digits: a write would drop others."""
    held = float(content)
    if len(content) > ALWAYS_HELD and Decimal(repr(held)) != decimal:
        raise ValueError(f"not a number that a float holds exactly: {content[:80]}")
    return held


def whole(content: str) -> int:
    """Parse a whole number in any notation; anything else raises one of `MALFORMED`."""
    if type(content) is str and len(content) <= ALWAYS_HELD and _is_digits(content):
        return int(content)
    decimal = _decimal(content)
    if decimal != decimal.to_integral_value():
        raise ValueError(f"not a whole number: {content[:80]}")
    return int(decimal)


@lru_cache(64)  # each sample reads the same tallies, which seldom change
def _wholes(contents: tuple[str, ...]) -> frozenset[int]:
    """Parse whole numbers, as `whole` does; mostly they are many short ones."""
    are_usual = {str}.issuperset(map(type, contents)) and _is_digits("".join(contents))
    is_short = are_usual and max(map(len, contents)) <= ALWAYS_HELD
    return frozenset(map(int if is_short else whole, contents))


def _is_digits(content: str) -> bool:
    return content.isascii() and content.isdecimal()


def _decimal(content: str) -> Decimal:
    """Parse a number within DynamoDB's limits; formatting others may take forever."""
    decimal = Decimal(content)
    if not decimal.is_finite() or decimal.adjusted() > MAX_EXPONENT:
        raise ValueError(f"not a number in DynamoDB's range: {content[:80]}")
    return decimal


def own_value(value: str | int) -> Value:
    """Encode an attribute of this package."""
    return text(value) if isinstance(value, str) else number(value)


def numbers_value(numbers: Iterable[int]) -> Value:
    """Encode a set of whole numbers, which must not be empty."""
    return {"NS": [str(each) for each in sorted(numbers)]}


def key_attributes(key: tuple[str, str]) -> Item:
    """Encode the primary key of an item."""
    pk, sk = key
    return {"PK": {"S": pk}, "SK": {"S": sk}}


def primary_key(item: Mapping[str, Any]) -> ItemKey:
    """Return the primary key of an item, the reverse of `key_attributes`."""
    return ItemKey(item["PK"]["S"], item["SK"]["S"])


def read_int(item: Mapping[str, Any], name: str, default: int = 0) -> int:
    """Return a whole number written by this package."""
    if name not in item:
        return default
    try:
        return whole(item[name]["N"])
    except MALFORMED as error:
        raise UnknownEntityError(
            f"{name} is not a whole number but {shown(item[name])}: {place_of(item)}"
        ) from error


def read_numbers(item: Mapping[str, Any], name: str) -> frozenset[int]:
    """Return a set of whole numbers written by this package; a missing one is empty."""
    if name not in item:
        return frozenset()
    try:
        return _wholes(tuple(item[name]["NS"]))
    except MALFORMED as error:
        raise UnknownEntityError(
            f"{name} is not a set of whole numbers but {shown(item[name])}: {place_of(item)}"
        ) from error


def place_of(item: Mapping[str, Any]) -> str:
    """Return the key of an item as text, or the whole item if it has none."""
    try:
        return shown(" | ".join(primary_key(item)))
    except MALFORMED:
        return shown(dict(item))


def form_of(value: Any) -> Any:
    """Return what DynamoDB loses of a JSON value: the key order, and which numbers are floats."""
    if isinstance(value, dict):
        return {name: form_of(element) for name, element in value.items()}
    if isinstance(value, list):
        forms = [form_of(element) for element in value]
        return forms if any(forms) or any(isinstance(e, dict) for e in value) else AS_IT_READS
    return IS_FLOAT if isinstance(value, float) else AS_IT_READS


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)
"""Parses standard JSON, without NaN and infinities."""

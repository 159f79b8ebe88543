"""Values in typed JSON that other programs wrote, as values of a record. Pure.

Other layouts store a record's values in other types: a number as a text, a list as a set. Where a
field of the model demands it, a text that is a number becomes a number, and a set becomes a list in
ascending order. Other attributes keep their type. No digit is dropped: a number that no Python
number holds exactly is rejected.
"""

import re
from decimal import Decimal
from typing import Any, Final

from catalog_model.checks import shown
from catalog_model.checks.nesting import parse_json
from catalog_model.checks.plain import MAX_DEPTH, plain, plain_float
from catalog_model.domain.fields import GENRES, Rule
from catalog_model.dynamodb.typed_json import JSON, MALFORMED, _decimal
from catalog_model.errors import InvalidTitleError

TYPES: Final = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})
"""The types of typed JSON."""

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FLAGS: Final = {"true": True, "false": False}
_LIST: Final = "["


def is_typed(value: object) -> bool:
    """Whether *value* has the form of a value in typed JSON, such as ``{"N": "7"}``."""
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= TYPES


class Values:
    """The values of one item. ``unordered`` lists the paths of sets of more than one element."""

    def __init__(self) -> None:
        self.unordered: list[str] = []

    def field(self, value: object, name: str, rule: Rule) -> Any:
        """Return the value of a field of the model.

        A value that cannot become what the field demands keeps its type, for the model to reject.

        Raises:
            InvalidTitleError: If it is malformed, or no Python number holds it exactly.
        """
        kind, content = _parts(value, name)
        if rule.kind is list:
            return self._list(kind, content, name, rule)
        if rule.kind in (int, float) and kind in ("N", "S") and isinstance(content, str):
            return _number(content, name, rule.kind)
        if rule.kind is bool and kind == "S" and isinstance(content, str):
            return _FLAGS.get(content.lower(), content)
        return self.plain(value, name)

    def plain(self, value: object, path: str, depth: int = 1) -> Any:
        """Return the JSON value of an attribute that the model does not know.

        Raises:
            InvalidTitleError: If it is malformed, JSON has no such value, or no Python number holds
                it exactly.
        """
        if depth > MAX_DEPTH:
            raise InvalidTitleError(f"{path[:80]}... is nested more than {MAX_DEPTH} levels deep")
        kind, content = _parts(value, path)
        match kind, content:
            case ("S", str()) | ("BOOL", bool()):
                return content
            case "NULL", bool():
                return None
            case "N", str():
                return _number(content, path, object)
            case "L", list():
                return [
                    self.plain(each, f"{path}[{at}]", depth + 1) for at, each in enumerate(content)
                ]
            case "M", dict():
                return {
                    name: self.plain(each, f"{path}.{name}", depth + 1)
                    for name, each in content.items()
                }
            case (("SS" | "NS"), list()):
                number = None if kind == "SS" else object
                return self._set(content, path, number)
        raise InvalidTitleError(f"{path}: JSON has no such value: {shown(value)}")

    def _list(self, kind: str, content: Any, name: str, rule: Rule) -> Any:
        """Return a list of numbers or texts, from a list, a set, or JSON in a text."""
        number = int if rule is GENRES else None
        if kind in ("SS", "NS") and isinstance(content, list):
            return self._set(content, name, number)
        if kind == "S" and isinstance(content, str) and content.lstrip().startswith(_LIST):
            return _list_in(content, name, number)
        listed = self.plain({kind: content}, name)
        if number and isinstance(listed, list):
            return [_number(e, name, number) if isinstance(e, str) else e for e in listed]
        return listed

    def _set(self, elements: list[Any], path: str, number: type | None) -> list[Any]:
        """Return the elements of a set in ascending order."""
        if len(elements) > 1:
            self.unordered.append(path)
        is_set = all(isinstance(each, str) for each in elements)
        read = [_number(e, path, number) for e in elements] if number and is_set else elements
        if not is_set or (number and any(isinstance(each, str) for each in read)):
            called = "numbers" if number else "texts"
            raise InvalidTitleError(f"{path} is not a set of {called}: {shown(elements)}")
        return sorted(read)


def number_in(text: object) -> Decimal | None:
    """Return the number that a text is; None if it is not one that DynamoDB can hold."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text):
        return None
    try:
        return _decimal(text)
    except MALFORMED:
        return None


def _parts(value: object, path: str) -> tuple[str, Any]:
    if not is_typed(value):
        raise InvalidTitleError(f"{path} is not a value of typed JSON: {shown(value)}")
    ((kind, content),) = value.items()  # type: ignore[attr-defined]  # it is an object
    return kind, content


def _number(text: Any, path: str, wanted: type) -> Any:
    """Return the number in a text, as an int or a float if *wanted*; another text unchanged.

    Raises:
        InvalidTitleError: If no Python number holds it exactly.
    """
    exact = number_in(text)
    if exact is None:
        return text
    is_whole = exact == exact.to_integral_value()
    if wanted is int and is_whole:
        return int(exact)
    number = plain_float(exact) if wanted is float else plain(exact)
    if isinstance(number, Decimal):
        raise InvalidTitleError(f"{path} has more digits than a float holds: {shown(text)}")
    return number


def _list_in(text: str, name: str, number: type | None) -> Any:
    """Return the list that a text holds as JSON, as tables imported from CSV have it."""
    try:
        found = parse_json(text, JSON)
    except MALFORMED:
        return text
    if number and isinstance(found, list):
        return [_number(each, name, number) for each in found]
    return found

"""Reads the answers that DynamoDB usually gives, fast; all others are left to botocore.

Whatever a `Reader` accepts, `answer_shapes.check_answer` accepts: a test compares them.
"""

from binascii import crc32
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from botocore.model import OperationModel

from catalog_model.dynamodb.answer_shapes import (
    ONLY_TEXTS,
    InvalidAnswerError,
    check_item,
    check_member,
    is_answer_to,
    is_numeral,
    needed_in,
)
from catalog_model.dynamodb.lane.json_text import loads
from catalog_model.dynamodb.orjson_answers import has_binary

_CHECKSUM: Final = b"\r\nx-amz-crc32:"
_ENCODING: Final = b"\r\ncontent-encoding:"
_LENGTH: Final = b"\r\ncontent-length:"
_AS_USUAL: Final = b"\r\nx-amz-crc32: "
_FLAGS: Final = ("BOOL", "NULL")
_NOT_UNDERSTOOD: Final = (InvalidAnswerError, AttributeError, LookupError, TypeError, ValueError)

Check = Callable[[Any, bytes], None]


class Reader:
    """Reads the answers to one operation."""

    def __init__(self, model: OperationModel) -> None:
        self._operation = model.name
        shape: Any = model.output_shape
        self._needed = needed_in(shape)
        self._checks: dict[str, Check] = {
            name: _CHECKS.get(name) or partial(_check_other, member, name)
            for name, member in shape.members.items()
        }

    def read(self, request: Mapping[str, Any], header: bytes, body: bytes) -> dict[str, Any] | None:
        """Return the content of a response with status 200; None if it is not plainly an answer."""
        at = header.find(_AS_USUAL) + len(_AS_USUAL)
        if at >= len(_AS_USUAL):  # a body with the right checksum is whole
            if header[at : header.index(b"\r", at)] != b"%d" % crc32(body):
                return None
        elif not _is_whole(header.lower(), body):
            return None
        try:
            content = loads(body)
            if type(content) is not dict or not self._needed <= content.keys():
                return None
            for name, part in content.items():
                self._checks[name](part, body)  # LookupError for a new member
            return content if is_answer_to(self._operation, content, request) else None
        except _NOT_UNDERSTOOD:
            return None


def _is_whole(header: bytes, body: bytes) -> bool:
    """Whether the body has its announced length and checksum, and is not encoded."""
    if _ENCODING in header:
        return False
    checksum, length = _field(header, _CHECKSUM), _field(header, _LENGTH)
    return (checksum is None or checksum == b"%d" % crc32(body)) and (
        length is None or length == b"%d" % len(body)
    )


def _field(header: bytes, name: bytes) -> bytes | None:
    _, found, rest = header.partition(name)
    return rest[: rest.index(b"\r\n")].strip() if found else None


def _check_other(shape: Any, name: str, part: Any, _: bytes) -> None:
    check_member(part, shape, name)


def _check_items(items: Any, body: bytes) -> None:
    if type(items) is not list:
        raise InvalidAnswerError("it has no list of items")
    for item in items:
        for value in item.values():
            if type(value.get("S")) is not str or len(value) > 1:  # few values of lists
                _check_one(item, body)
                break


def _check_one(item: Any, body: bytes) -> None:
    """Check an item; its values are mostly texts, numbers, flags, and lists or sets of numbers."""
    for value in item.values():
        ((kind, content),) = value.items()
        if type(content) is str:
            if kind == "S":
                continue
            if kind == "N" and ((content.isdecimal() and content.isascii()) or is_numeral(content)):
                continue
        elif type(content) is bool:
            if kind in _FLAGS:
                continue
        elif type(content) is list and _is_plain(kind, content):
            continue
        if has_binary(body):
            raise InvalidAnswerError("it may have binary attributes")
        check_item(item)
        return


def _is_plain(kind: str, content: list[Any]) -> bool:
    """Whether it is a set of numbers, or a list of plain ones."""
    if kind == "NS":
        return ONLY_TEXTS.issuperset(map(type, content))
    return kind == "L" and _are_plain_numbers(content)


def _are_plain_numbers(values: list[Any]) -> bool:
    for value in values:
        ((kind, content),) = value.items()
        if kind != "N" or not (content.isdecimal() and content.isascii()):
            return False
    return True


def _check_responses(responses: Any, body: bytes) -> None:
    for items in responses.values():
        _check_items(items, body)


_CHECKS: Final[Mapping[str, Check]] = {
    "Item": _check_one,
    "Items": _check_items,
    "LastEvaluatedKey": _check_one,
    "Responses": _check_responses,
}

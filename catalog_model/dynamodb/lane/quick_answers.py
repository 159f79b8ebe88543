"""Reads the answers that DynamoDB usually gives, fast; all others are left to botocore.

Whatever `read` accepts, `answer_shapes.check_answer` accepts: a test compares them.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from botocore.model import OperationModel

from catalog_model.dynamodb.answer_shapes import (
    InvalidAnswerError,
    check_item,
    check_member,
    check_required,
    is_answer_to,
    is_numeral,
)
from catalog_model.dynamodb.orjson_answers import has_binary

_CHECKSUM: Final = b"\r\nx-amz-crc32:"
_ENCODING: Final = b"\r\ncontent-encoding:"
_LENGTH: Final = b"\r\ncontent-length:"
_NOT_UNDERSTOOD: Final = (InvalidAnswerError, AttributeError, LookupError, TypeError, ValueError)


def read(
    model: OperationModel, request: Mapping[str, Any], header: bytes, body: bytes
) -> dict[str, Any] | None:
    """Return the content of a response with status 200; None if it is not plainly an answer."""
    if not _is_whole(header.lower(), body):
        return None
    try:
        content = orjson.loads(body)
        if type(content) is not dict:
            return None
        _check(content, model, body)
        return content if is_answer_to(model.name, content, request) else None
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


def _check(content: dict[str, Any], model: OperationModel, body: bytes) -> None:
    shape: Any = model.output_shape
    check_required(content, shape)
    for name, part in content.items():
        member = shape.members.get(name)
        if member is None:
            raise InvalidAnswerError("it has a new member")
        check = _CHECKS.get(name)
        if check is None:
            check_member(part, member, name)
        else:
            check(part, body)


def _check_items(items: Any, body: bytes) -> None:
    if type(items) is not list:
        raise InvalidAnswerError("it has no list of items")
    for item in items:
        _check_one(item, body)


def _check_one(item: Any, body: bytes) -> None:
    for value in item.values():
        ((kind, content),) = value.items()
        if type(content) is str:
            if kind == "S" or (kind == "N" and is_numeral(content)):
                continue
        elif kind == "L" and type(content) is list and all(map(_is_plain_number, content)):
            continue
        if has_binary(body):
            raise InvalidAnswerError("it may have binary attributes")
        check_item(item)
        return


def _is_plain_number(value: Any) -> bool:
    ((kind, content),) = value.items()
    return bool(kind == "N" and content.isdecimal() and content.isascii())


def _check_responses(responses: Any, body: bytes) -> None:
    for items in responses.values():
        _check_items(items, body)


_CHECKS: Final[Mapping[str, Callable[[Any, bytes], None]]] = {
    "Item": _check_one,
    "Items": _check_items,
    "LastEvaluatedKey": _check_one,
    "Responses": _check_responses,
}

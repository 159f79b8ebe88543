"""Responses of proxies, portals and other programs, none of which is a valid answer."""

import gzip
import json
import random
from binascii import crc32
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

JSON: Final = "application/x-amz-json-1.0"
HTML: Final = "text/html"
_OK: Final = 200
_PAGE: Final = b"<!DOCTYPE html><html><head><title>Sign in</title></head></html>"
_DEPTH: Final = 20_000
_TEMPORARY: Final = (429, 500, 502, 503, 504)
_FINAL: Final = (400, 401, 403, 404, 405, 407, 410, 413, 421, 451)

_ANSWERS: Final[Mapping[str, Any]] = {
    "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}},
    "BatchWriteItem": {"UnprocessedItems": {}},
    "CreateTable": {"TableDescription": {"TableName": "t", "TableStatus": "CREATING"}},
    "DeleteTable": {"TableDescription": {"TableName": "t", "TableStatus": "DELETING"}},
    "DescribeTable": {"Table": {"TableName": "t", "TableStatus": "ACTIVE"}},
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "Scan": {"Items": [], "Count": 0, "ScannedCount": 0},
}
"""Empty answers, for the operations whose answers always have content."""


@dataclass(frozen=True, slots=True)
class Garbled:
    """A response that replaces an answer."""

    body: bytes
    status: int = _OK
    kind: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """The answer that is replaced, and its operation."""

    operation: str
    answer: bytes
    rng: random.Random


def _data(body: bytes, **headers: str) -> Garbled:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Garbled(body, kind=JSON, headers=named)


def _same(body: bytes) -> Callable[[Place], Garbled]:
    return lambda _: _data(body)


def _page(*statuses: int, body: bytes = _PAGE, kind: str = HTML) -> Callable[[Place], Garbled]:
    return lambda place: Garbled(body, place.rng.choice(statuses), kind)


def _cut(place: Place) -> Garbled:
    return _data(place.answer[: place.rng.randrange(1, max(2, len(place.answer)))])


def _without_end(place: Place) -> Garbled:
    cut = place.answer[:-1]
    return _data(cut, Content_Length=str(len(place.answer)))


def _wrong_checksum(place: Place) -> Garbled:
    return _data(place.answer, x_amz_crc32=str(crc32(place.answer) ^ 1))


def _bytes_changed(place: Place) -> Garbled:
    """Change a byte in the body, but not the checksum."""
    at = place.rng.randrange(len(place.answer))
    changed = bytes([place.answer[at] ^ 1])
    body = place.answer[:at] + changed + place.answer[at + 1 :]
    return _data(body, x_amz_crc32=str(crc32(place.answer)))


def _of_another_operation(place: Place) -> Garbled:
    own = _ANSWERS.get(place.operation, {}).keys()
    others = [answer for answer in _ANSWERS.values() if answer.keys() != own]
    return _data(json.dumps(place.rng.choice(others)).encode())


def _nulls(place: Place) -> Garbled:
    names = _ANSWERS.get(place.operation, {"Item": 0, "Attributes": 0, "ConsumedCapacity": 0})
    return _data(json.dumps(dict.fromkeys(names)).encode())


def _of_wrong_types(place: Place) -> Garbled:
    names = _ANSWERS.get(place.operation, {"Item": 0, "Attributes": 0, "ConsumedCapacity": 0})
    wrong: Any = place.rng.choice((7, "text", True, [[]], ["text"], {"a": 7}))
    return _data(json.dumps(dict.fromkeys(names, wrong)).encode())


def _error_of(content: object) -> Callable[[Place], Garbled]:
    return _page(*_TEMPORARY, *_FINAL, body=json.dumps(content).encode(), kind=JSON)


_FORMS: Final[Mapping[str, tuple[str, Callable[[Place], Garbled]]]] = {
    "html": ("a page, with status 200", _page(_OK)),
    "empty": ("nothing, with status 200", _same(b"")),
    "blank": ("white space, with status 200", _same(b" \r\n")),
    "empty_object": ("`{}`, without required members", _same(b"{}")),
    "list": ("`[]`", _same(b"[]")),
    "null": ("`null`", _same(b"null")),
    "number": ("`7`", _same(b"7")),
    "text": ('`"ok"`', _same(b'"ok"')),
    "other_json": ("an object of another service", _same(b'{"status": "ok"}')),
    "other_operation": ("the answer to another operation", _of_another_operation),
    "nulls": ("the right names, each with `null`", _nulls),
    "wrong_types": ("the right names, with values of other types", _of_wrong_types),
    "error_in_200": (
        "an error of the service, with status 200",
        _same(b'{"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"}'),
    ),
    "cut": ("the answer, truncated within its JSON", _cut),
    "cut_short": ("the answer, shorter than its Content-Length", _without_end),
    "not_utf8": ("bytes that are not UTF-8", _same(b'{"Item": "\xff\xfe"}')),
    "utf16": ("UTF-16", _same('{"Items": []}'.encode("utf-16"))),
    "byte_order_mark": (
        "the answer after a byte order mark",
        lambda p: _data(b"\xef\xbb\xbf" + p.answer),
    ),
    "gzip": (
        "the answer, compressed",
        lambda p: _data(gzip.compress(p.answer), Content_Encoding="gzip"),
    ),
    "deep": (f"JSON, {_DEPTH:,} levels deep", _same(b'{"a":' * _DEPTH + b"1" + b"}" * _DEPTH)),
    "not_a_number": ("`NaN`, which is not JSON", _same(b'{"Items": [], "Count": NaN}')),
    "wrong_checksum": ("the answer, with a wrong checksum", _wrong_checksum),
    "changed": ("the answer, with one byte changed", _bytes_changed),
    "created": (
        "the answer, with status 201 or 202",
        lambda p: Garbled(p.answer, p.rng.choice((201, 202)), JSON),
    ),
    "no_content": ("status 204", _page(204, body=b"")),
    "partial": ("the answer, with status 206", lambda p: Garbled(p.answer, 206, JSON)),
    "redirect": (
        "a redirect",
        lambda p: Garbled(
            b"",
            p.rng.choice((300, 301, 302, 303, 307, 308)),
            headers={"Location": "http://portal.invalid/"},
        ),
    ),
    "not_modified": ("status 304", _page(304, body=b"")),
    "error_html": ("a page, with status 4xx", _page(*_FINAL)),
    "trouble_html": ("a page, with status 429 or 5xx", _page(*_TEMPORARY)),
    "error_empty": ("nothing, with an error's status", _page(*_TEMPORARY, *_FINAL, body=b"")),
    "error_json": ("an error of another service, as JSON", _error_of({"message": "Forbidden"})),
    "error_list": ("a list, with an error's status", _error_of([1])),
    "error_untyped": ("an error whose type is not a text", _error_of({"__type": 7, "message": []})),
    "error_not_utf8": (
        "not UTF-8, with an error's status",
        _page(*_TEMPORARY, *_FINAL, body=b"\xff\xfe", kind=JSON),
    ),
    "error_reasons": (
        "a cancelled transaction with invalid reasons",
        _error_of({"__type": "x#TransactionCanceledException", "CancellationReasons": [None, "a"]}),
    ),
}

GARBLED_FORMS: Final[Mapping[str, str]] = {name: what for name, (what, _) in _FORMS.items()}
"""All forms of a ``garbled_answer``, with their descriptions."""


def forms_for(operation: str) -> list[str]:
    """Return the forms that can be distinguished from an answer to an operation."""
    return [name for name in _FORMS if name != "empty_object" or operation in _ANSWERS]


def nothing_of(operation: str) -> bytes:
    """Return an empty answer."""
    return json.dumps(_ANSWERS.get(operation, {})).encode()


def garbled(form: str, place: Place) -> Garbled:
    """Return the response that replaces an answer."""
    _, make = _FORMS[form]
    return make(place)

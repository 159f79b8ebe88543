"""Answers of the application, compared with those of the original."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from original_answers import Answer, AnyOf, First, Row

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]


def compact(records: list[Any]) -> bytes:
    return json.dumps(records, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def first_of(records: Records, kind: str, genre_id: int) -> list[Any]:
    """Apply the original's rule: the first 20 in file order that have the genre."""
    return [record for record in records[kind].values() if genre_id in record["genre_ids"]][:20]


class Received(NamedTuple):
    """A response, received in either way."""

    status: int
    content_type: str | None
    allow: frozenset[str]
    length: int | None
    body: bytes


def received(status: int, headers: Any, body: bytes) -> Received:
    allow = frozenset(name.strip() for name in headers.get("Allow", "").split(",") if name)
    length = headers.get("Content-Length")
    return Received(
        status, headers.get("Content-Type"), allow, int(length) if length else None, body
    )


def assert_is(got: Received, expected: Answer, records: Records, *, method: str = "GET") -> None:
    """Compare an answer byte for byte, or the fixed parts of a random one."""
    assert (got.status, got.content_type) == (expected.status, expected.content_type)
    assert not expected.allow or got.allow == expected.allow
    body = expected.body
    if isinstance(body, First):
        body = compact(first_of(records, body.kind, body.genre_id))
    if method == "HEAD":
        assert got.body == b""
        assert got.length == len(body) if isinstance(body, bytes) else got.length
    elif isinstance(body, AnyOf):
        assert_sample(got.body, records[body.kind])
    else:
        assert body is None or got.body == body


def assert_sample(body: bytes, known: Mapping[str, Any]) -> None:
    """Check for 20 distinct records of one kind, each as in the file."""
    answered = json.loads(body)
    assert body == compact(answered)
    assert len({record["id"] for record in answered}) == len(answered) == 20
    assert all(record == known[str(record["id"])] for record in answered)


def by_label(row: Row) -> str:
    return row.label

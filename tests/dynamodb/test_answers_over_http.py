"""Programs on the wrong port, over real connections: none of their responses is a valid answer.

Tested with each of botocore's retry modes.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from lying_server import MODES, PAGE, handle_on, real_answer, response, sending, serving
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.faults.garbled_answers import GARBLED_FORMS, Place, garbled
from catalog_model.entities import AnyTitle
from catalog_model.errors import ServiceError, ThrottledError, UnreachableError
from catalog_model.operations import table_status
from catalog_model.table import codec
from catalog_model.testing import without_pauses

HER = movie(1, 18, 28)
ITEM = codec.encode_title(HER, version=7, slot=0)
FORMS = [form for form in GARBLED_FORMS if form != "empty_object"]

CALLS: dict[str, Callable[[Catalog], object]] = {
    "GetItem": lambda c: ap.get_title(c, *HER.key),
    "BatchGetItem": lambda c: ap.put_title(c, HER),
    "Query": lambda c: ap.list_titles(c, "movie"),
    "DescribeTable": table_status,
}
"""Calls by their first operation."""


def garble(form: str, operation: str, answer: bytes = b'{"Item": {}}') -> bytes:
    """Return the response that replaces an answer."""
    return response(garbled(form, Place(operation, answer, random.Random(form))))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_an_invalid_answer_is_retried(form: str, mode: str) -> None:
    """In each mode: the second response is a valid answer, and is used."""
    came = [garble(form, "GetItem"), real_answer({"Item": ITEM})]
    with serving(sending(*came)) as address, without_pauses():
        assert ap.get_title(handle_on(address, mode), *HER.key) == HER


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMS)
def test_where_nothing_is_an_answer_it_is_an_error(form: str, mode: str) -> None:
    """The error is that of an unreachable or busy service; it describes the response."""
    sent: list[bytes] = []
    with (
        serving(lambda connection, _: sending(sent[-1])(connection, 1)) as address,
        without_pauses(),
    ):
        handle = handle_on(address, mode)
        for operation, call in CALLS.items():
            sent.append(garble(form, operation, b'{"Items": [], "Count": 0}'))
            with pytest.raises(ServiceError, match=f"{operation} got no answer") as caught:
                call(handle)
            is_busy = b"HTTP/1.1 429" in sent[-1]
            assert type(caught.value) is (ThrottledError if is_busy else UnreachableError)
            assert is_busy or address in str(caught.value)


OTHER_PROTOCOLS = {
    "nothing": b"",
    "ssh": b"SSH-2.0-OpenSSH_9.7\r\n",
    "tls": b"\x15\x03\x01\x00\x02\x02\x46",
    "redis": b"-ERR unknown command 'POST'\r\n",
    "http 0.9": b"<html>hello</html>",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Type: application/x-am",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "negative": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}",
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
    "cut chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "no chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
    "invalid gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x00",
    "status 0": b"HTTP/1.1 000 OK\r\n\r\n{}",
    "status 999": b"HTTP/1.1 999 Denied\r\n\r\n{}",
    "no status": b"HTTP/1.1 OK\r\n\r\n{}",
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n{}",
    "long line": b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n{}",
    "checksum of no number": b"HTTP/1.1 200 OK\r\nx-amz-crc32: abc\r\n\r\n{}",
    "two checksums": b"HTTP/1.1 200 OK\r\nx-amz-crc32: 1\r\nx-amz-crc32: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", OTHER_PROTOCOLS)
def test_another_protocol_is_an_invalid_answer(name: str, mode: str) -> None:
    """A broken protocol is invalid, too; a `{}` in it does not mean that the item is missing."""
    with serving(sending(OTHER_PROTOCOLS[name])) as address, without_pauses():
        handle = handle_on(address, mode)
        for call in CALLS.values():
            with pytest.raises(UnreachableError):
                call(handle)


def test_an_unrequested_item_is_an_invalid_answer() -> None:
    """It may come from a cache, or from a connection with shifted answers."""
    other: AnyTitle = movie(2, 18)
    item = codec.encode_title(other, version=7, slot=0)
    batch = {"Responses": {"titles": [item]}, "UnprocessedKeys": {}}
    for content, call in (
        ({"Item": item}, lambda c: ap.get_title(c, *HER.key)),
        (batch, lambda c: ap.put_title(c, HER)),
        ({"Responses": {}, "UnprocessedKeys": {}}, lambda c: ap.get_titles(c, [HER.key])),
        ({"Responses": {"other": []}}, lambda c: ap.get_titles(c, [HER.key])),
        ({"Items": [], "Count": 1}, lambda c: ap.list_titles(c, "movie")),
        ({"Items": [item] * 3, "Count": 3}, lambda c: ap.list_titles(c, "movie", limit=1)),
        ({"Table": {"TableName": "other", "TableStatus": "DELETING"}}, table_status),
    ):
        sent = real_answer(content)
        with (
            serving(sending(sent)) as address,
            without_pauses(),
            pytest.raises(UnreachableError, match="answers another request"),
        ):
            call(handle_on(address))


ANSWERS: dict[str, bytes] = {
    "as the service writes it": real_answer({"Item": ITEM}),
    "of another content type": real_answer({"Item": ITEM}).replace(b"x-amz-json-1.0", b"json"),
    "with a part to come": real_answer({"Item": ITEM, "NewInTheService": {"Of": "2030"}}),
    "a name twice": real_answer({"Item": ITEM}).replace(b'{"Item"', b'{"Item": {}, "Item"'),
}
ANSWERS["a name twice"] = (
    b"HTTP/1.1 200 OK\r\n\r\n" + ANSWERS["a name twice"].partition(b"\r\n\r\n")[2]
)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_believed(name: str) -> None:
    """Unusual answers are accepted; of a duplicate name the last one counts, as usual in JSON."""
    with serving(sending(ANSWERS[name])) as address:
        assert ap.get_title(handle_on(address), *HER.key) == HER


def test_requests_of_other_code_are_unchanged() -> None:
    """Requests outside the handle get their answers unchanged, even through the same client."""
    with serving(sending(response(PAGE))) as address:
        catalog = handle_on(address)
        answer = catalog.client.get_item(TableName="t", Key={"PK": {"S": "a"}, "SK": {"S": "b"}})
    assert "Item" not in answer

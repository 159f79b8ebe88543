"""A server on a port that is not DynamoDB: it answers as a test requires, down to single bytes."""

import http.client
import json
import random
import socket
import ssl
import threading
import time
from binascii import crc32
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from engines import Engine
from lanes import with_lane
from memory_engine import fill
from table_dump import movie

from catalog_model import Catalog, TitleKey, operations
from catalog_model import access_patterns as ap
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.faults.garbled_answers import Garbled
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.dynamodb.strict.client import strict
from catalog_model.entities import AnyTitle

MODES: Final = ("legacy", "standard", "adaptive")
PAGE: Final = Garbled(b"<!DOCTYPE html><html><title>Sign in</title></html>")
LONGEST: Final = 30.0
"""Seconds after which a server closes a connection; no test takes this long."""

Act = Callable[[socket.socket, int], None]
"""The reaction to a request on a connection, the *n*-th of the server, starting at 1."""


@contextmanager
def serving(act: Act, *, is_reading: bool = True, certificate: Path | None = None) -> Iterator[str]:
    """Run a server in threads of this process; yield its address."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
    if context and certificate:
        context.load_cert_chain(certificate)
    numbers = count(1)
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(plain: socket.socket) -> None:
        plain.settimeout(LONGEST)
        with (
            suppress(OSError),  # the client has closed the connection
            context.wrap_socket(plain, server_side=True) if context else plain as connection,
        ):
            if not is_reading:
                act(connection, next(numbers))
            while is_reading and read_request(connection):
                act(connection, next(numbers))

    def accept() -> None:
        with suppress(OSError):  # it is closed at the end of the block
            while True:
                threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http{'s' * bool(context)}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def read_request(connection: socket.socket) -> bool:
    """Read a request with its body; return whether there was one."""
    with connection.makefile("rb") as received:
        if not received.readline():
            return False
        length = int(http.client.parse_headers(received).get("Content-Length", 0))
        return len(received.read(length)) == length


def sending(*sent: bytes) -> Act:
    """Send one of these to each request, the last one to all others, and close the connection."""

    def act(connection: socket.socket, number: int) -> None:
        connection.sendall(sent[min(number, len(sent)) - 1])
        connection.shutdown(socket.SHUT_WR)

    return act


def response(came: Garbled) -> bytes:
    """Return a response in the format of HTTP/1.1."""
    length = str(len(came.body))
    headers = {"Content-Type": came.kind, "Content-Length": length, "Connection": "close"}
    headers |= came.headers
    lines = [f"HTTP/1.1 {came.status} {HTTPStatus(came.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + came.body


def real_answer(content: object) -> bytes:
    """Return an answer in the form of DynamoDB."""
    body = json.dumps(content).encode()
    headers = {"x-amz-crc32": str(crc32(body)), "x-amzn-RequestId": "R1"}
    return response(Garbled(body, kind="application/x-amz-json-1.0", headers=headers))


def drip(connection: socket.socket, sent: bytes, *, pause: float = 0.05) -> None:
    """Send one byte at a time."""
    for byte in sent:
        connection.sendall(bytes([byte]))
        time.sleep(pause)


def make_certificate(path: Path) -> Path:
    """Write a key and a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now, day = datetime.now(UTC), timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    path.write_bytes(secret + made.public_bytes(pem))
    return path


def handle_on(
    address: str,
    mode: str = "standard",
    deadline: float | None = 10.0,
    *,
    verify: str | None = None,
) -> Catalog:
    """Return a handle with its own client, which makes two attempts."""
    retries: Any = {"mode": mode, "total_max_attempts": 2}
    config = CLIENT_DEFAULTS.merge(Config(retries=retries))
    # The default session reads botocore's files only once.
    client = boto3.client("dynamodb", endpoint_url=address, config=config, verify=verify)
    return Catalog("titles", client=with_lane(client), deadline=deadline)


# --- Calls of every access pattern and operation

WRITING = "TransactWriteItems"
TWICE = Config(retries={"mode": "legacy", "total_max_attempts": 2})
"""Two attempts for each request, without botocore's retry quota."""

STOCK: list[AnyTitle] = [
    movie(number, 18, 28, popularity=number, vote_average=number, vote_count=100 * number)
    for number in range(1, 7)
]
HER = STOCK[0].key

_numbers = count(1000)

Call = Callable[[Catalog], Any]

READS: dict[str, Call] = {
    "get_title": lambda c: ap.get_title(c, *HER),
    "get_titles": lambda c: ap.get_titles(c, [TitleKey("movie", n) for n in range(1, 9)]),
    "get_title_with_genres": lambda c: ap.get_title_with_genres(c, *HER),
    "list_titles": lambda c: ap.list_titles(c, "movie", limit=4).items,
    "list_titles_in_genre": lambda c: ap.list_titles_in_genre(c, "movie", 18).items,
    "list_titles_in_genres": lambda c: ap.list_titles_in_genres(c, "movie", [18, 28]).items,
    "sample_titles": lambda c: ap.sample_titles(c, "movie", 3, rng=random.Random(1)),
    "list_top_rated": lambda c: ap.list_top_rated(c, "movie", min_votes=150, min_rating=1).items,
    "list_released_between": lambda c: (
        ap.list_released_between(c, "movie", "1900-01-01", "2100-01-01").items
    ),
    "find_titles_by_name": lambda c: ap.find_titles_by_name(c, "movie", "m").items,
    "list_genres": lambda c: ap.list_genres(c, "movie"),
    "count_titles": lambda c: ap.count_titles(c, "movie"),
}


def _changed() -> AnyTitle:
    return STOCK[0].replace(popularity=float(next(_numbers)))


def _load(catalog: Catalog) -> AnyTitle:
    changed = _changed()
    report = ap.load_titles(catalog, [changed])
    assert (report.changed, report.created, report.unchanged, report.rejected) == (1, 0, 0, [])
    return changed


NEW: dict[str, Any] = {"tagline": "new"}

WRITES: dict[str, Call] = {
    "put_title": lambda c: ap.put_title(c, _changed()),
    "update_popularity": lambda c: ap.update_popularity(c, *HER, next(_numbers)),
    "update_title": lambda c: ap.update_title(c, *HER, popularity=next(_numbers), **NEW),
    "update_votes": lambda c: ap.update_votes(c, *HER, vote_average=5, vote_count=next(_numbers)),
    "set_genres": lambda c: ap.set_genres(c, *HER, [18, next(_numbers)]),
    "delete_title": lambda c: ap.delete_title(c, *HER),
    "load_titles": _load,
}

LOOKS: dict[str, Call] = {
    "table_status": lambda c: operations.table_status(c).is_ready,
    "verify": lambda c: operations.verify(c, segments=1).is_clean,
    "repair": operations.repair,
    "migrate": lambda c: operations.migrate(c, segments=1).items,
    "create_table": lambda c: operations.create_table(c).status,
}
"""Operations on an existing table that change nothing."""


OPERATIONS = (
    *("BatchGetItem", "CreateTable", "DeleteTable", "DescribeTable", "GetItem", "Query", "Scan"),
    *(WRITING, "UpdateItem"),
)
"""All operations of DynamoDB that this package uses."""


def tried_twice(engine: Engine, table: str, *, orjson: bool | None = None) -> Catalog:
    """Return a handle with its own client, which retries once."""
    client: Any = boto3.client(
        "dynamodb", endpoint_url=engine.endpoint_url, config=CLIENT_DEFAULTS.merge(TWICE)
    )
    if engine.name == "moto":
        strict(client)
    if engine.name != "moto" if orjson is None else orjson:
        read_with_orjson(with_lane(client))
    return Catalog(table, client=client)


@contextmanager
def stocked(engine: Engine) -> Iterator[Catalog]:
    """Yield a handle on a table with a few titles."""
    catalog = engine.catalog()
    operations.create_table(catalog)
    fill(catalog, STOCK)
    yield catalog
    operations.delete_table(catalog)

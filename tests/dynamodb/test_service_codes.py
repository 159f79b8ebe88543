"""Error codes of the service, or of a proxy in front of it, and the error class of each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.retries import standard

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb import foreign_errors
from catalog_model.dynamodb.failures import translate
from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
    ThrottledError,
    TitleExistsError,
    TitleNotFoundError,
    UnavailableError,
    UnknownEntityError,
    UnreachableError,
)

MODEL = boto3.client("dynamodb", region_name="eu-west-1").meta.service_model

OF_THE_MODEL: dict[str, type[CatalogError]] = {
    "BackupInUseException": ServiceError,
    "BackupNotFoundException": ServiceError,
    "ConditionalCheckFailedException": ConflictError,
    "ContinuousBackupsUnavailableException": ServiceError,
    "DuplicateItemException": ServiceError,
    "ExportConflictException": ServiceError,
    "ExportNotFoundException": ServiceError,
    "GlobalTableAlreadyExistsException": ServiceError,
    "GlobalTableNotFoundException": ServiceError,
    "IdempotentParameterMismatchException": ServiceError,
    "ImportConflictException": ServiceError,
    "ImportNotFoundException": ServiceError,
    "IndexNotFoundException": ServiceError,
    "InternalServerError": UnavailableError,
    "InvalidExportTimeException": ServiceError,
    "InvalidRestoreTimeException": ServiceError,
    "ItemCollectionSizeLimitExceededException": ServiceError,
    "LimitExceededException": ThrottledError,
    "PointInTimeRecoveryUnavailableException": ServiceError,
    "PolicyNotFoundException": ServiceError,
    "ProvisionedThroughputExceededException": ThrottledError,
    "ReplicaAlreadyExistsException": ServiceError,
    "ReplicaNotFoundException": ServiceError,
    "ReplicatedWriteConflictException": ConflictError,
    "RequestLimitExceeded": ThrottledError,
    "ResourceInUseException": ServiceError,
    "ResourceNotFoundException": TableNotFoundError,
    "TableAlreadyExistsException": ServiceError,
    "TableInUseException": ServiceError,
    "TableNotFoundException": TableNotFoundError,
    "ThrottlingException": ThrottledError,
    "TransactionCanceledException": ServiceError,
    "TransactionConflictException": ConflictError,
    "TransactionInProgressException": ServiceError,
}
"""The codes in DynamoDB's own model."""

COMMON: dict[str, type[CatalogError]] = {
    "AccessDenied": AccessDeniedError,
    "AccessDeniedException": AccessDeniedError,
    "ExpiredTokenException": ConfigurationError,
    "IncompleteSignatureException": ConfigurationError,
    "InternalFailure": UnavailableError,
    "InvalidSignatureException": ConfigurationError,
    "MissingAuthenticationTokenException": ConfigurationError,
    "NotAuthorized": AccessDeniedError,
    "OptInRequired": ConfigurationError,
    "RequestExpired": ConfigurationError,
    "RequestTimeout": UnavailableError,
    "ServiceUnavailable": UnavailableError,
    "ServiceUnavailableException": UnavailableError,
    "SlowDown": ThrottledError,
    "SomethingNewException": ServiceError,
    "Throttling": ThrottledError,
    "TooManyRequestsException": ThrottledError,
    "UnrecognizedClientException": ConfigurationError,
    "ValidationException": ServiceError,
}
"""The codes that any AWS service may return."""


def refusal(code: str, status: int = 400) -> ClientError:
    """Make the error that botocore raises for an answer of the service."""
    metadata = {"RequestId": "REQ1", "HTTPStatusCode": status}
    answer: Any = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": metadata}
    return ClientError(answer, "Query")


def test_every_error_of_the_model_has_a_class() -> None:
    """New ones in botocore's model have to be added here."""
    assert {shape.name for shape in MODEL.error_shapes} <= set(OF_THE_MODEL)


@pytest.mark.parametrize(("code", "ours"), [*OF_THE_MODEL.items(), *COMMON.items()])
def test_a_code_decides(code: str, ours: type[CatalogError]) -> None:
    """With code and request id for AWS support, if the service is responsible."""
    error = translate(refusal(code), "films")
    assert type(error) is ours or (ours is ConflictError and isinstance(error, ours))
    assert code in str(error) or isinstance(error, (ConflictError, TableNotFoundError))
    if isinstance(error, ServiceError):
        assert (error.code, error.request_id) == (code, "REQ1")
        assert "REQ1" in str(error)


def test_what_botocore_retries_is_throttled_or_unavailable_here() -> None:
    """The sets here include botocore's."""
    own_try = {"TransactionInProgressException"}
    throttled = set(vars(standard.ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"]) - own_try
    assert throttled <= foreign_errors.THROTTLED
    ill = set(vars(standard.TransientRetryableChecker)["_TRANSIENT_ERROR_CODES"])
    assert ill <= foreign_errors.UNAVAILABLE | foreign_errors.THROTTLED


def test_no_code_is_in_two_sets() -> None:
    """Otherwise the order of the sets would matter."""
    groups = [*foreign_errors.CODES.values(), foreign_errors.RACE, foreign_errors.NO_TABLE]
    assert sum(map(len, groups)) == len(frozenset().union(*groups))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
@pytest.mark.parametrize("code", ["SomethingNewException", "503", ""])
def test_a_failing_service_is_unavailable_for_any_code(code: str, status: int) -> None:
    """A status of 500 or more is an outage, with or without a body."""
    assert type(translate(refusal(code, status), "films")) is UnavailableError


# --- over a connection


class Answer(NamedTuple):
    """The answer of the server at the endpoint, and its error class."""

    status: int
    body: bytes
    ours: type[CatalogError]


ANSWERS = [
    Answer(503, b"<html>There is maintenance</html>", UnreachableError),
    Answer(503, b"", UnreachableError),
    Answer(502, b"<html>Bad gateway</html>", UnreachableError),
    Answer(504, b"{}", UnreachableError),
    Answer(
        500, b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}', UnavailableError
    ),
    Answer(500, b'{"__type":"com.amazon.coral.service#ServiceUnavailable"}', UnavailableError),
    Answer(500, b'{"__type":5,"message":3}', UnreachableError),
    Answer(500, b"\xff\xfe", UnreachableError),
    Answer(429, b"<html>Slow down</html>", ThrottledError),
    Answer(429, b"", ThrottledError),
    Answer(400, b'{"__type":"com.amazon.coral.service#Throttling"}', ThrottledError),
    Answer(400, b'{"__type":"x#ThrottlingException","message":null}', ThrottledError),
    Answer(400, b'{"__type":"x#AccessDeniedException","Message":"no"}', AccessDeniedError),
    Answer(400, b'{"__type":"x#ExpiredTokenException","message":"old"}', ConfigurationError),
    Answer(400, b'{"__type":"x#ResourceNotFoundException","message":"x"}', TableNotFoundError),
    Answer(400, b'{"__type":"x#ValidationException","message":"x"}', ServiceError),
    Answer(400, b"[]", UnreachableError),
    Answer(400, b"null", UnreachableError),
    Answer(400, b'"no"', UnreachableError),
    Answer(400, b"<html>Bad request</html>", UnreachableError),
    Answer(400, b"", UnreachableError),
    Answer(401, b"<html>Who are you</html>", UnreachableError),
    Answer(403, b"<html>Forbidden</html>", UnreachableError),
    Answer(404, b"<html>Not found</html>", UnreachableError),
    Answer(405, b"", UnreachableError),
    Answer(407, b"<html>Log in to the proxy</html>", UnreachableError),
    Answer(302, b"", UnreachableError),
    Answer(307, b"<html>Log in</html>", UnreachableError),
    Answer(408, b"", UnreachableError),
    Answer(413, b"<html>Too large</html>", UnreachableError),
]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """Listen, and answer each request this way."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(answer.status)
            self.send_header("content-length", str(len(answer.body)))
            if answer.status in (302, 307):
                self.send_header("location", "http://127.0.0.1:1/login")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_every_answer_of_the_endpoint_has_a_class(answer: Answer) -> None:
    """In a message of one short line.

    A response that is not DynamoDB's has none of its error classes: a page with status 403 says
    nothing about credentials.
    """
    once = Config(retries={"total_max_attempts": 1})
    with answering(answer) as endpoint, pytest.raises(CatalogError) as caught:
        ap.get_title(Catalog("films", endpoint_url=endpoint, config=once), "movie", 1)
    assert type(caught.value) is answer.ours, caught.value
    assert len(str(caught.value)) < 1000


def test_what_was_asked_is_never_blamed_for_what_the_service_refused() -> None:
    """A rejection is not an invalid argument, a missing title or an existing title."""
    ours = (InvalidArgumentError, TitleNotFoundError, TitleExistsError, UnknownEntityError)
    for code in (*OF_THE_MODEL, *COMMON):
        assert not isinstance(translate(refusal(code), "films"), ours)
    assert isinstance(translate(refusal("ValidationException"), "films"), ServiceError)
    assert not isinstance(translate(refusal("ValidationException"), "films"), SchemaMismatchError)

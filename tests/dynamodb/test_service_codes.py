"""Error codes of the service, or of a proxy in front of it, and the error class of each."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.retries import standard
from lying_server import handle_on, response, sending, serving

from catalog_model import access_patterns as ap
from catalog_model import errors
from catalog_model.dynamodb import foreign_errors
from catalog_model.dynamodb.failures import LostRaceError, translate
from catalog_model.dynamodb.faults.garbled_answers import Garbled
from catalog_model.testing import without_pauses

MODEL = boto3.client("dynamodb", region_name="eu-west-1").meta.service_model

BY_CLASS: dict[type[errors.CatalogError], str] = {
    errors.AccessDeniedError: "AccessDenied AccessDeniedException NotAuthorized",
    errors.ConfigurationError: """
        ExpiredTokenException IncompleteSignatureException InvalidSignatureException
        MissingAuthenticationTokenException OptInRequired RequestExpired UnrecognizedClientException
    """,
    LostRaceError: """
        ConditionalCheckFailedException ReplicatedWriteConflictException
        TransactionConflictException
    """,
    errors.ServiceError: """
        BackupInUseException BackupNotFoundException ContinuousBackupsUnavailableException
        DuplicateItemException ExportConflictException ExportNotFoundException
        GlobalTableAlreadyExistsException GlobalTableNotFoundException
        IdempotentParameterMismatchException ImportConflictException ImportNotFoundException
        IndexNotFoundException InvalidExportTimeException InvalidRestoreTimeException
        ItemCollectionSizeLimitExceededException PointInTimeRecoveryUnavailableException
        PolicyNotFoundException ReplicaAlreadyExistsException ReplicaNotFoundException
        ResourceInUseException SomethingNewException TableAlreadyExistsException
        TableInUseException TransactionCanceledException TransactionInProgressException
        ValidationException
    """,
    errors.TableNotFoundError: "ResourceNotFoundException TableNotFoundException",
    errors.ThrottledError: """
        LimitExceededException ProvisionedThroughputExceededException RequestLimitExceeded SlowDown
        Throttling ThrottlingException TooManyRequestsException
    """,
    errors.UnavailableError: """
        InternalFailure InternalServerError RequestTimeout ServiceUnavailable
        ServiceUnavailableException
    """,
}
CLASS_OF = {code: ours for ours, codes in BY_CLASS.items() for code in codes.split()}
"""The codes in DynamoDB's own model, and those that any AWS service may return."""

REASONS: dict[str, type[errors.CatalogError]] = {
    "None ConditionalCheckFailed": LostRaceError,
    "TransactionConflict None": LostRaceError,
    "TransactionConflict ThrottlingError": errors.ThrottledError,
    "ThrottlingError TransactionConflict": errors.ThrottledError,
    # The same transaction would fail later, too.
    "ProvisionedThroughputExceeded ConditionalCheckFailed": LostRaceError,
    "ThrottlingError ConditionalCheckFailed ValidationError": errors.ServiceError,
    "None ValidationError": errors.ServiceError,
}
"""The reasons of a cancelled transaction, one for each action."""


def refusal(code: str, status: int = 400, message: str = "why", reasons: str = "") -> ClientError:
    """Make the error that botocore raises for an answer of the service."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RequestId": "REQ1", "HTTPStatusCode": status},
        "CancellationReasons": [{"Code": each, "Message": each} for each in reasons.split()],
    }
    return ClientError(response, "Query")


def test_every_error_of_the_model_has_a_class() -> None:
    """New ones in botocore's model have to be added here."""
    assert {shape.name for shape in MODEL.error_shapes} <= set(CLASS_OF)


@pytest.mark.parametrize(("code", "ours"), CLASS_OF.items())
def test_a_code_decides(code: str, ours: type[errors.CatalogError]) -> None:
    """With code and request id for AWS support, if the service is responsible."""
    error = translate(refusal(code), "films")
    assert type(error) is ours
    assert code in str(error) or isinstance(error, (LostRaceError, errors.TableNotFoundError))
    if isinstance(error, errors.ServiceError):
        assert (error.code, error.request_id) == (code, "REQ1")
        assert "REQ1" in str(error)


@pytest.mark.parametrize(("reasons", "ours"), REASONS.items())
def test_the_reasons_of_a_cancelled_transaction_decide(
    reasons: str, ours: type[errors.CatalogError]
) -> None:
    """What no retry gets over takes precedence over a race, and that over throttling."""
    cancelled = refusal("TransactionCanceledException", reasons=reasons)
    assert type(translate(cancelled, "films")) is ours


@pytest.mark.parametrize("message", ["no specified index: x", "the key schema differs"])
def test_a_table_with_other_keys_is_named_by_the_message(message: str) -> None:
    """Its code is that of any invalid request."""
    error = translate(refusal("ValidationException", message=message), "films")
    assert type(error) is errors.SchemaMismatchError


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
    assert type(translate(refusal(code, status), "films")) is errors.UnavailableError


ANSWERS: list[tuple[int, bytes, type[errors.CatalogError]]] = [
    (
        500,
        b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}',
        errors.UnavailableError,
    ),
    (500, b'{"__type":"com.amazon.coral.service#ServiceUnavailable"}', errors.UnavailableError),
    (400, b'{"__type":"com.amazon.coral.service#Throttling"}', errors.ThrottledError),
    (400, b'{"__type":"x#ThrottlingException","message":null}', errors.ThrottledError),
    (400, b'{"__type":"x#AccessDeniedException","Message":"no"}', errors.AccessDeniedError),
    (400, b'{"__type":"x#ExpiredTokenException","message":"old"}', errors.ConfigurationError),
    (400, b'{"__type":"x#ResourceNotFoundException","message":"x"}', errors.TableNotFoundError),
    (400, b'{"__type":"x#ValidationException","message":"x"}', errors.ServiceError),
    *((429, body, errors.ThrottledError) for body in (b"<html>Slow down</html>", b"")),
    *((500, body, errors.UnreachableError) for body in (b'{"__type":5,"message":3}', b"\xff\xfe")),
    *((400, body, errors.UnreachableError) for body in (b"[]", b"null", b'"no"')),
    *(
        (status, body, errors.UnreachableError)
        for status in (302, 307, 400, 401, 403, 404, 405, 407, 408, 413, 502, 503, 504)
        for body in (b"<html>Denied</html>", b"", b"{}")
    ),
]


@pytest.mark.parametrize(("status", "body", "ours"), ANSWERS, ids=range(len(ANSWERS)))
def test_every_answer_of_the_endpoint_has_a_class(
    status: int, body: bytes, ours: type[errors.CatalogError]
) -> None:
    """In a message of one short line.

    A response that is not DynamoDB's has none of its error classes: a page with status 403 says
    nothing about credentials.
    """
    moved = {"Location": "http://127.0.0.1:1/login"} if status in (302, 307) else {}
    sent = response(Garbled(body, status, headers=moved))
    with (
        serving(sending(sent)) as address,
        without_pauses(),
        pytest.raises(errors.CatalogError) as caught,
    ):
        ap.get_title(handle_on(address), "movie", 1)
    assert type(caught.value) is ours, caught.value
    assert len(str(caught.value)) < 1000

"""Which class of ours stands for an exception of another library, or of Python: for every one.

By the closest of its classes, by the service's code, and by where it was raised: what goes wrong
while botocore looks for credentials is a setting, what goes wrong while it reads an answer is an
answer that is none. A class that no table lists is a `ServiceError`.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final

from boto3.exceptions import Boto3Error
from botocore import exceptions as botocore
from botocore.parsers import ResponseParserError
from urllib3 import exceptions as urllib3

from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    ServiceError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)

CLASSES: Final[Mapping[type[BaseException], type[CatalogError]]] = {
    Exception: ServiceError,
    # Settings: wrong, missing, or of a part of botocore that is not installed.
    Boto3Error: ConfigurationError,
    botocore.BotoCoreError: ConfigurationError,
    botocore.MissingServiceIdError: ConfigurationError,
    botocore.UndefinedModelAttributeError: ConfigurationError,
    ImportError: ConfigurationError,
    ValueError: ConfigurationError,
    http.client.InvalidURL: ConfigurationError,
    urllib3.LocationValueError: ConfigurationError,
    urllib3.ProxySchemeUnknown: ConfigurationError,
    urllib3.ProxySchemeUnsupported: ConfigurationError,
    urllib3.URLSchemeUnknown: ConfigurationError,
    # Files that settings name.
    ChildProcessError: ConfigurationError,
    FileExistsError: ConfigurationError,
    FileNotFoundError: ConfigurationError,
    IsADirectoryError: ConfigurationError,
    NotADirectoryError: ConfigurationError,
    PermissionError: ConfigurationError,
    ProcessLookupError: ConfigurationError,
    # No answer.
    OSError: UnreachableError,
    botocore.ConnectionError: UnreachableError,
    botocore.HTTPClientError: UnreachableError,
    http.client.HTTPException: UnreachableError,
    ssl.SSLError: UnreachableError,  # a certificate that does not fit is a ValueError, too
    urllib3.HTTPError: UnreachableError,
    # An answer that is none.
    ResponseParserError: UnavailableError,
    UnicodeDecodeError: UnavailableError,
    botocore.ChecksumError: UnavailableError,
    botocore.FlexibleChecksumError: UnavailableError,
    botocore.IncompleteReadError: UnavailableError,
    json.JSONDecodeError: UnavailableError,
    urllib3.DecodeError: UnavailableError,
    # The retries are used up.
    botocore.CapacityNotAvailableError: ThrottledError,
    # What was asked is at fault, or who asked.
    botocore.AliasConflictParameterError: ServiceError,
    botocore.OperationNotPageableError: ServiceError,
    botocore.PaginationError: ServiceError,
    botocore.ParamValidationError: ServiceError,
    botocore.MissingParametersError: ServiceError,
    botocore.RangeError: ServiceError,
    botocore.StubResponseError: ServiceError,
    botocore.UnknownClientMethodError: ServiceError,
    botocore.UnknownKeyError: ServiceError,
    botocore.UnknownParameterError: ServiceError,
    botocore.UnseekableStreamError: ServiceError,
    botocore.WaiterError: ServiceError,
}
"""The closest class of an exception that stands here decides."""

THROTTLED: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
    }
)

UNAVAILABLE: Final = frozenset(
    {
        "IDPCommunicationError",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerErrorException",
        "InternalServerException",
        "InternalServiceError",
        "InternalServiceException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableError",
        "ServiceUnavailableException",
        "TransientError",
        "Unavailable",
    }
)

RACE: Final = frozenset(
    {
        "ConditionalCheckFailed",
        "ConditionalCheckFailedException",
        "ReplicatedWriteConflictException",
        "TransactionConflict",
        "TransactionConflictException",
    }
)

NO_TABLE: Final = frozenset({"ResourceNotFoundException", "TableNotFoundException"})

DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)

BAD_CREDENTIALS: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "InvalidTokenException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotSignedUp",
        "OptInRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "SubscriptionRequiredException",
        "TokenRefreshRequired",
        "UnrecognizedClientException",
    }
)

CODES: Final[Mapping[type[CatalogError], frozenset[str]]] = {
    ThrottledError: THROTTLED,
    UnavailableError: UNAVAILABLE,
    ConfigurationError: BAD_CREDENTIALS,
    AccessDeniedError: DENIED,
}

FINDS_CREDENTIALS: Final = frozenset({"botocore.credentials", "botocore.tokens"})
READS_ANSWERS: Final = frozenset({"botocore.parsers", "catalog_model.dynamodb.orjson_answers"})


def class_of(error: BaseException) -> type[CatalogError]:
    """Give the class for an exception that is no answer of the service.

    >>> class_of(botocore.NoCredentialsError()).__name__
    'ConfigurationError'
    >>> class_of(ZeroDivisionError()).__name__
    'ServiceError'
    """
    inner = innermost(error)
    found = next(CLASSES[kind] for kind in type(inner).__mro__ if kind in CLASSES)
    if inner is not error and found is ServiceError:  # nothing that botocore's HTTP client knows
        found = UnreachableError
    if isinstance(inner, OSError) and inner.filename is not None:
        found = ConfigurationError
    if isinstance(inner, botocore.ProxyConnectionError) and _has_two_schemes(inner):
        found = ConfigurationError
    if finder_of_credentials(error):
        return found if found is UnreachableError else ConfigurationError
    if found in (ServiceError, ConfigurationError) and _reads_answers(error):
        return UnavailableError
    return found


def innermost(error: BaseException) -> BaseException:
    """Find what botocore's HTTP client met and had no error for: its own says less."""
    inner = getattr(error, "kwargs", {}).get("error")
    if type(error) is botocore.HTTPClientError and isinstance(inner, Exception):
        return inner
    return error


def class_for_code(code: str, status: int) -> type[CatalogError] | None:
    """Give the class for a code of the service; None for one that has none of its own.

    An answer without a code has its HTTP status for one: a proxy, a load balancer or a page that
    announces maintenance gave it.

    >>> class_for_code("Throttling", 400).__name__, class_for_code("503", 503).__name__
    ('ThrottledError', 'UnavailableError')
    """
    for kind, codes in CODES.items():
        if code in codes:
            return kind
    if code.isdigit():
        return _class_for_status(status)
    is_ill = status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    return UnavailableError if is_ill else None


def _class_for_status(status: int) -> type[CatalogError]:
    match status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return ThrottledError
        case HTTPStatus.FORBIDDEN:
            return AccessDeniedError
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            return ConfigurationError
    return UnavailableError


def finder_of_credentials(error: BaseException) -> str:
    """Name the part of botocore that was looking for credentials; "" if none was."""
    names = [name for module, name in _callers(error) if module in FINDS_CREDENTIALS]
    classes = [name.partition(".")[0] for name in names]
    named = [name for name in classes if name.endswith(("Fetcher", "Provider"))]
    return (named or classes or [""])[-1]


def _has_two_schemes(error: botocore.ProxyConnectionError) -> bool:
    """Tell whether a proxy's URL has a scheme that botocore does not know, and put its before."""
    return str(error.kwargs.get("proxy_url", "")).count("://") > 1


def _reads_answers(error: BaseException) -> bool:
    return any(module in READS_ANSWERS for module, _ in _callers(error))


def _callers(error: BaseException) -> Iterator[tuple[str, str]]:
    """Give the module and the qualified name of each function between us and the error."""
    at = error.__traceback__
    while at is not None:
        frame = at.tb_frame
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        at = at.tb_next

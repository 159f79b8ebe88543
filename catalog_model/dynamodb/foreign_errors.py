"""The exception class of this package for each exception of another library or of Python.

It depends on the closest listed base class, on the service's error code, and on where the exception
was raised: while botocore looks for credentials, or while it parses an answer.
"""

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
    # Settings: invalid, missing, or for a part of botocore that is not installed.
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
    # Files named in settings.
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
    ssl.SSLError: UnreachableError,  # a certificate mismatch is also a ValueError
    urllib3.HTTPError: UnreachableError,
    # An invalid answer.
    ResponseParserError: UnavailableError,
    UnicodeDecodeError: UnavailableError,
    botocore.ChecksumError: UnavailableError,
    botocore.FlexibleChecksumError: UnavailableError,
    botocore.IncompleteReadError: UnavailableError,
    json.JSONDecodeError: UnavailableError,
    urllib3.DecodeError: UnavailableError,
    # Retries are exhausted.
    botocore.CapacityNotAvailableError: ThrottledError,
    # An error in the request or in the code that made it.
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
"""The closest listed base class of an exception determines its class."""

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

CREDENTIAL_MODULES: Final = frozenset({"botocore.credentials", "botocore.tokens"})
PARSER_MODULES: Final = frozenset({"botocore.parsers", "catalog_model.dynamodb.orjson_answers"})


def class_of(error: BaseException) -> type[CatalogError]:
    """Return the class for an exception that is not an error response of the service.

    >>> class_of(botocore.NoCredentialsError()).__name__
    'ConfigurationError'
    >>> class_of(ZeroDivisionError()).__name__
    'ServiceError'
    """
    inner = innermost(error)
    found = next(CLASSES[kind] for kind in type(inner).__mro__ if kind in CLASSES)
    if inner is not error and found is ServiceError:  # unknown to botocore's HTTP client
        found = UnreachableError
    if isinstance(inner, OSError) and inner.filename is not None:
        found = ConfigurationError
    if isinstance(inner, botocore.ProxyConnectionError) and _has_two_schemes(inner):
        found = ConfigurationError
    if credential_provider_in(error):
        return found if found is UnreachableError else ConfigurationError
    if found in (ServiceError, ConfigurationError) and _reads_answers(error):
        return UnavailableError
    return found


def innermost(error: BaseException) -> BaseException:
    """Return the error behind one that botocore's HTTP client could not classify."""
    inner = getattr(error, "kwargs", {}).get("error")
    if type(error) is botocore.HTTPClientError and isinstance(inner, Exception):
        return inner
    return error


def class_for_code(code: str, status: int) -> type[CatalogError] | None:
    """Return the class for an error code of the service; None if there is no specific one.

    A proxy, a load balancer or a maintenance page has no code but its HTTP status.

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


def credential_provider_in(error: BaseException) -> str:
    """Return the credential provider of botocore that failed; "" if none did."""
    names = [name for module, name in _callers(error) if module in CREDENTIAL_MODULES]
    classes = [name.partition(".")[0] for name in names]
    named = [name for name in classes if name.endswith(("Fetcher", "Provider"))]
    return (named or classes or [""])[-1]


def _has_two_schemes(error: botocore.ProxyConnectionError) -> bool:
    """Whether botocore did not recognize the scheme of a proxy's URL, and prefixed another one."""
    return str(error.kwargs.get("proxy_url", "")).count("://") > 1


def _reads_answers(error: BaseException) -> bool:
    return any(module in PARSER_MODULES for module, _ in _callers(error))


def _callers(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the module and qualified name of each function between this package and the error."""
    at = error.__traceback__
    while at is not None:
        frame = at.tb_frame
        yield frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        at = at.tb_next

"""From the errors of botocore and PynamoDB to ours: one table, one function."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as botocore
from pynamodb.exceptions import PynamoDBException

from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    ConflictError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
    ThrottledError,
    UnreachableError,
)
from catalog_model.evolution import check_not_newer


class LostRaceError(ConflictError):
    """A concurrent change was faster: what was read is out of date. Writers try again."""


THROTTLED: Final = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingError",
        "ThrottlingException",
    }
)

RACE: Final = frozenset(
    {
        "ConditionalCheckFailed",
        "ConditionalCheckFailedException",
        "TransactionConflict",
        "TransactionConflictException",
    }
)

BAD_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)

MISCONFIGURED: Final = (
    botocore.ConfigNotFound,
    botocore.ConfigParseError,
    botocore.CredentialRetrievalError,
    botocore.InvalidConfigError,
    botocore.InvalidRegionError,
    botocore.NoCredentialsError,
    botocore.NoRegionError,
    botocore.PartialCredentialsError,
    botocore.ProfileNotFound,
    botocore.TokenRetrievalError,
    botocore.UnknownEndpointError,
)

OTHER_SCHEMA: Final = (
    "Invalid index",  # moto's words
    "key element",
    "key schema",
    "match the schema",
    "specified index",
)
"""What the service says of a table with other keys or indexes."""


@contextmanager
def translated(table_name: str) -> Iterator[None]:
    """Let no error of botocore or PynamoDB through: raise ours in its place, from it."""
    try:
        yield
    except PynamoDBException as error:
        cause = _underneath(error)
        raise translate(cause, table_name) from cause
    except (botocore.BotoCoreError, botocore.ClientError) as error:
        raise translate(error, table_name) from error


def _underneath(error: PynamoDBException) -> Exception:
    """Find the error that botocore raised: PynamoDB wraps it twice, and drops parts of it."""
    wrapped = error.cause
    if not isinstance(wrapped, Exception):
        return error
    return wrapped.__cause__ if isinstance(wrapped.__cause__, botocore.ClientError) else wrapped


def answer_in(error: Exception) -> Any:
    """Give the service's answer that an error came of; {} where there was none."""
    cause = _underneath(error) if isinstance(error, PynamoDBException) else error
    return cause.response if isinstance(cause, botocore.ClientError) else {}


def code_of(error: Exception) -> str:
    """Name an error by the service's code or, where the service did not answer, by its class."""
    code = answer_in(error).get("Error", {}).get("Code")
    return str(code or type(error).__name__)


def translate(error: Exception, table_name: str) -> CatalogError:
    """Give our error for one of theirs."""
    if isinstance(error, botocore.ClientError):
        return _refused(error, table_name)
    if isinstance(error, MISCONFIGURED):
        return ConfigurationError(str(error))
    if isinstance(error, (botocore.HTTPClientError, botocore.ConnectionError)):
        return UnreachableError(f"no answer for table {table_name!r}: {error}")
    return ServiceError(f"{type(error).__name__}: {error}")


def _refused(error: botocore.ClientError, table_name: str) -> CatalogError:
    details = error.response.get("Error", {})
    code, message = details.get("Code", ""), details.get("Message", "") or str(error)
    if code == "TransactionCanceledException":
        code, message = _first_reason(error.response, code, message)
        newer = _newer_item(error.response)
        if newer is not None and code in RACE:
            return newer
    if code in RACE:
        return LostRaceError(f"a concurrent change of table {table_name!r} won: {message}")
    if code == "ResourceNotFoundException" and "Invalid index" not in message:
        return TableNotFoundError(f"there is no table {table_name!r} here: {message}")
    if code in BAD_CREDENTIALS:
        return ConfigurationError(f"the credentials were refused ({code}): {message}")
    if any(words in message for words in OTHER_SCHEMA):
        return SchemaMismatchError(f"table {table_name!r} is not of this model: {message}")
    request_id = error.response.get("ResponseMetadata", {}).get("RequestId", "")
    kind = ThrottledError if code in THROTTLED else ServiceError
    return kind(
        f"{code} from table {table_name!r}: {message} (request {request_id or 'without id'})",
        code=code,
        request_id=request_id,
    )


def _first_reason(response: Any, code: str, message: str) -> tuple[str, str]:
    """Give the reason of a cancelled transaction: a race only when nothing worse is among them."""
    reasons = [reason for reason in response.get("CancellationReasons", []) if _is_real(reason)]
    worse = [reason for reason in reasons if reason["Code"] not in RACE]
    for reason in worse + reasons:
        return reason["Code"], reason.get("Message") or message
    return code, message


def _newer_item(response: Any) -> SchemaMismatchError | None:
    """Find what no repetition gets over: an item that a newer version of this package wrote."""
    for reason in response.get("CancellationReasons", []):
        try:
            check_not_newer(reason.get("Item") or {})
        except SchemaMismatchError as error:
            return error
    return None


def _is_real(reason: dict[str, Any]) -> bool:
    return bool(reason.get("Code", "None") != "None")

"""From the errors of other libraries to ours: `foreign_errors` has the classes, this the words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as botocore
from pynamodb.exceptions import PynamoDBException

from catalog_model.checks import SHOWN
from catalog_model.dynamodb.foreign_errors import (
    NO_TABLE,
    RACE,
    class_for_code,
    class_of,
    finder_of_credentials,
    innermost,
)
from catalog_model.dynamodb.schema import Versions
from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    ConflictError,
    SchemaMismatchError,
    ServiceError,
    TableNotFoundError,
    ThrottledError,
    UnavailableError,
    UnreachableError,
)


class LostRaceError(ConflictError):
    """A concurrent change was faster: what was read is out of date. Writers try again."""


OTHER_SCHEMA: Final = (
    "Invalid index",  # moto's words
    "key element",
    "key schema",
    "match the schema",
    "specified index",
)
"""What the service says of a table with other keys or indexes."""

LONGEST: Final = 500
"""Characters of a message that may be a whole page of somebody else's."""

PLACES_OF_CREDENTIALS: Final = (
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Variables that say where credentials are; none of them is a secret."""


_LOGIN_ERRORS: Final = tuple(kind for name, kind in vars(botocore).items() if name == "LoginError")
"""Not every botocore that this package allows knows `aws login`."""


_NOTHING: Final = ("''", '""', "()", "empty")
"""How errors show the value of a variable that is set to nothing."""


@contextmanager
def translated(
    table_name: str, profile: str | None = None, versions: Versions | None = None
) -> Iterator[None]:
    """Let no error of another library through: raise ours in its place, from it.

    With *versions*, an item that a newer version wrote is told from a lost race.
    """
    try:
        yield
    except (CatalogError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it comes out as one of ours
        cause = _underneath(error)
        raise translate(cause, table_name, profile, versions) from cause


@contextmanager
def making_a_client(table_name: str, profile: str | None = None) -> Iterator[None]:
    """Take whatever has no class of its own for a setting: nothing was asked of the service."""
    try:
        with translated(table_name, profile):
            yield
    except (ConfigurationError, ServiceError) as error:
        if type(error) not in (ConfigurationError, ServiceError):
            raise
        is_plain = isinstance(error.__cause__, botocore.BotoCoreError | None)
        text = str(error) if is_plain else f"the client cannot be made: {error}"
        raise ConfigurationError(f"{text}{_variables_in(text)}") from error.__cause__


def _variables_in(text: str) -> str:
    """Name the variables whose value an error shows, as botocore does not say where it is from."""
    names = sorted(name for name in os.environ if name.startswith("AWS_") and name not in text)
    found = [name for name in names if _shows(text, os.environ[name])]
    empty = [name for name in names if not os.environ[name]]
    if found:
        return f" (set by {' and '.join(found)})"
    is_of_nothing = any(nothing in text for nothing in _NOTHING)
    return f" ({' and '.join(empty)}: set, and empty)" if empty and is_of_nothing else ""


def _shows(text: str, value: str) -> bool:
    if len(value) >= SHOWN:  # a message has its beginning
        return value[: SHOWN - 1] in text
    return bool(value) and bool(re.search(rf"(?<![\w.:/-]){re.escape(value)}(?![\w:/-])", text))


def _underneath(error: Exception) -> Exception:
    """Find the error that botocore raised: PynamoDB wraps it twice, and drops parts of it."""
    wrapped = error.cause if isinstance(error, PynamoDBException) else None
    if not isinstance(wrapped, Exception):
        return error
    return wrapped.__cause__ if isinstance(wrapped.__cause__, botocore.ClientError) else wrapped


def answer_in(error: Exception) -> Any:
    """Give the service's answer that an error came of; {} where there was none."""
    cause = _underneath(error)
    return cause.response if isinstance(cause, botocore.ClientError) else {}


def code_of(error: Exception) -> str:
    """Name an error by the service's code or, where the service did not answer, by its class."""
    code = answer_in(error).get("Error", {}).get("Code")
    return str(code or type(error).__name__)


def translate(
    error: Exception,
    table_name: str,
    profile: str | None = None,
    versions: Versions | None = None,
) -> CatalogError:
    """Give our error for one of theirs; *profile* is what a person may have to log in to."""
    if isinstance(error, botocore.ClientError):
        return _refused(error, table_name, versions)
    kind = class_of(error)
    text = _words(innermost(error))
    if issubclass(kind, UnreachableError):
        return kind(f"no answer for table {table_name!r}: {text}")
    if issubclass(kind, UnavailableError):
        return kind(f"the answer for table {table_name!r} cannot be read: {text}")
    if kind is ConfigurationError and finder_of_credentials(error):
        text = f"no credentials from {finder_of_credentials(error)}{_places()}: {text}"
    return kind(text + _way_to_log_in(error, profile))


def _words(error: BaseException) -> str:
    """Say what an error says, and what it leaves out: its class, or the file."""
    try:
        text = _cut(str(error))
    except Exception:  # noqa: BLE001  # an exception that cannot even say what it is
        text = ""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{_cut(str(error.filename))}: {error.strerror}"
    if text.startswith("Invalid header value"):  # it goes on with all of it, secrets included
        return "a header cannot be sent, as a setting or a credential in it holds a line break"
    if isinstance(error, botocore.BotoCoreError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"


def _places() -> str:
    """Show the variables that say where credentials are."""
    found = [f"{name}={os.environ[name]!r}" for name in PLACES_OF_CREDENTIALS if name in os.environ]
    return f" ({', '.join(found)})" if found else ""


def _way_to_log_in(error: Exception, profile: str | None) -> str:
    """Say which command logs a person in again, where that is what is missing."""
    is_sso = isinstance(error, botocore.SSOError) or (
        isinstance(error, botocore.TokenRetrievalError) and "SSO" in str(error).upper()
    )
    if not is_sso and not isinstance(error, _LOGIN_ERRORS):
        return ""
    names = (profile, *map(os.environ.get, ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")))
    named = next((f" --profile {name}" for name in names if name), "")
    return f" (`aws {'sso login' if is_sso else 'login'}{named}` does)"


def _refused(
    error: botocore.ClientError, table_name: str, versions: Versions | None
) -> CatalogError:
    """Give our error for an answer of the service, or of one that was asked for credentials."""
    answer: Any = error.response
    details, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, message = str(details.get("Code") or ""), str(details.get("Message") or error)
    if code == "TransactionCanceledException":
        code, message = _first_reason(answer, code, message)
        newer = _newer_item(answer, versions) if versions else None
        if newer is not None and code in RACE:
            return newer
    message = _cut(message)
    kind = class_for_code(code, metadata.get("HTTPStatusCode", 0))
    if finder_of_credentials(error) and kind not in (ThrottledError, UnavailableError):
        return ConfigurationError(f"no credentials{_places()}: {_cut(str(error))}")
    if kind is ConfigurationError:
        return ConfigurationError(f"the credentials were refused ({code}): {message}")
    request_id = metadata.get("RequestId", "")
    return _of_the_table(code, message, table_name) or _service_error(kind)(
        f"{code} from table {table_name!r}: {message} (request {request_id or 'without id'})",
        code=code,
        request_id=request_id,
    )


def _of_the_table(code: str, message: str, table_name: str) -> CatalogError | None:
    """Give our error for what is the matter with the table, or with an item in it."""
    if code in RACE:
        return LostRaceError(f"a concurrent change of table {table_name!r} won: {message}")
    if code in NO_TABLE and "Invalid index" not in message:
        return TableNotFoundError(f"there is no table {table_name!r} here: {message}")
    if any(words in message for words in OTHER_SCHEMA):
        return SchemaMismatchError(f"table {table_name!r} is not of this model: {message}")
    return None


def _service_error(kind: type[CatalogError] | None) -> type[ServiceError]:
    return kind if kind is not None and issubclass(kind, ServiceError) else ServiceError


def _first_reason(response: Any, code: str, message: str) -> tuple[str, str]:
    """Give the reason of a cancelled transaction that decides what can be done about it.

    What no repetition gets over comes first; then a condition that does not hold, as the same
    transaction would not be taken later either; then throttling; a conflict last.
    """
    reasons = [reason for reason in response.get("CancellationReasons", []) if _is_real(reason)]
    for reason in sorted(reasons, key=lambda reason: _weight(reason["Code"])):
        return reason["Code"], reason.get("Message") or message
    return code, message


def _weight(code: str) -> int:
    if class_for_code(code, 0) is ThrottledError:
        return 2
    if code in RACE:
        return 1 if code.startswith("ConditionalCheckFailed") else 3
    return 0


def _newer_item(response: Any, versions: Versions) -> SchemaMismatchError | None:
    """Find what no repetition gets over: an item that a newer version of this package wrote."""
    for reason in response.get("CancellationReasons", []):
        try:
            versions.check_not_newer(reason.get("Item") or {})
        except SchemaMismatchError as error:
            return error
    return None


def _is_real(reason: dict[str, Any]) -> bool:
    return bool(reason.get("Code", "None") != "None")

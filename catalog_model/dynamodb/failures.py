"""Translates errors of other libraries: `foreign_errors` has the classes, this the messages."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore import exceptions as botocore
from pynamodb.exceptions import PynamoDBException
from urllib3.exceptions import LocationValueError, ProxySchemeUnknown, ProxySchemeUnsupported

from catalog_model.checks import SHOWN
from catalog_model.dynamodb.foreign_errors import (
    NO_TABLE,
    RACE,
    class_for_code,
    class_of,
    credential_provider_in,
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
    """A concurrent change came first, or an item is not as assumed. Writers read it again."""


MISFIT: Final = "ValidationError"
"""The code of an action of a transaction that does not fit the stored item."""

_OTHER_TYPE: Final = "incorrect data type"
"""The part of the service's message about an attribute that has another type than assumed."""

SCHEMA_MESSAGES: Final = (
    "Invalid index",  # moto's message
    "key element",
    "key schema",
    "match the schema",
    "specified index",
)
"""Parts of the service's messages about a table with other keys or indexes."""

MAX_CHARS: Final = 500
"""Maximum length of a message; it may be a whole page from another server."""

CREDENTIAL_VARIABLES: Final = (
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
"""Variables with the location of credentials; none of them is secret."""


_LOGIN_ERRORS: Final = tuple(kind for name, kind in vars(botocore).items() if name == "LoginError")
"""Older versions of botocore that this package supports do not have `aws login`."""


_CREDENTIALS: Final = frozenset(
    {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
)
"""Variables whose values no error shows; a word of its text may look like one."""

_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_PROXY_ERRORS: Final = (
    botocore.ProxyConnectionError,
    LocationValueError,
    ProxySchemeUnknown,
    ProxySchemeUnsupported,
)

_SHORT: Final = 4
_WORDS: Final = frozenset(
    word.lower()
    for kind in vars(botocore).values()
    for word in re.findall(r"\w+", getattr(kind, "fmt", ""))
)
"""Words of botocore's messages. A value that is one of them, or short, has to be set off."""

_CHOICES: Final = re.compile(r"\('[^()]*'\)| Valid .*", re.DOTALL)
"""The valid values in botocore's messages."""

_EMPTY: Final = ("''", '""', "()", "empty")
"""How errors show the value of a variable that is set but empty."""


class Translation:
    """Raises errors of this package in place of those of other libraries, which become their cause.

    With *versions*, an item written by a newer version is distinguished from a lost race. A context
    manager without a state of its own, so one serves all requests to a table.
    """

    def __init__(
        self, table_name: str, profile: str | None = None, versions: Versions | None = None
    ) -> None:
        self._known = table_name, profile, versions

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, (CatalogError, MemoryError)):
            return
        cause = _botocore_error(error)
        raise translate(cause, *self._known) from cause


translated: Final = Translation


@contextmanager
def client_errors_translated(table_name: str, profile: str | None = None) -> Iterator[None]:
    """Treat errors without a specific class as configuration errors: no request was sent."""
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
    """Return the variables whose values an error shows; botocore does not name its source."""
    names = sorted(
        name
        for name in os.environ.keys() - _CREDENTIALS
        if name.startswith("AWS_") and name not in text
    )
    message = _CHOICES.sub("", text)
    found = [name for name in names if _shows(message, os.environ[name])]
    empty = [name for name in names if not os.environ[name]]
    if found:
        return f" (set by {' and '.join(found)})"
    is_of_nothing = any(nothing in text for nothing in _EMPTY)
    return f" ({' and '.join(empty)}: set, and empty)" if empty and is_of_nothing else ""


def _shows(text: str, value: str) -> bool:
    if len(value) >= SHOWN:  # the message contains its beginning
        return value[: SHOWN - 1] in text
    if len(value) < _SHORT or value.lower() in _WORDS:
        return bool(value) and bool(re.search(rf"""['"(]{re.escape(value)}['")]""", text))
    return bool(re.search(rf"(?<![\w.:/-]){re.escape(value)}(?![\w:/-])", text))


def _botocore_error(error: Exception) -> Exception:
    """Return botocore's error; PynamoDB wraps it twice, and drops parts of it."""
    wrapped = error.cause if isinstance(error, PynamoDBException) else None
    if not isinstance(wrapped, Exception):
        return error
    return wrapped.__cause__ if isinstance(wrapped.__cause__, botocore.ClientError) else wrapped


def answer_in(error: Exception) -> Any:
    """Return the service's answer behind an error; {} if there was none."""
    cause = _botocore_error(error)
    return cause.response if isinstance(cause, botocore.ClientError) else {}


def code_of(error: Exception) -> str:
    """Return the service's error code or, if the service did not answer, the error's class name."""
    code = answer_in(error).get("Error", {}).get("Code")
    return str(code or type(error).__name__)


def translate(
    error: Exception, table_name: str, profile: str | None = None, versions: Versions | None = None
) -> CatalogError:
    """Translate an error to one of this package; *profile* may need a new login."""
    if isinstance(error, botocore.ClientError):
        return _translate_response(error, table_name, versions)
    kind = class_of(error)
    text = _message(innermost(error))
    if issubclass(kind, UnreachableError):
        return kind(f"no answer for table {table_name!r}: {text}")
    if issubclass(kind, UnavailableError):
        return kind(f"the answer for table {table_name!r} cannot be read: {text}")
    if kind is ConfigurationError and credential_provider_in(error):
        text = f"no credentials from {credential_provider_in(error)}{_variables_set()}: {text}"
    return kind(text + _proxy_variables(innermost(error)) + _login_command(error, profile))


def _message(error: BaseException) -> str:
    """Return an error's message, with its class or file if the message lacks it."""
    try:
        text = _cut(str(error))
    except Exception:  # noqa: BLE001  # its text is unavailable
        text = ""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{_cut(str(error.filename))}: {error.strerror}"
    if text.startswith("Invalid header value"):  # it contains the value, which may be secret
        return "a header cannot be sent, as a setting or a credential in it holds a line break"
    if isinstance(error, botocore.BotoCoreError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}... ({len(text):,} characters)"


def _variables_set() -> str:
    found = [f"{name}={os.environ[name]!r}" for name in CREDENTIAL_VARIABLES if name in os.environ]
    return f" ({', '.join(found)})" if found else ""


def _proxy_variables(error: BaseException) -> str:
    """Return the variables of an invalid proxy."""
    found = [name for name in _PROXIES if os.environ.get(name)]
    is_invalid = isinstance(error, _PROXY_ERRORS)
    return f" (the proxy is set by {' and '.join(found)})" if found and is_invalid else ""


def _login_command(error: Exception, profile: str | None) -> str:
    """Return the command that renews the login, if the login is missing."""
    is_sso = isinstance(error, botocore.SSOError) or (
        isinstance(error, botocore.TokenRetrievalError) and "SSO" in str(error).upper()
    )
    if not is_sso and not isinstance(error, _LOGIN_ERRORS):
        return ""
    names = (profile, *map(os.environ.get, ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")))
    named = next((f" --profile {name}" for name in names if name), "")
    return f" (`aws {'sso login' if is_sso else 'login'}{named}` does)"


def _translate_response(
    error: botocore.ClientError, table_name: str, versions: Versions | None
) -> CatalogError:
    answer: Any = error.response
    details, metadata = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    code, message = str(details.get("Code") or ""), str(details.get("Message") or error)
    if code == "TransactionCanceledException":
        code, message = _first_reason(answer, code, message)
        newer = _newer_item(answer, versions) if versions else None
        if newer is not None and (code in RACE or _is_misfit(code, message)):
            return newer
    message = _cut(message)
    kind = class_for_code(code, metadata.get("HTTPStatusCode", 0))
    if credential_provider_in(error) and kind not in (ThrottledError, UnavailableError):
        return ConfigurationError(f"no credentials{_variables_set()}: {_cut(str(error))}")
    if kind is ConfigurationError:
        return ConfigurationError(f"the credentials were refused ({code}): {message}")
    request_id = metadata.get("RequestId", "")
    of_service = kind if kind and issubclass(kind, ServiceError) else ServiceError
    return _table_error(code, message, table_name) or of_service(
        f"{code} from table {table_name!r}: {message} (request {request_id or 'without id'})",
        code=code,
        request_id=request_id,
    )


def _table_error(code: str, message: str, table_name: str) -> CatalogError | None:
    if code in RACE:
        return LostRaceError(f"a concurrent change of table {table_name!r} won: {message}")
    if _is_misfit(code, message):
        return LostRaceError(f"an item of table {table_name!r} is not as assumed: {message}")
    if code in NO_TABLE and "Invalid index" not in message:
        return TableNotFoundError(f"there is no table {table_name!r} here: {message}")
    if any(words in message for words in SCHEMA_MESSAGES):
        return SchemaMismatchError(f"table {table_name!r} is not of this model: {message}")
    return None


def _is_misfit(code: str, message: str) -> bool:
    """Whether an attribute has another type than the operation needs; it may not have been read."""
    return code == MISFIT and _OTHER_TYPE in message


def _first_reason(response: Any, code: str, message: str) -> tuple[str, str]:
    """Return the decisive reason of a cancelled transaction.

    Reasons that a retry cannot resolve come first; then failed conditions, as the same transaction
    would fail later, too; then throttling; conflicts last.
    """
    reasons = [
        reason
        for reason in response.get("CancellationReasons", [])
        if reason.get("Code", "None") != "None"
    ]
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
    """Return the error for an item written by a newer version, which no retry can resolve."""
    for reason in response.get("CancellationReasons", []):
        try:
            versions.check_not_newer(reason.get("Item") or {})
        except SchemaMismatchError as error:
            return error
    return None

"""All exceptions of this package, as one tree.

::

    CatalogError
    ├── InvalidArgumentError      (also ValueError)
    │   ├── InvalidTitleError
    │   └── InvalidCursorError
    ├── TitleNotFoundError        (also LookupError)
    ├── TitleExistsError
    ├── ConflictError
    ├── TableNotFoundError
    ├── SchemaMismatchError
    ├── UnknownEntityError
    ├── ConfigurationError
    └── ServiceError
        ├── AccessDeniedError
        ├── ThrottledError
        └── UnavailableError
            └── UnreachableError

Public functions raise no exceptions of other libraries, and no `OSError` or `ValueError` of
Python's own; the original exception is the ``__cause__``. `MemoryError` and `KeyboardInterrupt`
pass through, and so do exceptions of functions that the caller passed in.
"""

__all__ = [
    "AccessDeniedError",
    "CatalogError",
    "ConfigurationError",
    "ConflictError",
    "InvalidArgumentError",
    "InvalidCursorError",
    "InvalidTitleError",
    "SchemaMismatchError",
    "ServiceError",
    "TableNotFoundError",
    "ThrottledError",
    "TitleExistsError",
    "TitleNotFoundError",
    "UnavailableError",
    "UnknownEntityError",
    "UnreachableError",
]


class CatalogError(Exception):
    """The base class: catch it to catch every deliberate exception of this package."""


class InvalidArgumentError(CatalogError, ValueError):
    """An argument has the wrong type or value; nothing was sent."""


class InvalidTitleError(InvalidArgumentError):
    """A record is not a valid title of this model; nothing was sent."""


class InvalidCursorError(InvalidArgumentError):
    """A cursor was changed, forged, or made by another function or for other arguments."""


class TitleNotFoundError(CatalogError, LookupError):
    """There is no title of this kind and id."""


class TitleExistsError(CatalogError):
    """A title of this kind and id already exists, and must not be replaced."""


class ConflictError(CatalogError):
    """Concurrent changes won at every attempt of this write; nothing of it was applied."""


class TableNotFoundError(CatalogError):
    """The table does not exist in this account and region, or at this endpoint."""


class SchemaMismatchError(CatalogError):
    """The table, or an item in it, is not of this model, or of a newer version."""


class UnknownEntityError(CatalogError):
    """An item cannot be read as one of this model; it is reported, never dropped."""


class ConfigurationError(CatalogError):
    """Region, credentials, endpoint or another setting is missing, invalid or was rejected.

    No request reached the table. Retrying does not help until the setting is corrected.
    """


class ServiceError(CatalogError):
    """The service rejected or failed a request, and no subclass is more specific.

    ``code`` is the service's error code and ``request_id`` the id to quote to AWS support; both are
    empty if the service did not answer.

    A write that fails this way may still have been applied, completely: botocore repeats a request
    whose answer was lost, and the rejection may be that of the repetition.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class AccessDeniedError(ServiceError):
    """The credentials are valid, but their policies do not allow this request."""


class ThrottledError(ServiceError):
    """The table or the account exceeded its throughput, and retries did not help."""


class UnavailableError(ServiceError):
    """The service is failing: it returned an error or an invalid answer. Try again later.

    A write that fails this way may have been applied: completely or not at all.
    """


class UnreachableError(UnavailableError):
    """No answer from the endpoint: refused, timed out or broken connection, or not DynamoDB.

    A write that fails this way may have been applied: completely or not at all.
    """

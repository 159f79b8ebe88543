"""Everything that can go wrong, as one tree.

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

No exception of another library leaves a public function, nor an `OSError` or `ValueError` of
Python's own; the one that was underneath stays readable as ``__cause__``. `MemoryError` and
`KeyboardInterrupt` pass through, and so does what a function raises that a caller handed in.
"""

from __future__ import annotations

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
    """The root: catch this to catch everything this package raises on purpose."""


class InvalidArgumentError(CatalogError, ValueError):
    """An argument is of the wrong type or out of its bounds; nothing was sent."""


class InvalidTitleError(InvalidArgumentError):
    """A record is not a title that this model can keep; nothing was sent."""


class InvalidCursorError(InvalidArgumentError):
    """A cursor was changed, forged, or made by another function or for other arguments."""


class TitleNotFoundError(CatalogError, LookupError):
    """No title has this kind and id."""


class TitleExistsError(CatalogError):
    """A title with this kind and id is there already, and was asked not to be replaced."""


class ConflictError(CatalogError):
    """Concurrent changes won every time this write was tried; nothing of it was applied."""


class TableNotFoundError(CatalogError):
    """The table does not exist in this account and region (or at this endpoint)."""


class SchemaMismatchError(CatalogError):
    """The table that is there, or an item in it, is not of this model, or of a newer version."""


class UnknownEntityError(CatalogError):
    """An item was read that the model has no name for; it is shown, never dropped."""


class ConfigurationError(CatalogError):
    """Region, credentials, endpoint or another setting is missing, cannot be used or was refused.

    Nothing was asked of the table. Trying again does not help before the setting is right.
    """


class ServiceError(CatalogError):
    """The service refused or failed a request in a way that has no class of its own.

    ``code`` is the service's error code and ``request_id`` the id to quote to its support;
    both are empty where the service never answered.

    A write that ends so may have been applied, whole, all the same: botocore repeats a request
    whose answer was lost, and it may be the repetition that was refused.
    """

    def __init__(self, message: str, *, code: str = "", request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class AccessDeniedError(ServiceError):
    """The credentials are right, but their policies do not allow this request."""


class ThrottledError(ServiceError):
    """The table or the account is over its throughput, and retrying did not help."""


class UnavailableError(ServiceError):
    """The service is ill: it failed, or gave an answer that is none. To be tried again later.

    A write that ends so may or may not have been applied; it was applied whole or not at all.
    """


class UnreachableError(UnavailableError):
    """No answer from the endpoint: connection refused, timed out or broken, or no DynamoDB there.

    A write that ends so may or may not have been applied; it was applied whole or not at all.
    """

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
        ├── ThrottledError
        └── UnreachableError

No exception of botocore or PynamoDB leaves a public function; the one that was underneath stays
readable as ``__cause__``.
"""

from __future__ import annotations

__all__ = [
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
    """Region, credentials or profile are missing or cannot be used; nothing was sent."""


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


class ThrottledError(ServiceError):
    """The table or the account is over its throughput, and retrying did not help."""


class UnreachableError(ServiceError):
    """No answer from the endpoint: connection refused, timed out or broken.

    A write that ends so may or may not have been applied; it was applied whole or not at all.
    """

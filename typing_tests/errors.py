"""Errors: one tree, with two of Python's own classes in it."""

from __future__ import annotations

from typing import assert_type

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    ConflictError,
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTitleError,
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


def read(catalog: Catalog, title_id: int) -> Movie | TVShow | None:
    """Distinguish errors, the narrow before the wide."""
    try:
        return ap.get_title(catalog, "movie", title_id)
    except TitleNotFoundError as error:
        assert_type(error, TitleNotFoundError)
        return None
    except UnreachableError as error:
        assert_type(error, UnreachableError)
        raise
    except (ThrottledError, UnavailableError) as error:
        assert_type(error, ThrottledError | UnavailableError)
        assert_type(error.code, str)
        raise
    except AccessDeniedError as error:
        assert_type(error.code, str)
        raise
    except ServiceError as error:
        print(error.request_id)
        raise
    except CatalogError as error:
        assert_type(error, CatalogError)
        raise


def as_pythons_own(catalog: Catalog) -> None:
    """A bad argument is a ValueError, a missing title a LookupError."""
    wide: list[type[CatalogError]] = [
        ConfigurationError,
        ConflictError,
        SchemaMismatchError,
        TableNotFoundError,
        TitleExistsError,
        UnknownEntityError,
    ]
    bad: list[type[ValueError]] = [InvalidArgumentError, InvalidCursorError, InvalidTitleError]
    missing: type[LookupError] = TitleNotFoundError
    print(catalog, wide, bad, missing)

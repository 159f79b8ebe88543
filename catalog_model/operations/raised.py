"""A load on a provisioned table: its write units, and more capacity while it runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_path, check_within
from catalog_model.deployment.control import Control
from catalog_model.deployment.raising import RaisedJournal, put_back, raise_units
from catalog_model.deployment.settings import MOST_SCALED_UNITS
from catalog_model.errors import CatalogError
from catalog_model.operations.control import check_timeout, control_of

__all__ = ["is_raised", "put_capacity_back", "raised_capacity"]

TIMEOUT: Final = 600.0


@contextmanager
def raised_capacity(
    catalog: Catalog, units: int, *, timeout: float = TIMEOUT, folder: str | Path | None = None
) -> Iterator[None]:
    """Raise the capacity of a provisioned table during the block, for a load.

    Raises what a load uses: the reads and writes of the table and the writes of each index. If they
    scale, the bounds of scaling are raised with them. Higher units are kept. At the end, also after
    an error or Ctrl-C, the units and the bounds are as before. DynamoDB allows a limited number of
    decreases a day: docs/table-life.md.

    What was before is written to a file first. After a kill, `put_capacity_back` or the next block
    puts it back.

    Costs some requests that use no units: those of `table_status` in full, an UpdateTable before
    and after, a RegisterScalableTarget for each bound that changes, and a DescribeTable for each
    half second of waiting.

    Args:
        units: Units a second during the block, from 1 on.
        timeout: Maximum number of seconds to wait for the table, before and after.
        folder: Folder of the file; None for the folder of programs' state (XDG_STATE_HOME).

    Raises:
        InvalidArgumentError: If an argument is invalid, or the table is on demand.
        TableNotFoundError: If the table does not exist.
        ConfigurationError: If the file cannot be written; nothing was changed.
        ServiceError: If a change is not allowed, or takes too long. A note on the error of the
            block says so if the capacity could not be put back.

    >>> from catalog_model.operations import create_table, table_status
    >>> status = create_table(Catalog("films"), read_capacity=5, write_capacity=5)
    >>> with raised_capacity(Catalog("films"), 500):
    ...     report = access_patterns.load_titles(Catalog("films"), [Movie.from_json(record)])
    >>> table_status(Catalog("films")).capacity["by_name"]
    UnitsPerSecond(read=5, write=5)
    """
    check_instance(catalog, "catalog", Catalog)
    units = check_within(units, "units", 1, MOST_SCALED_UNITS)
    timeout = check_timeout(timeout)
    control = control_of(catalog)
    journal = _journal(control, folder)
    try:
        raise_units(control, journal, units, time.monotonic() + timeout)
        yield
    except BaseException as error:
        try:
            put_back(control, journal, time.monotonic() + timeout)
        except CatalogError as second:
            if journal.exists():
                error.add_note(f"the capacity is still raised, see {journal.path}: {second}")
        raise
    put_back(control, journal, time.monotonic() + timeout)


def put_capacity_back(
    catalog: Catalog, *, timeout: float = TIMEOUT, folder: str | Path | None = None
) -> bool:
    """Put the capacity back that an interrupted `raised_capacity` left raised.

    Args:
        timeout: Maximum number of seconds to wait for the table.
        folder: Folder of the file, as for `raised_capacity`.

    Returns:
        Whether there was anything to put back.

    Raises:
        ConfigurationError: If the file cannot be read.
        ServiceError: If a change is not allowed, or takes too long; it can be repeated.

    >>> put_capacity_back(catalog)
    False
    """
    check_instance(catalog, "catalog", Catalog)
    deadline = time.monotonic() + check_timeout(timeout)
    control = control_of(catalog)
    return put_back(control, _journal(control, folder), deadline)


def is_raised(catalog: Catalog, *, folder: str | Path | None = None) -> bool:
    """Return whether a file on this machine says that the capacity is raised; sends nothing.

    Args:
        folder: Folder of the file, as for `raised_capacity`.

    >>> is_raised(catalog)
    False
    """
    check_instance(catalog, "catalog", Catalog)
    return _journal(control_of(catalog), folder).exists()


def _journal(control: Control, folder: str | Path | None) -> RaisedJournal:
    return RaisedJournal(
        control, None if folder is None else check_path(folder, "folder", "a folder")
    )

"""Moves the pointer from which applications read the name of their table."""

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, refuse
from catalog_model.deployment.control import Control
from catalog_model.deployment.pointer import Pointed, check_pointer, move_pointer, read_pointer
from catalog_model.dynamodb.clients import check_table
from catalog_model.errors import ConfigurationError, InvalidArgumentError, ServiceError
from catalog_model.operations.control import control_of
from catalog_model.operations.table import table_status

__all__ = ["cut_over", "cut_over_back", "pointed_at"]


def pointed_at(catalog: Catalog, *, pointer: str | None = None) -> Pointed | None:
    """Return the content of the pointer: the table, the one before it, and their lineage.

    Costs one GetParameter, or reads a file. None if the pointer does not exist yet.

    Args:
        catalog: A handle with the credentials and the region of the parameter.
        pointer: The pointer; None for that of the handle.

    Raises:
        InvalidArgumentError: If the handle has no pointer, or *pointer* is not one.
        ConfigurationError: If it cannot be read, or does not name a table.
        ServiceError: If the parameter cannot be read.

    >>> pointed_at(catalog, pointer="file:no-such-file.json") is None
    True
    """
    pointer = _pointer(catalog, pointer)
    return read_pointer(pointer, lambda: control_of(catalog))


def cut_over(catalog: Catalog, table: str, *, pointer: str | None = None) -> Pointed:
    """Let applications use another table: move the pointer to it.

    The pointer holds the table before it as well, and the lineage, so open pages continue. Handles
    change to the new table when they `Catalog.follow` the pointer; *catalog* is not changed. If the
    pointer does not exist, it is made. Repeating it changes nothing.

    Costs a DescribeTable or two; for a parameter, also two GetParameter and a PutParameter.

    Args:
        catalog: A handle on the table before, with the credentials of the parameter.
        table: Name of the new table.
        pointer: The pointer; None for that of the handle.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the handle has no pointer.
        TableNotFoundError: If the new table does not exist.
        ServiceError: If it cannot be used or is not of this model, or a request failed.
        ConfigurationError: If the pointer cannot be read or written.

    >>> from tempfile import mkdtemp
    >>> pointer = f"file:{mkdtemp()}/table.json"
    >>> cut_over(catalog, "netflix-movie-catalog", pointer=pointer).table
    'netflix-movie-catalog'
    """
    pointer = _pointer(catalog, pointer)
    check_table(table)
    _check_usable(catalog, table)
    found = pointed_at(catalog, pointer=pointer)
    if found is None:
        found = _used_so_far(catalog, table)
    elif found.table == table:
        return found
    lineage = found.lineage or catalog.for_table(found.table).lineage
    moved = Pointed(table, found.table if found.table != table else found.previous, lineage)
    return _move(catalog, pointer, moved)


def cut_over_back(catalog: Catalog, *, pointer: str | None = None) -> Pointed:
    """Return to the table before the last `cut_over`; a second call takes that back.

    Args:
        catalog: A handle with the credentials of the parameter.
        pointer: The pointer; None for that of the handle.

    Raises:
        InvalidArgumentError: If the handle has no pointer, or *pointer* is not one.
        ConfigurationError: If the pointer does not exist, has no table before it, or cannot be
            written.
        TableNotFoundError: If the table before does not exist anymore.
        ServiceError: If it cannot be used, or a request failed.

    >>> from tempfile import mkdtemp
    >>> from catalog_model.operations import create_table, delete_table
    >>> pointer = f"file:{mkdtemp()}/table.json"
    >>> second = catalog.for_table("films--restored-20261128T114500Z")
    >>> create_table(second).is_ready
    True
    >>> cut_over(catalog, second.table, pointer=pointer).previous
    'netflix-movie-catalog'
    >>> cut_over_back(catalog, pointer=pointer).table
    'netflix-movie-catalog'
    >>> delete_table(second)
    """
    pointer = _pointer(catalog, pointer)
    found = pointed_at(catalog, pointer=pointer)
    if found is None or found.previous is None:
        problem = "does not exist" if found is None else f"has no table before {found.table!r}"
        raise ConfigurationError(f"pointer {pointer} {problem}")
    _check_usable(catalog, found.previous)
    lineage = found.lineage or catalog.for_table(found.table).lineage
    return _move(catalog, pointer, Pointed(found.previous, found.table, lineage))


def _used_so_far(catalog: Catalog, table: str) -> Pointed:
    """Return what applications use without a pointer: the table of the handle, if it exists."""
    if catalog.table != table and control_of(catalog).exists():
        return Pointed(catalog.table, None, catalog.lineage)
    return Pointed(table)


def _move(catalog: Catalog, pointer: str, to: Pointed) -> Pointed:
    control: Control = control_of(catalog)
    move_pointer(pointer, lambda: control, to)
    return to


def _pointer(catalog: Catalog, pointer: str | None) -> str:
    check_instance(catalog, "catalog", Catalog)
    if pointer is not None:
        return check_pointer(pointer)
    if catalog.pointer is None:
        raise InvalidArgumentError(
            "there is no pointer: CATALOG_TABLE_POINTER (or the option --pointer) names one, such "
            "as ssm:/films/table or file:table.json"
        )
    return catalog.pointer


def _check_usable(catalog: Catalog, table: str) -> None:
    status = table_status(catalog.for_table(table))
    if status.differences:
        why = "; ".join((*status.differences, status.remedy))
        refuse("table", table, f"a table of this model ({why}),")
    if not status.is_ready:
        raise ServiceError(f"table {table!r} is {status.status}", code="NotActive")

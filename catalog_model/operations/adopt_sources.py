"""The sources of an adoption: tables in other layouts, and files of items in typed JSON."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path
from typing import IO, Any, Final, cast

from catalog_model.catalog import Catalog
from catalog_model.checks import check_many, refuse, shown
from catalog_model.domain.arguments import check_kind
from catalog_model.domain.kinds import Kind
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.dynamodb.capacity import rcu
from catalog_model.dynamodb.clients import check_table
from catalog_model.dynamodb.pace import Pace, PacedReads, _size_of
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import InvalidArgumentError, TableNotFoundError
from catalog_model.files.layouts import label_of
from catalog_model.files.reader import _opened
from catalog_model.files.typed_input import items_of

TABLE: Final = "table:"
"""The beginning of a source that is a table."""

_KIND: Final = re.compile("(movie|tv)=(.*)", re.DOTALL)
_WANTED: Final = "table:NAME, a file, an open binary file or a handle on a table"


@dataclass(frozen=True, slots=True)
class Source:
    """A place from which titles are adopted.

    Attributes:
        place: A handle on a table, the path of a file, or an open file.
        kind: The kind of its titles; None if their attributes decide it.
    """

    place: Catalog | Path | IO[bytes]
    kind: Kind | None = None

    @property
    def is_rereadable(self) -> bool:
        """Whether it can be read several times."""
        return isinstance(self.place, (Catalog, Path))


def sources_of(catalog: Catalog, given: Iterable[object]) -> list[Source]:
    """Check the sources of an adoption into the table of *catalog*.

    Raises:
        InvalidArgumentError: If there are none, or one is not a source, or is that table, or occurs
            twice; or a file cannot be read.
    """
    sources = [_source(catalog, each) for each in check_many(given, "sources", _WANTED)]
    if not sources:
        refuse("sources", [], "at least one source")
    seen: list[object] = []
    for source in sources:
        name = source.place.table if isinstance(source.place, Catalog) else source.place
        if name == catalog.table:
            refuse("sources", name, "other tables than the one that adopts them")
        if name in seen:
            raise InvalidArgumentError(f"the source {_named(name)} is given twice")
        seen.append(name)
        if isinstance(source.place, Path):
            _opened(source.place).__exit__(None, None, None)
    return sources


def _named(name: object) -> str:
    return shown(str(name)) if isinstance(name, (str, Path)) else "of an open file"


def _source(catalog: Catalog, given: object) -> Source:
    match given:
        case Source(place, kind):
            if kind is not None:
                check_kind(kind)
            return Source(_place(catalog, place), kind)
        case str():
            found = _KIND.fullmatch(given)
            kind, text = (cast("Kind", found[1]), found[2]) if found else (None, given)
            return Source(_place(catalog, text), kind)
    return Source(_place(catalog, given))


def _place(catalog: Catalog, given: object) -> Catalog | Path | IO[bytes]:
    if isinstance(given, str) and given.startswith(TABLE):
        return _handle(catalog, given.removeprefix(TABLE))
    if isinstance(given, str) and given:
        return Path(given)
    if not isinstance(given, (Catalog, Path)) and not _is_open(given):
        refuse("a source", given, _WANTED)
    return cast("Catalog | Path | IO[bytes]", given)


def _is_open(given: object) -> bool:
    """Whether it is an open file in binary mode."""
    is_file = callable(getattr(given, "readline", None)) and callable(getattr(given, "seekable", 0))
    return is_file and not isinstance(given, TextIOBase) and not getattr(given, "closed", False)


def _handle(catalog: Catalog, table: str) -> Catalog:
    """Return a handle on another table of the same account, region and endpoint."""
    handle = Catalog(check_table(table), client=catalog.client, deadline=catalog.deadline)
    handle._observers = catalog._observers  # its requests are those of this handle
    return handle


@dataclass(slots=True)
class Reading:
    """One reading of all sources: their items, and the cost of it.

    Attributes:
        items: The number of items read.
        requests: The number of requests to the tables.
        read_units: The read units that they took, by the size of the items.
    """

    sources: list[Source]
    pace: Pace
    items: int = 0
    requests: int = 0
    read_units: float = 0.0

    def each(self) -> Iterator[tuple[Sourced[Item] | Rejection, Kind | None]]:
        """Yield each item with its place, or a rejection; and the kind of titles of its source.

        Raises:
            InvalidArgumentError: If a source does not exist, or a file is not JSON.
        """
        for source in self.sources:
            for found in self._items(source):
                self.items += 1
                yield found, source.kind

    def _items(self, source: Source) -> Iterator[Sourced[Item] | Rejection]:
        if not isinstance(source.place, Catalog):
            return items_of(source.place)
        return self._scanned(source.place)

    def _scanned(self, handle: Catalog) -> Iterator[Sourced[Any]]:
        """Read a whole table, page by page."""
        try:
            for items in PacedReads(handle.gateway, self.pace).pages(0, 1):
                self.requests += 1
                self.read_units += rcu(sum(map(_size_of, items)))
                for item in items:
                    yield Sourced(item, handle.table, label_of(item))
        except TableNotFoundError as error:
            raise InvalidArgumentError(f"there is no table {handle.table!r} to adopt") from error

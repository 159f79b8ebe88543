"""The offline table: what access patterns will ask of DynamoDB and be charged, from titles alone.

`offline_catalog` gives a handle on a table in this process's memory. Every access pattern runs on
it unchanged, through the same gateway as always, and `Catalog.trace` shows the requests and the
units to be expected; no account is needed, and no engine.

It is for prediction and for trying things out, and knows what the gateway asks for, no more:
bounds are not looked at, indexes never lag, nothing is throttled. Tests of applications should
use `catalog_model.testing`, where a client as strict as DynamoDB stands before moto.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from catalog_model.catalog import DEFAULT_TABLE, Catalog
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import InvalidTitleError
from catalog_model.table.indexes import SCHEMA
from catalog_model.writes.load import load_titles

if TYPE_CHECKING:
    pass


class OfflineCatalog(Catalog):
    """A handle on a table in this process's memory, which ends with the handle.

    Args:
        table: Name of the table; it is in every request.
        items: What the table holds at first, as DynamoDB's typed JSON, such as a dump of another.
        cursor_secret: As of `Catalog`.

    Raises:
        InvalidArgumentError: If *table* cannot be the name of a table, or an item has no key.
    """

    def __init__(
        self,
        table: str = DEFAULT_TABLE,
        *,
        items: Iterable[Item] = (),
        cursor_secret: str | None = None,
    ) -> None:
        super().__init__(table, cursor_secret=cursor_secret)
        self._table = OfflineClient(SCHEMA, items)
        self._door = OfflineGateway(self.table, self._table, self._observers)

    @property
    def gateway(self) -> Gateway:
        """The door to the table; for this package's own modules."""
        return self._door

    def items(self) -> list[Item]:
        """Copy every item that the table holds, in the order of their keys.

        >>> from catalog_model.analysis.offline import offline_catalog
        >>> len(offline_catalog([Movie.from_json(record)]).items())
        6
        """
        return self._table.items()


def offline_catalog(
    titles: Iterable[Movie | TVShow] = (),
    *,
    table: str = DEFAULT_TABLE,
    items: Iterable[Item] = (),
    cursor_secret: str | None = None,
) -> OfflineCatalog:
    """Make a table in this process's memory, load *titles* into it, and give a handle on it.

    Sends nothing and needs no settings of AWS. Takes a second or two for a thousand titles.

    A request is charged by `catalog_model.dynamodb.capacity`. One that fails reports nothing, as on
    DynamoDB; `capacity.predict_failed_plan` has the price of a transaction that is cancelled.
    The versions of titles count from a random number, which takes 2 to 9 bytes: where so little
    is missing to the next step of 1 KB or 4 KB, another time may be charged a step more or less.

    Args:
        titles: What to load, as `load_titles` does.
        table: Name of the table; it is in every request.
        items: What the table holds before, as DynamoDB's typed JSON, such as a dump of another.
        cursor_secret: As of `Catalog`.

    Raises:
        InvalidTitleError: If one of *titles* cannot be loaded.
        InvalidArgumentError: If *table* cannot be the name of a table, or an item has no key.

    >>> from catalog_model.analysis.offline import offline_catalog
    >>> offline = offline_catalog([Movie.from_json(record)])
    >>> with offline.trace() as trace:
    ...     page = access_patterns.list_titles_in_genre(offline, "movie", 27)
    >>> [(request.operation, request.units) for request in trace]
    [('Query', {'by_popularity': 0.5})]
    """
    catalog = OfflineCatalog(table, items=items, cursor_secret=cursor_secret)
    for rejected in load_titles(catalog, titles).rejected:
        raise InvalidTitleError(f"{rejected.key}: {rejected.reason}")
    return catalog

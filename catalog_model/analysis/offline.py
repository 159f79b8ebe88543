"""The offline table: predicts the requests of access patterns and their charges, from titles alone.

Every access pattern runs on it unchanged, through the same gateway as always. It is meant for
predictions and experiments: limits are not checked, indexes never lag, nothing is throttled. For
tests of applications use `catalog_model.testing`.
"""

from collections.abc import Iterable

from catalog_model.catalog import DEFAULT_TABLE, Catalog
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.typed_json import Item
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import InvalidTitleError
from catalog_model.maintenance.tallies import agreed_spread
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.keys import TallyItem
from catalog_model.table.spread import NOT_SPREAD
from catalog_model.table.title_items import item_name
from catalog_model.writes.load import load_titles


class OfflineCatalog(Catalog):
    """A handle on a table in this process's memory, which exists as long as the handle.

    `offline_catalog` describes the arguments and the errors.
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
        tallies = filter(_is_tally, self._table.items())
        self.sharded_lists = agreed_spread(tallies) != NOT_SPREAD
        self._door = OfflineGateway(self.table, self._table, self._observers)

    @property
    def gateway(self) -> Gateway:
        """The gateway to the table; for this package's own modules."""
        return self._door

    def items(self) -> list[Item]:
        """Return a copy of every item in the table, ordered by key.

        >>> from catalog_model.analysis.offline import offline_catalog
        >>> len(offline_catalog([Movie.from_json(record)]).items())
        5
        """
        return self._table.items()


def _is_tally(item: Item) -> bool:
    return isinstance(item_name(item), TallyItem)


def offline_catalog(
    titles: Iterable[Movie | TVShow] = (),
    *,
    table: str = DEFAULT_TABLE,
    items: Iterable[Item] = (),
    cursor_secret: str | None = None,
) -> OfflineCatalog:
    """Make a table in memory, load *titles* into it, and return a handle on it.

    Runs offline, without settings for AWS. Takes a second or two for a thousand titles.

    `catalog_model.dynamodb.capacity` charges each request. A failed request reports no charge, as
    on DynamoDB; `capacity.predict_failed_plan` predicts the charge of a cancelled transaction.
    Versions of titles start at a random number, which takes 2 to 9 bytes; close to a step of 1 KB
    or 4 KB, the charge may therefore differ by one step between runs.

    Args:
        titles: Titles to load, as for `load_titles`.
        table: Name of the table; it is in every request.
        items: Initial items of the table, as DynamoDB's typed JSON, such as a dump of another
            table.
        cursor_secret: As for `Catalog`.

    Raises:
        InvalidTitleError: If one of *titles* cannot be loaded.
        InvalidArgumentError: If *table* is not a valid table name, or an item has no key.

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

"""Tables whose lists are spread over shards, and handles on them."""

from collections.abc import Iterable

from engines import Engine

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.faults.clock import simulated_time
from catalog_model.entities import AnyTitle
from catalog_model.maintenance.migrate import MigrationReport, migrate
from catalog_model.operations import create_table


def spread(catalog: Catalog, lists: int) -> MigrationReport:
    """Spread the lists over that many shards, in simulated time; the handle knows at once."""
    with simulated_time():
        report = migrate(catalog, list_shards=lists)
    catalog.known_spread = None
    return report


def spread_table(engine: Engine, lists: int, titles: Iterable[AnyTitle]) -> Catalog:
    """Create a table with these titles, in lists of that many shards."""
    catalog = engine.catalog(cursor_secret="shared", lineage="shared", sharded_lists=True)
    create_table(catalog)
    if lists > 1:
        spread(catalog, lists)
    ap.load_titles(catalog, titles)
    return catalog

"""Fills a file of dynoxide with a generated catalogue of any size: `fill`.

`load_titles` itself plans the items, on a table in memory that keeps the tallies only and passes on
everything else, so they are those of any load. dynoxide imports them as DynamoDB's export.
"""

import gzip
import json
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.deployment.dump_form import line_of
from catalog_model.dynamodb.actions import Plan, as_sent
from catalog_model.dynamodb.engines.local import find_dynoxide
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.memory import OfflineClient, OfflineGateway
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.local import start_engine
from catalog_model.operations import create_table
from catalog_model.table import keys
from catalog_model.table.indexes import SCHEMA

TABLE: Final = "scale-catalog"
DATABASE: Final = "catalog.db"
"""The file that `start_engine` opens in its folder."""

Sink = Callable[[Item], object]


class PassingTable(OfflineClient):
    """A table that keeps tallies, and passes all other items on."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(SCHEMA)
        self._sink = sink

    def _write(self, key: ItemKey, item: Item | None) -> None:
        if isinstance(keys.parse_key(*key), keys.TallyItem):
            super()._write(key, item)
        elif item is not None:
            self._sink(item)


class PassingGateway(OfflineGateway):
    """The gateway to it: plans are applied as they are, without the form of a request."""

    def transact(self, operations: Plan) -> None:
        """Apply all operations of a plan or none."""
        self._table.transact(as_sent(operations), {})


class PassingCatalog(Catalog):
    """A handle on a `PassingTable`."""

    def __init__(self, sink: Sink) -> None:
        super().__init__(TABLE)
        self._tallies = PassingTable(sink)
        self._door = PassingGateway(TABLE, self._tallies, self._observers)

    @property
    def gateway(self) -> Gateway:
        """The gateway to the table."""
        return self._door

    def tallies(self) -> list[Item]:
        """Return the tallies of all titles loaded so far."""
        return self._tallies.items()


def items_of(titles: Iterable[Movie | TVShow], sink: Sink) -> int:
    """Pass on all items of a catalogue of these titles, and return the number of titles."""
    catalog = PassingCatalog(sink)
    report = ap.load_titles(catalog, titles)
    if report.rejected:
        raise ValueError(f"rejected: {report.rejected[0]}")
    for item in catalog.tallies():
        sink(item)
    return report.created


def fill(folder: Path, titles: Iterable[Movie | TVShow]) -> int:
    """Fill a new database in a folder, and return the number of its items."""
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    with TemporaryDirectory(dir=folder) as work:
        source = Path(work, "export", TABLE, "data")
        source.mkdir(parents=True)
        with gzip.open(source / "items.json.gz", "wb", compresslevel=1) as file:

            def write(item: Item) -> None:
                nonlocal written
                written += 1
                file.write(line_of(item))

            items_of(titles, write)
        schema = Path(work, "schema.json")
        schema.write_text(json.dumps(_described(), default=str))
        _import(Path(work, "export"), schema, folder / DATABASE)
    return written


def _described() -> dict[str, object]:
    """Return the description of an empty table."""
    with start_engine("dynoxide") as engine:
        catalog = engine.catalog(TABLE)
        create_table(catalog)
        return {"Table": catalog.client.describe_table(TableName=TABLE)["Table"]}


def _import(export: Path, schema: Path, database: Path) -> None:
    binary = find_dynoxide()
    if binary is None:
        raise SystemExit("dynoxide is missing: run `make engine`")
    paths = ["--source", str(export), "--schema", str(schema), "--output", str(database)]
    subprocess.run(  # noqa: S603  # our own program
        [binary, "import", "--force", *paths], check=True, stdout=subprocess.DEVNULL
    )

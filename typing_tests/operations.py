"""A table's life, and a local engine for it."""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

from catalog_model import Catalog
from catalog_model.local import Engine, start_engine
from catalog_model.operations import (
    DumpReport,
    ImportReport,
    MigrationReport,
    RepairReport,
    Report,
    TableStatus,
    TitleFilesReport,
    create_table,
    delete_table,
    dump_table,
    dump_titles,
    import_table,
    migrate,
    repair,
    table_status,
    verify,
)
from catalog_model.testing import Fault, FaultInjector, inject_faults, strict_catalog


def live(catalog: Catalog) -> None:
    """From its creation to its deletion."""
    status = create_table(catalog, read_capacity=5, write_capacity=5, tags={"team": "films"})
    assert_type(status, TableStatus)
    assert_type(table_status(catalog).is_ready, bool)
    assert_type(status.indexes, dict[str, str])
    assert_type(verify(catalog), Report)
    assert_type(verify(catalog).is_clean, bool)
    assert_type(repair(catalog), RepairReport)
    assert_type(migrate(catalog, dry_run=True), MigrationReport)
    assert_type(dump_table(catalog, Path("a.json.gz"), read_units=5), DumpReport)
    assert_type(dump_titles(catalog, "data", overwrite=True), TitleFilesReport)
    with Path("a.json.gz").open("rb") as file:
        assert_type(import_table(catalog, file, into_existing=True), ImportReport)
    delete_table(catalog, timeout=10)


def on_an_engine() -> None:
    """Engines are context managers, and so are catalogues and faults for tests."""
    with start_engine("moto") as engine:
        assert_type(engine, Engine)
        assert_type(engine.catalog("films"), Catalog)
    with strict_catalog() as catalog, inject_faults(catalog, [Fault("throttling")]) as injector:
        assert_type(catalog, Catalog)
        assert_type(injector, FaultInjector)

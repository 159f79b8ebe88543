"""Operations on the whole table: create, change, verify, repair, migrate, delete."""

from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.maintenance.migrate import MigrationReport, migrate
from catalog_model.maintenance.repair import RepairReport, repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations.table import (
    TableStatus,
    create_table,
    delete_table,
    table_status,
)

__all__ = [
    "MigrationReport",
    "RepairReport",
    "Report",
    "Scaling",
    "TableSettings",
    "TableStatus",
    "UnitsPerSecond",
    "create_table",
    "delete_table",
    "migrate",
    "repair",
    "table_status",
    "verify",
]

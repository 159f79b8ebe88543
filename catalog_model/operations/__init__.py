"""Operations on the whole table: create, change, adopt, verify, repair, migrate, delete."""

from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.maintenance.migrate import MigrationReport, migrate
from catalog_model.maintenance.repair import RepairReport, repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations.adopt import adopt_titles
from catalog_model.operations.adopt_report import AdoptPass, AdoptReport, Comparison
from catalog_model.operations.adopt_sources import Source
from catalog_model.operations.table import (
    TableStatus,
    create_table,
    delete_table,
    table_status,
)

__all__ = [
    "AdoptPass",
    "AdoptReport",
    "Comparison",
    "MigrationReport",
    "RepairReport",
    "Report",
    "Scaling",
    "Source",
    "TableSettings",
    "TableStatus",
    "UnitsPerSecond",
    "adopt_titles",
    "create_table",
    "delete_table",
    "migrate",
    "repair",
    "table_status",
    "verify",
]

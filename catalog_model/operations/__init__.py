"""Operations on the whole table: create, change, verify, repair, migrate, delete."""

from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.maintenance.migrate import MigrationReport, migrate
from catalog_model.maintenance.repair import RepairReport, repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations.dump import DumpReport, ImportReport, dump_table, import_table
from catalog_model.operations.raised import is_raised, put_capacity_back, raised_capacity
from catalog_model.operations.s3_import import S3ImportReport, import_from_s3
from catalog_model.operations.table import (
    TableStatus,
    create_table,
    delete_table,
    table_status,
)
from catalog_model.operations.title_files import TitleFilesReport, dump_titles
from catalog_model.writes.load_estimate import LoadEstimate, estimate_load

__all__ = [
    "DumpReport",
    "ImportReport",
    "LoadEstimate",
    "MigrationReport",
    "RepairReport",
    "Report",
    "S3ImportReport",
    "Scaling",
    "TableSettings",
    "TableStatus",
    "TitleFilesReport",
    "UnitsPerSecond",
    "create_table",
    "delete_table",
    "dump_table",
    "dump_titles",
    "estimate_load",
    "import_from_s3",
    "import_table",
    "is_raised",
    "migrate",
    "put_capacity_back",
    "raised_capacity",
    "repair",
    "table_status",
    "verify",
]

"""Operations on the whole table: create, change, adopt, verify, repair, migrate, delete."""

from catalog_model.deployment.pointer import Pointed
from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.maintenance.compare import Difference, TableComparison, compare_tables
from catalog_model.maintenance.migrate import MigrationReport, migrate
from catalog_model.maintenance.repair import RepairReport, repair
from catalog_model.maintenance.verify import Report, verify
from catalog_model.operations.adopt import adopt_titles
from catalog_model.operations.adopt_report import AdoptPass, AdoptReport, Comparison
from catalog_model.operations.adopt_sources import Source
from catalog_model.operations.backup import Backup, back_up_table, list_backups
from catalog_model.operations.cut_over import cut_over, cut_over_back, pointed_at
from catalog_model.operations.dump import DumpReport, ImportReport, dump_table, import_table
from catalog_model.operations.plan import (
    ApplyProgress,
    ApplyReport,
    PlanDifference,
    PlanStep,
    RejectedStep,
    TablePlan,
    apply_plan,
    plan_table,
)
from catalog_model.operations.raised import is_raised, put_capacity_back, raised_capacity
from catalog_model.operations.restore import (
    RestoreReport,
    abandon_restore,
    restore_table,
    unfinished_restore,
)
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
    "AdoptPass",
    "AdoptReport",
    "ApplyProgress",
    "ApplyReport",
    "Backup",
    "Comparison",
    "Difference",
    "DumpReport",
    "ImportReport",
    "LoadEstimate",
    "MigrationReport",
    "PlanDifference",
    "PlanStep",
    "Pointed",
    "RejectedStep",
    "RepairReport",
    "Report",
    "RestoreReport",
    "S3ImportReport",
    "Scaling",
    "Source",
    "TableComparison",
    "TablePlan",
    "TableSettings",
    "TableStatus",
    "TitleFilesReport",
    "UnitsPerSecond",
    "abandon_restore",
    "adopt_titles",
    "apply_plan",
    "back_up_table",
    "compare_tables",
    "create_table",
    "cut_over",
    "cut_over_back",
    "delete_table",
    "dump_table",
    "dump_titles",
    "estimate_load",
    "import_from_s3",
    "import_table",
    "is_raised",
    "list_backups",
    "migrate",
    "plan_table",
    "pointed_at",
    "put_capacity_back",
    "raised_capacity",
    "repair",
    "restore_table",
    "table_status",
    "unfinished_restore",
    "verify",
]

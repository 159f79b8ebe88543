"""Operations on the whole table: create, change, adopt, verify, repair, migrate, delete.

A name is imported when it is used for the first time, so a program that only asks for the status of
its table does not pay for restores and dumps.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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
    from catalog_model.operations.cutover import cut_over, cut_over_back, pointed_at
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
    from catalog_model.operations.table import TableStatus, create_table, delete_table, table_status
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

_MODULES: Final = {
    "deployment.pointer": "Pointed",
    "deployment.settings": "Scaling TableSettings UnitsPerSecond",
    "maintenance.compare": "Difference TableComparison compare_tables",
    "maintenance.migrate": "MigrationReport migrate",
    "maintenance.repair": "RepairReport repair",
    "maintenance.verify": "Report verify",
    "operations.adopt": "adopt_titles",
    "operations.adopt_report": "AdoptPass AdoptReport Comparison",
    "operations.adopt_sources": "Source",
    "operations.backup": "Backup back_up_table list_backups",
    "operations.cutover": "cut_over cut_over_back pointed_at",
    "operations.dump": "DumpReport ImportReport dump_table import_table",
    "operations.plan": (
        "ApplyProgress ApplyReport PlanDifference PlanStep "
        "RejectedStep TablePlan apply_plan plan_table"
    ),
    "operations.raised": "is_raised put_capacity_back raised_capacity",
    "operations.restore": "RestoreReport abandon_restore restore_table unfinished_restore",
    "operations.s3_import": "S3ImportReport import_from_s3",
    "operations.table": "TableStatus create_table delete_table table_status",
    "operations.title_files": "TitleFilesReport dump_titles",
    "writes.load_estimate": "LoadEstimate estimate_load",
}
"""The names of this package by the modules that have them."""

_ORIGINS: Final = {name: module for module, names in _MODULES.items() for name in names.split()}

if not TYPE_CHECKING:  # type checkers read the imports above, and report names that do not exist

    def __getattr__(name: str) -> Any:
        if name not in _ORIGINS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"catalog_model.{_ORIGINS[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})

"""Operations on the whole table: create, change, verify, repair, migrate, delete."""

from catalog_model.deployment.settings import Scaling, TableSettings, UnitsPerSecond
from catalog_model.maintenance.migrate import MigrationReport, migrate
from catalog_model.maintenance.repair import RepairReport, repair
from catalog_model.maintenance.verify import Report, verify
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
from catalog_model.operations.table import (
    TableStatus,
    create_table,
    delete_table,
    table_status,
)
from catalog_model.writes.load_estimate import LoadEstimate, estimate_load

__all__ = [
    "ApplyProgress",
    "ApplyReport",
    "LoadEstimate",
    "MigrationReport",
    "PlanDifference",
    "PlanStep",
    "RejectedStep",
    "RepairReport",
    "Report",
    "Scaling",
    "TablePlan",
    "TableSettings",
    "TableStatus",
    "UnitsPerSecond",
    "apply_plan",
    "create_table",
    "delete_table",
    "estimate_load",
    "is_raised",
    "migrate",
    "plan_table",
    "put_capacity_back",
    "raised_capacity",
    "repair",
    "table_status",
    "verify",
]

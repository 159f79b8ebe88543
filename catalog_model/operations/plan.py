"""Compare the deployed table with the declared one, and change it step by step."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, refuse
from catalog_model.deployment import scaling
from catalog_model.deployment.change import Change, PlanStep
from catalog_model.deployment.control import Control, UnsupportedError
from catalog_model.deployment.deployed import NOT_OFFERED, NOT_PERMITTED, Deployed, read_deployed
from catalog_model.deployment.drift import (
    KEYS,
    READ_BY,
    STATE,
    Allowed,
    PlanDifference,
    differences,
    surplus_notes,
)
from catalog_model.deployment.performing import perform
from catalog_model.deployment.settings import TableSettings
from catalog_model.deployment.steps import depends_on, steps_of
from catalog_model.dynamodb import waits
from catalog_model.errors import AccessDeniedError, SchemaMismatchError
from catalog_model.operations.control import check_timeout, control_of
from catalog_model.table.indexes import SCHEMA

__all__ = [
    "ApplyProgress",
    "ApplyReport",
    "PlanDifference",
    "PlanStep",
    "RejectedStep",
    "TablePlan",
    "apply_plan",
    "plan_table",
]

TIMEOUT: Final = 3600.0
LOOKS: Final = 3
"""Looks at a change that was carried out and is not shown: reads of settings may be late."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What differs between the declared and the deployed table, and the steps that remove it.

    ``differences`` with a reason in ``left`` have no step. ``surplus`` lists what the table has in
    addition to the declared indexes; it is no difference. The steps are in their order.
    """

    table: str
    differences: tuple[PlanDifference, ...]
    steps: tuple[PlanStep, ...]
    surplus: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the table is as declared."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {**asdict(self), "is_empty": self.is_empty}


@dataclass(frozen=True, slots=True)
class RejectedStep:
    """A step that was rejected, and the reason."""

    step: PlanStep
    reason: str


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """What `apply_plan` did: the steps in their order, those rejected, and the plan at the end."""

    done: tuple[PlanStep, ...]
    rejected: tuple[RejectedStep, ...]
    remaining: TablePlan

    @property
    def is_complete(self) -> bool:
        """Whether the table is as declared now."""
        return self.remaining.is_empty

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            **asdict(self),
            "remaining": self.remaining.to_json(),
            "is_complete": self.is_complete,
        }


@dataclass(frozen=True, slots=True)
class ApplyProgress:
    """The progress of a step: ``number`` of ``total``.

    ``detail`` is what is waited for, or the reason of a rejection. ``seconds`` is the time since
    the step began.
    """

    step: PlanStep
    number: int
    total: int
    state: Literal["started", "waiting", "done", "rejected"]
    detail: str = ""
    seconds: float = 0.0


OnProgress = Callable[[ApplyProgress], object]


def plan_table(
    catalog: Catalog,
    settings: TableSettings | None = None,
    *,
    drop_surplus: bool = False,
    rebuild: bool = False,
) -> TablePlan:
    """Compare the deployed table with the declared keys, indexes and settings.

    Changes nothing. Keys and indexes are always compared; a setting that is not declared is not.
    Costs a DescribeTable; with settings, the requests of `table_status` in full. None of them uses
    units.

    Args:
        settings: The declared settings; None for keys and indexes only.
        drop_surplus: Whether to delete indexes that are not declared.
        rebuild: Whether to delete and create again an index that has other keys, or projects too
            little. Reads of this index fail in between; docs/plan-and-apply.md has another way.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        TableNotFoundError: If the table does not exist.

    >>> plan_table(catalog).is_empty
    True
    >>> plan = plan_table(catalog, TableSettings(protection=True))
    >>> [str(step) for step in plan.steps]
    ['protect the table from deletion']
    """
    allowed = _checked(catalog, settings, drop_surplus, rebuild)
    return _plan(control_of(catalog), settings or TableSettings(), allowed)


def apply_plan(
    catalog: Catalog,
    settings: TableSettings | None = None,
    *,
    drop_surplus: bool = False,
    rebuild: bool = False,
    timeout: float = TIMEOUT,
    on_progress: OnProgress | None = None,
) -> ApplyReport:
    """Change the deployed table into the declared one, step by step.

    Readers and writers may continue. Each step is waited for, an index with its backfill. Safe to
    repeat: after an interruption the next run continues. A step that is rejected does not stop the
    others, except those that depend on it.

    Costs a `plan_table` before and after; for each step its requests, and a DescribeTable at least
    before and after, at most every half second. A backfill uses write units of the index.

    Args:
        settings: The declared settings; None for keys and indexes only.
        drop_surplus: As in `plan_table`.
        rebuild: As in `plan_table`.
        timeout: Maximum number of seconds for each step.
        on_progress: Called when a step begins, while it is waited for, and when it ends.

    Raises:
        InvalidArgumentError: If an argument is invalid.
        SchemaMismatchError: If the keys of the table differ: this needs a new table.
        TableNotFoundError: If the table does not exist.
        ServiceError: If the service fails, or a step takes too long.

    >>> report = apply_plan(catalog, TableSettings(tags={"team": "films"}))
    >>> [step.text for step in report.done], report.is_complete
    (['set the tags team'], True)
    """
    allowed = _checked(catalog, settings, drop_surplus, rebuild)
    seconds = check_timeout(timeout)
    if on_progress is not None and not callable(on_progress):
        refuse("on_progress", on_progress, "a function of an ApplyProgress")
    control, declared = control_of(catalog), settings or TableSettings()
    plan = _plan(control, declared, allowed)
    keys = next((each for each in plan.differences if each.subject == KEYS), None)
    if keys is not None:
        raise SchemaMismatchError(f"table {catalog.table!r} is not of this model: {keys}")
    run = _Run(control, seconds, on_progress or (lambda _: None))
    while run.carry_out(plan):
        plan = _plan_after(control, declared, allowed, run)
    return ApplyReport(tuple(run.done), tuple(run.rejected), plan)


class _Run:
    """The steps of a run; each is carried out once."""

    def __init__(self, control: Control, timeout: float, on_progress: OnProgress) -> None:
        self.done: list[PlanStep] = []
        self.rejected: list[RejectedStep] = []
        self._control = control
        self._timeout = timeout
        self._on_progress = on_progress

    def new_steps(self, plan: TablePlan) -> list[PlanStep]:
        """Return the steps of a plan that have not been tried."""
        tried = [*self.done, *(each.step for each in self.rejected)]
        return [step for step in plan.steps if step not in tried]

    def carry_out(self, plan: TablePlan) -> bool:
        """Carry out the new steps of a plan; return whether there were any."""
        steps = self.new_steps(plan)
        if steps and steps[0].setting == STATE:
            steps = steps[:1]  # the others were derived from a table that is changing
        for number, step in enumerate(steps, 1):
            reason = self._reason_against(step) or self._perform(step, number, len(steps))
            if reason:
                self.rejected.append(RejectedStep(step, reason))
            else:
                self.done.append(step)
        return bool(steps)

    def _reason_against(self, step: PlanStep) -> str:
        blocked = (each.step for each in self.rejected if depends_on(step, each.step))
        return next((f"needs: {each.text}" for each in blocked), "")

    def _perform(self, step: PlanStep, number: int, total: int) -> str:
        began = time.monotonic()

        def report(state: Any, detail: str = "") -> None:
            passed = time.monotonic() - began
            self._on_progress(ApplyProgress(step, number, total, state, detail, passed))

        report("started")
        deadline = began + self._timeout
        reason = perform(self._control, step, deadline, lambda each: report("waiting", each))
        report("rejected" if reason else "done", reason)
        return reason


def _plan_after(
    control: Control, settings: TableSettings, allowed: Allowed, run: _Run
) -> TablePlan:
    """Return the plan after a run; look again if a change is not shown yet."""
    for look in range(LOOKS):
        plan = _plan(control, settings, allowed)
        is_late = any(step in run.done for step in plan.steps) and not run.new_steps(plan)
        if not is_late or look == LOOKS - 1:
            break
        waits.rest(1.0)
    return plan


def _checked(catalog: object, settings: object, drop_surplus: object, rebuild: object) -> Allowed:
    check_instance(catalog, "catalog", Catalog)
    if settings is not None:
        check_instance(settings, "settings", TableSettings)
    return Allowed(check_flag(drop_surplus, "drop_surplus"), check_flag(rebuild, "rebuild"))


def _plan(control: Control, settings: TableSettings, allowed: Allowed) -> TablePlan:
    found = _read(control, settings, allowed)
    differing = differences(SCHEMA, settings, found, control.name, allowed)
    change = Change(SCHEMA, settings, found, control.table, control.name, allowed, differing)
    surplus = () if allowed.drop_surplus else surplus_notes(SCHEMA, found.description)
    return TablePlan(control.table, differing, steps_of(change), surplus)


def _read(control: Control, settings: TableSettings, allowed: Allowed) -> Deployed:
    found = read_deployed(control, in_full=bool(settings.declared) or allowed.drop_surplus)
    if settings.scaling is None or found.is_provisioned:
        return found
    try:  # before a table becomes provisioned, which it would stay without scaling
        scaling.check_offered(control)
    except UnsupportedError:
        reason = NOT_OFFERED
    except AccessDeniedError:
        reason = NOT_PERMITTED
    else:
        return found
    return replace(found, unread={**(found.unread or {}), READ_BY["scaling"]: reason})

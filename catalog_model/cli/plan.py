"""The commands that compare the deployed table with the declared one, and change it."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

import click

from catalog_model import operations
from catalog_model.checks import counted
from catalog_model.cli.base import EXIT_CHECK_FAILED, Command, Settings, confirm, printable
from catalog_model.cli.output import print_json
from catalog_model.cli.settings_options import settings_options
from catalog_model.deployment.drift import in_words
from catalog_model.operations import ApplyProgress, ApplyReport, TablePlan, TableSettings

LINE_EVERY: Final = 30.0
"""Seconds between two lines about the same wait."""


def _index_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--rebuild",
            is_flag=True,
            help="Delete and create again an index of another shape; its reads fail meanwhile.",
        ),
        click.option("--drop-surplus", is_flag=True, help="Delete indexes that are not declared."),
    ):
        command = option(command)
    return command


@click.command("plan", cls=Command)
@settings_options
@_index_options
@click.pass_context
def plan_command(
    ctx: click.Context, /, declared: TableSettings, *, drop_surplus: bool, rebuild: bool
) -> None:
    """Compare the deployed table with the declared one; exit with 1 if anything differs.

    Keys and indexes are always compared, settings if they are given. Shows the steps that "apply"
    takes with the same options. Changes nothing.
    """
    settings = ctx.ensure_object(Settings)
    plan = operations.plan_table(
        settings.catalog(), declared, drop_surplus=drop_surplus, rebuild=rebuild
    )
    if settings.output == "json":
        print_json(plan.to_json())
    else:
        _print_plan(plan)
    ctx.exit(0 if plan.is_empty else EXIT_CHECK_FAILED)


@click.command("apply", cls=Command)
@settings_options
@_index_options
@click.option(
    "--timeout",
    type=float,
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait for a step, such as the backfill of an index.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def apply_command(
    ctx: click.Context,
    /,
    declared: TableSettings,
    timeout: float,
    *,
    drop_surplus: bool,
    rebuild: bool,
    yes: bool,
) -> None:
    """Show what differs from the declared table, and change it after a confirmation.

    Readers and writers may continue. Indexes are changed one at a time, each with its backfill. The
    command may be interrupted and run again. A setting that is not given is left alone. Exits with
    1 if anything is left.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    allowed = {"drop_surplus": drop_surplus, "rebuild": rebuild}
    if not yes:
        plan = operations.plan_table(catalog, declared, **allowed)
        _print_plan(plan, to_stderr=True)
        if plan.steps:
            endpoint = catalog.client.meta.endpoint_url
            steps = counted(len(plan.steps), "step")
            confirm(f"Apply {steps} to table {plan.table!r} at {endpoint}?", "nothing was changed")
    try:
        report = operations.apply_plan(
            catalog, declared, timeout=timeout, on_progress=_Lines(), **allowed
        )
    except KeyboardInterrupt:
        click.echo("Completed steps are kept; the same command continues.", err=True)
        raise
    if settings.output == "json":
        print_json(report.to_json())
    else:
        _print_report(report)
    ctx.exit(0 if report.is_complete else EXIT_CHECK_FAILED)


class _Lines:
    """Prints the progress of steps on stderr: each once, and a wait now and then."""

    def __init__(self) -> None:
        self._printed = (0.0, "")

    def __call__(self, progress: ApplyProgress) -> None:
        place = f"Step {progress.number} of {progress.total}"
        match progress.state:
            case "started":
                self._say(f"{place}: {progress.step}.")
            case "waiting" if self._is_due(progress.detail):
                self._printed = (time.monotonic(), progress.detail)
                seconds = counted(round(progress.seconds), "second")
                self._say(f"{place}: {progress.detail}, after {seconds}.")
            case "rejected":
                self._say(f"{place} was rejected: {progress.detail}.")

    def _is_due(self, detail: str) -> bool:
        last, printed = self._printed
        return detail != printed or time.monotonic() - last >= LINE_EVERY

    @staticmethod
    def _say(text: str) -> None:
        click.echo(printable(text), err=True)
        sys.stderr.flush()


def _print_plan(plan: TablePlan, *, to_stderr: bool = False) -> None:
    def say(text: str) -> None:
        click.echo(printable(text), err=to_stderr)

    say(_summary(plan))
    for difference in in_words(plan.differences):
        say(f"  {difference}")
    if plan.steps:
        say(f"{counted(len(plan.steps), 'step')}:")
    for number, step in enumerate(plan.steps, 1):
        say(f"  {number}. {step}")
    if plan.surplus:
        say("Left alone (--drop-surplus deletes indexes that are not declared):")
    for each in plan.surplus:
        say(f"  {each}")


def _summary(plan: TablePlan) -> str:
    if plan.is_empty:
        return f"Table {plan.table} is as declared."
    return f"Table {plan.table} has {counted(len(plan.differences), 'difference')}:"


def _print_report(report: ApplyReport) -> None:
    if report.done:
        click.echo(f"{counted(len(report.done), 'step')} done.")
    for each in report.rejected:
        click.echo(printable(f"Not done: {each.step.text}: {each.reason}"))
    _print_plan(report.remaining)

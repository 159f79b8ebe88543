"""Commands that verify the table, and repair it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

import click

from catalog_model import operations
from catalog_model.catalog import Catalog
from catalog_model.checks import counted
from catalog_model.cli.base import EXIT_CHECK_FAILED, Command, Settings, printable, segments_option
from catalog_model.cli.output import print_json
from catalog_model.cli.progress import progress
from catalog_model.maintenance.repair import RepairReport, repair
from catalog_model.maintenance.verify import Report, verify

_RATE: Final = click.option(
    "--read-units-per-second",
    "rate",
    type=float,
    help="Limit of read units a second; no limit by default.",
)


@click.command("verify", cls=Command)
@_RATE
@segments_option()
@click.pass_context
def verify_command(ctx: click.Context, rate: float | None, segments: int) -> None:
    """Read the whole table and report all derived data that does not match its titles.

    Copies, index keys, counts and slots are derived from the titles; this command checks each of
    them. Suspicious items are read again before they are reported, so writers may continue. Nothing
    is written. The exit code is 1 if there are findings.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    with _looking(catalog) as on_progress:
        report = verify(
            catalog, read_units_per_second=rate, segments=segments, on_progress=on_progress
        )
    if settings.output == "json":
        print_json({**asdict(report), "is_clean": report.is_clean})
    else:
        _print_report(report)
    ctx.exit(0 if report.is_clean else EXIT_CHECK_FAILED)


@click.command("repair", cls=Command)
@_RATE
@click.option("--dry-run", is_flag=True, help="Only show what would be written.")
@click.pass_context
def repair_command(ctx: click.Context, rate: float | None, *, dry_run: bool) -> None:
    """Verify the whole table, and rewrite all derived data that does not match its titles.

    A title put by another program gets everything it lacks: copies, counts, a slot and the
    package's attributes of its item. Records are never changed. Each step is written only if its
    source has not changed, so writers may continue. Findings that cannot be decided are left and
    shown; the exit code is 1 then.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    with _looking(catalog) as on_progress:
        report = repair(
            catalog, dry_run=dry_run, read_units_per_second=rate, on_progress=on_progress
        )
    if settings.output == "json":
        left = [{**asdict(finding), "reason": reason} for finding, reason in report.left]
        print_json({**asdict(report), "left": left, "dry_run": dry_run})
    else:
        _print_repair(report, is_dry=dry_run)
    ctx.exit(EXIT_CHECK_FAILED if report.left else 0)


@contextmanager
def _looking(catalog: Catalog) -> Iterator[Callable[[int], None]]:
    """Show progress over the items, by the service's own, slightly outdated count."""
    count = operations.table_status(catalog).item_count
    with progress(count, "Looking", "item") as on_progress:
        yield on_progress


def _print_report(report: Report) -> None:
    for finding in report.findings:
        click.echo(printable(str(finding)))
    if report.more_findings:
        click.echo(f"and {report.more_findings:,} more")
    looked_at = f"{counted(report.items, 'item')}, {counted(report.titles, 'title')}"
    found = len(report.findings) + report.more_findings
    click.echo(f"{looked_at}: {counted(found, 'finding')}")
    if report.outdated:
        older = counted(report.outdated, "item")
        click.echo(f"{older} of an older version: `catalog-model migrate`")
    _print_undecided(report)
    _print_list_shards(report)


def _print_list_shards(report: Report) -> None:
    """Print over how many shards the lists are spread, if they are."""
    shards, other = report.list_shards, report.other_list_shards
    if other is not None:
        click.echo(
            f"Lists of {shards} and of {counted(other, 'shard')}: a change is running, or was "
            f"interrupted; `catalog-model migrate --list-shards N` with either number completes it"
        )
    elif shards > 1:
        click.echo(f"Lists of {shards} shards")


def _print_repair(report: RepairReport, *, is_dry: bool) -> None:
    for action in report.actions:
        click.echo(printable(f"{'would ' if is_dry else ''}{action}"))
    if report.more_actions:
        click.echo(f"and {report.more_actions:,} more")
    for finding, reason in report.left:
        click.echo(printable(f"left, as {reason}: {finding}"))
    if report.more_left:
        click.echo(f"and {report.more_left:,} more left")
    _print_undecided(report)
    written = len(report.actions) + report.more_actions
    left = len(report.left) + report.more_left
    done = f"{counted(written, 'item')} {'to be written' if is_dry else 'written'}"
    click.echo(f"{done}, {counted(left, 'finding')} left")


def _print_undecided(report: Report | RepairReport) -> None:
    for kind, shard in report.undecided:
        click.echo(f"Counts and slots of {kind} shard {shard} changed during the run: not checked")

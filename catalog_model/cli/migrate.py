"""The command that brings a table up to the current version of the schema."""

from __future__ import annotations

import shlex
from dataclasses import asdict

import click

from catalog_model import operations
from catalog_model.checks import counted
from catalog_model.cli.base import FOUND_WANTING, Command, Settings, printable
from catalog_model.cli.output import print_json
from catalog_model.cli.progress import progress
from catalog_model.dynamodb.paced_reads import SEGMENTS
from catalog_model.maintenance.migrate import NO_VERSION, MigrationReport, migrate


@click.command("migrate", cls=Command, short_help="Bring all items up to the current version.")
@click.option("--dry-run", is_flag=True, help="Only show how many items are of which version.")
@click.option(
    "--units-per-second",
    "rate",
    type=float,
    help="How much capacity it may take, reading and writing; all it gets without.",
)
@click.option(
    "--checkpoint",
    metavar="FILE",
    help="Where to keep how far it came, and to go on from if the file is there.",
)
@click.option(
    "--segments",
    type=int,
    default=SEGMENTS,
    show_default=True,
    help="How many parts of the table are walked over at the same time.",
)
@click.pass_context
def migrate_command(
    ctx: click.Context,
    /,
    rate: float | None,
    checkpoint: str | None,
    segments: int,
    *,
    dry_run: bool,
) -> None:
    """Bring every item of an older version of the schema up to the current one.

    Readers and writers may go on: each item is written only if nobody has changed it meanwhile.
    Run the current version of this package everywhere first. It may be ended at any time and run
    again; with --checkpoint it goes on where it ended. Older items that cannot be brought up are
    left and shown; the exit code is 1 then.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    total = operations.table_status(catalog).item_count
    try:
        with progress(total, "Looking" if dry_run else "Migrating", "item") as on_progress:
            report = migrate(
                catalog,
                dry_run=dry_run,
                units_per_second=rate,
                segments=segments,
                checkpoint=checkpoint,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        click.echo(printable(_how_to_go_on(checkpoint)), err=True)
        raise
    if settings.output == "json":
        print_json({**asdict(report), "outdated": report.outdated, "dry_run": dry_run})
    else:
        _print_report(report, is_dry=dry_run)
    ctx.exit(FOUND_WANTING if report.left else 0)


def _how_to_go_on(checkpoint: str | None) -> str:
    if checkpoint is None:
        return "What is done is done; run it again for the rest."
    return (
        "What is done is done; "
        f"`catalog-model migrate --checkpoint {shlex.quote(checkpoint)}` goes on from here."
    )


def _print_report(report: MigrationReport, *, is_dry: bool) -> None:
    for version, count in report.versions.items():
        name = "no version" if version == NO_VERSION else f"version {version}"
        click.echo(f"{counted(count, 'item')} of {name}")
    if report.foreign:
        click.echo(f"{counted(report.foreign, 'item')} not of this model")
    for key, reason in report.left:
        click.echo(printable(f"left: {key.PK} | {key.SK}: {reason}"))
    done = "to be brought up" if is_dry else "brought up"
    click.echo(
        f"{counted(report.upgraded, 'item')} {done} to version {report.target}, "
        f"{counted(round(report.units), 'write unit')}; {len(report.left):,} left"
    )

"""The command that upgrades a table to the current schema version."""

import shlex
from dataclasses import asdict

import click

from catalog_model import operations
from catalog_model.checks import counted
from catalog_model.cli.base import EXIT_CHECK_FAILED, Command, Settings, printable, segments_option
from catalog_model.cli.output import print_json
from catalog_model.cli.progress import progress
from catalog_model.maintenance.migrate import NO_VERSION, MigrationReport, migrate


@click.command("migrate", cls=Command)
@click.option("--dry-run", is_flag=True, help="Only count the items of each version.")
@click.option(
    "--units-per-second",
    "rate",
    type=float,
    help="Limit of units a second, for reading and writing; no limit by default.",
)
@click.option(
    "--list-shards",
    type=int,
    metavar="N",
    help="Spread each list over N partitions, 1 to 32; unchanged by default.",
)
@click.option(
    "--checkpoint", metavar="FILE", help="File for the progress; an existing file is resumed."
)
@segments_option("processed")
@click.pass_context
def migrate_command(
    ctx: click.Context,
    /,
    rate: float | None,
    checkpoint: str | None,
    segments: int,
    list_shards: int | None,
    *,
    dry_run: bool,
) -> None:
    """Upgrade every item of an older schema version to the current one.

    Readers and writers may continue: an item is written only if it has not changed meanwhile. Run
    the current version of this package everywhere first. The command may be interrupted at any time
    and run again; with --checkpoint it continues where it stopped. Older items that cannot be
    upgraded are left and shown; the exit code is 1 then.

    With --list-shards, lists are spread over that many partitions, so that they accept as many
    times the writes. Every process that reads lists needs CATALOG_SHARDED_LISTS=1 before. It takes
    90 seconds longer, so that all of them notice.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    items = operations.table_status(catalog).item_count
    total = items if list_shards is None else 2 * items  # read once to upgrade, once to spread
    try:
        with progress(total, "Looking" if dry_run else "Migrating", "item") as on_progress:
            report = migrate(
                catalog,
                dry_run=dry_run,
                list_shards=list_shards,
                units_per_second=rate,
                segments=segments,
                checkpoint=checkpoint,
                on_progress=on_progress,
            )
    except KeyboardInterrupt:
        click.echo(printable(_how_to_go_on(checkpoint, list_shards)), err=True)
        raise
    if settings.output == "json":
        shown = asdict(report)
        if list_shards is None:
            del shown["moved"]
        print_json({**shown, "outdated": report.outdated, "dry_run": dry_run})
    else:
        _print_report(report, is_dry=dry_run, list_shards=list_shards)
    ctx.exit(EXIT_CHECK_FAILED if report.left else 0)


def _how_to_go_on(checkpoint: str | None, list_shards: int | None) -> str:
    if checkpoint is None:
        return "Completed work is kept; run the command again for the rest."
    spread = "" if list_shards is None else f"--list-shards {list_shards} "
    words = f"catalog-model migrate {spread}--checkpoint {shlex.quote(checkpoint)}"
    return f"Completed work is kept; `{words}` continues from here."


def _print_report(report: MigrationReport, *, is_dry: bool, list_shards: int | None) -> None:
    for version, count in report.versions.items():
        name = "no version" if version == NO_VERSION else f"version {version}"
        click.echo(f"{counted(count, 'item')} of {name}")
    if report.foreign:
        click.echo(f"{counted(report.foreign, 'item')} not of this model")
    for key, reason in report.left:
        click.echo(printable(f"left: {key.PK} | {key.SK}: {reason}"))
    to_be = "to be " if is_dry else ""
    done = f"{counted(report.upgraded, 'item')} {to_be}upgraded to version {report.target}"
    if list_shards is not None:
        shards = counted(list_shards, "shard")
        done += f", {counted(report.moved, 'title')} {to_be}moved to lists of {shards}"
    units = counted(round(report.units), "write unit")
    click.echo(f"{done}, {units}; {len(report.left):,} left")

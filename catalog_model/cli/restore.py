"""Commands that back up and restore the table, compare two, and move applications to another."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from catalog_model import operations
from catalog_model.analysis import iam
from catalog_model.catalog import Catalog
from catalog_model.checks import counted, refuse
from catalog_model.cli.arguments import Argument
from catalog_model.cli.base import (
    EXIT_CHECK_FAILED,
    Command,
    Settings,
    confirm,
    printable,
    wait_note,
)
from catalog_model.cli.output import print_json, print_table
from catalog_model.cli.progress import progress
from catalog_model.deployment.pointer import Pointed
from catalog_model.deployment.whole_files import check_new
from catalog_model.operations import RestoreReport, TableComparison

NOT_MOVED: Final = "applications still use the table before"

STEPS: Final = {
    "freeze": "Stopping the writers",
    "start": "Starting the restore",
    "wait": "Waiting for the new table and its indexes",
    "settings": "Putting the settings back",
    "verify": "Verifying the new table",
    "repair": "Repairing it",
    "compare": "Comparing the titles of both tables",
    "cut over": "Moving the pointer",
}

_POINTER: Final = click.option(
    "--pointer",
    metavar="POINTER",
    help="ssm:NAME of a parameter, or file:PATH; CATALOG_TABLE_POINTER by default.",
)
_YES: Final = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command("restore", cls=Command)
@click.option("--minutes-ago", type=float, metavar="N", help="To N minutes before now.")
@click.option("--at", metavar="TIME", help="To a moment, such as 2026-11-28T11:45:00Z.")
@click.option("--backup", metavar="ARN", help="From a backup.")
@click.option("--to", metavar="NAME", help="Name of the new table; TABLE--restored-MOMENT.")
@click.option("--repair", is_flag=True, help="Repair what does not match the titles.")
@click.option("--freeze", is_flag=True, help="Deny all writes to the table meanwhile.")
@click.option("--cut-over", is_flag=True, help="Move the pointer to the new table at the end.")
@_POINTER
@click.option("--list-lost", metavar="FILE", help="New file for all titles that differ.")
@click.option("--journal", metavar="FILE", help="Journal of the steps, instead of the usual one.")
@click.option("--resume", is_flag=True, help="Continue an interrupted restore.")
@click.option("--abandon", is_flag=True, help="Give up an interrupted restore.")
@click.option(
    "--timeout",
    type=float,
    default=21_600,
    show_default=True,
    help="Seconds to wait for the new table.",
)
@_YES
@click.pass_context
def restore_command(
    ctx: click.Context,
    /,
    minutes_ago: float | None,
    at: str | None,
    backup: str | None,
    to: str | None,
    pointer: str | None,
    list_lost: str | None,
    journal: str | None,
    timeout: float,
    *,
    repair: bool,
    freeze: bool,
    cut_over: bool,
    resume: bool,
    abandon: bool,
    yes: bool,
) -> None:
    """Restore the table to a moment into a new table, with everything that the table has.

    DynamoDB restores items, indexes and capacity, and leaves off tags, TTL, stream, recovery,
    protection, class, resource policy, scaling and alarms. All of that is put back and compared.
    The new table is verified, and its titles are compared with the table's. The table itself is not
    changed, and stays.

    With --cut-over, applications use the new table then, after a confirmation. After an
    interruption, the same command or --resume continues. The exit code is 1 if something is left
    that differs or is damaged; the pointer is not moved then.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    if abandon:
        _abandon(catalog, journal)
        return
    asking = _asking(settings, catalog, is_sure=yes)
    report = operations.restore_table(
        catalog,
        minutes_ago=minutes_ago,
        at=None if at is None else _moment(at),
        backup=backup,
        to=to,
        repair=repair,
        freeze=freeze,
        cut_over=cut_over,
        pointer=pointer,
        list_lost=list_lost,
        resume=resume,
        journal=journal,
        timeout=timeout,
        confirm=asking,
        on_step=lambda name: wait_note(f"{STEPS[name]} ..."),
    )
    if settings.output == "json":
        print_json({**asdict(report), "moment": report.moment.isoformat()})
    else:
        _print_report(report)
    ctx.exit(0 if report.is_clean else EXIT_CHECK_FAILED)


@click.command("cut-over", cls=Command)
@click.argument("name", cls=Argument, required=False, words="Name of the other table.")
@click.option("--back", is_flag=True, help="Return to the table before.")
@_POINTER
@_YES
@click.pass_obj
def cut_over_command(
    settings: Settings, /, name: str | None, pointer: str | None, *, back: bool, yes: bool
) -> None:
    """Move the pointer from which applications read their table's name, after a confirmation.

    The pointer is an SSM parameter or a file, of --pointer or CATALOG_TABLE_POINTER. It is made if
    it does not exist. Pages that are open continue, because the lineage of their cursors stays.
    """
    if (name is None) != back:
        raise click.UsageError("give NAME or --back")
    catalog, pointer = settings.beside_pointer(pointer)
    found = operations.pointed_at(catalog, pointer=pointer)
    if not yes:
        confirm(f"{_question(found, catalog, name)} ({pointer})", refusal=NOT_MOVED)
    if name is None:
        moved = operations.cut_over_back(catalog, pointer=pointer)
    else:
        moved = operations.cut_over(catalog, name, pointer=pointer)
    _print_moved(settings, moved)


@click.command("backup", cls=Command)
@click.argument("name", cls=Argument, required=False, words="Name of the backup.")
@click.option("--list", "is_list", is_flag=True, help="List the backups of the table.")
@click.pass_obj
def backup_command(settings: Settings, /, name: str | None, *, is_list: bool) -> None:
    """Make a backup of the table, and wait until it can be restored: restore --backup ARN.

    It stays until it is deleted with the AWS CLI, also when the table is deleted.
    """
    catalog = settings.catalog()
    if is_list and name is not None:
        raise click.UsageError("--list takes no NAME")
    if is_list:
        backups = operations.list_backups(catalog)
    else:
        wait_note("Waiting for the backup ...")
        backups = [operations.back_up_table(catalog, name)]
    if settings.output == "json":
        print_json([{**asdict(each), "created": each.created.isoformat()} for each in backups])
        return
    rows = [
        (each.name, each.status, f"{each.created:%Y-%m-%d %H:%M:%S} UTC", each.arn)
        for each in backups
    ]
    print_table(("name", "state", "made", "~ARN"), rows)


@click.command("compare", cls=Command)
@click.argument("name", cls=Argument, words="Name of the other table, an earlier state.")
@click.option("--list-lost", metavar="FILE", help="New file for all titles that differ.")
@click.option("--read-units-per-second", "rate", type=float, help="Limit of read units a second.")
@click.pass_context
def compare_command(
    ctx: click.Context, /, name: str, list_lost: str | None, rate: float | None
) -> None:
    """Count the titles that were added, changed and removed since an earlier state of the table.

    The earlier state is another table, such as a restored or an imported one. The exit code is 1 if
    there is a difference.
    """
    settings = ctx.ensure_object(Settings)
    catalog = settings.catalog()
    earlier = catalog.for_table(name)
    tables = (catalog, earlier)
    if list_lost is not None:
        check_new(Path(list_lost), overwrite=False)
    count = sum(operations.table_status(each).item_count for each in tables)
    with progress(count, "Comparing", "item") as on_progress:
        found = operations.compare_tables(
            catalog, earlier, file=list_lost, read_units_per_second=rate, on_progress=on_progress
        )
    if settings.output == "json":
        print_json({**asdict(found), "differences": [each._asdict() for each in found.differences]})
    else:
        _print_comparison(found)
    ctx.exit(0 if found.is_equal else EXIT_CHECK_FAILED)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        refuse("--at", text, "a moment with a time zone, such as 2026-11-28T11:45:00Z,")
    return moment


def _abandon(catalog: Catalog, journal: str | None) -> None:
    target = operations.abandon_restore(catalog, journal=journal)
    if target is None:
        click.echo("There is no interrupted restore of this table.")
        return
    click.echo(f"The restore is abandoned. Table {printable(target)} stays, if it was made.")


def _asking(
    settings: Settings, catalog: Catalog, *, is_sure: bool
) -> Callable[[RestoreReport], bool]:
    """Return what prints the report and the new policies, and asks, before the pointer is moved."""

    def ask(report: RestoreReport) -> bool:
        if settings.output != "json":
            _print_report(report)
            click.echo("Policies name the table. That of a writer for the new one:")
            patterns = iam.patterns_of("writer")
            click.echo(json.dumps(iam.policy(patterns, table_arn=report.target_arn), indent=2))
        if not is_sure:
            question = f"Let applications use {report.target!r} instead of {catalog.table!r}?"
            confirm(question, refusal=NOT_MOVED)
        return True

    return ask


def _question(found: Pointed | None, catalog: Catalog, name: str | None) -> str:
    now = catalog.table if found is None else found.table
    to = name or (found and found.previous) or "the table before"
    return f"Let applications use {to!r} instead of {now!r}?"


def _print_moved(settings: Settings, moved: Pointed) -> None:
    if settings.output == "json":
        print_json(asdict(moved))
        return
    click.echo(f"Applications use table {printable(moved.table)} as soon as they read the pointer.")
    if moved.previous:
        previous = printable(moved.previous)
        click.echo(f"Table {previous} stays; `catalog-model cut-over --back` returns to it.")


def _print_report(report: RestoreReport) -> None:
    moment = f"{report.moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    rows: list[tuple[str, object]] = [
        ("table", report.source),
        ("restored to", moment),
        ("new table", report.target),
        ("settings put back", ", ".join(report.put_back) or "none were missing"),
        ("settings that differ", "\n".join(report.departures) or "none"),
        ("findings", counted(report.findings, "finding")),
    ]
    if report.repaired:
        rows.append(("repaired", counted(report.repaired, "item")))
    rows += [(f"not read: {operation}", why) for operation, why in report.unread.items()]
    print_table(("what", "~is"), rows)
    if report.comparison is not None:
        click.echo("Titles since then, which only the old table has as they are now:")
        _print_comparison(report.comparison)
    _print_advice(report)


def _print_comparison(found: TableComparison) -> None:
    click.echo(f"{found.added:,} added, {found.changed:,} changed, {found.removed:,} removed")
    for each in found.differences:
        click.echo(f"  {each}")
    listed = len(found.differences)
    more = found.added + found.changed + found.removed - listed
    if more:
        click.echo(f"  and {more:,} more (--list-lost FILE has all)")


def _print_advice(report: RestoreReport) -> None:
    for function in report.event_sources:
        click.echo(
            f"Reads the stream of the old table, and not of the new one: {printable(function)}"
        )
    for region in report.replicas:
        click.echo(f"Replicas are not restored: {printable(region)}")
    if not report.is_clean:
        click.echo("Not ready: repair or change the new table, then cut over by hand.", err=True)
    target = printable(report.target)
    if report.is_cut_over:
        click.echo(f"Applications use {target} as soon as they read the pointer.")
    else:
        click.echo(
            f"Policies name the table: `catalog-model --table {target} export iam --role writer` "
            f"prints the new one. `catalog-model cut-over {target}` moves applications."
        )

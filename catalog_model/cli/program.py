"""The command line: ``catalog-model COMMAND``. `docs/command-line.md` describes it."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain
from pathlib import Path

import click

from catalog_model import access_patterns as ap
from catalog_model import operations
from catalog_model._version import __version__
from catalog_model.checks import counted
from catalog_model.cli.base import (
    CONTEXT,
    EXIT_CHECK_FAILED,
    Program,
    Settings,
    confirm,
    printable,
    shared_options,
    wait_note,
)
from catalog_model.cli.cost import cost
from catalog_model.cli.dump import dump_command, import_command
from catalog_model.cli.explain import explain_group
from catalog_model.cli.export import export_group
from catalog_model.cli.integrity import repair_command, verify_command
from catalog_model.cli.migrate import migrate_command
from catalog_model.cli.output import print_json, print_table
from catalog_model.cli.patterns import (
    command_name,
    file_options,
    files_in,
    pattern_commands,
    run_pattern,
    write_units_option,
)
from catalog_model.cli.progress import loading
from catalog_model.cli.serve import serve
from catalog_model.declarations.pattern import Cost
from catalog_model.operations import TableStatus
from catalog_model.writes.load import LoadReport

EPILOG = "The options may also follow the command."


@click.group(cls=Program, context_settings=CONTEXT, epilog=EPILOG, params=shared_options())
@click.version_option(__version__, prog_name="catalog-model")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Movies, TV shows and genres in one DynamoDB table."""
    ctx.ensure_object(Settings)


@program.command(short_help="Create the table with its indexes.")
@click.option("--read-capacity", type=int, help="Provisioned read units; on demand by default.")
@click.option("--write-capacity", type=int, help="Provisioned write units; on demand by default.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="Tag of the table.")
@click.pass_obj
def create(
    settings: Settings,
    /,
    tags: tuple[str, ...],
    read_capacity: int | None,
    write_capacity: int | None,
) -> None:
    """Create the table with its indexes, and wait until it can be used.

    Safe to repeat: an existing table of this model is left unchanged.
    """
    pairs = dict(tag.partition("=")[::2] for tag in tags)
    if not all(pairs) or not all("=" in tag for tag in tags):
        raise click.BadParameter("a tag is KEY=VALUE", param_hint="--tag")
    if len(pairs) < len(tags):
        raise click.BadParameter("the keys of tags must differ", param_hint="--tag")
    catalog = settings.catalog()
    wait_note(f"Waiting until table {catalog.table!r} can be used ...")
    status = operations.create_table(
        catalog,
        read_capacity=read_capacity,
        write_capacity=write_capacity,
        tags=pairs or None,
    )
    _print_status(status, settings)


@program.command(short_help="Delete the table with everything in it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(settings: Settings, *, yes: bool) -> None:
    """Delete the table with everything in it, and wait until it is gone."""
    catalog = settings.catalog()
    status = operations.table_status(catalog)
    if not yes:
        endpoint = catalog.client.meta.endpoint_url
        confirm(
            f"Delete table {status.table!r} at {endpoint}, {counted(status.item_count, 'item')}?"
        )
    wait_note(f"Waiting until table {catalog.table!r} is gone ...")
    operations.delete_table(catalog)
    if settings.output == "json":
        print_json({"table": status.table, "status": "DELETED"})
    else:
        click.echo(f"Table {printable(status.table)} is deleted.")


@program.command(short_help="Show the state of the table.")
@click.pass_context
def status(ctx: click.Context) -> None:
    """Show the state of the table; exit with 1 if it cannot be used or is not of this model."""
    settings = ctx.ensure_object(Settings)
    found = operations.table_status(settings.catalog())
    _print_status(found, settings)
    ctx.exit(0 if found.is_ready else EXIT_CHECK_FAILED)


def _print_status(status: TableStatus, settings: Settings) -> None:
    if settings.output == "json":
        print_json({**asdict(status), "is_ready": status.is_ready})
        return
    rows: list[tuple[str, object]] = [
        ("table", status.table),
        ("state", status.status),
        ("billing", status.billing_mode),
        ("items", f"{status.item_count:,} (the service counts every six hours)"),
        ("size", counted(status.size_bytes, "byte")),
    ]
    rows += [(f"index {name}", state) for name, state in status.indexes.items()]
    rows += [("not of this model", difference) for difference in status.differences]
    print_table(("what", "~is"), rows)


@program.command(
    short_help="Load the application's JSON files.",
    params=[*file_options(), write_units_option()],
)
@click.pass_context
def load(
    ctx: click.Context, movies: Path | None, tv: Path | None, write_units: float | None
) -> None:
    """Load the application's JSON files: create new titles, replace changed ones.

    Unchanged titles are not written, so the command can be repeated, also after an interruption.
    Invalid records are listed and the others loaded; the exit code is then 1.

    A JSON document is read as a whole before anything is written. JSON Lines, one record per line,
    are loaded as they are read and may have any size.

    If the table throttles writes, the load continues at the table's pace to its end, and shows its
    progress.
    """
    settings = ctx.ensure_object(Settings)
    files = files_in(movies, tv)
    totals = [each.total for each in files]
    with loading(None if None in totals else sum(filter(None, totals))) as shown:
        titles = chain.from_iterable(files)
        report = ap.load_titles(
            settings.catalog(), titles, on_progress=shown, write_units=write_units
        )
    _print_report(report, settings)
    ctx.exit(EXIT_CHECK_FAILED if report.rejected else 0)


def _print_report(report: LoadReport, settings: Settings) -> None:
    if settings.output == "json":
        rejected = [each.to_json() for each in report.rejected]
        told = {k: v for k, v in asdict(report).items() if k != "throttled" or v}
        print_json(told | {"rejected": rejected})
        return
    click.echo(
        f"{report.created} created, {report.changed} changed, {report.unchanged} unchanged, "
        f"{len(report.rejected)} rejected"
    )
    if report.throttled:
        click.echo(f"The table was throttled {counted(report.throttled, 'time')}.", err=True)
    for each in report.rejected:
        click.echo(printable(str(each)))


@program.command(short_help="Show the access patterns and their requests to DynamoDB.")
@click.pass_obj
def patterns(settings: Settings) -> None:
    """Show the access patterns: the question, the requests to DynamoDB, and the cost of each."""
    if settings.output == "json":
        print_json([_described(pattern) for pattern in ap.PATTERNS.values()])
        return
    described = map(_described, ap.PATTERNS.values())
    print_table(
        ("pattern", "~description"), [(each.pop("name"), _lines(each)) for each in described]
    )


def _lines(described: dict[str, str]) -> list[str]:
    labels = {name: name.replace("_", " ") for name in described if described[name]}
    return [f"{label}: {described[name]}" for name, label in labels.items()]


def _described(pattern: ap.AccessPattern) -> dict[str, str]:
    return {
        "name": pattern.name,
        "command": command_name(pattern),
        "question": pattern.question,
        "operation": pattern.operation,
        "index": pattern.index,
        "key_condition": pattern.key_condition,
        "order": pattern.order,
        "consistency": pattern.consistency,
        **{f"cost{_when(cost)}": _cost(cost) for cost in pattern.costs},
        "role": pattern.role,
    }


def _when(cost: Cost) -> str:
    return f" with {cost.when}" if cost.when else ""


def _cost(cost: Cost) -> str:
    units = [counted(cost.reads, "read unit"), counted(cost.writes, "write unit")]
    parts = [counted(cost.requests, "request"), *(each for each in units if each[0] != "0")]
    return "; ".join(parts)


program.add_command(serve)
program.add_command(explain_group)
program.add_command(verify_command)
program.add_command(repair_command)
program.add_command(migrate_command)
program.add_command(dump_command)
program.add_command(import_command)
program.add_command(cost)
program.add_command(export_group)
for _command in pattern_commands(run_pattern):
    program.add_command(_command)


def main() -> None:
    """Run the command line and exit."""
    program()

"""The commands that load titles, and that put back the capacity after an interrupted load."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from catalog_model import access_patterns as ap
from catalog_model import operations
from catalog_model.catalog import Catalog
from catalog_model.checks import counted
from catalog_model.cli.base import EXIT_CHECK_FAILED, Command, Settings, printable, wait_note
from catalog_model.cli.output import print_json
from catalog_model.cli.patterns import DASH, file_options, files_in, write_units_option
from catalog_model.cli.progress import loading
from catalog_model.dynamodb.schema import TABLE
from catalog_model.errors import CatalogError, InvalidArgumentError
from catalog_model.files.reader import STDIN
from catalog_model.operations import TableStatus
from catalog_model.writes.load import LoadReport
from catalog_model.writes.load_estimate import LoadEstimate, estimate_load

ESTIMATED: Final = 2000
"""The first titles of a load, from which its write units are estimated."""

_MINUTE: Final = 60


def raise_option() -> click.Parameter:
    """Return the option that raises the capacity during a load."""
    words = "Units a second during the load, of a provisioned table; put back afterwards."
    return click.Option(["--raise-to"], type=int, metavar="N", help=words)


@click.command("load", cls=Command, params=[*file_options(), write_units_option(), raise_option()])
@click.pass_context
def load_command(
    ctx: click.Context,
    movies: Path | None,
    tv: Path | None,
    write_units: float | None,
    raise_to: int | None,
) -> None:
    """Load the application's JSON files: create new titles, replace changed ones.

    Unchanged titles are not written, so the command can be repeated, also after an interruption.
    Invalid records are listed and the others loaded; the exit code is then 1.

    A JSON document is read as a whole before anything is written. JSON Lines, one record per line,
    are loaded as they are read and may have any size.

    If the table throttles writes, the load continues at the table's pace to its end, and shows its
    progress. On a provisioned table, the time that it takes is shown first. --raise-to
    raises its capacity for the load, and puts it back at the end, also after an error or Ctrl-C;
    after a kill, the command lower does.
    """
    settings = ctx.ensure_object(Settings)
    files = files_in(movies, tv)
    totals = [each.total for each in files]
    total = None if None in totals else sum(filter(None, totals))
    if total == 0:
        _refuse_empty(movies, tv)
    catalog = settings.catalog()
    titles: Iterable[Any] = chain.from_iterable(files)
    status = None if raise_to is not None else _status(catalog)
    if status is not None:
        titles = _with_note(titles, total, status)
    with _raised(catalog, raise_to), loading(total) as shown:
        report = ap.load_titles(catalog, titles, on_progress=shown, write_units=write_units)
    if not (report.created or report.changed or report.unchanged or report.rejected):
        _refuse_empty(movies, tv)
    _print_report(report, settings)
    ctx.exit(EXIT_CHECK_FAILED if report.rejected else 0)


@click.command("lower", cls=Command)
@click.option("--timeout", type=float, default=600.0, show_default=True, help="Seconds to wait.")
@click.pass_obj
def lower_command(settings: Settings, timeout: float) -> None:
    """Put back the capacity that an interrupted load with --raise-to left raised.

    What was before is in a file on the machine of the load, so run it there. It can be repeated.
    """
    catalog = settings.catalog()
    wait_note(f"Waiting until the capacity of table {catalog.table!r} is as before ...")
    was_raised = operations.put_capacity_back(catalog, timeout=timeout)
    if settings.output == "json":
        print_json({"table": catalog.table, "put_back": was_raised})
    else:
        name = printable(catalog.table)
        click.echo(
            f"The capacity of table {name} is as before the load."
            if was_raised
            else f"No load left the capacity of table {name} raised."
        )


def _refuse_empty(*paths: Path | None) -> NoReturn:
    names = " and ".join(STDIN if path == DASH else str(path) for path in paths if path)
    raise InvalidArgumentError(f"{names}: has no records")


def _raised(catalog: Catalog, units: int | None) -> AbstractContextManager[None]:
    return nullcontext() if units is None else _raising(catalog, units)


@contextmanager
def _raising(catalog: Catalog, units: int) -> Iterator[None]:
    raised = f"{counted(units, 'unit')} a second"
    wait_note(f"Raising the capacity of table {catalog.table!r} to {raised} ...")
    try:
        with operations.raised_capacity(catalog, units):
            click.echo(f"The capacity is {raised} until the load ends.", err=True)
            yield
            wait_note("Putting the capacity back ...")
    finally:
        if operations.is_raised(catalog):
            click.echo(STILL_RAISED, err=True)
        else:
            click.echo("The capacity is as before.", err=True)


STILL_RAISED: Final = "The capacity is still raised: `catalog-model lower` puts it back."


def _status(catalog: Catalog) -> TableStatus | None:
    """Return the state of a provisioned table; None on demand, or if it cannot be read."""
    if operations.is_raised(catalog):
        click.echo(STILL_RAISED, err=True)
    try:
        status = operations.table_status(catalog)
        return operations.table_status(catalog, in_full=True) if status.capacity else None
    except CatalogError:
        return None


def _with_note(titles: Iterable[Any], total: int | None, status: TableStatus) -> Iterator[Any]:
    """Print how long the load takes; return the titles, of which some were read."""
    every = iter(titles)
    first = list(islice(every, ESTIMATED))
    estimate = estimate_load(first)
    is_part = len(first) == ESTIMATED
    if is_part and total:
        estimate = estimate.times(total / len(first))
    about = "The first " if is_part and not total else ""
    for line in load_note(estimate, status, about):
        click.echo(line, err=True)
    return chain(first, every)


def load_note(estimate: LoadEstimate, status: TableStatus, about: str = "") -> Iterator[str]:
    """Yield the units and the time of a load, and how to raise the capacity for it."""
    units = estimate.units
    titles = counted(estimate.titles, "new title")
    writes = counted(round(units.total), "write unit")
    yield f"{about}{titles}: {writes}, {units.table:,.0f} of them on the table."
    most = {name: float(own.write or 0) for name, own in status.capacity.items()}
    for target in status.scaling or ():
        if target.part == "write":
            most[target.resource.partition("/index/")[2] or TABLE] = target.max
    reached = "to which it scales" if status.scaling else "of its capacity"
    about_time = _time(estimate.seconds(most))
    yield (
        f"At the {most[TABLE]:,.0f} a second {reached}, this takes about {about_time}, or up to 5 "
        "minutes less if the table was idle before."
    )
    yield "`catalog-model load --raise-to 500` raises the capacity for the load."


def _time(seconds: float) -> str:
    if seconds < 2 * _MINUTE:
        return counted(max(1, round(seconds)), "second")
    return counted(round(seconds / _MINUTE), "minute")


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

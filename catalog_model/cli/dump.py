"""Commands that dump the table into files, and import a dump."""

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import IO, Any, Final

import click

from catalog_model import operations
from catalog_model.catalog import Catalog
from catalog_model.checks import counted
from catalog_model.cli.arguments import Argument
from catalog_model.cli.base import (
    EXIT_CHECK_FAILED,
    Command,
    Settings,
    printable,
    segments_option,
    wait_note,
)
from catalog_model.cli.output import print_json
from catalog_model.cli.progress import Progress, progress
from catalog_model.operations import DumpReport, ImportReport, TitleFilesReport

DASH: Final = "-"
"""The file that is a standard stream."""


@click.command("dump", cls=Command)
@click.argument(
    "file", cls=Argument, required=False, words="File of the dump; - is the standard output."
)
@click.option(
    "--titles",
    "folder",
    metavar="FOLDER",
    help="Write the application's files data_movies.json and data_tv.json instead.",
)
@click.option(
    "--like",
    metavar="FOLDER",
    help="With --titles: order and layout of the application's files in this folder.",
)
@click.option("--manifest", metavar="FILE", help="Path of the manifest, instead of FILE.manifest.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option("--read-units", type=float, help="Limit of read units a second; none by default.")
@segments_option()
@click.pass_context
def dump_command(
    ctx: click.Context,
    /,
    file: str | None,
    folder: str | None,
    like: str | None,
    manifest: str | None,
    read_units: float | None,
    segments: int,
    *,
    force: bool,
) -> None:
    """Write all items of the table to FILE, or with --titles all titles to the application's files.

    FILE is gzip JSON Lines in DynamoDB's export form, one {"Item": {...}} a line, by convention
    *.json.gz; - is the standard output. A manifest next to it has the counts, the checksum, keys
    and indexes, and the times. Both appear only when they are complete.

    A dump is not one moment of the table: writers may continue, and each item is as it was when it
    was read. The command import writes a dump into a table of any engine.
    """
    settings = ctx.ensure_object(Settings)
    if (file is None) == (folder is None):
        raise click.UsageError("give FILE or --titles FOLDER")
    if like is not None and folder is None:
        raise click.UsageError("--like is for --titles")
    if manifest is not None and file is None:
        raise click.UsageError("--manifest is for a FILE")
    catalog = settings.catalog()
    given: dict[str, Any] = {"overwrite": force, "read_units": read_units, "segments": segments}
    with _reading(catalog) as shown:
        if folder is not None:
            titles = operations.dump_titles(catalog, folder, like=like, on_progress=shown, **given)
        else:
            report = operations.dump_table(
                catalog, _output(file), manifest=manifest, on_progress=shown, **given
            )
    if folder is not None:
        _print_titles(titles, settings)
        ctx.exit(EXIT_CHECK_FAILED if titles.unreadable else 0)
    _print_dump(report, settings, is_stream=file == DASH)


@click.command("import", cls=Command)
@click.argument("file", cls=Argument, required=False, words="A dump, or - for the standard input.")
@click.option("--from-s3", "url", metavar="URL", help="Let DynamoDB import s3://BUCKET/PREFIX.")
@click.option(
    "--manifest", metavar="FILE", help="With --from-s3: the manifest, for the number of items."
)
@click.option("--create", is_flag=True, help="Create the table if it is missing.")
@click.option("--into-existing", is_flag=True, help="Also into a table with items: the dump wins.")
@click.option("--without-manifest", is_flag=True, help="Accept a file whose manifest is missing.")
@click.option(
    "--write-units", type=float, help="Limit of write units a second; the table's own by default."
)
@click.option(
    "--checkpoint", metavar="FILE", help="File for the progress; an existing file is resumed."
)
@click.pass_context
def import_command(
    ctx: click.Context,
    /,
    file: str | None,
    url: str | None,
    manifest: str | None,
    write_units: float | None,
    checkpoint: str | None,
    *,
    create: bool,
    into_existing: bool,
    without_manifest: bool,
) -> None:
    """Write the items of a dump into the table, exactly as they are in FILE.

    FILE is a dump with its manifest, the folder of an export that DynamoDB made itself, or - for
    the standard input. Everything in it is checked before anything is written.

    The table must be empty. With --into-existing, each item of the dump replaces the item of the
    same key, whatever its version, and all other items stay; then run verify and repair.

    The command may be interrupted at any time: with --checkpoint, the same command continues where
    it stopped; without it, repeat it with --into-existing.

    With --from-s3, DynamoDB itself reads the objects, into a new table; it takes no other options.
    The exit code is 1 if it could not import all of them.
    """
    settings = ctx.ensure_object(Settings)
    if (file is None) == (url is None):
        raise click.UsageError("give FILE or --from-s3 URL")
    if manifest is not None and url is None:
        raise click.UsageError("--manifest is for --from-s3")
    if url is not None:
        chosen = {
            "--create": create,
            "--into-existing": into_existing,
            "--without-manifest": without_manifest,
            "--write-units": write_units is not None,
            "--checkpoint": checkpoint is not None,
        }
        if any(chosen.values()):
            others = ", ".join(name for name, is_given in chosen.items() if is_given)
            raise click.UsageError(f"--from-s3 does not take {others}")
        ctx.exit(_import_from_s3(settings, url, manifest))
    try:
        with progress(None, "Importing", "item") as shown:
            report = operations.import_table(
                settings.catalog(),
                _input(str(file)),
                create=create,
                into_existing=into_existing,
                without_manifest=without_manifest,
                write_units=write_units,
                checkpoint=checkpoint,
                on_progress=shown,
            )
    except KeyboardInterrupt:
        click.echo(printable(_how_to_go_on(str(file), checkpoint)), err=True)
        raise
    _print_import(report, settings)


def _import_from_s3(settings: Settings, url: str, manifest: str | None) -> int:
    wait_note("Waiting until DynamoDB has imported everything ...")
    report = operations.import_from_s3(settings.catalog(), url, manifest=manifest)
    if settings.output == "json":
        print_json({**asdict(report), "is_complete": report.is_complete})
    else:
        wanted = "" if report.expected is None else f", {report.expected:,} expected"
        click.echo(
            f"{counted(report.processed, 'line')}: {counted(report.items, 'item')} imported"
            f"{wanted}, {counted(report.errors, 'error')}"
        )
        if report.errors and report.log_group:
            click.echo(printable(f"The errors are in {report.log_group}"), err=True)
    return 0 if report.is_complete else EXIT_CHECK_FAILED


@contextmanager
def _reading(catalog: Catalog) -> Iterator[Progress]:
    """Show progress over the items, by the service's own, slightly outdated count."""
    count = operations.table_status(catalog).item_count
    with progress(count, "Reading", "item") as shown:
        yield shown


def _output(file: str | None) -> str | IO[bytes]:
    if file != DASH:
        return str(file)
    if sys.stdout.isatty():
        raise click.UsageError("a dump is not written to a terminal: redirect the standard output")
    return sys.stdout.buffer


def _input(file: str) -> str | IO[bytes]:
    return sys.stdin.buffer if file == DASH else file


def _how_to_go_on(file: str, checkpoint: str | None) -> str:
    command = f"catalog-model import {shlex.quote(file)}"
    if checkpoint is None:
        return f"Written items are kept; `{command} --into-existing` writes all of them again."
    return (
        f"Written items are kept; `{command} --checkpoint {shlex.quote(checkpoint)}` continues "
        "from here."
    )


def _print_dump(report: DumpReport, settings: Settings, *, is_stream: bool) -> None:
    manifest = report.manifest
    if settings.output == "json" and not is_stream:
        print_json(manifest.to_json())
        return
    types = [f"{kind} {count:,}" for kind, count in sorted(manifest.types.items())]
    of_model = f"{', '.join(types)}; " if types else ""
    click.echo(
        printable(
            f"{counted(manifest.items, 'item')} ({of_model}{manifest.foreign:,} not of "
            f"this model), {counted(manifest.size, 'byte')}, sha256 {manifest.sha256}"
        ),
        err=is_stream,
    )
    click.echo(
        printable(f"Read from {manifest.start_time} to {manifest.end_time}, not at one moment."),
        err=True,
    )


def _print_titles(report: TitleFilesReport, settings: Settings) -> None:
    if settings.output == "json":
        files = {kind: {**asdict(f), "path": str(f.path)} for kind, f in report.files.items()}
        unreadable = [{"key": list(key), "reason": why} for key, why in report.unreadable]
        print_json({"files": files, "unreadable": unreadable})
        return
    for file in report.files.values():
        click.echo(printable(f"{file.path}: {counted(file.titles, 'title')}, sha256 {file.sha256}"))
    for key, reason in report.unreadable:
        click.echo(printable(f"unreadable: {key.PK} | {key.SK}: {reason}"))


def _print_import(report: ImportReport, settings: Settings) -> None:
    if settings.output == "json":
        print_json(asdict(report))
        return
    if report.created:
        click.echo("The table was created.", err=True)
    earlier = report.items - report.written
    before = f", {earlier:,} by an earlier run" if earlier else ""
    click.echo(f"{counted(report.items, 'item')}: {report.written:,} written{before}")
    if report.throttled:
        click.echo(f"The table was throttled {counted(report.throttled, 'time')}.", err=True)

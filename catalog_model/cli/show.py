"""The command that draws the table as an HTML page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import click

from catalog_model import access_patterns as ap
from catalog_model.analysis.chosen_titles import choose_titles, example_arguments
from catalog_model.analysis.drawing import draw
from catalog_model.analysis.drawing_page import drawing_page
from catalog_model.catalog import Catalog
from catalog_model.checks import counted
from catalog_model.cli.base import Command, Settings, printable
from catalog_model.cli.examples import example_calls
from catalog_model.cli.output import print_json
from catalog_model.domain.kinds import KINDS
from catalog_model.domain.rejection import Rejection
from catalog_model.dynamodb.trace import Trace
from catalog_model.entities import AnyTitle
from catalog_model.errors import TableNotFoundError
from catalog_model.files.reader import read_folder, sample_folder

TITLES: Final = 8
MOST_TITLES: Final = 50
CANDIDATES: Final = 100
"""Titles of each kind among which the page's titles are chosen: one page of a list."""


class _Found(NamedTuple):
    """The titles of the page, their source, and the requests that read them."""

    titles: Sequence[AnyTitle]
    source: str
    trace: Trace


@click.command("show", cls=Command)
@click.option(
    "--html",
    "path",
    type=Path,
    required=True,
    metavar="FILE",
    help="The page to write; - writes to stdout.",
)
@click.option(
    "--titles",
    "count",
    type=click.IntRange(1, MOST_TITLES),
    default=TITLES,
    show_default=True,
    metavar="N",
    help=f"Titles on the page, at most {MOST_TITLES}.",
)
@click.option("--sample", is_flag=True, help="Draw the sample data instead of the table.")
@click.pass_obj
def show_command(settings: Settings, path: Path, count: int, *, sample: bool) -> None:
    """Draw a few titles of the table as one HTML page, for teaching and reviews.

    The page shows the items of the titles in the table and in each index, in their order. For each
    access pattern, it marks the rows that an example call reads or changes, next to the requests
    and their cost. It needs no network.

    The titles are chosen among the most popular ones of each kind, so that they share genres.
    Reading them takes three requests. The calls are made in memory, so the table is not changed.
    """
    catalog = settings.catalog()
    found = _sample(count) if sample else _of_table(catalog, count)
    calls = example_calls(found.titles, arguments=example_arguments(found.titles))
    drawing = draw(found.titles, calls, table=catalog.table.rpartition("table/")[2])
    page = drawing_page(drawing, source=found.source)
    if str(path) == "-":
        click.echo(page, nl=False)
        return
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from error
    _report(settings, path, page, found)


def _report(settings: Settings, path: Path, page: str, found: _Found) -> None:
    size, units = len(page.encode()), found.trace.total_units
    if settings.output == "json":
        report = {
            "file": str(path),
            "bytes": size,
            "titles": [str(title.key) for title in found.titles],
            "requests": len(found.trace),
            "read_units": units,
        }
        print_json(report)
        return
    cost = f"{counted(len(found.trace), 'request')}, {counted(units, 'read unit')}"
    titles = f"{counted(len(found.titles), 'title')} of {found.source}"
    click.echo(printable(f"Wrote {path}: {titles}, {counted(size, 'byte')} ({cost})."))


def _sample(count: int) -> _Found:
    titles = [each for each in read_folder(sample_folder()) if not isinstance(each, Rejection)]
    return _Found(choose_titles(titles, count), "the sample data", Trace())


def _of_table(catalog: Catalog, count: int) -> _Found:
    """Choose among the first titles of each kind, and read those chosen."""
    with catalog.trace() as trace:
        try:
            listed = [ap.list_titles(catalog, kind, limit=CANDIDATES).items for kind in KINDS]
        except TableNotFoundError as error:
            raise TableNotFoundError(f"{error}; --sample draws the sample data") from error
        chosen = choose_titles([title for titles in listed for title in titles], count)
        read = ap.get_titles(catalog, [title.key for title in chosen]) if chosen else []
    titles = [title for title in read if title is not None]
    if not titles:
        raise click.UsageError(f"table {catalog.table!r} has no titles: --sample draws some")
    return _Found(titles, f"table {catalog.table}", trace)

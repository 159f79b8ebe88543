"""The command that moves a catalogue from another layout into the table."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import click

from catalog_model import operations
from catalog_model.checks import counted
from catalog_model.cli.arguments import Argument
from catalog_model.cli.base import EXIT_CHECK_FAILED, Command, Settings, printable
from catalog_model.cli.output import print_json
from catalog_model.cli.patterns import _stdin, file_options, files_in, write_units_option
from catalog_model.cli.progress import loading
from catalog_model.domain.kinds import Kind
from catalog_model.domain.rejection import Rejection
from catalog_model.entities import AnyTitle
from catalog_model.files.losses import WHATS, Loss
from catalog_model.operations.adopt import MAX_PASSES
from catalog_model.operations.adopt_report import AdoptReport, Comparison
from catalog_model.operations.adopt_sources import Source

_WORDS: Final = (
    "table:NAME, a file of typed JSON, or - for stdin; movie= or tv= before it states the kind."
)
_STDIN: Final[dict[str, Kind | None]] = {"-": None, "movie=-": "movie", "tv=-": "tv"}
_MOST_KEYS: Final = 10


def _original_options() -> list[click.Parameter]:
    """Return the options for the files from which the sources were filled."""
    options = file_options()
    for option in cast("list[click.Option]", options):
        option.help = f"Original file of the source: restores what was lost. {option.help}"
    return options


@click.command(
    "adopt",
    cls=Command,
    params=[
        Argument(["sources"], metavar="FROM...", nargs=-1, required=True, words=_WORDS),
        *_original_options(),
        click.Option(["--dry-run"], is_flag=True, help="Only read and report; write nothing."),
        click.Option(
            ["--follow"],
            is_flag=True,
            help="Read the sources again until nothing changes, and compare at the end.",
        ),
        click.Option(
            ["--max-passes"],
            type=int,
            default=MAX_PASSES,
            show_default=True,
            help="Maximum number of passes with --follow.",
        ),
        click.Option(
            ["--read-units-per-second", "read_units_per_second"],
            type=float,
            help="Limit of read units a second on the sources; no limit by default.",
        ),
        write_units_option(),
    ],
)
@click.pass_context
def adopt_command(
    ctx: click.Context,
    /,
    sources: tuple[str, ...],
    movies: Path | None,
    tv: Path | None,
    **options: Any,
) -> None:
    """Load titles from tables with another layout, or from typed JSON, into the table.

    Movies, shows and memberships in genres are recognized by their attributes. The sources are not
    changed. Equal titles are not written, so the command can be repeated, also after an
    interruption. Rejected items are listed, and everything that the sources lost of a title: the
    order of a set, titles overwritten by others with the same id. The exit code is then 1.

    With --movies and --tv, the files from which the source was filled, lost order and lost titles
    are restored. With --follow, programs may keep writing to the sources: they are read again until
    a pass finds no changes, and compared with the table.
    """
    settings = ctx.ensure_object(Settings)
    if sum(each in _STDIN for each in sources) + [movies, tv].count(Path("-")) > 1:
        raise click.UsageError("only one source can be -, the standard input")
    given = [Source(_stdin(), _STDIN[each]) if each in _STDIN else each for each in sources]
    originals = _originals(movies, tv)
    with loading(None) as shown:
        report = operations.adopt_titles(
            settings.catalog(), given, originals=originals, on_progress=shown, **options
        )
    if settings.output == "json":
        print_json({**report.to_json(), "dry_run": options["dry_run"]})
    else:
        _print_report(report, is_dry=options["dry_run"], has_originals=bool(originals))
    ctx.exit(0 if report.is_complete else EXIT_CHECK_FAILED)


def _originals(movies: Path | None, tv: Path | None) -> list[AnyTitle]:
    """Read the original files.

    Raises:
        click.UsageError: If a record in them is invalid: it could not be restored.
    """
    if movies is None and tv is None:
        return []
    titles = []
    for each in (each for file in files_in(movies, tv) for each in file):
        if isinstance(each, Rejection):
            raise click.UsageError(printable(f"an original is not a title: {each}"))
        titles.append(each.title)
    return titles


def _print_report(report: AdoptReport, *, is_dry: bool, has_originals: bool) -> None:
    for line in _lines_of(report.losses):
        click.echo(printable(line))
    for each in report.rejected:
        click.echo(printable(f"rejected: {each}"))
    for what, more in report.more_losses.items():
        click.echo(f"{what}: and {more:,} more")
    if len(report.passes) > 1:
        for number, one in enumerate(report.passes, start=1):
            click.echo(
                f"pass {number}, from {one.began}: {one.created} created, {one.changed} changed, "
                f"{one.deleted} deleted"
            )
    if is_dry:
        click.echo(f"{counted(report.to_adopt, 'title')} to adopt, {len(report.rejected)} rejected")
    else:
        click.echo(
            f"{report.created} created, {report.changed} changed, {report.unchanged} unchanged, "
            f"{report.deleted} deleted, {len(report.rejected)} rejected"
        )
    _print_losses(report, has_originals=has_originals)
    if report.comparison:
        _print_comparison(report, report.comparison)


def _lines_of(losses: list[Loss]) -> Iterator[str]:
    """Yield the losses as lines, one for all titles with the same particulars."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for loss in losses:
        what = f"{loss.what} (restored)" if loss.is_restored else loss.what
        groups[what, loss.detail].append(loss.key)
    for (what, detail), found in groups.items():
        yield f"{what}: {', '.join(sorted(found, key=_by_kind_and_id))}: {detail}"


def _by_kind_and_id(key: str) -> tuple[str, int]:
    kind, _, title_id = key.rpartition(" ")
    return kind, int(title_id)


def _print_losses(report: AdoptReport, *, has_originals: bool) -> None:
    """Print the number of losses of each kind, possible ones, and the cost of reading."""
    counts = Counter(loss.what for loss in report.losses) + Counter(report.more_losses)
    restored = sum(loss.is_restored for loss in report.losses)
    words = [f"{what} {counts[what]}" for what in WHATS if counts[what]]
    if words:
        click.echo(f"Lost before: {', '.join(words)}; {restored} of them restored")
    if report.repeated:
        click.echo(f"{counted(report.repeated, 'item')} repeated an earlier one")
    for source in () if has_originals else report.keyed_by_id:
        click.echo(
            printable(
                f"{source} has movies and TV shows, and no id twice: if its key is the id, titles "
                "may have been overwritten; --movies and --tv show which"
            ),
            err=True,
        )
    units, requests = counted(round(report.read_units), "read unit"), report.requests
    read = f"{counted(requests, 'request')}, {units}" if requests else "no requests"
    click.echo(f"Read {counted(report.items, 'item')} in the last pass ({read} in all)", err=True)


def _print_comparison(report: AdoptReport, comparison: Comparison) -> None:
    """Print the comparison, and the time from which changes may be missing."""
    click.echo(
        f"Compared from {comparison.began}: {comparison.equal:,} equal, "
        f"{len(comparison.differing):,} differing, {len(comparison.missing):,} missing, "
        f"{len(comparison.extra):,} only in the table"
    )
    for words in ("differing", "missing", "extra"):
        keys = getattr(comparison, words)
        if keys:
            listed = ", ".join(f"{key.kind} {key.id}" for key in keys[:_MOST_KEYS])
            more = f" and {len(keys) - _MOST_KEYS:,} more" if len(keys) > _MOST_KEYS else ""
            click.echo(f"{words}: {listed}{more}")
    if not report.is_settled:
        click.echo("The sources kept changing until the last pass: stop their writers, and repeat.")
    last = report.passes[-1]
    click.echo(f"Changes made in the sources since {last.began} may be missing in the table.")

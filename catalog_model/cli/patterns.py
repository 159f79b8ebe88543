"""One command for each access pattern, with the arguments, options and help of its function."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import click

from catalog_model import access_patterns as ap
from catalog_model.catalog import Catalog
from catalog_model.cli.arguments import Argument, attribute_value, describe, parameters_of
from catalog_model.cli.base import (
    EXIT_CHECK_FAILED,
    Command,
    Settings,
    as_typed,
    confirm,
    printable,
)
from catalog_model.cli.commands import OTHER_COMMAND, command_name
from catalog_model.cli.output import print_json, show
from catalog_model.cli.progress import loading
from catalog_model.declarations.pattern import AccessPattern
from catalog_model.domain.arguments import is_date
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.entities import FIELDS, AnyTitle
from catalog_model.errors import InvalidTitleError, TitleExistsError
from catalog_model.files.json_input import JSONInput
from catalog_model.files.reader import STDIN, TitleFile, each_title, read_title, read_titles

DASH: Final = Path("-")
"""The file that is the standard input."""

EXAMPLES: Final[Mapping[str, str]] = {
    "get_title": "movie 34",
    "get_titles": "movie:34 tv:73 movie:7",
    "get_title_with_genres": "movie 34",
    "list_titles": "tv --order name --ascending --limit 5",
    "list_titles_in_genre": "movie 28 --limit 5",
    "list_titles_in_genres": "movie 28 878 --match any",
    "sample_titles": "movie --count 5",
    "list_top_rated": "movie --min-votes 100 --min-rating 8.5",
    "list_released_between": "movie 1990-01-01 1999-12-31",
    "find_titles_by_name": 'movie "the"',
    "list_genres": "tv",
    "count_titles": "movie --genre-id 18",
    "put_title": "movie alien.json",
    "update_title": 'movie 34 overview="A crew in space." popularity=87.5',
    "update_popularity": "movie 34 87.5",
    "update_votes": "movie 34 --vote-average 8.2 --vote-count 15000",
    "set_genres": "movie 34 878 27",
    "delete_title": "movie 34 --yes",
    "load_titles": "--movies data_movies.json --tv data_tv.json",
}
"""Example arguments of each command, for its help; they match the sample data."""


def pattern_commands(run: Run, *, with_load: bool = False) -> Iterator[PatternCommand]:
    """Yield a command that calls *run* for each access pattern, `load_titles` only on demand."""
    for name, pattern in ap.PATTERNS.items():
        if with_load or name not in OTHER_COMMAND:
            yield pattern_command(pattern, run)


def pattern_command(pattern: AccessPattern, run: Run) -> PatternCommand:
    """Return a command that calls *run* for an access pattern."""
    return BY_HAND.get(pattern.name, PatternCommand)(pattern, run)


def run_pattern(command: PatternCommand, settings: Settings, given: Mapping[str, Any]) -> None:
    """Call the access pattern and print its result."""
    command.call(settings, given)


class PatternCommand(Command):
    """The command of an access pattern; its help also lists the arguments and an example."""

    def __init__(self, pattern: AccessPattern, run: Run) -> None:
        self.pattern = pattern
        self.example = EXAMPLES.get(pattern.name, "")
        name = command_name(pattern)

        def callback(settings: Settings, **given: Any) -> None:
            run(self, settings, given)

        super().__init__(
            name,
            callback=click.pass_obj(callback),
            params=self.parameters(),
            help=describe(pattern).text,
            short_help=f"{pattern.question}.",
        )

    def parameters(self) -> list[click.Parameter]:
        """Return the command's arguments and options, derived from the function."""
        return parameters_of(self.pattern)

    def arguments(self, **given: Any) -> dict[str, Any]:
        """Convert the command's values to arguments of the function."""
        return given

    def call(self, settings: Settings, given: Mapping[str, Any]) -> None:
        """Call the function and print its answer."""
        catalog = settings.catalog()
        self.make_sure(catalog, given)
        arguments = self.arguments(**given)
        answer = self.pattern.function(catalog, **arguments)
        show(self.shown(answer, arguments), settings.output)

    def make_sure(self, catalog: Catalog, given: Mapping[str, Any]) -> None:
        """Ask for confirmation before data is deleted; warn of what may be a mistake."""

    def shown(self, answer: Any, _: Mapping[str, Any]) -> Any:
        """Return the printable form of a result."""
        return answer

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example on one line, so that it can be pasted."""
        if not self.example:
            return
        formatter.write_paragraph()
        formatter.write(f"Example: {as_typed(ctx)} {self.example}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments and the options."""
        arguments = [
            (each.make_metavar(ctx), each.words)
            for each in self.params
            if isinstance(each, Argument)
        ]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        super().format_options(ctx, formatter)


Run = Callable[[PatternCommand, Settings, Mapping[str, Any]], None]
"""The action of a command, with its values."""


class _GetTitles(PatternCommand):
    """Shows missing titles by their keys; the function returns None for them."""

    def parameters(self) -> list[click.Parameter]:
        return parameters_of(self.pattern, required=("keys",))

    def shown(self, answer: Any, arguments: Mapping[str, Any]) -> Any:
        pairs = zip(answer, arguments["keys"], strict=True)
        return [title or key for title, key in pairs]


class _PutTitle(PatternCommand):
    """Takes the title from a kind and a file with its record, or several as JSON Lines."""

    def parameters(self) -> list[click.Parameter]:
        kind = click.Choice(KINDS)
        return [
            Argument(["kind"], type=kind, metavar="KIND", words='"movie" or "tv".'),
            Argument(
                ["file"],
                type=click.File("rb"),
                words="One record as JSON, or JSON Lines with one on each line; - reads stdin.",
            ),
            *super().parameters(),
            click.Option(
                ["--if-unchanged"],
                type=click.File("rb"),
                metavar="FILE",
                help="Replace the title only if it still equals this record.",
            ),
        ]

    def call(self, settings: Settings, given: Mapping[str, Any]) -> None:
        records = _input(given["file"])
        if not records.is_lines:
            super().call(settings, {**given, "file": records})
        elif given["if_unchanged"]:
            raise click.UsageError("--if-unchanged needs one record, not JSON Lines")
        else:
            titles = each_title(records, given["kind"])
            _put_each(settings, titles, if_absent=given["if_absent"])

    def arguments(  # type: ignore[override]  # narrower: its own parameters
        self,
        *,
        kind: Kind,
        file: IO[bytes] | JSONInput,
        if_absent: bool,
        if_unchanged: IO[bytes] | None,
    ) -> dict[str, Any]:
        title = read_title(_input(file), kind)
        before = read_title(_input(if_unchanged), kind) if if_unchanged else None
        return {"title": title, "if_absent": if_absent, "if_unchanged": before}


def _input(file: IO[bytes] | JSONInput) -> JSONInput:
    return file if isinstance(file, JSONInput) else JSONInput(file, getattr(file, "name", STDIN))


def _put_each(
    settings: Settings, titles: Iterable[Sourced[AnyTitle] | Rejection], *, if_absent: bool
) -> None:
    """Put titles as they come, list the rejected ones, and exit with 1 if there are any."""
    catalog = settings.catalog()
    rejected: list[dict[str, Any]] = []
    put = refused = 0
    with loading(None) as shown:
        for each in titles:
            rejection = _put(catalog, each, if_absent=if_absent)
            if rejection is None:
                put += 1
            else:
                refused += 1
                if settings.output == "json":
                    rejected.append(rejection.to_json())
                else:
                    click.echo(printable(str(rejection)))
            shown(put + refused)
    if settings.output == "json":
        print_json({"put": put, "rejected": rejected})
    else:
        click.echo(f"{put} put, {refused} rejected")
    click.get_current_context().exit(EXIT_CHECK_FAILED if refused else 0)


def _put(
    catalog: Catalog, each: Sourced[AnyTitle] | Rejection, *, if_absent: bool
) -> Rejection | None:
    if isinstance(each, Rejection):
        return each
    try:
        ap.put_title(catalog, each.title, if_absent=if_absent)
    except (InvalidTitleError, TitleExistsError) as error:
        return each.rejected(str(error))
    return None


class _UpdateTitle(PatternCommand):
    """Says on stderr if a name, perhaps a misspelled one, becomes a new attribute."""

    def parameters(self) -> list[click.Parameter]:
        words = (
            "Attributes with their new values, such as popularity=12.5. A value is read as JSON, "
            "or as a text if it is not JSON or the attribute must be a text. An unknown name is "
            "stored as a new attribute; to remove one, put or load the whole record without it."
        )
        attributes = Argument(
            ["attributes"], nargs=-1, required=True, metavar="NAME=VALUE...", words=words
        )
        return [*super().parameters(), attributes]

    def arguments(  # type: ignore[override]  # narrower: its own parameters
        self, *, kind: Kind, title_id: int, attributes: Iterable[str]
    ) -> dict[str, Any]:
        given: dict[str, Any] = {"kind": kind, "title_id": title_id}
        for each in attributes:
            name, equals, text = each.partition("=")
            if not equals or not name:
                raise click.UsageError(f"{each!r} is not NAME=VALUE, such as popularity=12.5")
            if name in given or name == "catalog":
                raise click.UsageError(f"{name!r} cannot be set, or is repeated")
            given[name] = attribute_value(kind, name, text)
        return given

    def make_sure(self, catalog: Catalog, given: Mapping[str, Any]) -> None:
        kind, title_id = given["kind"], given["title_id"]
        unknown = self.arguments(**given).keys() - {"kind", "title_id"} - FIELDS[kind].keys()
        if not unknown:
            return
        for name in sorted(unknown - ap.get_title(catalog, kind, title_id).to_json().keys()):
            stored = f"it is stored as a new one of {kind} {title_id}"
            click.echo(printable(f"{name} is not an attribute of the model; {stored}"), err=True)


class _ListReleasedBetween(PatternCommand):
    def make_sure(self, catalog: Catalog, given: Mapping[str, Any]) -> None:
        del catalog
        since, until = given["since"], given["until"]
        if is_date(since) and is_date(until) and since > until:
            text = f"{since} is after {until}: SINCE is the first day, UNTIL the last"
            click.echo(text, err=True)


class _SetGenres(PatternCommand):
    """Removes a title from all genres only with an explicit option."""

    def parameters(self) -> list[click.Parameter]:
        words = "Remove the title from all genres."
        return [*super().parameters(), click.Option(["--none"], is_flag=True, help=words)]

    def arguments(self, *, none: bool, **given: Any) -> dict[str, Any]:  # type: ignore[override]  # narrower: its own parameters
        if bool(given["genre_ids"]) == none:
            raise click.UsageError("give the ids of genres, or --none")
        return given


class _DeleteTitle(PatternCommand):
    def parameters(self) -> list[click.Parameter]:
        yes = click.Option(["--yes"], is_flag=True, help="Do not ask.")
        return [*super().parameters(), yes]

    def arguments(self, *, yes: bool, **given: Any) -> dict[str, Any]:  # type: ignore[override]  # narrower: its own parameters
        del yes
        return given

    def make_sure(self, catalog: Catalog, given: Mapping[str, Any]) -> None:
        if not given["yes"]:
            kind, title_id = given["kind"], given["title_id"]
            title = ap.get_title(catalog, kind, title_id)
            name = f"{kind} {title_id} {title.display_name!r}"
            confirm(f"Delete {name} from table {catalog.table!r}?")


class _LoadTitles(PatternCommand):
    def parameters(self) -> list[click.Parameter]:
        return [*file_options(), write_units_option()]

    def arguments(  # type: ignore[override]  # narrower: its own parameters
        self, *, movies: Path | None, tv: Path | None, write_units: float | None
    ) -> dict[str, Any]:
        return {"titles": titles_in(movies, tv), "write_units": write_units}


def file_options() -> list[click.Parameter]:
    """Return the options for the application's files."""
    return [
        click.Option(
            [name],
            type=Path,
            metavar="FILE",
            help=f"JSON or JSON Lines of {titles}; - reads stdin.",
        )
        for name, titles in (("--movies", "movies"), ("--tv", "TV shows"))
    ]


def write_units_option() -> click.Parameter:
    """Return the option that paces a load."""
    words = "Limit of write units a second; by default the table's capacity."
    return click.Option(["--write-units"], type=float, metavar="N", help=words)


def files_in(movies: Path | None, tv: Path | None) -> list[TitleFile]:
    """Validate the application's files; titles of JSON Lines are read on demand."""
    return [TitleFile(path, kind) for path, kind in _given(movies, tv)]


def titles_in(movies: Path | None, tv: Path | None) -> list[AnyTitle | Rejection]:
    """Read the titles in the application's files."""
    return [title for path, kind in _given(movies, tv) for title in read_titles(path, kind)]


def _given(movies: Path | None, tv: Path | None) -> list[tuple[Path | IO[bytes], Kind]]:
    files: dict[Kind, Path | None] = {"movie": movies, "tv": tv}
    given = [(path, kind) for kind, path in files.items() if path is not None]
    if not given:
        raise click.UsageError("give --movies FILE, --tv FILE or both")
    if movies == tv == DASH:
        raise click.UsageError("only one of --movies and --tv can be -, the standard input")
    return [(_stdin() if path == DASH else path, kind) for path, kind in given]


def _stdin() -> IO[bytes]:
    if sys.stdin is None or sys.stdin.closed:
        raise click.UsageError("the standard input is closed")
    return sys.stdin.buffer


BY_HAND: Final[Mapping[str, type[PatternCommand]]] = {
    "delete_title": _DeleteTitle,
    "get_titles": _GetTitles,
    "list_released_between": _ListReleasedBetween,
    "load_titles": _LoadTitles,
    "put_title": _PutTitle,
    "set_genres": _SetGenres,
    "update_title": _UpdateTitle,
}

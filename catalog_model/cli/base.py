"""Shared parts of all commands: the options, exit codes, and safe output."""

import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeVar

import click

from catalog_model.catalog import DEFAULT_TABLE, Catalog
from catalog_model.cli.commands import summary
from catalog_model.dynamodb.pace import SEGMENTS
from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    InvalidArgumentError,
    SchemaMismatchError,
    TableNotFoundError,
    TitleExistsError,
    TitleNotFoundError,
    UnreachableError,
)

_F = TypeVar("_F", bound=Callable[..., Any])

Output = Literal["table", "json"]

EXIT_CHECK_FAILED: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 253
SERVICE: Final = 254
UNEXPECTED: Final = 255
INTERRUPTED: Final = 130

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_NEGATIVE = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)


@dataclass(slots=True)
class Settings:
    """The options of every command: table, region, endpoint, profile and output format."""

    table: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    output: Output = "table"

    def catalog(self) -> Catalog:
        """Return the handle; settings without an option come from the environment."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        del given["output"]
        return Catalog.from_env(**given)

    def beside_pointer(self, pointer: str | None) -> tuple[Catalog, str | None]:
        """Return a handle for a pointer that may not exist yet, and the pointer.

        The handle is on the table that applications use without the pointer.
        """
        pointer = pointer or os.environ.get("CATALOG_TABLE_POINTER") or None
        table = self.table or os.environ.get("CATALOG_TABLE") or DEFAULT_TABLE
        return replace(self, table=table).catalog(), pointer


def segments_option(done: str = "read") -> Callable[[_F], _F]:
    """Return the option for the parts of a table that are *done* in parallel."""
    return click.option(
        "--segments",
        type=int,
        default=SEGMENTS,
        show_default=True,
        help=f"Number of parts of the table that are {done} in parallel.",
    )


def as_typed(ctx: click.Context) -> str:
    """Return the command as it was typed, with `python -m` or without."""
    root = ctx.find_root().info_name or ""
    rest = ctx.command_path.removeprefix(root).strip()
    return f"{root if root.startswith('python') else 'catalog-model'} {rest}"


class Failure(click.ClickException):
    """An error of the package, as one line and an exit code."""

    def __init__(self, error: CatalogError) -> None:
        super().__init__(printable(f"{error}{_hint(error)}"))
        setattr(self, "exit_code", exit_code_of(error))  # noqa: B010  # click's, and of its class


class Command(click.Command):
    """A command that accepts negative numbers, and the shared options after its name."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **{"context_settings": CONTEXT, **attributes})
        self.params += shared_options(hidden=True)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Accept ``-3.5`` as a value where click would see options."""
        if any(map(_NEGATIVE.match, args)):
            ctx.ignore_unknown_options = True
        return super().parse_args(ctx, args)


class Program(click.Group):
    """The group of all commands, with their error handling."""

    command_class = Command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name)) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn its errors into `Failure`."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except CatalogError as error:
            raise Failure(error) from error
        return result

    def main(  # type: ignore[override]  # click has overloads for its standalone_mode
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run the program and exit with its code; without *standalone_mode*, behave like click."""
        if not standalone_mode:
            return super().main(args, standalone_mode=False, **extra)
        sys.exit(self._run(args, **extra))

    def _run(self, args: Sequence[str] | None, **extra: Any) -> int:
        try:
            status = super().main(args, standalone_mode=False, **extra)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            click.echo("Interrupted.", err=True)
            return INTERRUPTED
        except OSError as error:
            about = f"{error.filename}: " if error.filename else ""
            text = f"{about}{error.strerror or error}"
            click.echo(f"Error: {printable(text)}", err=True)
            return UNEXPECTED
        except Exception:  # noqa: BLE001  # a bug, with another exit code than a failed check
            click.echo(traceback.format_exc(), err=True, nl=False)
            return UNEXPECTED
        return status if isinstance(status, int) else 0


def shared_options(*, hidden: bool = False) -> list[click.Parameter]:
    """Return the shared options, for use before a command or, hidden, after it."""
    helps = {
        "--table": "Name of the table (CATALOG_TABLE, a pointer, or netflix-movie-catalog).",
        "--region": "AWS region (AWS_REGION, or the profile's).",
        "--endpoint-url": "Endpoint to use instead of AWS, such as http://127.0.0.1:8000.",
        "--profile": "Profile of the AWS configuration.",
        "--output": "Output format: a table for people, or JSON.",
    }
    return [
        click.Option(
            [name],
            type=click.Choice(["table", "json"]) if name == "--output" else str,
            help=text,
            hidden=hidden,
            expose_value=False,
            callback=_remember,
        )
        for name, text in helps.items()
    ]


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    settings = ctx.ensure_object(Settings)
    if value is not None and parameter.name:
        setattr(settings, parameter.name, value)


def exit_code_of(error: CatalogError) -> int:
    """Return the exit code for an error."""
    match error:
        case TitleNotFoundError() | TitleExistsError():
            return EXIT_CHECK_FAILED
        case InvalidArgumentError():
            return USAGE
        case ConfigurationError():
            return CONFIGURATION
        case _:
            return SERVICE


_HINTS: Final = (
    (TableNotFoundError, "", "`catalog-model create` makes it"),
    (AccessDeniedError, "", "`catalog-model export iam` prints the policy that allows it"),
    (SchemaMismatchError, "specified index", "`catalog-model plan` shows what the table lacks"),
    (SchemaMismatchError, "Invalid index", "`catalog-model plan` shows what the table lacks"),
    (SchemaMismatchError, "key element", "`catalog-model status` shows how it differs"),
    (SchemaMismatchError, "key schema element", "`catalog-model status` shows how it differs"),
    (UnreachableError, 'URL: "https://dynamodb.', "is the region right? --region sets another"),
    (UnreachableError, 'URL: "http://127.0.0.1', "`catalog-model serve` starts an engine"),
    (UnreachableError, 'URL: "http://localhost', "`catalog-model serve` starts an engine"),
    (InvalidArgumentError, "give one of minutes_ago", "--minutes-ago, --at or --backup"),
    (CatalogError, "specify a region", "pass --region, or set AWS_REGION"),
    (ConfigurationError, "cannot be used: ", "--port 0 takes a free one"),
    (
        CatalogError,
        "Unable to locate credentials",
        (
            "aws configure, AWS_PROFILE or AWS_ACCESS_KEY_ID set them; without an account: "
            "catalog-model serve"
        ),
    ),
)
"""What to do about an error: by its class, and words of its message."""


def _hint(error: CatalogError) -> str:
    text = str(error)
    hints = (hint for kind, words, hint in _HINTS if isinstance(error, kind) and words in text)
    return next((f" ({hint})" for hint in hints), "")


def confirm(question: str, refusal: str = "nothing was deleted") -> None:
    """Ask on stderr, and continue only after a yes; otherwise the command fails."""
    click.echo(f"{printable(question)} [y/N] ", nl=False, err=True)
    try:
        answer = sys.stdin.readline()
    except (OSError, ValueError):  # unreadable, or not text
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        click.echo("" if answer else "(no answer: --yes does not ask)", err=True)
        raise click.ClickException(refusal)


def wait_note(text: str) -> None:
    """Print a note about a long operation on a terminal."""
    if sys.stderr.isatty():
        click.echo(printable(text), err=True)


def printable(text: str) -> str:
    """Return a text as one line without control sequences."""
    return "".join(
        each if each.isprintable() else " " if each.isspace() else ascii(each)[1:-1]
        for each in text
    )

"""What all commands share: the options, how a command ends, and what it may print."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import click

from catalog_model.catalog import Catalog
from catalog_model.errors import (
    AccessDeniedError,
    CatalogError,
    ConfigurationError,
    InvalidArgumentError,
    TableNotFoundError,
    TitleExistsError,
    TitleNotFoundError,
)

Output = Literal["table", "json"]

FOUND_WANTING: Final = 1
USAGE: Final = 2
CONFIGURATION: Final = 253
SERVICE: Final = 254
UNEXPECTED: Final = 255
INTERRUPTED: Final = 130

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_NEGATIVE = re.compile(r"-(\.?\d|inf|nan)", re.IGNORECASE)


@dataclass(slots=True)
class Settings:
    """The options that every command takes: which table, where, as whom, and how to print."""

    table: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    profile: str | None = None
    output: Output = "table"

    def catalog(self) -> Catalog:
        """Make the handle; what no option says comes from the environment, as for any program."""
        given: dict[str, Any] = {
            "table": self.table,
            "region": self.region,
            "endpoint_url": self.endpoint_url,
            "profile": self.profile,
        }
        return Catalog.from_env(**{name: given[name] for name in given if given[name] is not None})


def as_typed(ctx: click.Context) -> str:
    """Return the words that lead to a command, as they were typed: with `python -m`, or without."""
    root = ctx.find_root().info_name or ""
    rest = ctx.command_path.removeprefix(root).strip()
    return f"{root if root.startswith('python') else 'catalog-model'} {rest}"


class Failure(click.ClickException):
    """An error of the package as one line and an exit code."""

    def __init__(self, error: CatalogError) -> None:
        super().__init__(printable(f"{error}{_hint(error)}"))
        setattr(self, "exit_code", exit_code_of(error))  # noqa: B010  # click's, and of its class


class Command(click.Command):
    """A command that takes negative numbers, and the shared options behind its name as well."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **{"context_settings": CONTEXT, **attributes})
        self.params += shared_options(hidden=True)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let ``-3.5`` be a value where it would be taken for options."""
        if any(map(_NEGATIVE.match, args)):
            ctx.ignore_unknown_options = True
        return super().parse_args(ctx, args)


class Program(click.Group):
    """The commands, and how any of them ends."""

    command_class = Command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its errors come out as `Failure`."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except CatalogError as error:
            raise Failure(error) from error
        return result

    def main(  # type: ignore[override]  # click has overloads for its standalone_mode
        self, args: Sequence[str] | None = None, *, standalone_mode: bool = True, **extra: Any
    ) -> Any:
        """Run the program and exit with its code; without *standalone_mode* as click has it."""
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
        except Exception:  # noqa: BLE001  # a bug of ours, and not the exit code of a finding
            click.echo(traceback.format_exc(), err=True, nl=False)
            return UNEXPECTED
        return status if isinstance(status, int) else 0


def shared_options(*, hidden: bool = False) -> list[click.Parameter]:
    """Make the options that stand before a command or, not shown there, behind it."""
    helps = {
        "--table": "Name of the table (CATALOG_TABLE; else netflix-movie-catalog).",
        "--region": "AWS region (AWS_REGION, or as the profile has it).",
        "--endpoint-url": "Where to send requests instead of AWS, as http://127.0.0.1:8000.",
        "--profile": "Profile of the AWS configuration.",
        "--output": "How to print: a table to read, or JSON.",
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
    """Give the exit code for an error."""
    match error:
        case TitleNotFoundError() | TitleExistsError():
            return FOUND_WANTING
        case InvalidArgumentError():
            return USAGE
        case ConfigurationError():
            return CONFIGURATION
        case _:
            return SERVICE


def _hint(error: CatalogError) -> str:
    match error:
        case TableNotFoundError():
            return " (`catalog-model create` makes it)"
        case AccessDeniedError():
            return " (`catalog-model export iam` prints the policy that allows it)"
        case _ if "specify a region" in str(error):
            return " (--region or AWS_REGION does)"
        case _:
            return ""


def confirm(question: str) -> None:
    """Ask on stderr, and go on only after a yes.

    Raises:
        click.ClickException: After any other answer, or when nobody is there to ask.
    """
    click.echo(f"{printable(question)} [y/N] ", nl=False, err=True)
    try:
        answer = sys.stdin.readline()
    except (OSError, ValueError):  # it cannot be read, or is no text
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        click.echo("" if answer else "(no answer: --yes does not ask)", err=True)
        raise click.ClickException("nothing was deleted")


def wait_note(text: str) -> None:
    """Tell a person on a terminal what takes its time."""
    if sys.stderr.isatty():
        click.echo(printable(text), err=True)


def printable(text: str) -> str:
    """Give a text as one line that cannot steer a terminal."""
    return "".join(
        each if each.isprintable() else " " if each.isspace() else ascii(each)[1:-1]
        for each in text
    )

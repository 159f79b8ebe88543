"""Prints results to stdout: JSON for programs, tables for people."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from catalog_model.cli.base import Output, printable
from catalog_model.cli.tables import Column, print_rows
from catalog_model.domain.genres import genre_name
from catalog_model.domain.kinds import TitleKey
from catalog_model.entities import Genre, GenreMembership, Page, Title, TitleWithGenres

if TYPE_CHECKING:
    from rich.console import Console

TITLE_COLUMNS: Final = (
    "kind",
    ">id",
    "~name",
    "released",
    ">popularity",
    ">rating",
    ">votes",
    "/genres",
)
"""The marks are those of `tables.Column`."""

UNBOUNDED: Final = 100_000
"""The width of output to a file or a pipe, so that lines are not wrapped."""


def show(answer: Any, output: Output) -> None:
    """Print the result of an access pattern; a `TitleKey` stands for a missing title."""
    if output == "json":
        print_json(as_json(answer))
        return
    match answer:
        case TitleWithGenres(title, memberships):
            _print_titles([title])
            click.echo()
            rows = [(each.position, each.genre_id, each.genre_name) for each in memberships]
            print_table((">position", ">genre", "~name"), rows)
        case Page(items, following):
            _print_titles(items)
            if following:
                click.echo(f"More: --after={following}", err=True)
        case Title():
            _print_titles([answer])
        case [Genre(), *_]:
            genres = [(each.kind, each.id, each.name, each.title_count) for each in answer]
            print_table(("kind", ">id", "~name", ">titles"), genres)
        case list() | tuple():
            _print_titles(answer)
        case _:
            click.echo(answer)


def as_json(answer: Any) -> Any:
    """Return the result of an access pattern as JSON, with titles as their records."""
    result = answer
    match answer:
        case Title():
            result = answer.to_json()
        case TitleKey():
            result = None
        case TitleWithGenres(title, memberships):
            result = {"title": as_json(title), "memberships": as_json(memberships)}
        case GenreMembership():
            result = {
                "kind": answer.kind,
                "title_id": answer.title_id,
                "genre_id": answer.genre_id,
                "genre_name": answer.genre_name,
                "position": answer.position,
            }
        case Genre():
            result = asdict(answer)
        case Page(items, following):
            result = {"items": as_json(items), "next": following}
        case list() | tuple():
            result = [as_json(each) for each in answer]
    return result


def print_json(value: Any) -> None:
    """Print JSON, with non-ASCII characters escaped unless stdout is UTF-8."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(value, indent=2, ensure_ascii=not is_utf8, allow_nan=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table, on a terminal in its width. A list in a cell takes several lines."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    out = console()
    with out.capture() as captured:  # rich would end the program at a closed pipe
        print_rows(out, [Column.of(each) for each in columns], cells)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _cell(cell: object) -> str:
    return "\n".join(map(printable, cell)) if isinstance(cell, list) else printable(str(cell))


def console(*, to_stderr: bool = False) -> Console:
    """Return a console that uses colours only on a terminal and if NO_COLOR allows it."""
    from rich.console import Console  # noqa: PLC0415  # slow to import, and not for JSON

    stream = sys.stderr if to_stderr else sys.stdout
    is_terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=is_terminal,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=None if is_terminal else UNBOUNDED,
        highlight=False,
    )


def _print_titles(titles: Iterable[Any]) -> None:
    rows = [_row(title) for title in titles]
    if rows:
        print_table(TITLE_COLUMNS, rows)
    else:
        click.echo("No titles.", err=True)


def _row(title: Any) -> Sequence[object]:
    if isinstance(title, TitleKey):
        return title.kind, title.id, "(missing)", "", "", "", "", ""
    genres = ", ".join(genre_name(title.kind, genre_id) for genre_id in title.genre_ids)
    return (
        title.kind,
        title.id,
        title.display_name,
        title.released,
        title.popularity,
        title.vote_average,
        title.vote_count,
        genres,
    )

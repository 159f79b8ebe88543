"""Prints answers: JSON for programs, tables for people, and nothing else on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from catalog_model.cli.base import Output, printable
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
    "~genres",
)
"""A ``>`` sets a column to the right; one with ``~`` is folded where a terminal is narrow."""

UNBOUNDED: Final = 100_000
"""Columns of output that no terminal shows: a file or a pipe gets its lines whole."""


def show(answer: Any, output: Output) -> None:
    """Print what an access pattern gave.

    A `TitleKey` stands for a title that is not there.
    """
    if output == "json":
        print_json(as_json(answer))
        return
    match answer:
        case TitleWithGenres(title, memberships):
            _print_titles([title])
            click.echo()
            _print_memberships(memberships)
        case Page(items, following):
            _print_titles(items)
            if following:
                click.echo(f"More: --after={following}", err=True)
        case Title():
            _print_titles([answer])
        case [Genre(), *_]:
            _print_genres(answer)
        case list() | tuple():
            _print_titles(answer)
        case _:
            click.echo(answer)


def as_json(answer: Any) -> Any:
    """Turn what an access pattern gave into JSON: titles as their records."""
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
    """Print JSON, as it is where stdout is UTF-8 and escaped where it is not."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    click.echo(json.dumps(value, indent=2, ensure_ascii=not is_utf8, allow_nan=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: on a terminal as wide as that, elsewhere as wide as it needs to be.

    A list in a cell is several lines.
    """
    from rich.table import Table  # noqa: PLC0415  # slow to import, and not for JSON
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    for column in columns:
        table.add_column(
            column.lstrip(">~"),
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
            no_wrap=not column.startswith("~"),
        )
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    out = console()
    with out.capture() as captured:  # rich would end the program itself at a closed pipe
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _cell(cell: object) -> str:
    return "\n".join(map(printable, cell)) if isinstance(cell, list) else printable(str(cell))


def console(*, to_stderr: bool = False) -> Console:
    """Make a console that colours only what a terminal shows and NO_COLOR allows."""
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
        return title.kind, title.id, "(not there)", "", "", "", "", ""
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


def _print_memberships(memberships: Iterable[GenreMembership]) -> None:
    columns = (">position", ">genre", "~name")
    print_table(columns, [(each.position, each.genre_id, each.genre_name) for each in memberships])


def _print_genres(genres: Iterable[Genre]) -> None:
    columns = ("kind", ">id", "~name", ">titles")
    print_table(columns, [(each.kind, each.id, each.name, each.title_count) for each in genres])

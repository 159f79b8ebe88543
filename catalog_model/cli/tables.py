"""Lays out tables in the width of a terminal, without cutting a word."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console

GAP: Final = 2
"""Spaces between two columns."""

PAIR: Final = 2
"""A table with this many columns is printed as one at any width."""

_WORD = re.compile(r"[^\s\u2e80-\uffef]+|[\u2e80-\uffef]")
"""A word; scripts without spaces may be broken at any character."""

Row = Sequence[str]


class Column(NamedTuple):
    """The header of a column, and how the column behaves when the table is too wide."""

    name: str
    is_right: bool
    may_wrap: bool
    may_move: bool

    @classmethod
    def of(cls, text: str) -> Column:
        """Read ``>name`` as aligned to the right, ``~name`` as one that wraps at spaces.

        ``/name`` wraps, too, and moves to lines of its own under each row if that is not enough:
        the first such column alone, then with the next.
        """
        mark, name = text[:1], text.lstrip(">~/")
        return cls(name, mark == ">", mark in ("~", "/"), mark == "/")


def print_rows(out: Console, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    """Print a table in the width of the console; if it does not fit, print each row as a list."""
    movable = [at for at, column in enumerate(columns) if column.may_move]
    for count in range(len(movable) + 1):
        if _print_moving(out, columns, rows, movable[:count]):
            return
    if len(columns) == PAIR:
        out.width += max(map(len, "\n".join(row[-1] for row in rows).splitlines()))
        _print_grid(out, columns, rows, _widths(columns, rows, out.width) or [])
    else:
        for number, row in enumerate(rows):
            _print_pairs(out, [("", "")] if number else [])
            names = [column.name for column in columns]
            longest = max(map(len, names))
            cells = zip(names, row, strict=True)
            _print_pairs(out, [(name.ljust(longest + 1), cell) for name, cell in cells])


def _print_moving(
    out: Console, columns: Sequence[Column], rows: Sequence[Row], moved: Sequence[int]
) -> bool:
    """Print a table whose *moved* columns are below each row; return False if it does not fit."""
    kept = [at for at in range(len(columns)) if at not in moved]
    fewer, shorter = [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]
    widths = _widths(fewer, shorter, out.width)
    if widths is None:
        return False
    if not moved:
        _print_grid(out, columns, rows, widths)
        return True
    for number, row in enumerate(rows):
        _print_grid(out, fewer, [shorter[number]], widths, has_header=number == 0)
        _print_pairs(out, [(f"  {columns[at].name}:", row[at]) for at in moved])
    return True


def _widths(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[int] | None:
    """Return the width of each column; None if a word would be cut."""
    from rich.cells import cell_len  # noqa: PLC0415  # slow to import, and not for JSON

    texts = [[column.name, *cells] for column, *cells in zip(columns, *rows, strict=True)]
    widths = [
        max(cell_len(line) for text in each for line in [*text.splitlines(), ""]) for each in texts
    ]
    least = [
        max((cell_len(word) for text in each for word in _WORD.findall(text)), default=0)
        if column.may_wrap
        else widest
        for column, each, widest in zip(columns, texts, widths, strict=True)
    ]
    free = width - GAP * (len(columns) - 1)
    if sum(least) > free:
        return None
    while sum(widths) > free:
        widest = max(w for w, smallest in zip(widths, least, strict=True) if w > smallest)
        at = next(i for i, w in enumerate(widths) if w == widest and w > least[i])
        widths[at] -= 1
    return widths


def _print_grid(
    out: Console,
    columns: Sequence[Column],
    rows: Sequence[Row],
    widths: Sequence[int],
    *,
    has_header: bool = True,
) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    style = "bold underline"
    table = Table(
        box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style=style, show_header=has_header
    )
    for column, width in zip(columns, widths, strict=True):
        table.add_column(
            column.name,
            justify="right" if column.is_right else "left",
            overflow="fold",
            no_wrap=not column.may_wrap,
            width=width,
        )
    for row in rows:
        table.add_row(*map(Text, row))
    out.print(table)


def _print_pairs(out: Console, pairs: Sequence[tuple[str, str]]) -> None:
    for name, cell in pairs:
        for number, line in enumerate(_wrapped(cell, out.width - len(name) - 1)):
            label = name if number == 0 else " " * len(name)
            out.print(f"{label} {line}".rstrip(), markup=False, soft_wrap=True)


def _wrapped(text: str, width: int) -> Iterator[str]:
    for line in text.splitlines() or [""]:
        yield from textwrap.wrap(
            line, max(width, 1), break_long_words=False, break_on_hyphens=False
        ) or [""]

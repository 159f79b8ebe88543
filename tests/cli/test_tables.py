"""Tables on narrow terminals: no word is cut, and wide output is one line for each row."""

import io
import re

import click
import pytest
from rich.console import Console

from catalog_model.cli import output
from catalog_model.cli.cost import CALL_COLUMNS, DOLLAR_COLUMNS, PLACE_COLUMNS
from catalog_model.cli.explain import COLUMNS
from catalog_model.cli.output import TITLE_COLUMNS, print_table

KEYS = ["PK = 'TITLE#movie#34' AND SK = 'TITLE#movie#34'", "PK = 'GENRE#movie#28' AND SK = 'TALLY'"]
TABLES: dict[str, tuple[tuple[str, ...], list[tuple[object, ...]]]] = {
    "a read": (
        COLUMNS,
        [
            (
                1,
                "Query",
                "by_popularity",
                ["_list = 'GENRE#movie#28'"],
                6,
                6,
                "0.5 by_popularity",
                0,
                "3,042",
                "2.3",
            )
        ],
    ),
    "a write": (
        COLUMNS,
        [
            (1, "GetItem", "table", KEYS[:1], 1, 1, "1 table", 0, 716, 14.2),
            (
                2,
                "TransactWriteItems",
                "table",
                KEYS,
                0,
                0,
                "8 table, 6 by_popularity",
                0,
                410,
                137.5,
            ),
        ],
    ),
    "a cost": (
        CALL_COLUMNS,
        [
            (
                "list-titles-in-genre movie 28 --order release",
                "1,000",
                1,
                "1,000",
                ["table", "by_popularity"],
                *(["1", "2,000.5"] for _ in range(4)),
            )
        ],
    ),
    "capacity": (PLACE_COLUMNS, [("by_popularity", "1,000", "1,429", 120, 172)]),
    "dollars": (DOLLAR_COLUMNS, [("storage of 900.4 kB", "1,024.92", "424.30")]),
    "titles": (
        TITLE_COLUMNS,
        [("movie", 996154, "The Thing", "1982-06-25", 142.507, 8.69, 21348, "Horror, Documentary")],
    ),
    "a word that is wider": (("what", "~is"), [("encryption", "arn:aws:kms:" + "x" * 100)]),
}


def printed(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """Print a table as on a terminal of a width."""
    stream = io.StringIO()

    def console(**_: object) -> Console:
        return Console(file=stream, width=width, color_system=None, highlight=False)

    monkeypatch.setattr(output, "console", console)
    monkeypatch.setattr(click, "echo", lambda text: stream.write(f"{text}\n"))
    print_table(*TABLES[name])
    return stream.getvalue()


def words_of(name: str) -> set[str]:
    """Return every word of a table, of headers as well as of cells."""
    columns, rows = TABLES[name]
    cells = [cell for row in rows for cell in row]
    lines = [line for cell in cells for line in (cell if isinstance(cell, list) else [str(cell)])]
    headers = [column.lstrip(">~/") for column in columns]
    return {word for line in [*headers, *lines] for word in str(line).split()}


@pytest.mark.parametrize("width", [30, 60, 80, 100, 120])
@pytest.mark.parametrize("name", TABLES)
def test_no_word_is_cut(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, units and headers are whole at every width."""
    shown = printed(name, width, monkeypatch)
    assert words_of(name) <= set(re.sub(r":(?=\s|$)", "", shown).split())


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize("name", [name for name in TABLES if "wider" not in name])
def test_a_table_is_not_wider_than_the_terminal(
    name: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal itself would cut at its edge."""
    assert max(map(len, printed(name, width, monkeypatch).splitlines())) <= width


def test_a_long_key_condition_is_below_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that is as wide as the other columns."""
    header, *lines = printed("a read", 90, monkeypatch).splitlines()
    assert "key condition" not in header
    request, *_, condition = lines
    assert request.split()[:4] == ["1", "Query", "by_popularity", "6"]
    assert condition == "  key condition: _list = 'GENRE#movie#28'"


@pytest.mark.parametrize("name", ["a read", "a write"])
def test_the_requests_of_a_call_are_a_table_on_80_columns(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The usual width of a terminal: key conditions and units are below their request."""
    header, *lines = printed(name, 80, monkeypatch).splitlines()
    kept = "trip operation index read returned retries bytes ms"
    assert header.split() == kept.split()
    requests = [line.split()[1] for line in lines if line[:4].strip().isdigit()]
    assert requests == [row[1] for row in TABLES[name][1]]
    for label in ("  key condition: ", "  units: "):
        assert sum(line.startswith(label) for line in lines) == len(requests)


@pytest.mark.parametrize("name", TABLES)
def test_a_wide_table_has_one_line_for_each_line_of_its_cells(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a file or a pipe."""
    _, rows = TABLES[name]
    lines = sum(max(len(cell) if isinstance(cell, list) else 1 for cell in row) for row in rows)
    assert len(printed(name, output.UNBOUNDED, monkeypatch).splitlines()) == 1 + lines

"""Draws the picture of the front page: one table, and two of its indexes, in real rows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from catalog_model.dynamodb.typed_json import Item, primary_key, read_int
from catalog_model.table import codec, keys
from catalog_model.table.indexes import INDEX_KEYS, IndexName
from catalog_model.table.sortable import sortable_id
from docs.rows import GENRE, HEAD, entries, items

Row = tuple[str, str, str]

WIDTH: Final = 980
HEIGHT: Final = 290
ROW: Final = 22
ABOVE: Final = 76
"""From the top of a card to its first row."""

STYLE: Final = """
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #24292f }
  text.head { font: 600 14px system-ui, sans-serif }
  text.note { font: 12px system-ui, sans-serif; fill: #57606a }
  text.key { fill: #0550ae }
  .card { fill: #ffffff; stroke: #d0d7de }
  .band { fill: #e4f0ff }
  .arrow { fill: none; stroke: #57606a; stroke-width: 1.5 }
  .tip { fill: #57606a }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    text.note { fill: #9198a1 }
    text.key { fill: #79c0ff }
    .card { fill: #0d1117; stroke: #3d444d }
    .band { fill: #16294a }
    .arrow { stroke: #9198a1 }
    .tip { fill: #9198a1 }
  }
"""


def picture() -> str:
    """Draw it as SVG, for light pages and dark ones."""
    table = Card(1, 1, 500, (16, 158, 300), "One table", ("PK", "SK", "holds"), _table())
    lists = Card(541, 1, 438, (16, 158, 292), *_index("by_popularity"))
    names = Card(541, 152, 438, (16, 106, 292), *_index("by_name"))
    shapes = [*table.drawn(), *lists.drawn(), *names.drawn()]
    for beginning, card in ((f"GENRE#{GENRE}", lists), ("SLOT#", names)):
        row = next(at for at, (_, key, _) in enumerate(table.rows) if key.startswith(beginning))
        shapes += _arrow(table.right, table.middle_of(row), card.x, card.middle_of(1))
    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    label = "One table of titles, copies and counts, and two of its four indexes"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {view} role="img" aria-label="{label}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *shapes, "</svg>", ""])


@dataclass(frozen=True)
class Card:
    """A table or an index: some of its rows, with those of one title marked."""

    x: int
    y: int
    width: int
    columns: tuple[int, int, int]
    name: str
    names: Row
    rows: list[Row]

    @property
    def right(self) -> int:
        """Its right edge."""
        return self.x + self.width

    def middle_of(self, row: int) -> int:
        """Return the middle of a row, measured from the top of the picture."""
        return self.y + ABOVE + row * ROW - 4

    def drawn(self) -> Iterator[str]:
        """Draw it."""
        height = ABOVE + len(self.rows) * ROW - 6
        yield _box("card", self.x, self.y, self.width, height)
        for row, cells in enumerate(self.rows):
            if _is_of_head(cells):
                yield _box("band", self.x + 8, self.middle_of(row) - ROW // 2, self.width - 16, ROW)
        yield _text(self.x + 16, self.y + 25, self.name, "head")
        for at, name in zip(self.columns, self.names, strict=True):
            yield _text(self.x + at, self.y + 50, name, "note")
        for row, cells in enumerate(self.rows):
            for at, cell, kind in zip(self.columns, cells, ("key", "key", ""), strict=True):
                yield _text(self.x + at, self.middle_of(row) + 4, cell, kind)


_END_OF_HEAD: Final = f"#{sortable_id(HEAD.id)}"


def _is_of_head(cells: Row) -> bool:
    is_listing = cells[0].startswith("SLOT#")  # only that of the title is shown
    return cells[0] == keys.title_pk(HEAD) or is_listing or cells[1].endswith(_END_OF_HEAD)


def _table() -> list[Row]:
    """Return a title's collection, its listing, and the counts of its shard."""
    found = items()
    own = [item for item in found if item["PK"]["S"] == keys.title_pk(HEAD)]
    title = next(item for item in own if item["PK"] == item["SK"])
    shard = keys.shard_of(HEAD)
    slot = keys.slot_key(HEAD.kind, shard, read_int(title, codec.SLOT))
    by_key = {primary_key(item): item for item in found}
    others = [by_key[slot], by_key[keys.tally_key(HEAD.kind, shard)]]
    return [(item["PK"]["S"], item["SK"]["S"], _content(item)) for item in (*own, *others)]


def _content(item: Item) -> str:
    match item[codec.TYPE]["S"]:
        case "title":
            return "the record, typed"
        case "tally":
            return f"{item[codec.TOTAL]['N']} titles, {item[f'g{GENRE}']['N']} of genre {GENRE}"
        case "listing":
            return "a copy, for all movies"
    return "a copy, for one genre"


def _index(index: IndexName) -> tuple[str, Row, list[Row]]:
    """Return the name, keys and three rows of an index: the title's row and its neighbours."""
    pk, sk = INDEX_KEYS[index]
    listed = entries(index)
    at = next(n for n, each in enumerate(listed) if each[sk]["S"].endswith(_END_OF_HEAD))
    shown = listed[at - 1 : at + 2]
    rows = [(str(each[pk]["S"]), str(each[sk]["S"]), _title(each)) for each in shown]
    return index, (pk, sk, codec.DOC), rows


def _title(entry: Item) -> str:
    return str(json.loads(entry[codec.DOC]["S"])["title"])


def _box(kind: str, x: int, y: int, width: int, height: int) -> str:
    place = f'x="{x}" y="{y}" width="{width}" height="{height}" rx="6"'
    return f'<rect class="{kind}" {place}/>'


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def _arrow(x: int, y: int, to_x: int, to_y: int) -> tuple[str, str]:
    """Draw an arrow from a row of the table to the index row derived from it."""
    half = (to_x - x) // 2
    line = f"M {x - 8} {y} H {x} C {x + half} {y} {x + half} {to_y} {to_x - 6} {to_y}"
    tip = f"M {to_x + 2} {to_y} l -8 -4 v 8 z"
    return f'<path class="arrow" d="{line}"/>', f'<path class="tip" d="{tip}"/>'

"""Rows of the table and of its indexes as they are stored, for the page on the data model.

They come from the sample data that the package brings, through the same plans as every write.
"""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final

from catalog_model.analysis.offline import offline_catalog
from catalog_model.analysis.prediction import index_entry
from catalog_model.domain.kinds import TitleKey
from catalog_model.dynamodb.typed_json import Item, Value, text
from catalog_model.entities import Title
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.table import codec
from catalog_model.table.indexes import INDEX_KEYS, INDEXES, IndexName
from catalog_model.table.keys import list_key, title_pk

HEAD: Final = TitleKey("movie", 34)
"""The title whose items are shown."""

GENRE: Final = 878
"""The genre whose first rows are shown."""

ROWS: Final = 3
WIDTH: Final = 34

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]


@cache
def items() -> list[Item]:
    """Return every item of a table with the sample data."""
    titles = [each for each in read_folder(sample_folder()) if isinstance(each, Title)]
    random.seed(7)  # versions start at a random number
    return offline_catalog(titles).items()


def of_one_title() -> Table:
    """Return the items of one title's collection, each with some of its attributes."""
    found = [item for item in items() if item["PK"] == text(title_pk(HEAD))]
    return ("PK", "SK", "attributes"), [_row(item) for item in found]


def of_tallies_and_slots() -> Table:
    """Return the first tally and the first listings of a kind, in their slots."""
    found = items()
    tally = next(item for item in found if item["SK"] == text("TALLY#0"))
    slots = [item for item in found if item["PK"]["S"].startswith("SLOT#")]
    return ("PK", "SK", "attributes"), [_row(item) for item in (tally, *slots[: ROWS - 1])]


def of_one_genre() -> Mapping[str, Table]:
    """Return the first rows of one genre in each index; of all movies where genres are missing."""
    return {index: _of_index(index) for index in INDEXES}


def _of_index(index: IndexName) -> Table:
    columns = (*INDEX_KEYS[index], "PK", "SK", codec.DOC)
    rows = entries(index)[:ROWS]
    return columns, [tuple(_named(row, name) for name in columns) for row in rows]


def entries(index: IndexName) -> list[Item]:
    """Return an index's entries for one genre, in its order; for all movies if it has no genres."""
    pk, sk = INDEX_KEYS[index]
    partition = list_key(HEAD.kind, None if index == "by_name" else GENRE)
    found = [entry for item in items() if (entry := index_entry(item, index))]
    listed = [entry for entry in found if f"{entry[pk]['S']}#".startswith(f"{partition}#")]
    return sorted(
        listed, key=lambda entry: (entry[pk]["S"], entry[sk]["S"]), reverse=index != "by_name"
    )


def _row(item: Item) -> tuple[str, str, str]:
    others = (name for name in item if name not in ("PK", "SK"))
    return _cell(item["PK"]), _cell(item["SK"]), "; ".join(_attributes(item, others))


def _attributes(item: Item, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        yield f"{name}&nbsp;{_named(item, name)}"


def _named(item: Item, name: str) -> str:
    """Show an attribute; for a copy's record, only the name of the title."""
    if name != codec.DOC:
        return _cell(item[name])
    record = json.loads(item[name]["S"])
    return f"`{{... {json.dumps({'title': record['title']})[1:-1]} ...}}`"


def _cell(value: Value) -> str:
    ((kind, content),) = value.items()
    if kind == "L":
        text = ", ".join(next(iter(each.values())) for each in content)
        text = f"[{text}]"
    else:
        text = "null" if kind == "NULL" else str(content)
    text = text if len(text) <= WIDTH else f"{text[: WIDTH - 4]} ..."
    return f"`{text}`" if text else "(empty)"

"""The movies that the benchmarks store: the application's, or generated ones of the same shape."""

import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests" / "support"))

from generated import generated_records  # noqa: E402

Record = dict[str, Any]

GENRE = 28
"""A genre with more than a page of movies."""

KEYS = 100
"""The most keys of one BatchGetItem."""


def movie_records(folder: str | None) -> list[Record]:
    """Return the records of movies, the most popular first."""
    return both_kinds(None if folder is None else Path(folder))["movie"]


def both_kinds(folder: Path | None) -> dict[str, list[Record]]:
    """Return the records of both kinds, the most popular first."""
    if folder is None:
        return {kind: list(records.values()) for kind, records in generated_records().items()}
    files = {"movie": "data_movies.json", "tv": "data_tv.json"}
    return {
        kind: list(json.loads((folder / file).read_bytes()).values())
        for kind, file in files.items()
    }


def new_records(records: list[Record]) -> Iterator[Record]:
    """Return records with new ids, without end."""
    number = 10_000_000
    while True:
        for record in records:
            number += 1
            yield {**record, "id": number}


def plain(record: Any) -> Record:
    """Return a record as any client read it, in types that compare: `Decimal` becomes a float."""
    return {name: _plain(value) for name, value in record.items() if name != "genre"}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return [_plain(each) for each in value] if isinstance(value, list) else value

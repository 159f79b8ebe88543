"""The gain of the extra ``fast``: CPU of this process with orjson, as a ratio to that without.

Three handles on the same full table take turns in random order: one that reads with orjson and two
without, whose ratio shows what is noise. ``python bench/fast.py FOLDER`` with the application's
files; it needs dynoxide and orjson.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from catalog_model import Catalog, Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.local import Engine, start_engine
from catalog_model.operations import create_table, verify

ROUNDS = 60
Read = Callable[[Catalog], object]


def main() -> None:
    """Print the two ratios of each read."""
    records = json.loads((Path(sys.argv[1]) / "data_movies.json").read_bytes())
    movies = [Movie.from_json(record) for record in records.values()]
    with start_engine("dynoxide") as engine:
        handles = {name: _handle(engine) for name in ("plain", "again", "orjson")}
        if not read_with_orjson(handles["orjson"].client):
            sys.exit("orjson is not installed")
        create_table(handles["plain"])
        ap.load_titles(handles["plain"], movies)
        gc.freeze()
        print("| read | with orjson | without, again |")
        print("|---|---|---|")
        for name, (read, calls) in _reads([movie.key for movie in movies[:100]]).items():
            ratios = _ratios(handles, read, calls)
            print(f"| {name} | {ratios['orjson']:.2f} | {ratios['again']:.2f} |")


def _reads(keys: list[TitleKey]) -> dict[str, tuple[Read, int]]:
    """Return the reads by name, each with its number of calls in a batch."""
    return {
        "a page of 20 of a genre": (lambda c: ap.list_titles_in_genre(c, "movie", 28), 8),
        "a page of 20 by rating": (
            lambda c: ap.list_top_rated(c, "movie", min_votes=100, min_rating=6),
            4,
        ),
        "one title": (lambda c: ap.get_title(c, *keys[0]), 10),
        "100 titles by key": (lambda c: ap.get_titles(c, keys), 4),
        "20 at random": (lambda c: ap.sample_titles(c, "movie", 20), 4),
        "the genres with their counts": (lambda c: ap.list_genres(c, "movie"), 8),
        "verify": (verify, 1),
    }


def _handle(engine: Engine) -> Catalog:
    session = boto3.Session("local", "local", region_name="us-east-1")
    client: Any = session.client(
        "dynamodb", endpoint_url=engine.endpoint_url, config=CLIENT_DEFAULTS
    )
    return Catalog("catalogue", client=client)


def _ratios(handles: dict[str, Catalog], read: Read, calls: int) -> dict[str, float]:
    """Return the median ratios to the handle without orjson, over rounds in random order."""
    ratios: dict[str, list[float]] = {name: [] for name in handles}
    for catalog in handles.values():
        read(catalog)
    for _ in range(ROUNDS):
        order = random.sample(list(handles), len(handles))
        cpu = {name: _timed(handles[name], read, calls) for name in order}
        for name in handles:
            ratios[name].append(cpu[name] / cpu["plain"])
    return {name: statistics.median(each) for name, each in ratios.items()}


def _timed(catalog: Catalog, read: Read, calls: int) -> float:
    before = time.process_time()
    for _ in range(calls):
        read(catalog)
    return time.process_time() - before


if __name__ == "__main__":
    main()

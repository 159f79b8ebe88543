"""The cost of a hook: reads with and without one, as a ratio to reads without observers.

The baseline is a gateway without `Observers.send`, whose requests go straight to the client. It
runs twice; the second run shows the noise. All variants are interleaved in one run. Run it as
``python bench/trace.py``; it needs dynoxide.

Milliseconds are specific to a machine; the ratios are comparable.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.failures import translated
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.trace import Send
from catalog_model.files.reader import read_folder, sample_folder
from catalog_model.local import start_engine
from catalog_model.operations import create_table

ROUNDS = 400
CALLS = 10
STRAIGHT = "without observers"
Ratios = dict[str, list[tuple[float, float]]]
Reader = Callable[[], object]
Way = Callable[[], AbstractContextManager[object]]


def main() -> None:
    """Print the ratio of each variant to the plain one, for each read."""
    with start_engine("dynoxide") as engine:
        catalog = engine.catalog("catalogue")
        create_table(catalog)
        titles = [title for title in read_folder(sample_folder()) if isinstance(title, Movie)]
        ap.load_titles(catalog, titles)
        ways: dict[str, Way] = {
            STRAIGHT: straight,
            "without observers, again": straight,
            "without hooks": nullcontext,
            "in a trace": catalog.trace,
        }
        gc.freeze()
        print("| read | way | CPU, ratio to the straight one | its quartiles | wall, ratio |")
        print("|---|---|---|---|---|")
        for name, read in _reads(catalog, titles[0].id).items():
            _print(name, _ratios(read, ways))


def _reads(catalog: Catalog, movie_id: int) -> dict[str, Reader]:
    reads: dict[str, Reader] = {
        "get_title": lambda: ap.get_title(catalog, "movie", movie_id),
        "page of 20": lambda: ap.list_titles(catalog, "movie"),
    }
    for read in reads.values():
        read()
    return reads


@contextmanager
def straight() -> Iterator[None]:
    """Bypass the observers."""

    def send(gateway: Gateway, operation: str, request: dict[str, Any], send: Send) -> Any:
        del operation
        with translated(gateway.table_name):
            return send(request)

    with patch.object(Gateway, "_send", send):
        yield


def _ratios(read: Reader, ways: dict[str, Way]) -> Ratios:
    """Interleave the variants in random order, and take the ratios of each round."""
    ratios: Ratios = {way: [] for way in ways}
    for _ in range(ROUNDS):
        order = list(ways)
        random.shuffle(order)
        times = {way: _timed(read, ways[way]) for way in order}
        cpu, wall = times[STRAIGHT]
        for way in ways:
            ratios[way].append((times[way][0] / cpu, times[way][1] / wall))
    return ratios


def _timed(read: Reader, way: Way) -> tuple[float, float]:
    with way():
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(CALLS):
            read()
        return time.process_time() - cpu, time.perf_counter() - wall


def _print(name: str, ratios: Ratios) -> None:
    for way, pairs in ratios.items():
        low, cpu, high = statistics.quantiles(cpu for cpu, _ in pairs)
        wall = statistics.median(wall for _, wall in pairs)
        print(f"| {name} | {way} | {cpu:.3f} | {low:.2f} to {high:.2f} | {wall:.3f} |")


if __name__ == "__main__":
    main()

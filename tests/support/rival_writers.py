"""Threads that write while a table is verified, repaired or migrated."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.entities import AnyTitle
from catalog_model.errors import ConflictError, TitleNotFoundError

WRITERS = 3


@contextmanager
def writers(catalog: Catalog, titles: list[AnyTitle]) -> Iterator[dict[int, float]]:
    """Let threads change titles during the block; yield the acknowledged popularities."""
    stop = threading.Event()
    acknowledged: dict[int, float] = {}

    def write(number: int) -> None:
        rng = random.Random(number)
        own = titles[number::WRITERS]
        while not stop.is_set():
            _change(catalog, rng, rng.choice(own), acknowledged)

    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(write, number) for number in range(WRITERS)]
        try:
            yield acknowledged
        finally:
            stop.set()
    for each in running:
        each.result()


def _change(
    catalog: Catalog, rng: random.Random, title: AnyTitle, acknowledged: dict[int, float]
) -> None:
    """Change a title in one of several ways; it may be deleted, and created again."""
    try:
        match rng.randrange(5):
            case 0:
                ap.delete_title(catalog, *title.key)
                acknowledged.pop(title.id, None)
            case 1:
                ap.set_genres(catalog, *title.key, rng.sample([16, 18, 28, 35, 80], 2))
            case 2:
                ap.put_title(catalog, title)
                acknowledged[title.id] = title.popularity
            case _:
                value = round(rng.uniform(0, 1000), 3)
                ap.update_popularity(catalog, *title.key, value)
                acknowledged[title.id] = value
    except (TitleNotFoundError, ConflictError):
        pass  # it was deleted, or lost twelve races: nothing was written

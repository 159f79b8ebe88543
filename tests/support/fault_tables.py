"""Tables for tests with faults; each has its own client, with fresh retry quotas."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from engines import Engine
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import FaultInjector, FaultKind, without_pauses

TRIES = 4
"""The maximum number of attempts of botocore."""


@contextmanager
def fresh_table(engine: Engine) -> Iterator[Catalog]:
    """Yield an empty table, and delete it at the end of the block."""
    catalog = Engine(engine.name, engine.endpoint_url).catalog()
    create_table(catalog)
    with without_pauses():
        yield catalog
    delete_table(catalog)


def stock(catalog: Catalog) -> None:
    """Put 120 movies into a table."""
    rng = random.Random(5)
    genres = (12, 18, 28, 35)
    some = [
        movie(
            number,
            *rng.sample(genres, rng.randint(0, 3)),
            popularity=rng.randint(1, 50),
            vote_average=rng.randint(1, 9),
            vote_count=rng.randint(0, 300),
            release_date=f"20{rng.randint(10, 29)}-01-01",
        )
        for number in range(1, 121)
    ]
    ap.load_titles(catalog, some)


def other_handle(engine: Engine, catalog: Catalog) -> Catalog:
    """Return a handle on the same table, without faults."""
    return Catalog(catalog.table, client=engine.client)


def kinds_of(injector: FaultInjector) -> list[FaultKind]:
    """Return the kinds of the faults that occurred."""
    return [each.kind for each in injector.injected]

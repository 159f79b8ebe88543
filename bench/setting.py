"""What the tasks share: the engine, an event loop, the records, and what has to be closed."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.native import Native, fill
from bench.rounds import Contender
from bench.titles import KEYS, Record
from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.local import Engine
from catalog_model.operations import create_table


@dataclass(eq=False)
class Setting:
    """An engine whose tables the tasks use."""

    engine: Engine
    loop: asyncio.AbstractEventLoop
    records: list[Record]
    stack: ExitStack

    @property
    def region(self) -> str:
        """The region that the clients sign for."""
        return self.engine.environment()["AWS_DEFAULT_REGION"]

    @property
    def ids(self) -> list[int]:
        """The ids that are asked for."""
        return [record["id"] for record in self.records[:KEYS]]

    @cached_property
    def catalogue(self) -> str:
        """The table of this package with all movies."""
        catalog = Catalog("catalogue")
        create_table(catalog)
        ap.load_titles(catalog, map(Movie.from_json, self.records))
        return catalog.table

    @cached_property
    def native(self) -> Native:
        """The other clients' table with all movies."""
        return fill(self.records)

    def pydynox(self) -> Any:
        """Return pydynox's client; an `ImportError` where it is not installed."""
        from pydynox import DynamoDBClient  # noqa: PLC0415

        return DynamoDBClient(
            region=self.region,
            endpoint_url=self.engine.endpoint_url,
            access_key="local",
            secret_key="local",
        )


@dataclass(frozen=True)
class Task:
    """A task of all clients.

    Attributes:
        calls: Calls of a contender in a round.
        contenders: The clients, ready to be timed; the baseline is the first one.
        most_rounds: Rounds for which it has requests.
    """

    name: str
    calls: int
    contenders: Callable[[Setting], list[Contender]]
    most_rounds: int | None = None

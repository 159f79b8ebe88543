"""The engines for tests.

moto runs in this process and is lenient; tests put a strict client in front of it. dynoxide is a
separate program, and strict. If its binary is not available, its tests are skipped with a
message. With the extra `fast`, requests to dynoxide take the fast lane, those to moto never.
Tests marked `in_memory` also run on a table in memory.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import boto3
import moto.core.botocore_stubber
import pytest
from lanes import with_lane
from memory_engine import MemoryClient, fill
from moto import mock_aws
from table_dump import movie

from catalog_model import Catalog
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.dynamodb.engines import local
from catalog_model.dynamodb.engines.local import EngineChoice
from catalog_model.dynamodb.engines.moto_patches import accelerate
from catalog_model.dynamodb.orjson_answers import read_with_orjson
from catalog_model.dynamodb.strict.client import strict
from catalog_model.local import Engine as LocalEngine
from catalog_model.local import start_engine
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import FaultInjector, FaultKind, without_pauses

ENGINES: tuple[str, ...] = ("moto", "dynoxide")
MEMORY = "memory"

_numbers = count(1)


class Engine:
    """A running engine, and the client that all handles share."""

    def __init__(self, name: str, endpoint_url: str | None) -> None:
        self.name = name
        self.endpoint_url = endpoint_url
        self.measures = name == "dynoxide"  # DynamoDB's capacity figures; moto's are constants
        self.is_quick = name != "moto"  # enough for many requests
        if name == MEMORY:
            self.client: Any = MemoryClient()
            return
        self.client = boto3.client("dynamodb", endpoint_url=endpoint_url, config=CLIENT_DEFAULTS)
        if name == "moto":
            strict(self.client)
        else:
            read_with_orjson(with_lane(self.client))

    def environment(self) -> dict[str, str]:
        """No variables: programs in this process find moto, and no others."""
        assert self.name == "moto"
        return {}

    def catalog(self, table: str | None = None, **settings: Any) -> Catalog:
        return Catalog(table or f"catalog-{next(_numbers)}", client=self.client, **settings)


@contextmanager
def running_engine(name: str) -> Iterator[Engine]:
    """Run an engine; its tables exist as long as it runs."""
    if name == "moto":
        accelerate()
        with mock_aws(), _one_request_at_a_time():
            yield Engine(name, None)
    elif name == MEMORY:
        yield Engine(name, None)
    else:  # dynoxide, perhaps over asyncio
        with _unguarded_dynoxide() as endpoint_url:
            yield Engine("dynoxide", endpoint_url)


@contextmanager
def _unguarded_dynoxide() -> Iterator[str]:
    """Run dynoxide without the guard before it, whose work is half as much as dynoxide's own."""
    _need_dynoxide()
    port = local.free_port(0)
    command = local.kept(local._dynoxide_command(cast("Path", local.find_dynoxide()), port, None))
    with local._running("dynoxide", command, port, keeps=False) as engine:
        yield engine.endpoint_url


def _need_dynoxide() -> None:
    if not has_dynoxide():
        pytest.skip("dynoxide is not installed: `make engine` gets it where npm can")


@contextmanager
def running_server(name: str) -> Iterator[LocalEngine]:
    """Run an engine as a server (including moto), for other programs."""
    if name == "dynoxide":
        _need_dynoxide()
    with start_engine(cast("EngineChoice", name)) as engine:
        yield engine


@contextmanager
def _one_request_at_a_time() -> Iterator[None]:
    """Make moto, which has no locks, process parallel requests one at a time."""
    stubber = moto.core.botocore_stubber.BotocoreStubber
    original, lock = stubber.__call__, threading.RLock()

    def locked(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lock:
            return original(self, *args, **kwargs)

    with patch.object(stubber, "__call__", locked):
        yield


@cache
def has_dynoxide() -> bool:
    return local.find_dynoxide() is not None


def engines_of(*, in_memory: bool) -> tuple[str, ...]:
    """Return the engines that a test runs on; on all but the first it is slow."""
    strict = ("dynoxide", "moto") if has_dynoxide() else ("moto", "dynoxide")
    return (MEMORY, *strict) if in_memory else strict


def create_of_another_model(catalog: Catalog) -> None:
    """Create the handle's table as another application would: with another key, without indexes."""
    catalog.client.create_table(
        TableName=catalog.table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


# --- Tables with a client of their own, which has fresh retry quotas

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
    fill(catalog, some)


def kinds_of(injector: FaultInjector) -> list[FaultKind]:
    """Return the kinds of the faults that occurred."""
    return [each.kind for each in injector.injected]

"""For tests of applications: an in-process catalogue as strict as DynamoDB, and fault injection.

Needs the extra ``local``, and pytest for the fixture. `inject_faults` works on any engine.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import botocore.endpoint

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.engines.local import REGION, Engine
from catalog_model.dynamodb.faults import clock, injector
from catalog_model.dynamodb.faults.buckets import Resource
from catalog_model.dynamodb.faults.clock import SimulatedClock
from catalog_model.dynamodb.faults.garbled_answers import GARBLED_FORMS
from catalog_model.dynamodb.faults.injector import Fault, FaultInjector, Injection
from catalog_model.dynamodb.faults.kinds import FAULT_KINDS, FaultKind
from catalog_model.dynamodb.faults.throughput import Refusal, Throughput
from catalog_model.dynamodb.strict.client import strict
from catalog_model.errors import ConfigurationError, TableNotFoundError
from catalog_model.operations import create_table, delete_table

__all__ = [
    "DEFAULT_TABLE",
    "FAULT_KINDS",
    "GARBLED_FORMS",
    "Fault",
    "FaultInjector",
    "FaultKind",
    "Injection",
    "Refusal",
    "Resource",
    "SimulatedClock",
    "Throughput",
    "inject_faults",
    "simulated_time",
    "strict_catalog",
    "without_pauses",
]

DEFAULT_TABLE: Final = "test-catalog"


@contextmanager
def strict_catalog(table: str = DEFAULT_TABLE, **settings: Any) -> Iterator[Catalog]:
    """Return a handle on a new, empty table that exists for the length of the ``with`` block.

    moto acts as DynamoDB in this process, one request at a time, and a `strict` client rejects what
    the service would reject. During the block, moto also answers other AWS clients made in it.
    Neither the environment nor a profile is read.

    Args:
        table: Name of the table.
        settings: Other settings of `Catalog`, such as ``cursor_secret``.

    Raises:
        ConfigurationError: If moto is not installed.

    >>> from catalog_model.access_patterns import count_titles
    >>> with strict_catalog() as catalog:
    ...     count_titles(catalog, "movie")
    0
    """
    with _moto():
        url = f"https://dynamodb.{REGION}.amazonaws.com"  # moto answers before anything is sent
        client = Engine("moto", url, is_persistent=False).client()
        catalog = Catalog(table, client=strict(client), **settings)
        create_table(catalog)
        try:
            yield catalog
        finally:
            # In a block of moto's that is still open, such as another catalogue's, it would stay.
            with suppress(TableNotFoundError):
                delete_table(catalog)


@contextmanager
def inject_faults(
    catalog: Catalog,
    faults: Iterable[Fault | Throughput],
    *,
    seed: int = 0,
    sleep: Callable[[float], None] = waits.sleep,
) -> Iterator[FaultInjector]:
    """Make requests of the handle's client fail until the end of the ``with`` block.

    Every request through the client is subject to faults: those of this package, boto3 and
    PynamoDB. Each attempt has at most one fault, the first of *faults* that applies. The same
    requests in the same order meet the same faults; the requests of one round trip of a pattern are
    sent in order for that, not at once. Thread-safe.

    botocore retries throttled, failed and interrupted requests, with pauses: see `without_pauses`.
    A ``stale_index`` copies the table for the duration of the block.

    Args:
        faults: The faults to inject, and at most one `Throughput`, which throttles requests when
            the table has no units for them.
        seed: Different seeds give different faults.
        sleep: A function that waits for a number of seconds, for a ``slow_answer``.

    Raises:
        InvalidArgumentError: If a fault names an operation that does not exist, two have
            different lags, or there are two `Throughput`.

    >>> with inject_faults(catalog, [Fault("internal_error", at=[1])]) as injector:
    ...     titles = access_patterns.get_titles(catalog, [TitleKey("movie", 949)])
    >>> injector.injected
    [Injection(kind='internal_error', operation='BatchGetItem', number=1)]
    """
    check_instance(catalog, "catalog", Catalog)
    with injector.inject_faults(
        catalog.client, catalog.table, faults, seed=seed, sleep=sleep
    ) as injected:
        yield injected


@contextmanager
def without_pauses() -> Iterator[None]:
    """Remove the pauses before retries, in botocore and in this package.

    Applies to the whole process for the length of the ``with`` block. The number of retries stays
    the same, and so do waits for a pace or for the state of a table.

    >>> with strict_catalog() as catalog, without_pauses():
    ...     with inject_faults(catalog, [Fault("throttling", at=[1, 2, 3])]):
    ...         access_patterns.count_titles(catalog, "movie")
    0
    """
    hurried = SimpleNamespace(**{**vars(time), "sleep": lambda _: None})
    with patch.object(botocore.endpoint, "time", hurried), waits.without_rests():
        yield


@contextmanager
def simulated_time(request_seconds: float = clock.REQUEST_SECONDS) -> Iterator[SimulatedClock]:
    """Return a clock that all waits of this package and of botocore advance, without waiting.

    Applies to the whole process for the length of the ``with`` block: pauses before retries, the
    pace of a load, waits for the state of a table. Modules that are imported for the first time in
    the block keep the real time, and so do waits of other code, such as `asyncio.sleep`.

    Args:
        request_seconds: The seconds that a request takes with a `Throughput` on this clock.

    Raises:
        InvalidArgumentError: If *request_seconds* is not a number, or less than 0.

    >>> with simulated_time() as clock:
    ...     small = Throughput(write_units=1, burst=0, clock=clock)
    ...     with inject_faults(catalog, [small]):
    ...         report = access_patterns.load_titles(catalog, [Movie.from_json(record)])
    >>> small.refused["TransactWriteItems"] > 0 and clock() > 10
    True
    """
    with clock.simulated_time(SimulatedClock(request_seconds)) as simulated:
        yield simulated


@contextmanager
def _moto() -> Iterator[None]:
    """Make moto answer in this process, one request at a time, because it has no locks."""
    try:
        from moto import mock_aws  # noqa: PLC0415  # an extra
        from moto.core.botocore_stubber import BotocoreStubber  # noqa: PLC0415
        from moto.dynamodb.models import DynamoDBBackend  # noqa: PLC0415

        from catalog_model.dynamodb.engines.moto_patches import accelerate  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"moto is not installed ({error.name} is missing): pip install 'catalog-model[local]'"
        ) from error
    answer, lock = BotocoreStubber.__call__, threading.RLock()

    def locked(*args: Any, **kwargs: Any) -> Any:
        with lock:
            return answer(*args, **kwargs)

    with mock_aws(), patch.object(DynamoDBBackend, "transact_write_items"):
        accelerate()
        with patch.object(BotocoreStubber, "__call__", locked):
            yield


if find_spec("pytest"):
    import pytest

    @pytest.fixture
    def catalog() -> Iterator[Catalog]:
        """Return a handle on a new, empty table of a `strict_catalog`."""
        with strict_catalog() as catalog:
            yield catalog

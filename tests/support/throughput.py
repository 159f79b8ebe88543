"""Throughput in simulated time, in the form that most tests need: `limited_throughput`."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSResponse

from catalog_model import Catalog
from catalog_model.dynamodb.faults.clock import SimulatedClock as Clock
from catalog_model.dynamodb.faults.clock import simulated_time
from catalog_model.dynamodb.faults.demand import READS, WRITES
from catalog_model.dynamodb.faults.kinds import make_error
from catalog_model.testing import Throughput, inject_faults

__all__ = [
    "READS",
    "WRITES",
    "Clock",
    "Throughput",
    "cancellation",
    "limited_throughput",
    "simulated_time",
]

_EXCEEDED: Final = "The level of configured provisioned throughput for the table was exceeded."


@contextmanager
def limited_throughput(
    catalog: Catalog, read_units: float, write_units: float, *, seed: int = 0, burst: float = 1.0
) -> Iterator[Throughput]:
    """Throttle like a table with this throughput; *burst* is the initial level of the buckets."""
    with simulated_time() as clock:
        throughput = Throughput(
            read_units=read_units, write_units=write_units, burst=burst, clock=clock
        )
        with inject_faults(catalog, [throughput], seed=seed):
            yield throughput


def cancellation(body: dict[str, Any], codes: Iterable[str], rng: random.Random) -> AWSResponse:
    """Cancel a transaction, with these reasons for as many of its items."""
    codes = list(codes)
    reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in body["TransactItems"]]
    for at, code in zip(rng.sample(range(len(reasons)), len(codes)), codes, strict=True):
        reasons[at].update(Code=code, Message=_EXCEEDED)
    text = f"Transaction cancelled [{', '.join(each['Code'] for each in reasons)}]"
    return make_error("TransactionCanceledException", text, CancellationReasons=reasons)

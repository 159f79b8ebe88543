"""The pace of long writing: it follows the capacity of the table."""

import random
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from catalog_model.dynamodb import waits
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.pace import AdaptivePace
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.errors import CatalogError

ASK_AGAIN: Final = 60.0
"""Seconds after which the table's capacity, which may have been scaled, is read again."""

SHARE: Final = 0.5
"""The part of the rate so far at which writing continues if the capacity is unknown."""


class Progress(NamedTuple):
    """Write units: of the smallest write, of all writes so far, and of the first second."""

    one: float
    so_far: float
    at_first: float


class WritePace(Persistence):
    """Follows the table's capacity: when throttled, smaller requests and longer pauses.

    Args:
        gateway: The gateway to the table.
        most: Limit of the write units a second, of the table and of each index; None for no limit.
        operation: The operation that writes.
    """

    def __init__(self, gateway: Gateway, most: float | None, operation: str) -> None:
        super().__init__()
        self._gateway = gateway
        self._pace = AdaptivePace(most, sleep=waits.rest)
        self._operation = operation
        self._began = time.monotonic()
        self._asked = -ASK_AGAIN
        self._capacity: float | None = None

    @abstractmethod
    def progress(self) -> Progress:
        """Return the units of the writes."""

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Retry throttled requests in this block until they succeed."""
        with persistent(self):
            yield

    def pause_after(self, operation: str, tries: int) -> float:
        """Return about the time that the table needs for the smallest write."""
        if operation != self._operation:
            return super().pause_after(operation, tries)
        if tries == 1:
            self.slow_down()
        needed = self._pace.seconds_for(self.progress().one)
        return max(waits.pause(tries), needed * random.uniform(0.5, 1))  # noqa: S311  # no secret

    def slow_down(self) -> None:
        """Continue at the table's own capacity, or slower if that was too fast."""
        now = time.monotonic()
        if now - self._asked >= ASK_AGAIN:
            self._asked = now
            self._capacity = self._ask_capacity()
        _, written, at_first = self.progress()
        so_far = written / max(now - self._began, 1)
        self._pace.refused(capacity=self._capacity, guess=SHARE * so_far or at_first)

    def _ask_capacity(self) -> float | None:
        """Read the table's write units a second; None if they are unknown."""
        try:
            with persistent(None):
                described = self._gateway.describe_table()
        except CatalogError:  # it may not be permitted, and the pace is found without it
            return None
        provisioned = described.get("ProvisionedThroughput", {}).get("WriteCapacityUnits", 0)
        on_demand = described.get("OnDemandThroughput", {}).get("MaxWriteRequestUnits", 0)
        units = max(provisioned, on_demand)
        return float(units) if units > 0 else None

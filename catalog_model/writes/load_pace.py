"""The pace of a load: the number of titles in a transaction, and the pauses in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, takewhile
from typing import Final

from catalog_model.dynamodb import waits
from catalog_model.dynamodb.capacity import predict_plan
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.retries import Persistence
from catalog_model.dynamodb.write_pace import Progress, WritePace
from catalog_model.table.encoded import TYPICAL_VERSION, Encoded
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.keys import SHARDS
from catalog_model.table.plan import plan_creations
from catalog_model.table.slots import Shard

_WRITE: Final = "TransactWriteItems"


class LoadPace(WritePace):
    """Follows the table's capacity: when throttled, smaller transactions, then longer pauses.

    Transactions become smaller first, so that the table's saved units are used up; once a single
    title is throttled, the pace is that of the capacity.
    """

    def __init__(self, gateway: Gateway, write_units: float | None) -> None:
        super().__init__(gateway, write_units, _WRITE)
        self._titles: list[Encoded] = []
        self._most: int | None = None
        self._written = 0

    @contextmanager
    def refusing_soon(self) -> Iterator[None]:
        """Raise soon in this block when throttled: fewer titles are better than a long pause."""
        self.is_brief = True
        try:
            yield
        finally:
            self.is_brief = False

    def together(self, titles: list[Encoded]) -> list[Encoded]:
        """Return the first titles, as many as the table may take at once, at least one."""
        titles = titles[: self._most]
        rate = self._pace.rate
        if rate is None:
            return titles
        units = accumulate(_units_of([title]) for title in titles)
        fitting = sum(1 for _ in takewhile(lambda so_far: so_far <= rate, units))
        return titles[: max(1, fitting)]

    def await_turn(self, titles: list[Encoded]) -> None:
        """Wait until these titles may be written together."""
        self._titles = titles
        self._pace.await_turn()

    def wrote(self) -> None:
        """Record that they were written."""
        self._written += len(self._titles)
        if self._most is not None:
            self._most += 1
        if self._pace.rate is not None:
            self._pace.taken(_units_of(self._titles))

    def refused(self) -> None:
        """Record that they were throttled together, and wait; fewer of them come next."""
        if self._pace.rate is None:
            self._most = max(1, len(self._titles) // 2)
            self.rest(waits.pause(1))
        else:
            self.wait(_WRITE, 1)

    def pause_after(self, operation: str, tries: int) -> float:
        """Return about the time that the table needs to make up for one title."""
        if self.is_brief and self._pace.rate is None:
            return Persistence.pause_after(self, operation, tries)
        return super().pause_after(operation, tries)

    def slow_down(self) -> None:
        """Continue at the table's own capacity, or slower if that was too fast."""
        self._most = None
        super().slow_down()

    def progress(self) -> Progress:
        """Return the units of one title, and of those written so far."""
        one = _units_of(self._titles) / len(self._titles)
        return Progress(one, one * self._written, one)


def _units_of(titles: list[Encoded]) -> float:
    """Predict the write units of new titles, on the table or the index that uses the most."""
    planned = plan_creations(titles, TYPICAL_VERSION, (Shard(),) * SHARDS)
    units = predict_plan(SCHEMA, planned, {})
    return max(units.table, *units.indexes.values())

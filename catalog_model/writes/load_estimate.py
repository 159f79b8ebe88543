"""The write units of a load, estimated from its titles before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from catalog_model.domain.rejection import Rejection
from catalog_model.dynamodb.capacity import NOTHING, Units, predict_plan
from catalog_model.dynamodb.schema import TABLE
from catalog_model.table.encoded import TYPICAL_VERSION
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.keys import SHARDS
from catalog_model.table.plan import plan_creations
from catalog_model.table.slots import Shard
from catalog_model.writes.load import Loadable, batches, judged, transactions


@dataclass(frozen=True, slots=True)
class LoadEstimate:
    """The write units that a load of new titles takes, on the table and on each index."""

    titles: int
    units: Units

    def times(self, count: float) -> LoadEstimate:
        """Return the estimate for that many times the titles."""
        return LoadEstimate(ceil(self.titles * count), self.units.times(count))

    def seconds(self, capacity: Mapping[str, float]) -> float:
        """Return about the seconds of the load, on a table that has saved no units before.

        Args:
            capacity: The write units a second of the table and of each index, under their names.
        """
        taken = {TABLE: self.units.table, **self.units.indexes}
        return max(
            (units / capacity[name] for name, units in taken.items() if capacity.get(name)),
            default=0.0,
        )


def estimate_load(titles: Iterable[Loadable]) -> LoadEstimate:
    """Estimate the write units of loading titles that the table lacks. Sends nothing.

    The sizes of all items are known, so the estimate is exact for an empty table if nothing is
    throttled. Titles that exist and are equal take no write units. What cannot be loaded is left
    out.

    >>> estimate_load([Movie.from_json(record)]).units.table
    10
    """
    accepted = (each for each in map(judged, titles) if not isinstance(each, Rejection))
    count, planned = 0, list[Units]()
    for batch in batches(accepted):
        count += len(batch)
        for group in transactions([each.title for each in batch]):
            plan = plan_creations(group, TYPICAL_VERSION, (Shard(),) * SHARDS)
            planned.append(predict_plan(SCHEMA, plan, {}))
    return LoadEstimate(count, sum(planned, NOTHING))

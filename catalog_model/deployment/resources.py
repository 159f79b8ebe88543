"""Settings in the service's terms, for creating a table and for exporting it. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.checks import refuse
from catalog_model.deployment.deployed import (
    BILLINGS,
    CLASSES,
    PARTS,
    STREAMS,
    Part,
    dimension_of,
    metric_of,
)
from catalog_model.deployment.settings import (
    MANAGED,
    NO_LIMIT,
    OWNED,
    Scaling,
    TableSettings,
    UnitsPerSecond,
)
from catalog_model.dynamodb.schema import TableSchema

SCALED_POLICY: Final = "TargetTrackingScaling"

STREAM_VIEWS: Final[Mapping[str, str]] = {ours: view for view, ours in STREAMS.items()}
TABLE_CLASSES: Final[Mapping[str, str]] = {ours: name for name, ours in CLASSES.items()}
BILLING_MODES: Final[Mapping[str, str]] = {ours: mode for mode, ours in BILLINGS.items()}
"""The service's values of settings."""


@dataclass(frozen=True, slots=True)
class ScaledUnits:
    """The reads or the writes of a table or one of its indexes, scaled to a target."""

    index: str | None
    part: Part

    @property
    def dimension(self) -> str:
        """The scalable dimension."""
        return dimension_of(self.resource_id(""), self.part)

    @property
    def metric(self) -> str:
        """The predefined metric of the utilization."""
        return metric_of(self.part)

    def resource_id(self, table: str) -> str:
        """Return the id of the table or index, as Application Auto Scaling names it."""
        return f"table/{table}/index/{self.index}" if self.index else f"table/{table}"


def scaled_units(schema: TableSchema) -> Iterator[ScaledUnits]:
    """Yield the reads and writes of the table, and then those of each index."""
    for index in (None, *schema.indexes):
        for part in PARTS:
            yield ScaledUnits(index, part)


def initial_units(settings: TableSettings) -> UnitsPerSecond | None:
    """Return the units with which a table begins: those declared, within the bounds of scaling.

    >>> from catalog_model.deployment.settings import Scaling
    >>> initial_units(TableSettings(scaling=Scaling(2, 10)))
    UnitsPerSecond(read=2, write=2)
    """
    bounds, declared = settings.scaling, settings.capacity or UnitsPerSecond()
    if bounds is None:
        return settings.capacity
    read, write = (
        min(max(units or 0, bounds.min), bounds.max) for units in (declared.read, declared.write)
    )
    return UnitsPerSecond(read, write)


def limits(settings: TableSettings) -> dict[str, int]:
    """Return the limits of on-demand units, under the service's names."""
    units = settings.max_units or UnitsPerSecond()
    named = {"MaxReadRequestUnits": units.read, "MaxWriteRequestUnits": units.write}
    return {name: part for name, part in named.items() if part not in (None, NO_LIMIT)}


def warm_units(settings: TableSettings) -> dict[str, int]:
    """Return the warm throughput, under the service's names."""
    units = settings.warm_throughput or UnitsPerSecond()
    named = {"ReadUnitsPerSecond": units.read, "WriteUnitsPerSecond": units.write}
    return {name: part for name, part in named.items() if part is not None}


def sse_specification(encryption: str) -> dict[str, Any]:
    """Return the SSESpecification of a declared encryption.

    >>> sse_specification("owned"), sse_specification("managed")
    ({'Enabled': False}, {'Enabled': True, 'SSEType': 'KMS'})
    """
    if encryption == OWNED:
        return {"Enabled": False}
    key = {} if encryption == MANAGED else {"KMSMasterKeyId": encryption}
    return {"Enabled": True, "SSEType": "KMS", **key}


def encryption(settings: TableSettings) -> dict[str, Any]:
    """Return the SSESpecification of a new table; empty for keys that DynamoDB owns."""
    declared = settings.encryption or OWNED
    return {} if declared == OWNED else sse_specification(declared)


def scaling_for_replicas(settings: TableSettings) -> Scaling | None:
    """Return the scaling of a global table: it scales its writes, or is on demand.

    Raises:
        InvalidArgumentError: If the capacity is fixed.
    """
    if settings.capacity and not settings.scaling:
        units = (settings.capacity.read, settings.capacity.write)
        refuse("capacity", units, "replaced by scaling for a global table: its writes scale,")
    return settings.scaling

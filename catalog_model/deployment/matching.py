"""Where a deployed table departs from the declared settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog_model.deployment.deployed import (
    PARTS,
    Deployed,
    limits_of,
    resources_of,
    units_of,
    warm_of,
)
from catalog_model.deployment.settings import MANAGED, OWNED, TableSettings, UnitsPerSecond
from catalog_model.dynamodb.schema import TABLE


@dataclass(frozen=True, slots=True)
class Departure:
    """A setting that is not as declared.

    ``setting`` is its name in `TableSettings`; ``where`` is ``table``, or the name of an index.
    ``found`` is None if the endpoint does not show the setting.
    """

    setting: str
    where: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        place = "" if self.where == TABLE else f" of index {self.where}"
        return f"{self.setting}{place} is {_shown(self.found)}, not {_shown(self.wanted)}"


def departures(settings: TableSettings, found: Deployed, name: str) -> tuple[Departure, ...]:
    """Return where a table departs from the declared settings, in their order.

    What is not declared is not compared. *found* must have been read in full. Warm throughput may
    be higher than declared, and tags may be more. A key of KMS matches ``managed``, as DynamoDB
    does not show whether it is AWS's.

    Args:
        settings: The declared settings.
        found: The table as it is deployed.
        name: The name of the table.
    """
    return tuple(_departures(settings, found, name))


def _departures(settings: TableSettings, found: Deployed, name: str) -> Iterator[Departure]:
    for setting, wanted in settings.declared.items():
        match setting:
            case "capacity":
                if settings.scaling is None:
                    yield from _of_units(setting, wanted, found, units_of)
            case "max_units":
                yield from _of_units(setting, wanted, found, limits_of)
            case "warm_throughput":
                yield from _of_units(setting, wanted, found, warm_of, at_least=True)
            case "scaling":
                yield from _of_scaling(settings, found, name)
            case _:
                there = getattr(found.settings, setting)
                if not _matches(setting, wanted, there):
                    yield Departure(setting, TABLE, wanted, there)


def _matches(setting: str, wanted: Any, there: Any) -> bool:
    if setting == "tags":
        return there is not None and wanted.items() <= there.items()
    if setting == "encryption" and wanted == MANAGED:
        return there not in (None, OWNED)
    return bool(wanted == there)


def _of_units(
    setting: str, wanted: UnitsPerSecond, found: Deployed, units: Any, *, at_least: bool = False
) -> Iterator[Departure]:
    for where, described in parts_of(found.description):
        there = units(described)
        if there is None or not all(
            _suffices(getattr(wanted, part), getattr(there, part), at_least=at_least)
            for part in PARTS
        ):
            yield Departure(setting, where, wanted, there)


def _suffices(wanted: int | None, there: int | None, *, at_least: bool) -> bool:
    if wanted is None or wanted == there:
        return True
    return at_least and there is not None and there > wanted


def _of_scaling(settings: TableSettings, found: Deployed, name: str) -> Iterator[Departure]:
    wanted = settings.scaling
    if wanted is None or found.scaling is None:
        yield Departure("scaling", TABLE, wanted, None)
        return
    for where, resource in resources_of(found.description, name).items():
        there = {
            each.part: (each.min, each.max, each.target)
            for each in found.scaling
            if each.resource == resource
        }
        if any(there.get(part) != (wanted.min, wanted.max, wanted.target) for part in PARTS):
            yield Departure("scaling", where, wanted, there)


def parts_of(description: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the table and each index, with its name and its description."""
    yield TABLE, description
    for index in description.get("GlobalSecondaryIndexes", []):
        yield index["IndexName"], index


def _shown(value: Any) -> str:
    match value:
        case None:
            return "not shown by this endpoint"
        case UnitsPerSecond(read, write):
            parts = {"read": read, "write": write}
            listed = [f"{units:,} {part}" for part, units in parts.items() if units is not None]
            return " and ".join(listed) + " units a second"
        case "" | 0 | Mapping() if not value:
            return "none"
    return str(value)

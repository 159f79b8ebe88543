"""Where a deployed table departs from the declared settings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from catalog_model.checks import counted
from catalog_model.deployment.deployed import (
    PARTS,
    Deployed,
    ScalableTarget,
    limits_of,
    resources_of,
    units_of,
    warm_of,
)
from catalog_model.deployment.settings import (
    MANAGED,
    NO_LIMIT,
    OWNED,
    Scaling,
    TableSettings,
    UnitsPerSecond,
)
from catalog_model.dynamodb.schema import TABLE

NOT_SHOWN: Final = "not shown by this endpoint"

ONLY_PROVISIONED: Final = ("capacity", "scaling")


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
        return self.described("" if self.where == TABLE else f" of index {self.where}")

    def described(self, place: str) -> str:
        """Return the departure in words, at a place."""
        return f"{self.setting}{place} is {_shown(self.found)}, not {_shown(self.wanted)}"


def in_words(found: Iterable[Departure]) -> tuple[str, ...]:
    """Describe departures: those that the table and indexes have in common, as one."""
    alike: dict[str, list[Departure]] = {}
    for each in found:
        alike.setdefault(each.described(""), []).append(each)
    return tuple(
        str(own[0]) if len(own) == 1 else own[0].described(f" of {' and '.join(_places(own))}")
        for own in alike.values()
    )


def _places(found: list[Departure]) -> Iterator[str]:
    indexes = sum(1 for each in found if each.where != TABLE)
    if indexes < len(found):
        yield "the table"
    yield "1 index" if indexes == 1 else f"{indexes} indexes"


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
        if setting in ONLY_PROVISIONED and not found.is_provisioned:
            continue  # the billing is the departure
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
    bounds = (wanted.min, wanted.max, wanted.target)
    for where, resource in resources_of(found.description, name).items():
        own = {each.part: each for each in found.scaling if each.resource == resource}
        for part in PARTS:
            there = own.get(part)
            if there is None or (there.min, there.max, there.target) != bounds:
                yield Departure("scaling", where, wanted, there or "")


def parts_of(description: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the table and each index, with its name and its description."""
    yield TABLE, description
    for index in description.get("GlobalSecondaryIndexes", []):
        yield index["IndexName"], index


def _shown(value: Any) -> str:
    match value:
        case ScalableTarget() | Scaling():
            return _bounds(value)
        case UnitsPerSecond(read, write):
            parts = {"read": read, "write": write}
            listed = [_units(part, units) for part, units in parts.items() if units is not None]
            return " and ".join(listed) + " a second"
        case bool():
            return "on" if value else "off"
        case "" | 0 if not value:
            return "off"
        case Mapping():
            return ", ".join(f"{key}={own}" for key, own in value.items()) or "empty"
    return NOT_SHOWN if value is None else str(value)


def _units(part: str, units: int) -> str:
    return f"any {part} units" if units == NO_LIMIT else counted(units, f"{part} unit")


def _bounds(value: ScalableTarget | Scaling) -> str:
    part = f"{value.part} " if isinstance(value, ScalableTarget) else ""
    policy = f"at {value.target:g} %" if value.target else "without a policy"
    return f"{value.min:,} to {value.max:,} {part}units {policy}"

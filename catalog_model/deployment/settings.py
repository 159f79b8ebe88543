"""`TableSettings`: what can be declared of a table in addition to its keys and indexes.

A value is checked when it is made, so what is declared can be sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal, Self, get_args

from catalog_model.checks import (
    check_choice,
    check_flag,
    check_instance,
    check_text,
    check_within,
    refuse,
    shown,
)
from catalog_model.errors import InvalidArgumentError

Billing = Literal["on-demand", "provisioned"]
Stream = Literal["new-and-old", "new", "old", "keys", "off"]
TableClass = Literal["standard", "infrequent-access"]

MOST_UNITS: Final = 2**63 - 1
"""The maximum of the service's data type for capacity; account quotas are far lower."""

MOST_SCALED_UNITS: Final = 2**31 - 1
"""The maximum of Application Auto Scaling's data type for capacity."""

NO_LIMIT: Final = -1
"""The service's value that removes a limit of on-demand units."""

NO_RECOVERY: Final = 0
"""Days of a table without point-in-time recovery."""

MAX_RECOVERY_DAYS: Final = 35
TARGETS: Final = (20, 90)
"""The bounds of the target utilization in per cent."""

OWNED: Final = "owned"
MANAGED: Final = "managed"
_KEY_ARN: Final = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", re.ASCII)

MAX_ATTRIBUTE_NAME: Final = 255

MOST_TAGS: Final = 50
LONGEST_TAG: Final = 128
LONGEST_TAG_VALUE: Final = 256
_OF_A_TAG: Final = re.compile(r"[\w\s+\-=.:/@]*")


@dataclass(frozen=True, slots=True)
class UnitsPerSecond:
    """Read and write units a second; None for a part that is not declared."""

    read: int | None = None
    write: int | None = None


@dataclass(frozen=True, slots=True)
class Scaling:
    """Target tracking: the bounds of the units a second, and the utilization in per cent.

    Applies to the reads and to the writes, of the table and of each index.

    Args:
        min: The least units a second, from 1 on.
        max: The most units a second, from *min* on.
        target: The utilization to keep, from 20 to 90 per cent.

    >>> Scaling(1, 10)
    Scaling(min=1, max=10, target=70)
    """

    min: int
    max: int
    target: int = 70

    def __post_init__(self) -> None:
        check_within(self.min, "scaling's min", 1, MOST_SCALED_UNITS)
        check_within(self.max, "scaling's max", 1, MOST_SCALED_UNITS)
        check_within(self.target, "scaling's target", *TARGETS)
        if self.min > self.max:
            refuse("scaling's min", self.min, f"at most its max ({self.max:,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """The settings of a table. None stands for a setting that is not declared: it is left alone.

    The value that switches a setting off is another one, and is listed with it. The settings that
    are read from a table are all explicit, except those that the endpoint does not offer.

    Args:
        billing: ``on-demand`` or ``provisioned``; follows from *capacity* and *scaling*.
        capacity: Fixed units of a provisioned table and each index; both parts, from 1 on.
        scaling: Bounds and target of a provisioned table and each index, which scale between them.
        max_units: Limits of the units of an on-demand table and each index; -1 for no limit.
        recovery_days: Days of point-in-time recovery, 1 to 35; 0 for none.
        protection: Whether the table is protected from deletion.
        stream: The images in the table's stream; ``off`` for no stream.
        encryption: ``owned`` (by DynamoDB), ``managed`` (by AWS, in the account), or the ARN of a
            key in KMS.
        table_class: ``standard`` or ``infrequent-access``.
        tags: The tags that the table has, among others.
        warm_throughput: Units a second that the table and each index support at once.
        ttl: The attribute with the time at which an item expires; "" for none.

    Raises:
        InvalidArgumentError: If a value is invalid, or two contradict each other.

    >>> TableSettings(scaling=Scaling(1, 10)).billing
    'provisioned'
    """

    billing: Billing | None = None
    capacity: UnitsPerSecond | None = None
    scaling: Scaling | None = None
    max_units: UnitsPerSecond | None = None
    recovery_days: int | None = None
    protection: bool | None = None
    stream: Stream | None = None
    encryption: str | None = None
    table_class: TableClass | None = None
    tags: Mapping[str, str] | None = field(default=None)
    warm_throughput: UnitsPerSecond | None = None
    ttl: str | None = None

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check(value))
        self._check_billing()

    def _check_billing(self) -> None:
        units = next((name for name in ("capacity", "scaling") if getattr(self, name)), None)
        if units and self.billing == "on-demand":
            refuse(units, getattr(self, units), "left out for a table on demand")
        if units:
            object.__setattr__(self, "billing", "provisioned")
        elif self.billing == "provisioned":
            refuse("billing", self.billing, "given with capacity or scaling")
        if self.billing == "provisioned" and _limits(self.max_units):
            refuse("max_units", self.max_units, "left out for a provisioned table")

    @property
    def declared(self) -> dict[str, Any]:
        """The settings that are declared, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the declared settings as JSON.

        >>> TableSettings(scaling=Scaling(1, 10), recovery_days=7).to_json()["recovery_days"]
        7
        """
        return {name: _as_json(value) for name, value in self.declared.items()}

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Read settings from JSON, as `to_json` writes it.

        Raises:
            InvalidArgumentError: If it is not an object, a name is unknown, or a value is invalid.

        >>> TableSettings.from_json({"scaling": {"min": 1, "max": 10}}).scaling
        Scaling(min=1, max=10, target=70)
        """
        names = [each.name for each in fields(cls)]
        return cls(**_members(content, "settings", names))


def _as_json(value: Any) -> Any:
    if is_dataclass(value):
        return {
            each.name: getattr(value, each.name)
            for each in fields(value)
            if getattr(value, each.name) is not None
        }
    return dict(value) if isinstance(value, Mapping) else value


def _members(content: Any, name: str, known: list[str]) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        refuse(name, content, "an object")
    for each in content:
        if each not in known:
            raise InvalidArgumentError(
                f"{name} has no member {shown(each)}; there are {', '.join(known)}"
            )
    return dict(content)


def _check_scaling(value: Any) -> Scaling:
    if not isinstance(value, Mapping):
        check_instance(value, "scaling", Scaling)
        return value  # type: ignore[no-any-return]  # it is one
    members = _members(value, "scaling", ["min", "max", "target"])
    for bound in ("min", "max"):
        if bound not in members:
            refuse("scaling", value, "given with min and max")
    return Scaling(**members)


def _check_units(value: Any, name: str, least: int, most: int) -> UnitsPerSecond:
    if isinstance(value, Mapping):
        value = UnitsPerSecond(**_members(value, name, ["read", "write"]))
    check_instance(value, name, UnitsPerSecond)
    parts = {"read": value.read, "write": value.write}
    if parts == {"read": None, "write": None}:
        refuse(name, value, "given with read or write units")
    return UnitsPerSecond(
        **{
            part: units if units is None else check_within(units, f"{name}'s {part}", least, most)
            for part, units in parts.items()
        }
    )


def _check_capacity(value: Any) -> UnitsPerSecond:
    units = _check_units(value, "capacity", 1, MOST_UNITS)
    if None in (units.read, units.write):
        refuse("capacity", (units.read, units.write), "both read and write units")
    return units


def _check_max_units(value: Any) -> UnitsPerSecond:
    units = _check_units(value, "max_units", NO_LIMIT, MOST_UNITS)
    for part in (units.read, units.write):
        if part == 0:
            refuse("max_units", part, "from 1 on, or -1 for no limit")
    return units


def _check_recovery(value: Any) -> int:
    return check_within(value, "recovery_days", NO_RECOVERY, MAX_RECOVERY_DAYS)


def _check_encryption(value: Any) -> str:
    text = check_text(value, "encryption")
    if text not in (OWNED, MANAGED) and not _KEY_ARN.fullmatch(text):
        wanted = "'owned', 'managed' or an ARN as arn:aws:kms:eu-west-1:123456789012:key/ID"
        refuse("encryption", value, wanted)
    return text


def _check_ttl(value: Any) -> str:
    text = check_text(value, "ttl")
    if len(text.encode()) > MAX_ATTRIBUTE_NAME:
        refuse("ttl", value, f"the name of an attribute, of at most {MAX_ATTRIBUTE_NAME} bytes")
    return text


def check_tags(tags: Any) -> dict[str, str]:
    """Check tags by the service's rules."""
    if not isinstance(tags, Mapping):
        refuse("tags", tags, "a mapping of texts under their keys, or None")
    if len(tags) > MOST_TAGS:
        refuse("tags", tags, f"at most {MOST_TAGS} tags")
    for key, value in tags.items():
        _check_tag(key, "the key of a tag", 1, LONGEST_TAG)
        _check_tag(value, f"the value of tag {shown(key)}", 0, LONGEST_TAG_VALUE)
        if key.lower().startswith("aws:"):
            refuse("the key of a tag", key, 'a text that does not begin with "aws:"')
    return {str(key): str(value) for key, value in tags.items()}


def _check_tag(text: object, name: str, least: int, most: int) -> None:
    checked = check_text(text, name)
    if not least <= len(checked) <= most:
        refuse(name, text, f"of {least} to {most} characters")
    if not _OF_A_TAG.fullmatch(checked):
        refuse(name, text, "of letters, digits, spaces and + - = . _ : / @")


def _limits(units: UnitsPerSecond | None) -> bool:
    """Return whether a limit of on-demand units is set."""
    return units is not None and any(
        part not in (None, NO_LIMIT) for part in (units.read, units.write)
    )


_CHECKS: Final[Mapping[str, Any]] = {
    "billing": lambda value: check_choice(value, "billing", get_args(Billing)),
    "capacity": _check_capacity,
    "scaling": _check_scaling,
    "max_units": _check_max_units,
    "recovery_days": _check_recovery,
    "protection": lambda value: check_flag(value, "protection"),
    "stream": lambda value: check_choice(value, "stream", get_args(Stream)),
    "encryption": _check_encryption,
    "table_class": lambda value: check_choice(value, "table_class", get_args(TableClass)),
    "tags": check_tags,
    "warm_throughput": lambda value: _check_units(value, "warm_throughput", 1, MOST_UNITS),
    "ttl": _check_ttl,
}

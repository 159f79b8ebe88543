"""A change of a table: what is declared, what was found, and its steps with their requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from catalog_model.deployment.control import DYNAMODB, Service
from catalog_model.deployment.deployed import Deployed
from catalog_model.deployment.drift import (
    DELETING,
    Allowed,
    IndexDrift,
    PlanDifference,
    index_drift,
)
from catalog_model.deployment.matching import parts_of
from catalog_model.deployment.settings import TableSettings
from catalog_model.dynamodb.schema import TABLE, TableSchema

Parameters = Mapping[str, Any]

UPDATE: Final = "UpdateTable"
INDEXES: Final = "GlobalSecondaryIndexUpdates"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a step."""

    service: Service
    operation: str
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class PlanStep:
    """One change of a table.

    ``setting`` is the subject of the difference that it removes, ``where`` is ``table`` or an
    index. ``note`` says what to know before. A step without requests only waits.
    """

    setting: str
    where: str
    text: str
    requests: tuple[Request, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.note})" if self.note else self.text


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a table: what is declared, what was found, and what differs.

    ``table`` is the name or the ARN in requests to DynamoDB, ``name`` the name in other requests.
    """

    schema: TableSchema
    settings: TableSettings
    found: Deployed
    table: str
    name: str
    allowed: Allowed
    differences: tuple[PlanDifference, ...]
    indexes: IndexDrift = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "indexes", index_drift(self.schema, self.found.description))

    def places(self, subject: str) -> list[str]:
        """Return where a subject differs and is to be changed."""
        return [
            each.where for each in self.differences if each.subject == subject and not each.left
        ]

    @property
    def created(self) -> list[str]:
        """The indexes that are created: those missing, and those rebuilt."""
        return [*self.rebuilt, *self.indexes.missing]

    @property
    def rebuilt(self) -> list[str]:
        """The indexes that are deleted and created again."""
        return list(self.indexes.other) if self.allowed.rebuild else []

    @property
    def dropped(self) -> list[str]:
        """The undeclared indexes that are deleted."""
        return list(self.indexes.surplus) if self.allowed.drop_surplus else []

    @property
    def kept(self) -> dict[str, Parameters]:
        """The indexes that stay, with their descriptions."""
        gone = {TABLE, *self.dropped, *self.rebuilt}
        return {name: own for name, own in self.parts.items() if name not in gone}

    @property
    def parts(self) -> dict[str, Parameters]:
        """The table and its indexes, with their descriptions, without those being deleted."""
        parts = parts_of(self.found.description)
        return {name: own for name, own in parts if own.get("IndexStatus") != DELETING}

    @property
    def billing(self) -> str | None:
        """The billing to change to; None if it stays."""
        return self.settings.billing if self.places("billing") else None

    @property
    def has_units(self) -> bool:
        """Whether the table has provisioned units while its indexes are changed.

        Indexes are created on demand where possible: their units would limit the backfill.
        """
        return self.found.is_provisioned and self.billing != "on-demand"

    def update(self, **parameters: Any) -> Request:
        """Return an UpdateTable."""
        return Request(DYNAMODB, UPDATE, {"TableName": self.table, **parameters})

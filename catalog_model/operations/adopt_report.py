"""The result of an adoption."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from catalog_model.domain.kinds import TitleKey
from catalog_model.domain.rejection import Rejection
from catalog_model.files.losses import Loss, What


@dataclass(frozen=True, slots=True)
class AdoptPass:
    """One pass over the sources: its writes, and the time at which it began (UTC, ISO 8601).

    Changes of the sources from then on may be missing in the table after it.
    """

    began: str
    created: int
    changed: int
    deleted: int

    @property
    def is_quiet(self) -> bool:
        """Whether it found nothing to write."""
        return not (self.created or self.changed or self.deleted)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The titles of the sources compared with the table, at the end.

    Attributes:
        began: The time at which it began (UTC, ISO 8601).
        equal: The number of titles that are the same.
        differing: The titles that differ.
        missing: The titles that the table does not have.
        extra: The titles that only the table has.
    """

    began: str
    equal: int
    differing: tuple[TitleKey, ...]
    missing: tuple[TitleKey, ...]
    extra: tuple[TitleKey, ...]

    @property
    def holds_all(self) -> bool:
        """Whether the table has every title of the sources as it is there."""
        return not self.differing and not self.missing

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        keys = {
            name: [f"{key.kind} {key.id}" for key in getattr(self, name)]
            for name in ("differing", "missing", "extra")
        }
        return {"began": self.began, "equal": self.equal, **keys}


@dataclass(slots=True)
class AdoptReport:
    """The result of an adoption.

    Attributes:
        created: Titles that were created in the table.
        changed: Titles that differed in the table, and were replaced.
        unchanged: Titles that the first pass found equal in the table.
        deleted: Titles that disappeared from the sources between two passes, and were deleted.
        to_adopt: Titles that a dry run would load.
        rejected: Items that are no titles or memberships, with reasons.
        losses: What the sources no longer hold, by title.
        more_losses: By kind of loss, the number beyond those listed, which are 100,000.
        keyed_by_id: Sources that hold both kinds, and each id once, as if the id were the key:
            titles of them may have been overwritten without a trace.
        memberships: Memberships in genres that were read, to be compared with the titles.
        repeated: Items that were equal to an earlier one of the same title.
        items: Items read in the last pass.
        requests: Requests that read the source tables, in all passes.
        read_units: Read units that these took, by the size of the items.
        throttled: How many requests were throttled, without the retries of botocore.
        passes: The passes over the sources.
        comparison: The comparison at the end; None unless the sources were followed.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0
    to_adopt: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    more_losses: Mapping[What, int] = field(default_factory=dict)
    keyed_by_id: list[str] = field(default_factory=list)
    memberships: int = 0
    repeated: int = 0
    items: int = 0
    requests: int = 0
    read_units: float = 0.0
    throttled: int = field(default=0, compare=False)
    passes: list[AdoptPass] = field(default_factory=list)
    comparison: Comparison | None = None

    @property
    def is_lossless(self) -> bool:
        """Whether every item was taken, and nothing was lost that the originals did not restore."""
        is_whole = all(loss.is_restored for loss in self.losses) and not self.more_losses
        return is_whole and not self.rejected

    @property
    def is_settled(self) -> bool:
        """Whether the last pass found nothing to write."""
        return bool(self.passes) and self.passes[-1].is_quiet

    @property
    def is_complete(self) -> bool:
        """Whether it is lossless and, if the sources were followed, the table has all of them."""
        has_all = self.comparison is None or (self.is_settled and self.comparison.holds_all)
        return self.is_lossless and has_all

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        told = {
            **asdict(self),
            "rejected": [each.to_json() for each in self.rejected],
            "losses": [each.to_json() for each in self.losses],
            "comparison": self.comparison and self.comparison.to_json(),
        }
        return {**told, "is_lossless": self.is_lossless, "is_complete": self.is_complete}

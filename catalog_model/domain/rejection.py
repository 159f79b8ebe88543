"""Records of a file with their positions, and rejected records."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that was not loaded: its position, and the reason."""

    source: str
    """The name of the file."""
    key: str
    """The record's key in the file; in a list its number, in JSON Lines its id."""
    reason: str
    line: int | None = None
    """The line in a file of JSON Lines."""

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        return ": ".join(filter(None, (self.source, line, self.key, self.reason)))

    def to_json(self) -> dict[str, Any]:
        """Return the rejection as JSON; ``line`` is left out where there is none."""
        line = {"line": self.line} if self.line else {}
        return {"source": self.source, **line, "key": self.key, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Sourced(Generic[_T]):
    """A title and its position in a file."""

    title: _T
    source: str
    key: str
    line: int | None = None

    def rejected(self, reason: str) -> Rejection:
        """Return a rejection of this title."""
        return Rejection(self.source, self.key, reason, self.line)

"""Writes records in the layout of the application's files: an object of records by their ids.

The layout is that of ``json.dump(records, file, indent=4)``: four spaces, ASCII only, no final
newline. `layout_of` recognizes the layout of another file.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Layout:
    """How the JSON of a file is written: as by `json.dump` with these options."""

    indent: int | None = 4
    ascii_only: bool = True
    end: str = ""

    def record(self, record: dict[str, Any]) -> bytes:
        """Return a record with its id as the key, without the separator before and after it."""
        text = self._dumped({str(record["id"]): record})
        inner = text[1:-1] if self.indent is None else text[2:-2]
        return inner.encode("utf-8", "surrogatepass")

    @property
    def begin(self) -> bytes:
        """The text before the first record."""
        return b"{" if self.indent is None else b"{\n"

    @property
    def between(self) -> bytes:
        """The text between two records."""
        return b", " if self.indent is None else b",\n"

    @property
    def after(self) -> bytes:
        """The text after the last record."""
        close = "}" if self.indent is None else "\n}"
        return (close + self.end).encode()

    @property
    def empty(self) -> bytes:
        """The text of a file without records."""
        return ("{}" + self.end).encode()

    def document(self, records: dict[str, Any]) -> bytes:
        """Return a whole file."""
        return (self._dumped(records) + self.end).encode("utf-8", "surrogatepass")

    def _dumped(self, value: Any) -> str:
        return json.dumps(value, indent=self.indent, ensure_ascii=self.ascii_only)


USUAL: Final = Layout()
"""The layout of the application's files."""

_BEGIN: Final = re.compile(rb'\{\n( *)"')


def layout_of(data: bytes, records: dict[str, Any]) -> Layout:
    """Return the layout of a file with these records; the usual one if it has no known layout."""
    first = _BEGIN.match(data)
    indent = len(first[1]) if first else None
    end = "\n" if data.endswith(b"\n") else ""
    possible = (Layout(indent, ascii_only, end) for ascii_only in (True, False))
    return next((each for each in possible if each.document(records) == data), USUAL)

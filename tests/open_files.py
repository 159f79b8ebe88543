"""Open files of JSON: in memory, and one that never ends."""

from __future__ import annotations

import io
from typing import IO, Any, cast

from catalog_model import Movie, TVShow
from catalog_model.domain.kinds import Kind
from catalog_model.files.json_input import JSONInput
from catalog_model.files.reader import read_title


def opened(data: bytes, source: str = "x") -> JSONInput:
    """Return bytes as an open file of that name."""
    return JSONInput(io.BytesIO(data), source)


def parse_title(data: bytes, kind: Kind, source: str) -> Movie | TVShow:
    """Read one record by itself."""
    return read_title(opened(data, source), kind)


class Endless:
    """Begins somehow and goes on so forever; counts the bytes that were read of it."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        self._rest = begin
        self._more = more
        self.given = 0

    def file(self) -> IO[bytes]:
        """Return itself, as the file that it is to its readers."""
        return cast("IO[bytes]", cast("Any", self))

    def read(self, size: int) -> bytes:
        """Return so many bytes."""
        while len(self._rest) < size:
            self._rest += self._more * (size // len(self._more) + 1)
        data, self._rest = self._rest[:size], self._rest[size:]
        self.given += size
        return data

    def readline(self, size: int) -> bytes:
        """Return the rest of a line, or so many bytes of it."""
        end = (self._rest + self._more).find(b"\n") + 1
        return self.read(min(end, size) if end else size)

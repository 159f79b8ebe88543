"""Open JSON files: in memory, and an endless one."""

import io
from typing import IO, Any, cast

from catalog_model import Movie, TVShow
from catalog_model.domain.kinds import Kind
from catalog_model.files.json_input import JSONInput
from catalog_model.files.reader import read_title


def opened(data: bytes, source: str = "x") -> JSONInput:
    """Return bytes as an open file with this name."""
    return JSONInput(io.BytesIO(data), source)


def parse_title(data: bytes, kind: Kind, source: str) -> Movie | TVShow:
    return read_title(opened(data, source), kind)


class Endless:
    """An endless file with a given beginning; counts the bytes that were read."""

    def __init__(self, begin: bytes, more: bytes) -> None:
        self._rest = begin
        self._more = more
        self.given = 0

    def file(self) -> IO[bytes]:
        """The file for its readers, which is this object."""
        return cast("IO[bytes]", cast("Any", self))

    def read(self, size: int) -> bytes:
        """Return the given number of bytes."""
        while len(self._rest) < size:
            self._rest += self._more * (size // len(self._more) + 1)
        data, self._rest = self._rest[:size], self._rest[size:]
        self.given += size
        return data

    def readline(self, size: int) -> bytes:
        """Return the rest of a line, or the given number of its bytes."""
        end = (self._rest + self._more).find(b"\n") + 1
        return self.read(min(end, size) if end else size)

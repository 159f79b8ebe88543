"""Files that appear under their names only when they are complete, and errors that name them."""

import os
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Final, Protocol

from catalog_model.errors import CatalogError, InvalidArgumentError

CHUNK: Final = 2**16

_GZIP: Final = zlib.MAX_WBITS | 16
"""zlib's mark of the gzip format."""


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Raise errors of a file with its name.

    Raises:
        InvalidArgumentError: Instead of an `OSError`, or the `ValueError` of an impossible path.
    """
    try:
        yield
    except CatalogError:
        raise
    except OSError as error:
        raise InvalidArgumentError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InvalidArgumentError(f"{str(path)!r} is no path: {error}") from error


def check_new(path: Path, *, overwrite: bool) -> None:
    """Check that a file may be written: a new one, or with *overwrite* a regular one.

    Raises:
        InvalidArgumentError: If it exists and may not be replaced, or its folder is missing.
    """
    with named_errors(path):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            if not path.parent.is_dir():
                raise InvalidArgumentError(f"{path}: its folder does not exist") from None
            return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise InvalidArgumentError(f"{path}: is {kind}, not a file")
    if not overwrite:
        raise InvalidArgumentError(f"{path}: exists already, and is not overwritten (--force does)")


class Stream:
    """A stream of the caller's, with the sums of a file; its errors are the caller's."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.size = 0
        self._sum = sha256()
        self._stream = stream

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hexadecimal."""
        return self._sum.hexdigest()

    def write(self, data: Any, /) -> int:
        """Append bytes."""
        self._stream.write(data)
        self._sum.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


class NewFile(Stream):
    """A file under a temporary name, which `keep` renames; without it, nothing is left.

    Args:
        path: The final path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}-{token_hex(4)}.part")
        with named_errors(path):
            super().__init__(self._temporary.open("xb"))

    def write(self, data: Any, /) -> int:
        """Append bytes."""
        with named_errors(self.path):
            return super().write(data)

    def flush(self) -> None:
        """Do nothing: `keep` writes everything to the disk."""

    def keep(self) -> None:
        """Rename the complete file, in the place of an older one."""
        with named_errors(self.path):
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._temporary.replace(self.path)

    def drop(self) -> None:
        """Remove the file, unless it was kept; failures of a full disk are ignored."""
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)


@contextmanager
def new_file(path: Path) -> Iterator[NewFile]:
    """Write a file in this block, which calls `keep` at its end; otherwise nothing is left."""
    file = NewFile(path)
    try:
        yield file
    finally:
        file.drop()


class Sink(Protocol):
    """Takes bytes."""

    def write(self, data: bytes, /) -> object:
        """Append bytes."""
        ...


class Compressed:
    """Compresses data as gzip; equal data has equal bytes, without a name and a time.

    Without `finish`, the result has no end: it is invalid, and cannot be taken for complete data.
    """

    def __init__(self, sink: Sink, level: int = 6) -> None:
        self._sink = sink
        self._compressor = zlib.compressobj(level, wbits=_GZIP)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        compressed = self._compressor.compress(data)
        if compressed:
            self._sink.write(compressed)

    def finish(self) -> None:
        """Write the end, with checksum and length."""
        self._sink.write(self._compressor.flush())


class Spool:
    """Compressed data on disk that has no name, and is gone with the process.

    Args:
        folder: Where it is; None for the system's folder of temporary files.
    """

    def __init__(self, folder: Path | None) -> None:
        self._where = folder or Path(tempfile.gettempdir())
        with named_errors(self._where):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `close`
        self._compressed = Compressed(self._file, level=1)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with named_errors(self._where):
            self._compressed.write(data)

    def chunks(self) -> Iterator[bytes]:
        """Return what was written, in parts; nothing can be written afterwards."""
        with named_errors(self._where):
            self._compressed.finish()
            self._file.seek(0)
        decompressor = zlib.decompressobj(_GZIP)
        while not decompressor.eof:
            with named_errors(self._where):
                chunk = self._file.read(CHUNK)
                if not chunk:
                    raise OSError("the temporary data is incomplete")
            yield decompressor.decompress(chunk)

    def close(self) -> None:
        """Remove the data."""
        with suppress(OSError):
            self._file.close()

"""Reads items in typed JSON from files, as the AWS command line reads and writes them.

A file is one JSON document or JSON Lines, as for `catalog_model.files.reader`, and may be
compressed with gzip, as exports to S3 are. A value in it may be

- an item, as for ``put-item``: ``{"id": {"N": "949"}, ...}``, alone or in a list
- an object with an item, as exports to S3, ``get-item`` and ``put-item --cli-input-json`` have it:
  ``{"Item": {...}}``
- an answer of ``scan`` or ``query``: ``{"Items": [...]}``
- a request of ``batch-write-item``: ``{"Films": [{"PutRequest": {"Item": {...}}}]}``, also within
  ``RequestItems``
"""

import errno
import gzip
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from catalog_model.checks import shown
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import InvalidArgumentError
from catalog_model.files.json_input import MAX_LINE, JSONInput, parse
from catalog_model.files.layouts import label_of
from catalog_model.files.reader import _name, _opened
from catalog_model.files.typed_values import is_typed

_GZIP: Final = b"\x1f\x8b"
_WRAPPERS: Final = ("RequestItems", "Responses")
_NO_ITEM: Final = (
    "it is not an item in typed JSON (`catalog-model load` reads the application's own files)"
)

Found = Sourced[Item] | Rejection


def items_of(path: Path | IO[bytes]) -> Iterator[Found]:
    """Yield the items of a file in order, and a `Rejection` for everything else in it.

    Raises:
        InvalidArgumentError: If the file cannot be read, or a document is not JSON.
    """
    with ExitStack() as stack:
        file = stack.enter_context(_opened(path))
        given = JSONInput(_unpacked(file), _name(path))
        source = Path(given.source).name
        if not given.is_lines:
            yield from _items_in(given.document(), source, "", None)
            return
        for number, line in given.lines():
            yield from _of_line(number, line, source)


def _of_line(number: int, line: bytes, source: str) -> Iterator[Found]:
    if len(line) > MAX_LINE:
        yield Rejection(source, "", f"the line has more than {MAX_LINE:,} bytes", number)
        return
    try:
        value = parse(line, is_line=True)
    except InvalidArgumentError as error:
        yield Rejection(source, "", str(error), number)
        return
    yield from _items_in(value, source, "", number)


def _items_in(value: Any, source: str, path: str, line: int | None) -> Iterator[Found]:
    """Yield the items in a value, which may be wrapped in requests or answers."""
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield from _items_in(each, source, f"{path}[{at}]", line)
        return
    if not isinstance(value, dict):
        yield Rejection(source, path, f"{_NO_ITEM}: {shown(value)}", line)
        return
    if _is_item(value):
        yield Sourced(value, source, label_of(value), line)
        return
    name = next((each for each in ("Item", "PutRequest", "Items", *_WRAPPERS) if each in value), "")
    if name:
        yield from _items_in(value[name], source, f"{path}.{name}".lstrip("."), line)
    elif value and all(isinstance(requests, list) for requests in value.values()):
        for table, requests in value.items():
            yield from _items_in(requests, source, table, line)
    else:
        yield Rejection(source, path, f"{_NO_ITEM}: {shown(value)}", line)


def _is_item(value: dict[str, Any]) -> bool:
    return bool(value) and all(map(is_typed, value.values()))


class _Gzip(gzip.GzipFile):
    """A compressed file whose damage is an error of reading it."""

    def read(self, size: int | None = -1) -> bytes:
        """Read some bytes."""
        with _damage_as_os_error():
            return super().read(size)

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line."""
        with _damage_as_os_error():
            return super().readline(size)


@contextmanager
def _damage_as_os_error() -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise OSError(errno.EIO, f"damaged gzip: {error}") from error


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    """Return a file decompressed, if it is compressed with gzip and can be read again."""
    if not file.seekable():
        return file
    began = file.tell()
    is_packed = file.read(len(_GZIP)) == _GZIP
    file.seek(began)
    return cast("IO[bytes]", _Gzip(fileobj=file)) if is_packed else file

"""JSON input: one document of limited size, or JSON Lines in any number.

Values are those of `json.loads`, which also detects the encoding. In addition, a duplicate key in
an object is rejected, and so is a value with more than `MAX_NESTING` levels.
"""

import codecs
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from json.decoder import JSONDecodeError
from typing import IO, Any, Final, NoReturn

from catalog_model.checks import shown
from catalog_model.checks.nesting import nests_too_deeply
from catalog_model.errors import InvalidArgumentError

MAX_FILE: Final = 64 * 2**20
"""Maximum bytes of a document, which is held in memory: more than 100,000 records."""

MAX_LINE: Final = 4 * 2**20
"""Maximum bytes of a line: ten times DynamoDB's limit for an item, to leave room for escapes."""

LINES_SUFFIXES: Final = (".jsonl", ".ndjson")
"""File name suffixes of JSON Lines; other files are recognized by their first two lines."""

_CHUNK: Final = 2**20
_MAX_BLANK_LINES: Final = 1000


class JSONInput:
    """An open JSON file. It is read once: by `document`, or by `lines` if it `is_lines`."""

    def __init__(self, file: IO[bytes], source: str) -> None:
        self._file = file
        self.source = source
        self._begin: list[bytes] = []
        self._held = 0
        self.is_lines = source.lower().endswith(LINES_SUFFIXES) or self._begins_as_lines()

    def document(self) -> Any:
        """Read the single value in the file, of at most `MAX_FILE` bytes."""
        while self._held <= MAX_FILE and self._hold(self._read(self._file.read, _CHUNK)):
            pass
        if self._held > MAX_FILE:
            self._refuse(
                f"has {self._size()} bytes, and a JSON document at most {MAX_FILE:,}; "
                "as JSON Lines, one record a line, it may be of any size"
            )
        data = b"".join(self._begin)
        self._begin.clear()
        try:
            return parse(data)
        except InvalidArgumentError as error:
            self._refuse(str(error), error)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are not blank, each with its number.

        A line of more than `MAX_LINE` bytes is truncated to a length that still exceeds `MAX_LINE`.
        """
        begin, self._begin = self._begin, []
        further = iter(lambda: self._read_line(MAX_LINE + 1), b"")
        for number, line in enumerate(chain(begin, further), start=1):
            if number == 1 and not json.detect_encoding(line).startswith("utf-8"):
                self._refuse("JSON Lines must be UTF-8")
            if line.strip():
                yield number, line.removesuffix(b"\n")
            if len(line) > MAX_LINE and not line.endswith(b"\n"):
                self._skip_line(number)

    def _skip_line(self, number: int) -> None:
        skipped = MAX_LINE
        while skipped < MAX_FILE:
            part = self._read_line(_CHUNK)
            if not part or part.endswith(b"\n"):
                return
            skipped += len(part)
        self._refuse(f"line {number}: more than {MAX_FILE:,} bytes")

    def _begins_as_lines(self) -> bool:
        """Whether the first line is an object, and the next line does not continue it.

        No document is mistaken for lines: there, ``,``, ``}`` or ``]`` follows such a line.
        """
        first = self._next_line().removeprefix(codecs.BOM_UTF8)
        is_object = first.startswith(b"{") and first.endswith(b"}")
        return is_object and self._next_line()[:1] not in (b"", b",", b"}", b"]")

    def _next_line(self) -> bytes:
        for _ in range(_MAX_BLANK_LINES):
            line = self._hold(self._read_line(MAX_FILE + 1))
            if line.strip() or not line:
                break
        return line.strip()

    def _hold(self, data: bytes) -> bytes:
        self._begin.append(data)
        self._held += len(data)
        return data

    def _size(self) -> str:
        try:
            size = os.fstat(self._file.fileno()).st_size
        except (AttributeError, OSError):  # an in-memory file, or one in an archive
            size = 0
        return f"{max(size, self._held):,}" if size else f"at least {self._held:,}"

    def _read_line(self, size: int) -> bytes:
        return self._read(self._file.readline, size)

    def _read(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        except (OSError, ValueError, EOFError) as error:  # ValueError if it is closed
            self._refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}", error)
        if not isinstance(data, bytes):
            self._refuse(f"must be open in binary mode; it reads as {type(data).__name__}")
        return data

    def _refuse(self, message: str, cause: Exception | None = None) -> NoReturn:
        raise InvalidArgumentError(f"{self.source}: {message}") from cause


def parse(data: bytes, *, is_line: bool = False) -> Any:
    """Parse JSON in UTF-8, UTF-16 or UTF-32; errors in a single line contain only the column."""
    text = _decoded(data)
    if nests_too_deeply(text):
        raise InvalidArgumentError("nested too deeply")
    try:
        return _DECODER.decode(text)
    except JSONDecodeError as error:
        line = "" if is_line else f"line {error.lineno}, "
        message = f"not JSON, {line}column {error.colno}: {error.msg}"
        raise InvalidArgumentError(message) from error
    except InvalidArgumentError:  # a duplicate key
        raise
    except RecursionError as error:
        raise InvalidArgumentError("nested too deeply") from error
    except ValueError as error:  # Python rejects numbers of several thousand digits
        raise InvalidArgumentError("holds a number of too many digits") from error


def _decoded(data: bytes) -> str:
    encoding = json.detect_encoding(data).removesuffix("-sig")
    text = data.removeprefix(codecs.BOM_UTF8)
    try:
        return text.decode(encoding, "surrogatepass")
    except UnicodeDecodeError as error:
        at = error.start + len(data) - len(text)
        message = f"not JSON, byte {at} as {error.encoding}: {error.reason}"
        raise InvalidArgumentError(message) from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        counted = Counter(key for key, _ in pairs)
        repeated = next(key for key, times in counted.items() if times > 1)
        raise InvalidArgumentError(f"the key {shown(repeated)} occurs twice in one object")
    return unique


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_repetition)

"""JSON read forward, a value at a time: memory is bounded by one value, not by the file.

Values and errors are those of `json.loads`. Beyond it, a key that comes twice in one object is
refused, and so is a value of more than `MAX_VALUE` characters or `MAX_NESTING` levels. The
streaming parsers there are do not read what `json` reads: NaN, UTF-16, whole numbers of any length.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator
from contextlib import closing
from json.decoder import JSONDecodeError
from typing import Any, Final, NoReturn, Protocol

from catalog_model.checks import shown
from catalog_model.checks.nesting import nests_too_deeply
from catalog_model.errors import InvalidArgumentError

MAX_VALUE: Final = 4 * 2**20
"""Characters of one value: ten times what DynamoDB takes as an item, and so room for escapes."""

CHUNK: Final = 2**18
"""Bytes that are read at once."""

_CUT: Final = 12
"""So near to the end of the window an error may be none once more is read: ``-Infinit``."""

_UNTERMINATED: Final = "Unterminated string"
_OF_NUMBERS: Final = "0123456789.eE+-"
_SPACE: Final = re.compile(r"[ \t\n\r]*")


class Readable(Protocol):
    """What is read: an open file, of which only this is used."""

    def read(self, size: int, /) -> bytes:
        """Give so many bytes; fewer only before the end, and none there."""


class JsonStream:
    """The text of a JSON file, of which a window is held that moves forward.

    Args:
        file: The file, as bytes. UTF-8, UTF-16 and UTF-32 are told apart as `json.loads` does it.
        source: What to call it in an error.
    """

    def __init__(self, file: Readable, source: str) -> None:
        self._source = source
        self._chunks = _decoded(file, source)
        self._text = ""
        self._at = self._before = 0
        self._line = self._column = 1  # of the window's first character

    def document(self, too_long: str = "") -> Any:
        """Read the one value that the file is.

        Args:
            too_long: What to say where it is too long, if not that and where it begins.

        Raises:
            InvalidArgumentError: If it is not JSON, or holds what this module refuses.
        """
        self._peek()
        value = self._value(too_long)
        self._end()
        return value

    def is_list(self) -> bool:
        """Tell whether the file is a list, and no object or single value."""
        return self._peek() == "["

    @property
    def place(self) -> int:
        """How many characters were read."""
        return self._before + self._at

    def members(self, wanted: str) -> Iterator[tuple[str, Any]]:
        """Read the members of the one object that the file is, in their order.

        Args:
            wanted: What the file must be, for the error if it is no object.

        Raises:
            InvalidArgumentError: As `document`, where it comes to light: after the members before.
        """
        return ((key, value) for key, _, value in self.entries(wanted))

    def entries(
        self, wanted: str, lists: Collection[str] = ()
    ) -> Iterator[tuple[str, int | None, Any]]:
        """Read the members as `members` does, but the lists of these names element by element.

        Each element comes with the name of its list and its number, anything else without one; a
        list of these names that is empty comes as it is.
        """
        if self._peek() != "{":
            found = self.document(f"must be {wanted}")
            raise InvalidArgumentError(f"{self._source}: must be {wanted}, not {shown(found)}")
        self._at += 1
        if self._peek() == "}":
            self._at += 1
        else:
            with closing(_Keys(self._source)) as keys:
                yield from self._entry(keys, lists)
                while self._delimiter("}") == ",":
                    yield from self._entry(keys, lists)
        self._end()

    def elements(self) -> Iterator[Any]:
        """Read the elements of the one list that the file is, in their order.

        Raises:
            InvalidArgumentError: As `document`, where it comes to light.
        """
        yield from self._elements()
        self._end()

    def _entry(self, keys: _Keys, lists: Collection[str]) -> Iterator[tuple[str, int | None, Any]]:
        if self._peek() != '"':
            self._refuse("Expecting property name enclosed in double quotes", self._at)
        key: str = self._value()
        keys.add(key)
        if self._peek() != ":":
            self._refuse("Expecting ':' delimiter", self._at)
        self._at += 1
        if self._peek() == "[" and key in lists:
            at = -1
            for at, element in enumerate(self._elements()):  # the last one counts
                yield key, at, element
            if at < 0:
                yield key, None, []
        else:
            yield key, None, self._value()

    def _elements(self) -> Iterator[Any]:
        self._at += 1
        if self._peek() == "]":
            self._at += 1
            return
        yield self._value()
        while self._delimiter("]") == ",":
            self._peek()
            yield self._value()

    def _delimiter(self, end: str) -> str:
        """Step over what follows a member or an element: a comma, or the end."""
        found = self._peek()
        if found not in (",", end):
            self._refuse("Expecting ',' delimiter", self._at)
        self._at += 1
        return found

    def _end(self) -> None:
        if self._peek():
            self._refuse("Extra data", self._at)

    def _peek(self) -> str:
        """Skip whitespace, and tell the character after it; "" at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def _value(self, too_long: str = "") -> Any:
        """Read one value; where the window may end within it, again with a longer window."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
                problem = None
            except RecursionError as error:
                raise InvalidArgumentError(f"{self._source}: nested too deeply") from error
            except ValueError as error:
                value, end, problem = None, self._at, error
            self._check_nesting(end if problem is None else len(self._text))
            if self._is_settled(value, end, problem) or not self._has_more(too_long):
                break
        if problem is not None:
            self._refuse_for(problem)
        self._check_length(end, too_long)
        self._at = end
        return value

    def _check_nesting(self, end: int) -> None:
        if nests_too_deeply(self._text, self._at, end):
            raise InvalidArgumentError(f"{self._source}: nested too deeply")

    def _is_settled(self, value: Any, end: int, problem: ValueError | None) -> bool:
        """Tell whether reading on could change nothing."""
        if isinstance(problem, JSONDecodeError):
            is_far = problem.pos < len(self._text) - _CUT
            return is_far and not problem.msg.startswith(_UNTERMINATED)
        if problem is not None:
            is_longest = len(self._text) - self._at > MAX_VALUE
            return is_longest or isinstance(problem, _RepeatedKeyError)
        may_go_on = isinstance(value, (int, float)) and self._text[end : end + 1] in _OF_NUMBERS
        return not may_go_on or end < len(self._text) - _CUT

    def _has_more(self, too_long: str) -> bool:
        self._check_length(len(self._text), too_long)
        return self._read_on()

    def _check_length(self, end: int, too_long: str) -> None:
        if end - self._at > MAX_VALUE:
            wanted = f"one value may have at most {MAX_VALUE:,} characters"
            message = too_long or f"{self._place(self._at)}: {wanted}"
            raise InvalidArgumentError(f"{self._source}: {message}")

    def _read_on(self) -> bool:
        """Let go of what is done with, and hold about twice as much of the rest; False at the end.

        Twice, so that a long value is not tried more often than its length asks for.
        """
        more: list[str] = []
        wanted = len(self._text) - self._at
        while not more or wanted > 0:
            chunk = next(self._chunks, "")
            if not chunk:
                break
            more.append(chunk)
            wanted -= len(chunk)
        if more:
            self._line, self._column = self._line_and_column(self._at)
            self._before += self._at
            self._text, self._at = "".join([self._text[self._at :], *more]), 0
        return bool(more)

    def _line_and_column(self, at: int) -> tuple[int, int]:
        lines = self._text.count("\n", 0, at)
        column = at - self._text.rfind("\n", 0, at) if lines else self._column + at
        return self._line + lines, column

    def _place(self, at: int) -> str:
        line, column = self._line_and_column(at)
        return f"line {line}, column {column}"

    def _refuse(self, message: str, at: int, cause: Exception | None = None) -> NoReturn:
        where = f"{self._source}: not JSON, {self._place(at)}"
        raise InvalidArgumentError(f"{where}: {message}") from cause

    def _refuse_for(self, problem: ValueError) -> NoReturn:
        match problem:
            case JSONDecodeError():
                self._refuse(problem.msg, problem.pos, problem)
            case _RepeatedKeyError():
                raise InvalidArgumentError(f"{self._source}: {problem}") from problem
        # Python reads no number of more than some thousand digits.
        raise InvalidArgumentError(
            f"{self._source}: holds a number of too many digits"
        ) from problem


class _RepeatedKeyError(ValueError):
    """An object has two values for one key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {shown(key)} occurs twice in one object")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        seen: set[str] = set()
        raise _RepeatedKeyError(
            next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        )
    return unique


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_without_repetition)


class _Keys:
    """The keys of one object of any size: more than a few megabytes go to a temporary file.

    A Python that was built without SQLite keeps them in memory.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._database = _database()
        self._seen: set[bytes] = set()

    def add(self, key: str) -> None:
        """Note a key.

        Raises:
            InvalidArgumentError: If it was noted before.
        """
        text = key.encode("utf-8", "surrogatepass")
        if not (self._is_new(text) if self._database is None else self._is_new_in(text)):
            raise InvalidArgumentError(f"{self._source}: {_RepeatedKeyError(key)}")

    def _is_new(self, text: bytes) -> bool:
        before = len(self._seen)
        self._seen.add(text)
        return len(self._seen) > before

    def _is_new_in(self, text: bytes) -> bool:
        try:
            noted = self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (text,))
        except self._database.Error as error:  # the disk is full
            message = f"{self._source}: its keys cannot be compared: {error}"
            raise InvalidArgumentError(message) from error
        return bool(noted.rowcount)

    def close(self) -> None:
        """Let go of the keys."""
        if self._database is not None:
            self._database.close()


def _database() -> Any:
    """Open a table of keys that is gone with the process; None where there is no SQLite."""
    try:
        import sqlite3  # noqa: PLC0415  # not every Python has it, and only files need it
    except ImportError:
        return None
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
    return database


def _decoded(file: Readable, source: str) -> Iterator[str]:
    """Read a file as text, a chunk at a time, in the encoding that `json.loads` would find."""
    data = _read(file, 4, source)
    decoder = codecs.getincrementaldecoder(json.detect_encoding(data).removesuffix("-sig"))(
        "surrogatepass"
    )
    done = len(data) - len(data.removeprefix(codecs.BOM_UTF8))
    data = data[done:]
    while True:
        begin = done - len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            where = f"byte {begin + error.start} as {error.encoding}"
            raise InvalidArgumentError(f"{source}: not JSON, {where}: {error.reason}") from error
        if text:
            yield text
        if not data:
            return
        done += len(data)
        data = _read(file, CHUNK, source)


def _read(file: Readable, size: int, source: str) -> bytes:
    try:
        return file.read(size)
    except OSError as error:
        raise InvalidArgumentError(f"{source}: cannot be read: {error.strerror}") from error

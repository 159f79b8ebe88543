"""Reads files of titles as JSON: the application's, and what TMDB's API answers.

The application's are an object of records, each under its id as text. A list of records is read as
well, a single record, and a page of a list of TMDB's. Where a record has no ``genre_ids`` but
``genres`` as objects, it is the detail of a title, and read by `Movie.from_tmdb`; so is all on a
page.

A file is read forward, a record at a time, so that its size is no matter of memory. `read_titles`
gives all titles at once; `TitleFile` reads a file through first, to know that it is right, and
gives its titles afterwards, one by one.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, cast

from catalog_model.checks import refuse, shown
from catalog_model.domain.arguments import check_kind
from catalog_model.domain.kinds import Kind
from catalog_model.domain.tmdb import LISTS, is_answer
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.errors import InvalidArgumentError, InvalidTitleError
from catalog_model.files.json_stream import MAX_VALUE, JsonStream, Readable
from catalog_model.writes.load import Rejection

FILE_NAMES: Final[Mapping[Kind, str]] = {"movie": "data_movies.json", "tv": "data_tv.json"}
"""What the files of a folder are called."""

MAX_REJECTED: Final = 100_000
"""A file with more bad records is no file of such records, and none of it counts."""

STDIN: Final = "<stdin>"
"""What the standard input is called in errors."""

_WANTED: Final = "a JSON object of records under their ids, a list of them or a page of TMDB's"
_OBJECTS: Final = frozenset({"belongs_to_collection", "dates"})
"""What is an object in TMDB's details and pages, and no record."""

_FIELD: Final = re.compile("[a-z][a-z0-9_]*")
_LONGEST_KEY: Final = 200
"""Characters of a key that a `Rejection` shows."""


def sample_folder() -> Traversable:
    """Give the folder with the sample data that comes with this package."""
    return files("catalog_model.files") / "sample"


def read_folder(folder: Path | Traversable) -> list[AnyTitle | Rejection]:
    """Read both files of a folder: the movies, then the shows.

    Raises:
        InvalidArgumentError: If one of them cannot be read, as `read_titles` says.

    >>> len(read_folder(sample_folder()))
    100
    """
    return [
        title for kind, name in FILE_NAMES.items() for title in read_titles(folder / name, kind)
    ]


def read_titles(
    path: Path | Traversable | str | IO[bytes], kind: Kind
) -> list[AnyTitle | Rejection]:
    """Read one file: a title for each good record, a `Rejection` for each other, in file order.

    UTF-8, UTF-16 and UTF-32 are understood, with a byte order mark or without. All titles are held
    in memory; for a file that may be large there is `TitleFile`.

    Args:
        path: The file, or one that is open.
        kind: What it holds, ``"movie"`` or ``"tv"``.

    Raises:
        InvalidArgumentError: If the file cannot be read, is not JSON or has no records,
            holds a key twice in one object, a record of more than 4,194,304 characters or more
            than 100,000 bad ones, or is nested too deeply. No record counts then.

    >>> read_titles(sample_folder() / "data_tv.json", "tv")[0]
    <TVShow 73 'The Simpsons'>
    """
    check_kind(kind)
    source = _Source(path)
    with source.open() as file:
        return list(_titles(file, source, kind))


class TitleFile:
    """A file of records that was read through and found right: iterate to have its titles.

    Iterating gives what `read_titles` gives, one by one, and reads the file again for it; so no
    more of it than a record is ever in memory. A pipe or an open file, which cannot be read again,
    is copied to a temporary file meanwhile. ``len()`` counts the records, good and bad.

    Args:
        path: The file, or one that is open, such as the standard input.
        kind: What it holds, ``"movie"`` or ``"tv"``.

    Raises:
        InvalidArgumentError: As `read_titles`, before the first title is given. While iterating
            only if the file has changed since.

    >>> shows = TitleFile(sample_folder() / "data_tv.json", "tv")
    >>> len(shows), next(iter(shows))
    (40, <TVShow 73 'The Simpsons'>)
    """

    def __init__(self, path: Path | Traversable | str | IO[bytes], kind: Kind) -> None:
        self._kind = check_kind(kind)
        self._source = self._again = _Source(path)
        with self._source.open() as file:
            if self._source.lasts:
                self._count = self._counted(file)
            else:
                temporary = _temporary_file(self)
                self._again = _Source(temporary)
                with temporary.open("wb") as copy:
                    self._count = self._counted(_Copied(file, copy))

    def _counted(self, file: Readable) -> int:
        return sum(1 for _ in _titles(file, self._source, self._kind))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[AnyTitle | Rejection]:
        with self._again.open() as file:
            yield from _titles(file, self._source, self._kind)


class _Source:
    """Where titles are read from: a path, or a file that somebody has opened."""

    def __init__(self, path: Path | Traversable | str | IO[bytes]) -> None:
        path = Path(path) if isinstance(path, str) else path
        self._opened: IO[bytes] | None = None
        self._path: Path | Traversable | None = None
        if hasattr(path, "read"):
            self._opened = cast("IO[bytes]", path)
            name = getattr(path, "name", STDIN)
            self.shown = self.name = _encodable(name) if isinstance(name, str) else STDIN
        else:
            self._path = path
            self.shown, self.name = _encodable(str(path)), _encodable(self._path.name)

    @property
    def lasts(self) -> bool:
        """Whether it can be read again."""
        return self._opened is None and (not isinstance(self._path, Path) or self._path.is_file())

    def open(self) -> AbstractContextManager[IO[bytes]]:
        """Open it, or give what is open, which is closed by who opened it."""
        if self._path is None:
            return nullcontext(cast("IO[bytes]", self._opened))
        return _open(self._path)


class _Copied:
    """A file that is written to another as it is read."""

    def __init__(self, file: Readable, copy: IO[bytes]) -> None:
        self._file = file
        self._copy = copy

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._copy.write(data)
        return data


def _temporary_file(owner: TitleFile) -> Path:
    """Make an empty file that is there as long as *owner* is."""
    try:
        handle, name = tempfile.mkstemp(prefix="catalog-model-")
    except OSError as error:
        message = f"a pipe needs a temporary file, and none can be made: {error.strerror}"
        raise InvalidArgumentError(message) from error
    os.close(handle)
    weakref.finalize(owner, os.unlink, name)
    return Path(name)


def parse_json(path: Path | Traversable) -> Any:
    """Read a file of JSON, whatever is in it, up to 4,194,304 characters.

    Raises:
        InvalidArgumentError: If it cannot be read, is not JSON, or holds a key twice in an object.
    """
    with _open(path) as file:
        return JsonStream(file, _encodable(str(path))).document()


def parse_title(data: bytes, kind: Kind, source: str) -> AnyTitle:
    """Read one record, not in a file of records but by itself.

    Args:
        data: The record as JSON, up to 4,194,304 characters.
        kind: What it is, ``"movie"`` or ``"tv"``.
        source: What to call it in an error.

    Raises:
        InvalidArgumentError: If *data* is not JSON.
        InvalidTitleError: If the record is no title.

    >>> parse_title(b'{"id": 3}', "movie", "up.json")
    Traceback (most recent call last):
    catalog_model.errors.InvalidTitleError: up.json: a movie record needs 'genre_ids': {'id': 3}
    """
    return read_title(io.BytesIO(data), kind, source)


def read_title(file: Readable, kind: Kind, source: str) -> AnyTitle:
    """Read one record as `parse_title`, from an open file, and no more of it than a record may be.

    Raises:
        InvalidArgumentError: If the file is not JSON.
        InvalidTitleError: If the record is no title.
    """
    check_kind(kind)
    record = JsonStream(file, source).document()
    try:
        return _title_of(record, kind)
    except (InvalidTitleError, RecursionError) as error:
        raise InvalidTitleError(f"{source}: {_reason(error)}") from error


def _open(path: Path | Traversable) -> IO[bytes]:
    if not callable(getattr(path, "open", None)):
        refuse("path", path, "the path of a file")
    try:
        return path.open("rb")
    except OSError as error:
        shown_path = _encodable(str(path))
        raise InvalidArgumentError(f"{shown_path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidArgumentError(f"{shown(str(path))} is no path: {error}") from error


def _titles(file: Readable, source: _Source, kind: Kind) -> Iterator[AnyTitle | Rejection]:
    """Read a file of records; *source* is what errors and rejections name."""
    rejected = 0
    for record in _records(JsonStream(file, source.shown), source.shown, kind):
        title = _title(record, kind)
        if isinstance(title, str):
            rejected += 1
            yield Rejection(source.name, _short(record.place), title)
        else:
            yield title
        if rejected > MAX_REJECTED:
            raise InvalidArgumentError(
                f"{source.shown}: more than {MAX_REJECTED:,} records are no {kind} records"
            )


class _Record(NamedTuple):
    """A record of a file, or what is in the place of one: where, and in which form."""

    place: str
    value: Any
    form: Literal["keyed", "listed", "tmdb"]


def _records(stream: JsonStream, source: str, kind: Kind) -> Iterator[_Record]:
    """Read the records of a file one by one, in whichever of its forms they are."""
    if stream.is_list():
        for number, element in enumerate(stream.elements()):
            yield _Record(f"[{number}]", element, "listed")
        return
    form: Literal["keyed", "page"] | None = None
    single: dict[str, Any] = {}
    for key, at, value in stream.entries(_WANTED, LISTS[kind]):
        if at is not None or (key in LISTS[kind] and value == []):
            form = "page"
            if at is not None:
                yield _Record(f"{key}[{at}]", value, "tmdb")
        elif form == "keyed" or not (form or single or _is_field(key, value)):
            form = "keyed"
            yield _Record(key, value, "keyed")
        elif form is None:
            single[key] = value
            if stream.place > MAX_VALUE:
                raise InvalidArgumentError(f"{source}: must be {_WANTED}; it begins with {key!r}")
    if single and form is None:
        yield _single(single, source, kind)


def _is_field(key: str, value: Any) -> bool:
    """Tell whether a file begins with a field of one record, and not with a record under its id."""
    is_record = isinstance(value, dict) and "id" in value and key not in _OBJECTS
    return bool(_FIELD.fullmatch(key)) and not is_record


def _single(record: dict[str, Any], source: str, kind: Kind) -> _Record:
    """Take the only record of a file.

    Raises:
        InvalidArgumentError: If it is none: nothing in the file is, then.
    """
    try:
        title = _title_of(record, kind)
    except InvalidTitleError as error:
        raise InvalidArgumentError(f"{source}: {error}") from error
    return _Record(str(title.id), record, "listed")


def _title(record: _Record, kind: Kind) -> AnyTitle | str:
    """Make a title of a record, or say why it is none."""
    try:
        if record.form == "tmdb":
            return TITLE_CLASSES[kind].from_tmdb(record.value)
        title = _title_of(record.value, kind)
    except (InvalidTitleError, RecursionError) as error:
        return _reason(error)
    if record.form == "keyed" and record.place != str(title.id):
        return f"its key is {shown(record.place)}, its id {title.id}"
    return title


def _reason(error: InvalidTitleError | RecursionError) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _title_of(record: Any, kind: Kind) -> AnyTitle:
    """Make a title of a record of the application's, or of TMDB's detail of one."""
    title_class = TITLE_CLASSES[kind]
    return (
        title_class.from_tmdb(record) if is_answer(record, kind) else title_class.from_json(record)
    )


def _short(key: str) -> str:
    """Give a key as a report lists it: all of it, unless somebody means to fill the memory."""
    cut = f"{key[:_LONGEST_KEY]}... ({len(key):,} characters)" if len(key) > _LONGEST_KEY else key
    return _encodable(cut)


def _encodable(text: str) -> str:
    """Give a text that can be printed and written: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()

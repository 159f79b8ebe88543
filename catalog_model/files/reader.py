"""Reads files of titles: the application's records, and answers of TMDB's API.

A file is one JSON document or JSON Lines. A document is an object of records, with their ids as
keys; a list of records; a single record; or a page of a list of TMDB. It is read as a whole, and
any error outside the records makes the whole file invalid. JSON Lines have one record per line and
any size; memory is limited to one record, and an invalid line is a `Rejection`.

A record without ``genre_ids`` but with ``genres`` as objects is a detail of TMDB, and is converted
by `Movie.from_tmdb`, and so is everything on a page.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Final, Literal, Self, cast

from catalog_model.checks import refuse, shown
from catalog_model.domain.arguments import check_kind
from catalog_model.domain.kinds import Kind
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.domain.tmdb import LISTS, is_answer
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.errors import InvalidArgumentError, InvalidTitleError
from catalog_model.files.json_input import MAX_LINE, JSONInput, parse

FILE_NAMES: Final[Mapping[Kind, str]] = {"movie": "data_movies.json", "tv": "data_tv.json"}
"""The names of the files in a folder."""

MAX_REJECTED: Final = 100_000
"""A file with more invalid records than this is considered a file of another type."""

STDIN: Final = "<stdin>"
"""The name of the standard input in errors."""

_WANTED: Final = "a JSON object of records under their ids, a list of them or a page of TMDB's"
_OBJECTS: Final = frozenset({"belongs_to_collection", "dates"})
"""Objects in TMDB's details and pages that are not records."""

_FIELD: Final = re.compile("[a-z][a-z0-9_]*")
_LONGEST_KEY: Final = 200
"""Maximum characters of a key in a `Rejection`."""


def sample_folder() -> Traversable:
    """Return the folder with the sample data of this package."""
    return files("catalog_model.files") / "sample"


def read_folder(folder: Path | Traversable | str) -> list[AnyTitle | Rejection]:
    """Read both files of a folder: the movies, then the shows.

    Raises:
        InvalidArgumentError: If *folder* is not the path of one, or one of the files cannot be
            read, as for `read_titles`.

    >>> len(read_folder(sample_folder()))
    100
    """
    place = Path(folder) if isinstance(folder, str) else folder
    if not callable(getattr(place, "joinpath", None)) or isinstance(place, type):
        refuse("folder", folder, "the path of a folder")
    return [
        title
        for kind, name in FILE_NAMES.items()
        for title in read_titles(place.joinpath(name), kind)
    ]


def read_titles(
    path: Path | Traversable | str | IO[bytes], kind: Kind
) -> list[AnyTitle | Rejection]:
    """Read one file: a title for each valid record, a `Rejection` for each other, in file order.

    The list is empty if the file has no records (``{}`` or ``[]``). All titles are held in memory;
    `TitleFile` reads JSON Lines one by one.

    Args:
        path: The path of the file, or an open file.
        kind: The kind of its titles, ``"movie"`` or ``"tv"``.

    Raises:
        InvalidArgumentError: If the file cannot be read or has more than 100,000 invalid records.
            For a document, also if it is not JSON, is neither records nor a page, has more than
            67,108,864 bytes, is nested too deeply, or has an object with a duplicate key. For JSON
            Lines, also if they are not UTF-8. Then no titles are returned.

    >>> read_titles(sample_folder() / "data_tv.json", "tv")[0]
    <TVShow 73 'The Simpsons'>
    """
    found = TitleFile(path, kind)
    return [each if isinstance(each, Rejection) else each.title for each in found]


class TitleFile:
    """The records of a file, in order and for a single pass: `Sourced` titles and `Rejection`.

    A document is read as a whole at once. JSON Lines are read while iterating, a record at a time.

    Args:
        path: The path of the file, or an open file, such as the standard input.
        kind: The kind of its titles, ``"movie"`` or ``"tv"``.

    Attributes:
        total: The number of records, valid and invalid; None for JSON Lines that can be read only
            once.

    Raises:
        InvalidArgumentError: As `read_titles`; for JSON Lines while iterating.

    >>> shows = TitleFile(sample_folder() / "data_tv.json", "tv")
    >>> shows.total, next(shows).title
    (40, <TVShow 73 'The Simpsons'>)
    """

    def __init__(self, path: Path | Traversable | str | IO[bytes], kind: Kind) -> None:
        check_kind(kind)
        self.total: int | None
        with ExitStack() as stack:
            given = JSONInput(stack.enter_context(_opened(path)), _name(path))
            self._titles = each_title(given, kind)
            if given.is_lines:
                self.total = _count_lines(path)
                weakref.finalize(self, stack.pop_all().close)
            else:
                titles = list(self._titles)
                self._titles, self.total = iter(titles), len(titles)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Sourced[AnyTitle] | Rejection:
        return next(self._titles)


def parse_json(path: Path | Traversable) -> Any:
    """Read any JSON document."""
    with _opened(path) as file:
        return JSONInput(file, _name(path)).document()


def read_title(given: JSONInput, kind: Kind) -> AnyTitle:
    """Read a document with a single record.

    >>> from io import BytesIO
    >>> read_title(JSONInput(BytesIO(b'{"id": 3}'), "up.json"), "movie")
    Traceback (most recent call last):
    catalog_model.errors.InvalidTitleError: up.json: a movie record needs 'genre_ids': {'id': 3}
    """
    check_kind(kind)
    record = given.document()
    try:
        return _title_of(record, kind)
    except (InvalidTitleError, RecursionError) as error:
        hint = " (`load` reads files of many records)" if _has_many(record) else ""
        raise InvalidTitleError(f"{given.source}: {_reason(error)}{hint}") from error


def each_title(given: JSONInput, kind: Kind) -> Iterator[Sourced[AnyTitle] | Rejection]:
    """Read the records of a document or of JSON Lines one by one, in order."""
    rejected = 0
    for each in (_of_lines if given.is_lines else _of_document)(given, kind):
        rejected += isinstance(each, Rejection)
        if rejected > MAX_REJECTED:
            raise InvalidArgumentError(
                f"{given.source}: more than {MAX_REJECTED:,} records are no {kind} records"
            )
        yield each


def _name(path: object) -> str:
    """Return the name of a file in errors: its path, or the name of an open file."""
    name = getattr(path, "name", STDIN) if hasattr(path, "read") else str(path)
    return _encodable(name) if isinstance(name, str) else STDIN


def _opened(path: Path | Traversable | str | IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    """Open a file; an open file stays open."""
    if callable(getattr(path, "read", None)) and callable(getattr(path, "readline", None)):
        return nullcontext(cast("IO[bytes]", path))
    place = Path(path) if isinstance(path, str) else cast("Path | Traversable", path)
    if not callable(getattr(place, "open", None)) or isinstance(place, type):
        refuse("path", path, "the path of a file")
    try:
        return cast("Path", place).open("rb")
    except OSError as error:
        message = f"{_name(path)}: cannot be read: {error.strerror}"
        raise InvalidArgumentError(message) from error
    except ValueError as error:
        raise InvalidArgumentError(f"{shown(str(path))} is no path: {error}") from error


def _count_lines(path: Path | Traversable | str | IO[bytes]) -> int | None:
    """Count the records in a file of JSON Lines; None if it cannot be read twice."""
    if hasattr(path, "read") or not Path(str(path)).is_file():
        return None
    with _opened(path) as file:
        return sum(1 for _ in JSONInput(file, _name(path)).lines())


def _of_document(given: JSONInput, kind: Kind) -> Iterator[Sourced[AnyTitle] | Rejection]:
    source = Path(given.source).name
    form, records = _records_in(given.document(), given.source, kind)
    for key, record in records:
        try:
            if form == "page":
                title: AnyTitle = TITLE_CLASSES[kind].from_tmdb(record)
            else:
                title = _title_of(record, kind)
        except (InvalidTitleError, RecursionError) as error:
            if form == "single":
                raise InvalidArgumentError(f"{given.source}: {_reason(error)}") from error
            yield Rejection(source, _short(key), _reason(error))
            continue
        if form == "keyed" and key != str(title.id):
            reason = f"its key is {shown(key)}, its id {title.id}"
            yield Rejection(source, _short(key), reason)
        else:
            yield Sourced(title, source, key or str(title.id))


def _of_lines(given: JSONInput, kind: Kind) -> Iterator[Sourced[AnyTitle] | Rejection]:
    source = Path(given.source).name
    for number, line in given.lines():
        yield _of_line(number, line, source, kind)


def _of_line(number: int, line: bytes, source: str, kind: Kind) -> Sourced[AnyTitle] | Rejection:
    key = ""
    if len(line) > MAX_LINE:
        return Rejection(source, key, f"the line has more than {MAX_LINE:,} bytes", number)
    try:
        record = parse(line, is_line=True)
        key = _key_of(record)
        return Sourced(_title_of(record, kind), source, key, number)
    except (InvalidArgumentError, RecursionError) as error:
        return Rejection(source, key, _reason(error), number)


def _key_of(record: Any) -> str:
    """Return the id of a possible record, as its key in a document."""
    key = record.get("id") if isinstance(record, dict) else None
    return _short(str(key)) if isinstance(key, int | str) else ""


def _records_in(
    document: Any, source: str, kind: Kind
) -> tuple[Literal["keyed", "listed", "page", "single"], Iterable[tuple[str, Any]]]:
    """Return the form of a document, and its records with their keys."""
    if isinstance(document, list):
        return "listed", _numbered("", document)
    if not isinstance(document, dict):
        raise InvalidArgumentError(f"{source}: must be {_WANTED}, not {shown(document)}")
    if not any(_is_field(*first) for first in islice(document.items(), 1)):
        return "keyed", document.items()
    lists = [name for name in LISTS[kind] if isinstance(document.get(name), list)]
    if lists:
        return "page", chain.from_iterable(_numbered(name, document[name]) for name in lists)
    return "single", [("", document)]


def _has_many(document: Any) -> bool:
    """Whether a document has several records, not one."""
    if not isinstance(document, dict):
        return isinstance(document, list)
    return "id" not in document and any(isinstance(each, dict | list) for each in document.values())


def _numbered(name: str, elements: list[Any]) -> Iterator[tuple[str, Any]]:
    return ((f"{name}[{number}]", element) for number, element in enumerate(elements))


def _is_field(key: str, value: Any) -> bool:
    """Whether a member is a field of a single record or page, and not a record under its id."""
    is_record = isinstance(value, dict) and "id" in value and key not in _OBJECTS
    return bool(_FIELD.fullmatch(key)) and not is_record


def _reason(error: InvalidArgumentError | RecursionError) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _title_of(record: Any, kind: Kind) -> AnyTitle:
    title_class = TITLE_CLASSES[kind]
    return (
        title_class.from_tmdb(record) if is_answer(record, kind) else title_class.from_json(record)
    )


def _short(key: str) -> str:
    """Return a key for a report: long ones are truncated."""
    cut = f"{key[:_LONGEST_KEY]}... ({len(key):,} characters)" if len(key) > _LONGEST_KEY else key
    return _encodable(cut)


def _encodable(text: str) -> str:
    """Return a text that can be encoded: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()

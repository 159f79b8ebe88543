"""Reads the application's JSON files: an object of records, each under its id as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from catalog_model.arguments import check_kind, shown
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import InvalidArgumentError, InvalidTitleError
from catalog_model.keys import Kind
from catalog_model.load import Rejection
from catalog_model.merge import AnyTitle

FILE_NAMES: Final[Mapping[Kind, str]] = {"movie": "data_movies.json", "tv": "data_tv.json"}
"""What the files of a folder are called."""


def sample_folder() -> Traversable:
    """Give the folder with the sample data that comes with this package."""
    return files("catalog_model") / "sample"


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


def read_titles(path: Path | Traversable | str, kind: Kind) -> list[AnyTitle | Rejection]:
    """Read one file: a title for each good record, a `Rejection` for each other, in file order.

    UTF-8, UTF-16 and UTF-32 are understood, with a byte order mark or without.

    Args:
        path: The file.
        kind: What it holds, ``"movie"`` or ``"tv"``.

    Raises:
        InvalidArgumentError: If the file cannot be read, is not JSON or no object of records,
            holds a key twice in one object, or is nested too deeply. No record counts then.

    >>> read_titles(sample_folder() / "data_tv.json", "tv")[0]
    <TVShow 73 'The Simpsons'>
    """
    check_kind(kind)
    path = Path(path) if isinstance(path, str) else path
    records = parse_json(path)
    if not isinstance(records, dict):
        raise InvalidArgumentError(
            f"{path}: must be a JSON object of records under their ids, not {shown(records)}"
        )
    return list(_titles(records, kind, _encodable(path.name)))


def parse_json(path: Path | Traversable) -> Any:
    """Read a file of JSON, whatever is in it.

    Raises:
        InvalidArgumentError: If it cannot be read, is not JSON, or holds a key twice in an object.
    """
    return _parse(_read(path), str(path))


def parse_title(data: bytes, kind: Kind, source: str) -> AnyTitle:
    """Read one record, not in a file of records but by itself.

    Args:
        data: The record as JSON.
        kind: What it is, ``"movie"`` or ``"tv"``.
        source: What to call it in an error.

    Raises:
        InvalidArgumentError: If *data* is not JSON.
        InvalidTitleError: If the record is no title.

    >>> parse_title(b'{"id": 3}', "movie", "up.json")
    Traceback (most recent call last):
    catalog_model.errors.InvalidTitleError: up.json: a movie record needs 'genre_ids': {'id': 3}
    """
    check_kind(kind)
    record = _parse(data, source)
    try:
        return _from_json(record, kind)
    except InvalidTitleError as error:
        raise InvalidTitleError(f"{source}: {error}") from error


def _read(path: Path | Traversable) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidArgumentError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidArgumentError(f"{shown(str(path))} is no path: {error}") from error


def _parse(data: bytes, source: str) -> Any:
    """Read JSON, and refuse it as a whole where something of it would get lost."""
    try:
        return json.loads(data, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidArgumentError(f"{source}: not JSON, {where}: {error.msg}") from error
    except UnicodeDecodeError as error:
        where = f"byte {error.start} as {error.encoding}"
        raise InvalidArgumentError(f"{source}: not JSON, {where}: {error.reason}") from error
    except RecursionError as error:
        raise InvalidArgumentError(f"{source}: nested too deeply") from error
    except _RepeatedKeyError as error:
        raise InvalidArgumentError(f"{source}: {error}") from error
    except ValueError as error:  # Python reads no number of more than some thousand digits
        raise InvalidArgumentError(f"{source}: holds a number of too many digits") from error


class _RepeatedKeyError(ValueError):
    """An object has two values for one key."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _RepeatedKeyError(f"the key {shown(twice)} occurs twice in one object")
    return unique


def _titles(records: Mapping[str, Any], kind: Kind, source: str) -> Iterator[AnyTitle | Rejection]:
    for key, record in records.items():
        try:
            title = _from_json(record, kind)
        except (InvalidTitleError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            yield Rejection(source, _encodable(key), reason)
            continue
        if key == str(title.id):
            yield title
        else:
            reason = f"its key is {shown(key)}, its id {title.id}"
            yield Rejection(source, _encodable(key), reason)


def _from_json(record: Any, kind: Kind) -> AnyTitle:
    return TITLE_CLASSES[kind].from_json(record)


def _encodable(text: str) -> str:
    """Give a text that can be printed and written: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode()

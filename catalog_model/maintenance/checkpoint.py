"""The progress of a walk over a table, kept in a file so that another process can resume it."""

import json
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from catalog_model.checks import refuse
from catalog_model.checks.nesting import parse_json
from catalog_model.deployment.journal import replace_whole
from catalog_model.dynamodb.pace import MAX_SEGMENTS
from catalog_model.errors import InvalidArgumentError

Key = dict[str, Any]
"""The key of the last item read, in typed JSON."""

_DONE: Final = "done"
_MOST_BYTES: Final = {"PK": 2048, "SK": 1024}
"""DynamoDB's limits of the values in a key."""


def is_key(place: Key) -> bool:
    """Return whether a place is the key of an item, such as the last one that a Scan read."""
    return place.keys() == _MOST_BYTES.keys() and all(
        _is_key_text(value, _MOST_BYTES[name]) for name, value in place.items()
    )


def _is_key_text(value: Any, most: int) -> bool:
    match value:
        case {"S": str(text), **rest} if not rest:
            try:
                return 1 <= len(text.encode()) <= most
            except UnicodeEncodeError:  # a lone surrogate
                return False
    return False


class Checkpoint:
    """The places that the segments of a walk have reached. Thread-safe.

    The file is JSON: a description of the walk, and for each of its segments the last key or
    ``"done"``. It is replaced atomically: a process that is killed leaves the old file or the new
    one. The file of a different walk is rejected; a resumed walk keeps its number of segments.
    *work* names the work in errors, and *is_place* checks a place that is read from the file.
    """

    def __init__(
        self,
        path: Path | None,
        walk: Mapping[str, Any],
        segments: int,
        work: str = "a migration",
        is_place: Callable[[Key], bool] = is_key,
    ) -> None:
        self._path = path
        self._walk = dict(walk)
        self._lock = threading.Lock()
        self._places: list[Key | str | None] = [None] * segments
        if path is not None and _is_there(path):
            self._places = _places_in(path, self._walk, work, is_place)
        self._save()

    @property
    def segments(self) -> int:
        """The number of parts of the walk."""
        return len(self._places)

    def place(self, segment: int) -> Key | None:
        """Return the last key read of a segment; None at its beginning."""
        place = self._places[segment]
        return place if isinstance(place, dict) else None

    def is_done(self, segment: int) -> bool:
        """Return whether a segment was read to its end."""
        return self._places[segment] == _DONE

    def reached(self, segment: int, last: Key | None) -> None:
        """Record that a segment was read up to a key, or to its end."""
        with self._lock:
            self._places[segment] = _DONE if last is None else last
            self._save()

    def remove(self) -> None:
        """Remove the file: the walk is complete."""
        if self._path is not None:
            with _usable(self._path):
                self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        if self._path is None:
            return
        text = json.dumps({**self._walk, "segments": self._places}, indent=2)
        with _usable(self._path):
            replace_whole(self._path, text)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(path, error.strerror) from error
    except ValueError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, problem: object) -> InvalidArgumentError:
    """Return an error with the full path, so that the user can find the file."""
    return InvalidArgumentError(f"checkpoint {str(path)!r}: {problem}")


def _is_there(path: Path) -> bool:
    """Return whether the file exists; reject anything but a regular file: a pipe may never end."""
    with _usable(path):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            return False
    if stat.S_ISDIR(mode):
        raise _unusable(path, "is a folder, not a file")
    if not stat.S_ISREG(mode):
        raise _unusable(path, "is a pipe or a device, not a file")
    return True


def _places_in(
    path: Path, walk: Mapping[str, Any], work: str, is_place: Callable[[Key], bool]
) -> list[Key | str | None]:
    with _usable(path):
        data = path.read_bytes()
    try:
        found = parse_json(data.decode())
        places = list(found.pop("segments"))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        refuse("checkpoint", str(path), f"a checkpoint file of {work}")
    is_right = all(
        is_place(place) if isinstance(place, dict) else place in (None, _DONE) for place in places
    )
    if not is_right or not 1 <= len(places) <= MAX_SEGMENTS:
        refuse("checkpoint", str(path), f"a checkpoint file of {work}")
    if found != walk:
        shown = ", ".join(f"{name} {value}" for name, value in walk.items())
        refuse("checkpoint", f"{path}: {found}", f"of this {work.rsplit(maxsplit=1)[-1]} ({shown})")
    return places

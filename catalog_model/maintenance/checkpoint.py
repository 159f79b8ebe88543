"""The progress of a walk over a table, kept in a file so that another process can resume it."""

from __future__ import annotations

import json
import os
import stat
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from catalog_model.checks import refuse
from catalog_model.checks.nesting import parse_json
from catalog_model.errors import InvalidArgumentError

Key = dict[str, Any]
"""The key of the last item read, in typed JSON."""

_DONE: Final = "done"


class Checkpoint:
    """The places that the segments of a walk have reached. Thread-safe.

    The file is JSON: a description of the walk, and for each of its segments the last key or
    ``"done"``. It is replaced atomically: a process that is killed leaves the old file or the new
    one.

    Args:
        path: The file; None keeps nothing. An existing file is resumed.
        walk: Description of the walk; the file of a different walk is rejected.
        segments: Number of parts of a new walk; a resumed walk keeps its own.
        work: The work, for errors.

    Raises:
        InvalidArgumentError: If the file was not written by this class, belongs to another walk, or
            cannot be read or written; completed work is kept.
    """

    def __init__(
        self, path: Path | None, walk: Mapping[str, Any], segments: int, work: str = "a migration"
    ) -> None:
        self._path = path
        self._walk = dict(walk)
        self._lock = threading.Lock()
        self._places: list[Key | str | None] = [None] * segments
        if path is not None and _is_there(path):
            self._places = _places_in(path, self._walk, work)
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
            _replace(self._path, text)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    """Raise errors of the file with its name."""
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


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically; after a failure no partial file is left."""
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=".checkpoint-", delete=False
    ) as file:
        written = Path(file.name)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise


def _places_in(path: Path, walk: Mapping[str, Any], work: str) -> list[Key | str | None]:
    with _usable(path):
        data = path.read_bytes()
    try:
        found = parse_json(data.decode())
        places = list(found.pop("segments"))
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        refuse("checkpoint", str(path), f"a checkpoint file of {work}")
    if not places or not all(place in (None, _DONE) or isinstance(place, dict) for place in places):
        refuse("checkpoint", str(path), f"a checkpoint file of {work}")
    if found != walk:
        shown = ", ".join(f"{name} {value}" for name, value in walk.items())
        refuse("checkpoint", f"{path}: {found}", f"of this {work.rsplit(maxsplit=1)[-1]} ({shown})")
    return places

"""How far a walk over a whole table has come, kept in a file so that another process can go on."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from catalog_model.arguments import refuse

Key = dict[str, Any]
"""The key of the last item that was seen, in typed JSON."""

_DONE: Final = "done"


class Checkpoint:
    """The places that the segments of a walk have come to. Thread-safe.

    The file is JSON: what the walk is, and for each of its segments the last key or ``"done"``.
    It is replaced as a whole, so whoever is killed leaves the one before or the one after.

    Args:
        path: The file; None keeps nothing. One that is there is gone on with.
        walk: What the walk is: a file of another one is refused.
        segments: Into how many parts a new walk is cut; one that is gone on with has its own.

    Raises:
        InvalidArgumentError: If the file is none of this class, or of another walk.
        OSError: If the file cannot be read or written.
    """

    def __init__(self, path: Path | None, walk: Mapping[str, Any], segments: int) -> None:
        self._path = path
        self._walk = dict(walk)
        self._lock = threading.Lock()
        self._places: list[Key | str | None] = [None] * segments
        if path is not None and path.exists():
            self._places = _places_in(path, self._walk)
        self._save()

    @property
    def segments(self) -> int:
        """Into how many parts the walk is cut."""
        return len(self._places)

    def place(self, segment: int) -> Key | None:
        """Give the last key that was seen of a segment; None at its beginning."""
        place = self._places[segment]
        return place if isinstance(place, dict) else None

    def is_done(self, segment: int) -> bool:
        """Tell whether a segment was seen to its end."""
        return self._places[segment] == _DONE

    def reached(self, segment: int, last: Key | None) -> None:
        """Note that a segment was seen up to a key, or to its end."""
        with self._lock:
            self._places[segment] = _DONE if last is None else last
            self._save()

    def remove(self) -> None:
        """Take the file away: the walk is over."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        if self._path is None:
            return
        text = json.dumps({**self._walk, "segments": self._places}, indent=2)
        folder = self._path.parent
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix=f".{self._path.name}-", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(self._path)


def _places_in(path: Path, walk: Mapping[str, Any]) -> list[Key | str | None]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        places = list(found.pop("segments"))
    except (ValueError, KeyError, AttributeError, TypeError):
        refuse("checkpoint", str(path), "a file that a migration left behind")
    if not places or not all(place in (None, _DONE) or isinstance(place, dict) for place in places):
        refuse("checkpoint", str(path), "a file that a migration left behind")
    if found != walk:
        shown = ", ".join(f"{name} {value}" for name, value in walk.items())
        refuse("checkpoint", f"{path}: {found}", f"of this migration ({shown})")
    return places

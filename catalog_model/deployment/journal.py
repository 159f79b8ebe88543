"""Small files that are replaced as a whole: the journal of a restore, the pointer to a table."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from catalog_model.errors import ConfigurationError


class Journal:
    """A file with one JSON object, for work that another process can continue.

    Each change is complete on the disk before the next request is sent. A process that is killed
    leaves the old content or the new one.

    Args:
        path: The file; its folder is created if necessary.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any] | None:
        """Return the content; None if there is no file.

        Raises:
            ConfigurationError: If it cannot be read, or is not a JSON object.
        """
        text = read_file(self.path)
        if text is None:
            return None
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigurationError(f"{self.path} is not a journal: {error}") from error
        if not isinstance(content, dict):
            raise ConfigurationError(f"{self.path} is not a journal, but {type(content).__name__}")
        return content

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the content.

        Raises:
            ConfigurationError: If it cannot be written.
        """
        replace_file(self.path, json.dumps(content, indent=2))

    def remove(self) -> None:
        """Remove the file: the work is complete."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def read_file(path: Path) -> str | None:
    """Return the text of a file; None if there is none.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigurationError(f"{path} cannot be read: it is not a file")
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def replace_whole(path: Path, text: str) -> None:
    """Replace a file atomically; after a failure no partial file is left.

    Raises:
        OSError: If it cannot be written.
    """
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=".part-", delete=False, encoding="utf-8"
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


def replace_file(path: Path, text: str) -> None:
    """Replace a file atomically, and wait until it is on the disk.

    Raises:
        ConfigurationError: If it cannot be written; an older file is unchanged then.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(path, text)
        _save_folder(path.parent)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be written: {error}") from error


def state_folder() -> Path:
    """Return the folder for the state of this package; a temporary one without a home folder."""
    try:
        root = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError:
        root = Path(tempfile.gettempdir())
    return root / "catalog-model"


def state_name(work: str, table: str, identity: str) -> str:
    """Return the name of a file of state: the work, the table, and a digest of its identity."""
    return f"{work}-{table}-{hashlib.sha256(identity.encode()).hexdigest()[:12]}.json"


def _save_folder(folder: Path) -> None:
    """Wait until the entry of a replaced file is on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

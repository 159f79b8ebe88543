"""Reads dumps: a file with its manifest, or the folder of an export that DynamoDB made itself.

Everything is checked before the first item is used: the sums and counts of the manifest, and each
item against the rules of the service. Memory is limited to one line.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import tempfile
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from catalog_model.checks import counted, shown
from catalog_model.checks.nesting import parse_json
from catalog_model.deployment.dump_form import MAX_LINE, check_item, item_in
from catalog_model.deployment.manifest import SUFFIX, Manifest
from catalog_model.deployment.whole_files import named_errors
from catalog_model.dynamodb.strict.request import Schema
from catalog_model.dynamodb.typed_json import MALFORMED, Item
from catalog_model.errors import InvalidArgumentError

SUMMARY: Final = "manifest-summary.json"
FILES: Final = "manifest-files.json"
"""The manifests of an export to S3."""

MAX_MANIFEST: Final = 64 * 2**20

_ALGORITHMS: Final = {
    "md5": partial(hashlib.md5, usedforsecurity=False),  # DynamoDB's own exports have it
    "sha256": hashlib.sha256,
}

_DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a dump, and what its manifest says about it; None is not said."""

    path: Path
    items: int | None = None
    algorithm: str = "sha256"
    checksum: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A dump: its files in order, and what its manifest says about all of them."""

    name: str
    parts: tuple[Part, ...]
    items: int | None = None
    manifest: Manifest | None = None

    def check(self, schema: Schema) -> Checked:
        """Read everything once, and check it.

        Raises:
            InvalidArgumentError: If a sum or a count differs from the manifest, a line is not an
                item, or a table of this schema cannot hold it. The message names file and line.
        """
        sums = [_check_sum(part) for part in self.parts]
        items = size = 0
        for part in self.parts:
            before = items
            for number, item, line in _lines_of(part.path):
                try:
                    check_item(item, schema)
                except ValueError as error:
                    raise _wrong(part.path, number, error) from error
                items, size = items + 1, size + len(line)
            _check_count(str(part.path), part.items, items - before)
        _check_count(self.name, self.items, items)
        return Checked(items, size, hashlib.sha256("".join(sums).encode()).hexdigest())

    def read(self, after: int = 0) -> Iterator[Item]:
        """Yield the items in order, without the first *after* of them."""
        seen = 0
        for part in self.parts:
            for _, item, _ in _lines_of(part.path):
                seen += 1
                if seen > after:
                    yield item


@dataclass(frozen=True, slots=True)
class Checked:
    """A dump that was read: its number of items, its uncompressed bytes, and its identity."""

    items: int
    bytes: int
    identity: str


def find_source(path: Path, *, without_manifest: bool = False) -> Source:
    """Find a dump, and read its manifest.

    Args:
        path: The file of a dump, or the folder of an export with its manifests.
        without_manifest: Accept a file without one; only its form can be checked then.

    Raises:
        InvalidArgumentError: If there is none, or its manifest is missing or invalid.
    """
    with named_errors(path):
        if path.is_dir():
            return _exported(path)
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise InvalidArgumentError(f"{path}: {what}")
    next_to = path.with_name(path.name + SUFFIX)
    with named_errors(next_to):
        has_manifest = next_to.is_file()
    if not has_manifest and without_manifest:
        return Source(str(path), (Part(path),))
    if not has_manifest:
        raise InvalidArgumentError(
            f"{path}: its manifest {next_to.name} is missing, so whether the dump is whole cannot "
            "be checked; --without-manifest imports it anyway"
        )
    manifest = read_manifest(next_to)
    part = Part(path, manifest.items, "sha256", manifest.sha256)
    return Source(str(path), (part,), manifest.items, manifest)


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a dump.

    Raises:
        InvalidArgumentError: If it cannot be read, or is not a manifest.
    """
    try:
        return Manifest.parse(_read(path))
    except ValueError as error:
        if isinstance(error, InvalidArgumentError):
            raise
        raise InvalidArgumentError(f"{path}: {error}") from error


@contextmanager
def spooled(stream: IO[bytes]) -> Iterator[Source]:
    """Copy a stream to a temporary file, to check it before it is used; it has no manifest."""
    with tempfile.TemporaryDirectory(prefix="catalog-model-") as folder:
        path = Path(folder) / "stdin.json.gz"
        with named_errors(path), path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        yield Source("<stdin>", (Part(path),))


def _exported(folder: Path) -> Source:
    """Read the manifests of an export: a folder with `manifest-summary.json` and ``data/``."""
    summary = _json_of(folder / SUMMARY)
    if summary.get("outputFormat") != "DYNAMODB_JSON":
        found = shown(summary.get("outputFormat"))
        raise InvalidArgumentError(
            f"{folder / SUMMARY}: outputFormat must be DYNAMODB_JSON, not {found}"
        )
    if summary.get("exportType", "FULL_EXPORT") != "FULL_EXPORT":
        raise InvalidArgumentError(
            f"{folder / SUMMARY}: an incremental export holds changes, not the items of a table"
        )
    parts = []
    for number, line in enumerate(_read(folder / FILES).splitlines(), 1):
        try:
            listed = parse_json(line.decode())
            name = Path(listed["dataFileS3Key"]).name
            checksum = b64decode(listed["md5Checksum"]).hex()
            parts.append(Part(folder / "data" / name, int(listed["itemCount"]), "md5", checksum))
        except MALFORMED as error:
            raise _wrong(folder / FILES, number, error) from error
    count = summary.get("itemCount")
    return Source(str(folder), tuple(parts), count if type(count) is int else None)


def _json_of(path: Path) -> Mapping[str, Any]:
    try:
        content = parse_json(_read(path).decode())
    except ValueError as error:
        raise InvalidArgumentError(f"{path}: it is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InvalidArgumentError(f"{path}: must be a JSON object, not {shown(content)}")
    return content


def _read(path: Path) -> bytes:
    with named_errors(path), path.open("rb") as file:
        data = file.read(MAX_MANIFEST + 1)
    if len(data) > MAX_MANIFEST:
        raise InvalidArgumentError(f"{path}: has more than {MAX_MANIFEST:,} bytes")
    return data


def _check_sum(part: Part) -> str:
    with named_errors(part.path), part.path.open("rb") as file:
        if part.checksum is None and not part.path.stat().st_size:
            raise InvalidArgumentError(f"{part.path}: is empty, so not gzip")
        found = hashlib.file_digest(
            file, lambda: hashlib.new(part.algorithm, usedforsecurity=False)
        )
    if part.checksum is not None and found.hexdigest() != part.checksum:
        raise InvalidArgumentError(
            f"{part.path}: is damaged or incomplete: its {part.algorithm} is {found.hexdigest()}, "
            f"and {part.checksum} in the manifest"
        )
    return found.hexdigest()


def _check_count(name: str, wanted: int | None, found: int) -> None:
    if wanted is not None and wanted != found:
        raise InvalidArgumentError(
            f"{name}: has {counted(found, 'item')}, and {wanted:,} in the manifest"
        )


def _lines_of(path: Path) -> Iterator[tuple[int, Item, bytes]]:
    """Yield the items of a file, each with the number of its line and its text."""
    with named_errors(path), path.open("rb") as file, gzip.GzipFile(fileobj=file) as lines:
        number = 0
        while line := _next_line(lines, path, number):
            number += 1
            if len(line) > MAX_LINE:
                raise _wrong(path, number, f"it has more than {MAX_LINE:,} bytes")
            try:
                item = item_in(line)
            except ValueError as error:
                raise _wrong(path, number, error) from error
            yield number, item, line


def _next_line(lines: gzip.GzipFile, path: Path, number: int) -> bytes:
    try:
        return lines.readline(MAX_LINE + 1)
    except _DAMAGED as error:
        raise InvalidArgumentError(
            f"{path}: is damaged, or not gzip, after line {number}: {error}"
        ) from error


def _wrong(path: Path, number: int, reason: object) -> InvalidArgumentError:
    return InvalidArgumentError(f"{path}: line {number}: {reason}")

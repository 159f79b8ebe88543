"""Dumps of a whole table: to a file in DynamoDB's export form, and back into any table."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, Protocol

from catalog_model._version import __version__
from catalog_model.catalog import Catalog
from catalog_model.checks import (
    check_flag,
    check_instance,
    check_path,
    check_progress,
    counted,
    refuse,
)
from catalog_model.deployment.batch_writes import BatchWrites
from catalog_model.deployment.dump_form import Tally
from catalog_model.deployment.dump_source import Checked, Source, find_source, spooled
from catalog_model.deployment.dumping import Dumping
from catalog_model.deployment.importing import import_items
from catalog_model.deployment.manifest import SUFFIX, Manifest
from catalog_model.deployment.table_form import described, identity_of
from catalog_model.deployment.whole_files import Stream, check_new, new_file
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_rate, check_segments
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.dynamodb.strict.request import Schema
from catalog_model.dynamodb.typed_json import Item
from catalog_model.errors import InvalidArgumentError, SchemaMismatchError, TableNotFoundError
from catalog_model.maintenance.checkpoint import Checkpoint
from catalog_model.operations.table import check_model, create_table, table_status
from catalog_model.table import evolution
from catalog_model.table.indexes import SCHEMA
from catalog_model.table.title_items import key_of, name_of

STREAM: Final = "-"
"""The name of a stream in a manifest."""


@dataclass(frozen=True, slots=True)
class DumpReport:
    """The result of a dump: its manifest, and the path of the manifest; None if not written."""

    manifest: Manifest
    manifest_path: Path | None

    @property
    def items(self) -> int:
        """The number of items."""
        return self.manifest.items


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The result of an import.

    ``items`` is the number of items in the dump. ``written`` are those of this run, fewer than
    ``items`` if it resumed an earlier one. ``throttled`` counts requests that the table throttled
    or processed in part. ``created`` is whether the table was created.
    """

    items: int
    written: int
    throttled: int
    created: bool


def dump_table(
    catalog: Catalog,
    file: str | Path | IO[bytes],
    *,
    overwrite: bool = False,
    manifest: str | Path | None = None,
    read_units: float | None = None,
    segments: int = SEGMENTS,
    on_progress: Callable[[int], None] | None = None,
) -> DumpReport:
    """Write all items of the table to a file, as gzip JSON Lines in DynamoDB's export form.

    Each line is one item, ``{"Item": {...}}``, also items of other applications: exactly as the
    table holds them. A manifest next to the file has the counts, the checksum, keys and indexes,
    and the times. Both appear under their names when they are complete, the manifest last. Lines
    are in the order of the table, so two dumps of an unchanged table have the same bytes.

    A dump is not one moment of the table. Each item is as it was when a strongly consistent Scan
    read it; of a transaction that was applied meanwhile, the dump may hold a part. `verify` finds
    that after an import, `repair` corrects it.

    Costs a read unit for each 4 KB of the table. Temporary files have the size of the dump.

    Args:
        file: The path of the file, by convention ``*.json.gz``; or an open stream, which gets
            nothing until all items are read.
        overwrite: Whether to replace an existing file and its manifest.
        manifest: Path of the manifest; None for *file* with ``.manifest`` appended, or for a stream
            none.
        read_units: Limit of the read units a second, 0.001 to 1e12; None for no limit.
        segments: Number of parts of the table that are read in parallel, 1 to 64.
        on_progress: Called with the number of items read so far, by several threads.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the file exists or cannot be written.
        TableNotFoundError: If the table does not exist.

    >>> from io import BytesIO
    >>> report = dump_table(catalog, BytesIO())
    >>> report.items, report.manifest.types["title"]
    (25, 5)
    """
    check_instance(catalog, "catalog", Catalog)
    overwrite = check_flag(overwrite, "overwrite")
    check_segments(segments)
    pace = Pace(check_rate(read_units, "read_units"))
    path = _path_or_stream(file)
    next_to = _manifest_path(path, manifest)
    for target in (path, next_to):
        if target is not None:
            check_new(target, overwrite=overwrite)
    dumping = Dumping(
        PacedReads(catalog.gateway, pace),
        segments,
        lambda: Tally(_type_of, evolution.version_of),
        check_progress(on_progress),
        None if path is None else path.parent,
    )
    table = described(catalog.gateway.describe_table())
    began = _now()

    def write(sink: Any) -> Manifest:
        with persistent(Persistence(pace.rest)):
            dumping.write(sink)
        name = STREAM if path is None else path.name
        return _manifest(name, sink, dumping.tally, table, began, segments)

    if path is None:
        made = write(Stream(file))  # type: ignore[arg-type]  # checked by _path_or_stream
    else:
        with new_file(path) as sink:
            made = write(sink)
            sink.keep()
    if next_to is not None:
        with new_file(next_to) as sink:
            sink.write(made.text().encode())
            sink.keep()
    return DumpReport(made, next_to)


def import_table(
    catalog: Catalog,
    file: str | Path | IO[bytes],
    *,
    create: bool = False,
    into_existing: bool = False,
    without_manifest: bool = False,
    write_units: float | None = None,
    checkpoint: str | Path | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Write the items of a dump into the table, by BatchWriteItem.

    The dump is checked first: checksum, counts, and each item against the service's rules. Nothing
    is written if anything is wrong. The table must be empty, unless *into_existing* is set: then
    each item of the dump replaces the item of the same key, without any condition, and all other
    items stay. Counts and slots are items, too, so run `verify` and `repair` after an import into a
    table with items, and let no other program write meanwhile.

    Every write puts a whole item, so an interrupted import is repeated safely. With a checkpoint it
    continues where it stopped; without one, repeat it with *into_existing*, and everything is
    written again. The import continues at the table's pace when writes are throttled.

    Costs a write unit for each KB of each item, and of each of its index entries.

    Args:
        file: The path of a dump; the folder of an export by DynamoDB with its manifests; or an open
            stream, which is copied to a temporary file first and has no manifest.
        create: Whether to create the table if it is missing.
        into_existing: Whether the table may have items.
        without_manifest: Whether to accept a file whose manifest is missing: only the form of its
            items is checked then.
        write_units: Limit of the write units a second, of the table and of each index, 0.001 to
            1e12; None for no limit.
        checkpoint: A file from which to resume if it exists; updated while writing, and removed at
            the end.
        on_progress: Called with the number of items done, after each request.

    Raises:
        InvalidArgumentError: If an argument is invalid, the dump is incomplete or damaged, the
            table has items, or the checkpoint belongs to another import.
        TableNotFoundError: If the table does not exist and *create* is not set.
        SchemaMismatchError: If the table is not of this model, or the dump was made by a newer
            version of it.
        ThrottledError: If nothing could be written for a quarter of an hour.

    >>> from io import BytesIO
    >>> stream = BytesIO()
    >>> report = dump_table(catalog, stream)
    >>> copy = Catalog("copy")
    >>> import_table(copy, BytesIO(stream.getvalue()), create=True).written
    25
    """
    check_instance(catalog, "catalog", Catalog)
    create, into_existing = check_flag(create, "create"), check_flag(into_existing, "into_existing")
    without_manifest = check_flag(without_manifest, "without_manifest")
    writes = BatchWrites(catalog.gateway, check_rate(write_units, "write_units"))
    path = None if checkpoint is None else check_path(checkpoint, "checkpoint")
    importing = _Import(catalog, path, writes)
    on_progress = check_progress(on_progress)
    with _opened(file, without_manifest=without_manifest) as source:
        importing.prepare(source, create=create, into_existing=into_existing)
        return importing.run(source, on_progress)


class _Import:
    """One import: what is checked before it, and how far it came."""

    def __init__(self, catalog: Catalog, checkpoint: Path | None, writes: BatchWrites) -> None:
        self._catalog = catalog
        self._path = checkpoint
        self._writes = writes
        self._is_created = False
        self._checked: Checked
        self._place: _Place

    def prepare(self, source: Source, *, create: bool, into_existing: bool) -> None:
        """Check table and dump, create the table if it is missing, and read the checkpoint."""
        if source.manifest is not None:
            check_version(source.manifest, source.name)
        exists = self._check_table(create=create)
        if exists and not into_existing and self._path is None:
            self._check_empty()
        gateway = self._catalog.gateway
        table = gateway.describe_table() if exists else SCHEMA.declaration()
        self._checked = source.check(Schema.of(described(table)))
        if not exists:
            create_table(self._catalog)
            self._is_created = True
        checkpoint = Checkpoint(self._path, self._walk(), 1, "an import", _is_count)
        self._place = _Place(checkpoint, self._checked.items)
        if exists and not into_existing and not self._place.is_begun:
            self._check_empty()
        self._place.begin()

    def run(self, source: Source, on_progress: Callable[[int], None]) -> ImportReport:
        """Write the items that are not written yet."""
        written = import_items(source, self._writes, self._place, on_progress)
        self._place.end()
        return ImportReport(self._checked.items, written, self._writes.throttled, self._is_created)

    def _check_table(self, *, create: bool) -> bool:
        """Check that the table is of this model; return whether it exists."""
        try:
            status = table_status(self._catalog)
        except TableNotFoundError:
            if not create:
                raise
            return False
        check_model(status)
        return True

    def _check_empty(self) -> None:
        pages = self._catalog.gateway.scan(0, 1, page=1)
        if next(pages, []):
            raise InvalidArgumentError(
                f"table {self._catalog.table!r} has items; an import goes into an empty table. "
                "With --into-existing, items of the dump replace those of the same key, and all "
                "others stay"
            )

    def _walk(self) -> Mapping[str, object]:
        """Return what a checkpoint is valid for: this dump, and this very table."""
        return {
            "table": self._catalog.table,
            "endpoint": self._catalog.client.meta.endpoint_url,
            "id": identity_of(self._catalog.gateway.describe_table()),
            "dump": self._checked.identity,
        }


def _is_count(place: Mapping[str, object]) -> bool:
    return place.keys() == {"items"} and type(place["items"]) is int


class _Place:
    """How far an import came, as the only segment of a checkpoint."""

    def __init__(self, checkpoint: Checkpoint, items: int) -> None:
        self._checkpoint = checkpoint
        place = checkpoint.place(0)
        self.is_begun = place is not None
        written = 0 if place is None else place.get("items")
        if type(written) is not int or not 0 <= written <= items:
            refuse("checkpoint", place, f"at most {counted(items, 'item')}")
        self._written = written

    def written(self) -> int:
        """Return the number of items that are known to be written."""
        return self._written

    def begin(self) -> None:
        """Record that writing begins, so that the table may have items from now on."""
        self.reached(self._written)

    def reached(self, items: int) -> None:
        """Record the number of written items."""
        self._checkpoint.reached(0, {"items": items})

    def end(self) -> None:
        """Remove the checkpoint."""
        self._checkpoint.remove()


class _Sums(Protocol):
    """What was written: its size and its checksum."""

    size: int

    @property
    def sha256(self) -> str:
        """The SHA-256 in hexadecimal."""
        ...


def _manifest(
    name: str, sums: _Sums, tally: Tally, table: dict[str, Any], began: str, segments: int
) -> Manifest:
    return Manifest(
        file=name,
        size=sums.size,
        sha256=sums.sha256,
        items=tally.items,
        items_digest=tally.digest,
        types=tally.types,
        versions=tally.versions,
        foreign=tally.foreign,
        schema_version=evolution.SCHEMA_VERSION,
        table=table,
        start_time=began,
        end_time=_now(),
        segments=segments,
        made_by=f"catalog-model {__version__}",
    )


def check_version(manifest: Manifest, name: str) -> None:
    """Check that a dump was not made by a newer version of this package.

    Raises:
        SchemaMismatchError: If it was: its items may need indexes that this version does not know.
    """
    version = max(manifest.schema_version, *manifest.versions, 0)
    if version > evolution.SCHEMA_VERSION:
        raise SchemaMismatchError(
            f"{name} is of version {version}, this code writes version "
            f"{evolution.SCHEMA_VERSION}: update catalog-model"
        )


@contextmanager
def _opened(file: str | Path | IO[bytes], *, without_manifest: bool) -> Iterator[Source]:
    path = _path_or_stream(file)
    if path is not None:
        yield find_source(path, without_manifest=without_manifest)
    else:
        with spooled(file) as source:  # type: ignore[arg-type]  # checked by _path_or_stream
            yield source


def _path_or_stream(file: object) -> Path | None:
    """Return the path of a file; None for an open stream."""
    if isinstance(file, (str, Path)):
        return Path(file)
    if not (hasattr(file, "read") or hasattr(file, "write")):
        refuse("file", file, "the path of a file, or an open file")
    return None


def _manifest_path(path: Path | None, manifest: object) -> Path | None:
    if manifest is not None:
        return check_path(manifest, "manifest")
    return None if path is None else Path(f"{path}{SUFFIX}")


def _type_of(item: Item) -> str:
    name = name_of(key_of(item))
    return "" if name is None else evolution.type_of(name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Imports of a dump from S3, by DynamoDB itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_path
from catalog_model.deployment.dump_source import read_manifest
from catalog_model.deployment.s3_import import S3Import, S3Place
from catalog_model.deployment.table_form import described
from catalog_model.operations.control import check_timeout, control_of
from catalog_model.operations.dump import check_version
from catalog_model.operations.table import create_table
from catalog_model.table.indexes import SCHEMA

TIMEOUT: Final = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class S3ImportReport:
    """The result of an import from S3, as the service counts it.

    ``items`` were imported, of ``processed`` lines. ``errors`` were not; the service explains each
    of them in the CloudWatch log group ``log_group``. ``expected`` is the number in the manifest;
    None without one.
    """

    items: int
    processed: int
    errors: int
    expected: int | None
    log_group: str

    @property
    def is_complete(self) -> bool:
        """Whether every line became an item, and the items are as many as in the manifest."""
        is_whole = not self.errors and self.items == self.processed
        return is_whole and self.expected in (None, self.items)


def import_from_s3(
    catalog: Catalog, url: str, *, manifest: str | Path | None = None, timeout: float = TIMEOUT
) -> S3ImportReport:
    """Let DynamoDB import a dump from S3 into a new table, and wait until it can be used.

    The service reads the objects itself (ImportTable): no item passes through this program, and
    writing takes no capacity. It charges for the uncompressed size. The table must not exist;
    it is created on demand, with this model's keys and indexes. If the wait is interrupted, the
    same call continues it.

    The service neither knows a checksum nor stops at an error: it skips lines that it cannot import
    and counts them, so compare `S3ImportReport.is_complete`.

    Args:
        url: ``s3://BUCKET/PREFIX``; all objects whose names begin so are imported, so the manifest
            must not be among them.
        manifest: Path of the dump's manifest, for the expected number of items; None for none.
        timeout: Maximum number of seconds to wait.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the table exists.
        SchemaMismatchError: If the dump was made by a newer version of this package.
        ServiceError: If the import failed, or does not end in time.

    >>> import_from_s3(catalog, "s3://a-whole-bucket")
    Traceback (most recent call last):
    catalog_model.errors.InvalidArgumentError: url must be s3://BUCKET/PREFIX, not 's3://a-whole-bucket'
    """
    check_instance(catalog, "catalog", Catalog)
    place = S3Place.parse(url)
    seconds = check_timeout(timeout)
    expected = None
    if manifest is not None:
        read = read_manifest(check_path(manifest, "manifest"))
        check_version(read, str(manifest))
        expected = read.items
    table = described(SCHEMA.declaration())
    done = S3Import(control_of(catalog), place, table, seconds).run()
    create_table(catalog)  # it exists: waits until it and its indexes can be used
    return S3ImportReport(done.items, done.processed, done.errors, expected, done.log_group)

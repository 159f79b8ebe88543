"""Imports by DynamoDB itself: ImportTable, which reads a dump from S3 into a new table."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import uuid4

from catalog_model.checks import counted, refuse
from catalog_model.deployment.control import DYNAMODB, Control
from catalog_model.dynamodb import waits
from catalog_model.errors import InvalidArgumentError, ServiceError

POLL_SECONDS: Final = 5.0
RUNNING: Final = "IN_PROGRESS"
COMPLETED: Final = "COMPLETED"

_URL: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)", re.ASCII)


class S3Place(NamedTuple):
    """A bucket, and the prefix of the objects to import."""

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: object) -> S3Place:
        """Read ``s3://bucket/prefix``.

        Raises:
            InvalidArgumentError: If it is something else; a whole bucket is never imported.

        >>> S3Place.parse("s3://backups/2026/catalog.json.gz")
        S3Place(bucket='backups', prefix='2026/catalog.json.gz')
        """
        found = _URL.fullmatch(url) if isinstance(url, str) else None
        if found is None:
            refuse("url", url, "s3://BUCKET/PREFIX")
        return cls(*found.groups())

    def source(self) -> dict[str, str]:
        """Return it as a parameter of ImportTable."""
        return {"S3Bucket": self.bucket, "S3KeyPrefix": self.prefix}


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import, as the service counts it.

    ``items`` were imported, of ``processed`` lines. ``errors`` were not; the service explains each
    of them in the CloudWatch log group ``log_group``.
    """

    items: int
    processed: int
    errors: int
    log_group: str


class S3Import:
    """One import into a new table.

    Args:
        control: Requests about the table.
        place: The objects.
        table: Keys and indexes of the new table, in the form of DescribeTable.
        timeout: Maximum seconds to wait for the end.
    """

    def __init__(
        self, control: Control, place: S3Place, table: Mapping[str, Any], timeout: float
    ) -> None:
        self._control = control
        self._place = place
        self._table = table
        self._timeout = timeout

    def run(self) -> Imported:
        """Start the import, or find the one that is running already, and wait for its end.

        Raises:
            InvalidArgumentError: If the table exists, and is not made by a running import.
            ServiceError: If the import failed, or does not end in time.
        """
        if not self._control.exists():
            return self._wait(self._start())
        arn = self._running()
        if arn is None:
            raise InvalidArgumentError(
                f"table {self._control.name!r} exists; DynamoDB imports from S3 into a new table "
                "only"
            )
        return self._wait(arn)

    def _start(self) -> str:
        creation = {**self._table, "TableName": self._control.name}
        creation |= {"BillingMode": "PAY_PER_REQUEST"}
        answer = self._control.call(
            DYNAMODB,
            "ImportTable",
            ClientToken=str(uuid4()),  # a repeated request starts no second import
            S3BucketSource=self._place.source(),
            InputFormat="DYNAMODB_JSON",
            InputCompressionType="GZIP",
            TableCreationParameters=creation,
        )
        return str(answer["ImportTableDescription"]["ImportArn"])

    def _running(self) -> str | None:
        """Return the running import of these objects into this table; None if there is none."""
        listed = self._control.pages(DYNAMODB, "ListImports", "ImportSummaryList")
        for each in listed:
            is_ours = str(each.get("TableArn", "")).endswith(f":table/{self._control.name}")
            source = each.get("S3BucketSource", {})
            is_same = {name: source.get(name) for name in ("S3Bucket", "S3KeyPrefix")}
            if each["ImportStatus"] == RUNNING and is_ours and is_same == self._place.source():
                return str(each["ImportArn"])
        return None

    def _wait(self, arn: str) -> Imported:
        deadline = time.monotonic() + self._timeout
        while True:
            answer = self._control.call(DYNAMODB, "DescribeImport", ImportArn=arn)
            found = answer["ImportTableDescription"]
            if found["ImportStatus"] == COMPLETED:
                return _counted(found)
            if found["ImportStatus"] != RUNNING:
                why = found.get("FailureMessage") or found.get("FailureCode") or "no reason given"
                raise ServiceError(
                    f"the import {arn} is {found['ImportStatus']}: {why}",
                    code=found.get("FailureCode", ""),
                )
            if time.monotonic() >= deadline:
                raise ServiceError(
                    f"the import {arn} is still running after {counted(self._timeout, 'second')}; "
                    "the same command waits for it",
                    code="Timeout",
                )
            waits.sleep(POLL_SECONDS)


def _counted(found: Mapping[str, Any]) -> Imported:
    return Imported(
        items=found.get("ImportedItemCount", 0),
        processed=found.get("ProcessedItemCount", 0),
        errors=found.get("ErrorCount", 0),
        log_group=found.get("CloudWatchLogGroupArn", ""),
    )

"""DynamoDB imports a dump from S3 into a new table; moto answers as far as it can."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from any_items import same
from memory_engine import fill
from moto import mock_aws
from moto_imports import parse
from py_partiql_parser import JsonParser
from table_dump import dump, movie

from catalog_model import Catalog
from catalog_model.catalog import CLIENT_DEFAULTS
from catalog_model.deployment import s3_import
from catalog_model.deployment.control import Control
from catalog_model.errors import InvalidArgumentError, ServiceError
from catalog_model.operations import create_table, dump_table, import_from_s3, verify

URL = "s3://dumps/2026/catalog.json.gz"
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/restored/import/0001"


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """A handle on a table that does not exist, in an account with an empty bucket."""
    monkeypatch.setattr(s3_import, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(JsonParser, "parse", staticmethod(parse))
    with mock_aws():
        client: Any = boto3.client("s3")
        location = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket="dumps", CreateBucketConfiguration=location)
        tables: Any = boto3.client("dynamodb", config=CLIENT_DEFAULTS)
        yield Catalog("restored", client=tables)
        clean_up(client, tables)


def clean_up(buckets: Any, tables: Any) -> None:
    """Delete everything: a moto that runs for the whole session would keep it."""
    for name in {"restored", "source"} & set(tables.list_tables()["TableNames"]):
        tables.delete_table(TableName=name)
    for each in buckets.list_objects_v2(Bucket="dumps").get("Contents", ()):
        buckets.delete_object(Bucket="dumps", Key=each["Key"])
    buckets.delete_bucket(Bucket="dumps")


def upload(catalog: Catalog, key: str = "2026/catalog.json.gz") -> Catalog:
    """Put the dump of another table with a dozen movies into the bucket, and return its handle."""
    source = Catalog("source", client=catalog.client)
    create_table(source)
    fill(source, [movie(number, 28, 12) for number in range(1, 13)])
    stream = BytesIO()
    dump_table(source, stream)
    client: Any = boto3.client("s3")
    client.put_object(Bucket="dumps", Key=key, Body=stream.getvalue())
    return source


def content(catalog: Catalog) -> dict[Any, Any]:
    return {key: same(item) for key, item in dump(catalog).items()}


class Answers:
    """Answers of the control plane, by operation; requests to it are recorded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *statuses: dict[str, Any]) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.statuses = list(statuses)
        self.summaries: list[dict[str, Any]] = []
        self.table_exists = False
        monkeypatch.setattr(Control, "_sent", lambda _, *request: self._answer(*request))
        monkeypatch.setattr(Control, "exists", lambda _: self.table_exists)
        monkeypatch.setattr("catalog_model.operations.s3_import.create_table", lambda _: None)

    def _answer(self, _: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self.requests.append((operation, parameters))
        if operation == "ListImports":
            return {"ImportSummaryList": self.summaries}
        if operation == "ImportTable":
            return {"ImportTableDescription": {"ImportArn": ARN, "ImportStatus": "IN_PROGRESS"}}
        assert operation == "DescribeImport"
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"ImportTableDescription": {"ImportArn": ARN, **status}}


DONE = {
    "ImportStatus": "COMPLETED",
    "ProcessedItemCount": 56,
    "ImportedItemCount": 56,
    "ErrorCount": 0,
}
RUNNING = {"ImportStatus": "IN_PROGRESS"}


def test_the_imported_table_is_the_dumped_one(restored: Catalog) -> None:
    """Item for item, with all indexes, ready to be used."""
    source = upload(restored)
    report = import_from_s3(restored, URL)
    assert (report.items, report.is_complete) == (len(dump(source)), True)
    assert content(restored) == content(source)
    assert verify(restored).is_clean


def test_the_request_is_valid(restored: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked against the service's model; with keys and indexes, on demand, as gzip."""
    upload(restored)
    with restored.trace() as trace:
        import_from_s3(restored, URL)
    (request,) = [each for each in trace if each.operation == "ImportTable"]
    asked = request.asked
    described = restored.client.describe_table(TableName="source")["Table"]
    creation = asked["TableCreationParameters"]
    assert creation["KeySchema"] == described["KeySchema"]
    assert len(creation["GlobalSecondaryIndexes"]) == 4
    assert creation["BillingMode"] == "PAY_PER_REQUEST"
    assert asked["S3BucketSource"] == {"S3Bucket": "dumps", "S3KeyPrefix": "2026/catalog.json.gz"}
    assert (asked["InputFormat"], asked["InputCompressionType"]) == ("DYNAMODB_JSON", "GZIP")
    assert asked["ClientToken"]
    monkeypatch.undo()


def test_a_missing_bucket_is_an_error_with_the_services_reason(restored: Catalog) -> None:
    """An import that failed."""
    with pytest.raises(ServiceError, match="FAILED: The specified bucket does not exist") as caught:
        import_from_s3(restored, "s3://missing/catalog.json.gz")
    assert caught.value.code == "S3NoSuchBucket"


def test_an_existing_table_is_refused(restored: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB imports into new tables only."""
    answers = Answers(monkeypatch, DONE)
    answers.table_exists = True
    with pytest.raises(InvalidArgumentError, match="'restored' exists"):
        import_from_s3(restored, URL)
    assert [operation for operation, _ in answers.requests] == ["ListImports"]


def test_a_running_import_is_waited_for(restored: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interruption, the same call starts no second one; others do not count."""
    create_table(restored)
    answers = Answers(monkeypatch, RUNNING, RUNNING, DONE)
    answers.table_exists = True
    running = {
        "ImportArn": ARN,
        "ImportStatus": "IN_PROGRESS",
        "TableArn": ARN.rpartition("/import")[0],
        "S3BucketSource": {"S3Bucket": "dumps", "S3KeyPrefix": "2026/catalog.json.gz"},
    }
    answers.summaries = [
        {**running, "ImportArn": "another", "TableArn": "arn:aws:dynamodb:x:1:table/restored2"},
        {**running, "ImportArn": "finished", "ImportStatus": "COMPLETED"},
        running,
    ]
    assert import_from_s3(restored, URL).items == 56
    assert [operation for operation, _ in answers.requests] == [
        "ListImports",
        *["DescribeImport"] * 3,
    ]
    assert {p["ImportArn"] for operation, p in answers.requests if "Describe" in operation} == {ARN}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ErrorCount": 1, "ImportedItemCount": 75}, None),
        ({"ImportedItemCount": 75}, None),
        ({"ProcessedItemCount": 70, "ImportedItemCount": 70}, 56),
    ],
)
def test_an_incomplete_import_is_reported(
    restored: Catalog,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    changed: dict[str, Any],
    expected: int | None,
) -> None:
    """The service skips lines; the manifest knows how many there were."""
    source = upload(restored)
    report = dump_table(source, tmp_path / "a.json.gz")
    assert report.items == 56
    create_table(restored)
    Answers(monkeypatch, {**DONE, **changed})
    manifest = None if expected is None else tmp_path / "a.json.gz.manifest"
    done = import_from_s3(restored, URL, manifest=manifest)
    assert (done.expected, done.is_complete) == (expected, False)


def test_waiting_ends(restored: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time-out; the import continues on AWS."""
    Answers(monkeypatch, RUNNING)
    with pytest.raises(ServiceError, match="still running after 0 seconds"):
        import_from_s3(restored, URL, timeout=0)


@pytest.mark.parametrize("url", ["dumps", "s3://", "s3://dumps", "s3://dumps/", "https://a/b", 7])
def test_what_is_no_place_in_s3_is_refused(restored: Catalog, url: Any) -> None:
    """Before anything is sent; a whole bucket is never imported."""
    with restored.trace() as trace, pytest.raises(InvalidArgumentError, match="s3://BUCKET/PREFIX"):
        import_from_s3(restored, url)
    assert len(trace) == 0

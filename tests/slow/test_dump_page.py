"""docs/dump-and-import.md: its commands are run as printed, on a simulated account and dynoxide."""

import base64
import gzip
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_account import aws_account, client_of
from engines import has_dynoxide
from moto_imports import parse
from packages import ROOT
from pages import blocks
from py_partiql_parser import JsonParser

from catalog_model.dynamodb.engines import local
from catalog_model.files.reader import FILE_NAMES, sample_folder

PAGE = ROOT / "docs" / "dump-and-import.md"
EXPORT = "AWSDynamoDB/01234567890123-a1b2c3d4"
SSH = '#!/bin/sh\n[ "$1" = other-host ] && shift\nexport CATALOG_TABLE=on-other-host\nexec "$@"\n'
CATALOG_MODEL = '#!/bin/sh\nexec python -m catalog_model "$@"\n'


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """A simulated account, which has a table with the sample data."""
    with aws_account() as account:
        sample = [str(sample_folder() / name) for name in FILE_NAMES.values()]
        run(["create"], account)
        run(["load", "--movies", sample[0], "--tv", sample[1]], account)
        yield account


def run(words: list[str], account: dict[str, str]) -> None:
    command = ["python", "-m", "catalog_model", *words]
    subprocess.run(command, env=account, check=True, stdout=subprocess.DEVNULL)


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def lines_of(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def upload_export(account: dict[str, str], dump: Path) -> None:
    """Put a dump into the bucket as DynamoDB exports a table."""
    client = client_of("s3", account)
    data = dump.read_bytes()
    count = len(gzip.decompress(data).splitlines())
    md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
    key = f"{EXPORT}/data/x.json.gz"
    files = {"itemCount": count, "md5Checksum": md5, "dataFileS3Key": key}
    summary = {"version": "2020-06-30", "itemCount": count, "outputFormat": "DYNAMODB_JSON"}
    for name, body in (
        (key, data),
        (f"{EXPORT}/manifest-files.json", json.dumps(files).encode()),
        (f"{EXPORT}/manifest-summary.json", json.dumps(summary).encode()),
    ):
        client.put_object(Bucket="my-bucket", Key=name, Body=body)


def test_the_commands_of_the_page_run(
    account: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order; before another import into a table, the table is deleted."""
    monkeypatch.setattr(JsonParser, "parse", staticmethod(parse))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program(bin_folder / "ssh", SSH)
    program(bin_folder / "catalog-model", CATALOG_MODEL)
    environment = {**account, "PATH": f"{bin_folder}:{account['PATH']}"}
    location = {"LocationConstraint": account["AWS_REGION"]}
    client_of("s3", account).create_bucket(Bucket="my-bucket", CreateBucketConfiguration=location)
    found = [block for block in blocks(PAGE, "sh") if "dynoxide" not in block]
    assert sum("import" in line for block in found for line in lines_of(block)) >= 5
    for block in found:
        for line in lines_of(block):
            if "--table the-copy import" in line:
                prepare(line, account)
            if "aws s3 sync" in line:
                upload_export(account, tmp_path / "catalog.json.gz")
            subprocess.run(["sh", "-ec", line], cwd=tmp_path, env=environment, check=True)
    tables = client_of("dynamodb", account)
    wanted = scanned(tables, "netflix-movie-catalog")
    for table in ("the-copy", "restored", "on-other-host"):
        assert scanned(tables, table) == wanted
    for name in FILE_NAMES.values():
        records = json.loads((sample_folder() / name).read_bytes())
        assert (tmp_path / "data" / name).read_text() == json.dumps(records, indent=4)


def prepare(line: str, account: dict[str, str]) -> None:
    """Delete the copy; create it, if the import does not."""
    tables = client_of("dynamodb", account)
    if "the-copy" in tables.list_tables()["TableNames"]:
        run(["--table", "the-copy", "delete", "--yes"], account)
    if "--create" not in line:
        run(["--table", "the-copy", "create"], account)


def scanned(client: Any, table: str) -> dict[tuple[str, str], Any]:
    """Return all items of a table, with sets of numbers in order."""
    pages = client.get_paginator("scan").paginate(TableName=table)
    items = [item for page in pages for item in page["Items"]]
    for numbers in (value["NS"] for item in items for value in item.values() if "NS" in value):
        numbers.sort()
    return {(i["PK"]["S"], i["SK"]["S"]): i for i in items}


def test_dynoxide_imports_a_dump_as_the_page_says(account: dict[str, str], tmp_path: Path) -> None:
    """With the manifest as the schema; the dump of the imported table has the same bytes."""
    if not has_dynoxide():
        pytest.skip("dynoxide is not installed: `make engine` gets it where npm can")
    binary = local.find_dynoxide()
    assert binary is not None
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program(bin_folder / "catalog-model", CATALOG_MODEL)
    environment = {
        **account,
        "PATH": os.pathsep.join([str(bin_folder), str(Path(binary).parent), account["PATH"]]),
    }
    (block,) = [block for block in blocks(PAGE, "sh") if "dynoxide" in block]
    *commands, serve = lines_of(block)
    assert serve == "dynoxide serve --db-path catalog.db"
    subprocess.run(["sh", "-ec", "\n".join(commands)], cwd=tmp_path, env=environment, check=True)
    port = local.free_port(0)
    command = [str(binary), *serve.split()[1:], "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as engine:
        try:
            again = {**account, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
            run_when_ready(["dump", str(tmp_path / "again.json.gz")], again)
            run(["verify"], again)
        finally:
            engine.terminate()
    first = gzip.decompress((tmp_path / "netflix-movie-catalog" / "catalog.json.gz").read_bytes())
    second = gzip.decompress((tmp_path / "again.json.gz").read_bytes())
    assert sorted(first.splitlines()) == sorted(second.splitlines())


def run_when_ready(words: list[str], account: dict[str, str]) -> None:
    """Run a command; botocore retries until the engine listens."""
    run(words, {**account, "AWS_MAX_ATTEMPTS": "10"})

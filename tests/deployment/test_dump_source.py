"""A dump is checked as a whole before anything of it is used."""

import base64
import gzip
import hashlib
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_model.deployment.dump_form import line_of
from catalog_model.deployment.dump_source import Source, find_source
from catalog_model.deployment.manifest import Manifest
from catalog_model.deployment.table_form import described
from catalog_model.dynamodb.strict.request import Schema
from catalog_model.errors import InvalidArgumentError
from catalog_model.table.indexes import SCHEMA

OURS = Schema.of(described(SCHEMA.declaration()))
ITEMS: list[dict[str, Any]] = [
    {"PK": {"S": f"a#{number}"}, "SK": {"S": "b"}, "n": {"N": str(number)}} for number in range(50)
]


def manifest_of(data: bytes, **changed: Any) -> Manifest:
    """Return the manifest of a file with `ITEMS`."""
    made: dict[str, Any] = {
        "file": "a.json.gz",
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "items": len(ITEMS),
        "items_digest": "0" * 64,
        "types": {"title": 3},
        "versions": {3: 3},
        "foreign": 47,
        "schema_version": 3,
        "table": described(SCHEMA.declaration()),
        "start_time": "2026-01-01T00:00:00.000Z",
        "end_time": "2026-01-01T00:00:01.000Z",
        "segments": 4,
        "made_by": "catalog-model",
    }
    return Manifest(**{**made, **changed})


@pytest.fixture
def dumped(tmp_path: Path) -> Path:
    """A dump with its manifest."""
    return write_dump(tmp_path, b"".join(map(line_of, ITEMS)))


def write_dump(folder: Path, text: bytes, **changed: Any) -> Path:
    path = folder / "a.json.gz"
    data = gzip.compress(text, mtime=0)
    path.write_bytes(data)
    path.with_name("a.json.gz.manifest").write_text(manifest_of(data, **changed).text())
    return path


def check(source: Source) -> list[dict[str, Any]]:
    source.check(OURS)
    return list(source.read())


def test_a_whole_dump_is_read(dumped: Path) -> None:
    """In order, also from any place."""
    source = find_source(dumped)
    assert source.check(OURS).items == len(ITEMS)
    assert list(source.read()) == ITEMS
    assert list(source.read(after=48)) == ITEMS[48:]


@given(st.data())
def test_any_damage_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """A byte changed, a byte removed, or the end missing: nothing is used."""
    path = write_dump(tmp_path_factory.mktemp("dump"), b"".join(map(line_of, ITEMS)))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    how = data.draw(st.sampled_from(("changed", "removed", "cut")))
    middle = bytes([whole[at] ^ data.draw(st.integers(1, 255))]) if how == "changed" else b""
    rest = b"" if how == "cut" else whole[at + 1 :]
    path.write_bytes(whole[:at] + middle + rest)
    with pytest.raises(InvalidArgumentError, match=r"a\.json\.gz: is damaged or incomplete"):
        find_source(path).check(OURS)
    with pytest.raises(InvalidArgumentError, match=r"a\.json\.gz"):
        check_without_sum(path)


def check_without_sum(path: Path) -> None:
    """Read it as a dump without a manifest: gzip's own checksum finds the damage, or it is cut.

    A changed byte in gzip's header has no effect on the data, so the counts are compared then.
    """
    path.with_name("a.json.gz.manifest").unlink()
    items = check(find_source(path, without_manifest=True))
    if items == ITEMS:
        raise InvalidArgumentError(f"{path}: damaged where it does not matter")


def test_a_wrong_count_is_found(tmp_path: Path) -> None:
    """Although the checksum is right."""
    path = write_dump(tmp_path, b"".join(map(line_of, ITEMS)), items=51)
    with pytest.raises(InvalidArgumentError, match="has 50 items, and 51 in the manifest"):
        find_source(path).check(OURS)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"Item": {"PK": {"S": "a"}}}\n', "line 51: .*Missing the key SK"),
        (b"{}\n", "line 51: it must be"),
        (b"\n", "line 51: it is not JSON"),
        (b'{"Item": {"PK": {"S": "a"}, "SK": {"S": "b"}', "line 51: it is not JSON"),
    ],
)
def test_a_line_that_is_no_item_is_named(tmp_path: Path, line: bytes, reason: str) -> None:
    """With file, line and reason."""
    path = write_dump(tmp_path, b"".join(map(line_of, ITEMS)) + line, items=51)
    with pytest.raises(InvalidArgumentError, match=rf"a\.json\.gz: {reason}"):
        find_source(path).check(OURS)


def test_a_line_without_end_is_refused_in_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of zeros is small when compressed."""
    monkeypatch.setattr("catalog_model.deployment.dump_source.MAX_LINE", 1000)
    path = write_dump(tmp_path, b"0" * 10**6)
    with pytest.raises(InvalidArgumentError, match="line 1: it has more than 1,000 bytes"):
        find_source(path).check(OURS)


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    """Checking and reading hold one line at a time."""
    text = {"S": "x" * 2000}
    numbered = ({**item, "SK": {"S": str(n)}, "t": text} for n in range(100) for item in ITEMS)
    path = write_dump(tmp_path, b"".join(map(line_of, numbered)), items=100 * len(ITEMS))
    source = find_source(path)
    tracemalloc.start()
    try:
        assert source.check(OURS).bytes > 10**7
        assert sum(1 for _ in source.read()) == 100 * len(ITEMS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10**6


def test_a_file_that_is_not_gzip_is_refused(tmp_path: Path) -> None:
    """Also without its manifest."""
    path = tmp_path / "a.json"
    path.write_bytes(b"".join(map(line_of, ITEMS)))
    with pytest.raises(InvalidArgumentError, match=r"its manifest a\.json\.manifest is missing"):
        find_source(path)
    with pytest.raises(InvalidArgumentError, match="not gzip"):
        find_source(path, without_manifest=True).check(OURS)


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "not an object": (lambda _: [], "its format must be"),
    "another format": (lambda m: m | {"format": "other 7"}, "its format must be .*'other 7'"),
    "no checksum": (lambda m: without(m, "sha256"), "sha256 must not be None"),
    "a count as a text": (lambda m: m | {"items": "50"}, "items must not be '50'"),
    "a negative count": (lambda m: m | {"items": -1}, "items must not be -1"),
    "invalid versions": (lambda m: m | {"versions": {"x": 1}}, "versions must be numbers"),
    "invalid counts": (lambda m: m | {"types": {"title": "x"}}, "types must be counts"),
    "no table": (lambda m: without(m, "Table"), "Table must be the description"),
}


def without(manifest: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != name}


@pytest.mark.parametrize("case", WRONG)
def test_a_manifest_that_is_none_is_refused(dumped: Path, case: str) -> None:
    """With its path and the reason."""
    change, reason = WRONG[case]
    beside = dumped.with_name("a.json.gz.manifest")
    beside.write_text(json.dumps(change(json.loads(beside.read_text()))))
    with pytest.raises(InvalidArgumentError, match=rf"a\.json\.gz\.manifest: {reason}"):
        find_source(dumped)


def test_a_manifest_reads_back() -> None:
    """All of it."""
    manifest = manifest_of(b"data")
    assert Manifest.parse(manifest.text().encode()) == manifest


# --- exports that DynamoDB made itself


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The folder of an export, in two files and an empty one."""
    folder = tmp_path / "01234567890123-a1b2c3d4"
    (folder / "data").mkdir(parents=True)
    listed = []
    for name, items in (("x", ITEMS[:20]), ("y", []), ("z", ITEMS[20:])):
        data = gzip.compress(b"".join(map(line_of, items)))
        (folder / "data" / f"{name}.json.gz").write_bytes(data)
        md5 = base64.b64encode(hashlib.md5(data).digest()).decode()
        key = f"prefix/AWSDynamoDB/{folder.name}/data/{name}.json.gz"
        listed.append({"itemCount": len(items), "md5Checksum": md5, "dataFileS3Key": key})
    lines = "".join(json.dumps(each) + "\n" for each in listed)
    (folder / "manifest-files.json").write_text(lines)
    summary = {"version": "2020-06-30", "itemCount": 50, "outputFormat": "DYNAMODB_JSON"}
    (folder / "manifest-summary.json").write_text(json.dumps(summary))
    return folder


def test_an_export_of_dynamodb_is_read(exported: Path) -> None:
    """Its folder, as `aws s3 sync` copies it."""
    assert check(find_source(exported)) == ITEMS


def test_damage_of_an_export_is_found(exported: Path) -> None:
    """By the checksums and counts of its manifests, and missing files by name."""
    data = exported / "data" / "z.json.gz"
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    with pytest.raises(InvalidArgumentError, match=r"z\.json\.gz: is damaged"):
        check(find_source(exported))
    data.unlink()
    with pytest.raises(InvalidArgumentError, match=r"z\.json\.gz: No such file"):
        check(find_source(exported))
    data.write_bytes(whole)
    summary = exported / "manifest-summary.json"
    summary.write_text(summary.read_text().replace("50", "49"))
    with pytest.raises(InvalidArgumentError, match="has 50 items, and 49 in the manifest"):
        check(find_source(exported))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("manifest-summary.json", "{", "it is not JSON"),
        ("manifest-summary.json", "[]", "must be a JSON object"),
        ("manifest-summary.json", '{"outputFormat": "ION"}', "outputFormat must be DYNAMODB_JSON"),
        ("manifest-files.json", "{}", "line 1"),
        ("manifest-files.json", '{"dataFileS3Key": 7}', "line 1"),
    ],
)
def test_an_export_without_valid_manifests_is_refused(
    exported: Path, name: str, text: str, reason: str
) -> None:
    """With the file and the reason."""
    (exported / name).write_text(text)
    with pytest.raises(InvalidArgumentError, match=f"{name}: {reason}"):
        find_source(exported)


def test_an_incremental_export_is_refused(exported: Path) -> None:
    """It holds changes, not items."""
    summary = {"outputFormat": "DYNAMODB_JSON", "exportType": "INCREMENTAL_EXPORT"}
    (exported / "manifest-summary.json").write_text(json.dumps(summary))
    with pytest.raises(InvalidArgumentError, match="holds changes"):
        find_source(exported)

"""A table is dumped into a file and imported into another table: exact to the item."""

import gzip
import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from any_items import same, tables
from engines import Engine, create_of_another_model
from hypothesis import given, settings
from kills import MOMENTS, Moment, kill, requests_of
from memory_engine import fill
from scaled import scaled
from table_dump import Table, dump, movie, titles_in
from throughput import Clock, simulated_time

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.analysis.iam import DUMP_ACTIONS, TABLE_ACTIONS
from catalog_model.deployment.manifest import Manifest
from catalog_model.dynamodb.typed_json import Item, key_attributes
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError, SchemaMismatchError, TableNotFoundError
from catalog_model.operations import (
    create_table,
    delete_table,
    dump_table,
    import_table,
    repair,
    verify,
)
from catalog_model.table.evolution import SCHEMA_VERSION

New = Callable[[], Catalog]

FOREIGN: Item = {
    "PK": {"S": "other#1"},
    "SK": {"S": "ünïcode"},
    "digits": {"N": "12345678901234567890123456789012345678"},
    "small": {"N": "-0." + "0" * 129 + "1"},
    "bytes": {"B": b"\x00\xff"},
    "sets": {"L": [{"SS": ["b", "a", ""]}, {"NS": ["2", "-1.5"]}, {"BS": [b"", b"\x01"]}]},
    "nothing": {"M": {"null": {"NULL": True}, "empty": {"S": ""}, "no": {"BOOL": False}}},
}
"""An item of another application, with a value of every type."""


@pytest.fixture
def new_table(engine: Engine) -> Iterator[New]:
    """Makes handles on tables that do not exist, and deletes the tables at the end."""
    made: list[Catalog] = []

    def make() -> Catalog:
        made.append(Engine(engine.name, engine.endpoint_url).catalog())
        return made[-1]

    yield make
    for catalog in made:
        _delete(catalog)


def _delete(catalog: Catalog) -> None:
    try:
        delete_table(catalog)
    except TableNotFoundError:
        return


@pytest.fixture
def filled(catalog: Catalog) -> Catalog:
    """A table with a dozen movies, and an item of another application."""
    fill(catalog, [movie(number, 28, 12) for number in range(1, 13)])
    catalog.client.put_item(TableName=catalog.table, Item=FOREIGN)
    return catalog


@pytest.fixture
def path(filled: Catalog, tmp_path: Path) -> Path:
    """A dump of that table."""
    dump_table(filled, tmp_path / "a.json.gz")
    return tmp_path / "a.json.gz"


def content(catalog: Catalog) -> dict[Any, Any]:
    """Return all items, so that equal ones compare equal."""
    return {key: same(item) for key, item in dump(catalog).items()}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


# --- to a file and back


def test_a_dump_is_imported_exactly(filled: Catalog, new_table: New, tmp_path: Path) -> None:
    """Also items of other applications; the copy is a working table, and dumps the same bytes."""
    path = tmp_path / "a.json.gz"
    dumped = dump_table(filled, path)
    copy = new_table()
    report = import_table(copy, path, create=True)
    assert (report.items, report.written, report.created) == (dumped.items, dumped.items, True)
    assert content(copy) == content(filled)
    assert [found.key.PK for found in verify(copy).findings] == ["other#1"]
    again = dump_table(copy, tmp_path / "b.json.gz")
    assert again.manifest.items_digest == dumped.manifest.items_digest
    assert (tmp_path / "b.json.gz").read_bytes() == path.read_bytes()


def test_a_table_comes_back_as_it_was_before_a_change(
    catalog: Catalog, new_table: New, tmp_path: Path, titles: list[AnyTitle]
) -> None:
    """Load, dump, change titles, import into a new table: the earlier state, item for item."""
    fill(catalog, titles[::36])
    before, path = content(catalog), tmp_path / "before.json.gz"
    dump_table(catalog, path)
    first, second, third = titles[0], titles[36], titles[72]
    ap.update_popularity(catalog, *first.key, 1.5)
    ap.set_genres(catalog, *second.key, [99])
    ap.delete_title(catalog, *third.key)
    ap.put_title(catalog, movie(999_999_999, 28))
    restored = new_table()
    import_table(restored, path, create=True)
    assert verify(restored).is_clean
    assert content(restored) == before != content(catalog)
    assert ap.get_title(restored, *third.key) == third


@pytest.mark.in_memory
@settings(max_examples=scaled(40))
@given(tables)
def test_any_items_come_back(engine: Engine, table: list[Item]) -> None:
    """Of all types, with 38 digits, nested 31 levels deep, of any application."""
    source, copy = engine.catalog(), engine.catalog()
    create_table(source)
    for item in table:
        source.client.put_item(TableName=source.table, Item=item)
    stream = BytesIO()
    report = dump_table(source, stream, segments=2)
    assert report.items == len(table)
    assert import_table(copy, BytesIO(stream.getvalue()), create=True).written == len(table)
    found = content(copy)
    delete_table(source)
    delete_table(copy)
    assert found == {(i["PK"]["S"], i["SK"]["S"]): same(i) for i in table}


def test_an_empty_table_has_an_empty_dump(catalog: Catalog, new_table: New, tmp_path: Path) -> None:
    """Which is imported like any other."""
    path = tmp_path / "empty.json.gz"
    assert dump_table(catalog, path).items == 0
    assert gzip.decompress(path.read_bytes()) == b""
    copy = new_table()
    assert import_table(copy, path, create=True).items == 0
    assert dump(copy) == {}


@pytest.mark.in_memory
@pytest.mark.parametrize("seed", range(scaled(6)))
def test_a_dump_under_writers_holds_whole_titles(
    catalog: Catalog, new_table: New, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each in one of its versions; after a repair, the copy is consistent."""
    monkeypatch.setattr("catalog_model.dynamodb.pace.PACED_PAGE", 4)
    rng, lock = random.Random(seed), threading.Lock()
    some = [movie(number, 28, 12) for number in range(1, 25)]
    versions: dict[int, list[AnyTitle | None]] = {title.id: [title] for title in some}
    fill(catalog, some)

    def write(_: int) -> None:
        """Put or delete a title, as another program would after any page."""
        with lock:
            number = rng.randint(1, 30)
            known = versions.setdefault(number, [])
            if rng.random() < 0.3 and known and known[-1] is not None:
                ap.delete_title(catalog, "movie", number)
                known.append(None)
            else:
                title = movie(number, rng.choice((28, 99)), popularity=rng.random())
                ap.put_title(catalog, title)
                known.append(title)

    stream, copy = BytesIO(), new_table()
    dump_table(catalog, stream, segments=2, read_units=10**6, on_progress=write)
    import_table(copy, BytesIO(stream.getvalue()), create=True)
    repair(copy)
    assert verify(copy).is_clean
    for key, found in titles_in(dump(copy)).items():
        assert found in versions[key.id]


def test_a_dump_is_paced(filled: Catalog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each page is paid for before the next request."""
    monkeypatch.setattr("catalog_model.dynamodb.pace.PACED_PAGE", 5)
    clock = Clock()
    with simulated_time(clock), filled.trace() as trace:
        dump_table(filled, tmp_path / "a.json.gz", segments=1, read_units=2)
    pages = [request for request in trace if request.operation == "Scan"]
    assert len(pages) > 10
    assert clock() >= len(pages) / 2 - 1


# --- the file


def test_the_manifest_says_what_the_file_holds(filled: Catalog, tmp_path: Path, path: Path) -> None:
    """Counts by type and version, the checksum, keys and indexes, times, and how consistent."""
    manifest = Manifest.parse((tmp_path / "a.json.gz.manifest").read_bytes())
    assert manifest.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest.size == path.stat().st_size
    assert manifest.items == len(lines(path)) == len(dump(filled))
    assert (manifest.types["title"], manifest.types["membership"]) == (12, 24)
    assert (manifest.foreign, manifest.versions) == (1, {SCHEMA_VERSION: manifest.items - 1})
    assert manifest.schema_version == SCHEMA_VERSION
    assert manifest.start_time <= manifest.end_time
    assert manifest.consistency.startswith("Not one moment")
    described = filled.client.describe_table(TableName=filled.table)["Table"]
    assert manifest.table["KeySchema"] == described["KeySchema"]
    indexes = [index["IndexName"] for index in described["GlobalSecondaryIndexes"]]
    assert [index["IndexName"] for index in manifest.table["GlobalSecondaryIndexes"]] == indexes


@pytest.mark.parametrize("segments", [1, 3])
def test_two_dumps_of_an_unchanged_table_have_the_same_bytes(
    filled: Catalog, tmp_path: Path, segments: int
) -> None:
    """Whichever of the segments was quicker: gzip without a time, items in the table's order."""
    first, second = tmp_path / "a.json.gz", tmp_path / "b.json.gz"
    dump_table(filled, first, segments=segments)
    dump_table(filled, second, segments=segments)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4), "the time in gzip's header"


def test_a_dump_is_not_overwritten_by_mistake(filled: Catalog, tmp_path: Path) -> None:
    """Nor is its manifest; refused before anything is read."""
    path = tmp_path / "a.json.gz"
    for existing in (path, tmp_path / "a.json.gz.manifest"):
        existing.write_text("mine")
        with filled.trace() as trace, pytest.raises(InvalidArgumentError, match="exists already"):
            dump_table(filled, path)
        assert (len(trace), existing.read_text()) == (0, "mine")
        existing.unlink()
    path.write_text("old")
    dump_table(filled, path, overwrite=True)
    assert len(lines(path)) > 50


def test_a_full_disk_leaves_no_file(
    filled: Catalog, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the path, and an earlier dump is still there."""
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("catalog_model.deployment.whole_files.os.fsync", full)
    with pytest.raises(InvalidArgumentError, match=r"a\.json\.gz: No space left"):
        dump_table(filled, path, overwrite=True)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, f"{path.name}.manifest"]


def test_a_stream_gets_nothing_that_looks_whole_after_a_failure(filled: Catalog) -> None:
    """The end of gzip is missing, so no reader takes it for a complete dump."""

    class Broken(BytesIO):
        def write(self, data: Any, /) -> int:
            if self.tell():
                raise OSError("gone")
            return super().write(data)

    stream = Broken()
    with pytest.raises(OSError, match="gone"):
        dump_table(filled, stream)
    with pytest.raises(EOFError):
        gzip.decompress(stream.getvalue())


# --- interrupted


@pytest.mark.in_memory
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_dump_interrupted_at_any_request_leaves_nothing(
    filled: Catalog, tmp_path: Path, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a file nor a temporary one; the next dump is the same as without interruption."""
    monkeypatch.setattr("catalog_model.dynamodb.pace.PACED_PAGE", 10)
    whole = tmp_path / "whole.json.gz"

    def work() -> object:
        return dump_table(filled, whole, segments=2, read_units=100_000, overwrite=True)

    requests = len(requests_of(work).operations)
    assert requests > 5
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(1, requests + 1):
        kill(
            lambda: dump_table(filled, folder / "a.json.gz", segments=2, read_units=100_000),
            number,
            moment,
        )
        assert list(folder.iterdir()) == []
    dump_table(filled, folder / "a.json.gz", segments=2)
    assert (folder / "a.json.gz").read_bytes() == whole.read_bytes()


@pytest.mark.in_memory
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("with_checkpoint", [False, True])
def test_an_import_interrupted_at_any_request_is_resumed_to_the_same_end(
    filled: Catalog, new_table: New, tmp_path: Path, moment: Moment, *, with_checkpoint: bool
) -> None:
    """With a checkpoint it continues; without one it writes everything again."""
    path, place = tmp_path / "a.json.gz", tmp_path / "place.json"
    dump_table(filled, path)
    wanted = content(filled)
    given: dict[str, Any] = {"checkpoint": place} if with_checkpoint else {}
    rehearsal = new_table()
    sent = requests_of(lambda: import_table(rehearsal, path, create=True, **given))
    requests = len(sent.operations)
    assert requests >= 8
    for number in range(1, requests + 1):
        copy = new_table()
        kill(partial(import_table, copy, path, create=True, **given), number, moment)
        report = import_table(copy, path, create=True, into_existing=not with_checkpoint, **given)
        assert report.written <= report.items
        assert content(copy) == wanted, number
        assert not place.exists()
        delete_table(copy)


@pytest.mark.in_memory
def test_a_checkpoint_saves_finished_writes(
    filled: Catalog, new_table: New, tmp_path: Path
) -> None:
    """Each run stops after one request; all runs together write each item once."""
    path, place = tmp_path / "a.json.gz", tmp_path / "place.json"
    items = dump_table(filled, path).items
    copy, runs, written, pressed = new_table(), 0, 0, 0

    def press(_: int) -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:  # the first report comes before the first request
            raise KeyboardInterrupt

    while True:
        runs, pressed = runs + 1, 0
        with copy.trace() as trace:
            try:
                import_table(copy, path, create=True, checkpoint=place, on_progress=press)
                break
            except KeyboardInterrupt:
                written += 25
        assert [r.operation for r in trace].count("BatchWriteItem") == 1
    assert (runs, written) == (items // 25 + 2, 25 * (runs - 1))
    assert content(copy) == content(filled)
    assert not place.exists()


def test_a_checkpoint_is_for_one_dump_and_table(
    filled: Catalog, new_table: New, tmp_path: Path
) -> None:
    """Another dump, or a new table of the same name, would miss what was written before."""
    path, other, place = tmp_path / "a.json.gz", tmp_path / "b.json.gz", tmp_path / "place.json"
    dump_table(filled, path)
    copy = new_table()
    kill(lambda: import_table(copy, path, create=True, checkpoint=place), 7)
    left = place.read_text()
    ap.put_title(filled, movie(99, 28))
    dump_table(filled, other)
    with pytest.raises(InvalidArgumentError, match="of this import"):
        import_table(copy, other, checkpoint=place)
    delete_table(copy)
    with pytest.raises(InvalidArgumentError, match="of this import"):
        import_table(copy, path, create=True, checkpoint=place)
    assert place.read_text() == left


# --- what is refused


def test_an_import_goes_into_an_empty_table(filled: Catalog, path: Path) -> None:
    """Refused before the dump is read, and nothing is written."""
    before = content(filled)
    with filled.trace() as trace, pytest.raises(InvalidArgumentError, match="has items"):
        import_table(filled, path)
    assert [request.operation for request in trace] == ["DescribeTable", "Scan"]
    assert content(filled) == before


def test_into_a_table_with_items_the_dump_wins(filled: Catalog, path: Path) -> None:
    """Items of the same key are replaced, whatever their version; all others stay."""
    before = content(filled)
    ap.update_popularity(filled, "movie", 7, 7.5)
    listing = next(key for key in dump(filled) if key.PK.startswith("SLOT#"))
    newer = {**key_attributes(listing), "_schema": {"N": "999"}}
    filled.client.put_item(TableName=filled.table, Item=newer)
    extra = {"PK": {"S": "other#2"}, "SK": {"S": "a"}}
    filled.client.put_item(TableName=filled.table, Item=extra)
    import_table(filled, path, into_existing=True)
    assert content(filled) == {**before, ("other#2", "a"): same(extra)}


def test_a_table_that_is_missing_is_created_only_on_demand(new_table: New, path: Path) -> None:
    """And only after the dump was checked."""
    copy = new_table()
    with pytest.raises(TableNotFoundError):
        import_table(copy, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InvalidArgumentError, match="damaged or incomplete"):
        import_table(copy, path, create=True)
    with pytest.raises(TableNotFoundError):
        verify(copy)


def test_a_table_of_another_model_is_refused(new_table: New, path: Path) -> None:
    """With the differences."""
    other = new_table()
    create_of_another_model(other)
    with pytest.raises(SchemaMismatchError, match="the keys are"):
        import_table(other, path)


def test_a_dump_of_a_newer_version_is_refused(new_table: New, path: Path) -> None:
    """Its items might need indexes that this version does not know."""
    beside = path.with_name("a.json.gz.manifest")
    newer = json.loads(beside.read_text()) | {"schemaVersion": SCHEMA_VERSION + 1}
    beside.write_text(json.dumps(newer))
    with pytest.raises(SchemaMismatchError, match="update catalog-model"):
        import_table(new_table(), path, create=True)


def test_lists_of_a_copy_are_those_of_its_table(
    filled: Catalog, new_table: New, path: Path
) -> None:
    """Index keys are attributes like others, so every index is complete."""
    copy = new_table()
    import_table(copy, path, create=True)
    for order in ("popularity", "rating", "release", "name"):
        page = ap.list_titles(copy, "movie", order=order, limit=100)
        assert page.items == ap.list_titles(filled, "movie", order=order, limit=100).items
        assert len(page) == 12


def test_a_missing_table_is_not_dumped(new_table: New, tmp_path: Path) -> None:
    """The table's name is in the error."""
    missing = new_table()
    with pytest.raises(TableNotFoundError, match=missing.table):
        dump_table(missing, tmp_path / "a.json.gz")
    assert list(tmp_path.iterdir()) == []


def test_an_operator_may_send_the_requests(filled: Catalog, new_table: New, tmp_path: Path) -> None:
    """Those of `export iam --role operator --dump`, and no action of it is superfluous."""
    path = tmp_path / "a.json.gz"
    with filled.trace() as dumping:
        dump_table(filled, path)
    assert {request.operation for request in dumping} == {"DescribeTable", "Scan"}
    copy = new_table()
    create_table(copy)
    with copy.trace() as importing:
        import_table(copy, path)
    assert {each.operation for each in importing} == {"DescribeTable", *DUMP_ACTIONS}
    assert "DescribeTable" in TABLE_ACTIONS


def test_the_earlier_content_is_compared_as_a_whole(filled: Catalog) -> None:
    """The comparison of these tests sees a single digit."""
    before: Table = dump(filled)
    changed = {**FOREIGN, "digits": {"N": "12345678901234567890123456789012345679"}}
    filled.client.put_item(TableName=filled.table, Item=changed)
    assert {k: same(i) for k, i in before.items()} != content(filled)

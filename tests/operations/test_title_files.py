"""`dump_titles` writes the application's two files, byte for byte as they were loaded."""

import json
import os
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from engines import Engine
from generated import Records, titles_of
from hypothesis import given, settings
from hypothesis import strategies as st
from kills import MOMENTS, Moment, kill, requests_of
from memory_engine import fill
from scaled import scaled
from strategies import full_titles
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError
from catalog_model.files.reader import FILE_NAMES, read_folder, sample_folder
from catalog_model.operations import create_table, delete_table, dump_titles

pytestmark = pytest.mark.one_engine

_numbers = count(1)


def files_of(records: Records, **layout: Any) -> dict[str, bytes]:
    """Return the files that hold these records, as the application writes them."""
    layout = {"indent": 4, **layout}
    return {FILE_NAMES[kind]: json.dumps(records[kind], **layout).encode() for kind in KINDS}


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def in_file_order(records: Records) -> Records:
    """Order records as the application's files: by popularity, ties by id, both descending."""
    return {
        kind: dict(sorted(records[kind].items(), key=lambda r: (-r[1]["popularity"], -r[1]["id"])))
        for kind in records
    }


@pytest.fixture
def some(records: Records) -> Records:
    """A part of the records, in the order of the file."""
    parts: Records = {kind: dict(list(records[kind].items())[::20]) for kind in KINDS}
    return in_file_order(parts)


@pytest.mark.skipif("CATALOG_DATA" not in os.environ, reason="CATALOG_DATA names the real files")
def test_the_original_files_come_back_byte_for_byte(full_catalog: Catalog, tmp_path: Path) -> None:
    """The real ones."""
    dump_titles(full_catalog, tmp_path / "out")
    data = Path(os.environ["CATALOG_DATA"])
    assert content(tmp_path / "out") == {n: (data / n).read_bytes() for n in FILE_NAMES.values()}


def test_files_come_back_byte_for_byte(catalog: Catalog, some: Records, tmp_path: Path) -> None:
    """Loaded from the files, in the order of popularity, in the application's layout."""
    files = files_of(some)
    loaded = read_folder(write(tmp_path / "in", files))
    random.Random(4).shuffle(loaded)  # the order of the load does not matter
    assert ap.load_titles(catalog, loaded).created == len(loaded)
    report = dump_titles(catalog, tmp_path / "out")
    assert content(tmp_path / "out") == files
    assert {kind: file.titles for kind, file in report.files.items()} == {
        kind: len(some[kind]) for kind in KINDS
    }


@pytest.mark.in_memory
@settings(max_examples=scaled(40))
@given(some=st.lists(full_titles(), max_size=6, unique_by=lambda title: title.key))
def test_any_records_come_back_byte_for_byte(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, some: list[AnyTitle]
) -> None:
    """With any fields in any order, any numbers, texts in any language."""
    records: Records = {kind: {} for kind in KINDS}
    for title in some:
        records[title.kind][str(title.id)] = title.to_json()
    catalog = engine.catalog()
    create_table(catalog)
    ap.load_titles(catalog, some)
    folder = tmp_path_factory.mktemp("out")
    dump_titles(catalog, folder)
    delete_table(catalog)
    assert content(folder) == files_of(in_file_order(records))


def test_changes_are_in_the_files(catalog: Catalog, some: Records, tmp_path: Path) -> None:
    """A title with another popularity has another place, as in the lists."""
    fill(catalog, titles_of(some))
    key = str(next(iter(some["movie"].values()))["id"])
    ap.update_popularity(catalog, "movie", int(key), 0.5)
    some["movie"][key] = some["movie"][key] | {"popularity": 0.5}
    dump_titles(catalog, tmp_path / "out")
    assert content(tmp_path / "out") == files_of(in_file_order(some))
    assert list(in_file_order(some)["movie"])[-1] == key


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"indent": 2, "ensure_ascii": False},
        {"indent": None},
        {"indent": None, "ensure_ascii": False},
        {"indent": 0},
    ],
    ids=str,
)
def test_order_and_layout_are_taken_from_an_earlier_file(
    catalog: Catalog, some: Records, tmp_path: Path, layout: dict[str, Any]
) -> None:
    """Whatever the order: `like` makes the result byte-equal to what was loaded."""
    rng = random.Random(7)
    mixed: Records = {k: dict(rng.sample(list(some[k].items()), len(some[k]))) for k in KINDS}
    files = {name: data + b"\n" for name, data in files_of(mixed, **layout).items()}
    loaded = read_folder(write(tmp_path / "in", files))
    ap.load_titles(catalog, loaded)
    dump_titles(catalog, tmp_path / "out", like=tmp_path / "in")
    assert content(tmp_path / "out") == files
    dump_titles(catalog, tmp_path / "in", like=tmp_path / "in", overwrite=True)
    assert content(tmp_path / "in") == files


def test_titles_that_are_not_in_the_earlier_file_follow(
    catalog: Catalog, some: Records, tmp_path: Path
) -> None:
    """By popularity; deleted ones are missing, and a missing file has no influence."""
    fill(catalog, titles_of(some))
    movies = list(some["movie"].values())
    earlier = {str(each["id"]): each for each in reversed(movies[:5])}
    folder = write(tmp_path / "in", {FILE_NAMES["movie"]: json.dumps(earlier).encode()})
    ap.delete_title(catalog, "movie", movies[2]["id"])
    dump_titles(catalog, tmp_path / "out", like=folder)
    found = json.loads((tmp_path / "out" / FILE_NAMES["movie"]).read_bytes())
    wanted = [movies[4], movies[3], movies[1], movies[0], *movies[5:]]
    assert list(found.values()) == wanted
    assert (tmp_path / "out" / FILE_NAMES["tv"]).read_bytes() == files_of(some)[FILE_NAMES["tv"]]


def test_the_sample_data_has_its_layout_recognized(catalog: Catalog, tmp_path: Path) -> None:
    """Two spaces fewer or more are a different file."""
    fill(catalog, [each for each in read_folder(sample_folder()) if not hasattr(each, "reason")])
    sample = {name: (sample_folder() / name).read_bytes() for name in FILE_NAMES.values()}
    dump_titles(catalog, tmp_path / "out", like=write(tmp_path / "in", sample))
    assert content(tmp_path / "out") == sample


def test_an_unreadable_title_is_reported(catalog: Catalog, tmp_path: Path) -> None:
    """With its key and the reason; all others are written."""
    fill(catalog, [movie(7, 28), movie(8, 28)])
    key = {"PK": {"S": "TITLE#movie#7"}, "SK": {"S": "TITLE#movie#7"}}
    catalog.client.put_item(TableName=catalog.table, Item={**key, "id": {"S": "seven"}})
    report = dump_titles(catalog, tmp_path)
    assert [(key.PK, "id" in reason) for key, reason in report.unreadable] == [
        ("TITLE#movie#7", True)
    ]
    assert list(json.loads((tmp_path / FILE_NAMES["movie"]).read_bytes())) == ["8"]


def test_a_title_of_another_program_is_a_title(catalog: Catalog, tmp_path: Path) -> None:
    """Although it is in no list yet."""
    title = movie(7, 28)
    item = {
        "PK": {"S": "TITLE#movie#7"},
        "SK": {"S": "TITLE#movie#7"},
        **{n: _typed(v) for n, v in title.to_json().items()},
    }
    catalog.client.put_item(TableName=catalog.table, Item=item)
    dump_titles(catalog, tmp_path)
    assert json.loads((tmp_path / FILE_NAMES["movie"]).read_bytes()) == {"7": title.to_json()}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"L": [_typed(each) for each in value]}
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def test_existing_files_are_kept(catalog: Catalog, tmp_path: Path) -> None:
    """Both, if one of them exists; refused before anything is read."""
    (tmp_path / FILE_NAMES["tv"]).write_text("mine")
    with catalog.trace() as trace, pytest.raises(InvalidArgumentError, match="exists already"):
        dump_titles(catalog, tmp_path)
    assert len(trace) == 0
    assert content(tmp_path) == {FILE_NAMES["tv"]: b"mine"}
    dump_titles(catalog, tmp_path, overwrite=True)
    assert content(tmp_path) == dict.fromkeys(FILE_NAMES.values(), b"{}")


WRONG: Iterator[tuple[str, str]] = iter(
    (("[]", "must be a JSON object"), ("{", "not JSON"), ('{"1": {}, "1": {}}', "occurs twice"))
)


@pytest.mark.parametrize(("text", "reason"), list(WRONG))
def test_an_earlier_file_that_is_none_is_refused(
    catalog: Catalog, tmp_path: Path, text: str, reason: str
) -> None:
    """With its path."""
    folder = write(tmp_path / "in", {FILE_NAMES["tv"]: text.encode()})
    with pytest.raises(InvalidArgumentError, match=f"data_tv.json: .*{reason}"):
        dump_titles(catalog, tmp_path / "out", like=folder)
    assert not (tmp_path / "out").exists()


@pytest.mark.in_memory
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_at_any_request_no_file_is_left(
    catalog: Catalog, some: Records, tmp_path: Path, moment: Moment
) -> None:
    """The next run writes them whole."""
    fill(catalog, titles_of(some)[:20])
    first, second = tmp_path / "first", tmp_path / "second"
    sent = requests_of(lambda: dump_titles(catalog, first, segments=2))
    for number in range(1, len(sent.operations) + 1):
        kill(lambda: dump_titles(catalog, second, segments=2), number, moment)
        assert content(second) == {}
    dump_titles(catalog, second)
    assert content(second) == content(first)

"""Files of items in typed JSON: each form of the AWS command line, and damaged ones."""

import gzip
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from catalog_model import Rejection
from catalog_model.errors import InvalidArgumentError
from catalog_model.files.typed_input import items_of

HEAT = {"id": {"N": "949"}, "title": {"S": "Heat"}}
UP = {"id": {"N": "14160"}, "title": {"S": "Up"}}
FORMS: dict[str, Any] = {
    "an item": HEAT,
    "a list of items": [HEAT, UP],
    "get-item": {"Item": HEAT, "ConsumedCapacity": {"CapacityUnits": 1}},
    "put-item": {"TableName": "Films", "Item": HEAT},
    "scan": {"Items": [HEAT, UP], "Count": 2, "ScannedCount": 2},
    "batch-write-item": {"Films": [{"PutRequest": {"Item": HEAT}}, {"PutRequest": {"Item": UP}}]},
    "its input": {"RequestItems": {"Films": [{"PutRequest": {"Item": HEAT}}]}},
    "batch-get-item": {"Responses": {"Films": [HEAT], "Genres": [UP]}, "UnprocessedKeys": {}},
}


def read(data: bytes | Path) -> list[Any]:
    """Return the items of a file, and its rejections."""
    found = items_of(data if isinstance(data, Path) else BytesIO(data))
    return [each if isinstance(each, Rejection) else each.title for each in found]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("indent", [None, 2])
def test_each_form_has_its_items(form: str, indent: int | None) -> None:
    """As a document, on one line or on many."""
    several = any(word in json.dumps(FORMS[form]) for word in ("14160",))
    expected = [HEAT, UP] if several else [HEAT]
    assert read(json.dumps(FORMS[form], indent=indent).encode()) == expected


@pytest.mark.parametrize("form", FORMS)
def test_each_form_may_be_a_line(form: str) -> None:
    """Of JSON Lines, among others; a place has the number of its line."""
    lines = f"{json.dumps({'Item': UP})}\n\n{json.dumps(FORMS[form])}\n"
    found = list(items_of(BytesIO(lines.encode())))
    assert [each.title for each in found if not isinstance(each, Rejection)][:2] == [UP, HEAT]
    assert {each.line for each in found} == {1, 3}
    assert found[1].key == "id 949"


@pytest.mark.parametrize("name", ["films.json", "films.json.gz", "films.jsonl.gz"])
def test_a_file_may_be_compressed(tmp_path: Path, name: str) -> None:
    """As exports to S3 are; recognized by its content."""
    path = tmp_path / name
    text = "\n".join(json.dumps({"Item": each}) for each in (HEAT, UP)).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert read(path) == [HEAT, UP]


@pytest.mark.parametrize("cut", [3, 12, -9, -1])
def test_a_damaged_file_is_named(tmp_path: Path, cut: int) -> None:
    """Not as a bug, but as a file that cannot be read."""
    path = tmp_path / "films.json.gz"
    path.write_bytes(gzip.compress(json.dumps([HEAT] * 99).encode())[:cut])
    with pytest.raises(InvalidArgumentError, match=r"films.json.gz: cannot be read: damaged gzip"):
        read(path)


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ({"949": {"id": 949, "title": "Heat"}}, [""]),
        ([HEAT, {"id": 7}, 7, None], ["[1]", "[2]", "[3]"]),
        ({"Films": [{"PutRequest": {"Item": HEAT}}, {"DeleteRequest": {"Key": UP}}]}, ["Films[1]"]),
        ({"Items": [{"title": "Heat"}]}, ["Items[0]"]),
        ({}, [""]),
        ({"Item": 7}, ["Item"]),
    ],
)
def test_what_is_not_an_item_is_rejected_with_its_place(value: Any, places: list[str]) -> None:
    """The application's own records among them; the other items are read."""
    found = read(json.dumps(value).encode())
    rejected = [each for each in found if isinstance(each, Rejection)]
    assert [each.key for each in rejected] == places
    assert all("is not an item in typed JSON" in each.reason for each in rejected)


def test_a_document_that_is_not_json_is_an_error() -> None:
    """A line only is rejected."""
    with pytest.raises(InvalidArgumentError, match="not JSON"):
        read(b'{"Items": [')
    line = json.dumps({"Item": HEAT}).encode()
    good, bad = read(line + b"\n{oops\n")
    assert good == HEAT
    assert "not JSON" in bad.reason

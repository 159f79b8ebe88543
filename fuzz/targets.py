"""The fuzzed functions: they take bytes and must not raise, whatever the bytes are.

What a docstring of the package names may be raised beneath them; anything else that comes out is
a bug, and so is an answer that is not what it should be.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, Final, cast

from itsdangerous.encoding import base64_encode

from catalog_model import Catalog, Movie, Rejection, TVShow
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.typed_json import primary_key
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import (
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTitleError,
    UnknownEntityError,
)
from catalog_model.files.json_input import JSONInput
from catalog_model.files.reader import FILE_NAMES, each_title, read_title, sample_folder
from catalog_model.reads.cursor import Cursors
from catalog_model.table import codec, keys
from catalog_model.table.keys import SortKey, name_sort_key, number_sort_key

SEEDS: Final = 12
"""How many titles of each kind the corpus begins with."""

LONGEST_MESSAGE: Final = 500

CURSORS: Final = Cursors(Catalog("films", region="eu-west-1"), "list_titles", "movie", 20)


def fuzz_codec(data: bytes) -> None:
    """Decode any JSON as any item; encode and decode it where it is a record."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # not JSON: nothing of the package has run
        return
    if isinstance(value, dict):
        _decode(value)
        for kind in KINDS:
            _round_trip(value, kind)


def _decode(item: dict[str, Any]) -> None:
    """Read an item as everything that it may be."""
    for kind in KINDS:
        for decode in (codec.decode_copy, codec.decode_slot):
            with suppress(UnknownEntityError):
                decode(kind, item)
    with suppress(UnknownEntityError):
        codec.tally_counts(item)
    with suppress(UnknownEntityError):
        _is_a_title(item, codec.decode_title(item))


def _is_a_title(item: dict[str, Any], title: Movie | TVShow) -> None:
    """Check the decoded item against its key, and against the model."""
    assert keys.title_key(title.key) == primary_key(item)
    record = title.to_json()
    for name, field in title.fields.items():
        assert name in record or not field.required
        assert not field.rule.problem(record.get(name)), name


def _round_trip(record: dict[str, Any], kind: Kind) -> None:
    """Encode a record and decode it by each way, exactly."""
    try:
        title = TITLE_CLASSES[kind].from_json(record)
    except InvalidTitleError:
        return
    text = title.to_json_text()
    item = codec.encode_title(title, version=1, slot=0)
    assert codec.decode_title(item).to_json_text() == text
    assert codec.decode_title(cast("dict[str, Any]", json.loads(json.dumps(item)))) == title
    for copy in codec.encode_copies(title, 0):
        assert codec.decode_copy(kind, copy).to_json_text() == text


def fuzz_cursor(data: bytes) -> None:
    """Read any text as a cursor, and any payload as a signed one."""
    _read(data.decode("utf-8", "surrogateescape"))
    for payload in (base64_encode(data), b"." + base64_encode(data), data):
        _read(CURSORS._signer.sign(payload).decode("utf-8", "replace"))


def _read(after: str) -> None:
    """Read a cursor: it is the one that is made for its place, or refused."""
    try:
        place = CURSORS.read(after)
    except InvalidCursorError as error:
        str(error).encode()
    else:
        assert isinstance(place, str)
        assert CURSORS.make(place) == after


def fuzz_files(data: bytes) -> None:
    """Read any bytes as a document, as `json` reads it, and as records, also as JSON Lines."""
    expected = _as_json_reads(data)
    with _explained(expected):
        assert json.dumps(JSONInput(io.BytesIO(data), "x").document()) == expected
    for kind in KINDS:
        with _explained():
            read_title(JSONInput(io.BytesIO(data), "x"), kind)
        with _explained():
            _read_records(data, kind, "x")
        with _explained():  # not UTF-8
            found_lines = _read_records(data, kind, "x.jsonl")
            assert found_lines == sum(1 for line in data.split(b"\n") if line.strip())


@contextmanager
def _explained(expected: str | None = None) -> Iterator[None]:
    """Check that an error is short, and that one for what `json` accepts is of the package."""
    try:
        yield
    except InvalidArgumentError as error:
        message = str(error)
        assert len(message.encode()) < LONGEST_MESSAGE
        assert expected is None or "occurs twice" in message or "nested too deeply" in message


def _read_records(data: bytes, kind: Kind, source: str) -> int:
    """Read a file of records; return their number."""
    found = list(each_title(JSONInput(io.BytesIO(data), source), kind))
    str([each for each in found if isinstance(each, Rejection)]).encode()
    return len(found)


def _as_json_reads(data: bytes) -> str | None:
    """Return the value as text; None if `json` rejects it."""
    with suppress(ValueError, RecursionError):
        return json.dumps(json.loads(data))
    return None


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    "codec": fuzz_codec,
    "cursor": fuzz_cursor,
    "files": fuzz_files,
}


def seeds(target: str) -> Iterator[bytes]:
    """Give inputs to begin with: real ones, made of the sample data."""
    for kind, name in FILE_NAMES.items():
        records = json.loads((sample_folder() / name).read_bytes())
        some = dict(islice(records.items(), SEEDS))
        yield from _SEEDS[target](kind, some)


def _codec_seeds(kind: Kind, records: dict[str, Any]) -> Iterator[bytes]:
    odd = {"extra": {"PK": [1.0, -2, True, None, {"_doc": ""}], "": 1e100, "_x": 10**30}}
    for number, record in enumerate(records.values()):
        title = TITLE_CLASSES[kind].from_json(record | odd if number % 3 == 0 else record)
        items = [codec.encode_title(title, version=1, slot=number), *codec.encode_copies(title, 0)]
        for each in (title.to_json(), *items, codec.encode_former_slot(title.key, number)):
            yield json.dumps(each).encode()
        put = {name: value for name, value in items[0].items() if not name.startswith("_")}
        yield json.dumps({**put, "genre_ids": {"NS": ["35", "28"]}, "new": {"SS": ["b"]}}).encode()
    yield json.dumps({"total": {"N": "3"}, "g28": {"N": "2"}, "g18": {"N": "1E+2"}}).encode()


def _cursor_seeds(kind: Kind, records: dict[str, Any]) -> Iterator[bytes]:
    del kind
    for record in records.values():
        name = str(record.get("title") or record.get("name"))
        for place in (
            number_sort_key(record["popularity"], record["id"]),
            name_sort_key(name, record["id"]),
        ):
            yield CURSORS.make(SortKey(place)).encode()
            yield json.dumps(place).encode()


def _file_seeds(kind: Kind, records: dict[str, Any]) -> Iterator[bytes]:
    del kind
    for number, (key, record) in enumerate(records.items()):
        text = json.dumps(
            {key: record, "0": [None]}, indent=number % 3, ensure_ascii=number % 2 == 0
        )
        yield text.encode(("utf-8", "utf-8-sig", "utf-16", "utf-32-be")[number % 4])
        yield "\n".join(map(json.dumps, records.values())).encode()
    yield b'{"1": NaN, "2": -Infinity, "3": "\\ud800", "3": 1}'


_SEEDS: Final = {"codec": _codec_seeds, "cursor": _cursor_seeds, "files": _file_seeds}

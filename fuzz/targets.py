"""What is fuzzed: functions of bytes that raise nothing, whatever the bytes are.

What a docstring of the package names may be raised beneath them; anything else that comes out is
a bug, and so is an answer that is not what it should be.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, Final, cast

from itsdangerous.encoding import base64_encode

from catalog_model import Catalog, Movie, TVShow
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.typed_json import primary_key
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import (
    InvalidArgumentError,
    InvalidCursorError,
    InvalidTitleError,
    UnknownEntityError,
)
from catalog_model.files import json_stream
from catalog_model.files.json_stream import JsonStream
from catalog_model.files.reader import FILE_NAMES, parse_title, read_titles, sample_folder
from catalog_model.reads.cursor import Cursors
from catalog_model.table import codec, keys
from catalog_model.table.keys import SortKey, name_sort_key, number_sort_key

SEEDS: Final = 12
"""How many titles of each kind the corpus begins with."""

CURSORS: Final = Cursors(Catalog("films", region="eu-west-1"), "list_titles", "movie", 20)


def fuzz_codec(data: bytes) -> None:
    """Decode any JSON as any item; encode and decode it where it is a record."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # of the bytes alone: nothing of ours has run yet
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
    """Hold what was read against the key that it stands under, and against the model."""
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
    for copy in codec.encode_copies(title):
        assert codec.decode_copy(kind, copy).to_json_text() == text


def fuzz_cursor(data: bytes) -> None:
    """Read any text as a cursor, and any payload as a signed one."""
    _read(data.decode("utf-8", "surrogateescape"))
    serializer = CURSORS._serializer
    signer = serializer.make_signer(serializer.salt)
    for payload in (base64_encode(data), b"." + base64_encode(data), data):
        _read(signer.sign(payload).decode("utf-8", "replace"))


def _read(after: str) -> None:
    """Read a cursor: it is the one that is made for its place, or refused."""
    try:
        place = CURSORS.read(after)
    except InvalidCursorError as error:
        str(error).encode()
    else:
        assert isinstance(place, str)
        assert CURSORS.make(place) == after


class _File:
    """A file of bytes in memory, as far as `read_titles` looks at it."""

    name = "fuzzed.json"

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, mode: str) -> io.BytesIO:
        assert mode == "rb"
        return io.BytesIO(self._data)

    def __str__(self) -> str:
        return self.name


def fuzz_files(data: bytes) -> None:
    """Read any bytes as a file of records, in pieces, as `json` reads them at once."""
    json_stream.CHUNK = len(data) % 61 + 1  # type: ignore[misc]  # small, so that much is cut
    expected = _at_once(data)
    try:
        found = dict(JsonStream(io.BytesIO(data), "x").members("records"))
    except InvalidArgumentError as refused:
        error = str(refused)
    else:
        error = ""
    error.encode()
    if error:
        assert expected is None or "occurs twice" in error or "nested too deeply" in error
        return
    assert json.dumps(list(found.items())) == expected
    for kind in KINDS:
        assert len(read_titles(cast("Any", _File(data)), kind)) == len(found)
        with suppress(InvalidArgumentError):
            parse_title(data, kind, "x")


def _at_once(data: bytes) -> str | None:
    """Give the members of an object as text; None where `json` refuses it or finds no object."""
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            return json.dumps(list(found.items()))
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
        items = [codec.encode_title(title, version=1, slot=number), *codec.encode_copies(title)]
        for each in (title.to_json(), *items, codec.encode_slot(title.key, number)):
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
    yield b'{"1": NaN, "2": -Infinity, "3": "\\ud800", "3": 1}'


_SEEDS: Final = {"codec": _codec_seeds, "cursor": _cursor_seeds, "files": _file_seeds}

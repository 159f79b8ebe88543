"""The application's two files, written from the table.

Records are ordered as the application's files are: by popularity, the highest first, and ties by
id, the higher first. This is also the order of `list_titles`. So the order of those files need not
be stored; `docs/decisions/0013-order-of-files.md` has the alternatives.
"""

import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_path, check_progress, refuse
from catalog_model.deployment.whole_files import NewFile, check_new, named_errors, new_file
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_rate, check_segments
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidArgumentError, UnknownEntityError
from catalog_model.files.json_input import MAX_FILE, parse
from catalog_model.files.reader import FILE_NAMES
from catalog_model.files.writer import USUAL, Layout, layout_of
from catalog_model.table import codec, keys
from catalog_model.table.title_items import key_of, name_of


@dataclass(frozen=True, slots=True)
class TitleFile:
    """A written file: its path, its number of titles, its size, and its SHA-256."""

    path: Path
    titles: int
    size: int
    sha256: str


@dataclass(slots=True)
class TitleFilesReport:
    """The result of writing the application's files.

    ``files`` has the file of each kind. ``unreadable`` lists titles that cannot be read and are in
    no file, each with the reason.
    """

    files: dict[Kind, TitleFile] = field(default_factory=dict)
    unreadable: list[tuple[ItemKey, str]] = field(default_factory=list)


def dump_titles(
    catalog: Catalog,
    folder: str | Path,
    *,
    like: str | Path | None = None,
    overwrite: bool = False,
    read_units: float | None = None,
    segments: int = SEGMENTS,
    on_progress: Callable[[int], None] | None = None,
) -> TitleFilesReport:
    """Write the application's two files, `data_movies.json` and `data_tv.json`.

    The records are those that were loaded, byte for byte. The whole file is, too, if the loaded
    file was ordered by popularity, ties by the higher id first, and had the layout of
    ``json.dump(records, file, indent=4)``. Both hold for the application's own files. For others,
    *like* takes order and layout from an earlier file. What JSON can write in several ways and
    means the same (``1e1`` and ``10.0``) is written as Python writes it.

    Reads the whole table with strong consistency: a read unit for each 4 KB. Each title is as it
    was when it was read, so the files are not one moment of the table. Memory is limited to a few
    numbers for each title; temporary files have the size of the result.

    Args:
        folder: Folder of the files, created if it is missing.
        like: A folder with earlier files. Titles that are in them keep their places there, the
            others follow; each file keeps its layout. A missing file has no influence.
        overwrite: Whether to replace existing files.
        read_units: Limit of the read units a second, 0.001 to 1e12; None for no limit.
        segments: Number of parts of the table that are read in parallel, 1 to 64.
        on_progress: Called with the number of items read so far, by several threads.

    Raises:
        InvalidArgumentError: If an argument is invalid, a file exists or cannot be written, or a
            file of *like* is not a JSON object.
        TableNotFoundError: If the table does not exist.

    >>> from tempfile import mkdtemp
    >>> report = dump_titles(catalog, mkdtemp())
    >>> {kind: file.titles for kind, file in report.files.items()}
    {'movie': 3, 'tv': 2}
    """
    check_instance(catalog, "catalog", Catalog)
    overwrite = check_flag(overwrite, "overwrite")
    check_segments(segments)
    pace = Pace(check_rate(read_units, "read_units"))
    target = check_path(folder, "folder", "a folder")
    examples = _examples(None if like is None else check_path(like, "like", "a folder"))
    with named_errors(target):
        target.mkdir(parents=True, exist_ok=True)
    for name in FILE_NAMES.values():
        check_new(target / name, overwrite=overwrite)
    report = TitleFilesReport()
    with _Records(target, examples) as records:
        reading = _Reading(PacedReads(catalog.gateway, pace), records, report, on_progress)
        with persistent(Persistence(pace.rest)):
            in_parallel(lambda n: reading.read(n, segments), segments, reading.stop)
        for kind in KINDS:
            report.files[kind] = records.write(kind, target / FILE_NAMES[kind])
    report.unreadable.sort()
    return report


class Example(NamedTuple):
    """Layout and order of an earlier file: the place of each id."""

    layout: Layout = USUAL
    places: Mapping[str, int] = {}


class _Place(NamedTuple):
    """Where the text of a record is, with its sort key first."""

    rank: int
    popularity: float
    title_id: int
    offset: int
    length: int


class _Records:
    """The texts of all records in a temporary file, and their places in memory. Thread-safe."""

    def __init__(self, folder: Path, examples: Mapping[Kind, Example]) -> None:
        self._folder = folder
        self._examples = examples
        self._places: dict[Kind, list[_Place]] = {kind: [] for kind in KINDS}
        self._lock = threading.Lock()
        self._end = 0
        with named_errors(folder):
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed at the end

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, title: AnyTitle) -> None:
        """Keep the text of a title."""
        layout, places = self._examples[title.kind]
        text = layout.record(title.to_json())
        rank = places.get(str(title.id), len(places))
        with self._lock:
            with named_errors(self._folder):
                self._file.write(text)
            place = _Place(rank, -title.popularity, -title.id, self._end, len(text))
            self._places[title.kind].append(place)
            self._end += len(text)

    def write(self, kind: Kind, path: Path) -> TitleFile:
        """Write the file of a kind."""
        layout = self._examples[kind].layout
        places = sorted(self._places[kind])
        with new_file(path) as file:
            for number, text in enumerate(self._texts(places)):
                file.write(layout.between if number else layout.begin)
                file.write(text)
            file.write(layout.after if places else layout.empty)
            file.keep()
        return _written(file, len(places))

    def _texts(self, places: list[_Place]) -> Iterator[bytes]:
        for place in places:
            with named_errors(self._folder):
                self._file.seek(place.offset)
                text = self._file.read(place.length)
            yield text


class _Reading:
    """Reads segments of the table, and keeps the titles in them."""

    def __init__(
        self,
        reads: PacedReads,
        records: _Records,
        report: TitleFilesReport,
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self.stop: Final = reads.stop
        self._reads = reads
        self._records = records
        self._report = report
        self._on_progress = check_progress(on_progress)
        self._lock = threading.Lock()
        self._seen = 0

    def read(self, segment: int, segments: int) -> None:
        """Read one segment."""
        for items in self._reads.pages(segment, segments):
            for item in items:
                self._keep(item)
            with self._lock:
                self._seen += len(items)
                seen = self._seen
            self._on_progress(seen)

    def _keep(self, item: Item) -> None:
        key = key_of(item)
        if not isinstance(name_of(key), keys.TitleItem):
            return
        try:
            title = codec.decode_title(item)
        except UnknownEntityError as error:
            with self._lock:
                self._report.unreadable.append((key, str(error)))
        else:
            self._records.add(title)


def _written(file: NewFile, titles: int) -> TitleFile:
    return TitleFile(file.path, titles, file.size, file.sha256)


def _examples(folder: Path | None) -> dict[Kind, Example]:
    examples = dict.fromkeys(KINDS, Example())
    if folder is None:
        return examples
    with named_errors(folder):
        if not folder.is_dir():
            refuse("like", str(folder), "a folder")
    return {kind: _example(folder / FILE_NAMES[kind]) for kind in KINDS}


def _example(path: Path) -> Example:
    with named_errors(path):
        if not path.is_file():
            return Example()
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise InvalidArgumentError(f"{path}: has more than {MAX_FILE:,} bytes")
    try:
        records: Any = parse(data)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"{path}: {error}") from error
    if not isinstance(records, dict):
        raise InvalidArgumentError(f"{path}: must be a JSON object of records by their ids")
    places = {title_id: place for place, title_id in enumerate(records)}
    return Example(layout_of(data, records), places)

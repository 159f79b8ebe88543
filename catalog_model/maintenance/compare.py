"""Compares the titles of two tables: those that were added, removed and changed."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance, check_path, check_progress
from catalog_model.deployment.whole_files import NewFile, check_new, new_file
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.pace import SEGMENTS, Pace, PacedReads, check_rate, check_segments
from catalog_model.dynamodb.parallel import in_parallel
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.dynamodb.typed_json import Item, ItemKey
from catalog_model.errors import UnknownEntityError
from catalog_model.table import codec, keys
from catalog_model.table.title_items import key_of, name_of

Change = Literal["added", "changed", "removed"]
CHANGES: Final[tuple[Change, ...]] = ("added", "changed", "removed")

LISTED: Final = 100
"""The maximum number of differences in a comparison; a file has all of them."""


class Difference(NamedTuple):
    """A title that differs between two tables."""

    change: Change
    kind: Kind
    id: int

    def __str__(self) -> str:
        return f"{self.kind} {self.id} {self.change}"


@dataclass(frozen=True, slots=True)
class TableComparison:
    """The titles of a table that were added, changed and removed, compared with an earlier one.

    ``differences`` are some of them, at most 100, in their order.
    """

    added: int
    changed: int
    removed: int
    differences: tuple[Difference, ...] = field(default=())

    @property
    def is_equal(self) -> bool:
        """Whether both tables have the same titles."""
        return not (self.added or self.changed or self.removed)


def compare_tables(
    catalog: Catalog,
    earlier: Catalog,
    *,
    file: str | Path | None = None,
    overwrite: bool = False,
    read_units_per_second: float | None = None,
    segments: int = SEGMENTS,
    on_progress: Callable[[int], None] | None = None,
) -> TableComparison:
    """Compare the titles of a table with those of an earlier state of it, such as a restored table.

    A title is *added* if only *catalog* has it, *removed* if only *earlier* has it, and *changed*
    if their records differ in anything. Reads both tables twice, with strong consistency: about two
    read units for each 4 KB of both. Memory does not grow with the tables. Writers may continue; a
    title that is written meanwhile counts as it was when it was read.

    Args:
        earlier: A handle on the earlier state.
        file: A file for all differences, as JSON Lines without order: change, kind, id, and the
            record ``now`` and ``then``; null where there is none, or it cannot be read.
        overwrite: Whether to replace an existing file.
        read_units_per_second: Limit of the read capacity used, of each table, above 0.
        segments: Number of parts of a table that are read in parallel, 1 to 64.
        on_progress: Called with the number of items read so far, by several threads.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the file exists or cannot be written.
        TableNotFoundError: If one of the tables does not exist.

    >>> compare_tables(catalog, catalog).is_equal
    True
    """
    check_instance(catalog, "catalog", Catalog)
    check_instance(earlier, "earlier", Catalog)
    check_segments(segments)
    check_flag(overwrite, "overwrite")
    check_rate(read_units_per_second, "read_units_per_second")
    on_progress = check_progress(on_progress)
    path = None if file is None else check_path(file, "file")
    if path is not None:
        check_new(path, overwrite=overwrite)
    pace = Pace(read_units_per_second)
    now, then = (PacedReads(each.gateway, pace) for each in (catalog, earlier))
    with (
        nullcontext() if path is None else new_file(path) as written,
        persistent(Persistence(pace.rest)),
    ):
        comparing = _Comparing(written, on_progress)
        comparing.read(now, then, segments, _Sides.of_now)
        comparing.read(then, now, segments, _Sides.of_then)
        if written is not None:
            written.keep()
    return comparing.result()


class _Sides:
    """The differences of a page of one table from the items of the other."""

    @staticmethod
    def of_now(own: Item, other: Item | None) -> Change | None:
        """Return the change of a title of the table."""
        if other is None:
            return "added"
        return None if _same(own, other) else "changed"

    @staticmethod
    def of_then(_: Item, other: Item | None) -> Change | None:
        """Return the change of a title of the earlier table: the rest was compared before."""
        return "removed" if other is None else None


class _Comparing:
    """The differences that were found so far. Thread-safe."""

    def __init__(self, file: NewFile | None, on_progress: Callable[[int], None]) -> None:
        self._file = file
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._counts: Counter[Change] = Counter()
        self._listed: list[Difference] = []
        self._seen = 0

    def read(
        self,
        one: PacedReads,
        other: PacedReads,
        segments: int,
        change_of: Callable[[Item, Item | None], Change | None],
    ) -> None:
        """Compare each title of one table with the other table."""

        def read_segment(segment: int) -> None:
            for items in one.pages(segment, segments):
                own = dict(_titles(items))
                found = other.batch_get(own) if own else {}
                for key, item in own.items():
                    change = change_of(item, found.get(key))
                    if change is not None:
                        self._add(change, key, item, found.get(key))
                self._count(len(items))

        def stop() -> None:
            one.stop()
            other.stop()

        in_parallel(read_segment, segments, stop)

    def result(self) -> TableComparison:
        """Return what was found."""
        counts = {change: self._counts[change] for change in CHANGES}
        return TableComparison(**counts, differences=tuple(sorted(self._listed)))

    def _add(self, change: Change, key: ItemKey, own: Item, other: Item | None) -> None:
        name = name_of(key)
        title = name.key  # type: ignore[union-attr]  # `_titles` yields no other
        now, then = (other, own) if change == "removed" else (own, other)
        line = {"change": change, "kind": title.kind, "id": title.id}
        line |= {"now": _record(now), "then": _record(then)}
        with self._lock:
            self._counts[change] += 1
            if len(self._listed) < LISTED:
                self._listed.append(Difference(change, title.kind, title.id))
            if self._file is not None:
                self._file.write(json.dumps(line).encode() + b"\n")

    def _count(self, items: int) -> None:
        with self._lock:
            self._seen += items
            seen = self._seen
        self._on_progress(seen)


def _titles(items: Iterable[Item]) -> Iterator[tuple[ItemKey, Item]]:
    """Yield the titles' own items of a page, with their keys."""
    for item in items:
        key = key_of(item)
        if isinstance(name_of(key), keys.TitleItem):
            yield key, item


def _same(one: Item, other: Item) -> bool:
    """Return whether two items hold the same record; unreadable ones, whether they are equal."""
    first, second = _record(one), _record(other)
    if first is None or second is None:
        return one == other
    return json.dumps(first) == json.dumps(second)


def _record(item: Item | None) -> Any:
    """Return the record of a title's own item; None if there is none, or it cannot be read."""
    if item is None:
        return None
    try:
        return codec.decode_title(item).to_json()
    except UnknownEntityError:
        return None

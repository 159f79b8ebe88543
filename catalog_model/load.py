"""The access pattern that loads many titles in batches, and may be run again at any time.

A new title is staged first: its copies are written by BatchWriteItem, which is cheap and not
atomic. Then titles are committed, 30 at a time: one transaction writes their own items, their
slots and the counts, on the condition that what was staged still stands. So a title that is there
is complete, and the counts are exact at any moment; a load that was cut off leaves at most copies
of titles to come, which the next run overwrites. Titles that are there but differ are replaced
one by one, as `put_title` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from catalog_model import codec, keys
from catalog_model.arguments import check_instance, refuse, shown
from catalog_model.catalog import Catalog
from catalog_model.counts import read_counts
from catalog_model.entities import Movie, TVShow
from catalog_model.errors import InvalidTitleError
from catalog_model.faults import LostRaceError
from catalog_model.gateway import MAX_BATCH_GET, chunks
from catalog_model.keys import SHARDS, TitleKey
from catalog_model.merge import AnyTitle
from catalog_model.patterns import access_pattern
from catalog_model.plan import (
    MAX_ACTIONS,
    MAX_TRANSACTION_BYTES,
    Shard,
    check_plan,
    plan_commit,
    plan_creation,
)
from catalog_model.sizes import item_size
from catalog_model.writes import first_version, put_title

ACTIONS_PER_TITLE: Final = 3
COMMIT_TITLES: Final = (MAX_ACTIONS - SHARDS) // ACTIONS_PER_TITLE
COMMIT_BYTES: Final = MAX_TRANSACTION_BYTES // 4
"""Each title's record is in its item and, as a condition, in the check of its copy."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that was not loaded: where it stands, and why not."""

    source: str
    key: str
    reason: str


@dataclass(slots=True)
class LoadReport:
    """What a load did: titles created, changed and found unchanged, and records rejected."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many records the load is through with."""
        return self.created + self.changed + self.unchanged + len(self.rejected)


@access_pattern(
    question="Load many titles",
    operation="BatchGetItem, BatchWriteItem, TransactWriteItems",
    index="table",
    key_condition="what was staged still stands",
    consistency="atomic for each title's own item, slot and counts",
    cost="1 request for 100 titles; for new ones 1 more for 25 copies and 2 for 30 titles",
    role="write",
)
def load_titles(
    catalog: Catalog,
    titles: Iterable[AnyTitle | Rejection],
    *,
    on_progress: Callable[[int], None] | None = None,
) -> LoadReport:
    """Create or replace many titles, in batches.

    Titles that are there already are compared first: what is equal is not written, so a second
    run writes nothing. A run that was cut off is completed by repeating it; what it wrote until
    then stays. While it runs, a list may show a new title a moment before `get_title` finds it.
    Where a key comes twice, the later title stays.

    Costs one BatchGetItem for 100 titles (1 read unit each); for new ones one BatchWriteItem for
    25 copies and one transaction for 30 titles; for changed ones two requests each.

    Args:
        titles: Movies and shows, in any order and number; read as they are needed. A `Rejection`
            among them, or anything that is no title, goes into the report.
        on_progress: Called with the number of records done so far, after each batch.

    Returns:
        How many titles were created, changed and unchanged, and what was rejected and why.

    Raises:
        InvalidArgumentError: If *titles* cannot be iterated over.
        ConflictError: If concurrent changes of a title won every time.

    >>> report = load_titles(catalog, [Movie.from_json(record)])
    >>> (report.created, report.changed, report.unchanged)
    (1, 0, 0)
    """
    check_instance(catalog, "catalog", Catalog)
    if isinstance(titles, (str, bytes, dict)) or not isinstance(titles, Iterable):
        refuse("titles", titles, "titles")
    if on_progress is not None and not callable(on_progress):
        refuse("on_progress", on_progress, "a function of a number")
    loading = _Loading(catalog, on_progress or (lambda _: None))
    for batch in _batches(loading.accepted(titles)):
        loading.load(batch)
    loading.progressed()
    return loading.report


class _Loading:
    """One run of a load."""

    def __init__(self, catalog: Catalog, on_progress: Callable[[int], None]) -> None:
        self.report = LoadReport()
        self._catalog = catalog
        self._on_progress = on_progress

    def accepted(self, titles: Iterable[object]) -> Iterator[AnyTitle]:
        """Let through what can be loaded, and note the rest."""
        for title in titles:
            rejection = title if isinstance(title, Rejection) else _judge(title)
            if rejection is not None:
                self.report.rejected.append(rejection)
            elif isinstance(title, (Movie, TVShow)):
                yield title

    def load(self, titles: list[AnyTitle]) -> None:
        """Bring up to 100 titles with different keys into the table."""
        stored = self._read(titles)
        changed = [t for t in titles if t.key in stored and stored[t.key] != t]
        new = [t for t in titles if t.key not in stored]
        self.report.unchanged += len(titles) - len(changed) - len(new)
        self.progressed()
        for title in changed:
            self._replace(title)
        for group in _commits(new):
            self._create(group)

    def _read(self, titles: list[AnyTitle]) -> dict[TitleKey, AnyTitle]:
        wanted = [keys.title_key(title.key) for title in titles]
        found = self._catalog.gateway.batch_get(wanted, consistent=True).values()
        return {title.key: title for title in map(codec.decode_title, found)}

    def _create(self, titles: list[AnyTitle]) -> None:
        """Stage and commit new titles; where somebody was faster, put them one by one."""
        gateway = self._catalog.gateway
        gateway.batch_put(copy for title in titles for copy in codec.encode_copies(title))
        totals, _ = read_counts(gateway, titles[0].kind, consistent=True)
        try:
            gateway.transact(plan_commit(titles, first_version(), totals))
        except LostRaceError:
            already_there = self._read(titles)
            for title in titles:
                put_title(self._catalog, title)
            self.report.changed += len(already_there)
            self.report.created += len(titles) - len(already_there)
        else:
            self.report.created += len(titles)
        self.progressed()

    def _replace(self, title: AnyTitle) -> None:
        put_title(self._catalog, title)
        self.report.changed += 1
        self.progressed()

    def progressed(self) -> None:
        """Tell how many records are done."""
        self._on_progress(self.report.done)


def _judge(title: object) -> Rejection | None:
    """Say why something cannot be loaded; None if it can."""
    if not isinstance(title, (Movie, TVShow)):
        return Rejection("", shown(title), "this is neither a Movie nor a TVShow")
    try:
        check_plan(plan_creation(title, first_version(), Shard(0)), title)
    except InvalidTitleError as error:
        return Rejection("", f"{title.kind} {title.id}", str(error))
    return None


def _batches(titles: Iterator[AnyTitle]) -> Iterator[list[AnyTitle]]:
    """Cut into batches of one BatchGetItem; none holds the same key twice."""
    batch: dict[TitleKey, AnyTitle] = {}
    for title in titles:
        if len(batch) == MAX_BATCH_GET or title.key in batch:
            yield list(batch.values())
            batch = {}
        batch[title.key] = title
    if batch:
        yield list(batch.values())


def _commits(titles: list[AnyTitle]) -> Iterator[list[AnyTitle]]:
    """Cut into groups of one kind that fit one transaction."""
    for _, of_kind in groupby(sorted(titles, key=_kind), key=_kind):
        for group in chunks(of_kind, COMMIT_TITLES):
            yield from _light_enough(group)


def _light_enough(titles: list[AnyTitle]) -> Iterator[list[AnyTitle]]:
    group: list[AnyTitle] = []
    weight = 0
    for title in titles:
        size = item_size(codec.encode_title(title, version=0, slot=0))
        if group and weight + size > COMMIT_BYTES:
            yield group
            group, weight = [], 0
        group.append(title)
        weight += size
    if group:
        yield group


def _kind(title: AnyTitle) -> str:
    return title.kind

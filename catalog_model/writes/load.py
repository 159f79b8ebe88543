"""The access pattern that loads many titles, and may be run again at any time.

What is there already is compared first and written only where it differs. New titles are created
several at a time, as many as fit one transaction: with their copies, their slots and the counts.
So a load that was cut off leaves whole titles only, and the next one goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_many, check_progress, refuse, shown
from catalog_model.declarations.pattern import access_pattern, step
from catalog_model.declarations.vocabulary import (
    CREATION,
    ENROLMENT,
    REPLACED,
    TALLY,
    TITLE,
    write_step,
)
from catalog_model.domain.kinds import TitleKey
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.dynamodb.actions import plan_size
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.limits import (
    MAX_BATCH_GET,
    MAX_TRANSACTION_ACTIONS,
    MAX_TRANSACTION_BYTES,
)
from catalog_model.dynamodb.pace import check_rate
from catalog_model.entities import AnyTitle, Movie, TVShow
from catalog_model.errors import InvalidTitleError, ThrottledError, UnknownEntityError
from catalog_model.table import keys
from catalog_model.table.keys import SHARDS
from catalog_model.table.plan import Shard, Stored, plan_creations
from catalog_model.writes.attempts import read_shards, read_stored
from catalog_model.writes.load_pace import LoadPace
from catalog_model.writes.storing import check_creation, first_version, write_title

EMPTY: Final = (Shard(0),) * SHARDS

Loadable = AnyTitle | Sourced[AnyTitle] | Rejection
"""What a load takes: a title, alone or with its place in a file, or a record rejected before."""


@dataclass(slots=True)
class LoadReport:
    """What a load did: titles created, changed and found unchanged, and records rejected."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    throttled: int = field(default=0, compare=False)
    """How often a request was refused for want of throughput, besides what botocore repeated."""

    @property
    def done(self) -> int:
        """How many records the load is through with."""
        return self.created + self.changed + self.unchanged + len(self.rejected)


@access_pattern(
    "Load many titles",
    step(
        "BatchGetItem",
        TITLE,
        requests="ceil(titles / 100)",
        units="titles * rcu(title)",
        strong=True,
    ),
    step(
        "BatchGetItem",
        TITLE,
        TALLY,
        requests="titles",
        units="requests * max(8 * rcu(tally), rcu(title) + rcu(tally))",
        strong=True,
    ),
    write_step(
        *CREATION,
        requests="titles",
        units=f"titles * ({REPLACED} + 2) + requests * 8 * 2 * wcu(tally)",
    ),
    ENROLMENT,
    consistency="atomic for each title",
)
def load_titles(
    catalog: Catalog,
    titles: Iterable[Loadable],
    *,
    on_progress: Callable[[int], None] | None = None,
    write_units: float | None = None,
) -> LoadReport:
    """Create or replace many titles, in batches.

    Titles that are there already are compared first: what is equal is not written, so a second
    run writes nothing. Each title is written whole or not at all, with the counts: a run that was
    cut off is completed by repeating it, and readers never see the difference. Where a key comes
    twice, the later title stays.

    It goes on at the table's pace: where the table refuses writes for want of throughput, fewer
    titles make a transaction, down to one, and each waits for its turn. On a provisioned table
    that is what the table's own write capacity allows, which is asked for at the first refusal.

    Costs one BatchGetItem for 100 titles (1 read unit each); for new ones one BatchGetItem and one
    transaction of up to 100 items, some 15 titles; for changed ones two requests each.

    Args:
        titles: Movies and shows, in any order and number; read as they are needed. A `Rejection`
            among them, or anything that is no title, goes into the report. A `Sourced` title that
            is rejected here keeps its file, key and line.
        on_progress: Called with the number of records done so far, after each batch.
        write_units: How many write units a second it may take of the table, and of each index at
            the most, above 0; as many as it gets when None.

    Returns:
        How many titles were created, changed and unchanged, and what was rejected and why.

    Raises:
        InvalidArgumentError: If *titles* cannot be iterated over, or *write_units* is no number
            above 0.
        ConflictError: If concurrent changes of a title won every time.
        ThrottledError: If nothing at all could be written for a quarter of an hour.

    >>> report = load_titles(catalog, [Movie.from_json(record)])
    >>> (report.created, report.changed, report.unchanged)
    (1, 0, 0)
    """
    check_instance(catalog, "catalog", Catalog)
    if isinstance(titles, dict):
        refuse("titles", titles, "titles")
    several = check_many(titles, "titles", "titles")
    pace = LoadPace(catalog.gateway, check_rate(write_units, "write_units"))
    loading = _Loading(catalog, pace, check_progress(on_progress))
    with pace.kept():
        for batch in _batches(loading.accepted(several)):
            loading.load(batch)
    loading.progressed()
    return loading.report


class _Loading:
    """One run of a load."""

    def __init__(
        self, catalog: Catalog, pace: LoadPace, on_progress: Callable[[int], None]
    ) -> None:
        self.report = LoadReport()
        self._catalog = catalog
        self._pace = pace
        self._on_progress = on_progress

    def accepted(self, titles: Iterable[object]) -> Iterator[Sourced[AnyTitle]]:
        """Let through what can be loaded, and note the rest."""
        for each in titles:
            accepted = each if isinstance(each, Rejection) else _judge(each)
            if isinstance(accepted, Rejection):
                self.report.rejected.append(accepted)
            else:
                yield accepted

    def load(self, batch: list[Sourced[AnyTitle]]) -> None:
        """Bring up to 100 titles with different keys into the table."""
        stored, unreadable = self._read([each.title for each in batch])
        self.report.rejected += [
            each.rejected(unreadable[each.title.key])
            for each in batch
            if each.title.key in unreadable
        ]
        titles = [each.title for each in batch if each.title.key not in unreadable]
        equal = {title.key for title in titles if _is_as_stored(title, stored.get(title.key))}
        self.report.unchanged += len(equal)
        self.progressed()
        for title in titles:
            if title.key in stored and title.key not in equal:
                self._write(title)
        for group in _transactions([title for title in titles if title.key not in stored]):
            self._create_all(group)

    def _read(self, titles: list[AnyTitle]) -> tuple[dict[TitleKey, Stored], dict[TitleKey, str]]:
        """Read what is there; what cannot be read has a reason, and is not replaced."""
        wanted = {keys.title_key(title.key): title.key for title in titles}
        found = self._catalog.gateway.batch_get(wanted, consistent=True)
        stored: dict[TitleKey, Stored] = {}
        unreadable: dict[TitleKey, str] = {}
        for at, item in found.items():
            key = wanted[at]
            try:
                there = read_stored(key, item)
            except UnknownEntityError as error:
                unreadable[key] = str(error)
            else:
                stored |= {key: there} if there else {}
        return stored, unreadable

    def _create_all(self, titles: list[AnyTitle]) -> None:
        """Create titles, as many at a time as the table takes."""
        while titles:
            together = self._pace.together(titles)
            if len(together) == 1:
                self._write(together[0])
            elif not self._create(together):
                continue
            titles = titles[len(together) :]

    def _create(self, titles: list[AnyTitle]) -> bool:
        """Create titles together; where somebody was faster, write them one by one.

        Tell whether they are written: it may be that they were too many for the table.
        """
        gateway = self._catalog.gateway
        self._pace.await_turn(titles)
        shards = read_shards(gateway, titles[0].kind)
        try:
            with self._pace.refusing_soon():
                gateway.transact(plan_creations(titles, first_version(), shards))
        except LostRaceError:
            for title in titles:
                self._write(title)
        except ThrottledError:
            self._pace.refused()
            return False
        else:
            self._pace.wrote()
            self.report.created += len(titles)
            self.progressed()
        return True

    def _write(self, title: AnyTitle) -> None:
        self._pace.await_turn([title])
        before = write_title(self._catalog, title).stored
        self._pace.wrote()
        if before is None:
            self.report.created += 1
        elif _is_as_stored(title, before):
            self.report.unchanged += 1
        else:
            self.report.changed += 1
        self.progressed()

    def progressed(self) -> None:
        """Tell how many records are done."""
        self.report.throttled = self._pace.refusals
        self._on_progress(self.report.done)


def _is_as_stored(title: AnyTitle, stored: Stored | None) -> bool:
    """Whether nothing has to be written: a title that has no slot still has to be enrolled."""
    return stored is not None and stored.slot is not None and stored.title == title


def _judge(given: object) -> Sourced[AnyTitle] | Rejection:
    """Return what can be loaded, with its place, and the rejection of anything else."""
    title = given.title if isinstance(given, Sourced) else given
    if not isinstance(title, (Movie, TVShow)):
        return Rejection("", shown(title), "this is neither a Movie nor a TVShow")
    sourced = (
        given if isinstance(given, Sourced) else Sourced(title, "", f"{title.kind} {title.id}")
    )
    try:
        check_creation(title)
    except InvalidTitleError as error:
        return sourced.rejected(str(error))
    return sourced


def _batches(titles: Iterator[Sourced[AnyTitle]]) -> Iterator[list[Sourced[AnyTitle]]]:
    """Cut into batches of one BatchGetItem; none holds the same key twice."""
    batch: dict[TitleKey, Sourced[AnyTitle]] = {}
    for each in titles:
        if len(batch) == MAX_BATCH_GET or each.title.key in batch:
            yield list(batch.values())
            batch = {}
        batch[each.title.key] = each
    if batch:
        yield list(batch.values())


def _transactions(titles: list[AnyTitle]) -> Iterator[list[AnyTitle]]:
    """Cut into groups of one kind, each as large as a transaction may be."""
    for _, of_kind in groupby(sorted(titles, key=_kind), key=_kind):
        group: list[AnyTitle] = []
        actions, weight = SHARDS, 0
        for title in of_kind:
            planned = plan_creations([title], 0, EMPTY)[:-1]  # its tally is counted already
            size = plan_size(planned)
            is_full = actions + len(planned) > MAX_TRANSACTION_ACTIONS
            if group and (is_full or weight + size > MAX_TRANSACTION_BYTES):
                yield group
                group, actions, weight = [], SHARDS, 0
            group.append(title)
            actions += len(planned)
            weight += size
        yield group


def _kind(title: AnyTitle) -> str:
    return title.kind

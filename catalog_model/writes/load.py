"""The access pattern that loads many titles, and can be repeated at any time.

Existing titles are compared first, and written only if they differ. New titles are created several
at a time, as many as fit into one transaction: with their copies, their slots and the counts. An
interrupted load leaves only whole titles, and the next one completes it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance, check_many, check_progress, refuse, shown
from catalog_model.declarations.pattern import bulk_access_pattern, step
from catalog_model.declarations.vocabulary import (
    CREATION,
    CREATION_WITHOUT_TALLIES,
    ENROLMENT,
    FORMER_CHANGE,
    REPLACED,
    SEARCH_OF_SLOTS,
    TALLY,
    TITLE,
    write_step,
)
from catalog_model.domain.kinds import Kind, TitleKey
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.dynamodb.conversation import batch_get, hold, transact
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.limits import (
    MAX_BATCH_GET,
    MAX_PUT_BYTES,
    MAX_TRANSACTION_ACTIONS,
)
from catalog_model.dynamodb.pace import check_rate
from catalog_model.entities import AnyTitle, Movie, TVShow
from catalog_model.errors import InvalidTitleError, ThrottledError, UnknownEntityError
from catalog_model.table import keys
from catalog_model.table.encoded import Encoded
from catalog_model.table.keys import SHARDS
from catalog_model.table.plan import Stored, plan_creations
from catalog_model.table.title_items import read_stored
from catalog_model.writes.attempts import first_version, read_shards
from catalog_model.writes.load_pace import LoadPace
from catalog_model.writes.storing import write_title

Loadable = AnyTitle | Sourced[AnyTitle] | Rejection
"""The input of a load: a title, alone or with its place in a file, or a rejected record."""


@dataclass(slots=True)
class LoadReport:
    """The result of a load: titles created, changed and found unchanged, and rejected records."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)
    throttled: int = field(default=0, compare=False)
    """How many requests were throttled, without the retries of botocore."""

    @property
    def done(self) -> int:
        """The number of records done."""
        return self.created + self.changed + self.unchanged + len(self.rejected)


@bulk_access_pattern(
    "Load many titles",
    step(
        "BatchGetItem",
        TITLE,
        requests="ceil(titles / 100)",
        round_trips="ceil(titles / 100)",
        units="titles * rcu(title)",
        strong=True,
    ),
    step(
        "BatchGetItem",
        TITLE,
        TALLY,
        requests="titles",
        round_trips="titles",
        units="requests * max(8 * rcu(tally), rcu(title) + rcu(tally))",
        strong=True,
    ),
    write_step(
        *CREATION, requests="titles", units=f"titles * ({REPLACED}) + requests * 8 * 2 * wcu(tally)"
    ),
    ENROLMENT,
    FORMER_CHANGE,
    *CREATION_WITHOUT_TALLIES,
    SEARCH_OF_SLOTS,
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

    Existing titles are compared first and not written if they are equal, so a second run writes
    nothing. Each title is written as a whole or not at all, with the counts: an interrupted run is
    completed by repeating it, and readers see only whole titles. If a key occurs twice, the later
    title is kept.

    The load continues at the table's pace: when writes are throttled, fewer titles make up a
    transaction, down to one, with pauses in between. On a provisioned table, the pace is the
    table's own write capacity, which is read when a single title is throttled.

    Costs one BatchGetItem for 100 titles (1 read unit each); for new ones one BatchGetItem and one
    transaction of up to 100 items, some 15 titles; for changed ones two requests each.

    Args:
        titles: Movies and shows, in any order and number; read as they are needed. A `Rejection`
            among them, or anything that is not a title, goes into the report. A `Sourced` title
            that is rejected keeps its file, key and line.
        on_progress: Called with the number of records done so far, after each batch.
        write_units: Limit of the write units a second used on the table, and on each index,
            0.001 to 1e12; None for no limit.

    Returns:
        The numbers of titles created, changed and unchanged, and the rejections with reasons.

    Raises:
        InvalidArgumentError: If *titles* is not iterable, or *write_units* is out of
            its bounds.
        ConflictError: If concurrent changes of a title won every time.
        ThrottledError: If nothing could be written for a quarter of an hour.

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
        for batch in batches(loading.accepted(several)):
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

    def accepted(self, titles: Iterable[object]) -> Iterator[Sourced[Encoded]]:
        """Yield the titles that can be loaded, encoded, and report the rest."""
        for each in titles:
            accepted = each if isinstance(each, Rejection) else judged(each)
            if isinstance(accepted, Rejection):
                self.report.rejected.append(accepted)
            else:
                yield accepted

    def load(self, batch: list[Sourced[Encoded]]) -> None:
        """Load up to 100 titles with different keys."""
        stored, unreadable = self._read([_key(each) for each in batch])
        self.report.rejected += [
            each.rejected(unreadable[_key(each)]) for each in batch if _key(each) in unreadable
        ]
        new, changed = [], []
        for each in batch:
            there = stored.get(_key(each))
            if _is_as_stored(each.title, there):
                self.report.unchanged += 1
            elif there:
                changed.append(each.title)
            elif _key(each) not in unreadable:
                new.append(each.title)
        self.progressed()
        for title in changed:
            self._write(title)
        for group in transactions(new):
            self._create_all(group)

    def _read(self, titles: list[TitleKey]) -> tuple[dict[TitleKey, Stored], dict[TitleKey, str]]:
        """Read the stored titles, and for unreadable ones, which are not replaced, the reason."""
        wanted = {keys.title_key(key): key for key in titles}
        found = hold(self._catalog, batch_get(wanted, consistent=True))
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

    def _create_all(self, titles: list[Encoded]) -> None:
        """Create titles, as many at a time as the table takes."""
        while titles:
            together = self._pace.together(titles)
            if len(together) == 1:
                self._write(together[0])
            elif not self._create(together):
                continue
            titles = titles[len(together) :]

    def _create(self, titles: list[Encoded]) -> bool:
        """Create titles together, or one by one after a lost race.

        Return whether they were written: they may be too many for the table's capacity.
        """
        self._pace.await_turn(titles)
        try:
            shards = hold(self._catalog, read_shards(titles[0].title.kind))
            with self._pace.refusing_soon():
                planned = plan_creations(titles, first_version(), shards)
                hold(self._catalog, transact(planned))
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

    def _write(self, title: Encoded) -> None:
        self._pace.await_turn([title])
        before = hold(self._catalog, write_title(self._catalog, title))
        self._pace.wrote()
        if before is None:
            self.report.created += 1
        elif _is_as_stored(title, before):
            self.report.unchanged += 1
        else:
            self.report.changed += 1
        self.progressed()

    def progressed(self) -> None:
        """Report the number of records done."""
        self.report.throttled = self._pace.refusals
        self._on_progress(self.report.done)


def _is_as_stored(title: Encoded, stored: Stored | None) -> bool:
    """Whether nothing has to be written; a title without a slot still has to be enrolled."""
    return stored is not None and stored.slot is not None and stored.holds(title)


def judged(given: object) -> Sourced[Encoded] | Rejection:
    """Return a title that can be loaded, encoded, with its place; a rejection of anything else."""
    title = given.title if isinstance(given, Sourced) else given
    if not isinstance(title, (Movie, TVShow)):
        return Rejection("", shown(title), "this is neither a Movie nor a TVShow")
    encoded = Encoded(title)
    sourced = (
        Sourced(encoded, given.source, given.key, given.line)
        if isinstance(given, Sourced)
        else Sourced(encoded, "", f"{title.kind} {title.id}")
    )
    try:
        encoded.check_size()
    except InvalidTitleError as error:
        return sourced.rejected(str(error))
    return sourced


def _key(each: Sourced[Encoded]) -> TitleKey:
    return each.title.title.key


def batches(titles: Iterator[Sourced[Encoded]]) -> Iterator[list[Sourced[Encoded]]]:
    """Cut titles into batches of one BatchGetItem, none with the same key twice."""
    batch: dict[TitleKey, Sourced[Encoded]] = {}
    for each in titles:
        if len(batch) == MAX_BATCH_GET or _key(each) in batch:
            yield list(batch.values())
            batch = {}
        batch[_key(each)] = each
    if batch:
        yield list(batch.values())


def transactions(titles: list[Encoded]) -> Iterator[list[Encoded]]:
    """Cut titles into groups of one kind, each as large as a transaction may be."""
    for _, of_kind in groupby(sorted(titles, key=_kind), key=_kind):
        group: list[Encoded] = []
        actions, size = SHARDS, 0
        for title in of_kind:
            of_title = 2 + title.genres  # its own item and its listing
            is_full = actions + of_title > MAX_TRANSACTION_ACTIONS
            if group and (is_full or size + title.size > MAX_PUT_BYTES):
                yield group
                group, actions, size = [], SHARDS, 0
            group.append(title)
            actions += of_title
            size += title.size
        yield group


def _kind(title: Encoded) -> Kind:
    return title.title.kind


__all__ = ["LoadReport", "Loadable", "Rejection", "load_titles"]

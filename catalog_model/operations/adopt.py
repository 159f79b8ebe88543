"""Moves a catalogue that has another layout into the table.

Items are read from tables and files, converted by `catalog_model.files.layouts`, and loaded by
`load_titles`: an adoption can be repeated at any time, and an interrupted one is completed so.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from catalog_model import access_patterns as ap
from catalog_model.catalog import Catalog
from catalog_model.checks import (
    check_flag,
    check_instance,
    check_many,
    check_progress,
    check_within,
    refuse,
)
from catalog_model.domain.kinds import KINDS, TitleKey
from catalog_model.domain.rejection import Rejection, Sourced
from catalog_model.dynamodb.gateway import chunks
from catalog_model.dynamodb.limits import MAX_BATCH_GET
from catalog_model.dynamodb.pace import Pace, PacedReads, check_rate
from catalog_model.dynamodb.retries import Persistence, persistent
from catalog_model.entities import AnyTitle, Movie, TVShow
from catalog_model.errors import (
    InvalidArgumentError,
    InvalidTitleError,
    SchemaMismatchError,
    TitleNotFoundError,
    UnknownEntityError,
)
from catalog_model.files.layouts import FoundMembership, id_in, read_item
from catalog_model.files.losses import Adoption
from catalog_model.files.reader import MAX_REJECTED
from catalog_model.operations.adopt_report import AdoptPass, AdoptReport, Comparison
from catalog_model.operations.adopt_sources import Reading, Source, sources_of
from catalog_model.table import keys
from catalog_model.table.title_items import key_of, name_of, read_stored
from catalog_model.writes.load import judged

MAX_PASSES: Final = 10
"""The default maximum of passes over sources that are followed."""

MOST_PASSES: Final = 1000


def adopt_titles(
    catalog: Catalog,
    sources: Iterable[object],
    *,
    originals: Iterable[AnyTitle] = (),
    dry_run: bool = False,
    follow: bool = False,
    max_passes: int = MAX_PASSES,
    read_units_per_second: float | None = None,
    write_units: float | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> AdoptReport:
    """Load the titles of tables in other layouts, and of files of typed JSON, into the table.

    A movie or a show is recognized by its attributes, and so is a membership in a genre, of a table
    like ``MoviesByGenre``. Texts that are numbers become numbers where a field of the model demands
    it, sets become lists in ascending order, and unknown attributes are kept. Everything else is
    rejected, with its reason. Nothing is changed in the sources.

    What a source no longer holds is listed under the title's key: the order of a set, a title that
    another one with the same id overwrote, titles without an item, genres that disagree with the
    memberships, different items of one title, of which the first is taken. *originals* are titles
    from which the sources were filled: they restore the order of lists with the same elements, and
    titles that the sources do not have.

    Titles that are equal in the table are not written, so an adoption can be repeated; an
    interrupted one is completed by repeating it. With *follow*, the sources may change meanwhile:
    they are read again until a pass finds nothing to write, at most *max_passes* times, and
    compared with the table at the end. Titles that disappear between two passes are deleted from
    the table, unless it holds another state of them. Changes of a source after the beginning of the
    last pass may be missing: let its writers end, and repeat.

    Costs a strongly consistent Scan of each source table (a read unit for each 4 KB) for each pass,
    and what `load_titles` costs.

    Args:
        sources: ``"table:NAME"`` for a table in the same account, region and endpoint, the path of
            a file, an open file, or a `Catalog` for a table elsewhere. ``"movie="`` or ``"tv="``
            before a text states the kind of its titles, as does a `Source`.
        originals: Titles as `read_titles` returns them, of the application's files.
        dry_run: Read and report only; nothing is written, and the table is not read.
        follow: Read the sources again until nothing changes, and compare at the end.
        max_passes: Maximum number of passes with *follow*, 1 to 1000.
        read_units_per_second: Limit of the read capacity used on the sources, 0.001 to 1e12;
            None for no limit.
        write_units: Limit of the write units a second, as for `load_titles`.
        on_progress: Called with the number of titles loaded so far.

    Raises:
        InvalidArgumentError: If an argument is invalid, a source does not exist or cannot be read,
            is the table itself, or has more than 100,000 rejected items.
        TableNotFoundError: If the table does not exist.

    >>> from io import BytesIO
    >>> film = b'{"id": {"N": "7"}, "title": {"S": "Her"}, "genre_ids": {"NS": ["878", "18"]}, '
    >>> film += b'"popularity": {"S": "7.5"}, "vote_average": {"N": "8"}, "vote_count": {"N": "1"}}'
    >>> report = adopt_titles(catalog, [BytesIO(film)])
    >>> report.created, [str(loss) for loss in report.losses]
    (1, ['order: movie 7: genre_ids'])
    >>> access_patterns.get_title(catalog, "movie", 7).genre_ids
    (18, 878)
    """
    check_instance(catalog, "catalog", Catalog)
    places = sources_of(catalog, sources)
    known = _check_originals(originals)
    max_passes = check_within(max_passes, "max_passes", 1, MOST_PASSES)
    check_rate(write_units, "write_units")
    pace = Pace(check_rate(read_units_per_second, "read_units_per_second"))
    is_dry, is_followed = check_flag(dry_run, "dry_run"), check_flag(follow, "follow")
    if is_dry and is_followed:
        refuse("dry_run", dry_run, "False where follow is True")
    if is_followed and not all(each.is_rereadable for each in places):
        refuse("sources", "an open file", "tables and paths of files, to be read again")
    run = _Run(catalog, places, known, pace, check_progress(on_progress))
    if is_dry:
        run.look()
    elif is_followed:
        run.follow(max_passes, write_units)
    else:
        run.copy(write_units)
    return run.report


def _check_originals(given: Iterable[object]) -> list[AnyTitle]:
    titles = []
    for each in check_many(given, "originals", "titles"):
        if not isinstance(each, (Movie, TVShow)):
            refuse("originals", each, "titles")
        titles.append(each)
    return titles


class _Pass:
    """One reading of the sources: the titles to load, and what was found."""

    def __init__(self, sources: list[Source], originals: list[AnyTitle], pace: Pace) -> None:
        self.began = _now()
        self.reading = Reading(sources, pace)
        self.adoption = Adoption(originals)
        self.rejected_ids: set[int] = set()
        self._rejected = 0

    def titles(self) -> Iterator[Sourced[AnyTitle] | Rejection]:
        """Yield each title once, and the rejected items."""
        for place, kind in self.reading.each():
            if isinstance(place, Rejection):
                yield self._reject(place)
                continue
            try:
                found = read_item(place.title, kind)
            except InvalidTitleError as error:
                title_id = id_in(place.title)
                self.rejected_ids |= set() if title_id is None else {title_id}
                yield self._reject(place.rejected(str(error)))
                continue
            if isinstance(found, FoundMembership):
                self.adoption.member(found)
            else:
                yield from self.adoption.title(found, place)
        yield from self.adoption.rest()

    def _reject(self, rejection: Rejection) -> Rejection:
        self._rejected += 1
        if self._rejected > MAX_REJECTED:
            raise InvalidArgumentError(
                f"more than {MAX_REJECTED:,} items are neither titles nor memberships"
            )
        return rejection


class _Run:
    """One adoption."""

    def __init__(
        self,
        catalog: Catalog,
        sources: list[Source],
        originals: list[AnyTitle],
        pace: Pace,
        on_progress: Callable[[int], None],
    ) -> None:
        self.report = AdoptReport()
        self._catalog = catalog
        self._sources = sources
        self._originals = originals
        self._pace = pace
        self._on_progress = on_progress
        self._done = 0

    def look(self) -> None:
        """Read the sources without loading their titles."""
        one = self._pass()
        rejected = []
        with persistent(Persistence(self._pace.rest)):
            for each in one.titles():
                accepted = each if isinstance(each, Rejection) else judged(each)
                if isinstance(accepted, Rejection):
                    rejected.append(accepted)
                else:
                    self.report.to_adopt += 1
        self._note(one, rejected)

    def copy(self, write_units: float | None, before: _Pass | None = None) -> _Pass:
        """Load the titles, and delete those that have disappeared since the pass *before*."""
        one = self._pass()
        done = self._done

        def progressed(count: int) -> None:
            self._done = done + count
            self._on_progress(self._done)

        load = ap.load_titles(
            self._catalog, one.titles(), on_progress=progressed, write_units=write_units
        )
        deleted = self._delete_missing(before, one) if before else 0
        report = self.report
        report.created += load.created
        report.changed += load.changed
        report.unchanged += 0 if before else load.unchanged
        report.deleted += deleted
        report.throttled += load.throttled
        report.passes.append(AdoptPass(one.began, load.created, load.changed, deleted))
        self._note(one, load.rejected)
        return one

    def follow(self, max_passes: int, write_units: float | None) -> None:
        """Load the titles until a pass finds nothing to write, and compare."""
        before = None
        for _ in range(max_passes):
            before = self.copy(write_units, before)
            if self.report.is_settled:
                break
        self.report.comparison = self._compare()

    def _pass(self) -> _Pass:
        return _Pass(self._sources, self._originals, self._pace)

    def _note(self, one: _Pass, rejected: list[Rejection]) -> None:
        """Record what a pass found; it takes the place of what earlier passes found."""
        report, adoption = self.report, one.adoption
        report.rejected = rejected
        report.losses = adoption.losses
        report.more_losses = dict(adoption.more_losses)
        report.keyed_by_id = adoption.keyed_by_id
        report.memberships = adoption.memberships
        report.repeated = adoption.repeated
        report.items = one.reading.items
        self._charge(one)

    def _charge(self, one: _Pass) -> None:
        self.report.requests += one.reading.requests
        self.report.read_units += one.reading.read_units

    def _delete_missing(self, before: _Pass, now: _Pass) -> int:
        """Delete titles that have disappeared from the sources; return how many."""
        deleted = 0
        with persistent(Persistence(self._pace.rest)):
            for key, taken in before.adoption.taken.items():
                is_there = key in now.adoption.taken or key.id in now.rejected_ids
                if not is_there and self._is_as_copied(key, taken.text):
                    ap.delete_title(self._catalog, *key)
                    deleted += 1
        return deleted

    def _is_as_copied(self, key: TitleKey, text: int) -> bool:
        try:
            title = ap.get_title(self._catalog, *key, consistent=True)
        except TitleNotFoundError:
            return False
        return hash(title.to_json_text()) == text

    def _compare(self) -> Comparison:
        """Read sources and table, and compare their titles."""
        one, equal = self._pass(), 0
        differing: list[TitleKey] = []
        missing: list[TitleKey] = []
        with persistent(Persistence(self._pace.rest)):
            titles = (each.title for each in one.titles() if not isinstance(each, Rejection))
            for batch in chunks(titles, MAX_BATCH_GET):
                for title, stored in self._stored(batch):
                    if stored is None:
                        missing.append(title.key)
                    elif stored != title:
                        differing.append(title.key)
                    else:
                        equal += 1
            extra = self._extra(one, len(missing))
        self._charge(one)
        return Comparison(one.began, equal, tuple(differing), tuple(missing), tuple(extra))

    def _stored(self, titles: list[AnyTitle]) -> Iterator[tuple[AnyTitle, object]]:
        """Yield each title with the stored one; None without one, a text if it is unreadable."""
        wanted = {keys.title_key(title.key): title for title in titles}
        found = self._catalog.gateway.batch_get(wanted, consistent=True)
        for place, title in wanted.items():
            try:
                stored = read_stored(title.key, found.get(place))
            except (SchemaMismatchError, UnknownEntityError) as error:
                yield title, str(error)
            else:
                yield title, stored and stored.title

    def _extra(self, one: _Pass, missing: int) -> Iterable[TitleKey]:
        """Return the titles that only the table has; it is read only if their number shows some."""
        there = sum(ap.count_titles(self._catalog, kind) for kind in KINDS)
        if there + missing == len(one.adoption.taken):
            return ()
        pages = PacedReads(self._catalog.gateway, self._pace).pages(0, 1)
        names = (name_of(key_of(item)) for items in pages for item in items)
        own = (name.key for name in names if isinstance(name, keys.TitleItem))
        return sorted(key for key in own if key not in one.adoption.taken)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

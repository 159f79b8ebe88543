"""Real kills of loaders, writers and the engine at random points; no data may be lost.

After each kill, the table is verified, and compared with the model of the killed process's journal.
It needs dynoxide; `soak` runs many kills.
"""

import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any, Final

from crash_processes import PATIENCE, PersistentEngine, Worker
from crash_worker import NOT_FOUND, Moment, Orders, from_entry
from fault_histories import Write, effect
from generated import generated_records
from table_dump import Table, assert_in_step, dump, titles_in

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.entities import TITLE_CLASSES, AnyTitle
from catalog_model.errors import ConflictError
from catalog_model.files.reader import FILE_NAMES
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table
from catalog_model.writes.load import LoadReport

UNDER_WRITERS: Final = "engine under writers"
SCHEDULE: Final = (
    "writer at a time",
    "loader at a time",
    UNDER_WRITERS,
    "writer awaiting an answer",
    "loader awaiting an answer",
    "writer before a request",
    "loader after an answer",
    "engine and writers at a time",
    "writer after an answer",
    "loader before a request",
)
"""The targets of the kills, in order."""

MOMENTS: Final[dict[str, Moment]] = {
    "before a request": "before",
    "awaiting an answer": "sent",
    "after an answer": "answered",
}
LOADED: Final = 150
"""The default number of titles of a load: about 25 requests."""

WRITTEN: Final = 30
WRITERS: Final = 3
WRITING_SECONDS: Final = 1.0
MOST_REQUESTS: Final = 100


class Model:
    """The expected titles: for each, all possible values if an answer is missing."""

    def __init__(self, titles: list[AnyTitle]) -> None:
        self._states: defaultdict[TitleKey, set[AnyTitle | None]] = defaultdict(lambda: {None})
        self._states |= {title.key: {title} for title in titles}
        self._begun: dict[int, Write] = {}
        self._shaken: set[int] = set()
        self._unanswered: list[tuple[TitleKey, set[AnyTitle | None]]] = []
        self._is_down = False
        self.acknowledged = 0
        self.contradictions: list[str] = []

    def replay(self, journal: list[dict[str, Any]]) -> None:
        """Replay the journal of one process from beginning to end."""
        for entry in journal:
            match entry:
                case {"engine": state}:
                    self._is_down = state == "down"
                    self._shaken.update(self._begun)
                case {"begun": number, "write": write}:
                    self._begun[number] = from_entry(**write)
                    self._shaken |= {number} if self._is_down else set()
                case {"unknown": number}:
                    self._leave_open(self._begun.pop(number))
                case {"done": number, "answer": answer}:
                    self._follow(self._begun.pop(number), answer, shaken=number in self._shaken)
        for write in self._begun.values():
            self._leave_open(write)
        self._begun, self._shaken, self._is_down = {}, set(), False

    def _leave_open(self, write: Write) -> None:
        """Applied completely or not at all."""
        before = self._states[write.key]
        after = {_outcome(write, state)[0] for state in before}
        self._states[write.key] = before | after
        self._unanswered.append((write.key, after - before))

    def _follow(self, write: Write, answer: str, *, shaken: bool) -> None:
        before = self._states[write.key]
        if shaken:  # the killed engine forgot the token, so a retry may meet its own first attempt
            before = before | {_outcome(write, state)[0] for state in before}
        if answer == ConflictError.__name__:
            self._states[write.key] = before
            return
        outcomes = [_outcome(write, state) for state in before]
        self._states[write.key] = {after for after, told in outcomes if told == answer}
        if not self._states[write.key]:
            self.contradictions.append(f"{write} answered {answer}, of {before}")
            self._states[write.key] = {after for after, _ in outcomes}
        self.acknowledged += answer != NOT_FOUND

    def settle(self, there: dict[TitleKey, AnyTitle]) -> tuple[list[str], int, int]:
        """Compare with the table, and continue from it; return the lost, unanswered and applied."""
        lost = [
            f"{tuple(key)} is {there.get(key)}, not of {self._states[key]}"
            for key in sorted(self._states.keys() | there.keys())
            if there.get(key) not in self._states[key]
        ]
        applied = sum(there.get(key) in after for key, after in self._unanswered)
        result = (self.contradictions + lost, len(self._unanswered), applied)
        self._states |= {key: {there.get(key)} for key in self._states.keys() | there.keys()}
        self._unanswered, self.contradictions = [], []
        return result


def _outcome(write: Write, before: AnyTitle | None) -> tuple[AnyTitle | None, str]:
    """Return the title after a write, and the answer in the journal."""
    after, answer = effect(write, before)
    return after, answer.__name__ if isinstance(answer, type) else answer.to_json_text()


@dataclass
class Figures:
    """The kills and their findings."""

    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0  # writes with an answer in a journal, without refusals
    unanswered: int = 0  # writes left without an answer by a kill
    applied: int = 0  # of these, the ones that were found in the table
    loaded: int = 0  # titles that loaders reported as loaded
    repeated_loads: int = 0
    lost: int = 0
    findings: int = 0
    notes: list[str] = field(default_factory=list)  # descriptions of losses and findings

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.findings or self.notes)

    def lose(self, lost: list[str]) -> None:
        """Record a difference from what was acknowledged."""
        self.lost += len(lost)
        self.notes += lost


class Crashes:
    """A table changed by writers, tables filled by loaders, and kills."""

    def __init__(
        self, folder: Path, titles: list[AnyTitle], seed: int, engine: PersistentEngine
    ) -> None:
        self.figures = Figures()
        self.engine = engine
        self._folder = folder
        self._titles = titles
        self._rng = random.Random(seed)
        self._numbers = count(1)
        _write_titles(folder / "loaded", titles)
        _write_titles(folder / "written", titles[:WRITTEN])
        self.model = Model(titles[:WRITTEN])
        create_table(self.written)
        ap.load_titles(self.written, titles[:WRITTEN])
        self._seconds, self._requests = self._undisturbed()

    @property
    def written(self) -> Catalog:
        """A handle on the table that writers change."""
        return self.engine.catalog("written")

    def _undisturbed(self) -> tuple[float, int]:
        """Load without a kill, to find out what a kill can interrupt."""
        with self._table_to_load() as table, self.engine.catalog(table).trace() as trace:
            began = time.monotonic()
            ap.load_titles(self.engine.catalog(table), self._titles)
            return time.monotonic() - began, len(trace)

    @contextmanager
    def _table_to_load(self) -> Iterator[str]:
        table = f"loaded-{next(self._numbers)}"
        create_table(self.engine.catalog(table))
        yield table
        delete_table(self.engine.catalog(table))

    @contextmanager
    def worker(self, **orders: Any) -> Iterator[Worker]:
        number = next(self._numbers)
        journal = self._folder / f"journal-{number}"
        endpoint = self.engine.endpoint_url
        given = Orders(endpoint_url=endpoint, journal=str(journal), seed=number, **orders)
        with tempfile.TemporaryFile() as complaints:
            worker = Worker(given, complaints)
            try:
                yield worker
            finally:
                worker.end()

    def kill(self, what: str) -> None:
        """Perform the next kill of the schedule, check the result, and record it."""
        victim, when = what.split(maxsplit=1)
        if victim == "engine":
            self._kill_engine(what)
        elif victim == "loader":
            self._kill_loader(what, MOMENTS.get(when))
        else:
            self.kill_writer(what, MOMENTS.get(when), self._rng.randint(1, MOST_REQUESTS))

    def kill_writer(self, what: str, moment: Moment | None, request: int, **more: Any) -> None:
        """Kill writers at a chosen request or, without one, after some time."""
        at = {"kill_moment": moment, "kill_request": request}
        given = {"writers": self._rng.choice((1, WRITERS)), **at, **more}
        with self.writers(**given) as worker:
            self._strike(what, worker, moment, WRITING_SECONDS)
            self.look_at_writes(worker.journal())

    @contextmanager
    def writers(self, **orders: Any) -> Iterator[Worker]:
        data = str(self._folder / "written")
        with self.worker(work="write", table=self.written.table, data=data, **orders) as worker:
            yield worker

    def _strike(self, what: str, worker: Worker, moment: Moment | None, seconds: float) -> None:
        """Let the worker kill itself, or kill it; a worker that ended earlier was not killed."""
        if moment is None:
            time.sleep(self._rng.uniform(0, seconds))
        self.figures.kills[what] += worker.was_killed() if moment else worker.kill()

    def _kill_engine(self, what: str) -> None:
        """Kill the engine and restart it, while writers continue or after they were killed, too."""
        with self.writers(writers=WRITERS) as worker:
            time.sleep(self._rng.uniform(0, WRITING_SECONDS))
            worker.note(engine="down")
            self.engine.kill()
            self.figures.kills[what] += 1
            if what == UNDER_WRITERS:
                time.sleep(self._rng.choice((0, self._rng.uniform(0, WRITING_SECONDS))))
                self.engine.start()
                worker.note(engine="up")
                time.sleep(WRITING_SECONDS / 2)
                worker.finish()
            else:
                worker.kill()
                self.engine.start()
            self.look_at_writes(worker.journal())

    def look_at_writes(self, journal: list[dict[str, Any]]) -> None:
        """Compare the table with the acknowledged writes."""
        self.model.replay(journal)
        lost, unanswered, applied = self.model.settle(titles_in(self._verified(self.written)))
        self.figures.acknowledged = self.model.acknowledged
        self.figures.unanswered += unanswered
        self.figures.applied += applied
        self.figures.lose(lost)

    def _verified(self, catalog: Catalog) -> Table:
        """Verify once the engine has processed requests of killed processes; return the table."""
        before: Table | None = None
        table = dump(catalog)
        deadline = time.monotonic() + PATIENCE
        while table != before:
            assert time.monotonic() < deadline, "the table changes without a writer"
            report, before, table = verify(catalog), table, dump(catalog)
        assert not report.undecided
        found = [*map(str, report.findings), *_wrong_counts(catalog, table)]
        self.figures.findings += len(found)
        self.figures.notes += found
        return table

    def _kill_loader(self, what: str, moment: Moment | None) -> None:
        """Kill a load, and sometimes its repetition; then let one complete."""
        with self._table_to_load() as table:
            left = 1.0
            for _ in range(self._rng.choice((1, 1, 2))):
                left = self._kill_load(what, table, moment, left)
            self._repeat(self.engine.catalog(table))

    def _kill_load(self, what: str, table: str, moment: Moment | None, left: float) -> float:
        """Kill a load when this share of it is left; return the share that is actually left."""
        request = self._rng.randint(1, max(1, round(self._requests * left)))
        orders = {"kill_moment": moment, "kill_request": request}
        data = str(self._folder / "loaded")
        with self.worker(work="load", table=table, data=data, **orders) as worker:
            self._strike(what, worker, moment, self._seconds * left)
            done = max((entry["progress"] for entry in worker.journal()), default=0)
        there = titles_in(self._verified(self.engine.catalog(table)))
        given = {title.key: title for title in self._titles}
        strange = [f"{t} was not loaded so" for key, t in there.items() if t != given.get(key)]
        missing = [f"{done} titles were done, {len(there)} are there"] * (done - len(there))
        self.figures.loaded += done
        self.figures.lose(strange + missing)
        return 1 - len(there) / len(given)

    def _repeat(self, catalog: Catalog) -> None:
        """Load again: it must add the missing titles and leave the existing ones unchanged."""
        before = len(titles_in(dump(catalog)))
        report = ap.load_titles(catalog, self._titles)
        expected = LoadReport(created=len(self._titles) - before, unchanged=before)
        there = titles_in(self._verified(catalog))
        self.figures.repeated_loads += 1
        if report != expected or set(there.values()) != set(self._titles):
            self.figures.lose([f"a repeated load gave {report} instead of {expected}"])


@contextmanager
def crashing(folder: Path, titles: list[AnyTitle], seed: int) -> Iterator[Crashes]:
    """Create the tables and run the engine until all kills are done."""
    engine = PersistentEngine(folder / "engine")
    try:
        yield Crashes(folder, titles, seed, engine)
    finally:
        engine.stop()


def run(kills: int, seed: int, folder: Path, titles: Sequence[AnyTitle] | None = None) -> Figures:
    """Perform at least this many kills, of each kind in turn; the *folder* must be empty."""
    some = titles or random.Random(seed).sample(_generated(), LOADED)
    with crashing(folder, list(some), seed) as crashes:
        figures = crashes.figures
        for what in islice(cycle(SCHEDULE), 4 * kills):
            if figures.kills.total() >= kills:
                break
            crashes.kill(what)
        assert figures.kills.total() >= kills, "the workers are done before they are killed"
        if figures.is_clean:
            assert_in_step(crashes.written)
    return figures


def _generated() -> list[AnyTitle]:
    records = generated_records()
    return [
        TITLE_CLASSES[kind].from_json(each) for kind in KINDS for each in records[kind].values()
    ]


def _write_titles(folder: Path, titles: list[AnyTitle]) -> None:
    folder.mkdir(parents=True)
    for kind, name in FILE_NAMES.items():
        records = {str(title.id): title.to_json() for title in titles if title.kind == kind}
        (folder / name).write_text(json.dumps(records))


def _wrong_counts(catalog: Catalog, table: Table) -> list[str]:
    """Compare the counts that readers get with the existing titles."""
    wrong = []
    for kind in KINDS:
        own = [title for title in titles_in(table).values() if title.kind == kind]
        genres = Counter(genre for title in own for genre in set(title.genre_ids))
        counted = {genre.id: genre.title_count for genre in ap.list_genres(catalog, kind)}
        total = ap.count_titles(catalog, kind)
        if (total, counted) != (len(own), genres):
            wrong.append(f"{kind}: {total} and {counted} counted, {len(own)} and {genres} there")
    return wrong

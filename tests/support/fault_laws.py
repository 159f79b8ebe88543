"""The laws of the model under faults: random histories, compared with what is possible.

An acknowledged write is applied; a rejected one is not; one without an answer is applied completely
or not at all. So each title has a set of possible values, usually one. Reads answer like plain
Python would, or raise an error caused by a fault. Everything depends only on the seed, and the
operations of a shorter history are the beginning of a longer one.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import count, islice, product
from math import prod
from typing import Any, Final

from engines import Engine
from fault_histories import (
    KEYS,
    MAY_BE_DONE,
    NOT_DONE,
    READ,
    WRITING,
    Checkpoint,
    Load,
    Model,
    Operation,
    Read,
    Value,
    Violation,
    Write,
    ask,
    explained,
    faults_of,
    is_right,
    operations_of,
    perform,
    text_of,
    title_of,
)
from table_dump import assert_in_step, assert_no_slot_is_lost, dump, hooked

from catalog_model import Catalog, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.retries import MAX_RACES
from catalog_model.entities import AnyTitle
from catalog_model.errors import CatalogError, ConflictError, ServiceError
from catalog_model.maintenance.verify import verify
from catalog_model.operations import create_table, delete_table
from catalog_model.table import codec, keys
from catalog_model.testing import FAULT_KINDS, Fault, FaultInjector, inject_faults, without_pauses

ACKNOWLEDGED: Final = "an acknowledged write is there, as it was answered"
REFUSED: Final = "a refused write is refused for a reason, and is not applied"
UNKNOWN: Final = "a write without an answer is there whole or not at all"
REPORTED: Final = "a load reports what it did"
CAUSED: Final = "an error is ours, and has a cause"
BEHIND: Final = "a stale index is exactly the declared number of writes behind"
IN_STEP: Final = "everything in the table follows from its titles, and verify says so"

LENGTH: Final = 80
"""The number of operations in a history."""

MOST_MODELS: Final = 16
"""If more models than this are possible, the table is read to decide."""


@dataclass(slots=True)
class Tally:
    """The operations and events of histories."""

    histories: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add the figures of other histories."""
        self.histories += other.histories
        self.operations += other.operations
        self.outcomes += other.outcomes
        self.faults += other.faults

    def missing(self) -> list[str]:
        """Return the kinds of faults and the outcomes that never occurred, and so prove nothing."""
        outcomes = set(OUTCOMES) - set(self.outcomes)
        return sorted(FAULT_KINDS.keys() - self.faults.keys()) + sorted(outcomes)


OUTCOMES: Final = (
    *("acknowledged", "refused", "gave up", "unknown", "unknown and done"),
    *("read", "read old", "read mixed", "read failed", "overtaken", "verified", "not verified"),
)


# --- One history


class Trial:
    """A catalogue under faults, the same one without faults, and the possible titles."""

    def __init__(self, catalog: Catalog, fresh: Catalog, tally: Tally) -> None:
        self.catalog = catalog
        self.fresh = fresh
        self.tally = tally
        self.lag = 0
        self.may_be: dict[TitleKey, set[Value]] = {key: {None} for key in KEYS}
        self.timeline: list[Model] = []
        """The titles after each write, for a lagging index."""
        self._injector: FaultInjector | None = None
        self._law = dict.fromkeys(KEYS, ACKNOWLEDGED)
        self._before: dict[TitleKey, set[Value]] = {}
        """The titles before writes with an unknown outcome."""
        self._seen = 0
        self._queries = 0

    @contextmanager
    def under(self, faults: tuple[Fault, ...], seed: int) -> Iterator[None]:
        """Inject these faults in this block."""
        self.lag = max((each.lag for each in faults if each.kind == "stale_index"), default=0)
        self.timeline = [self.stored()]
        with (
            without_pauses(),
            hooked(self.catalog, "after-call.dynamodb.Query", self._note_query),
            inject_faults(self.catalog, faults, seed=seed, sleep=lambda _: None) as self._injector,
        ):
            try:
                yield
            finally:
                self.tally.faults.update(each.kind for each in self._injector.injected)

    def _note_query(self, http_response: Any, **_: Any) -> None:
        self._queries += http_response.status_code == 200

    def _note_state(self, now: Model) -> None:
        """Store new states of the titles, because an index may lag that far behind."""
        if now != self.timeline[-1]:
            self.timeline.append(now)

    def stored(self) -> Model:
        """Read all titles with strong consistency and without faults."""
        own = {keys.title_key(key): key for key in KEYS}
        found = self.fresh.gateway.batch_get(own, consistent=True)
        titles = {own[at]: codec.decode_title(item) for at, item in found.items()}
        return {key: titles.get(key) for key in KEYS}

    def do(self, operation: Operation) -> None:
        """Perform one operation, and check its outcome against the laws."""
        self._seen = len(self._injector.injected) if self._injector else 0
        self._queries = 0
        self.tally.operations[operation.name] += 1
        match operation:
            case Write():
                self._write(operation)
            case Load(titles):
                self._load(titles)
            case Read():
                self._read(operation)
            case Checkpoint(with_faults):
                self.resolve()
                self._verify(with_faults=with_faults)
        if self.lag and isinstance(operation, (Write, Load)):
            self._note_state(self.resolve())

    def _hits(self) -> Counter[tuple[str, str]]:
        """Count the faults of this operation."""
        injected = self._injector.injected[self._seen :] if self._injector else []
        return Counter((each.kind, each.operation) for each in injected)

    def _answer(self, act: Callable[[], object]) -> object:
        """Return the answer of a write: a title, the class of a rejection, or "unknown"."""
        try:
            return act()
        except ServiceError as error:
            self._check_cause(error)
            hits = self._hits()
            may_be = hits["lost_answer", WRITING] or hits["garbled_answer", WRITING]
            return MAY_BE_DONE if may_be else NOT_DONE
        except CatalogError as error:
            return type(error)
        except Exception as error:
            raise Violation(CAUSED, repr(error)) from error

    def _check_cause(self, error: ServiceError) -> None:
        if not self._hits():
            raise Violation(CAUSED, f"no fault happened, and still {error!r}") from error

    # Writes

    def _write(self, write: Write) -> None:
        with _rival(self.catalog, self.fresh, write) as rivals:
            answer = self._answer(lambda: perform(self.catalog, write))
        answer = self._counted(answer, rivals=len(rivals))
        orders = [[*rivals, (write, answer)]]
        if write.at > 1:
            orders.append([(write, answer), *rivals])
        law = REFUSED if isinstance(answer, type) else ACKNOWLEDGED
        for key in {each.key for each, _ in orders[0]}:
            before = self.may_be[key]
            own = [[each for each in order if each[0].key == key] for order in orders]
            self.may_be[key] = set().union(*(explained(before, order) for order in own))
            self._note(key, law if answer not in (NOT_DONE, MAY_BE_DONE) else UNKNOWN, before)
            if not self.may_be[key]:
                raise Violation(law, f"{write} gave {answer!r}; the title was {before}")
        self.tally.outcomes["overtaken"] += len(rivals)

    def _note(self, key: TitleKey, law: str, before: set[Value]) -> None:
        """Record what would be violated if a title had an impossible value."""
        self._law[key] = law
        if law == UNKNOWN:
            self._before.setdefault(key, before)
        else:
            self._before.pop(key, None)

    def _counted(self, answer: object, *, rivals: int) -> object:
        """Count an outcome of a write; a conflict requires a cause in every attempt."""
        if answer is ConflictError:
            conflicts = sum(n for (kind, _), n in self._hits().items() if kind == "conflict")
            if conflicts + rivals < MAX_RACES:
                raise Violation(REFUSED, f"ConflictError after {conflicts} conflicts")
            self.tally.outcomes["gave up"] += 1
            return NOT_DONE
        is_known = answer not in (NOT_DONE, MAY_BE_DONE)
        known = "refused" if isinstance(answer, type) else "acknowledged"
        self.tally.outcomes[known if is_known else "unknown"] += 1
        return answer

    def _load(self, titles: tuple[AnyTitle, ...]) -> None:
        after_write = f"response-received.dynamodb.{WRITING}"
        with hooked(self.catalog, after_write, self._note_write) if self.lag else nullcontext():
            report: Any = self._answer(lambda: ap.load_titles(self.catalog, titles))
        is_done = not isinstance(report, (str, type))
        if is_done and all(len(self.may_be[title.key]) == 1 for title in titles):
            found = report.created, report.changed, report.unchanged, report.rejected
            if found != (wanted := self._expected_report(titles)):
                raise Violation(REPORTED, f"{report}, not {wanted}")
        for title in titles:  # some titles of a failed load may exist
            before = self.may_be[title.key]
            self._note(title.key, ACKNOWLEDGED if is_done else UNKNOWN, before)
            self.may_be[title.key] = {title} if is_done else {*before, title}
        self.tally.outcomes["acknowledged" if is_done else "unknown"] += 1

    def _note_write(self, **_: Any) -> None:
        self._note_state(self.stored())

    def _expected_report(self, titles: Iterable[AnyTitle]) -> tuple[int, int, int, list[Any]]:
        there = {title.key: next(iter(self.may_be[title.key])) for title in titles}
        counts: Counter[str] = Counter()
        for title in titles:
            before = there[title.key]
            counts["created" if before is None else "same" if before == title else "changed"] += 1
            there[title.key] = title
        return counts["created"], counts["changed"], counts["same"], []

    def resolve(self) -> Model:
        """Read all titles without faults; each must have one of its possible values."""
        now = self.stored()
        for key, title in now.items():
            if title not in self.may_be[key]:
                may_be = [each and each.to_json() for each in self.may_be[key]]
                found = title and title.to_json()
                raise Violation(self._law[key], f"{key} is {found} and may be {may_be}")
            is_done = title not in self._before.pop(key, {title})
            self.tally.outcomes["unknown and done"] += is_done
            self.may_be[key] = {title}
        return now

    # Reads

    def _read(self, read: Read) -> None:
        try:
            answer = ask(self.catalog, read)
        except ServiceError as error:
            self._check_cause(error)
            self.tally.outcomes["read failed"] += 1
            return
        except Violation:
            raise
        except Exception as error:
            raise Violation(CAUSED, f"{read}: {error!r}") from error
        stale = self._hits()["stale_index", "Query"]
        if stale:
            self._check_stale(read, answer, is_mixed=stale != self._queries)
        else:
            self._check_fresh(read, answer)

    def _check_fresh(self, read: Read, answer: Any) -> None:
        """Check an answer against all possible models, and keep those for which it is correct."""
        right = [model for model in self._models() if is_right(read, answer, model)]
        if not right:
            raise Violation(READ, f"{read} gave {answer}; titles may be {self.may_be}")
        for key in KEYS:
            self.may_be[key] = {model[key] for model in right}
        self.tally.outcomes["read"] += 1

    def _models(self) -> list[Model]:
        if prod(map(len, self.may_be.values())) > MOST_MODELS:
            self.resolve()
        choices = product(*self.may_be.values())
        return [dict(zip(self.may_be, choice, strict=True)) for choice in choices]

    def _check_stale(self, read: Read, answer: Any, *, is_mixed: bool) -> None:
        now = self.timeline[-1]
        then = self.timeline[max(0, len(self.timeline) - 1 - self.lag)]
        if not is_mixed:
            counted_empty = answer == [] and read.name == "list_titles_in_genres"  # counts are new
            models = [then, now] if counted_empty else [then]
            if not any(is_right(read, answer, model) for model in models):
                raise Violation(BEHIND, f"{read} gave {answer}, {self.lag} writes ago {then}")
            self.tally.outcomes["read old"] += 1
            return
        both = {key: now[key] for key in KEYS if now[key] == then[key]}
        texts = [text_of(each and each.to_json()) for each in (*now.values(), *then.values())]
        unchanged = [record for record in answer if _key_of(read, record) in both]
        if not all(text_of(record) in texts for record in answer) or not is_right(
            read, unchanged, both
        ):
            raise Violation(BEHIND, f"{read} gave {answer}, now {now}, {self.lag} ago {then}")
        self.tally.outcomes["read mixed"] += 1

    # Checks of the whole table

    def _verify(self, *, with_faults: bool) -> None:
        try:
            report = verify(self.catalog, segments=1) if with_faults else verify(self.fresh)
        except ServiceError as error:
            self._check_cause(error)
            self.tally.outcomes["not verified"] += 1
            return
        titles = sum(None not in values for values in self.may_be.values())
        if not report.is_clean or report.undecided or report.titles != titles:
            raise Violation(IN_STEP, f"{report}; there are {titles} titles")
        self.tally.outcomes["verified"] += 1

    def end(self) -> None:
        """Check the whole table, without faults."""
        now = self.resolve()
        self._verify(with_faults=False)
        there = {key: title for key, title in now.items() if title}
        try:
            found = assert_in_step(self.fresh)
            assert_no_slot_is_lost(dump(self.fresh))
        except AssertionError as error:
            raise Violation(IN_STEP, str(error)) from error
        if found != there:
            raise Violation(IN_STEP, f"{found}, not {there}")


@contextmanager
def _rival(catalog: Catalog, fresh: Catalog, write: Write) -> Iterator[list[tuple[Write, object]]]:
    """Let the rival write once in this block, at the worst moment; yield it with its answer."""
    answers: list[tuple[Write, object]] = []
    attempts = count(1)

    def act(**_: Any) -> None:
        if write.rival is None or next(attempts) != write.at:
            return
        answer: object
        try:
            answer = perform(fresh, write.rival)
        except CatalogError as error:
            answer = type(error)
        answers.append((write.rival, answer))

    with hooked(catalog, f"request-created.dynamodb.{WRITING}", act):
        yield answers


def _key_of(read: Read, record: Mapping[str, Any]) -> TitleKey:
    return TitleKey(read.arguments["kind"], record["id"])


# --- Many histories


def run_history(engine: Engine, seed: int, length: int = LENGTH) -> Tally:
    """Run the history of a seed, or its beginning, up to the first violated law."""
    catalog = Engine(engine.name, engine.endpoint_url).catalog()
    fresh = Catalog(catalog.table, client=engine.client)
    trial, faults = Trial(catalog, fresh, Tally(histories=1)), faults_of(seed)
    create_table(fresh)
    try:
        rng = random.Random(f"titles {seed}")
        trial.do(Load(tuple(title_of(rng, key) for key in KEYS if rng.random() < 0.5)))
        with trial.under(faults, seed):
            for each in islice(operations_of(seed, lags=trial.lag > 0), length):
                trial.do(each)
        trial.end()
    finally:
        delete_table(fresh)
    return trial.tally


def shortest(engine: Engine, seed: int, length: int = LENGTH) -> tuple[int, Violation]:
    """Find the shortest beginning of a history that violates a law, by running it again."""
    found: dict[int, Violation] = {}

    def is_broken(fewest: int) -> bool:
        try:
            run_history(engine, seed, fewest)
        except Violation as violation:
            found[fewest] = violation
        return fewest in found

    if not is_broken(length):
        raise RuntimeError(f"seed {seed} breaks no law when it is run again")
    fewest = bisect_left(range(length), x=True, key=is_broken)
    return fewest, found[fewest]


def run_histories(engine: Engine, seeds: Iterable[int], length: int = LENGTH) -> Tally:
    """Run the histories of many seeds; a violation says how to reproduce it."""
    tally = Tally()
    for seed in seeds:
        try:
            tally.add(run_history(engine, seed, length))
        except Violation:
            raise described(engine, seed, length) from None
    return tally


def described(engine: Engine, seed: int, length: int = LENGTH) -> Violation:
    """Describe how to reproduce the violation of a seed, and its last operations."""
    fewest, violation = shortest(engine, seed, length)
    lags = any(each.kind == "stale_index" for each in faults_of(seed))
    operations = enumerate(islice(operations_of(seed, lags=lags), fewest), 1)
    last = "\n".join(f"  {number}: {each}" for number, each in operations)
    again = f"run_history({engine.name}, seed={seed}, length={fewest})"
    return Violation(violation.law, f"{again}\n{violation}\n{last[-2000:]}")

"""The laws of the model under faults: a random history of operations, held against what may be.

A write that is acknowledged is there; one that is refused is not; one whose answer never came is
there whole or not at all. So each title has a set of values that it may have, mostly one. Reads
answer as the titles would in plain Python, or raise an error that a fault has caused. All follows
from the seed: the operations from it alone, so that a shorter history is the beginning of a longer.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from engines import Engine
from reference import Reference
from table_dump import assert_in_step, hooked

from catalog_model import Catalog, Movie, Page, TitleKey, TVShow, codec, keys
from catalog_model import access_patterns as ap
from catalog_model.errors import (
    CatalogError,
    ConflictError,
    InvalidArgumentError,
    InvalidTitleError,
    ServiceError,
    TitleExistsError,
    TitleNotFoundError,
)
from catalog_model.keys import KINDS, Kind
from catalog_model.operations import create_table, delete_table
from catalog_model.testing import (
    FAULT_KINDS,
    Fault,
    FaultInjector,
    FaultKind,
    inject_faults,
    without_pauses,
)
from catalog_model.verify import verify
from catalog_model.writes import TRIES

AnyTitle = Movie | TVShow
Value = AnyTitle | None
Model = dict[TitleKey, Value]

ACKNOWLEDGED: Final = "an acknowledged write is there, as it was answered"
REFUSED: Final = "a refused write is refused with reason, and is not there"
UNKNOWN: Final = "a write without an answer is there whole or not at all"
REPORTED: Final = "a load reports what it did"
CAUSED: Final = "an error is ours, and has a cause"
READ: Final = "a read answers right and in full, or raises an error"
BEHIND: Final = "a stale index is exactly so many writes behind"
IN_STEP: Final = "everything in the table follows from its titles, and verify says so"

LENGTH: Final = 80
"""How many operations a history has."""

IDS: Final = (1, 2, 3, 9, 10, 17, 25, 33)  # few shards, so that titles change their slots
GENRES: Final = (18, 28, 35, 99_999)
KEYS: Final = tuple(TitleKey(kind, title_id) for kind in KINDS for title_id in IDS)
MOST_MODELS: Final = 16
"""With more models that may be, the table is asked which is."""

WRITING: Final = "TransactWriteItems"
NOT_QUERY: Final = ("BatchGetItem", "GetItem", "Scan", WRITING)
LAGS: Final = (1, 2, 4)


class Violation(AssertionError):  # noqa: N818  # it is what a law knows, not an error
    """A law that does not hold, and how that showed."""

    def __init__(self, law: str, how: str) -> None:
        super().__init__(f"{law}: {how}")
        self.law = law


@dataclass(frozen=True, slots=True)
class Write:
    """A write to one title; *rival* comes between its read and its *at*-th try to write."""

    name: str
    key: TitleKey
    value: Any = None
    rival: Write | None = None
    at: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """Many titles at once."""

    titles: tuple[AnyTitle, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """A call of an access pattern that reads."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A look at the whole table, with faults or without."""

    with_faults: bool


Operation = Write | Load | Read | Checkpoint


@dataclass(slots=True)
class Tally:
    """What histories did and met."""

    histories: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[FaultKind] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add what others did and met."""
        self.histories += other.histories
        self.operations += other.operations
        self.outcomes += other.outcomes
        self.faults += other.faults

    def missing(self) -> list[str]:
        """Name the kinds of faults and the outcomes that never came: they prove nothing."""
        outcomes = set(OUTCOMES) - set(self.outcomes)
        return sorted(FAULT_KINDS.keys() - self.faults.keys()) + sorted(outcomes)


OUTCOMES: Final = (
    *("acknowledged", "refused", "gave up", "unknown", "unknown and done"),
    *("read", "read old", "read mixed", "read failed", "overtaken", "verified", "not verified"),
)


# --- What happens: operations and faults, from the seed alone


def operations_of(seed: int, *, lags: bool) -> Iterator[Operation]:
    """Make the operations of a history, without end; rivals only where no index lags.

    The copy that lags sees only what goes through its own client.
    """
    rng = random.Random(f"operations {seed}")
    while True:
        dice = rng.random()
        if dice < 0.42:
            yield _write(rng, rng.choice(KEYS), rivals=not lags)
        elif dice < 0.45:
            yield Load(tuple(_title(rng, rng.choice(KEYS)) for _ in range(rng.randint(1, 9))))
        elif dice < 0.97:
            yield _read(rng)
        else:
            yield Checkpoint(with_faults=rng.random() < 0.5)


def _write(rng: random.Random, key: TitleKey, *, rivals: bool = False) -> Write:
    names = ("put", "create", "popularity", "votes", "genres", "delete", "too large", "no number")
    name = rng.choices(names, (10, 8, 7, 7, 8, 9, 1, 1))[0]
    values: dict[str, Callable[[], Any]] = {
        "put": lambda: _title(rng, key),
        "create": lambda: _title(rng, key),
        "popularity": lambda: {"popularity": rng.choice((-3.25, 0.0, 1.5, 7.0, 250.5))},
        "votes": lambda: {"vote_average": float(rng.randint(0, 9)), "vote_count": _votes(rng)},
        "genres": lambda: {"genre_ids": rng.sample(GENRES, rng.randint(0, 3))},
        "too large": lambda: _title(rng, key).replace(overview="x" * 420_000),
    }
    value = values[name]() if name in values else None
    if not rivals or rng.random() < 0.8:
        return Write(name, key, value)
    rival = _write(rng, rng.choice((key, key, rng.choice(KEYS))))
    return Write(name, key, value, rival, rng.choice((1, 1, 2)))


def _title(rng: random.Random, key: TitleKey) -> AnyTitle:
    name = rng.choice(("Heat", "heat", "Amélie", "Up!", "!!!"))
    released = rng.choice(("", "1999-12-31", "2000-01-01", "2020-02-29"))
    fields: dict[str, Any] = {
        "id": key.id,
        "genre_ids": rng.sample(GENRES, rng.randint(0, 3)),
        "popularity": rng.choice((0.0, 1.5, 7.0, 88.25)),
        "vote_average": float(rng.randint(0, 9)),
        "vote_count": _votes(rng),
        "overview": rng.choice((None, "", "A film.")),
    }
    if key.kind == "movie":
        return Movie(**fields, title=name, release_date=released)
    return TVShow(**fields, name=name, first_air_date=released)


def _votes(rng: random.Random) -> int:
    return rng.choice((0, 2, 9, 100, 20_000))


def _read(rng: random.Random) -> Read:
    kind, genre = rng.choice(KINDS), rng.choice(GENRES)
    either = rng.random() < 0.5
    limit = {"limit": rng.choice((1, 3, 20, 20, 20))}
    plain: dict[str, dict[str, Any]] = {
        "get_title": {"title_id": rng.choice(IDS), "consistent": either},
        "get_titles": {"keys": rng.choices(KEYS, k=rng.randint(1, 20))},
        "get_title_with_genres": {"title_id": rng.choice(IDS), "consistent": either},
        "sample_titles": {"count": rng.choice((1, 3, 20)), "rng": rng.getrandbits(32)},
        "list_genres": {},
        "count_titles": {"genre_id": rng.choice((None, *GENRES))},
        "list_titles": {"order": rng.choice(("popularity", "rating", "release", "name"))},
        "list_titles_in_genre": {"order": rng.choice(("popularity", "rating", "release"))},
        "list_titles_in_genres": {"match": rng.choice(("all", "any"))},
        "list_top_rated": {"min_votes": rng.choice((-1, 0, 3, 50)), "min_rating": 2},
        "list_released_between": {"since": "1999-12-31", "until": "2010-01-01"},
        "find_titles_by_name": {"prefix": rng.choice(("h", "HEAT", "ame", ""))},
    }
    name = rng.choice(sorted(plain))
    arguments = plain[name]
    if name != "get_titles":
        arguments = {"kind": kind, **arguments}
    if name in LISTS:
        arguments |= limit
    if name in ("list_titles", "list_titles_in_genre", "list_released_between"):
        arguments["descending"] = either
    if name == "list_titles_in_genre":
        arguments["genre_id"] = genre
    elif name in ("list_top_rated", "list_released_between"):
        arguments["genre_id"] = rng.choice((None, genre))
    elif name == "list_titles_in_genres":
        arguments["genre_ids"] = rng.sample(GENRES, rng.randint(1, 3))
    return Read(name, arguments)


def faults_of(seed: int) -> tuple[Fault, ...]:
    """Give the faults of a history: few or many of all kinds, mostly one kind, or with a lag."""
    lag = LAGS[seed // 6 % len(LAGS)]
    lagging = [Fault("slow_answer", 0.05, operations=NOT_QUERY), *_faults(0.02)[:-1]]
    mixes: Sequence[Iterable[Fault]] = (
        _faults(0.03),
        [*lagging, Fault("stale_index", lag=lag)],
        _faults(0.08),
        [Fault("lost_answer", 0.5), *_faults(0.01)],
        [*_faults(0.02), Fault("stale_index", 0.5, lag=lag)],
        [Fault("conflict", at=range(8, 48)), *_faults(0.01)],
    )
    return tuple(mixes[seed % len(mixes)])


def _faults(share: float) -> list[Fault]:
    return [
        Fault("throttling", share),
        Fault("conflict", share),
        Fault("internal_error", share),
        Fault("connection_reset", share),
        Fault("lost_answer", 2 * share),
        Fault("unprocessed", 5 * share),
        Fault("slow_answer", share),
    ]


# --- What is right, in plain Python


INVALID: Final = {"too large": InvalidTitleError, "no number": InvalidArgumentError}


def effect(write: Write, before: Value) -> tuple[Value, object]:
    """Tell what a title is after a write, and the answer: a title, or the class of an error."""
    if write.name in INVALID:
        return before, INVALID[write.name]
    if write.name in ("put", "create"):
        exists = write.name == "create" and before is not None
        return (before, TitleExistsError) if exists else (write.value, write.value)
    if before is None:
        return None, TitleNotFoundError
    if write.name == "delete":
        return None, before
    after = before.replace(**write.value)
    return after, after


NOT_DONE: Final = "not done"
MAY_BE_DONE: Final = "may be done"


def explained(before: Iterable[Value], seen: Iterable[tuple[Write, object]]) -> set[Value]:
    """Give what a title may be after writes, one by one, that were answered so."""
    values = set(before)
    for write, answer in seen:
        following: set[Value] = set()
        for value in values:
            after, right = effect(write, value)
            if answer in (NOT_DONE, MAY_BE_DONE):
                following.add(value)
            if answer in (MAY_BE_DONE, right):
                following.add(after)
        values = following
    return values


LISTS: Final[Mapping[str, Callable[..., Any]]] = {
    "list_titles": Reference.listed,
    "list_titles_in_genre": Reference.listed,
    "list_titles_in_genres": Reference.in_genres,
    "list_top_rated": Reference.top_rated,
    "list_released_between": Reference.released_between,
    "find_titles_by_name": Reference.named,
}


def _reference(model: Model) -> Reference:
    records: dict[Kind, dict[str, Any]] = {kind: {} for kind in KINDS}
    for key, title in model.items():
        if title is not None:
            records[key.kind][str(key.id)] = title.to_json()
    return Reference(records)


def is_right(read: Read, answer: Any, model: Model) -> bool:
    """Tell whether an answer is that of these titles."""
    given = read.arguments
    if read.name in LISTS:
        asked = {name: value for name, value in given.items() if name != "limit"}
        return _text(answer) == _text(LISTS[read.name](_reference(model), **asked))
    if read.name == "get_titles":
        return bool(answer == [model[key] for key in given["keys"]])
    if "title_id" in given:
        title = model[TitleKey(given["kind"], given["title_id"])]
        with_genres = title and (title, list(dict.fromkeys(title.genre_ids)))
        return bool(answer == (title if read.name == "get_title" else with_genres))
    own = [title for title in model.values() if title and title.kind == given["kind"]]
    if read.name == "sample_titles":
        is_full = len(set(answer)) == len(answer) == min(given["count"], len(own))
        return is_full and set(answer) <= set(own)
    genres = _reference(model).genre_counts(given["kind"])
    if read.name == "list_genres":
        return bool(answer == list(genres.items()))
    genre = given["genre_id"]
    return bool(answer == (len(own) if genre is None else genres.get(genre, 0)))


def _text(records: object) -> str:
    return json.dumps(records)


def ask(catalog: Catalog, read: Read) -> Any:
    """Make a read, a list page by page to its end; give the answer in plain values."""
    function, given = getattr(ap, read.name), dict(read.arguments)
    if read.name in LISTS:
        return _all_pages(lambda after: function(catalog, **given, after=after), given["limit"])
    if read.name == "sample_titles":
        given["rng"] = random.Random(given["rng"])
    try:
        answer = function(catalog, **given)
    except TitleNotFoundError:
        return None
    if read.name == "get_title_with_genres":
        return answer.title, [each.genre_id for each in answer.memberships]
    if read.name == "list_genres":
        return [(genre.id, genre.title_count) for genre in answer]
    return answer


def _all_pages(page_after: Callable[[str | None], Page[AnyTitle]], limit: int) -> list[Any]:
    page = page_after(None)
    titles = list(page)
    _check_each_once(page)
    while page.next is not None:
        if len(page.items) != limit:
            raise Violation(READ, f"a page of {len(page.items)}, not {limit}, is not the last")
        page = page_after(page.next)
        titles += page
        _check_each_once(page)
    return [title.to_json() for title in titles]


def _check_each_once(page: Page[AnyTitle]) -> None:
    """Let no page have a title twice, though its requests see different moments."""
    if len({title.id for title in page}) < len(page.items):
        raise Violation(READ, f"a page holds a title twice: {page.items}")


def perform(catalog: Catalog, write: Write) -> AnyTitle:
    """Make a write to one title."""
    key, value = write.key, write.value
    calls: dict[str, Callable[[], AnyTitle]] = {
        "put": lambda: ap.put_title(catalog, value),
        "too large": lambda: ap.put_title(catalog, value),
        "create": lambda: ap.put_title(catalog, value, if_absent=True),
        "popularity": lambda: ap.update_popularity(catalog, *key, value["popularity"]),
        "no number": lambda: ap.update_popularity(catalog, *key, float("nan")),
        "votes": lambda: ap.update_votes(catalog, *key, **value),
        "genres": lambda: ap.set_genres(catalog, *key, value["genre_ids"]),
        "delete": lambda: ap.delete_title(catalog, *key),
    }
    return calls[write.name]()


# --- One history


class Trial:
    """A catalogue under faults, beside it one that no fault hits, and what the titles may be."""

    def __init__(self, catalog: Catalog, fresh: Catalog, tally: Tally) -> None:
        self.catalog = catalog
        self.fresh = fresh
        self.tally = tally
        self.lag = 0
        self.may_be: dict[TitleKey, set[Value]] = {key: {None} for key in KEYS}
        self.timeline: list[Model] = []
        """What the titles were after each write, where an index lags."""
        self._injector: FaultInjector | None = None
        self._law = dict.fromkeys(KEYS, ACKNOWLEDGED)
        self._before: dict[TitleKey, set[Value]] = {}
        """What titles were before writes of which nobody knows."""
        self._seen = 0
        self._queries = 0

    @contextmanager
    def under(self, faults: tuple[Fault, ...], seed: int) -> Iterator[None]:
        """Let these faults happen in this block."""
        self.lag = max((each.lag for each in faults if each.kind == "stale_index"), default=0)
        self.timeline = [self.stored()]
        with ExitStack() as stack:
            enter = stack.enter_context
            enter(without_pauses())
            enter(hooked(self.catalog, "after-call.dynamodb.Query", self._note_query))
            injecting = inject_faults(self.catalog, faults, seed=seed, sleep=lambda _: None)
            self._injector = enter(injecting)
            try:
                yield
            finally:
                self.tally.faults.update(each.kind for each in self._injector.injected)

    def _note_query(self, http_response: Any, **_: Any) -> None:
        self._queries += http_response.status_code == 200

    def _note_state(self, now: Model) -> None:
        """Keep what the titles are, where that is new: an index may be as far behind."""
        if now != self.timeline[-1]:
            self.timeline.append(now)

    def stored(self) -> Model:
        """Read what each title is, consistently and undisturbed."""
        own = {keys.title_key(key): key for key in KEYS}
        found = self.fresh.gateway.batch_get(own, consistent=True)
        titles = {own[at]: codec.decode_title(item) for at, item in found.items()}
        return {key: titles.get(key) for key in KEYS}

    def do(self, operation: Operation) -> None:
        """Do one operation, and hold the outcome against the laws."""
        self._seen = len(self._injector.injected) if self._injector else 0
        self._queries = 0
        match operation:
            case Write():
                self.tally.operations[operation.name] += 1
                self._write(operation)
            case Load(titles):
                self.tally.operations["load"] += 1
                self._load(titles)
            case Read():
                self.tally.operations[operation.name] += 1
                self._read(operation)
            case Checkpoint(with_faults):
                self.tally.operations["verify"] += 1
                self.resolve()
                self._verify(with_faults=with_faults)
        if self.lag and isinstance(operation, (Write, Load)):
            self._note_state(self.resolve())

    def _hits(self) -> Counter[tuple[FaultKind, str]]:
        """Count the faults of this operation."""
        injected = self._injector.injected[self._seen :] if self._injector else []
        return Counter((each.kind, each.operation) for each in injected)

    def _answer(self, act: Callable[[], object]) -> object:
        """Give what a write answered: a title, the class of a refusal, or that it is unknown."""
        try:
            return act()
        except ServiceError as error:
            self._check_cause(error)
            may_be = self._hits()["lost_answer", WRITING]
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
        rival = _Rival(self.fresh, write)
        with rival.lurking(self.catalog) if write.rival else nullcontext():
            answer = self._answer(lambda: perform(self.catalog, write))
        answer = self._counted(answer, rivals=len(rival.answers))
        orders = [[*rival.answers, (write, answer)]]
        if write.at > 1:
            orders.append([(write, answer), *rival.answers])
        law = REFUSED if isinstance(answer, type) else ACKNOWLEDGED
        for key in {each.key for each, _ in orders[0]}:
            before = self.may_be[key]
            own = [[each for each in order if each[0].key == key] for order in orders]
            self.may_be[key] = set().union(*(explained(before, order) for order in own))
            self._note(key, law if answer not in (NOT_DONE, MAY_BE_DONE) else UNKNOWN, before)
            if not self.may_be[key]:
                raise Violation(law, f"{write} gave {answer!r}; the title was {before}")
        self.tally.outcomes["overtaken"] += len(rival.answers)

    def _note(self, key: TitleKey, law: str, before: set[Value]) -> None:
        """Keep what would be broken if a title were not what it may be."""
        self._law[key] = law
        if law == UNKNOWN:
            self._before.setdefault(key, before)
        else:
            self._before.pop(key, None)

    def _counted(self, answer: object, *, rivals: int) -> object:
        """Count an outcome of a write; a conflict must have come in every try of it."""
        if answer is ConflictError:
            conflicts = sum(n for (kind, _), n in self._hits().items() if kind == "conflict")
            if conflicts + rivals < TRIES:
                raise Violation(REFUSED, f"ConflictError after {conflicts} conflicts")
            self.tally.outcomes["gave up"] += 1
            return NOT_DONE
        is_known = answer not in (NOT_DONE, MAY_BE_DONE)
        known = "refused" if isinstance(answer, type) else "acknowledged"
        self.tally.outcomes[known if is_known else "unknown"] += 1
        return answer

    def _load(self, titles: tuple[AnyTitle, ...]) -> None:
        with self._each_write_noted() if self.lag else nullcontext():
            report: Any = self._answer(lambda: ap.load_titles(self.catalog, titles))
        is_done = not isinstance(report, (str, type))
        if is_done and all(len(self.may_be[title.key]) == 1 for title in titles):
            found = report.created, report.changed, report.unchanged, report.rejected
            if found != (wanted := self._expected_report(titles)):
                raise Violation(REPORTED, f"{report}, not {wanted}")
        for title in titles:  # of a load that failed, some titles may be there
            before = self.may_be[title.key]
            self._note(title.key, ACKNOWLEDGED if is_done else UNKNOWN, before)
            self.may_be[title.key] = {title} if is_done else {*before, title}
        self.tally.outcomes["acknowledged" if is_done else "unknown"] += 1

    def _each_write_noted(self) -> Any:
        """Keep what the titles are after each transaction of a load in this block."""

        def note(**_: Any) -> None:
            self._note_state(self.stored())

        return hooked(self.catalog, f"response-received.dynamodb.{WRITING}", note)

    def _expected_report(self, titles: Iterable[AnyTitle]) -> tuple[int, int, int, list[Any]]:
        there = {title.key: next(iter(self.may_be[title.key])) for title in titles}
        counts: Counter[str] = Counter()
        for title in titles:
            before = there[title.key]
            counts["created" if before is None else "same" if before == title else "changed"] += 1
            there[title.key] = title
        return counts["created"], counts["changed"], counts["same"], []

    def resolve(self) -> Model:
        """Ask the undisturbed table what each title is, which must be one that it may be."""
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
        """Hold an answer against all models that may be, and keep those that it is right for."""
        right = [model for model in self._models() if is_right(read, answer, model)]
        if not right:
            raise Violation(READ, f"{read} gave {answer}; titles may be {self.may_be}")
        for key in KEYS:
            self.may_be[key] = {model[key] for model in right}
        self.tally.outcomes["read"] += 1

    def _models(self) -> list[Model]:
        several = 1
        for values in self.may_be.values():
            several *= len(values)
        if several > MOST_MODELS:
            self.resolve()
        choices = product(*self.may_be.values())
        return [dict(zip(self.may_be, choice, strict=True)) for choice in choices]

    def _check_stale(self, read: Read, answer: Any, *, is_mixed: bool) -> None:
        now = self.timeline[-1]
        then = self.timeline[max(0, len(self.timeline) - 1 - self.lag)]
        if not is_mixed:
            counted_empty = answer == [] and read.name == "list_titles_in_genres"  # by now's counts
            models = [then, now] if counted_empty else [then]
            if not any(is_right(read, answer, model) for model in models):
                raise Violation(BEHIND, f"{read} gave {answer}, {self.lag} writes ago {then}")
            self.tally.outcomes["read old"] += 1
            return
        both = {key: now[key] for key in KEYS if now[key] == then[key]}
        texts = [_text(each and each.to_json()) for each in (*now.values(), *then.values())]
        unchanged = [record for record in answer if _key_of(read, record) in both]
        if not all(_text(record) in texts for record in answer) or not is_right(
            read, unchanged, both
        ):
            raise Violation(BEHIND, f"{read} gave {answer}, now {now}, {self.lag} ago {then}")
        self.tally.outcomes["read mixed"] += 1

    # Looks at the whole table

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
        """Look at everything there is, undisturbed."""
        now = self.resolve()
        self._verify(with_faults=False)
        there = {key: title for key, title in now.items() if title}
        try:
            found = assert_in_step(self.fresh)
        except AssertionError as error:
            raise Violation(IN_STEP, str(error)) from error
        if found != there:
            raise Violation(IN_STEP, f"{found}, not {there}")


class _Rival:
    """Somebody else, who writes once, at the worst moment."""

    def __init__(self, fresh: Catalog, write: Write) -> None:
        self.answers: list[tuple[Write, object]] = []
        self._fresh = fresh
        self._write = write.rival
        self._waits = write.at

    def lurking(self, catalog: Catalog) -> Any:
        """Wait in this block for the moment."""
        return hooked(catalog, f"request-created.dynamodb.{WRITING}", self._act)

    def _act(self, **_: Any) -> None:
        self._waits -= 1
        if self._waits or self._write is None:
            return
        answer: object
        try:
            answer = perform(self._fresh, self._write)
        except CatalogError as error:
            answer = type(error)
        self.answers.append((self._write, answer))


def _key_of(read: Read, record: Mapping[str, Any]) -> TitleKey:
    return TitleKey(read.arguments["kind"], record["id"])


# --- Many histories


def run_history(engine: Engine, seed: int, length: int = LENGTH) -> Tally:
    """Run the history of a seed, or its beginning, on a table and with a client of its own.

    Raises:
        Violation: Of the first law that does not hold.
    """
    catalog = Engine(engine.name, engine.endpoint_url).catalog()
    fresh = Catalog(catalog.table, client=engine.client)
    trial, faults = Trial(catalog, fresh, Tally(histories=1)), faults_of(seed)
    create_table(fresh)
    try:
        rng = random.Random(f"titles {seed}")
        trial.do(Load(tuple(_title(rng, key) for key in KEYS if rng.random() < 0.5)))
        with trial.under(faults, seed):
            for _, each in zip(range(length), operations_of(seed, lags=trial.lag > 0)):  # noqa: B905
                trial.do(each)
        trial.end()
    finally:
        delete_table(fresh)
    return trial.tally


def shortest(engine: Engine, seed: int, length: int = LENGTH) -> tuple[int, Violation]:
    """Find the shortest beginning of a history that breaks a law, by doing it again."""
    broken = _broken(engine, seed, length)
    if broken is None:
        raise RuntimeError(f"seed {seed} breaks no law when it is run again")
    works, fails = 0, length
    while fails - works > 1:
        middle = (works + fails) // 2
        again = _broken(engine, seed, middle)
        works, fails = (middle, fails) if again is None else (works, middle)
        broken = again or broken
    return fails, broken


def _broken(engine: Engine, seed: int, length: int) -> Violation | None:
    try:
        run_history(engine, seed, length)
    except Violation as violation:
        return violation
    return None


def run_histories(engine: Engine, seeds: Iterable[int], length: int = LENGTH) -> Tally:
    """Run the histories of many seeds.

    Raises:
        Violation: With the seed, the shortest beginning that breaks a law, and its last operations.
    """
    tally = Tally()
    for seed in seeds:
        try:
            tally.add(run_history(engine, seed, length))
        except Violation:
            raise described(engine, seed, length) from None
    return tally


def described(engine: Engine, seed: int, length: int = LENGTH) -> Violation:
    """Tell of a seed that breaks a law how to break it again, and what happens last."""
    fewest, violation = shortest(engine, seed, length)
    lags = any(each.kind == "stale_index" for each in faults_of(seed))
    operations = [each for _, each in zip(range(fewest), operations_of(seed, lags=lags))]  # noqa: B905
    last = "\n".join(f"  {number}: {each}" for number, each in enumerate(operations, 1))
    again = f"run_history({engine.name}, seed={seed}, length={fewest})"
    return Violation(violation.law, f"{again}\n{violation}\n{last[-2000:]}")

"""Histories under faults, from the seed alone, and the effects of operations in plain Python."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final

from reference import Reference, pages

from catalog_model import Catalog, Movie, Page, TitleKey, TVShow, errors
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.entities import AnyTitle
from catalog_model.testing import Fault, FaultKind

IDS: Final = (1, 2, 3, 9, 10, 17, 25, 33)  # few shards, so that titles change their slots
GENRES: Final = (18, 28, 35, 99_999)
KEYS: Final = tuple(TitleKey(kind, title_id) for kind in KINDS for title_id in IDS)
WRITING: Final = "TransactWriteItems"
NOT_QUERY: Final = ("BatchGetItem", "GetItem", "Scan", WRITING)
LAGS: Final = (1, 2, 4)
FAULTS: Final[tuple[FaultKind, ...]] = (
    *("throttling", "conflict", "internal_error", "connection_reset", "lost_answer"),
    *("garbled_answer", "unprocessed", "slow_answer"),
)


@dataclass(frozen=True, slots=True)
class Write:
    """A write to one title; *rival* writes between its read and its *at*-th attempt to write."""

    name: str
    key: TitleKey
    value: Any = None
    rival: Write | None = None
    at: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """A load of many titles."""

    titles: tuple[AnyTitle, ...]
    name = "load"


@dataclass(frozen=True, slots=True)
class Read:
    """A call of an access pattern that reads."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A check of the whole table, with or without faults."""

    with_faults: bool
    name = "verify"


Operation = Write | Load | Read | Checkpoint


def operations_of(seed: int, *, lags: bool) -> Iterator[Operation]:
    """Yield operations endlessly; rivals only without a lag, whose copy sees its client only."""
    rng = random.Random(f"operations {seed}")
    while True:
        dice = rng.random()
        if dice < 0.42:
            yield _write(rng, rng.choice(KEYS), rivals=not lags)
        elif dice < 0.45:
            yield Load(tuple(title_of(rng, rng.choice(KEYS)) for _ in range(rng.randint(1, 9))))
        elif dice < 0.97:
            yield _read(rng)
        else:
            yield Checkpoint(with_faults=rng.random() < 0.5)


def _write(rng: random.Random, key: TitleKey, *, rivals: bool = False) -> Write:
    names = ("put", "create", "popularity", "votes", "genres", "delete", "too large", "no number")
    name = rng.choices(names, (10, 8, 7, 7, 8, 9, 1, 1))[0]
    values: dict[str, Callable[[], Any]] = {
        "put": lambda: title_of(rng, key),
        "create": lambda: title_of(rng, key),
        "popularity": lambda: {"popularity": rng.choice((-3.25, 0.0, 1.5, 7.0, 250.5))},
        "votes": lambda: {"vote_average": float(rng.randint(0, 9)), "vote_count": _votes(rng)},
        "genres": lambda: {"genre_ids": rng.sample(GENRES, rng.randint(0, 3))},
        "too large": lambda: title_of(rng, key).replace(overview="x" * 420_000),
    }
    value = values[name]() if name in values else None
    if not rivals or rng.random() < 0.8:
        return Write(name, key, value)
    rival = _write(rng, rng.choice((key, key, rng.choice(KEYS))))
    return Write(name, key, value, rival, rng.choice((1, 1, 2)))


def title_of(rng: random.Random, key: TitleKey) -> AnyTitle:
    """Make up a title, often with values of other titles."""
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
    if "limit" in signature(getattr(ap, name)).parameters:
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
    """Return the faults of a history: few or many of all kinds, mostly one kind, or a lag."""
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
    frequent = {"lost_answer": 2, "garbled_answer": 2, "unprocessed": 5}
    return [Fault(kind, frequent.get(kind, 1) * share) for kind in FAULTS]


# --- What they do


Value = AnyTitle | None
Model = dict[TitleKey, Value]

READ: Final = "a read answers right and in full, or raises an error"


class Violation(AssertionError):  # noqa: N818  # named for what it shows; not an error of the program
    """A law that was violated, with the evidence."""

    def __init__(self, law: str, how: str) -> None:
        super().__init__(f"{law}: {how}")
        self.law = law


INVALID: Final = {"too large": errors.InvalidTitleError, "no number": errors.InvalidArgumentError}


def effect(write: Write, before: Value) -> tuple[Value, AnyTitle | type[Exception]]:
    """Return the title after a write, and the answer: a title, or the class of an error."""
    if write.name in INVALID:
        return before, INVALID[write.name]
    if write.name in ("put", "create"):
        exists = write.name == "create" and before is not None
        return (before, errors.TitleExistsError) if exists else (write.value, write.value)
    if before is None:
        return None, errors.TitleNotFoundError
    if write.name == "delete":
        return None, before
    after = before.replace(**write.value)
    return after, after


NOT_DONE: Final = "not done"
MAY_BE_DONE: Final = "may be done"


def explained(before: Iterable[Value], seen: Iterable[tuple[Write, object]]) -> set[Value]:
    """Return the possible titles after consecutive writes with these answers."""
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
    """Whether an answer is correct for these titles."""
    given = read.arguments
    if read.name in LISTS:
        asked = {name: value for name, value in given.items() if name != "limit"}
        return text_of(answer) == text_of(LISTS[read.name](_reference(model), **asked))
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


def text_of(records: object) -> str:
    """Return records as text in which 7 and 7.0 differ."""
    return json.dumps(records)


def ask(catalog: Catalog, read: Read) -> Any:
    """Make a read, of a list page by page; return the answer in plain values."""
    function, given = getattr(ap, read.name), dict(read.arguments)
    if read.name in LISTS:
        return _all_pages(lambda after: function(catalog, **given, after=after), given["limit"])
    if read.name == "sample_titles":
        given["rng"] = random.Random(given["rng"])
    try:
        answer = function(catalog, **given)
    except errors.TitleNotFoundError:
        return None
    if read.name == "get_title_with_genres":
        return answer.title, [each.genre_id for each in answer.memberships]
    if read.name == "list_genres":
        return [(genre.id, genre.title_count) for genre in answer]
    return answer


def _all_pages(page_after: Callable[[str | None], Page[AnyTitle]], limit: int) -> list[Any]:
    titles: list[Any] = []
    for page in pages(page_after):
        if page.next is not None and len(page.items) != limit:
            raise Violation(READ, f"a page of {len(page.items)}, not {limit}, is not the last")
        if len({title.key for title in page}) < len(page.items):  # its requests see several moments
            raise Violation(READ, f"a page holds a title twice: {page.items}")
        titles += [title.to_json() for title in page]
    return titles


def perform(catalog: Catalog, write: Write) -> AnyTitle:
    """Perform a write on one title; votes are changed in one of the two available ways."""
    key, value = write.key, write.value
    calls: dict[str, Callable[[], AnyTitle]] = {
        "put": lambda: ap.put_title(catalog, value),
        "too large": lambda: ap.put_title(catalog, value),
        "create": lambda: ap.put_title(catalog, value, if_absent=True),
        "popularity": lambda: ap.update_popularity(catalog, *key, **value),
        "no number": lambda: ap.update_popularity(catalog, *key, float("nan")),
        "votes": lambda: VOTING[value["vote_count"] % 2](catalog, *key, **value),
        "genres": lambda: ap.set_genres(catalog, *key, **value),
        "delete": lambda: ap.delete_title(catalog, *key),
    }
    return calls[write.name]()


VOTING: Final[tuple[Callable[..., AnyTitle], ...]] = (ap.update_votes, ap.update_title)

"""The events of a history under faults: operations and faults, derived from the seed alone."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any, Final

from catalog_model import Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.entities import AnyTitle
from catalog_model.testing import Fault

IDS: Final = (1, 2, 3, 9, 10, 17, 25, 33)  # few shards, so that titles change their slots
GENRES: Final = (18, 28, 35, 99_999)
KEYS: Final = tuple(TitleKey(kind, title_id) for kind in KINDS for title_id in IDS)
WRITING: Final = "TransactWriteItems"
NOT_QUERY: Final = ("BatchGetItem", "GetItem", "Scan", WRITING)
LAGS: Final = (1, 2, 4)


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


@dataclass(frozen=True, slots=True)
class Read:
    """A call of an access pattern that reads."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A check of the whole table, with or without faults."""

    with_faults: bool


Operation = Write | Load | Read | Checkpoint


def operations_of(seed: int, *, lags: bool) -> Iterator[Operation]:
    """Yield the operations of a history, endlessly; rivals only if no index lags.

    The lagging copy sees only writes through its own client.
    """
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
    return [
        Fault("throttling", share),
        Fault("conflict", share),
        Fault("internal_error", share),
        Fault("connection_reset", share),
        Fault("lost_answer", 2 * share),
        Fault("garbled_answer", 2 * share),
        Fault("unprocessed", 5 * share),
        Fault("slow_answer", share),
    ]

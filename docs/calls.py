"""Calls of every access pattern on a catalogue: the tests run them and the pages measure them."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, Final

from catalog_model import Catalog, Movie, Page, TitleKey, TVShow
from catalog_model.analysis.explain import Explanation, explain
from catalog_model.domain.kinds import KINDS
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS

AnyTitle = Movie | TVShow

SOME: Final = 40
"""The number of titles used where any title would do."""

MOST_PAGES: Final = 3


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an access pattern; lists are read for a few pages."""

    pattern: str
    arguments: Mapping[str, Any]

    def explained(self, catalog: Catalog) -> Iterator[Explanation]:
        """Make the call, and the calls for the pages after it."""
        arguments = {**self.arguments}
        for _ in range(MOST_PAGES):
            explanation = explain(catalog, self.pattern, **arguments)
            yield explanation
            following = explanation.answer.next if isinstance(explanation.answer, Page) else None
            if following is None:
                return
            arguments["after"] = following


Calls = Iterator[dict[str, Any]]
Maker = Callable[["Material"], Calls]


class Material:
    """The titles used in calls, and the random numbers that select them."""

    def __init__(self, titles: Sequence[AnyTitle], seed: int = 7) -> None:
        self.titles = titles
        self.rng = random.Random(seed)  # noqa: S311  # no secret
        self.some = self.rng.sample(list(titles), min(SOME, len(titles)))
        self.genres = {
            kind: sorted({genre for t in titles if t.kind == kind for genre in t.genre_ids})
            for kind in KINDS
        }


def reads(titles: Sequence[AnyTitle]) -> Iterator[Call]:
    """Return calls of every read, for a catalogue that contains exactly these titles."""
    return _calls(READS, titles)


def writes(titles: Sequence[AnyTitle]) -> Iterator[Call]:
    """Return calls of every write, in an order that works on an empty catalogue."""
    return _calls(WRITES, titles)


def _calls(makers: Mapping[str, Maker], titles: Sequence[AnyTitle]) -> Iterator[Call]:
    material = Material(titles)
    for name, maker in makers.items():
        pattern = name.partition(" ")[0]
        yield from (Call(pattern, arguments) for arguments in maker(material))


def _each_title(material: Material) -> Calls:
    for title, consistent in product(material.some, (False, True)):
        yield {"kind": title.kind, "title_id": title.id, "consistent": consistent}


def _many_keys(material: Material) -> Calls:
    keys = [title.key for title in material.titles]
    for count in (0, 1, 99, 100, 101, 950):
        yield {"keys": keys[:count]}
    yield {"keys": [keys[0], keys[0], TitleKey("tv", 10**9)]}


def _lists(_: Material) -> Calls:
    for kind, order, descending in product(KINDS, ORDERS, (True, False)):
        for limit in (1, 7, 20, 50, 100, 1000):
            yield {"kind": kind, "order": order, "descending": descending, "limit": limit}


def _genre_lists(material: Material) -> Calls:
    for kind, order, descending in product(KINDS, GENRE_ORDERS, (True, False)):
        for genre_id in (*material.genres[kind], 10**9):
            asked = {"kind": kind, "genre_id": genre_id, "order": order, "descending": descending}
            yield {**asked, "limit": material.rng.choice((1, 20, 20, 20, 60, 1000))}


def _several_genres(material: Material) -> Calls:
    for kind, match, count in product(KINDS, ("all", "any"), (1, 2, 2, 2, 3, 5)):
        genres = material.rng.sample(material.genres[kind], count)
        for limit in (3, 20, 100):
            yield {"kind": kind, "genre_ids": genres, "match": match, "limit": limit}


def _samples(material: Material) -> Calls:
    for kind, count in product(KINDS, (0, 1, 20, 20, 20, 100, 101, 250)):
        yield {"kind": kind, "count": count, "rng": material.rng}


def _top_rated(material: Material) -> Calls:
    votes, ratings = (-1, 0, 3, 15, 63, 100, 999, 16_383, 40_000), (-1, 5, 6, 7.5, 8.5)
    for kind, min_votes, min_rating in product(KINDS, votes, ratings):
        genre_id = material.rng.choice((None, *material.genres[kind]))
        question = {"min_votes": min_votes, "min_rating": min_rating, "genre_id": genre_id}
        yield {"kind": kind, **question, "limit": material.rng.choice((1, 20, 20, 100, 1000))}


def _released(material: Material) -> Calls:
    for kind, descending, _ in product(KINDS, (True, False), range(12)):
        since, until = sorted(f"{material.rng.randint(1926, 2025)}-06-15" for _ in range(2))
        genre_id = material.rng.choice((None, *material.genres[kind]))
        between = {"since": since, "until": until, "genre_id": genre_id}
        yield {"kind": kind, **between, "descending": descending, "limit": 20}


def _named(_: Material) -> Calls:
    for kind, prefix, limit in product(KINDS, ("", "a", "the", "S", "spider man"), (1, 20, 100)):
        yield {"kind": kind, "prefix": prefix, "limit": limit}


def _kinds(_: Material) -> Calls:
    yield from ({"kind": kind} for kind in KINDS)


def _counts(material: Material) -> Calls:
    for kind in KINDS:
        for genre_id in (None, *material.genres[kind][:3]):
            yield {"kind": kind, "genre_id": genre_id}


READS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "get_title": _each_title,
        "get_titles": _many_keys,
        "get_title_with_genres": _each_title,
        "list_titles": _lists,
        "list_titles_in_genre": _genre_lists,
        "list_titles_in_genres": _several_genres,
        "sample_titles": _samples,
        "list_top_rated": _top_rated,
        "list_released_between": _released,
        "find_titles_by_name": _named,
        "list_genres": _kinds,
        "count_titles": _counts,
    }
)


def _puts(material: Material) -> Calls:
    for title in material.some:
        yield {"title": title}  # new
        yield {"title": title}  # the same again
        yield {"title": _other(title, genre_ids=list(title.genre_ids[1:]))}


def _updates(material: Material) -> Calls:
    for title in material.some:
        changes = {"overview": "New.", "popularity": title.popularity + 7, "genre_ids": [37]}
        yield {"kind": title.kind, "title_id": title.id, **changes}
        yield {"kind": title.kind, "title_id": title.id, **changes}  # the same again
        again = {"overview": title.overview, "genre_ids": list(title.genre_ids)}
        yield {"kind": title.kind, "title_id": title.id, **again}


def _popularities(material: Material) -> Calls:
    for title in material.some:
        yield {"kind": title.kind, "title_id": title.id, "popularity": title.popularity + 1}
        yield {"kind": title.kind, "title_id": title.id, "popularity": title.popularity + 1}


def _votes(material: Material) -> Calls:
    for title in material.some:
        votes = {"vote_average": title.vote_average / 2, "vote_count": title.vote_count + 9}
        yield {"kind": title.kind, "title_id": title.id, **votes}


def _new_genres(material: Material) -> Calls:
    for title in material.some:
        for genre_ids in ([*title.genre_ids[1:], 37], [], list(title.genre_ids)):
            yield {"kind": title.kind, "title_id": title.id, "genre_ids": genre_ids}


def _deletions(material: Material) -> Calls:
    for title in material.some:
        yield {"kind": title.kind, "title_id": title.id}


def _loads(material: Material) -> Calls:
    yield {"titles": material.some}
    yield {"titles": material.some}
    others = [_other(title, genre_ids=list(title.genre_ids[1:])) for title in material.some[:7]]
    yield {"titles": others + material.some[7:]}
    yield {"titles": material.titles[:260]}


def _other(title: AnyTitle, **changes: Any) -> AnyTitle:
    """Move a title to another place in every order."""
    renamed: dict[str, Any] = {
        title.date_field: "2001-02-03",
        title.name_field: f"New: {title.display_name}",
    }
    return title.replace(
        **renamed,
        popularity=title.popularity / 3,
        vote_average=title.vote_average / 3,
        vote_count=title.vote_count + 20_000,
        **changes,
    )


WRITES: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "put_title": _puts,
        "update_title": _updates,
        "update_popularity": _popularities,
        "update_votes": _votes,
        "set_genres": _new_genres,
        "delete_title": _deletions,
        "load_titles": _loads,
    }
)

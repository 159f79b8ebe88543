"""The measured requests of each access pattern, next to its bound."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice, pairwise
from typing import Any

from reference import Reference
from reference import pages as pages_of
from request_log import Request, logged_requests
from scaled import is_quick, scaled, some_of

from catalog_model import Catalog, Movie, Page, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.reads.lists import Match
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS

READS_IN_RANGE = "items read <= 2 x returned + 20 x requests"
NEW_TITLE = Movie(
    id=987_654_321,
    title="New",
    genre_ids=[18, 35, 80],
    popularity=5.5,
    vote_average=7.5,
    vote_count=100,
    overview="As long as overviews usually are. " * 9,
)


@dataclass(frozen=True)
class Call:
    """One call of an access pattern: its requests, and the number of titles it returned."""

    requests: tuple[Request, ...]
    returned: int

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(request.operation for request in self.requests)

    @property
    def units(self) -> float:
        return sum(request.units for request in self.requests)


@dataclass(frozen=True)
class Row:
    """A row of the table: a pattern, its most expensive call, and its bound."""

    pattern: str
    requests: str
    units: float
    bound: str
    is_within: bool


Law = Callable[[Call], bool]

PAGES = 15 if is_quick() else None
"""How far a list is walked; None: to its end."""


def call(catalog: Catalog, ask: Callable[[], Any]) -> Call:
    with logged_requests(catalog) as log:
        answer = ask()
    return Call(tuple(log), len(answer) if isinstance(answer, (list, Page)) else 1)


def pages(catalog: Catalog, ask: Callable[..., Page[Any]], limit: int = 20) -> Iterator[Call]:
    """Read a list to its end and record each page; in a quick run, some pages of it."""
    calls: list[Call] = []

    def page_after(after: str | None) -> Page[Any]:
        with logged_requests(catalog) as log:
            page = ask(catalog, limit=limit, after=after)
        calls.append(Call(tuple(log), len(page.items)))
        return page

    return (calls.pop() for _ in islice(pages_of(page_after), PAGES))


def row(pattern: str, bound: str, calls: Iterable[Call], law: Law) -> Row:
    """Summarize calls of one pattern by the most expensive one, and check them all; none scans."""
    calls = list(calls)
    most = max(calls, key=lambda each: len(each.requests))
    requests = ", ".join(f"{n} {name}" for name, n in Counter(most.operations).items())
    is_within = all(law(each) and "Scan" not in each.operations for each in calls)
    return Row(pattern, requests, max(each.units for each in calls), bound, is_within)


def measure_reads(catalog: Catalog, reference: Reference) -> list[Row]:
    return [
        *_reads_by_key(catalog, reference),
        *_lists(catalog, reference),
        *_several_genres(catalog, reference),
        *_ranges(catalog, reference),
        measure_samples(catalog, scaled(500)),
        *_counts(catalog),
    ]


def _reads_by_key(catalog: Catalog, reference: Reference) -> Iterator[Row]:
    """Measure the reads of one title, each of them for a third of the titles."""
    keys = [TitleKey(kind, r["id"]) for kind in KINDS for r in reference.records[kind]]
    some = some_of(keys)

    def each_title(function: Callable[..., Any], part: int, **asked: Any) -> Iterator[Call]:
        return (call(catalog, partial(function, catalog, *key, **asked)) for key in some[part::3])

    yield row(
        "get_title",
        "1 GetItem, 0.5 RCU",
        each_title(ap.get_title, 0),
        lambda each: each.operations == ("GetItem",) and each.units == 0.5,
    )
    yield row(
        "get_title(consistent=True)",
        "1 GetItem, 1 RCU",
        each_title(ap.get_title, 1, consistent=True),
        lambda each: each.operations == ("GetItem",) and each.units == 1,
    )
    yield row(
        "get_titles (950 keys)",
        "ceil(n / 100) BatchGetItem",
        (call(catalog, partial(ap.get_titles, catalog, keys[:n])) for n in (0, 1, 100, 101, 950)),
        lambda each: each.operations == ("BatchGetItem",) * -(-each.returned // 100),
    )
    yield row(
        "get_title_with_genres", "1 Query", each_title(ap.get_title_with_genres, 2), _one_query
    )


def _lists(catalog: Catalog, reference: Reference) -> Iterator[Row]:
    """Measure every page of 20 of every list, in every order."""
    for order in ORDERS:
        lists = [partial(ap.list_titles, kind=kind, order=order) for kind in KINDS]
        yield _list_row(catalog, "list_titles", order, lists)
    for order in GENRE_ORDERS:
        of_genres = [
            partial(ap.list_titles_in_genre, kind=kind, genre_id=genre_id, order=order)
            for kind in KINDS
            for genre_id in some_of(list(reference.genre_counts(kind)))
        ]
        yield _list_row(catalog, "list_titles_in_genre", order, of_genres)


def _list_row(
    catalog: Catalog, name: str, order: str, lists: Iterable[Callable[..., Page[Any]]]
) -> Row:
    calls = [page for each in lists for page in pages(catalog, each)]
    name = f"{name}(order={order!r})"
    if order == "rating":
        return row(name, READS_IN_RANGE, calls, _reads_in_range)
    bound = "1 Query a page, <= 3 RCU for 20"
    return row(name, bound, calls, lambda each: _one_query(each) and each.units <= 3)


def _several_genres(catalog: Catalog, reference: Reference) -> Iterator[Row]:
    laws: dict[Match, Law] = {
        "any": lambda each: set(each.operations) == {"Query"},
        "all": lambda each: set(each.operations) == {"Query"},
    }
    for match, law in laws.items():
        lists = [
            partial(ap.list_titles_in_genres, kind=kind, genre_ids=genres, match=match)
            for kind in KINDS
            for genres in some_of(list(pairwise(reference.genre_counts(kind))))
        ]
        calls = [page for each in lists for page in pages(catalog, each)]
        yield row(f"list_titles_in_genres(match={match!r})", "no Scan", calls, law)


def _ranges(catalog: Catalog, reference: Reference) -> Iterator[Row]:
    """Measure many ranges, page by page."""
    rng = random.Random(7)
    rated, released, named = list[Call](), list[Call](), list[Call]()
    for _ in range(scaled(60)):
        kind = rng.choice(KINDS)
        bounds: dict[str, Any] = {
            "min_votes": rng.choice((-1, 0, 3, 15, 63, 100, 999, 1024, 16_383, 40_000)),
            "min_rating": rng.choice((-1, 0, 5, 6, 7.5, 8.5, 10)),
            "genre_id": rng.choice((None, *reference.genre_counts(kind))),
        }
        top_rated = partial(ap.list_top_rated, kind=kind, **bounds)
        rated += pages(catalog, top_rated, rng.choice((1, 7, 20, 20, 50, 1000)))
        since, until = sorted(f"{rng.randint(1926, 2025)}-06-15" for _ in range(2))
        between = partial(ap.list_released_between, kind=kind, since=since, until=until)
        released += pages(catalog, between)
        prefix = rng.choice(("", "a", "the", "s", "spider man", "x-"))
        named += pages(catalog, partial(ap.find_titles_by_name, kind=kind, prefix=prefix))
    yield row("list_top_rated", READS_IN_RANGE, rated, _reads_in_range)
    yield row("list_released_between", "1 Query a page", released, _one_query)
    yield row("find_titles_by_name", "1 Query a page", named, _one_query)


def measure_samples(catalog: Catalog, times: int) -> Row:
    """Measure the sampler, which must make at most four requests in 99 of 100 calls."""
    rng = random.Random(7)
    calls = [
        call(catalog, partial(ap.sample_titles, catalog, rng.choice(KINDS), rng=rng))
        for _ in range(times)
    ]
    is_usual = sum(len(each.requests) <= 4 for each in calls) >= 0.99 * times
    bound = "<= 4 requests in 99 calls of 100, <= 60 RCU for 20"
    return row("sample_titles", bound, calls, lambda each: is_usual and each.units <= 60)


def _counts(catalog: Catalog) -> Iterator[Row]:
    genres = (call(catalog, partial(ap.list_genres, catalog, kind)) for kind in KINDS)
    yield row("list_genres", "<= 2 requests", genres, lambda each: len(each.requests) <= 2)
    counts = (
        call(catalog, partial(ap.count_titles, catalog, kind, genre_id))
        for kind in KINDS
        for genre_id in (None, 18, 99_999)
    )
    yield row("count_titles", "<= 1 request", counts, lambda each: len(each.requests) <= 1)


def measure_writes(catalog: Catalog) -> list[Row]:
    """Measure every write of a title that is created, changed and deleted."""
    key = NEW_TITLE.key
    put = partial(ap.put_title, catalog, NEW_TITLE)
    changes: dict[str, Callable[[], Any]] = {
        "update_popularity": partial(ap.update_popularity, catalog, *key, 77.25),
        "update_votes": partial(ap.update_votes, catalog, *key, vote_average=6.5, vote_count=2000),
        "set_genres": partial(ap.set_genres, catalog, *key, [28, 18]),
        "update_title": partial(ap.update_title, catalog, *key, overview="New.", genre_ids=[18]),
    }
    swap = partial(ap.put_title, catalog, NEW_TITLE, if_unchanged=NEW_TITLE)
    title_and_shard, title, write = "BatchGetItem", "GetItem", "TransactWriteItems"
    rows = [
        _write_row(catalog, "put_title", put, title_and_shard, write),
        _write_row(catalog, "put_title, nothing new", put, title_and_shard),
        _write_row(catalog, "put_title, unchanged", swap, title_and_shard),
    ]
    for name, change in changes.items():
        rows.append(_write_row(catalog, name, change, title, write))
        rows.append(_write_row(catalog, f"{name}, nothing new", change, title))
    delete = partial(ap.delete_title, catalog, *key)
    return [*rows, _write_row(catalog, "delete_title", delete, title_and_shard, write)]


def _write_row(catalog: Catalog, name: str, ask: Callable[[], Any], *wanted: str) -> Row:
    made = call(catalog, ask)
    return row(name, " + ".join(wanted), [made], lambda each: each.operations == wanted)


def as_table(rows: Iterable[Row]) -> str:
    head = ("pattern", "requests of the longest call", "units, most", "bound", "kept")
    kept = {True: "yes", False: "NO"}
    lines = [(r.pattern, r.requests, f"{r.units:g}", r.bound, kept[r.is_within]) for r in rows]
    ruled = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled)


def _one_query(each: Call) -> bool:
    return each.operations == ("Query",)


def _reads_in_range(each: Call) -> bool:
    items_read = sum(request.items_read for request in each.requests)
    most = 2 * each.returned + 20 * len(each.requests)
    return set(each.operations) == {"Query"} and items_read <= most

"""A concurrent caller: it writes and reads a few titles at random, and checks what it sees.

Each write and each consistent read of a title becomes a `Call` in that title's history. What a
history cannot check, the caller checks immediately. These laws hold on every engine: no page
contains a title twice; every page but the last is full; an untouched title appears exactly once in
every complete walk; a sample contains distinct titles; a count lies between the number of permanent
titles and the number of all possible ones.

One law is specific to these engines: a strongly consistent Query of a title's items sees the title,
its listing and its memberships at the same moment. DynamoDB does not guarantee this, as its Query
is not a snapshot. moto answers one request at a time behind the tests' lock, and dynoxide answers
from a database in which a transaction is visible completely or not at all.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from history import Action, Call, Histories, Outcome
from reference import pages

from catalog_model import Catalog, Movie, Page, TitleKey, TitleWithGenres, TVShow, errors
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.gateway import EVERYTHING
from catalog_model.entities import AnyTitle
from catalog_model.maintenance.findings import check_collection
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS
from catalog_model.table import codec, keys

GENRES: Final = (12, 16, 18, 28, 35)

CONTESTED: Final = (
    TitleKey("movie", 1),
    TitleKey("movie", 9),  # in one shard with movie 1, and with the settled movie 105
    TitleKey("movie", 2),
    TitleKey("tv", 1),
)
"""The titles that callers write."""

HOT: Final = tuple(TitleKey("movie", 8 * number) for number in range(1, 6))
"""Titles of one shard, including the settled movie 104: all writers share its counts."""


def title_of(key: TitleKey, **fields: Any) -> AnyTitle:
    """Make a title of either kind."""
    if key.kind == "movie":
        return Movie(id=key.id, title=f"Movie {key.id}", **fields)
    return TVShow(id=key.id, name=f"Show {key.id}", **fields)


def _settled(kind: Kind, number: int) -> AnyTitle:
    genre_ids = [GENRES[(number + step) % len(GENRES)] for step in range(1 + number % 3)]
    return title_of(
        TitleKey(kind, 100 + number),
        genre_ids=genre_ids,
        popularity=100.0 * number,
        vote_average=float(number % 10),
        vote_count=4**number % 100_003,
    )


SETTLED: Final = tuple(_settled(kind, number) for kind in KINDS for number in range(10))
"""The titles that callers do not write; the others are created and deleted between them."""


def settled_of(kind: Kind) -> list[AnyTitle]:
    """Return the titles of a kind that callers do not write."""
    return [title for title in SETTLED if title.kind == kind]


def contested_of(kind: Kind) -> list[TitleKey]:
    """Return the titles of a kind that callers write."""
    return [key for key in CONTESTED + HOT if key.kind == kind]


def torn_pair(found: TitleWithGenres) -> Iterator[str]:
    """Return a problem if a title and its memberships are from different moments."""
    own = list(codec.unique_genres(found.title))
    seen = [membership.genre_id for membership in found.memberships]
    if own != seen:
        yield f"torn pair: {found.title!r} of genres {own} has memberships in {seen}"


def torn_collection(catalog: Catalog, key: TitleKey) -> Iterator[str]:
    """Return a problem if copies are older or newer than their title, in one consistent Query."""
    items = catalog.gateway.query(keys.title_pk(key), EVERYTHING, consistent=True)
    return (f"torn collection: {finding}" for finding in check_collection(items))


def walk_problems(
    walk: Sequence[Page[AnyTitle]], limit: int, always: Iterable[AnyTitle]
) -> Iterator[str]:
    """Check the pages of a list that was read from beginning to end."""
    for page in walk:
        if len({title.key for title in page}) < len(page):
            yield f"a page holds a title twice: {page.items}"
        if page.next and len(page) != limit:
            yield f"a page of {len(page)} is not the last, and {limit} were asked for"
    shown = Counter(title for page in walk for title in page)
    for title in always:
        if shown[title] != 1:
            yield f"a complete walk shows {title!r} {shown[title]} times"


def count_problems(catalog: Catalog, kind: Kind, genre: int | None) -> Iterator[str]:
    """Check a count against the permanent titles and all possible ones."""
    counted = ap.count_titles(catalog, kind, genre)
    least = sum(genre is None or genre in title.genre_ids for title in settled_of(kind))
    most = least + len(contested_of(kind))
    if not least <= counted <= most:
        yield f"{counted} titles of {kind} and genre {genre}: there are {least} to {most}"


def sample_problems(kind: Kind, sample: Sequence[AnyTitle], count: int) -> Iterator[str]:
    picked = [title.key for title in sample]
    known = {*contested_of(kind), *(title.key for title in settled_of(kind))}
    if len(set(picked)) < len(picked) or len(picked) > count or not known.issuperset(picked):
        yield f"a sample of {count} holds {picked}"


# --- The caller

Fields = dict[str, Any]
Mix = Mapping[str, int]

MIX: Final[Mix] = {
    "put": 10,
    "create": 8,
    "delete": 8,
    "change_popularity": 8,
    "change_votes": 8,
    "change_genres": 10,
    "get": 12,
    "look": 14,
    "walk": 8,
    "count": 6,
    "sample": 6,
}
"""The frequency of each action, by the names of the methods of `Caller`."""

DAMAGED: Final = "the table is damaged"
"""The message of a write that finds damage, which no caller may have caused."""

HOT_MIX: Final[Mix] = {
    "put": 8,
    "create": 10,
    "swap": 4,
    "delete": 20,
    "change_popularity": 3,
    "change_votes": 2,
    "change_genres": 3,
    "change_some": 4,
    "load": 4,
    "get": 2,
}
"""Writes of every kind, mostly ones that add titles to the shard or remove them."""


def observe_get(catalog: Catalog, key: TitleKey) -> Call:
    return observe(key, "get", partial(ap.get_title, catalog, *key, consistent=True))


def observe(
    key: TitleKey,
    action: Action,
    act: Callable[[], AnyTitle],
    *,
    before: AnyTitle | None = None,
    **fields: Any,
) -> Call:
    """Make a call about a title, and record its time and outcome."""
    refusal = errors.TitleExistsError if action == "create" else errors.TitleNotFoundError
    title = None
    began = time.monotonic_ns()
    try:
        title = act()
        outcome: Any = "ok"
    except refusal:
        outcome = "refused"
    except errors.ConflictError as error:
        _check_race(error)
        is_no_race = action == "swap" and error.__cause__ is None
        outcome = "refused" if is_no_race else "conflict"
    except errors.ServiceError:
        outcome = "unknown"
    ended = time.monotonic_ns()
    answer = title.to_json_text() if title else None
    text = before.to_json_text() if before else None
    return Call(key, action, began, ended, outcome, answer, fields, text)


def _check_race(error: errors.CatalogError) -> None:
    """Check that an error may be caused by other callers; damage would be caused by them, too."""
    if DAMAGED in str(error):
        raise AssertionError(str(error)) from error


class Caller:
    """A caller that writes and reads at random, and records the results in ``seen``."""

    def __init__(
        self, catalog: Catalog, name: str, contested: Sequence[TitleKey] = CONTESTED
    ) -> None:
        self.seen = Histories()
        self._contested = contested
        self._read: dict[TitleKey, AnyTitle] = {}
        self._catalog = catalog
        self._name = name
        self._rng = random.Random(name)
        self._turn = 0

    def run(self, operations: int, mix: Mix, seconds: float) -> Histories:
        """Do the given number of operations, or fewer if the time is over."""
        end = time.monotonic() + seconds
        for self._turn in range(operations):
            if time.monotonic() > end:
                break
            (name,) = self._rng.choices(list(mix), list(mix.values()))
            getattr(self, name)()
        return self.seen

    def put(self, action: Action = "put", **how: Any) -> None:
        """Create or replace a title."""
        title = self._title()
        act = partial(ap.put_title, self._catalog, title, **how)
        self._observe(title.key, action, act, **title.to_json())

    def create(self) -> None:
        self.put("create", if_absent=True)

    def swap(self) -> None:
        """Replace a title that was read just now or earlier; read it the first time."""
        title = self._title()
        before = self._read.pop(title.key, None)
        if before is not None:
            act = partial(ap.put_title, self._catalog, title, if_unchanged=before)
            call = observe(title.key, "swap", act, before=before, **title.to_json())
            self.seen.calls.append(call)
        call = observe_get(self._catalog, title.key)
        self.seen.calls.append(call)
        if call.answer is not None:
            self._read[title.key] = type(title).from_json(json.loads(call.answer))

    def load(self) -> None:
        """Load two titles; if this fails, each of them may exist."""
        some = {title.key: title for title in (self._title(), self._title())}
        began = time.monotonic_ns()
        outcome: Outcome = "ok"
        try:
            ap.load_titles(self._catalog, some.values())
        except errors.CatalogError as error:
            _check_race(error)
            outcome = "unknown"
        ended = time.monotonic_ns()
        for key, title in some.items():
            text = title.to_json_text() if outcome == "ok" else None
            call = Call(key, "put", began, ended, outcome, text, title.to_json())
            self.seen.calls.append(call)

    def delete(self) -> None:
        key = self._key()
        self._observe(key, "delete", partial(ap.delete_title, self._catalog, *key))

    def change_popularity(self) -> None:
        self._change(ap.update_popularity, self._popularity)

    def change_votes(self) -> None:
        self._change(ap.update_votes, self._votes)

    def change_genres(self) -> None:
        self._change(ap.set_genres, self._genres)

    def change_some(self) -> None:
        self._change(ap.update_title, self._genres, self._popularity)

    def _change(self, pattern: Callable[..., AnyTitle], *parts: Callable[[], Fields]) -> None:
        key = self._key()
        fields = {name: value for part in parts for name, value in part().items()}
        self._observe(key, "change", partial(pattern, self._catalog, *key, **fields), **fields)

    def get(self) -> None:
        self.seen.calls.append(observe_get(self._catalog, self._key()))

    def look(self) -> None:
        """Read a title with its memberships, and all of its items together."""
        key = self._key()
        found: list[TitleWithGenres] = []

        def act() -> AnyTitle:
            found.append(ap.get_title_with_genres(self._catalog, *key, consistent=True))
            return found[0].title

        self._observe(key, "get", act)
        self.seen.violations += [problem for both in found for problem in torn_pair(both)]
        self._judge(partial(torn_collection, self._catalog, key))

    def walk(self) -> None:
        """Read a list to its end: of a kind, of a genre or of two genres."""
        rng, handle, kind = self._rng, self._catalog, self._rng.choice(KINDS)
        way: dict[str, Any] = {"limit": rng.randint(2, 6)}
        directed = {**way, "descending": rng.choice((True, False))}
        order, genre_order = rng.choice(ORDERS), rng.choice(GENRE_ORDERS)
        one, both = rng.choice(GENRES), rng.sample(GENRES, 2)
        in_genre = partial(ap.list_titles_in_genre, handle, kind, one, order=genre_order)
        in_genres = partial(ap.list_titles_in_genres, handle, kind, both, **way)
        lists: list[tuple[Callable[..., Page[AnyTitle]], Callable[[set[int]], bool]]] = [
            (partial(ap.list_titles, handle, kind, order=order, **directed), lambda _: True),
            (partial(in_genre, **directed), lambda genres: one in genres),
            (partial(in_genres, match="all"), lambda genres: set(both) <= genres),
            (partial(in_genres, match="any"), lambda genres: bool(set(both) & genres)),
        ]
        page_of, is_listed = rng.choice(lists)
        always = [title for title in settled_of(kind) if is_listed(set(title.genre_ids))]
        self._judge(
            lambda: walk_problems(
                list(pages(lambda after: page_of(after=after))), way["limit"], always
            )
        )

    def count(self) -> None:
        kind, genre = self._rng.choice(KINDS), self._rng.choice((None, *GENRES))
        self._judge(partial(count_problems, self._catalog, kind, genre))

    def sample(self) -> None:
        """Pick titles at random."""
        kind, count = self._rng.choice(KINDS), self._rng.randint(1, 20)
        rng = random.Random(self._rng.random())
        pick = partial(ap.sample_titles, self._catalog, kind, count, rng=rng)
        self._judge(lambda: sample_problems(kind, pick(), count))

    def _observe(
        self, key: TitleKey, action: Action, act: Callable[[], AnyTitle], **fields: Any
    ) -> None:
        try:
            self.seen.calls.append(observe(key, action, act, **fields))
        except errors.UnknownEntityError as error:  # impossible counts: nothing was sent
            self.seen.violations.append(f"damage: {error}")

    def _judge(self, read: Callable[[], Iterable[str]]) -> None:
        self.seen.reads += 1
        try:
            self.seen.violations += read()
        except errors.ServiceError:
            self.seen.failures += 1
        except errors.UnknownEntityError as error:
            self.seen.violations.append(f"damage: {error}")

    def _key(self) -> TitleKey:
        return self._rng.choice(self._contested)

    def _title(self) -> AnyTitle:
        """Make a title that was not made before."""
        key = self._key()
        fields = {**self._genres(), **self._popularity(), **self._votes()}
        return title_of(key, **fields, overview=f"{self._name}/{self._turn}")

    def _popularity(self) -> Fields:
        return {"popularity": self._rng.randrange(10**6) / 1000}

    def _votes(self) -> Fields:
        average = self._rng.randrange(100) / 10
        return {"vote_average": average, "vote_count": int(4 ** (self._rng.random() * 9))}

    def _genres(self) -> Fields:
        return {"genre_ids": self._rng.sample(GENRES, self._rng.randint(0, 3))}

"""A concurrent caller: it writes and reads a few titles at random, and checks what it sees.

Each write and each consistent read of a title becomes a `Call` in that title's history. What a
history cannot check, the caller checks immediately, with `concurrent_laws`.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

from concurrent_laws import (
    CONTESTED,
    GENRES,
    count_problems,
    sample_problems,
    settled_of,
    title_of,
    torn_collection,
    torn_pair,
    walk_problems,
)
from history import Action, Call, Histories, Outcome

from catalog_model import Catalog, Page, TitleKey, TitleWithGenres
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.entities import AnyTitle
from catalog_model.errors import (
    CatalogError,
    ConflictError,
    ServiceError,
    TitleExistsError,
    TitleNotFoundError,
    UnknownEntityError,
)
from catalog_model.reads.orders import GENRE_ORDERS, ORDERS

IsListed = Callable[[AnyTitle], bool]
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
    """Get a title with strong consistency."""
    return observe(key, "get", partial(ap.get_title, catalog, *key, consistent=True))


def observe(
    key: TitleKey,
    action: Action,
    act: Callable[[], AnyTitle],
    *,
    before: AnyTitle | None = None,
    **fields: Any,
) -> Call:
    """Make a call about a title, and record its time and outcome.

    A swap is rejected by a conflict without a race.
    """
    refusal = TitleExistsError if action == "create" else TitleNotFoundError
    title = None
    began = time.monotonic_ns()
    try:
        title = act()
        outcome: Any = "ok"
    except refusal:
        outcome = "refused"
    except ConflictError as error:
        _check_race(error)
        outcome = "refused" if action == "swap" and error.__cause__ is None else "conflict"
    except ServiceError:
        outcome = "unknown"
    ended = time.monotonic_ns()
    answer = title.to_json_text() if title else None
    text = before.to_json_text() if before else None
    return Call(key, action, began, ended, outcome, answer, fields, text)


def _check_race(error: CatalogError) -> None:
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

    def put(self) -> None:
        """Create or replace a title."""
        title = self._title()
        act = partial(ap.put_title, self._catalog, title)
        self._observe(title.key, "put", act, **title.to_json())

    def create(self) -> None:
        """Create a title if it does not exist."""
        title = self._title()
        act = partial(ap.put_title, self._catalog, title, if_absent=True)
        self._observe(title.key, "create", act, **title.to_json())

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

    def change_some(self) -> None:
        """Change several attributes of a title."""
        key = self._key()
        fields: dict[str, Any] = {
            "genre_ids": self._genres(),
            "popularity": self._popularity(),
        }
        act = partial(ap.update_title, self._catalog, *key, **fields)
        self._observe(key, "change", act, **fields)

    def load(self) -> None:
        """Load two titles; if this fails, each of them may exist."""
        some = {title.key: title for title in (self._title(), self._title())}
        began = time.monotonic_ns()
        outcome: Outcome = "ok"
        try:
            ap.load_titles(self._catalog, some.values())
        except CatalogError as error:
            _check_race(error)
            outcome = "unknown"
        ended = time.monotonic_ns()
        for key, title in some.items():
            text = title.to_json_text() if outcome == "ok" else None
            call = Call(key, "put", began, ended, outcome, text, title.to_json())
            self.seen.calls.append(call)

    def delete(self) -> None:
        """Delete a title."""
        key = self._key()
        self._observe(key, "delete", partial(ap.delete_title, self._catalog, *key))

    def change_popularity(self) -> None:
        """Change the popularity of a title."""
        key = self._key()
        fields: dict[str, Any] = {"popularity": self._popularity()}
        act = partial(ap.update_popularity, self._catalog, *key, **fields)
        self._observe(key, "change", act, **fields)

    def change_votes(self) -> None:
        """Change the votes of a title."""
        key, fields = self._key(), self._votes()
        self._observe(
            key, "change", partial(ap.update_votes, self._catalog, *key, **fields), **fields
        )

    def change_genres(self) -> None:
        """Change the genres of a title."""
        key = self._key()
        fields: dict[str, Any] = {"genre_ids": self._genres()}
        act = partial(ap.set_genres, self._catalog, *key, **fields)
        self._observe(key, "change", act, **fields)

    def get(self) -> None:
        """Get a title."""
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
        lists: list[tuple[Callable[..., Page[AnyTitle]], IsListed]] = [
            (partial(ap.list_titles, handle, kind, order=order, **directed), lambda _: True),
            (
                partial(ap.list_titles_in_genre, handle, kind, one, order=genre_order, **directed),
                lambda title: one in title.genre_ids,
            ),
            (
                partial(ap.list_titles_in_genres, handle, kind, both, match="all", **way),
                lambda title: set(both) <= set(title.genre_ids),
            ),
            (
                partial(ap.list_titles_in_genres, handle, kind, both, match="any", **way),
                lambda title: not set(both).isdisjoint(title.genre_ids),
            ),
        ]
        page_of, is_listed = rng.choice(lists)
        always = list(filter(is_listed, settled_of(kind)))
        self._judge(lambda: walk_problems(list(pages(page_of)), way["limit"], always))

    def count(self) -> None:
        """Count titles of a kind, or of a genre."""
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
        except UnknownEntityError as error:  # counts that no title can cause: nothing was sent
            self.seen.violations.append(f"damage: {error}")

    def _judge(self, read: Callable[[], Iterable[str]]) -> None:
        self.seen.reads += 1
        try:
            self.seen.violations += read()
        except ServiceError:
            self.seen.failures += 1
        except UnknownEntityError as error:
            self.seen.violations.append(f"damage: {error}")

    def _key(self) -> TitleKey:
        return self._rng.choice(self._contested)

    def _title(self) -> AnyTitle:
        """Make a title that was not made before."""
        return title_of(
            self._key(),
            genre_ids=self._genres(),
            popularity=self._popularity(),
            **self._votes(),
            overview=f"{self._name}/{self._turn}",
        )

    def _popularity(self) -> float:
        return self._rng.randrange(10**6) / 1000

    def _votes(self) -> dict[str, Any]:
        return {
            "vote_average": self._rng.randrange(100) / 10,
            "vote_count": int(4 ** (self._rng.random() * 9)),
        }

    def _genres(self) -> list[int]:
        return self._rng.sample(GENRES, self._rng.randint(0, 3))


def pages(page_of: Callable[..., Page[AnyTitle]]) -> Iterator[Page[AnyTitle]]:
    """Read a list page by page."""
    page = page_of()
    yield page
    while page.next:
        page = page_of(after=page.next)
        yield page

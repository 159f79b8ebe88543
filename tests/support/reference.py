"""The expected answers of every read, in plain Python: sort, filter and slice the JSON records."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from catalog_model import Movie, Page, TVShow
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.table.folding import fold_name

Record = dict[str, Any]
Title = Movie | TVShow
T = TypeVar("T")

NAMES = {"movie": "title", "tv": "name"}
DATES = {"movie": "release_date", "tv": "first_air_date"}
VALUES: dict[str, Callable[[Kind, Record], Any]] = {
    "popularity": lambda _, record: record["popularity"],
    "rating": lambda _, record: record["vote_average"],
    "release": lambda kind, record: record.get(DATES[kind]) or "",
    "name": lambda kind, record: fold_name(record[NAMES[kind]]),
}


class Reference:
    """The whole catalogue as a list of records for each kind."""

    def __init__(self, records: Mapping[Any, Mapping[str, Record]]) -> None:
        self.records: dict[Kind, list[Record]] = {
            kind: list(records[kind].values()) for kind in KINDS
        }

    def genre_counts(self, kind: Kind) -> dict[int, int]:
        """Count the titles of each genre with titles."""
        genres = (set(record["genre_ids"]) for record in self.records[kind])
        return dict(sorted(Counter(genre for of_title in genres for genre in of_title).items()))

    def listed(
        self,
        kind: Kind,
        genre_id: int | None = None,
        *,
        order: str = "popularity",
        descending: bool = True,
    ) -> list[Record]:
        """Sort by (value, id); descending reverses both."""
        value = VALUES[order]
        return sorted(
            (r for r in self.records[kind] if genre_id is None or genre_id in r["genre_ids"]),
            key=lambda record: (value(kind, record), record["id"]),
            reverse=descending,
        )

    def in_genres(self, kind: Kind, genre_ids: Iterable[int], match: str) -> list[Record]:
        """Return the records in all of the genres, or in any of them."""
        wanted, rule = set(genre_ids), {"all": all, "any": any}[match]
        listed = self.listed(kind)
        return [r for r in listed if rule(genre in r["genre_ids"] for genre in wanted)]

    def top_rated(
        self, kind: Kind, *, min_votes: int, min_rating: float, genre_id: int | None = None
    ) -> list[Record]:
        """Return the records with more votes and a better rating, best first."""
        listed = self.listed(kind, genre_id, order="rating")
        enough = [record for record in listed if record["vote_count"] > min_votes]
        return [record for record in enough if record["vote_average"] > min_rating]

    def released_between(
        self,
        kind: Kind,
        since: str,
        until: str,
        *,
        genre_id: int | None = None,
        descending: bool = True,
    ) -> list[Record]:
        """Return the records with a date from the first day to the last."""
        listed = self.listed(kind, genre_id, order="release", descending=descending)
        date = DATES[kind]
        return [r for r in listed if r.get(date) and since <= r[date] <= until]

    def named(self, kind: Kind, prefix: str) -> list[Record]:
        """Return the records whose folded name begins with the folded prefix."""
        listed = self.listed(kind, order="name", descending=False)
        name, wanted = NAMES[kind], fold_name(prefix)
        return [record for record in listed if fold_name(record[name]).startswith(wanted)]


def pages(page_after: Callable[[str | None], Page[T]]) -> Iterator[Page[T]]:
    """Read a list to its end, page by page."""
    page = page_after(None)
    yield page
    while page.next is not None:
        page = page_after(page.next)
        yield page


def walk(page_after: Callable[[str | None], Page[Title]], limit: int) -> list[Record]:
    """Read a list to its end; every page but the last is full, and none is empty after another."""
    *full, last = pages(page_after)
    assert all(len(page.items) == limit for page in full), "a page that is not the last is full"
    assert len(last.items) <= limit
    assert last.items or not full, "an empty page after a cursor"
    return [title.to_json() for page in (*full, last) for title in page]

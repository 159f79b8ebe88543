"""The effects and answers of operations, in plain Python, for `fault_laws`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from fault_histories import Read, Write
from reference import Reference

from catalog_model import Catalog, Page, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.entities import AnyTitle
from catalog_model.errors import (
    InvalidArgumentError,
    InvalidTitleError,
    TitleExistsError,
    TitleNotFoundError,
)

Value = AnyTitle | None
Model = dict[TitleKey, Value]

READ: Final = "a read answers right and in full, or raises an error"


class Violation(AssertionError):  # noqa: N818  # named for what it shows; not an error of the program
    """A law that was violated, with the evidence."""

    def __init__(self, law: str, how: str) -> None:
        super().__init__(f"{law}: {how}")
        self.law = law


INVALID: Final = {"too large": InvalidTitleError, "no number": InvalidArgumentError}


def effect(write: Write, before: Value) -> tuple[Value, object]:
    """Return the title after a write, and the answer: a title, or the class of an error."""
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
    """Check that no page contains a title twice, though its requests see different moments."""
    if len({title.id for title in page}) < len(page.items):
        raise Violation(READ, f"a page holds a title twice: {page.items}")


def _vote(catalog: Catalog, key: TitleKey, votes: dict[str, Any]) -> AnyTitle:
    """Change the votes, in one of the two available ways."""
    if votes["vote_count"] % 2:
        return ap.update_title(catalog, *key, **votes)
    return ap.update_votes(catalog, *key, **votes)


def perform(catalog: Catalog, write: Write) -> AnyTitle:
    """Perform a write on one title."""
    key, value = write.key, write.value
    calls: dict[str, Callable[[], AnyTitle]] = {
        "put": lambda: ap.put_title(catalog, value),
        "too large": lambda: ap.put_title(catalog, value),
        "create": lambda: ap.put_title(catalog, value, if_absent=True),
        "popularity": lambda: ap.update_popularity(catalog, *key, value["popularity"]),
        "no number": lambda: ap.update_popularity(catalog, *key, float("nan")),
        "votes": lambda: _vote(catalog, key, value),
        "genres": lambda: ap.set_genres(catalog, *key, value["genre_ids"]),
        "delete": lambda: ap.delete_title(catalog, *key),
    }
    return calls[write.name]()

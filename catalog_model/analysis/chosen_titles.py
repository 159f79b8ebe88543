"""A few titles that show much of the table, and example arguments of the access patterns for them.

Pure: nothing is read or sent here.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Final

from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.entities import AnyTitle
from catalog_model.table.folding import fold_name
from catalog_model.table.keys import TOP_MAGNITUDE, magnitude_of

USUAL_GENRES: Final = (18, 35)
"""Genres in examples if no title has any: Drama and Comedy, of both kinds."""

USUAL_DATES: Final = ("1990-01-01", "1999-12-31")
MOST_GENRES: Final = 4
"""Titles with more genres are not chosen if there are others: each genre is a row of each index."""

LONGEST_PREFIX: Final = 20


def choose_titles(titles: Iterable[AnyTitle], number: int) -> list[AnyTitle]:
    """Choose up to *number* titles: of both kinds, with shared genres and several magnitudes.

    The first title of each kind is among them if there is space. The choice depends on the titles
    and their order only. Returns the titles in the given order.

    >>> title = Movie.from_json(record)
    >>> choose_titles([title, title.replace(id=2)], 1) == [title]
    True
    """
    left = list(titles)
    order = {id(title): place for place, title in enumerate(left)}
    chosen: list[AnyTitle] = []
    while left and len(chosen) < number:
        best = max(left, key=lambda title: (_worth(title, chosen), -order[id(title)]))
        chosen.append(best)
        left.remove(best)
    return sorted(chosen, key=lambda title: order[id(title)])


def _worth(title: AnyTitle, chosen: Sequence[AnyTitle]) -> tuple[int, int, int]:
    """Return how much a title adds to those chosen: first its kind, then what it shows."""
    of_kind = [each for each in chosen if each.kind == title.kind]
    genres = set(title.genre_ids)
    shared = genres & {genre for each in of_kind for genre in each.genre_ids}
    magnitudes = {magnitude_of(each.vote_count) for each in of_kind}
    shows = bool(shared) + (magnitude_of(title.vote_count) not in magnitudes)
    return -len(of_kind), shows if of_kind else 0, -max(0, len(genres) - MOST_GENRES)


def example_arguments(titles: Sequence[AnyTitle]) -> Mapping[str, str]:
    """Return arguments for each access pattern, as on the command line, that concern *titles*.

    Patterns of one kind concern the kind with the most titles, and in lists of a genre the most
    frequent one. Changes concern the least popular title of that genre, and move it.

    Args:
        titles: Titles of the table, at least one.

    >>> example_arguments([Movie.from_json(record)])["get_title"]
    'movie 348'
    """
    kind = _main_kind(titles)
    own = [title for title in titles if title.kind == kind]
    genre, other_genre = _main_genres(own)
    subject = min(
        (title for title in own if genre in title.genre_ids),
        key=lambda title: title.popularity,
        default=own[0],
    )
    name = f"{kind} {subject.id}"
    votes = sorted(title.vote_count for title in own)[len(own) // 4]
    rating = sorted(title.vote_average for title in own)[len(own) // 4]
    popularity = round(max(title.popularity for title in own) + 1, 3)
    since, until = _middle_dates(own)
    return {
        "get_title": name,
        "get_titles": " ".join(f"{each.kind}:{each.id}" for each in _of_each_kind(titles)),
        "get_title_with_genres": name,
        "list_titles": f"{kind} --order name --ascending --limit 5",
        "list_titles_in_genre": f"{kind} {genre} --limit 5",
        "list_titles_in_genres": f"{kind} {genre} {other_genre} --match any",
        "sample_titles": f"{kind} --count 2",
        "list_top_rated": f"{kind} --min-votes {max(votes - 1, 0)} --min-rating {rating!r}",
        "list_released_between": f"{kind} {since} {until}",
        "find_titles_by_name": f"{kind} {shlex.quote(_common_prefix(own))}",
        "list_genres": kind,
        "count_titles": f"{kind} --genre-id {genre}",
        "update_title": f'{name} overview="Another overview." popularity={popularity!r}',
        "update_popularity": f"{name} {popularity!r}",
        "update_votes": f"{name} --vote-average 8.2 --vote-count {_other_magnitude(subject)}",
        "set_genres": f"{name} {' '.join(map(str, _other_genres(subject, own)))}",
        "delete_title": f"{name} --yes",
    }


def _main_kind(titles: Sequence[AnyTitle]) -> Kind:
    numbers = Counter(title.kind for title in titles)
    return max(KINDS, key=lambda kind: numbers[kind])


def _main_genres(titles: Iterable[AnyTitle]) -> tuple[int, int]:
    numbers = Counter(genre for title in titles for genre in set(title.genre_ids))
    frequent = sorted(numbers, key=lambda genre: (-numbers[genre], genre))
    usual = [genre for genre in USUAL_GENRES if genre not in frequent]
    first, second, *_ = [*frequent, *usual, *USUAL_GENRES]
    return first, second


def _middle_dates(titles: Iterable[AnyTitle]) -> tuple[str, str]:
    """Return days between which about half of the titles were released."""
    dates = sorted(title.released for title in titles if title.released)
    return (dates[len(dates) // 4], dates[3 * len(dates) // 4]) if dates else USUAL_DATES


def _common_prefix(titles: Iterable[AnyTitle]) -> str:
    """Return the most frequent first word of the folded names."""
    words = Counter(fold_name(title.display_name).split("-")[0] for title in titles)
    return max(words, key=lambda word: words[word])[:LONGEST_PREFIX]


def _of_each_kind(titles: Sequence[AnyTitle]) -> list[AnyTitle]:
    """Return the first titles of each kind, three in all or fewer."""
    by_kind = [[title for title in titles if title.kind == kind] for kind in KINDS]
    return [title for each in by_kind for title in each[:2]][:3]


def _other_magnitude(title: AnyTitle) -> int:
    """Return a number of votes in the next magnitude, or below the highest one."""
    magnitude = magnitude_of(title.vote_count)
    other: int = 4 ** (TOP_MAGNITUDE - 1) - 1 if magnitude == TOP_MAGNITUDE else 4**magnitude
    return other


def _other_genres(title: AnyTitle, titles: Iterable[AnyTitle]) -> list[int]:
    """Return genres for the title, with one fewer of its own and one more of another's."""
    own = list(dict.fromkeys(title.genre_ids))
    others = (genre for each in titles for genre in each.genre_ids)
    new = next(genre for genre in chain(others, USUAL_GENRES, count(1)) if genre not in own)
    return [*own[1:], new]

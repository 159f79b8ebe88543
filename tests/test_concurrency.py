"""Writers that meet: no update is lost, and counts, lists and slots stay in step."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from catalog_model import Catalog, Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.errors import ConflictError, TitleExistsError, TitleNotFoundError

THREADS = 8
ROUNDS = 25
GENRES = (12, 16, 18, 28, 35, 80)


def movie(title_id: int, rng: random.Random) -> Movie:
    """Make a movie of random genres."""
    return Movie(
        id=title_id,
        title=f"Movie {title_id}",
        genre_ids=rng.sample(GENRES, rng.randint(0, 4)),
        popularity=float(rng.randint(1, 1000)),
        vote_average=float(rng.randint(1, 10)),
        vote_count=rng.randint(0, 100_000),
    )


def test_only_one_of_many_creators_wins(catalog: Catalog) -> None:
    """put_title with if_absent: one creates, all others are told that it exists."""

    def create(worker: int) -> bool:
        try:
            ap.put_title(catalog, movie(1, random.Random(worker)), if_absent=True)
        except TitleExistsError:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert Counter(pool.map(create, range(THREADS)))[True] == 1
    assert ap.count_titles(catalog, "movie") == 1


def test_updates_of_different_fields_never_undo_each_other(catalog: Catalog) -> None:
    """One changes popularity, one votes, one genres: the last of each stands at the end."""
    ap.put_title(catalog, movie(1, random.Random(1)))

    def popularity() -> None:
        for value in range(ROUNDS):
            ap.update_popularity(catalog, "movie", 1, value)

    def votes() -> None:
        for value in range(ROUNDS):
            ap.update_votes(catalog, "movie", 1, vote_average=value, vote_count=value)

    def genres() -> None:
        for value in range(ROUNDS):
            ap.set_genres(catalog, "movie", 1, GENRES[: value % 3 + 1])

    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work) for work in (popularity, votes, genres)]:
            future.result()
    title = ap.get_title(catalog, "movie", 1, consistent=True)
    last = ROUNDS - 1
    assert (title.popularity, title.vote_average, title.vote_count) == (last, last, last)
    assert title.genre_ids == GENRES[: last % 3 + 1]


def test_mixed_writes_on_few_titles_leave_everything_in_step(catalog: Catalog) -> None:
    """Put, delete and change from many threads; then every derived figure follows from titles."""

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(ROUNDS):
            title_id = rng.randint(1, 6)
            try:
                _random_write(catalog, title_id, rng)
            except (TitleNotFoundError, ConflictError):
                continue  # refused as a whole: the figures below would tell

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(work, range(THREADS)))
    _assert_in_step(catalog)


def _random_write(catalog: Catalog, title_id: int, rng: random.Random) -> None:
    match rng.randrange(5):
        case 0 | 1:
            ap.put_title(catalog, movie(title_id, rng))
        case 2:
            ap.delete_title(catalog, "movie", title_id)
        case 3:
            ap.update_popularity(catalog, "movie", title_id, rng.random() * 100)
        case 4:
            ap.set_genres(catalog, "movie", title_id, rng.sample(GENRES, 2))


def _assert_in_step(catalog: Catalog) -> None:
    keys = [TitleKey("movie", title_id) for title_id in range(1, 7)]
    there = [title for title in ap.get_titles(catalog, keys) if title]
    for title in there:
        assert ap.get_title(catalog, *title.key, consistent=True) == title
    assert set(ap.list_titles(catalog, "movie")) == set(there)
    assert set(ap.sample_titles(catalog, "movie", 100)) == set(there)
    assert ap.count_titles(catalog, "movie") == len(there)
    counted = {genre.id: genre.title_count for genre in ap.list_genres(catalog, "movie")}
    assert counted == Counter(genre for title in there for genre in set(title.genre_ids))
    for genre in GENRES:
        listed = ap.list_titles_in_genre(catalog, "movie", genre)
        assert set(listed) == {title for title in there if genre in title.genre_ids}

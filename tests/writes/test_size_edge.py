"""Titles around the limit of a transaction, 4 MB: written, or refused by this package itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines import Engine
from older_tables import delete, grow_old
from request_log import logged_requests
from spread_tables import spread
from table_dump import assert_whole, dump, movie, titles_in

from catalog_model import Catalog, Movie
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.limits import MAX_PUT_BYTES, MAX_TRANSACTION_BYTES
from catalog_model.errors import InvalidTitleError
from catalog_model.operations import create_table, delete_table, migrate, repair, verify
from catalog_model.table.encoded import Encoded

pytestmark = [pytest.mark.in_memory(False), pytest.mark.slow]

GENRES, OTHERS = range(101, 149), range(201, 249)
"""Two sets of as many genres as a title may have: none of them in common."""

EDGES = [
    edge + more for edge in (MAX_PUT_BYTES, MAX_TRANSACTION_BYTES) for more in (-2_000, -60, 0, 60)
]


@pytest.fixture
def strict(engine: Engine) -> Iterator[Catalog]:
    """A handle on an empty table of an engine that holds the limit."""
    if engine.name == "moto":
        pytest.skip("moto accepts a transaction of any size")
    catalog = engine.catalog()
    create_table(catalog)
    yield catalog
    delete_table(catalog)


def of_size(title_id: int, genres: range, size: int) -> Movie:
    """Return a movie with at most that many bytes in all of its items, and hardly fewer."""

    def padded(characters: int) -> Movie:
        return movie(title_id, *genres, overview="x" * characters)

    least, more = (Encoded(padded(characters)).size for characters in (5_000, 5_001))
    return padded(5_000 + (size - least) // (more - least))


def title_around(size: int, genres: range) -> Movie:
    title = of_size(7, genres, size)
    assert size - 60 < Encoded(title).size <= size
    return title


WRITES: dict[str, Callable[[Catalog, Movie], Any]] = {
    "put_title": ap.put_title,
    "update_title": lambda catalog, title: ap.update_title(
        catalog, "movie", 7, overview=title.overview, genre_ids=list(title.genre_ids)
    ),
    "load_titles": lambda catalog, title: ap.load_titles(catalog, [title]),
}


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("name", WRITES)
def test_a_title_is_written_or_refused_without_a_write(
    strict: Catalog, name: str, size: int
) -> None:
    """Also if it replaces a title in as many other genres, whose copies are deleted with it."""
    before, after = movie(7, *OTHERS), title_around(size, GENRES)
    ap.put_title(strict, before)
    with logged_requests(strict) as log:
        try:
            done = WRITES[name](strict, after)
        except InvalidTitleError as error:
            is_refused, words = True, str(error)
        else:
            is_refused = name == "load_titles" and bool(done.rejected)
            words = done.rejected[0].reason if is_refused else ""
    assert is_refused is (Encoded(after).size > MAX_PUT_BYTES)
    if is_refused:
        assert "<Movie 7 'Movie 7'> has" in words
        assert "with its copies for 48 genres" in words
        allowed = {"update_title": ["GetItem"]}.get(name, [])
        assert [request.operation for request in log] == allowed
    assert titles_in(dump(strict)) == {before.key: before if is_refused else after}
    assert_whole(dump(strict))


def test_a_title_of_nearly_the_largest_size_keeps_every_write_and_every_operation(
    strict: Catalog,
) -> None:
    """Whatever can be created can be changed, migrated, repaired, and moved to other lists."""
    title = title_around(MAX_PUT_BYTES - 200, GENRES)
    ap.put_title(strict, title)
    for genres, popularity in ((OTHERS, 2.0), (GENRES, 3.0)):
        ap.set_genres(strict, "movie", 7, genres)
        ap.update_popularity(strict, "movie", 7, popularity)
    for lists in (32, 1):
        assert spread(strict, lists).left == []
    for key in dump(strict):
        if key.PK != key.SK and not key.SK.startswith("TALLY"):
            delete(strict, key)
    assert repair(strict).left == []
    assert verify(strict).is_clean
    grow_old(strict, "version 3")
    assert migrate(strict).left == []
    assert_whole(dump(strict))
    ap.delete_title(strict, "movie", 7)
    assert titles_in(dump(strict)) == {}


@pytest.mark.parametrize("short", [0, 100, 1_000, 10_000])
@pytest.mark.parametrize("together", [2, 8])
def test_titles_that_nearly_fill_a_transaction_are_loaded(
    strict: Catalog, together: int, short: int
) -> None:
    """As many as fit, with the tallies of their shards."""
    size = (MAX_TRANSACTION_BYTES - short) // together
    titles = [of_size(number, range(1, 12), size) for number in range(1, 2 * together + 1)]
    assert ap.load_titles(strict, titles).created == len(titles)
    assert_whole(dump(strict))

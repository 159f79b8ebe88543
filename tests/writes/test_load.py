"""Bulk loads: interrupted, throttled, concurrent with others, and repeated until complete."""

import random
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from engines import Engine, has_dynoxide
from request_log import logged_requests
from spread_tables import spread_table
from table_dump import (
    Killed,
    Withholding,
    assert_a_repetition_completes,
    assert_complete,
    assert_counts_are_of_what_can_be_got,
    assert_in_step,
    by_key,
    changed_at_random,
    comparable,
    dump,
    hooked,
    killed_at,
    movie,
    once,
    titles_in,
)

from catalog_model import Catalog, Movie, Rejection
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS
from catalog_model.dynamodb.limits import (
    MAX_ITEM_BYTES,
    MAX_TRANSACTION_ACTIONS,
    MAX_TRANSACTION_BYTES,
)
from catalog_model.dynamodb.sizes import item_size
from catalog_model.entities import AnyTitle
from catalog_model.errors import InvalidTitleError, ThrottledError
from catalog_model.operations import create_table, delete_table
from catalog_model.table import keys
from catalog_model.table.codec import END_OF_COUNTS, MOST_LISTS
from catalog_model.table.encoded import Encoded
from catalog_model.writes.load import LoadReport

pytestmark = pytest.mark.in_memory

Fresh = Callable[[], Catalog]


@pytest.fixture(scope="module")
def some(titles: list[AnyTitle]) -> list[AnyTitle]:
    """35 movies and 35 shows: two commits for each kind, so a load has all its parts."""
    return [each for kind in KINDS for each in [t for t in titles if t.kind == kind][:35]]


@pytest.fixture
def many(titles: list[AnyTitle]) -> list[AnyTitle]:
    """Three batches of both kinds, mixed."""
    return random.Random(3).sample(titles, 220)


@pytest.fixture
def fresh(engine: Engine) -> Iterator[Fresh]:
    """Creates any number of empty tables."""
    made: list[Catalog] = []

    def make() -> Catalog:
        made.append(engine.catalog())
        create_table(made[-1])
        return made[-1]

    yield make
    for catalog in made:
        delete_table(catalog)


@pytest.fixture(scope="module")
def undisturbed(engine: Engine, some: list[AnyTitle]) -> dict[object, dict[str, Any]]:
    """The table after a load of some titles without interruption."""
    catalog = engine.catalog()
    create_table(catalog)
    ap.load_titles(catalog, some)
    assert_in_step(catalog)
    found = comparable(dump(catalog))
    delete_table(catalog)
    return found


def test_a_repeated_load_sends_no_write(full_catalog: Catalog, titles: list[AnyTitle]) -> None:
    """One BatchGetItem for 100 titles and nothing else, in any order."""
    shuffled = random.Random(1).sample(titles, len(titles))
    for again in (titles, shuffled):
        with logged_requests(full_catalog) as log:
            report = ap.load_titles(full_catalog, again)
        assert report == LoadReport(unchanged=len(titles))
        assert [request.operation for request in log] == ["BatchGetItem"] * -(-len(titles) // 100)


def test_the_whole_catalogue_is_in_step_once_loaded(
    engine: Engine, full_catalog: Catalog, titles: list[AnyTitle]
) -> None:
    """Every title, once in each of its lists, counted, and available to the sampler."""
    assert assert_complete(dump(full_catalog)) == by_key(titles)
    if engine.is_quick:  # moto takes minutes to sort all lists
        assert_in_step(full_catalog)


def numbers(count: int, engine: Engine) -> range:
    """Count from 1, leaving out three of four on a slow engine, as another one tests them all."""
    is_thinned = engine.name == "moto" and has_dynoxide()
    return range(1, count + 1, 4 if is_thinned else 1)


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_a_load_killed_at_any_request_is_completed_by_repeating_it(
    moment: str,
    engine: Engine,
    fresh: Fresh,
    some: list[AnyTitle],
    undisturbed: dict[object, dict[str, Any]],
) -> None:
    """Before each request in turn, or after it, with its answer lost."""
    with logged_requests(catalog := fresh()) as log:
        ap.load_titles(catalog, some)
    for number in numbers(len(log), engine):
        catalog = fresh()
        with killed_at(catalog, f"{moment}.dynamodb", number):
            ap.load_titles(catalog, some)
        assert_counts_are_of_what_can_be_got(catalog, some)
        assert_a_repetition_completes(catalog, some, undisturbed)


def test_a_load_ended_by_its_progress_is_completed_by_repeating_it(
    engine: Engine, fresh: Fresh, some: list[AnyTitle], undisturbed: dict[object, dict[str, Any]]
) -> None:
    """The callback's exception is raised; reported titles are loaded."""
    seen: list[int] = []
    ap.load_titles(fresh(), some, on_progress=seen.append)
    for number in numbers(len(seen), engine):
        catalog, calls = fresh(), iter(range(number - 1, -1, -1))

        def stop(done: int, calls: Iterator[int] = calls, catalog: Catalog = catalog) -> None:
            assert len(titles_in(dump(catalog))) == done
            if next(calls) == 0:
                raise Killed

        with pytest.raises(Killed):
            ap.load_titles(catalog, some, on_progress=stop)
        assert_counts_are_of_what_can_be_got(catalog, some)
        assert_a_repetition_completes(catalog, some, undisturbed)


@pytest.mark.usefixtures("in_no_time")
@pytest.mark.parametrize("seed", range(8))
def test_what_a_batch_leaves_undone_is_asked_again(
    seed: int, fresh: Fresh, some: list[AnyTitle], undisturbed: dict[object, dict[str, Any]]
) -> None:
    """UnprocessedKeys of any part, sometimes all: nothing is mistaken for missing."""
    catalog, rng = fresh(), random.Random(seed)
    share = rng.uniform(0.05, 0.5)
    client: Any = Withholding(catalog.client, lambda: rng.random() < share)
    throttled = Catalog(catalog.table, client=client)
    assert ap.load_titles(throttled, some) == LoadReport(created=len(some))
    assert client.withheld > 0
    assert comparable(dump(catalog)) == undisturbed
    assert ap.load_titles(throttled, some) == LoadReport(unchanged=len(some))


@pytest.mark.usefixtures("in_no_time")
@pytest.mark.parametrize("served", [0, 40, 71, 100])
def test_a_batch_that_is_never_done_counts_as_throttled(
    served: int, fresh: Fresh, some: list[AnyTitle], undisturbed: dict[object, dict[str, Any]]
) -> None:
    """After some attempts without progress; titles are complete, and a repeat adds the rest."""
    catalog, left = fresh(), iter(range(served))
    client: Any = Withholding(catalog.client, lambda: next(left, None) is None)
    with pytest.raises(ThrottledError):
        ap.load_titles(Catalog(catalog.table, client=client), some)
    assert_counts_are_of_what_can_be_got(catalog, some)
    assert_a_repetition_completes(catalog, some, undisturbed)


def test_changed_titles_are_replaced_with_everything_derived_from_them(
    catalog: Catalog, many: list[AnyTitle]
) -> None:
    """Popularity, votes and genres change at random, some titles are new: the table follows."""
    rng, old = random.Random(11), many[:180]
    ap.load_titles(catalog, old)
    changed = [changed_at_random(title, rng) if rng.random() < 0.4 else title for title in many]
    differing = sum(title != now for title, now in zip(old, changed, strict=False))
    report = ap.load_titles(catalog, changed)
    assert report == LoadReport(created=40, changed=differing, unchanged=180 - differing)
    assert assert_in_step(catalog) == by_key(changed)
    assert ap.load_titles(catalog, changed) == LoadReport(unchanged=220)


def test_what_cannot_be_loaded_is_reported_and_the_rest_is_loaded(catalog: Catalog) -> None:
    """With key and reason, in input order; a rejected title leaves no trace."""
    noted = Rejection("data_movies.json", "12", "why")
    too_long = movie(5, 28, overview="x" * 400 * 1024)
    too_wide = movie(6, *range(1, 20), overview="x" * 250_000)
    given: list[Any] = [movie(1, 28), noted, too_long, None, movie(2), too_wide, {"id": 3}]
    seen: list[int] = []
    report = ap.load_titles(catalog, given, on_progress=seen.append)
    assert (report.created, report.changed, report.unchanged, report.done) == (2, 0, 0, 7)
    assert seen[-1] == 7
    first, long, nothing, wide, mapping = report.rejected
    assert (long.key, wide.key) == ("movie 5", "movie 6")
    assert (first is noted, "409,600" in long.reason) == (True, True)
    assert "with its copies" in wide.reason
    assert (nothing.key, mapping.key) == ("None", "{'id': 3}")
    assert {each.reason for each in (nothing, mapping)} == {"this is neither a Movie nor a TVShow"}
    assert assert_in_step(catalog) == by_key([movie(1, 28), movie(2)])


@pytest.mark.parametrize("version", [0, END_OF_COUNTS - 1])
@pytest.mark.parametrize("slot", [0, END_OF_COUNTS - 1])
def test_what_is_accepted_fits_with_any_version_and_any_slot(version: int, slot: int) -> None:
    """Around the limit, byte by byte: the size does not depend on when a title is written."""
    wide = movie(
        5, extra=[1] * 1_000, overview=""
    )  # a number of a list is longer in DynamoDB than in JSON
    size = item_size(Encoded(wide).own(version=version, slot=slot))
    verdicts = []
    for spare in range(-2, 48):
        title = wide.replace(overview="x" * (MAX_ITEM_BYTES - size - spare))
        try:
            Encoded(title).check_size()
        except InvalidTitleError:
            verdicts.append(False)
            continue
        verdicts.append(True)
        assert item_size(Encoded(title).own(version=version, slot=slot)) <= MAX_ITEM_BYTES
    assert verdicts == sorted(verdicts)
    assert set(verdicts) == {False, True}


def around_400_kb(title: Movie, spares: Iterable[int]) -> Iterator[Movie]:
    """Yield a title with one item of nearly 400 KB in lists that are not spread, byte by byte."""

    def padded(characters: int) -> Movie:
        return title.replace(overview="x" * characters)

    def largest(title: Movie) -> int:
        encoded = Encoded(title)
        own = encoded.own(version=END_OF_COUNTS - 1, slot=END_OF_COUNTS - 1)
        copies = (encoded.listing(END_OF_COUNTS - 1), *encoded.memberships())
        return max(map(item_size, (own, *copies)))

    most = MAX_ITEM_BYTES - largest(padded(9_000)) + 9_000
    for spare in spares:
        yield padded(most - spare)


WIDEST: dict[str, Movie] = {
    "own item": movie(31, 28, extra=[1] * 1_000),
    "copies": movie(31, 28),
}
"""Titles whose largest item is this one."""


@pytest.mark.parametrize("widest", WIDEST)
def test_what_is_accepted_fits_into_lists_of_any_number_of_shards(widest: str) -> None:
    """So a title that was written can be moved to them."""
    verdicts = []
    for title in around_400_kb(WIDEST[widest], range(-1, 32)):
        encoded = Encoded(title)
        try:
            encoded.check_size()
        except InvalidTitleError:
            verdicts.append(False)
            continue
        verdicts.append(True)
        for lists in range(1, MOST_LISTS + 1):
            encoded.check_size(lists)
            copies = (encoded.listing(0, lists), *encoded.memberships(lists))
            own = encoded.own(version=1, slot=0, lists=lists)
            assert max(map(item_size, (own, *copies))) <= MAX_ITEM_BYTES
    assert verdicts == sorted(verdicts)
    assert set(verdicts) == {False, True}


def test_a_load_into_lists_of_many_shards_rejects_only_what_is_too_large(engine: Engine) -> None:
    """A title that would fit into lists of one shard does not end it."""
    catalog = spread_table(engine, 8, [])
    spares = range(-1, 9)
    edge = [
        title.replace(id=31 + 8 * n)
        for n, title in enumerate(around_400_kb(WIDEST["copies"], spares))
    ]
    report = ap.load_titles(catalog, [movie(1), *edge, movie(2)])
    assert report.done == report.created + len(report.rejected) == 2 + len(edge)
    assert report.rejected
    assert {movie(1).key, movie(2).key} <= assert_in_step(catalog).keys()
    delete_table(catalog)


LOADED = [movie(n, 28, n % 5 + 1, 12) for n in range(8, 68)]
MET, NEIGHBOUR, NEWCOMER = LOADED[0], movie(800, 28), movie(8000, 35)
OTHER = MET.replace(genre_ids=[99, 12], popularity=77)


def put_and(after: Callable[..., Any], title: AnyTitle, *more: Any) -> Callable[[Catalog], Any]:
    """Put a title, and then change or delete it."""
    return lambda c: (ap.put_title(c, title), after(c, *title.key, *more))


ACTS: dict[str, tuple[Callable[[Catalog], Any], tuple[int, int, int]]] = {
    "put it": (lambda c: ap.put_title(c, MET), (59, 0, 1)),
    "put another": (lambda c: ap.put_title(c, OTHER), (59, 1, 0)),
    "put it and delete it": (put_and(ap.delete_title, MET), (60, 0, 0)),
    "put another and delete it": (put_and(ap.delete_title, OTHER), (60, 0, 0)),
    "put it and change genres": (put_and(ap.set_genres, MET, [77]), (59, 1, 0)),
    "add a neighbour": (lambda c: ap.put_title(c, NEWCOMER), (60, 0, 0)),
    "delete a neighbour": (lambda c: ap.delete_title(c, *NEIGHBOUR.key), (60, 0, 0)),
}
"""What another writer does, and how many titles the load then creates, changes and leaves."""


@pytest.mark.usefixtures("in_no_time")
@pytest.mark.parametrize(
    "moment", ["after-call.dynamodb.BatchGetItem", "before-call.dynamodb.TransactWriteItems"]
)
@pytest.mark.parametrize("name", ACTS)
def test_who_meets_a_load_leaves_all_in_step(name: str, moment: str, catalog: Catalog) -> None:
    """Another writer acts between the reads of a load and its transaction; the load wins."""
    act, figures = ACTS[name]
    ap.put_title(catalog, NEIGHBOUR)
    assert len({keys.shard_of(title.key) for title in (MET, NEIGHBOUR, NEWCOMER)}) == 1
    with hooked(catalog, moment, once(lambda: act(catalog))):
        report = ap.load_titles(catalog, LOADED)
    there = assert_in_step(catalog)
    assert by_key(LOADED).items() <= there.items()
    assert (report.created, report.changed, report.unchanged) == figures


def test_two_loads_of_overlapping_titles_at_a_time_end_in_step(
    catalog: Catalog, many: list[AnyTitle]
) -> None:
    """Each title exists once, in the version of one load; repeating a load makes its titles win."""
    rng = random.Random(13)
    other = [changed_at_random(title, rng) if rng.random() < 0.5 else title for title in many[60:]]
    one = many[:160]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda titles: ap.load_titles(catalog, titles), (one, other)))
    assert [report.done for report in reports] == [len(one), len(other)]
    there = assert_in_step(catalog)
    assert there.keys() == by_key(many).keys()
    assert there.items() <= by_key(one).items() | by_key(other).items()
    ap.load_titles(catalog, one)
    assert assert_in_step(catalog) == {**by_key(other), **by_key(one)}


def test_titles_are_read_as_they_are_needed_and_progress_tells_how_many_are_done(
    catalog: Catalog, many: list[AnyTitle]
) -> None:
    """At most one batch ahead; progress never decreases, and ends at the total."""
    taken, seen = 0, [0]

    def source() -> Iterator[AnyTitle | Rejection]:
        nonlocal taken
        for taken, title in enumerate(many, start=1):
            assert taken - seen[-1] <= 101
            yield title
        yield Rejection("", "", "")

    report = ap.load_titles(catalog, source(), on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == taken + 1 == report.done
    assert report.created == len(many)


def test_an_error_of_the_source_comes_through_and_a_repetition_completes(
    fresh: Fresh, some: list[AnyTitle], undisturbed: dict[object, dict[str, Any]]
) -> None:
    """Complete batches before it are loaded; the rest is left for the next run."""

    def source() -> Iterator[AnyTitle]:
        yield from some[:40]
        yield some[0]  # a second time: the batch ends here
        raise OSError("the file is gone")

    catalog = fresh()
    with pytest.raises(OSError, match="the file is gone"):
        ap.load_titles(catalog, source())
    assert len(titles_in(dump(catalog))) == 40
    assert_counts_are_of_what_can_be_got(catalog, some)
    assert_a_repetition_completes(catalog, some, undisturbed)


@pytest.mark.parametrize("nothing", [[], [Rejection("", "1", "why")], [None]])
def test_loading_nothing_sends_nothing(nothing: list[Any], catalog: Catalog) -> None:
    """Nor does an input of rejected records only."""
    with logged_requests(catalog) as log:
        assert ap.load_titles(catalog, nothing).done == len(nothing)
    assert log == []


@pytest.mark.parametrize("character", ["x", "\x01"])
def test_a_transaction_of_a_load_fits_for_any_titles(character: str, catalog: Catalog) -> None:
    """JSON needs six bytes for a control character in the copy."""
    heavy: list[AnyTitle] = [movie(n, overview=character * 60_000) for n in range(1, 31)]
    with logged_requests(catalog) as log:
        assert ap.load_titles(catalog, heavy).created == 30
    writes = [request for request in log if request.operation == "TransactWriteItems"]
    for request in writes:
        actions = [each for a in request.params["TransactItems"] for each in a.values()]
        assert len(actions) <= MAX_TRANSACTION_ACTIONS
        assert sum(item_size(each.get("Item", {})) for each in actions) <= MAX_TRANSACTION_BYTES
    assert 0 < len(writes) < len(heavy)

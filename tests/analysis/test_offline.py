"""The offline table predicts the engine's requests and charges, call by call."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import boto3
import pytest
from engines import Engine
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled, some_of
from strategies import edgy_titles, floats, genre_lists, small_ids, title_keys, titles
from table_dump import assert_complete, by_key, dump, movie

from catalog_model import Catalog, Page, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import OfflineCatalog, offline_catalog
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb import sizes
from catalog_model.dynamodb.actions import Absent, Condition, Delete, Equals, Plan, Put, Update
from catalog_model.dynamodb.failures import LostRaceError
from catalog_model.dynamodb.gateway import Range
from catalog_model.dynamodb.memory import OfflineClient
from catalog_model.dynamodb.parameters import query_parameters
from catalog_model.dynamodb.trace import Request, Trace
from catalog_model.dynamodb.typed_json import Item, ItemKey, key_attributes, primary_key
from catalog_model.entities import AnyTitle
from catalog_model.errors import CatalogError, InvalidArgumentError, InvalidTitleError, ServiceError
from catalog_model.operations import create_table, delete_table, table_status
from catalog_model.table import codec, plan
from catalog_model.table.encoded import Encoded
from catalog_model.table.indexes import INDEX_KEYS, INDEXES, SCHEMA
from catalog_model.table.slots import Shard
from docs.calls import READS, reads

Call = Callable[[Catalog], object]

some = settings(max_examples=scaled(40))
KB = 1024


@dataclass(frozen=True)
class Pair:
    """The same table on the engine and offline."""

    engine: Catalog
    offline: OfflineCatalog

    def agree(self, function: Callable[..., object], *args: Any, **asked: Any) -> list[Request]:
        """Call both, and check for the same answer and the same requests; return these."""
        (answer, requests), (foretold, foreseen) = (
            _run(partial(function, catalog, *args, **deepcopy(asked)), catalog)
            for catalog in (self.engine, self.offline)
        )
        assert foretold == answer
        for seen, expected in zip(requests, foreseen, strict=True):
            assert expected == seen
        return foreseen

    def hold_the_same(self) -> None:
        """Check for the same items on both sides."""
        assert dump(self.engine) == _by_key(self.offline.items())


def _run(call: Callable[[], object], catalog: Catalog) -> tuple[object, list[Request]]:
    """Call with the same random state each time; an error counts as an answer."""
    random.seed(8)
    answer: object
    with catalog.trace() as trace:
        try:
            answer = call()
        except CatalogError as error:
            answer = (type(error), str(error))
    return answer, _seen(trace, is_engine=not isinstance(catalog, OfflineCatalog))


def _seen(trace: Trace, *, is_engine: bool) -> list[Request]:
    """Return the requests without what depends on transport and time.

    The engine counts the item that did not fit a page as read.
    """
    requests = list(trace)
    goes_on = ["ExclusiveStartKey" in after.asked for _, after in pairwise(requests)]
    return [
        replace(
            request,
            items_read=request.items_read - (is_engine and is_cut),
            retries=0,
            bytes_received=0,
            began=0,
            milliseconds=0,
            error="",
        )
        for request, is_cut in zip(requests, [*goes_on, False], strict=False)
    ]


def _by_key(items: list[Item]) -> dict[ItemKey, Item]:
    return {primary_key(item): item for item in items}


def empty_pair(engine: Engine) -> Pair:
    """Make an empty table of the same name on both sides."""
    catalog = engine.catalog()
    create_table(catalog)
    return Pair(catalog, offline_catalog(table=catalog.table))


@pytest.fixture
def pair(measuring: Engine) -> Iterator[Pair]:
    """An empty table on both sides."""
    pair = empty_pair(measuring)
    yield pair
    delete_table(pair.engine)


@pytest.fixture(scope="module")
def whole(measuring: Engine, titles: list[AnyTitle]) -> Iterator[Pair]:
    """The whole catalogue on both sides, in a quick run a third; for reading only."""
    pair = empty_pair(measuring)
    pair.agree(ap.load_titles, some_of(titles))
    yield pair
    delete_table(pair.engine)


def walk(catalog: Catalog, ask: Callable[..., object], *args: Any, **asked: Any) -> list[object]:
    """Return the answer, and the other pages of a list; of short pages, eight."""
    answers = [ask(catalog, *args, **asked)]
    while isinstance(page := answers[-1], Page) and page.next:
        if asked["limit"] < 20 and len(answers) > 7:
            break
        answers.append(ask(catalog, *args, **asked, after=page.next))
    return answers


def sample(catalog: Catalog, kind: Kind, count: int) -> list[AnyTitle]:
    """Pick titles, with the same random state each time."""
    return ap.sample_titles(catalog, kind, count, rng=random.Random(count))


def test_a_load_and_its_repetition_are_predicted(whole: Pair, titles: list[AnyTitle]) -> None:
    """The first load filled the tables; the second reads, and writes nothing."""
    whole.hold_the_same()
    requests = whole.agree(ap.load_titles, some_of(titles))
    assert {request.operation for request in requests} == {"BatchGetItem"}


@pytest.mark.parametrize("name", READS)
def test_every_read_is_predicted(whole: Pair, titles: list[AnyTitle], name: str) -> None:
    """With any arguments: existing and missing titles, each order, each page and each cursor."""
    for call in reads(some_of(titles)):
        if call.pattern == name:
            whole.agree(walk, ap.PATTERNS[name].function, **call.arguments)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Any write of a few titles, or a read affected by writes."""
    title = draw(st.one_of(titles(small_ids), edgy_titles(small_ids)))
    several = draw(st.lists(titles(small_ids), max_size=4))
    kind, title_id = draw(title_keys.map(lambda key: TitleKey(key.kind, key.id % 12 + 1)))
    number, votes, genres = draw(floats), draw(st.integers(0, 20_000)), draw(genre_lists)
    is_new, order = draw(st.booleans()), draw(st.sampled_from(("popularity", "rating", "name")))
    votes_of: dict[str, Any] = {"vote_average": number, "vote_count": votes}
    choices: tuple[Call, ...] = (
        lambda c: ap.put_title(c, title, if_absent=is_new),
        lambda c: ap.put_title(c, title),
        lambda c: ap.load_titles(c, several),
        lambda c: ap.update_popularity(c, kind, title_id, number),
        lambda c: ap.update_votes(c, kind, title_id, **votes_of),
        lambda c: ap.set_genres(c, kind, title_id, genres),
        lambda c: ap.update_title(c, kind, title_id, popularity=number, genre_ids=genres),
        lambda c: ap.put_title(c, title, if_unchanged=title.replace(popularity=number)),
        lambda c: ap.delete_title(c, kind, title_id),
        lambda c: ap.get_title_with_genres(c, kind, title_id, consistent=is_new),
        lambda c: sample(c, kind, 5),
        lambda c: ap.list_genres(c, kind),
        lambda c: walk(c, ap.list_titles, kind, order=order, limit=3),
        lambda c: walk(c, ap.list_titles_in_genre, kind, 18, limit=2),
    )
    return draw(st.sampled_from(choices))


@some
@given(st.lists(calls(), min_size=1, max_size=8))
def test_any_sequence_of_calls_is_predicted(measuring: Engine, sequence: list[Call]) -> None:
    """Answers, errors, requests and units of each; and the same items afterwards."""
    pair = empty_pair(measuring)
    for call in sequence:
        pair.agree(call)
    pair.hold_the_same()
    delete_table(pair.engine)


def test_pages_that_dynamodb_cuts_are_predicted(pair: Pair) -> None:
    """After 1 MB, in an index and on the table."""
    large = [movie(n, 18, overview="x" * 150 * KB, popularity=n) for n in range(1, 17)]
    wide = movie(99, *range(1, 21), overview="x" * 120 * KB)
    pair.agree(ap.load_titles, [*large, wide])
    for limit in (3, 6, 7, 20):
        pages = pair.agree(walk, ap.list_titles_in_genre, "movie", 18, limit=limit)
        assert any("ExclusiveStartKey" in page.asked for page in pages) == (limit > 5)
    assert len(pair.agree(ap.get_title_with_genres, "movie", 99)) == 3
    pair.hold_the_same()


def test_batches_that_dynamodb_cuts_are_predicted(pair: Pair) -> None:
    """After 16 MB; titles without a document are read again as a whole."""
    huge = [movie(n, overview="x" * 390 * KB) for n in range(1, 44)]
    pair.agree(ap.load_titles, huge)
    batches = pair.agree(ap.get_titles, [title.key for title in huge])
    assert [batch.items_returned for batch in batches] == [41, 2, 41, 2]
    assert any("ConsistentRead" in str(batch.asked) for batch in pair.agree(ap.load_titles, huge))


@pytest.mark.parametrize("size", [256 * KB - 1, 256 * KB, 256 * KB + 1])
def test_a_page_and_a_batch_are_cut_at_the_same_byte(pair: Pair, size: int) -> None:
    """Four items that fill a page exactly, and 64 a batch, or exceed it by one byte."""
    key = {"PK": {"S": "p"}, "SK": {"S": "00"}}
    filler = {"S": "x" * (size - sizes.item_size({**key, codec.DOC: {"S": ""}}))}
    wanted = [ItemKey("p", f"{number:02}") for number in range(66)]
    for sort_key in wanted:
        item = {**key_attributes(sort_key), codec.DOC: filler}
        pair.agree(_transact, (Put(item),))
    pages = pair.agree(lambda c: c.gateway.query("p", Range(), limit=9))
    assert [page.items_returned for page in pages] == ([3] * 3 if size > 256 * KB else [4, 4, 1])
    batches = pair.agree(lambda c: c.gateway.batch_get(wanted, consistent=True))
    assert [batch.items_returned for batch in batches] == ([63, 3] if size > 256 * KB else [64, 2])


def test_a_write_that_comes_too_late_is_refused_alike(pair: Pair) -> None:
    """With the same error, without a charge, and without a change to the table."""
    up, wide = movie(1, 18), movie(9, 18, 35)
    pair.agree(ap.put_title, up)
    late = (
        plan.plan_creation(Encoded(up), 1, Shard()),
        plan.plan_creation(Encoded(wide), 1, Shard()),
        plan.plan_change(plan.Stored(up, 5, 0), Encoded(up.replace(popularity=2.0))),
        plan.plan_deletion(plan.Stored(up, 5, 0), Shard(1)),
    )
    for planned in late:
        (request,) = pair.agree(_transact, planned)
        assert request.error_type == "TransactionCanceledException"
        assert request.units == {}
    pair.hold_the_same()


def _transact(catalog: Catalog, planned: Plan) -> str | None:
    try:
        catalog.gateway.transact(planned)
    except LostRaceError as error:
        return type(error).__name__
    return None


@pytest.mark.parametrize("there", [{}, {"n": {"N": "5"}}, {"m": {"N": "5"}}])
def test_each_condition_holds_and_fails_alike(pair: Pair, there: Item) -> None:
    """For a missing item, one with the requested number, and one without it."""
    key = ItemKey("p", "s")
    item = {**key_attributes(key), **there}
    conditions: list[Condition] = [None, Absent()]
    for or_absent in (False, True):
        conditions += [Equals("n", value, or_absent) for value in (5, 6)]
    for condition in conditions:
        for operation in (
            Put({**item, "z": {"N": "1"}}, condition),
            Update(key, (("z", 1),), (("y", 2),), condition),
            Delete(key, condition),
        ):
            pair.agree(_transact, (Put(item) if there else Delete(key),))
            pair.agree(_transact, (Put(key_attributes(ItemKey("p", "other"))), operation))
            pair.hold_the_same()


def test_a_dump_of_a_table_can_be_tried_on(pair: Pair) -> None:
    """Items of a table instead of titles."""
    some_titles = [movie(n, 18, 35, popularity=n) for n in range(1, 30)]
    ap.load_titles(pair.engine, some_titles)
    copy = OfflineCatalog(pair.engine.table, items=dump(pair.engine).values())
    again = Pair(pair.engine, copy)
    again.agree(walk, ap.list_titles, "movie", limit=4)
    again.agree(ap.delete_title, "movie", 7)
    again.agree(ap.put_title, movie(7, 99))
    again.hold_the_same()


def test_nothing_has_to_run_and_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No region, no credentials, no client."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(boto3.session.Session, "client", None)
    catalog = offline_catalog([movie(1, 18)], table="mine").warm()
    with catalog.trace() as trace:
        assert ap.list_titles_in_genre(catalog, "movie", 18).items == (movie(1, 18),)
    (request,) = trace
    assert request.units == {"by_popularity": 0.5}
    assert request.bytes_received == 0
    assert (catalog.table, repr(catalog)) == ("mine", "OfflineCatalog('mine')")


def test_cursors_depend_on_the_name_and_the_secret() -> None:
    """Like those of any handle."""

    def cursor(**settings: Any) -> str | None:
        catalog = offline_catalog([movie(n) for n in range(1, 5)], **settings)
        return ap.list_titles(catalog, "movie", limit=2).next

    several: tuple[dict[str, str], ...] = ({}, {"table": "films"}, {"cursor_secret": "s"})
    for one in several:
        assert [other for other in several if cursor(**one) == cursor(**other)] == [one]


def test_titles_that_cannot_be_loaded_are_refused() -> None:
    """By name, and invalid items as well."""
    with pytest.raises(InvalidTitleError, match=r"movie 1: .* item of up to 4"):
        offline_catalog([movie(1, overview="x" * 400 * KB)])
    with pytest.raises(InvalidTitleError, match="neither a Movie nor a TVShow"):
        offline_catalog(["Up"])  # type: ignore[list-item]
    bad: tuple[Any, ...] = ({}, {"PK": {"S": "a"}}, {"PK": "a", "SK": "b"}, "Up", None)
    for item in bad:
        with pytest.raises(InvalidArgumentError, match="items must be"):
            offline_catalog(items=[item])


def test_unsupported_requests_to_an_offline_table_are_errors_of_the_package() -> None:
    """Operations on the table, other operations of the client, and other Queries."""
    catalog = offline_catalog()
    for operation in (create_table, delete_table, table_status):
        with pytest.raises(ServiceError, match=r"not (support|offered)") as caught:
            operation(catalog)
        assert caught.value.code in ("Unsupported", "UnknownOperationException")
    for unknown in ("scan", "put_item", "get_paginator"):
        with pytest.raises(ServiceError, match=f"it does not support {unknown}"):
            getattr(catalog.client, unknown)(TableName=catalog.table)
    with pytest.raises(ServiceError, match="it does not support transact_write_items"):
        ap.put_title(Catalog("other", client=catalog.client), movie(1))
    asked: dict[str, Any] = {
        "TableName": catalog.table,
        **query_parameters("a", Range("b"), "by_name", None, SCHEMA),
    }
    for other in (
        {"FilterExpression": "#pk = :pk"},
        {"KeyConditionExpression": "#pk = :pk AND begins_with(#sk, :lower)"},
        {"IndexName": "by_rating"},
    ):
        with pytest.raises(ServiceError, match="it does not support Query"):
            catalog.client.query(**{**asked, **other})
    assert not hasattr(catalog.client, "__len__")


def test_an_answer_is_a_copy() -> None:
    """Changing it does not change the table; nor does the table share its arguments."""
    item = {**key_attributes(ItemKey("a", "b")), "l": {"L": [{"N": "1"}]}}
    catalog = OfflineCatalog(items=[item])
    before = catalog.items()

    def spoil(each: Any) -> None:
        each["l"]["L"].append({"N": "2"})
        each["more"] = {"S": ""}

    spoil(item)
    spoil(catalog.gateway.get(ItemKey("a", "b")))
    spoil(catalog.gateway.batch_get([ItemKey("a", "b")])[ItemKey("a", "b")])
    spoil(catalog.gateway.query("a", Range())[0])
    spoil(catalog.gateway.batch_get_parts([ItemKey("a", "b")], ("l",))[0])
    spoil(catalog.items()[0])
    assert catalog.items() == before


def test_an_index_answers_with_what_it_projects_and_no_more() -> None:
    """So code cannot rely on attributes that the index does not have."""
    catalog = offline_catalog([movie(1, 18)])
    partition = {"by_rating": "ALL#movie#1"}
    for index in INDEXES:
        own = {"PK", "SK", codec.DOC, *INDEX_KEYS[index]}
        pk = partition.get(index, "ALL#movie")
        (item,) = catalog.gateway.query(pk, Range(), index=index)
        assert set(item) == own
        assert catalog.gateway.query(pk, Range(), index=index, only=codec.SCHEMA) == [{}]


letters = st.text("ab", max_size=3)


@given(
    st.sets(st.tuples(st.sampled_from("pq"), letters), max_size=20),
    st.tuples(st.none() | letters, st.none() | letters),
    st.booleans(),
    st.none() | st.integers(1, 5),
)
def test_a_query_finds_what_lies_in_its_range_wherever_it_is_cut(
    there: set[tuple[str, str]],
    bounds: tuple[str | None, str | None],
    descending: bool,
    limit: int | None,
) -> None:
    """In order, page after page, even if the last item of a page was deleted."""
    table = OfflineClient(SCHEMA, ({"PK": {"S": pk}, "SK": {"S": sk}} for pk, sk in there))
    lower, upper = bounds
    asked = {
        **query_parameters("p", Range(*bounds), None, None, SCHEMA),
        "ScanIndexForward": not descending,
    }
    if limit:
        asked["Limit"] = limit
    found, more = [], True
    while more:
        answer = table.query(**asked)
        assert limit is None or len(answer["Items"]) <= limit
        found += [item["SK"]["S"] for item in answer["Items"]]
        asked["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
        more = bool(asked["ExclusiveStartKey"])
        if more:
            gone = ItemKey("p", found[-1])
            table.transact((Delete(gone),), {})
    expected = sorted(
        sk
        for pk, sk in there
        if pk == "p" and (lower is None or lower <= sk) and (upper is None or sk <= upper)
    )
    assert found == (expected[::-1] if descending else expected)


def test_writers_in_parallel_lose_nothing() -> None:
    """Each change is atomic; a writer that lost a race retries."""
    catalog = offline_catalog(movie(n, 18) for n in range(1, 17))

    def change(number: int) -> None:
        title_id = number % 16 + 1
        ap.put_title(catalog, movie(number + 100, 35, 18))
        ap.set_genres(catalog, "movie", title_id, [number % 3 + 1, 18])
        if number % 2:
            ap.delete_title(catalog, "movie", number + 100)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(change, range(48)))
    there = assert_complete(_by_key(catalog.items()))
    assert len(there) == 16 + 24
    assert ap.count_titles(catalog, "movie", 18) == 40
    listed = ap.list_titles_in_genre(catalog, "movie", 18, limit=100)
    assert by_key(listed) == there

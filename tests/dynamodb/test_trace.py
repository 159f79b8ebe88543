"""A trace contains what was sent, answered and charged."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from engines import Engine
from request_log import logged_requests
from table_dump import hooked, movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import TableNotFoundError
from catalog_model.operations import create_table, delete_table, table_status

UP = movie(1, 16, 35, title="Up", popularity=7.0, vote_average=7.9, vote_count=12_000)


def test_a_trace_shows_what_a_read_asked_for(catalog: Catalog, engine: Engine) -> None:
    """Operation, index, key condition with values, items read and returned, and the pattern."""
    ap.put_title(catalog, UP)
    with catalog.trace() as trace:
        ap.list_titles_in_genre(catalog, "movie", 16)
    (request,) = trace
    assert (request.pattern, request.operation) == ("list_titles_in_genre", "Query")
    assert (request.index, request.key_condition) == ("by_popularity", "_list = 'GENRE#movie#16'")
    assert (request.items_read, request.items_returned, request.retries) == (1, 1, 0)
    assert request.milliseconds > 0
    if engine.endpoint_url:  # moto's answers are never sent over a network
        assert request.bytes_received > len(UP.to_json_text())
    assert trace.total_units == request.total_units > 0


def test_a_trace_shows_every_item_of_a_transaction(catalog: Catalog) -> None:
    """The first ones by name, the rest as a number."""
    ap.put_title(catalog, UP.replace(id=9))  # the first of a shard takes another request
    with catalog.trace() as trace:
        ap.put_title(catalog, UP)
    read, write = trace
    assert read.operation == "BatchGetItem"
    assert read.key_conditions == (
        "PK = 'TITLE#movie#1' AND SK = 'TITLE#movie#1'",
        "PK = 'GENRE#movie' AND SK = 'TALLY#1'",
    )
    assert read.key_condition == ", ".join(read.key_conditions)
    assert write.operation == "TransactWriteItems"
    assert write.key_conditions[0] == (
        "Put PK = 'TITLE#movie#1' AND SK = 'TITLE#movie#1' IF attribute_not_exists (PK)"
    )
    assert len(write.key_conditions) == len(write.asked["TransactItems"]) == 5
    assert write.key_condition.endswith("and 2 more")


def test_a_trace_shows_what_is_done_to_the_table_itself(catalog: Catalog) -> None:
    """It has no access pattern, and no units are charged."""
    with catalog.trace() as trace:
        create_table(catalog)
        table_status(catalog)
    assert {request.operation for request in trace} == {"DescribeTable"}
    new = Catalog(f"{catalog.table}-new", client=catalog.client)
    with new.trace() as trace:
        create_table(new)
        delete_table(new)
    assert [request.operation for request in trace if request.operation != "DescribeTable"] == [
        "CreateTable",
        "DeleteTable",
    ]
    assert {request.pattern for request in trace} == {None}
    assert trace.total_units == 0


def test_traced_units_are_those_that_the_engine_reports(catalog: Catalog) -> None:
    """On the table and on each index."""
    with catalog.trace() as trace, logged_requests(catalog) as log:
        ap.put_title(catalog, UP)
        ap.update_popularity(catalog, "movie", 1, 8)
        ap.sample_titles(catalog, "movie")
        ap.list_titles(catalog, "movie", order="rating")
        ap.delete_title(catalog, "movie", 1)
    assert [request.operation for request in trace] == [request.operation for request in log]
    assert [request.total_units for request in trace] == [request.units for request in log]


def test_the_outermost_pattern_is_the_one_that_asked(catalog: Catalog) -> None:
    """A load that replaces a title is a load."""
    ap.put_title(catalog, UP)
    with catalog.trace() as trace:
        ap.load_titles(catalog, [UP.replace(popularity=9.0)])
    assert {request.pattern for request in trace} == {"load_titles"}


def test_without_a_trace_the_service_is_asked_for_nothing_more(catalog: Catalog) -> None:
    """Before it and after it."""
    with catalog.trace():
        ap.get_titles(catalog, [UP.key])
    sent = []

    def note(params: dict[str, object], **_: object) -> None:
        sent.append(set(params))

    with hooked(catalog, "provide-client-params.dynamodb", note):
        ap.get_titles(catalog, [UP.key])
    assert sent == [{"RequestItems"}]


def test_a_trace_hears_other_threads_and_only_its_own_handle(catalog: Catalog) -> None:
    """A handle may serve many threads; another handle on the same table is separate."""
    other = Catalog(catalog.table, client=catalog.client)
    ap.put_title(catalog, UP)
    with catalog.trace() as trace, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ap.count_titles(catalog, "movie"), range(20)))
        list(pool.map(lambda _: ap.count_titles(other, "movie"), range(5)))
    assert [request.pattern for request in trace] == ["count_titles"] * 20


def test_a_request_that_failed_is_traced_with_its_error(catalog: Catalog) -> None:
    """It was sent."""
    missing = Catalog("not-there-at-all", client=catalog.client)
    with missing.trace() as trace, pytest.raises(TableNotFoundError):
        ap.get_title(missing, "movie", 1)
    (request,) = trace
    assert "ResourceNotFoundException" in request.error
    assert request.error_type == "ResourceNotFoundException"
    assert request.total_units == 0


def test_a_hook_that_fails_is_logged_and_takes_nothing_from_the_caller(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    """The write is applied, and the other hooks are called."""
    ap.put_title(catalog, UP.replace(id=9))
    heard: list[Request] = []
    fails = Mock(side_effect=RuntimeError("no space left for metrics"))
    stop_failing, stop = catalog.on_request(fails), catalog.on_request(heard.append)
    ap.put_title(catalog, UP)
    stop_failing()
    stop()
    assert ap.get_title(catalog, "movie", 1) == UP
    assert [request.operation for request in heard] == ["BatchGetItem", "TransactWriteItems"]
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "a hook failed on BatchGetItem of put_title",
        "a hook failed on TransactWriteItems of put_title",
    ]


def test_a_hook_is_called_until_it_is_ended(catalog: Catalog) -> None:
    """One that was added twice is ended once for each; ending it again has no effect."""
    ap.put_title(catalog, UP)
    heard: list[Request] = []
    stop, stop_other = catalog.on_request(heard.append), catalog.on_request(heard.append)
    ap.count_titles(catalog, "movie")
    stop()
    stop()
    ap.count_titles(catalog, "movie")
    stop_other()
    ap.count_titles(catalog, "movie")
    assert [request.pattern for request in heard] == ["count_titles"] * 3

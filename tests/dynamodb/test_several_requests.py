"""Several requests of an access pattern at once behave as each of them alone."""

import json
import socket
import threading
from collections import Counter
from typing import Any

import pytest
from lying_server import handle_on, response, serving
from table_dump import hooked, movie

from catalog_model import Catalog, errors
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.faults.garbled_answers import Garbled
from catalog_model.dynamodb.faults.kinds import make_error
from catalog_model.dynamodb.retries import Persistence, on_throttling, persistent
from catalog_model.dynamodb.trace import Request
from catalog_model.testing import without_pauses

KEYS = [movie(number).key for number in range(1, 501)]
"""Five requests of 100 keys."""

THROTTLED = b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"}'
SEND = "before-send.dynamodb.BatchGetItem"


def first_id(request: Any) -> int:
    """Return the id of the first title in the body of a BatchGetItem."""
    ((_, asked),) = json.loads(request.body)["RequestItems"].items()
    return int(asked["Keys"][0]["PK"]["S"].rpartition("#")[2])


class Refusal:
    """Refuses requests that begin with a certain title, so often."""

    def __init__(self, code: str, times: int, *title_ids: int) -> None:
        self.refused = Counter[int]()
        self._code, self._times, self._ids = code, times, title_ids

    def __call__(self, request: Any, **_: Any) -> Any:
        number = first_id(request)
        if number in self._ids and self.refused[number] < self._times:
            self.refused[number] += 1
            request.url = "http://answered.invalid/"  # where moto does not answer, either
            return make_error(self._code, "why")
        return None


def order_of(requests: list[Request]) -> list[int]:
    """Return which hundred of the keys each BatchGetItem is for."""
    ids = [int(each.key_conditions[0].split("'")[1].rpartition("#")[2]) for each in requests]
    return [(number - 1) // 100 for number in ids]


def without_id(error: BaseException) -> str:
    """Return the text of an error without the id of the request."""
    return str(error).partition(" (request ")[0]


def test_traces_and_hooks_see_each_request_once_and_in_order(catalog: Catalog) -> None:
    """In the thread of the caller, with the name of its pattern and the round trip."""
    heard: list[Request] = []
    threads = set[int]()

    def hook(request: Request) -> None:
        heard.append(request)
        threads.add(threading.get_ident())

    stop = catalog.on_request(hook)
    with catalog.trace() as trace:
        assert ap.get_titles(catalog, KEYS) == [None] * 500
    stop()
    assert trace.requests == heard
    assert order_of(heard) == [0, 1, 2, 3, 4]
    assert {(each.pattern, each.round_trip) for each in heard} == {("get_titles", 1)}
    assert threads == {threading.get_ident()}
    ap.put_title(catalog, movie(1, vote_count=9))
    with catalog.trace() as trace:
        ap.list_titles(catalog, "movie", order="rating")
    assert {(each.pattern, each.round_trip) for each in trace} == {("list_titles", 1)}
    assert len({each.key_condition for each in trace}) == len(trace) == 9


def test_round_trips_are_counted_from_one_in_each_call(catalog: Catalog) -> None:
    """Also in a call after another, and in calls of several threads."""
    for number in range(1, 31):
        ap.put_title(catalog, movie(number, vote_average=9.0 - number / 10, vote_count=9))
    for _ in range(2):
        with catalog.trace() as trace:
            assert len(ap.list_titles(catalog, "movie", order="rating", limit=20)) == 20
        assert [each.round_trip for each in trace] == [1] * 9 + [2]
    with catalog.trace() as trace:
        threads = [
            threading.Thread(target=ap.list_titles, args=(catalog, "movie"), kwargs=asked)
            for asked in [{"order": "rating", "limit": 20}] * 4
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert Counter(each.round_trip for each in trace) == {1: 36, 2: 4}


def test_the_error_of_one_of_several_requests_is_that_of_the_call(catalog: Catalog) -> None:
    """As if it were the only one; no request is in progress afterwards, and none begins."""
    refusal = Refusal("AccessDeniedException", 1, 201)
    sent = Counter[str]()

    def note(**_: Any) -> None:
        sent["begun"] += 1

    with hooked(catalog, SEND, refusal), hooked(catalog, "before-call.dynamodb", note):
        with catalog.trace() as trace, pytest.raises(errors.AccessDeniedError) as caught:
            ap.get_titles(catalog, KEYS)
        begun = sent["begun"]
        assert [each.error_type for each in trace if each.error] == ["AccessDeniedException"]
        assert len(trace) == begun
        single = Refusal("AccessDeniedException", 1, 1)
        with hooked(catalog, SEND, single), pytest.raises(errors.AccessDeniedError) as alone:
            ap.get_titles(catalog, KEYS[:1])
    assert without_id(caught.value) == without_id(alone.value)
    assert sent["begun"] == begun + 1


def test_the_first_of_several_errors_is_raised(catalog: Catalog) -> None:
    """In the order of the requests, whichever came first."""
    slow = threading.Event()

    def refuse(request: Any, **_: Any) -> Any:
        number = first_id(request)
        if number == 1:
            assert slow.wait(10)
        if number == 101:
            slow.set()
        request.url = "http://answered.invalid/"
        return make_error("ValidationException", f"request of {number}")

    with (
        hooked(catalog, SEND, refuse),
        pytest.raises(errors.CatalogError, match=r"request of 1 \("),
    ):
        ap.get_titles(catalog, KEYS[:200])


def test_a_request_that_is_throttled_for_a_while_is_sent_again(catalog: Catalog) -> None:
    """By botocore, as a single one; the others are sent once."""
    refusal = Refusal("ThrottlingException", 1, 101, 301)
    with hooked(catalog, SEND, refusal), catalog.trace() as trace:
        assert ap.get_titles(catalog, KEYS) == [None] * 500
    assert refusal.refused == {101: 1, 301: 1}
    assert [each.retries for each in trace] == [0, 1, 0, 1, 0]


def test_work_that_persists_does_so_in_each_of_several_requests(catalog: Catalog) -> None:
    """It waits in its own way, and counts the refusals; the listener hears of each."""
    refusal = Refusal("ThrottlingException", 12, 101, 401)
    slept: list[float] = []
    heard: list[int] = []
    work = Persistence(slept.append)
    with (
        hooked(catalog, SEND, refusal),
        persistent(work),
        on_throttling(lambda: heard.append(1)),
        without_pauses(),
    ):
        assert ap.get_titles(catalog, KEYS) == [None] * 500
    assert refusal.refused == {101: 12, 401: 12}
    assert len(slept) == len(heard) == work.refusals > 0


def test_a_request_that_is_always_throttled_ends_the_call() -> None:
    """With the error of throttling, as a single one."""

    def refuse(connection: socket.socket, _: int) -> None:
        connection.sendall(response(Garbled(THROTTLED, 400, "application/x-amz-json-1.0")))

    with serving(refuse) as address:
        handle = handle_on(address, "legacy")
        with handle.trace() as trace, pytest.raises(errors.ThrottledError) as caught:
            ap.get_titles(handle, KEYS[:200])
    assert caught.value.code == "ThrottlingException"
    assert {each.error_type for each in trace} == {"ThrottlingException"}


def test_each_of_several_requests_ends_at_the_deadline() -> None:
    """They wait at the same time: each begins before any of them ends."""
    over = threading.Event()

    def wait(_: socket.socket, __: int) -> None:
        over.wait(20)

    with serving(wait) as address:
        handle = handle_on(address, deadline=0.3).warm()
        with handle.trace() as trace, pytest.raises(errors.UnreachableError, match="at its dead"):
            ap.get_titles(handle, KEYS)
        over.set()
    assert order_of(trace.requests) == [0, 1, 2, 3, 4]
    assert all(each.error for each in trace)
    ends = [each.began + each.milliseconds / 1000 for each in trace]
    assert max(each.began for each in trace) < min(ends)

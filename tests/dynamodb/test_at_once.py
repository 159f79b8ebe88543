"""Requests that are sent at once: errors, interruptions, forks, threads and traces."""

import os
import signal
import threading
import time
from contextvars import ContextVar
from functools import partial

import pytest
from table_dump import movie

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb import parallel
from catalog_model.dynamodb.conversation import Get
from catalog_model.dynamodb.parallel import MAX_HELPERS, at_once
from catalog_model.dynamodb.typed_json import ItemKey
from catalog_model.errors import TableNotFoundError
from catalog_model.testing import Fault, inject_faults, without_pauses

KEYS = [movie(number).key for number in range(1, 251)]


def test_results_are_in_the_order_of_the_tasks() -> None:
    """However many there are, and whichever ends first."""

    def task(number: int) -> int:
        time.sleep(0.001 * (number % 3))
        return number

    for many in (2, 9, 3 * MAX_HELPERS):
        assert at_once([partial(task, number) for number in range(many)]) == list(range(many))


def test_tasks_wait_at_the_same_time() -> None:
    """Each waits for all others, which a sequence could not end."""
    barrier = threading.Barrier(9)
    assert len(at_once([partial(barrier.wait, 10)] * 9)) == 9


def test_few_threads_serve_many_callers() -> None:
    """Callers take part themselves, so all of them end, with a limited number of threads."""
    results: list[int] = []

    def call() -> None:
        results.append(sum(at_once([partial(int, number) for number in range(20)])))

    callers = [threading.Thread(target=call) for _ in range(20)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert results == [190] * 20
    helpers = [each for each in threading.enumerate() if each.name == "catalog-model"]
    assert len(helpers) <= MAX_HELPERS


def test_an_error_ends_all_and_the_first_is_raised() -> None:
    """What has not begun is left out; what has begun ends before the error is raised."""
    begun: list[int] = []

    def task(number: int) -> None:
        begun.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"^\d+$") as caught:
        at_once([partial(task, number) for number in range(500)])
    assert int(str(caught.value)) == min(begun)
    assert len(begun) <= MAX_HELPERS + 1


def test_an_interruption_of_the_caller_is_raised_at_once() -> None:
    """Although another thread still waits."""
    blocked = threading.Event()
    main = threading.current_thread()

    def task() -> None:
        if threading.current_thread() is main:
            raise KeyboardInterrupt
        blocked.wait(10)

    with pytest.raises(KeyboardInterrupt):
        at_once([task] * 3)
    assert not blocked.is_set()
    blocked.set()


def test_each_task_has_the_context_of_the_caller() -> None:
    """And changes its own copy only."""
    number: ContextVar[int] = ContextVar("number")
    number.set(7)

    def task() -> int:
        found = number.get()
        number.set(found + 1)
        return found

    assert at_once([task] * 5) == [7] * 5
    assert number.get() == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_uses_no_thread_of_its_parent() -> None:
    """After a fork there are none, and the child starts its own."""
    at_once([partial(time.sleep, 0.01)] * 5)
    child = os.fork()
    if not child:
        signal.alarm(10)
        barrier = threading.Barrier(4)
        os._exit(0 if len(at_once([partial(barrier.wait, 5)] * 4)) == 4 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_without_further_threads_the_caller_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system may refuse new threads."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(parallel, "_helpers", parallel._Helpers())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert at_once([partial(int, 3)] * 5) == [3] * 5


def test_a_trace_lists_them_in_the_order_of_the_question(catalog: Catalog) -> None:
    """In the caller's thread, with one number of a round trip, under the pattern's name."""
    threads: set[int] = set()
    stop = catalog.on_request(lambda _: threads.add(threading.get_ident()))
    with catalog.trace() as trace:
        ap.list_titles(catalog, "movie", order="rating")
        ap.get_titles(catalog, KEYS)
    stop()
    lists = [each for each in trace if each.operation == "Query"]
    assert [each.key_condition[-2] for each in lists] == list("012345678")
    assert {(each.pattern, each.round_trip) for each in trace} == {
        ("list_titles", 1),
        ("get_titles", 1),
    }
    batches = [each for each in trace if each.operation == "BatchGetItem"]
    assert [len(each.key_conditions) for each in batches] == [100, 100, 50]
    assert threads == {threading.get_ident()}


def test_the_error_of_one_of_several_requests_is_raised(catalog: Catalog) -> None:
    """Translated, and traced for each request that was sent."""
    missing = Catalog("not-there-at-all", client=catalog.client)
    with missing.trace() as trace, pytest.raises(TableNotFoundError):
        ap.get_titles(missing, KEYS)
    assert {each.error_type for each in trace} == {"ResourceNotFoundException"}


@pytest.mark.parametrize("at", [1, 2, 3])
def test_each_of_several_requests_is_retried_by_itself(catalog: Catalog, at: int) -> None:
    """A transient error of one does not show in the result."""
    ap.put_title(catalog, movie(7))
    with without_pauses(), inject_faults(catalog, [Fault("throttling", at=[at])]):
        found = ap.get_titles(catalog, KEYS)
    assert [each for each in found if each] == [movie(7)]


def test_an_access_pattern_runs_without_a_table() -> None:
    """Its conversation yields requests and takes answers: nothing is sent."""
    conversation = ap.PATTERNS["get_title"].conversation
    assert conversation is not None
    talk = conversation(Catalog("films"), "movie", 7, consistent=True)
    (request,) = next(talk)
    assert request == Get(ItemKey("TITLE#movie#7", "TITLE#movie#7"), consistent=True)
    with pytest.raises(LookupError, match="no movie with id 7"):
        talk.send([None])

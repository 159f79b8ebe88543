"""Short tasks at the same time: results, errors, interruptions, forks and the number of threads."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_model.dynamodb import parallel
from catalog_model.dynamodb.parallel import MAX_HELPERS, at_once

LONG = 30.0
"""Seconds that a test waits for what has to happen soon, before it fails."""


@pytest.fixture(autouse=True)
def _own_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without threads of other tests, and end those of this test soon after it."""
    monkeypatch.setattr(parallel, "_helpers", parallel._Helpers())
    monkeypatch.setattr(parallel, "IDLE_SECONDS", 0.05)


@pytest.fixture
def free() -> Iterator[threading.Event]:
    """An event that tasks wait for; it is set at the end of the test at the latest."""
    event = threading.Event()
    yield event
    event.set()


def started(work: Callable[[], object]) -> threading.Thread:
    """Start a thread that ends with the process."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    """Whether a thread ends; a thread in a deadlock does not."""
    thread.join(LONG)
    return not thread.is_alive()


def meeting(parties: int) -> Callable[[], int]:
    """Return a task that ends only if *parties* of its kind are done at the same time."""
    barrier = threading.Barrier(parties)
    return lambda: barrier.wait(LONG)


@given(st.lists(st.integers(), max_size=60))
def test_results_come_in_the_order_of_the_tasks(numbers: list[int]) -> None:
    """For any number of tasks, none and one included."""
    assert at_once([partial(str, each) for each in numbers]) == list(map(str, numbers))


def test_tasks_are_done_at_the_same_time() -> None:
    """As many as there are threads: the pool's, and that of the caller."""
    most = MAX_HELPERS + 1
    assert sorted(at_once([meeting(most)] * most)) == list(range(most))


def test_a_task_sees_the_context_of_its_caller_and_changes_only_its_own() -> None:
    """As a request sees the access pattern, the work and the deadline that it belongs to."""
    name: ContextVar[str] = ContextVar("name", default="")
    name.set("caller")
    meet = meeting(4)

    def rename(number: int) -> str:
        meet()
        seen = name.get()
        name.set(f"task {number}")
        return seen

    assert at_once([partial(rename, each) for each in range(4)]) == ["caller"] * 4
    assert name.get() == "caller"


@given(st.integers(2, 60), st.data())
def test_an_error_ends_all_and_leaves_nothing_working(size: int, data: st.DataObject) -> None:
    """It is raised once every task has ended or was left out, and none begins later."""
    failing = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    begun, over = list[int](), list[int]()

    def work(number: int) -> None:
        begun.append(number)
        try:
            if number in failing:
                raise LookupError(number)
        finally:
            over.append(number)

    with pytest.raises(LookupError) as caught:
        at_once([partial(work, each) for each in range(size)])
    (number,) = caught.value.args
    assert number in failing
    assert number == min(failing & {*begun})
    assert sorted(begun) == sorted(over)
    assert at_once([meeting(2)] * 2)
    assert len(begun) == len(over)


def test_after_an_error_the_tasks_that_wait_are_left_out(free: threading.Event) -> None:
    """Those in progress are waited for: their threads are not working when the error arrives."""
    most = MAX_HELPERS + 1
    meet, numbers, over = meeting(most), count(), list[int]()

    def work(number: int) -> None:
        next(numbers)
        meet()
        if number == 0:
            free.set()
            raise LookupError(number)
        assert free.wait(LONG)
        over.append(number)

    with pytest.raises(LookupError):
        at_once([partial(work, each) for each in range(10 * most)])
    assert len(over) == most - 1
    assert next(numbers) == most


def test_ctrl_c_in_a_task_does_not_wait_for_other_tasks(free: threading.Event) -> None:
    """Those in progress are abandoned, and none begins later."""
    main, begun, numbers = threading.get_ident(), threading.Semaphore(0), count()
    helpers: list[threading.Thread] = []

    def work() -> None:
        next(numbers)
        if threading.get_ident() == main:
            assert begun.acquire(timeout=LONG)
            signal.pthread_kill(main, signal.SIGINT)
        else:
            helpers.append(threading.current_thread())
        begun.release()
        free.wait(LONG)

    with pytest.raises(KeyboardInterrupt):
        at_once([work] * 100)
    assert not free.is_set()
    free.set()
    assert all(map(ended, helpers))
    assert next(numbers) <= MAX_HELPERS + 1


def test_ctrl_c_ends_the_wait_for_other_tasks(free: threading.Event) -> None:
    """The caller has done its own task, and the other one is abandoned."""
    main, begun, left = threading.get_ident(), threading.Event(), threading.Event()
    helpers: list[threading.Thread] = []

    def work() -> None:
        if threading.get_ident() == main:
            assert begun.wait(LONG)
            left.set()
        else:
            helpers.append(threading.current_thread())
            begun.set()
            assert left.wait(LONG)
            signal.pthread_kill(main, signal.SIGINT)
            free.wait(LONG)

    with pytest.raises(KeyboardInterrupt):
        at_once([work] * 2)
    assert not free.is_set()
    free.set()
    assert all(map(ended, helpers))


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # about forks with threads
def test_a_child_process_has_threads_of_its_own(free: threading.Event) -> None:
    """Even if all threads of the parent are at work, and an offer of it waits for them."""
    most, begun = MAX_HELPERS + 1, threading.Semaphore(0)

    def work() -> None:
        begun.release()
        free.wait(LONG)

    parent = started(lambda: at_once([work] * 3 * most))
    for _ in range(most):
        assert begun.acquire(timeout=LONG)
    child = os.fork()
    if child == 0:
        signal.alarm(int(LONG))
        met = at_once([meeting(most)] * most)
        os._exit(0 if len(met) == most and begun.acquire(blocking=False) is False else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    free.set()
    assert ended(parent)


def test_the_pool_is_bounded_and_every_caller_gets_on(free: threading.Event) -> None:
    """Eight callers with forty tasks each: their own threads, and sixteen others."""
    callers, at_work = 8, set[int]()
    begun, most = threading.Semaphore(0), MAX_HELPERS + 8

    def work() -> None:
        at_work.add(threading.get_ident())
        begun.release()
        free.wait(LONG)

    threads = [started(lambda: at_once([work] * 40)) for _ in range(callers)]
    for _ in range(most):
        assert begun.acquire(timeout=LONG)
    assert not begun.acquire(timeout=0.05)
    assert len(at_work) == most
    free.set()
    assert all(map(ended, threads))
    assert len(at_work) == most


@pytest.mark.parametrize("helpers", [0, 1, MAX_HELPERS])
def test_nested_tasks_never_block_each_other(monkeypatch: pytest.MonkeyPatch, helpers: int) -> None:
    """However deep: a caller waits only after it has done all that no thread took."""
    monkeypatch.setattr(parallel, "MAX_HELPERS", helpers)

    def leaves(depth: int) -> int:
        return sum(at_once([partial(leaves, depth - 1)] * 6)) if depth else 1

    found: list[int] = []
    assert ended(started(lambda: found.append(leaves(4))))
    assert found == [6**4]


def test_where_no_thread_can_start_the_caller_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the end of a program, or at the limit of the machine."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        idents = at_once([threading.get_ident] * 5)
        assert idents == [threading.get_ident()] * 5
    assert len(at_once([meeting(3)] * 3)) == 3


def test_idle_threads_end_and_are_started_again() -> None:
    """A process that sends nothing has no threads for it."""
    helping: list[threading.Thread] = []
    meet = meeting(4)

    def work() -> None:
        meet()
        helping.append(threading.current_thread())

    for _ in range(2):
        at_once([work] * 4)
        others = [each for each in helping if each is not threading.current_thread()]
        assert len(others) == 3
        assert all(map(ended, others))
        helping.clear()

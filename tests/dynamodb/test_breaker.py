"""The breaker, the room and the guard in front of a table that may be failing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from scaled import scaled

from catalog_model import errors
from catalog_model.dynamodb.breaker import (
    FAILING,
    FAILURES,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    SUCCESSES,
    Breaker,
    Outcome,
    RefusedError,
    State,
    Ticket,
    outcome_of,
)
from catalog_model.dynamodb.guard import Guard, Room
from catalog_model.dynamodb.trace import ITEM_OPERATIONS
from catalog_model.errors import (
    CatalogError,
    ConfigurationError,
    ConflictError,
    ServiceError,
    ThrottledError,
    TitleNotFoundError,
    UnavailableError,
)


class Clock:
    """A clock that changes only when it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def longest(_: float, most: float) -> float:
    """Return the maximum of a pause."""
    return most


def made(clock: Clock, **settings: Any) -> Breaker:
    """Make a breaker with pauses of maximum length."""
    return Breaker(clock=clock, spread=longest, **settings)


class BreakerMachine(RuleBasedStateMachine):
    """Random requests, outcomes and waits, compared with the rules."""

    breaker_class: type[Breaker] = Breaker
    failures = 2  # so that 20 steps reach all states
    successes = 2

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = self.breaker_class(
            failures=self.failures, successes=self.successes, clock=self.clock, spread=longest
        )
        self.under_way: list[tuple[Ticket, int]] = []  # with their period
        self.period = 0
        self.state = State.CLOSED
        self.in_a_row = 0
        self.pause = FIRST_PAUSE
        self.until = 0.0
        self.cause = Outcome.ANSWERED

    def go_to(self, state: State) -> None:
        self.state, self.in_a_row, self.period = state, 0, self.period + 1

    def open(self, pause: float, cause: Outcome) -> None:
        self.pause, self.until, self.cause = pause, self.clock.now + pause, cause
        self.go_to(State.OPEN)

    @property
    def probes(self) -> int:
        """The number of current requests that were let through while probing."""
        return sum(period == self.period for _, period in self.under_way)

    @rule()
    def ask(self) -> None:
        if self.state is State.OPEN and self.clock.now >= self.until:
            self.go_to(State.PROBING)
        is_sent = self.state is State.CLOSED or (self.state is State.PROBING and not self.probes)
        try:
            self.under_way.append((self.breaker.enter(), self.period))
            refused_for = 0.0
        except RefusedError as refusal:
            refused_for = refusal.retry_after
        assert 0 <= refused_for <= LONGEST_PAUSE
        assert bool(refused_for) != is_sent

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0), outcome=st.sampled_from(Outcome))
    def answer(self, which: int, outcome: Outcome) -> None:
        ticket, period = self.under_way.pop(which % len(self.under_way))
        self.breaker.leave(ticket, outcome)
        if period != self.period or outcome is Outcome.NOT_ASKED:
            return
        if self.state is State.CLOSED:
            self.in_a_row = self.in_a_row + 1 if outcome in FAILING else 0
            if self.in_a_row == self.failures:
                self.open(FIRST_PAUSE, outcome)
        elif outcome in FAILING:
            again = min(2 * self.pause, LONGEST_PAUSE)
            self.open(FIRST_PAUSE if self.in_a_row else again, outcome)
        else:
            self.in_a_row += 1
            if self.in_a_row == self.successes:
                self.go_to(State.CLOSED)

    @rule(seconds=st.floats(0, 2 * LONGEST_PAUSE, exclude_min=True))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def it_is_in_the_state_of_the_model(self) -> None:
        assert self.breaker.state is self.state
        is_waiting = self.state is State.OPEN
        assert self.breaker.remaining == (max(0, self.until - self.clock.now) if is_waiting else 0)
        assert not is_waiting or self.breaker.cause is self.cause

    def teardown(self) -> None:
        """After any history, a table that has recovered is detected automatically."""
        for ticket, _ in self.under_way:
            self.breaker.leave(ticket, Outcome.NOT_ASKED)
        self.clock.now += LONGEST_PAUSE
        for _ in range(self.successes):
            self.breaker.leave(self.breaker.enter(), Outcome.ANSWERED)
        assert self.breaker.state is State.CLOSED


def test_the_breaker_is_its_model() -> None:
    """For any history of requests, outcomes and waits; the breaker closes after each of them.

    Pauses double while probes fail, from half a second to eight, and restart after a success.
    """
    assert (FIRST_PAUSE, LONGEST_PAUSE) == (0.5, 8.0)
    run_state_machine_as_test(
        BreakerMachine, settings=settings(max_examples=scaled(100), stateful_step_count=40)
    )


class LetsAllTry(Breaker):
    """A planted bug: while probing, all requests are let through."""

    def enter(self) -> Ticket:
        ticket = super().enter()
        self._probe = None
        return ticket


class HearsTheLate(Breaker):
    """A planted bug: outcomes of requests from earlier periods count."""

    def leave(self, ticket: Ticket, outcome: Outcome) -> None:
        super().leave(ticket._replace(period=self._period), outcome)


class NeverOpens(Breaker):
    """A planted bug: the breaker is disabled."""

    def _open(self, cause: Outcome, pause: float) -> None:
        pass


class NeverTries(Breaker):
    """A planted bug: once open, it never probes."""

    def enter(self) -> Ticket:
        if self.state is State.OPEN:
            raise RefusedError("not sent", 1.0, "ill")
        return super().enter()


class CountsForgetfully(Breaker):
    """A planted bug: an answer does not reset the count of failures."""

    def leave(self, ticket: Ticket, outcome: Outcome) -> None:
        is_closed = self.state is State.CLOSED
        ignored = is_closed and outcome is Outcome.ANSWERED
        super().leave(ticket, Outcome.NOT_ASKED if ignored else outcome)


@pytest.mark.parametrize(
    "bug", [LetsAllTry, HearsTheLate, NeverOpens, NeverTries, CountsForgetfully]
)
def test_the_model_sees_a_planted_bug(bug: type[Breaker]) -> None:
    """The model can fail."""
    machine = type("Planted", (BreakerMachine,), {"breaker_class": bug})
    found = settings(
        max_examples=scaled(400),
        stateful_step_count=40,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    with pytest.raises((AssertionError, RefusedError)):
        run_state_machine_as_test(machine, settings=found)


def test_processes_that_opened_at_once_do_not_try_again_at_once() -> None:
    """Each waits between three quarters of the pause and the whole pause."""
    clock = Clock()
    remaining = set()
    for _ in range(50):
        breaker = Breaker(failures=1, clock=clock)
        breaker.leave(breaker.enter(), Outcome.FAILED)
        assert 0.75 * FIRST_PAUSE <= breaker.remaining <= FIRST_PAUSE
        remaining.add(breaker.remaining)
    assert len(remaining) > 40


def test_of_many_threads_one_tries() -> None:
    """The others are rejected immediately."""
    clock = Clock()
    breaker = made(clock, failures=1)
    breaker.leave(breaker.enter(), Outcome.FAILED)
    clock.now += LONGEST_PAUSE
    barrier = threading.Barrier(16)

    def ask(_: int) -> bool:
        barrier.wait(30)
        try:
            breaker.enter()
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(ask, range(16))) == 1


def test_only_an_outage_and_throttling_count_as_failures() -> None:
    """For every exception class; errors of the caller or the operator are answers of the table."""
    for name in errors.__all__:
        kind = getattr(errors, name)
        is_failing = issubclass(kind, (UnavailableError, ThrottledError))
        assert (outcome_of(kind("x")) in FAILING) == is_failing
    assert outcome_of(ThrottledError("x")) is Outcome.THROTTLED
    for kind in (TitleNotFoundError, ConflictError, ServiceError, CatalogError):
        assert outcome_of(kind("x")) is Outcome.ANSWERED
    for error in (ConfigurationError("x"), KeyboardInterrupt(), ValueError("x"), MemoryError()):
        assert outcome_of(error) is Outcome.NOT_ASKED


def test_there_is_room_for_so_many_and_again_for_each_that_leaves() -> None:
    """The next one is rejected, with a time to retry."""
    room = Room(2, patience=0.0)
    room.enter()
    room.enter()
    with pytest.raises(RefusedError, match="2 requests are already waiting") as caught:
        room.enter()
    assert (caught.value.reason, caught.value.retry_after > 0) == ("full", True)
    room.leave()
    room.enter()


def test_room_is_waited_for_while_others_come_to_their_end() -> None:
    """So a slow but healthy table does not reject requests."""
    room = Room(2, patience=5.0)

    def visit(_: int) -> None:
        room.enter()
        time.sleep(0.002)
        room.leave()

    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(visit, range(200)))) == 200


def test_nothing_is_waited_for_once_one_is_stuck() -> None:
    """Later requests are rejected immediately, and those that are waiting, too."""
    room = Room(1, patience=0.3)
    room.enter()
    began = time.monotonic()
    with pytest.raises(RefusedError):
        room.enter()
    waited = time.monotonic() - began
    assert 0.2 < waited < 2
    began = time.monotonic()
    for _ in range(50):
        with pytest.raises(RefusedError):
            room.enter()
    assert time.monotonic() - began < 0.2


def guard_of(clock: Clock, places: int = 3, failed: Exception | None = None) -> Guard:
    """Make a guard without waits for a place; with an error, its breaker has opened for it."""
    guard = Guard(made(clock), Room(places, patience=0.0), clock)
    for _ in range(FAILURES if failed else 0):
        fail(guard, failed or Exception())
    return guard


def send(guard: Guard, operation: str = "GetItem") -> None:
    with guard(operation):
        pass


def refused(guard: Guard, operation: str = "GetItem") -> RefusedError:
    with pytest.raises(RefusedError) as caught, guard(operation):
        pytest.fail("it was sent")
    return caught.value


def fail(guard: Guard, error: Exception, operation: str = "GetItem") -> None:
    with pytest.raises(type(error)), guard(operation):
        raise error


def test_a_guard_opens_after_so_many_failures_in_a_row() -> None:
    """Then nothing is sent, and a rejection does not count as a failure."""
    clock = Clock()
    guard = guard_of(clock, failed=UnavailableError("x"))
    refusals: list[str] = []
    guard.on_refusal.append(refusals.append)
    for _ in range(20):
        refused(guard)
    assert refusals == ["ill"] * 20
    clock.now += FIRST_PAUSE
    send(guard)
    assert guard.breaker.state is State.PROBING


def test_what_is_asked_about_the_table_itself_is_not_guarded() -> None:
    """They are sent while the breaker is open, and do not close it."""
    guard = guard_of(Clock(), failed=UnavailableError("x"))
    send(guard, "DescribeTable")
    assert "DescribeTable" not in ITEM_OPERATIONS
    assert guard.breaker.state is State.OPEN


def test_every_place_is_returned_after_any_outcome() -> None:
    """After an answer, any error, or a rejection by the breaker."""
    clock = Clock()
    guard = guard_of(clock, places=1)
    for error in (UnavailableError("x"), ValueError("x"), ThrottledError("x")):
        for _ in range(4):
            clock.now += LONGEST_PAUSE
            fail(guard, error)
    clock.now += LONGEST_PAUSE
    with guard("Query"):
        refused(guard, "Query")
    send(guard, "Query")


def test_requests_for_one_answer_are_let_through_together() -> None:
    """While probing, the second request of the same visit is let through, too."""
    clock = Clock()
    guard = guard_of(clock, failed=ThrottledError("x"))
    clock.now += LONGEST_PAUSE
    guard.begin_visit(2.0)
    send(guard, "BatchGetItem")
    with ThreadPoolExecutor(1) as pool:  # a separate thread for a separate visit
        assert pool.submit(refused, guard, "Query").result(30)
    send(guard, "BatchGetItem")
    guard.end_visit()
    assert guard.breaker.state is State.PROBING
    with ThreadPoolExecutor(1) as pool:
        pool.submit(send, guard, "Query").result(30)


def test_a_visit_counts_once_and_a_failure_of_it_at_once() -> None:
    """Ten requests of a visit count as one success; a failure is recorded before the visit ends."""
    clock = Clock()
    guard = guard_of(clock, failed=ThrottledError("x"))
    clock.now += LONGEST_PAUSE
    for _ in range(SUCCESSES):
        assert guard.breaker.state is not State.CLOSED
        guard.begin_visit(2.0)
        for _ in range(10):
            send(guard)
        guard.end_visit()
    assert guard.breaker.state is State.CLOSED
    guard.begin_visit(2.0)
    for _ in range(FAILURES):
        fail(guard, ThrottledError("x"))
    assert guard.breaker.remaining


def test_no_more_requests_are_sent_once_an_answer_is_late() -> None:
    """The next visit has a new time limit."""
    clock = Clock()
    guard = guard_of(clock)
    guard.begin_visit(2.0)
    with guard("GetItem"):
        clock.now += 2.1
    refusal = refused(guard)
    assert (refusal.reason, "time" in str(refusal)) == ("late", True)
    guard.end_visit()
    send(guard)
    guard.begin_visit(2.0)
    send(guard)


def test_a_visit_in_which_nothing_was_asked_frees_its_turn() -> None:
    """Missing credentials do not show the table's state, so the next request may probe."""
    clock = Clock()
    guard = guard_of(clock, failed=UnavailableError("x"))
    clock.now += LONGEST_PAUSE
    for _ in range(5):
        guard.begin_visit(2.0)
        fail(guard, ConfigurationError("x"))
        guard.end_visit()
        assert guard.breaker.state is State.PROBING
    send(guard)

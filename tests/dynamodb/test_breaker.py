"""The breaker, the room and the guard in front of a table that may be failing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import Phase, given, settings
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

OUTCOMES = st.sampled_from(Outcome)


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


def opened(clock: Clock, cause: Outcome = Outcome.FAILED) -> Breaker:
    """Make a breaker that has just opened."""
    breaker = made(clock)
    for _ in range(FAILURES):
        breaker.leave(breaker.enter(), cause)
    assert breaker.state is State.OPEN
    return breaker


def is_let_through(breaker: Breaker) -> bool:
    """Whether a request is sent now; it ends without an outcome."""
    try:
        breaker.leave(breaker.enter(), Outcome.NOT_ASKED)
    except RefusedError:
        return False
    return True


# -- The breaker, step by step, compared with a model of it
# -----------------------------------------


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

    def go_to(self, state: State) -> None:
        self.state, self.in_a_row, self.period = state, 0, self.period + 1

    def open(self, pause: float) -> None:
        self.pause, self.until = pause, self.clock.now + pause
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
    @rule(which=st.integers(0), outcome=OUTCOMES)
    def answer(self, which: int, outcome: Outcome) -> None:
        ticket, period = self.under_way.pop(which % len(self.under_way))
        self.breaker.leave(ticket, outcome)
        if period != self.period or outcome is Outcome.NOT_ASKED:
            return
        if self.state is State.CLOSED:
            self.in_a_row = self.in_a_row + 1 if outcome in FAILING else 0
            if self.in_a_row == self.failures:
                self.open(FIRST_PAUSE)
        elif outcome in FAILING:
            self.open(FIRST_PAUSE if self.in_a_row else min(2 * self.pause, LONGEST_PAUSE))
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

    def teardown(self) -> None:
        """After any history, a table that has recovered is detected automatically."""
        for ticket, _ in self.under_way:
            self.breaker.leave(ticket, Outcome.NOT_ASKED)
        self.clock.now += LONGEST_PAUSE
        for _ in range(self.successes):
            self.breaker.leave(self.breaker.enter(), Outcome.ANSWERED)
        assert self.breaker.state is State.CLOSED


def test_the_breaker_is_its_model() -> None:
    """For any history of requests, outcomes and waits; the breaker closes after each of them."""
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


@given(st.lists(st.sampled_from((Outcome.ANSWERED, Outcome.NOT_ASKED))))
def test_a_table_that_is_well_is_always_asked(outcomes: list[Outcome]) -> None:
    """Only consecutive failures open the breaker."""
    breaker = made(Clock())
    for outcome in outcomes:
        breaker.leave(breaker.enter(), outcome)
    assert breaker.state is State.CLOSED


def test_pauses_grow_while_probes_fail_and_restart_after_a_success() -> None:
    """From half a second to eight."""
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(6):
        pauses.append(breaker.remaining)
        clock.now += breaker.remaining
        breaker.leave(breaker.enter(), Outcome.FAILED)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    clock.now += breaker.remaining
    breaker.leave(breaker.enter(), Outcome.ANSWERED)
    breaker.leave(breaker.enter(), Outcome.THROTTLED)
    assert breaker.remaining == FIRST_PAUSE
    assert breaker.cause is Outcome.THROTTLED


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
    breaker = opened(clock)
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


# -- The table's state as shown by an error -------------------------------------------------------


def test_only_an_outage_and_throttling_count_as_failures() -> None:
    """For every exception class; errors of the caller or the operator are answers of the table."""
    failing = {
        kind
        for kind in map(errors.__dict__.__getitem__, errors.__all__)
        if outcome_of(kind("x")) in FAILING
    }
    expected = {
        kind
        for kind in map(errors.__dict__.__getitem__, errors.__all__)
        if issubclass(kind, (UnavailableError, ThrottledError))
    }
    assert failing == expected
    assert outcome_of(ThrottledError("x")) is Outcome.THROTTLED
    for kind in (TitleNotFoundError, ConflictError, ServiceError, CatalogError):
        assert outcome_of(kind("x")) is Outcome.ANSWERED
    for error in (ConfigurationError("x"), KeyboardInterrupt(), ValueError("x"), MemoryError()):
        assert outcome_of(error) is Outcome.NOT_ASKED


# -- Room -----------------------------------------------------------------------------------------


def test_there_is_room_for_so_many_and_again_for_each_that_leaves() -> None:
    """The next one is rejected, with a time to retry."""
    room = Room(2, patience=0.0)
    room.enter()
    room.enter()
    with pytest.raises(RefusedError, match="2 requests are already waiting") as refused:
        room.enter()
    assert (refused.value.reason, refused.value.retry_after > 0) == ("full", True)
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


# -- The guard ------------------------------------------------------------------------------------


def guard_of(clock: Clock, places: int = 3) -> Guard:
    """Make a guard without waits for a place."""
    return Guard(made(clock), Room(places, patience=0.0), clock)


def fail(guard: Guard, error: Exception, operation: str = "GetItem") -> None:
    """Make a request end with an error."""
    with pytest.raises(type(error)), guard(operation):
        raise error


def test_a_guard_opens_after_so_many_failures_in_a_row() -> None:
    """Then nothing is sent, and a rejection does not count as a failure."""
    clock = Clock()
    guard = guard_of(clock)
    refusals: list[str] = []
    guard.on_refusal.append(refusals.append)
    for _ in range(FAILURES):
        fail(guard, UnavailableError("x"))
    for _ in range(20):
        with pytest.raises(RefusedError), guard("GetItem"):
            pytest.fail("it was sent")
    assert refusals == ["ill"] * 20
    clock.now += FIRST_PAUSE
    with guard("GetItem"):
        pass
    assert guard.breaker.state is State.PROBING


def test_what_the_table_answers_opens_nothing() -> None:
    """A missing title, a lost race, an invalid argument."""
    guard = guard_of(Clock())
    for error in (TitleNotFoundError("x"), ConflictError("x"), ServiceError("x"), KeyError("x")):
        for _ in range(3 * FAILURES):
            fail(guard, error)
    assert guard.breaker.state is State.CLOSED


def test_what_is_asked_about_the_table_itself_is_not_guarded() -> None:
    """They are sent while the breaker is open, and do not close it."""
    guard = guard_of(Clock())
    for _ in range(FAILURES):
        fail(guard, UnavailableError("x"))
    with guard("DescribeTable"):
        pass
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
    with guard("Query"), pytest.raises(RefusedError), guard("Query"):
        pytest.fail("there was no room")
    with guard("Query"):
        pass


def test_requests_for_one_answer_are_let_through_together() -> None:
    """While probing, the second request of the same visit is let through, too."""
    clock = Clock()
    guard = guard_of(clock)
    for _ in range(FAILURES):
        fail(guard, ThrottledError("x"))
    clock.now += LONGEST_PAUSE
    guard.begin_visit(2.0)
    with guard("BatchGetItem"):
        pass
    with ThreadPoolExecutor(1) as pool:  # a separate thread for a separate visit
        asked = pool.submit(guard("Query").__enter__)
        assert isinstance(asked.exception(30), RefusedError)
    with guard("BatchGetItem"):
        pass
    guard.end_visit()
    assert guard.breaker.state is State.PROBING
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(guard("Query").__enter__).exception(30) is None


def test_a_visit_counts_once_and_a_failure_of_it_at_once() -> None:
    """Ten requests of a visit count as one success; a failure is recorded before the visit ends."""
    clock = Clock()
    guard = guard_of(clock)
    for _ in range(FAILURES):
        fail(guard, ThrottledError("x"))
    clock.now += LONGEST_PAUSE
    for _ in range(SUCCESSES):
        assert guard.breaker.state is not State.CLOSED
        guard.begin_visit(2.0)
        for _ in range(10):
            with guard("GetItem"):
                pass
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
    with pytest.raises(RefusedError, match="time") as refused, guard("GetItem"):
        pytest.fail("it was sent")
    assert refused.value.reason == "late"
    guard.end_visit()
    with guard("GetItem"):
        pass
    guard.begin_visit(2.0)
    with guard("GetItem"):
        pass


def test_a_visit_in_which_nothing_was_asked_frees_its_turn() -> None:
    """Missing credentials do not show the table's state, so the next request may probe."""
    clock = Clock()
    guard = guard_of(clock)
    for _ in range(FAILURES):
        fail(guard, UnavailableError("x"))
    clock.now += LONGEST_PAUSE
    for _ in range(5):
        guard.begin_visit(2.0)
        fail(guard, ConfigurationError("x"))
        guard.end_visit()
        assert guard.breaker.state is State.PROBING
    assert is_let_through(guard.breaker)

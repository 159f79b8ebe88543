"""Fault injection between a client and DynamoDB, by botocore's events: `inject_faults`.

It affects each attempt separately, below all retries, like the service and the network.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.hooks import first_non_none_response

from catalog_model.checks import check_choice, check_instance, refuse
from catalog_model.dynamodb import waits
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.faults.garbled_answers import GARBLED_FORMS, forms_for
from catalog_model.dynamodb.faults.kinds import (
    EFFECTS,
    FAULT_KINDS,
    HIT_BY,
    WRITES,
    Attempt,
    Deliver,
    FaultKind,
    LaggingCopy,
    hold_back,
    mismatch,
)
from catalog_model.dynamodb.faults.metering import Meter, Ticket
from catalog_model.dynamodb.faults.throughput import Throughput
from catalog_model.dynamodb.lane.handover import is_handed_over
from catalog_model.dynamodb.numbers import check_count, check_number
from catalog_model.dynamodb.parallel import in_order
from catalog_model.dynamodb.strict.request import OPERATIONS

_CREATED: Final = "request-created.dynamodb"  # before it is signed
_SENDING: Final = "before-send.dynamodb"  # before moto sees it, or it is sent

_NOWHERE: Final = "http://answered.invalid/"
"""The URL of requests that the injector answers; unknown to other handlers such as moto's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to inject; it affects all requests unless the arguments restrict it.

    Args:
        kind: One of `FAULT_KINDS`.
        probability: The share of affected requests, 0 to 1.
        at: Only the requests with these numbers: ``[3]`` is the third of its operation in the
            block. Every attempt counts, including botocore's retries.
        operations: Only these, such as ``["TransactWriteItems"]``. None means all operations on
            items that this kind can affect.
        seconds: The delay of a ``slow_answer``.
        lag: The number of writes that a ``stale_index`` lags behind, 1 or more.
        form: The form of a ``garbled_answer``, one of `GARBLED_FORMS`. None means a random one.
        carried_out: Whether the request of a ``garbled_answer`` is carried out. None means at
            random.

    Raises:
        InvalidArgumentError: If an argument is invalid, or the fault could not affect any request.

    >>> Fault("throttling", 0.1)
    Fault(kind='throttling', probability=0.1, at=None, operations=None, seconds=1.0, lag=1, ...)
    """

    kind: FaultKind
    probability: float = 1.0
    at: Collection[int] | None = None
    operations: Collection[str] | None = None
    seconds: float = 1.0
    lag: int = 1
    form: str | None = None
    carried_out: bool | None = None

    def __post_init__(self) -> None:
        check_choice(self.kind, "kind", tuple(FAULT_KINDS))
        if not 0 <= check_number(self.probability, "probability") <= 1:
            refuse("probability", self.probability, "a number from 0 to 1")
        if check_number(self.seconds, "seconds") < 0:
            refuse("seconds", self.seconds, "0 or more")
        check_count(self.lag, "lag", least=1)
        if self.form is not None:
            check_choice(self.form, "form", tuple(GARBLED_FORMS))
        for number in _listed(self.at, "at"):
            check_count(number, "at", least=1)
        asked = set(_listed(self.operations, "operations"))
        possible = HIT_BY.get(self.kind, asked)
        if not asked <= possible:
            refuse("operations", self.operations, f"among {', '.join(sorted(possible))}")

    def may_hit(self, operation: str, number: int) -> bool:
        """Return whether it may affect the request with this number."""
        usual = HIT_BY.get(self.kind, OPERATIONS)
        operations = usual if self.operations is None else self.operations
        is_told = self.form is None or self.form in forms_for(operation)
        return is_told and operation in operations and (self.at is None or number in self.at)


@dataclass(frozen=True, slots=True)
class Injection:
    """An injected fault: its kind, and the affected attempt, the *number*-th of *operation*.

    ``form`` is that of a ``garbled_answer``.
    """

    kind: FaultKind
    operation: str
    number: int
    form: str = field(default="", repr=False)


@contextmanager
def inject_faults(
    client: DynamoDBClient,
    table: str,
    faults: Iterable[Fault | Throughput],
    *,
    seed: int = 0,
    sleep: Callable[[float], None] = waits.sleep,
) -> Iterator[FaultInjector]:
    """Inject faults into requests of a client during the ``with`` block.

    `catalog_model.testing.inject_faults` describes the arguments and the errors.
    """
    check_instance(seed, "seed", int)
    wanted, throughput = _checked(client, faults)
    lags = {fault.lag for fault in wanted if fault.kind == "stale_index"}
    if len(lags) > 1:
        refuse("lag", lags, "one and the same for all faults of a block")
    copy = LaggingCopy(client, table, lags.pop()) if lags else None
    meter = Meter(client, table, throughput) if throughput else None
    injector = FaultInjector(client, wanted, seed, sleep, copy, meter)
    with in_order(), copy.kept() if copy else nullcontext(), injector.listening():
        yield injector


class FaultInjector:
    """Selects the faults; ``injected`` lists the injected ones, in order."""

    def __init__(
        self,
        client: Any,
        faults: tuple[Fault, ...],
        seed: int,
        sleep: Callable[[float], None],
        copy: LaggingCopy | None,
        meter: Meter | None = None,
    ) -> None:
        self.injected: list[Injection] = []
        self._client = client
        self._faults = faults
        self._rng = random.Random(seed)  # noqa: S311  # not security-relevant
        self._sleep = sleep
        self._copy = copy
        self._meter = meter
        self._numbers: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = _Thread()
        self._done: dict[str | None, tuple[Mapping[str, Any], AWSResponse | None]] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the client's events in this block."""
        events = self._client.meta.events
        events.register_first(_CREATED, self._prepare)
        events.register_first(_SENDING, self._send)
        try:
            yield
        finally:
            events.unregister(_CREATED, self._prepare)
            events.unregister(_SENDING, self._send)

    def _prepare(self, request: AWSRequest, operation_name: str, **_: Any) -> None:
        """Select a fault for this attempt, while its body can still be changed."""
        if self._thread.is_own or is_handed_over():  # the lane has made this attempt already
            return
        body = json.loads(request.data or "{}")
        attempt, fault = self._decide(operation_name, body)
        if fault and fault.kind == "garbled_answer":
            rng = attempt.rng
            attempt.form = fault.form or rng.choice(forms_for(operation_name))
            either = rng.choice((True, False))
            attempt.carried_out = either if fault.carried_out is None else fault.carried_out
        if fault and fault.kind == "unprocessed":
            hold_back(attempt)
        ticket = self._admit(self._meter, attempt) if self._meter else None
        if fault and fault.kind == "stale_index" and self._copy:
            self._copy.redirect(attempt)
        if attempt.body is not body:
            request.data = json.dumps(attempt.body).encode()
        self._thread.coming = attempt, fault, ticket

    def _decide(self, operation: str, body: dict[str, Any]) -> tuple[Attempt, Fault | None]:
        with self._lock:
            self._numbers[operation] += 1
            rng = random.Random(self._rng.getrandbits(64))  # noqa: S311  # not security-relevant
            is_done = body.get("ClientRequestToken") in self._done
            attempt = Attempt(operation, self._numbers[operation], body, rng, is_done)
            for fault in self._faults:
                if self._can_hit(fault, attempt) and self._rng.random() < fault.probability:
                    return attempt, fault
            return attempt, None

    def _can_hit(self, fault: Fault, attempt: Attempt) -> bool:
        if not fault.may_hit(attempt.operation, attempt.number):
            return False
        if fault.kind == "stale_index":
            return self._copy is not None and self._copy.can_answer(attempt)
        return fault.kind != "conflict" or not attempt.is_done

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse | None:
        """Answer in place of the engine, raise an exception, or let the request pass."""
        coming, self._thread.coming = self._thread.coming, None
        if coming is None or request.url == _NOWHERE:
            return None
        attempt, fault, ticket = coming
        if fault is None and not attempt.is_done and self._copy is None and ticket is None:
            return None
        deliver = partial(self._deliver, attempt, request, event_name)
        if self._meter and ticket:
            deliver = partial(self._meter_it, self._meter, ticket, attempt, deliver)
        try:
            answer = self._hit(fault, attempt, deliver) if fault else deliver()
        finally:
            if self._meter and ticket:
                self._meter.finish(ticket)
        request.url = _NOWHERE
        return answer

    def _admit(self, meter: Meter, attempt: Attempt) -> Ticket | None:
        with self._own_requests():
            return meter.admit(attempt)

    def _meter_it(
        self, meter: Meter, ticket: Ticket, attempt: Attempt, deliver: Deliver
    ) -> AWSResponse:
        """Carry out an attempt within the throughput of the table."""
        with self._own_requests():
            answer = meter.carry_out(attempt, ticket, deliver)
        if ticket.is_refused:
            self.injected.append(Injection("throttling", attempt.operation, attempt.number))
        return answer

    @contextmanager
    def _own_requests(self) -> Iterator[None]:
        """Leave requests of the injector itself, made in this block, without faults."""
        before, self._thread.is_own = self._thread.is_own, True
        try:
            yield
        finally:
            self._thread.is_own = before

    def _hit(self, fault: Fault, attempt: Attempt, deliver: Deliver) -> AWSResponse:
        self.injected.append(Injection(fault.kind, attempt.operation, attempt.number, attempt.form))
        if fault.kind == "slow_answer":
            self._sleep(fault.seconds)
            return deliver()
        if fault.kind == "stale_index" and self._copy:
            return self._copy.answer(deliver)
        return EFFECTS[fault.kind](attempt, deliver)

    def _deliver(
        self, attempt: Attempt, request: AWSPreparedRequest, event_name: str
    ) -> AWSResponse:
        """Send the request to the engine; one at a time if a copy follows its writes."""
        if self._copy is None or attempt.is_done:
            return self._ask(attempt, request, event_name)
        is_write = attempt.operation in WRITES
        with self._copy.lock:
            try:
                answer = self._ask(attempt, request, event_name)
                is_write &= not 400 <= answer.status_code < 500  # noqa: PLR2004  # by the HTTP standard
            finally:
                if is_write:
                    self._bring_up(self._copy, attempt)
            return answer

    def _bring_up(self, copy: LaggingCopy, attempt: Attempt) -> None:
        with self._own_requests():
            copy.follow(attempt)

    def _ask(self, attempt: Attempt, request: AWSPreparedRequest, event_name: str) -> AWSResponse:
        token = attempt.body.get("ClientRequestToken")
        asked, again = self._done.get(token, (attempt.body, None))
        if again is not None:
            return again if asked == attempt.body else mismatch()
        emitted = self._client.meta.events.emit(event_name, request=request)
        played: AWSResponse | None = first_non_none_response(emitted)
        # A request of the fast lane is sent by the lane.
        send = getattr(request, "deliver", None)
        answer = played or (send() if send else self._client._endpoint.http_session.send(request))
        if token and answer.status_code == 200:  # noqa: PLR2004  # by the HTTP standard
            # The engine in this process is moto, which ignores tokens. A strict client honours
            # them, but sees only calls, not botocore's retries after a lost answer.
            self._done[token] = attempt.body, played
        return answer


class _Thread(threading.local):
    """The attempt that a thread is sending, and whether it is a request of the injector."""

    coming: tuple[Attempt, Fault | None, Ticket | None] | None = None
    is_own = False


def _listed(values: object, name: str) -> Collection[Any]:
    """Check for a collection rather than a single value; None becomes an empty one."""
    if values is None:
        return ()
    if isinstance(values, (str, bytes)) or not isinstance(values, Collection):
        refuse(name, values, "a list")
    return values


def _checked(client: DynamoDBClient, faults: object) -> tuple[tuple[Fault, ...], Throughput | None]:
    if isinstance(faults, (Fault, Throughput)) or not isinstance(faults, Iterable):
        refuse("faults", faults, "a list of Fault and Throughput")
    known = set(client.meta.service_model.operation_names)
    listed = tuple(faults)
    throughputs = [each for each in listed if isinstance(each, Throughput)]
    if len(throughputs) > 1:
        refuse("faults", faults, "a list with at most one Throughput")
    wanted = tuple(each for each in listed if not isinstance(each, Throughput))
    for fault in wanted:
        check_instance(fault, "fault", Fault)
        if not known.issuperset(fault.operations or ()):
            refuse("operations", fault.operations, "operations of DynamoDB")
    return wanted, throughputs[0] if throughputs else None

"""Performs steps: waits for the table before and after each change, and for other changes."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from catalog_model.deployment.change import UPDATE, PlanStep, Request
from catalog_model.deployment.control import Control, UnsupportedError
from catalog_model.deployment.creation import IN_USE, NOT_YET
from catalog_model.deployment.drift import DELETING, changing, place_of
from catalog_model.dynamodb import waits
from catalog_model.errors import AccessDeniedError, ServiceError, TableNotFoundError

OnWait = Callable[[str], None]

FIRST_POLL: Final = 0.5
LONGEST_POLL: Final = 10.0
GROWTH: Final = 1.3

LIMIT: Final = "LimitExceededException"
BUSY: Final = frozenset({IN_USE, NOT_YET, LIMIT, "ConcurrentUpdateException"})
"""The codes for "not now": another change is in progress."""

BY_THE_DAY: Final = "limited"
"""A word in messages of `LIMIT` about a number of changes in a time, not about changes at once."""

USE_AFTER_REST: Final = 60.0
"""Seconds after which a table that is "in use" without a visible change is taken to stay so."""

INVALID: Final = "ValidationException"
GONE: Final = "ObjectNotFoundException"


class Patience:
    """Pauses that grow, until a deadline."""

    def __init__(self, deadline: float, on_wait: OnWait) -> None:
        self._deadline = deadline
        self._on_wait = on_wait
        self._pause = FIRST_POLL
        self._in_use_since: float | None = None

    def is_over_for(self, error: ServiceError) -> bool:
        """Return whether a table has been "in use" for long, although nothing is changing."""
        if error.code != IN_USE:
            self._in_use_since = None
            return False
        self._in_use_since = self._in_use_since or time.monotonic()
        return time.monotonic() - self._in_use_since >= USE_AFTER_REST

    def wait(self, reason: str) -> None:
        """Wait a moment.

        Raises:
            ServiceError: If the deadline has passed.
        """
        if time.monotonic() >= self._deadline:
            raise ServiceError(f"{reason}, after the time-out", code="Timeout")
        self._on_wait(reason)
        waits.sleep(self._pause)
        self._pause = min(self._pause * GROWTH, LONGEST_POLL)


def perform(control: Control, step: PlanStep, deadline: float, on_wait: OnWait) -> str:
    """Carry out a step, and wait until it is complete.

    Args:
        control: The requests about the table.
        step: The step.
        deadline: The time, by `time.monotonic`, until which to wait.
        on_wait: Called with what is waited for, at each look.

    Returns:
        Why it was rejected; empty if it was carried out. The other steps can be carried out then.

    Raises:
        ServiceError: If the service fails, or it takes too long; the step can be repeated.
    """
    if not step.requests:
        _await_settled(control, None, Patience(deadline, on_wait))
    for request in step.requests:
        reason = _send(control, request, Patience(deadline, on_wait))
        if reason:
            return reason
    return ""


def _send(control: Control, request: Request, patience: Patience) -> str:
    is_update = request.operation == UPDATE
    while True:
        if is_update and _is_carried_out(request, _await_settled(control, None, patience)):
            return ""  # by an earlier attempt whose answer was lost, or by another process
        try:
            control.call(request.service, request.operation, **request.parameters)
        except TableNotFoundError:
            if not control.exists():
                raise
            continue  # the index is gone
        except ServiceError as error:
            if error.code == GONE and request.operation.startswith("De"):
                return ""
            if _is_rejection(error) or patience.is_over_for(error):
                return str(error)
            if error.code not in BUSY:
                raise
            patience.wait(f"another change is in progress ({error.code})")
            continue
        if is_update:
            _await_settled(control, request, patience)
        return ""


def _await_settled(control: Control, request: Request | None, patience: Patience) -> dict[str, Any]:
    """Wait until nothing of the table is changing, and the effect of a request can be seen.

    DescribeTable may show the state before a request for a moment.
    """
    while True:
        description = control.describe()
        states = changing(description)
        if not states and (request is None or _is_carried_out(request, description) is not False):
            return description
        listed = [f"{place_of(where)} is {state}" for where, state in states.items()]
        patience.wait(" and ".join(listed) or "the change is not shown yet")


def _is_carried_out(request: Request, description: Mapping[str, Any]) -> bool | None:
    """Return whether the effect of a request is in a description; None if that is not compared."""
    indexes = {
        index["IndexName"]
        for index in description.get("GlobalSecondaryIndexes", [])
        if index.get("IndexStatus") != DELETING
    }
    match request.parameters:
        case {"GlobalSecondaryIndexUpdates": [{"Create": {"IndexName": name}}]}:
            return name in indexes
        case {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]}:
            return name not in indexes
        case {"StreamSpecification": wanted}:
            found = description.get("StreamSpecification", {})
            return bool({name: found.get(name, False) for name in wanted} == wanted)
    return None


def _is_rejection(error: ServiceError) -> bool:
    """Return whether a request was rejected for good: it changed nothing, others may succeed."""
    if isinstance(error, AccessDeniedError | UnsupportedError):
        return True
    return error.code == INVALID or (error.code == LIMIT and BY_THE_DAY in str(error))

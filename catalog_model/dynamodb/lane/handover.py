"""Passes what the lane received and did not understand to botocore, as its first attempt.

botocore then reports it or retries as if it had sent the request itself: the number of attempts is
the same, a refused request is not sent twice, and a throttled table gets no retry without a pause.
"""

from types import SimpleNamespace
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from catalog_model.dynamodb.calls import Call, current
from catalog_model.dynamodb.client_type import DynamoDBClient

Outcome = AWSResponse | Exception

_ID: Final = "catalog-model-lane"


def take_over(client: DynamoDBClient) -> None:
    """Make a client accept first attempts of the lane; a second call does nothing."""
    events: Any = client.meta.events
    events.register_first("before-send.dynamodb", _first_attempt, _ID)


def hand_over(outcome: Outcome) -> None:
    """Make *outcome* the first attempt of botocore, for the request of this thread."""
    call = current()
    if call is not None:
        call.first_attempt = outcome


def is_handed_over() -> bool:
    """Return whether the lane has made the attempt that botocore is preparing now."""
    call = current()
    return call is not None and call.first_attempt is not None


def response_of(url: str, status: int, headers: dict[str, str], body: bytes) -> AWSResponse:
    """Return a response in the form in which botocore receives it."""
    named = HTTPHeaders()
    for name, value in headers.items():
        named[name] = value
    return AWSResponse(url, status, named, SimpleNamespace(stream=lambda: [body]))


def _first_attempt(event_name: str, **_: object) -> AWSResponse | None:
    call: Call | None = current()
    if call is None or call.first_attempt is None or not event_name.endswith(call.operation):
        return None
    outcome: Outcome = call.first_attempt
    call.first_attempt = None
    if isinstance(outcome, Exception):
        raise outcome
    return outcome

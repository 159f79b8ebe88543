"""`Lane`: sends requests for items, and returns an answer only if it is whole and right.

It takes everything from a client of botocore: credentials and their renewal, region, endpoint,
time limits, proxies, certificates. Everything else that happens to a request is left to botocore:
docs/decisions/0016-lane.md has the list.
"""

import logging
import math
import os
from collections.abc import Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, Protocol

from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.handlers import add_recursion_detection_header

from catalog_model.dynamodb.calls import current
from catalog_model.dynamodb.client_type import DynamoDBClient
from catalog_model.dynamodb.lane.by_urllib3 import as_received
from catalog_model.dynamodb.lane.destinations import Destination, Destinations
from catalog_model.dynamodb.lane.handover import hand_over, response_of, take_over
from catalog_model.dynamodb.lane.json_text import dumps
from catalog_model.dynamodb.lane.listeners import OPERATIONS, Listeners, Watched
from catalog_model.dynamodb.lane.quick_answers import Reader
from catalog_model.dynamodb.lane.received import FAILURES, NotUnderstoodError, Received
from catalog_model.dynamodb.lane.signer import CONTENT_TYPE, Signer

_OK: Final = 200
_SUCCESS: Final = SimpleNamespace(status_code=_OK)
_LAMBDA: Final = "AWS_LAMBDA_FUNCTION_NAME"
_log: Final = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """A signed request."""

    to: Destination
    headers: list[str]
    body: bytes


class Transport(Protocol):
    """Sends a prepared request over HTTP."""

    def post(self, to: Destination, headers: list[str], body: bytes, ends: float) -> Received:
        """Send a request; *ends* is the time of `time.monotonic` at which to give up."""
        ...


class Lane:
    """The fast way of a client's requests. Thread-safe."""

    def __init__(self, client: DynamoDBClient, transport: Transport) -> None:
        self._client: Any = client
        model = client.meta.service_model.operation_model
        self._readers = {name: Reader(model(name)) for name in OPERATIONS}
        self._listeners = Listeners(client)
        self._signer = Signer()
        self._transport = transport
        agent = _user_agent(client)
        fixed = (f"Content-Type: {CONTENT_TYPE}", f"User-Agent: {agent}", "Accept:", "Expect:")
        self._destinations = Destinations(client, fixed)
        self._is_sendable = _is_plain(agent)
        self._checked: object = None
        self._is_on_lambda = _LAMBDA in os.environ
        take_over(client)

    def send(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """Send a request and return its answer, in the form of botocore's results.

        None means that botocore has to send it, perhaps with what was received as its first
        attempt; see `handover`.
        """
        watched = self.watched(operation)
        if watched is None:
            return None
        if not watched.prepare:
            prepared = self.prepare(operation, request)
            if prepared is None:
                return None
            try:
                received = self._post(prepared)
            except FAILURES as error:
                leave_to_botocore(operation, error)
                return None
            return self.read(operation, request, received, watched)
        return self.send_intercepted(operation, request, watched)

    def watched(self, operation: str) -> Watched | None:
        """Return the handlers to call for a request; None if it is left to botocore."""
        if operation not in OPERATIONS or current() is None:
            return None
        return self._listeners.of(operation)

    def prepare(self, operation: str, request: Mapping[str, Any]) -> Prepared | None:
        """Return a request with its headers; None if it is left to botocore.

        Raises:
            BotoCoreError: If credentials cannot be obtained.
        """
        try:
            body = dumps(request)
        except TypeError:  # a lone surrogate, or a type that only botocore converts
            return None
        return self._signed(operation, request, body)

    def _signed(self, operation: str, request: Mapping[str, Any], body: bytes) -> Prepared | None:
        provider = self._client._request_signer._credentials
        if provider is None:
            return None
        credentials = provider.get_frozen_credentials()
        account = getattr(credentials, "account_id", None)
        to = self._destinations.of(operation, request, account)
        if to is None:
            return None
        headers = self._signer.headers(to.scope, to.target, body, credentials)
        if credentials != self._checked:
            if not self._is_sendable or not all(map(_is_plain, headers)):
                return None
            self._checked = credentials
        headers += to.headers
        if self._is_on_lambda:
            headers += _lambda_headers()
        return Prepared(to, headers, body)

    def _post(self, prepared: Prepared) -> Received:
        call = current()
        return self._transport.post(*prepared, math.inf if call is None else call.ends)

    def read(
        self,
        operation: str,
        request: Mapping[str, Any],
        received: Received,
        watched: Watched = Watched(),  # noqa: B008  # immutable
    ) -> dict[str, Any] | None:
        """Return the answer in a response; None if botocore has to judge it, as it is told."""
        content = None
        if received.status == _OK:
            content = self._readers[operation].read(request, received.header, received.body)
        if content is None:
            to = self._client.meta.endpoint_url
            hand_over(response_of(to, received.status, received.headers(), received.body))
            return None
        content["ResponseMetadata"] = {
            "HTTPHeaders": {"content-length": str(len(received.body))},
            "RetryAttempts": 0,
        }
        if watched.release_quota is not None:
            watched.release_quota(context={}, http_response=_SUCCESS)
        return content

    def send_intercepted(
        self, operation: str, request: dict[str, Any], watched: Watched
    ) -> dict[str, Any] | None:
        """Let a fault injector see the request, change it, and answer in the service's place."""
        if self.prepare(operation, request) is None:
            return None
        unsigned = AWSRequest("POST", self._client.meta.endpoint_url, data=dumps(request))
        for prepare in watched.prepare:
            prepare(request=unsigned, operation_name=operation)
        body: Any = unsigned.data
        prepared = self._signed(operation, request, body)
        if prepared is None:
            return None
        sent = InterceptedRequest(self, prepared)
        try:
            event = f"before-send.dynamodb.{operation}"
            answers = [send(request=sent, event_name=event) for send in watched.send]
            answer = next((each for each in answers if each is not None), None)
            received = (
                self._post(prepared) if answer is None else as_received(answer, answer.headers)
            )
        except Exception as error:  # noqa: BLE001  # botocore takes any, too
            leave_to_botocore(operation, error)
            return None
        return self.read(operation, request, received, watched)


class InterceptedRequest(AWSPreparedRequest):
    """A request that a fault injector may answer, or send by `deliver`."""

    def __init__(self, lane: Lane, prepared: Prepared) -> None:
        super().__init__("POST", prepared.to.url, _no_headers(), prepared.body, stream_output=False)
        self._deliver = partial(lane._post, prepared)

    def deliver(self) -> AWSResponse:
        """Send the request."""
        received = self._deliver()
        return response_of(self.url, received.status, received.headers(), received.body)


def leave_to_botocore(operation: str, error: Exception) -> None:
    """Make a failure botocore's first attempt, unless botocore may not have it: then it asks."""
    if isinstance(error, NotUnderstoodError):
        _log.debug("%s is left to botocore: %s", operation, error)
    else:
        hand_over(error)


def _no_headers() -> Any:
    made: Any = HTTPHeaders
    return made()


def _user_agent(client: Any) -> str:
    return str(client._user_agent_creator.to_string())


def _is_plain(header: str) -> bool:
    """Whether a header can be sent; a line break in a credential would begin another header."""
    return header.isascii() and header.isprintable()


def _lambda_headers() -> list[str]:
    """Return the header with which a function on Lambda is traced."""
    traced: dict[str, Any] = {"headers": {}}
    add_recursion_detection_header(traced)
    return [f"{name}: {value}" for name, value in traced["headers"].items()]

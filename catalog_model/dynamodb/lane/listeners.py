"""Whether other code watches or changes a client's requests; then botocore has to make them.

Tracing libraries, X-Ray, moto and botocore's Stubber register handlers on a client's events or
replace functions of botocore. This is looked up again after each change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, NamedTuple

from botocore import xform_name
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.signers import RequestSigner

from catalog_model.dynamodb.client_type import DynamoDBClient

_EVENTS: Final = (
    "provide-client-params",
    "before-parameter-build",
    "before-endpoint-resolution",
    "before-call",
    "request-created",
    "choose-signer",
    "before-sign",
    "before-send",
    "response-received",
    "before-parse",
    "needs-retry",
    "after-call",
    "after-call-error",
)
"""botocore's events for one request."""

_BOTOCORES: Final = frozenset(
    {
        ("botocore.discovery", "block_endpoint_discovery_required_operations"),
        ("botocore.handlers", "_handle_request_validation_mode_member"),
        ("botocore.handlers", "_set_auth_scheme_preference_signer"),
        ("botocore.handlers", "add_recursion_detection_header"),
        ("botocore.handlers", "add_retry_headers"),
        ("botocore.handlers", "generate_idempotent_uuid"),
        ("botocore.handlers", "inject_api_version_header_if_needed"),
        ("botocore.handlers", "set_operation_specific_signer"),
        ("botocore.retries.standard", "MaxAttemptsSeeder.seed_max_attempts"),
        ("botocore.retries.standard", "RetryHandler.needs_retry"),
        ("botocore.retries.standard", "RetryQuotaChecker.release_retry_quota"),
        ("botocore.retryhandler", "RetryHandler"),
        ("botocore.signers", "RequestSigner.handler"),
        ("botocore.useragent", "UserAgentString.rebuild_and_replace_user_agent_handler"),
    }
)
"""botocore's own handlers whose work the lane does as well, or does not need."""

_OWN: Final = frozenset(
    {
        "catalog_model.dynamodb.answers",
        "catalog_model.dynamodb.lane.handover",
        "catalog_model.dynamodb.orjson_answers",
    }
)
_INTERCEPTORS: Final = "catalog_model.dynamodb.faults.injector"
_QUOTA: Final = ("botocore.retries.standard", "RetryQuotaChecker.release_retry_quota")

_FUNCTIONS: Final = (
    (BaseClient, "_make_api_call"),
    (Endpoint, "make_request"),
    (Endpoint, "prepare_request"),
    (RequestSigner, "sign"),
    (URLLib3Session, "send"),
)
"""The functions of botocore that libraries for tracing replace."""

Handler = Callable[..., Any]


class Watched(NamedTuple):
    """The handlers that the lane calls for an operation."""

    prepare: tuple[Handler, ...] = ()
    """Those of fault injectors, before a request is signed."""
    send: tuple[Handler, ...] = ()
    """Those of fault injectors, in place of sending it."""
    release_quota: Handler | None = None
    """botocore's, after an answer, in its standard retry mode."""


class Listeners:
    """The handlers on the events of a client, and the functions of botocore in use."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client: Any = client
        events: Any = client.meta.events
        self._emitter = events._emitter
        self._known: tuple[Any, Any, dict[str, Watched | None]] = (None, None, {})
        self._methods: dict[str, str] = {}

    def of(self, operation: str) -> Watched | None:
        """Return the handlers of an operation; None if there are others."""
        registered, functions, found = self._known
        now = self._emitter._lookup_cache  # a new one after each change of the handlers
        in_use = [vars(owner)[name] for owner, name in _FUNCTIONS]
        if registered is not now or functions != in_use:
            found = {}
            self._known = now, in_use, found
        if operation not in found:
            self._methods[operation] = xform_name(operation)
            found[operation] = self._look(operation) if _are_botocores(in_use) else None
        replaced = self._client.__dict__
        if self._methods[operation] in replaced or "_make_api_call" in replaced:
            return None
        return found[operation]

    def _look(self, operation: str) -> Watched | None:
        prepare: list[Handler] = []
        send: list[Handler] = []
        release_quota: Handler | None = None
        for event in _EVENTS:
            for handler in self._emitter._handlers.prefix_search(f"{event}.dynamodb.{operation}"):
                name = _name_of(handler)
                if name == _QUOTA:
                    release_quota = handler
                elif name[0] == _INTERCEPTORS:
                    (send if event == "before-send" else prepare).append(handler)
                elif name not in _BOTOCORES and name[0] not in _OWN:
                    return None
        return Watched(tuple(prepare), tuple(send), release_quota)


def _name_of(handler: object) -> tuple[str, str]:
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return named.__module__, named.__qualname__


def _are_botocores(functions: list[Any]) -> bool:
    """Whether functions are those of botocore, and no wrappers, which may copy their names."""
    return all(
        type(each) is FunctionType and _globals(each)["__name__"].startswith("botocore.")
        for each in functions
    )


def _globals(function: FunctionType) -> Mapping[str, Any]:
    return function.__globals__

"""Whether other code watches or changes a client's requests; then botocore has to make them.

Tracing libraries, X-Ray, moto and botocore's Stubber register handlers on a client's events or
replace functions of botocore. This is looked up again after each change.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, Final, NamedTuple

from botocore import xform_name
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from botocore.httpsession import URLLib3Session
from botocore.signers import RequestSigner

from catalog_model.dynamodb.client_type import DynamoDBClient

OPERATIONS: Final = frozenset({"BatchGetItem", "GetItem", "Query", "TransactWriteItems"})
"""The operations that the lane sends. Repeating them does no harm: reads, or with a token."""

_CLIENT: Final[Any] = BaseClient
_METHODS: Final = {name: xform_name(name) for name in OPERATIONS}
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

Handler = Callable[..., Any]


class Watched(NamedTuple):
    """The handlers that the lane calls for an operation."""

    prepare: tuple[Handler, ...] = ()
    """Those of fault injectors, before a request is signed."""
    send: tuple[Handler, ...] = ()
    """Those of fault injectors, in place of sending it."""
    release_quota: Handler | None = None
    """botocore's, after an answer, in its standard retry mode."""


class _Known(NamedTuple):
    """What the handlers and functions of botocore were when they were looked up."""

    registered: Any
    call: Any
    request: Any
    prepare: Any
    sign: Any
    send: Any
    found: dict[str, Watched | None]


class Listeners:
    """The handlers on the events of a client, and the functions of botocore in use."""

    def __init__(self, client: DynamoDBClient) -> None:
        self._client: Any = client
        events: Any = client.meta.events
        self._emitter = events._emitter
        self._known = self._looked_up()

    def of(self, operation: str) -> Watched | None:
        """Return the handlers of an operation; None if there are others."""
        known = self._known
        if not (
            known.registered is self._emitter._lookup_cache  # a new one after each change
            and known.call is _CLIENT._make_api_call
            and known.request is Endpoint.make_request
            and known.prepare is Endpoint.prepare_request
            and known.sign is RequestSigner.sign
            and known.send is URLLib3Session.send
        ):
            known = self._known = self._looked_up()
        replaced = self._client.__dict__
        if _METHODS[operation] in replaced or "_make_api_call" in replaced:
            return None
        return known.found[operation]

    def _looked_up(self) -> _Known:
        functions: tuple[Any, Any, Any, Any, Any] = (
            _CLIENT._make_api_call,
            Endpoint.make_request,
            Endpoint.prepare_request,
            RequestSigner.sign,
            URLLib3Session.send,
        )
        registered = self._emitter._lookup_cache
        are_botocores = all(map(_is_botocores, functions))
        found = {name: self._look(name) if are_botocores else None for name in OPERATIONS}
        return _Known(registered, *functions, found)

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


def _is_botocores(function: Any) -> bool:
    """Whether a function is botocore's, and not a wrapper, which may copy name and equality."""
    return type(function) is FunctionType and _module_of(function).startswith("botocore.")


def _module_of(function: FunctionType) -> str:
    return str(function.__globals__["__name__"])

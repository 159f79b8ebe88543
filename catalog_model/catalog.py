"""`Catalog`: a cheap, thread-safe handle on one table."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from botocore import UNSIGNED
from botocore.config import Config

from catalog_model.checks import refuse
from catalog_model.dynamodb.calls import DEFAULT_DEADLINE, check_deadline, deadline_from_env
from catalog_model.dynamodb.clients import (
    CLIENT_DEFAULTS,
    PLACEHOLDER,
    check_client,
    check_config,
    check_endpoint,
    check_not_blank,
    check_region,
    check_table,
    make_client,
)
from catalog_model.dynamodb.gateway import Gateway
from catalog_model.dynamodb.trace import Hook, Observers, Trace
from catalog_model.errors import InvalidArgumentError
from catalog_model.table.indexes import SCHEMA

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["CLIENT_DEFAULTS", "DEFAULT_TABLE", "Catalog"]

DEFAULT_TABLE: Final = "netflix-movie-catalog"

_PROCESS_STATE: Final = ("_gateway", "_given_client", "_lock", "_observers", "_process")
"""The attributes that stay in their process; the others are settings."""


class Catalog:
    """A handle on one table: the first argument of every access pattern.

    Creating a handle opens and sends nothing. The client is made at the first request (or by
    `warm`), once for each process, and is shared by all threads. After a fork, the child makes its
    own client.

    An argument takes precedence over *config*, that over the environment, and that over the
    profile; docs/settings.md has every setting. A handle can be pickled and copied: its settings
    are transferred, and another process makes its own client. Hooks stay with their handle.

    Args:
        table: Name (or ARN) of the table.
        region: AWS region, such as ``eu-west-1``; None for the region of *config*, of boto3's
            configuration, or of AWS_REGION.
        endpoint_url: Endpoint for requests, such as ``http://127.0.0.1:8000``; None for AWS (or
            AWS_ENDPOINT_URL_DYNAMODB).
        profile: Profile of the AWS configuration; None for boto3's choice.
        config: Settings of the client that take precedence over `CLIENT_DEFAULTS`.
        client: A DynamoDB client to use unchanged, with its own settings. *profile* and *config*
            are rejected with it, and so are *region* and *endpoint_url* if they differ from the
            client's.
        cursor_secret: Key that signs cursors. All processes that serve the same pages need the same
            key. None derives it from the table's name: this detects damaged and foreign cursors,
            but a reader of this code can sign cursors. That gains them nothing: a cursor only
            contains a place in a list, while the arguments determine the list.
        deadline: Seconds that one request to DynamoDB may take, from the first byte sent to the
            last byte read, including botocore's retries and pauses. A request that takes longer
            raises `UnreachableError` (`ThrottledError` if the table was throttled). None for no
            limit. An access pattern may make several requests.

    Raises:
        InvalidArgumentError: If *table* is not a valid table name, an argument has the wrong type
            or is empty, or contradicts *client*, or *deadline* is not a number of seconds.
        ConfigurationError: If *region* or *endpoint_url* is invalid.

    >>> Catalog("netflix-movie-catalog", region="eu-west-1")
    Catalog('netflix-movie-catalog', region='eu-west-1')
    """

    def __init__(
        self,
        table: str = DEFAULT_TABLE,
        *,
        region: str | None = None,
        endpoint_url: str | None = None,
        profile: str | None = None,
        config: Config | None = None,
        client: DynamoDBClient | None = None,
        cursor_secret: str | None = None,
        deadline: float | None = DEFAULT_DEADLINE,
    ) -> None:
        if not isinstance(table, str) or table != PLACEHOLDER:
            check_table(table)
        for name, text in (
            ("region", region),
            ("endpoint_url", endpoint_url),
            ("profile", profile),
            ("cursor_secret", cursor_secret),
        ):
            check_not_blank(text, name)
        if region is not None:
            check_region(region)
        if endpoint_url is not None:
            check_endpoint(endpoint_url)
        if client is not None:
            for name, value in (("profile", profile), ("config", config)):
                if value is not None:
                    refuse(name, value, "left to the client that is passed,")
            check_client(client, region=region, endpoint_url=endpoint_url)
        self.table = table
        self.region = region
        self.endpoint_url = endpoint_url
        self.profile = profile
        self.cursor_secret = f"catalog-model/{table}" if cursor_secret is None else cursor_secret
        self.deadline = check_deadline(deadline)
        self._config = check_config(config)
        self._begin(client)

    def _begin(self, client: DynamoDBClient | None) -> None:
        """Set the attributes that belong to this process."""
        self._given_client = client
        self._observers = Observers()
        self._lock = threading.Lock()
        self._gateway: Gateway | None = None
        self._process = 0

    @classmethod
    def from_env(cls, **settings: Any) -> Catalog:
        """Make a handle on the table CATALOG_TABLE, by default ``netflix-movie-catalog``.

        Region, credentials and endpoint come from the AWS_* variables, the key that signs cursors
        from CATALOG_CURSOR_SECRET, the deadline from CATALOG_DEADLINE (seconds, or ``none``).
        *settings* are arguments of `Catalog` and take precedence over the variables.
        """
        settings.setdefault("table", os.environ.get("CATALOG_TABLE") or DEFAULT_TABLE)
        settings.setdefault("cursor_secret", os.environ.get("CATALOG_CURSOR_SECRET") or None)
        if "deadline" not in settings:
            settings["deadline"] = deadline_from_env()
        return cls(**settings)

    @property
    def gateway(self) -> Gateway:
        """The gateway to the table, opened at first use; for this package's own modules."""
        gateway = self._gateway
        if gateway is None or self._process != os.getpid():
            gateway = self._open()
        return gateway

    @property
    def client(self) -> DynamoDBClient:
        """The boto3 client used for requests."""
        return self.gateway.client

    def warm(self) -> Catalog:
        """Make the client now instead of at the first request; sends nothing.

        Call it once in each worker process, after the fork.

        Raises:
            ConfigurationError: If region, profile or endpoint is invalid.
        """
        self.gateway  # noqa: B018  # accessing it opens it
        return self

    @contextmanager
    def trace(self) -> Iterator[Trace]:
        """Record each request made through this handle in the block, by any thread.

        In the block, requests ask the service for the consumed capacity; otherwise they are sent
        unchanged.

        >>> with catalog.trace() as trace:
        ...     page = access_patterns.list_titles_in_genre(catalog, "movie", 28)
        >>> [(request.operation, request.index) for request in trace]
        [('Query', 'by_popularity')]
        """
        trace = Trace()
        remove = self._observers.add(trace.requests.append)
        try:
            yield trace
        finally:
            remove()

    def on_request(self, hook: Hook) -> Callable[[], None]:
        """Call *hook* with each `Request` made through this handle, for logs and metrics.

        It is called in the thread of the caller once the answer has arrived, and should be quick.
        An error that it raises is logged and not propagated. Returns a function that removes the
        hook.

        Raises:
            InvalidArgumentError: If *hook* cannot be called.

        >>> slow = []
        >>> stop = catalog.on_request(lambda request: slow.append(request.milliseconds))
        >>> stop()
        """
        if not callable(hook):
            refuse("hook", hook, "a function of a Request")
        return self._observers.add(hook)

    def _open(self) -> Gateway:
        with self._lock:
            if self._gateway is None or self._process != os.getpid():
                client = self._given_client or self._make_client()
                self._gateway = Gateway(
                    self.table, client, SCHEMA, self._observers, self.profile, self.deadline
                )
                self._process = os.getpid()
            return self._gateway

    def _make_client(self) -> DynamoDBClient:
        return make_client(
            self.table,
            region=self.region,
            endpoint_url=self.endpoint_url,
            profile=self.profile,
            config=self._config,
        )

    def _state(self) -> dict[str, Any]:
        """Return the attributes that do not belong to a process."""
        return {name: it for name, it in vars(self).items() if name not in _PROCESS_STATE}

    def __copy__(self) -> Self:
        copied = type(self).__new__(type(self))
        vars(copied).update(self._state())
        copied._begin(self._given_client)
        return copied

    def __deepcopy__(self, _: object) -> Self:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for a pickle.

        Raises:
            InvalidArgumentError: If a client was passed in, because it cannot leave its process.
        """
        if self._given_client is not None:
            raise InvalidArgumentError(
                f"{self!r} has a client that was passed in and cannot be pickled: "
                "give region, endpoint_url, profile and config instead"
            )
        config: Any = self._config
        is_unsigned = config.signature_version is UNSIGNED  # which cannot be pickled
        config = config.merge(Config(signature_version=None)) if is_unsigned else config
        return {**self._state(), "_config": config, "is_unsigned": is_unsigned}

    def __setstate__(self, state: dict[str, Any]) -> None:
        is_unsigned = state.pop("is_unsigned")
        vars(self).update(state)
        if is_unsigned:
            self._config = self._config.merge(Config(signature_version=UNSIGNED))
        self._begin(None)

    def __repr__(self) -> str:
        parts = [repr(self.table)]
        parts += [f"{name}={value!r}" for name, value in self._settings() if value is not None]
        return f"{type(self).__name__}({', '.join(parts)})"

    def _settings(self) -> tuple[tuple[str, str | None], ...]:
        return (
            ("region", self.region),
            ("endpoint_url", self.endpoint_url),
            ("profile", self.profile),
        )

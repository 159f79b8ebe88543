"""`Catalog`: a cheap, thread-safe handle on one table."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from catalog_model._version import __version__
from catalog_model.arguments import check_text, refuse
from catalog_model.calls import DEFAULT_DEADLINE, check_deadline, deadline_from_env
from catalog_model.errors import ConfigurationError
from catalog_model.fast import read_with_orjson
from catalog_model.faults import translate
from catalog_model.gateway import Gateway
from catalog_model.trace import Hook, Observers, Trace

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DEFAULT_TABLE: Final = "netflix-movie-catalog"

CLIENT_DEFAULTS: Final = Config(
    connect_timeout=2,
    read_timeout=5,
    max_pool_connections=50,
    tcp_keepalive=True,
    # Rebuilding botocore's long user agent for each request costs an eighth of a GetItem.
    user_agent=f"catalog-model/{__version__}",
    # Arguments are checked here already, with better errors.
    parameter_validation=False,
)
"""Settings for a service; retries stay as botocore and the AWS_* variables have them."""

_TABLE_NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,1024}", re.ASCII)


class Catalog:
    """A handle on one table: the first argument of every access pattern.

    Making one opens nothing and sends nothing; the client is made at the first request (or by
    `warm`), once a process, and is shared by all threads. After a fork the child makes its own.

    Args:
        table: Name (or ARN) of the table.
        region: AWS region, such as ``eu-west-1``; as boto3 finds it when None, or from AWS_REGION.
        endpoint_url: Where to send requests, such as ``http://127.0.0.1:8000``; None for AWS (or
            what AWS_ENDPOINT_URL_DYNAMODB says).
        profile: Profile of the AWS configuration; as boto3 finds it when None.
        config: Settings of the client that go before `CLIENT_DEFAULTS`.
        client: A DynamoDB client to use as it is; the four arguments before have no effect then.
        cursor_secret: Key that signs cursors. All processes that serve the same pages need the
            same. None derives it from the table's name: that finds damaged and foreign cursors,
            but somebody who reads this code can sign their own. They gain nothing by it: a cursor
            only says where in a list to go on, the arguments say in which.
        deadline: The longest time in seconds that one request to DynamoDB may take, from its first
            byte sent to the last byte read, with botocore's retries and the pauses before them.
            `UnreachableError` (`ThrottledError` where the table was busy) at its end. None for no
            limit. An access pattern may make several requests.

    Raises:
        InvalidArgumentError: If *table* cannot be the name of a table, *cursor_secret* no key, or
            *deadline* no number of seconds.

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
        if not isinstance(table, str) or not _TABLE_NAME.fullmatch(table):
            refuse("table", table, "the name of a DynamoDB table")
        if cursor_secret is not None:
            check_text(cursor_secret, "cursor_secret")
        self.table = table
        self.region = region
        self.endpoint_url = endpoint_url
        self.profile = profile
        self.cursor_secret = f"catalog-model/{table}" if cursor_secret is None else cursor_secret
        self.deadline = check_deadline(deadline)
        self._config = CLIENT_DEFAULTS.merge(config) if config else CLIENT_DEFAULTS
        self._given_client = client
        self._observers = Observers()
        self._lock = threading.Lock()
        self._gateway: Gateway | None = None
        self._process = 0

    @classmethod
    def from_env(cls, **settings: Any) -> Catalog:
        """Make a handle on the table that CATALOG_TABLE names, ``netflix-movie-catalog`` without.

        Region, credentials and endpoint come from the AWS_* variables, the key of cursors from
        CATALOG_CURSOR_SECRET, the deadline from CATALOG_DEADLINE (seconds, or ``none``).
        *settings* are those of `Catalog` and go before the variables.
        """
        settings.setdefault("table", os.environ.get("CATALOG_TABLE") or DEFAULT_TABLE)
        settings.setdefault("cursor_secret", os.environ.get("CATALOG_CURSOR_SECRET") or None)
        if "deadline" not in settings:
            settings["deadline"] = deadline_from_env()
        return cls(**settings)

    @property
    def gateway(self) -> Gateway:
        """The door to the table, opened at first use; for this package's own modules."""
        gateway = self._gateway
        if gateway is None or self._process != os.getpid():
            gateway = self._open()
        return gateway

    @property
    def client(self) -> DynamoDBClient:
        """The boto3 client that the requests go through."""
        return self.gateway.client

    def warm(self) -> Catalog:
        """Make the client now, so that the first request need not; sends nothing.

        Call it once in each worker process, after the fork.

        Raises:
            ConfigurationError: If region, profile or endpoint cannot be used.
        """
        self.gateway  # noqa: B018  # opened by asking for it
        return self

    @contextmanager
    def trace(self) -> Iterator[Trace]:
        """Record each request made through this handle in the block, by any thread.

        While nobody listens, requests are sent as they are; in the block, the service is asked to
        say what it charges.

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

        It is called by the thread that asked, once the answer is there; it should be quick. An
        error that it raises is logged and goes no further. Gives a function that ends it.

        >>> slow = []
        >>> stop = catalog.on_request(lambda request: slow.append(request.milliseconds))
        >>> stop()
        """
        return self._observers.add(hook)

    def _open(self) -> Gateway:
        with self._lock:
            if self._gateway is None or self._process != os.getpid():
                client = self._given_client or self._make_client()
                self._gateway = Gateway(self.table, client, self._observers, self.deadline)
                self._process = os.getpid()
            return self._gateway

    def _make_client(self) -> DynamoDBClient:
        try:
            session = boto3.session.Session(profile_name=self.profile, region_name=self.region)
            region = session.region_name or os.environ.get("AWS_REGION")
            client = session.client(
                "dynamodb",
                region_name=region,
                endpoint_url=self.endpoint_url,
                config=self._config,
            )
        except BotoCoreError as error:
            raise translate(error, self.table) from error
        except ValueError as error:
            raise ConfigurationError(f"the client cannot be made: {error}") from error
        read_with_orjson(client)
        return client

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

"""`Catalog`: a cheap, thread-safe handle on one table."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from botocore import UNSIGNED
from botocore.config import Config

from catalog_model.cache import PageCache, cache_from_env
from catalog_model.checks import check_flag, check_instance, refuse
from catalog_model.deployment.control import Control
from catalog_model.deployment.lineage import lineage_of
from catalog_model.deployment.pointer import Pointed, check_pointer, read_pointer
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
from catalog_model.dynamodb.lane.choice import check_fast, fast_from_env, switch_from_env
from catalog_model.dynamodb.trace import Hook, Observers, Trace
from catalog_model.errors import ConfigurationError, InvalidArgumentError
from catalog_model.table.indexes import SCHEMA

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["CLIENT_DEFAULTS", "DEFAULT_TABLE", "Catalog"]

DEFAULT_TABLE: Final = "netflix-movie-catalog"

_PROCESS_STATE: Final = (
    "_gateway",
    "_given_client",
    "_lock",
    "_observers",
    "_process",
    "known_spread",
)
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
            key. None derives it from the lineage: this detects damaged and foreign cursors, but a
            reader of this code can sign cursors. That gains them nothing: a cursor only contains a
            place in a list, while the arguments determine the list.
        lineage: Name that cursors belong to; tables with the same one accept each other's cursors.
            None for the table's name, without the suffix of a restored table: a page that was
            opened on ``films`` continues in ``films--restored-20261128T114500Z``.
        deadline: Seconds that one request to DynamoDB may take, from the first byte sent to the
            last byte read, including botocore's retries and pauses. A request that takes longer
            raises `UnreachableError` (`ThrottledError` if the table was throttled). None for no
            limit. An access pattern may make several requests.
        cache: Keeps recent answers in this process, see `PageCache`; None for no cache.
        fast: Whether requests for items may take the fast lane past botocore, with less CPU and
            the same results and errors; it is fastest with the extra ``fast``. None for a client
            that the handle makes itself, True also for one that is passed in (with the extra
            only), False for no request.
        sharded_lists: Whether lists may be spread over several partitions, see
            docs/scaling.md#write-sharded-lists. Without it, a handle reads lists of one partition.

    Raises:
        InvalidArgumentError: If *table* is not a valid table name, an argument has the wrong type
            or is empty, or contradicts *client*, or *deadline* is not a number of seconds.
        ConfigurationError: If *region* or *endpoint_url* is invalid, or *fast* is True without the
            extra.

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
        lineage: str | None = None,
        deadline: float | None = DEFAULT_DEADLINE,
        cache: PageCache | None = None,
        fast: bool | None = None,
        sharded_lists: bool = False,
    ) -> None:
        if not isinstance(table, str) or table != PLACEHOLDER:
            check_table(table)
        for name, text in (
            ("region", region),
            ("endpoint_url", endpoint_url),
            ("profile", profile),
            ("cursor_secret", cursor_secret),
            ("lineage", lineage),
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
        self.pointer: str | None = None
        self._own_lineage = lineage
        self._own_secret = cursor_secret
        self._pointed_lineage: str | None = None
        self.deadline = check_deadline(deadline)
        if cache is not None:
            check_instance(cache, "cache", PageCache)
        self.cache = cache
        self.cache_scope = object()
        self.fast = check_fast(fast)
        self.sharded_lists = check_flag(sharded_lists, "sharded_lists")
        self._config = check_config(config)
        self._begin(client)

    def _begin(self, client: DynamoDBClient | None) -> None:
        """Set the attributes that belong to this process."""
        self._given_client = client
        self._observers = Observers()
        self._lock = threading.Lock()
        self._gateway: Gateway | None = None
        self._process = 0
        self.known_spread: object = None

    @classmethod
    def from_env(cls, *, pointer: str | None = None, **settings: Any) -> Catalog:
        """Make a handle on the table CATALOG_TABLE, by default ``netflix-movie-catalog``.

        With CATALOG_TABLE_POINTER instead, the table's name is read from an SSM parameter
        (``ssm:/films/table``: one request) or a file (``file:PATH``), as `cut_over` of
        `catalog_model.operations` moves it. `follow` reads it again.

        Region, credentials and endpoint come from the AWS_* variables, the key that signs cursors
        from CATALOG_CURSOR_SECRET, what cursors belong to from CATALOG_LINEAGE, the deadline from
        CATALOG_DEADLINE (seconds, or ``none``), and whether there is a fast lane from CATALOG_FAST
        (``1`` or ``0``). With CATALOG_CACHE_SECONDS, the handle has a page cache, and with
        CATALOG_SHARDED_LISTS=1 it reads lists that may be spread over several partitions.

        Args:
            pointer: The pointer, instead of CATALOG_TABLE_POINTER.
            settings: Arguments of `Catalog`; they take precedence over the variables, and a
                *table* over any pointer.

        Raises:
            InvalidArgumentError: If an argument or a variable is invalid, or two contradict.
            ConfigurationError: If both variables are set, or the pointer does not name a table.
            ServiceError: If an SSM parameter cannot be read.
        """
        if pointer is not None and "table" in settings:
            refuse("pointer", pointer, "left out with a table,")
        table = os.environ.get("CATALOG_TABLE")
        if pointer is None and "table" not in settings:
            pointer = os.environ.get("CATALOG_TABLE_POINTER") or None
            if pointer and table:
                raise ConfigurationError(
                    f"CATALOG_TABLE is {table!r} and CATALOG_TABLE_POINTER is {pointer!r}: set one"
                )
        settings.setdefault("table", (None if pointer else table) or DEFAULT_TABLE)
        settings.setdefault("cursor_secret", os.environ.get("CATALOG_CURSOR_SECRET") or None)
        settings.setdefault("lineage", os.environ.get("CATALOG_LINEAGE") or None)
        if "deadline" not in settings:
            settings["deadline"] = deadline_from_env()
        if "cache" not in settings:
            settings["cache"] = cache_from_env()
        if "fast" not in settings:
            settings["fast"] = fast_from_env()
        if "sharded_lists" not in settings:
            settings["sharded_lists"] = switch_from_env("CATALOG_SHARDED_LISTS") or False
        catalog = cls(**settings)
        if pointer is not None:
            catalog.pointer = check_pointer(pointer)
            catalog.follow()
        return catalog

    @property
    def lineage(self) -> str:
        """What cursors belong to: the table's name, or what tables that replace it share."""
        return self._own_lineage or self._pointed_lineage or lineage_of(self.table)

    @property
    def cursor_secret(self) -> str:
        """The key that signs cursors."""
        return self._own_secret or f"catalog-model/{self.lineage}"

    def follow(self) -> bool:
        """Read the pointer again, and change to the table that it names now.

        Without a pointer, does nothing. Otherwise costs one GetParameter, or reads a file. The
        client, its connections and the hooks stay; hooks do not see this request, which is not
        one to the table. A function that runs in another thread may send the rest of its requests
        to the new table.

        Returns:
            Whether the table is another one than before.

        Raises:
            ConfigurationError: If the pointer does not exist, or does not name a table.
            ServiceError: If the parameter cannot be read; the handle stays at its table.

        >>> catalog.follow()
        False
        """
        if self.pointer is None:
            return False
        found = read_pointer(self.pointer, lambda: Control(self._gateway_with(self.client, None)))
        if found is None:
            raise ConfigurationError(
                f"pointer {self.pointer} does not exist: `catalog-model cut-over` makes it"
            )
        is_new = found.table != self.table
        self._change_to(found)
        return is_new

    def for_table(self, table: str, *, lineage: str | None = None) -> Self:
        """Return a handle on another table, with the settings and the client of this one.

        Args:
            table: Name (or ARN) of the table.
            lineage: As for `Catalog`.

        Raises:
            InvalidArgumentError: If an argument is invalid.

        >>> catalog.for_table("films").table
        'films'
        """
        check_table(table)
        check_not_blank(lineage, "lineage")
        other = self.__copy__()
        other._given_client = self.client
        other.pointer, other._own_lineage = None, lineage
        other._change_to(Pointed(table))
        return other

    def _change_to(self, pointed: Pointed) -> None:
        with self._lock:
            self._pointed_lineage = pointed.lineage
            if pointed.table == self.table:
                return
            self.table = pointed.table
            self.known_spread = None
            gateway = self._gateway
            if gateway is not None:
                self._gateway = self._gateway_with(gateway.client, self._observers)

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
                self._gateway = self._gateway_with(client, self._observers)
                self._process = os.getpid()
            return self._gateway

    def _gateway_with(self, client: DynamoDBClient, observers: Observers | None) -> Gateway:
        return Gateway(
            self.table, client, SCHEMA, observers, self.profile, self.deadline, self.fast
        )

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

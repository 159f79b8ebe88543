"""Prometheus: counts and times a handle's requests to its table, by access pattern.

Needs ``prometheus_client``, which the extra ``flask`` includes; works with any web framework.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from catalog_model.catalog import Catalog
from catalog_model.checks import check_instance
from catalog_model.dynamodb.breaker import REASONS, State
from catalog_model.dynamodb.guard import Guard
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import ConfigurationError, InvalidArgumentError

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram: DynamoDB answers within milliseconds, or after retries."""

LABELS: Final = ("pattern", "operation")
NO_PATTERN: Final = "(none)"
"""The label for requests about the table itself."""


def measure_requests(
    catalog: Catalog, registry: CollectorRegistry | None = None
) -> Callable[[], None]:
    """Time and count the requests of a handle from now on; returns a function that stops it.

    The metrics are a histogram ``catalog_request_duration_seconds`` and the counters
    ``catalog_capacity_units_total``, ``catalog_items_read_total`` and
    ``catalog_request_errors_total``, each by ``pattern`` and DynamoDB's ``operation``; clients
    cannot choose the value of a label. Requests ask the service for the consumed capacity, as with
    `Catalog.on_request`. This function sends nothing itself. If ``PROMETHEUS_MULTIPROC_DIR`` is set
    when ``prometheus_client`` is first imported, the metrics of all processes add up, including
    forked ones.

    Args:
        catalog: The handle; other handles on the same table are not measured.
        registry: Registry for the metrics, one handle in each; None for Prometheus' global
            registry.

    Raises:
        ConfigurationError: If ``prometheus_client`` is not installed.
        InvalidArgumentError: If an argument has the wrong type, or the registry already has one of
            these metrics, for another handle. Nothing is registered then.

    >>> from catalog_model.prometheus import measure_requests
    >>> from prometheus_client import CollectorRegistry
    >>> registry = CollectorRegistry()
    >>> stop = measure_requests(catalog, registry)
    >>> title = access_patterns.get_title(catalog, "movie", 949)
    >>> stop()
    >>> asked = {"pattern": "get_title", "operation": "GetItem"}
    >>> registry.get_sample_value("catalog_request_duration_seconds_count", asked)
    1.0
    """
    check_instance(catalog, "catalog", Catalog)
    metrics = _request_metrics()
    _register(metrics, registry)
    return _measure_requests(catalog, *metrics)


def _request_metrics() -> list[Any]:
    prometheus = _library()
    seconds = prometheus.Histogram(
        "catalog_request_duration_seconds",
        "Duration of requests to the table, with retries",
        LABELS,
        buckets=SECONDS,
        registry=None,
    )
    counters = (
        prometheus.Counter(name, text, LABELS, registry=None)
        for name, text in (
            ("catalog_capacity_units", "Units charged"),
            ("catalog_items_read", "Items read, returned or not"),
            ("catalog_request_errors", "Requests that failed"),
        )
    )
    return [seconds, *counters]


def _measure_requests(
    catalog: Catalog, seconds: Any, units: Any, items: Any, errors: Any
) -> Callable[[], None]:

    @cache
    def metrics_of(*labels: str) -> tuple[Any, ...]:
        return tuple(metric.labels(*labels) for metric in (seconds, units, items, errors))

    def note(sent: Request) -> None:
        took, charged, read, failed = metrics_of(sent.pattern or NO_PATTERN, sent.operation)
        took.observe(sent.milliseconds / 1000)
        charged.inc(sent.total_units)
        read.inc(sent.items_read)
        failed.inc(bool(sent.error_type))

    return catalog.on_request(note)


def measure_guard(guard: Guard, registry: CollectorRegistry) -> None:
    """Export the metrics of a guard: refused requests and the state of its breaker.

    The counter ``catalog_requests_refused_total`` counts requests that were not sent, by
    ``reason``: ``ill`` (the breaker was open), ``full`` (too many requests were waiting) or
    ``late`` (the deadline of the response had passed). ``catalog_breaker_opened_total`` counts how
    many times the breaker opened, and ``catalog_breaker_open`` is the number of processes whose
    breaker is not closed.

    >>> from catalog_model.dynamodb.breaker import Breaker
    >>> from catalog_model.dynamodb.guard import Guard, Room
    >>> from catalog_model.prometheus import measure_guard
    >>> from prometheus_client import CollectorRegistry
    >>> registry = CollectorRegistry()
    >>> measure_guard(Guard(Breaker(), Room(6)), registry)
    >>> registry.get_sample_value("catalog_breaker_open")
    0.0
    """
    metrics = _guard_metrics()
    _register(metrics, registry)
    _measure_guard(guard, *metrics)


def measure_all(catalog: Catalog, guard: Guard, registry: CollectorRegistry) -> None:
    """Measure the requests of a handle and its guard, as `measure_requests` and `measure_guard`.

    If the registry already has one of the metrics, nothing is registered.
    """
    of_requests, of_guard = _request_metrics(), _guard_metrics()
    _register([*of_requests, *of_guard], registry)
    _measure_requests(catalog, *of_requests)
    _measure_guard(guard, *of_guard)


def _guard_metrics() -> list[Any]:
    prometheus = _library()
    return [
        prometheus.Counter(
            "catalog_requests_refused", "Requests that were not sent", ("reason",), registry=None
        ),
        prometheus.Counter(
            "catalog_breaker_opened", "Times that the breaker opened", registry=None
        ),
        prometheus.Gauge(
            "catalog_breaker_open",
            "Processes whose breaker is not closed",
            multiprocess_mode="livesum",
            registry=None,
        ),
    ]


def _measure_guard(guard: Guard, refused: Any, opened: Any, is_open: Any) -> None:
    for reason in REASONS:
        refused.labels(reason)

    def note(state: State) -> None:
        opened.inc(state is State.OPEN)
        is_open.set(state is not State.CLOSED)

    guard.on_refusal.append(lambda reason: refused.labels(reason).inc())
    guard.breaker.on_change.append(note)


def _register(metrics: list[Any], registry: CollectorRegistry | None) -> None:
    """Register all of some metrics, or none of them."""
    prometheus = _library()
    into = prometheus.REGISTRY if registry is None else registry
    check_instance(into, "registry", prometheus.CollectorRegistry)
    registered: list[Any] = []
    try:
        for metric in metrics:
            into.register(metric)
            registered.append(metric)
    except ValueError as error:
        for metric in registered:
            into.unregister(metric)
        raise InvalidArgumentError(
            f"registry must be one without the metrics of another handle: {error}"
        ) from error


def _library() -> Any:
    try:
        import prometheus_client  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ConfigurationError(
            "prometheus_client is not installed: pip install prometheus-client"
        ) from error
    return prometheus_client

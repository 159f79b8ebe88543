"""OpenTelemetry: a span for each request of a handle, in the caller's trace.

Needs the extra ``otel``, which contains only OpenTelemetry's API: the SDK that the application sets
up decides where the spans go. Names follow the semantic conventions for the AWS SDK, for databases
and for DynamoDB; names without a convention begin with ``catalog_model``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from catalog_model._version import __version__
from catalog_model.catalog import Catalog
from catalog_model.checks import check_flag, check_instance
from catalog_model.dynamodb.schema import TABLE
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

READS: Final = frozenset({"BatchGetItem", "GetItem", "Query"})

_OF_PARAMETERS: Final = {
    "ConsistentRead": "aws.dynamodb.consistent_read",
    "IndexName": "aws.dynamodb.index_name",
    "Limit": "aws.dynamodb.limit",
    "ProjectionExpression": "aws.dynamodb.projection",
    "ScanIndexForward": "aws.dynamodb.scan_forward",
}


def trace_requests(
    catalog: Catalog, tracer_provider: TracerProvider | None = None, *, keys: bool = False
) -> Callable[[], None]:
    """Make a span for each request of a handle from now on; returns a function that stops it.

    A span covers the request with botocore's retries; its parent is the current span of the calling
    thread. It is made once the answer has arrived, so it has no child spans. Requests ask the
    service for the consumed capacity, as with `Catalog.on_request`. This function sends nothing
    itself. If it is called twice, each request gets two spans.

    Args:
        catalog: The handle; other handles on the same table are not traced.
        tracer_provider: Receiver of the spans; None for OpenTelemetry's global provider, which may
            also be set later.
        keys: Whether the spans include values: the key conditions, and the texts of errors, which
            may quote values. Otherwise an error only shows its ``error.type``.

    Raises:
        ConfigurationError: If OpenTelemetry's API is not installed.
        InvalidArgumentError: If an argument has the wrong type.

    >>> from catalog_model.otel import trace_requests
    >>> from opentelemetry.sdk import trace
    >>> from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    >>> from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    >>> exporter, provider = InMemorySpanExporter(), trace.TracerProvider(shutdown_on_exit=False)
    >>> provider.add_span_processor(SimpleSpanProcessor(exporter))
    >>> stop = trace_requests(catalog, provider)
    >>> title = access_patterns.get_title(catalog, "movie", 949)
    >>> stop()
    >>> [(span.name, span.attributes["catalog_model.pattern"])
    ...  for span in exporter.get_finished_spans()]
    [('DynamoDB.GetItem', 'get_title')]
    """
    check_instance(catalog, "catalog", Catalog)
    check_flag(keys, "keys")
    try:
        from opentelemetry import trace  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ConfigurationError(
            "OpenTelemetry's API is not installed: pip install 'catalog-model[otel]'"
        ) from error
    if tracer_provider is not None:
        check_instance(tracer_provider, "tracer_provider", trace.TracerProvider)
    tracer = trace.get_tracer("catalog_model", __version__, tracer_provider)

    def make_span(request: Request) -> None:
        began = round(request.began * 1e9)
        span = tracer.start_span(
            f"DynamoDB.{request.operation}",
            kind=trace.SpanKind.CLIENT,
            attributes=_attributes(request, catalog, keys=keys),
            start_time=began,
        )
        if request.error_type:
            span.set_status(trace.StatusCode.ERROR, request.error if keys else None)
        span.end(began + round(request.milliseconds * 1e6))

    return catalog.on_request(make_span)


def _attributes(request: Request, catalog: Catalog, *, keys: bool) -> dict[str, Any]:
    attributes = {
        "db.system.name": "aws.dynamodb",
        "db.collection.name": catalog.table,
        "db.operation.name": request.operation,
        "rpc.system": "aws-api",
        "rpc.service": "DynamoDB",
        "rpc.method": request.operation,
        "cloud.region": catalog.client.meta.region_name,
        "aws.dynamodb.table_names": [catalog.table],
        **{
            each: request.asked[name]
            for name, each in _OF_PARAMETERS.items()
            if name in request.asked
        },
        **_answered(request, catalog.table),
    }
    if request.pattern:
        attributes["catalog_model.pattern"] = request.pattern
        attributes["catalog_model.round_trip"] = request.round_trip
    items = _items_asked(request.asked)
    if items > 1:  # a single item is not a batch
        attributes["db.operation.batch.size"] = items
    if keys and request.key_conditions:
        attributes["catalog_model.key_condition"] = request.key_condition
    return attributes


def _answered(request: Request, table: str) -> dict[str, Any]:
    answered: dict[str, Any] = {}
    if request.error_type:
        answered["error.type"] = request.error_type
    elif request.operation in READS:
        answered["db.response.returned_rows"] = request.items_returned
    if request.operation == "Query" and not request.error_type:
        answered["aws.dynamodb.count"] = request.items_returned
        answered["aws.dynamodb.scanned_count"] = request.items_read
    if request.units:
        answered["aws.dynamodb.consumed_capacity"] = [json.dumps(_consumed(request.units, table))]
        answered["catalog_model.units"] = request.total_units
    if request.retries:
        answered["catalog_model.retries"] = request.retries
    return answered


def _consumed(units: Mapping[str, float], table: str) -> dict[str, Any]:
    """Return units in the service's format."""
    shares = {name: {"CapacityUnits": share} for name, share in units.items()}
    consumed: dict[str, Any] = {"TableName": table, "CapacityUnits": sum(units.values())}
    if TABLE in shares:
        consumed["Table"] = shares.pop(TABLE)
    if shares:
        consumed["GlobalSecondaryIndexes"] = shares
    return consumed


def _items_asked(asked: Mapping[str, Any]) -> int:
    batches = asked.get("RequestItems", {}).values()
    return len(asked.get("TransactItems", ())) + sum(len(batch["Keys"]) for batch in batches)

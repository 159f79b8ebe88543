"""Each request is a span, with the names of the semantic conventions, in the right trace."""

import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from engines import Engine
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from catalog_model import Catalog, Movie, TitleKey
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import offline_catalog
from catalog_model.dynamodb.trace import Request
from catalog_model.errors import (
    ConfigurationError,
    InvalidArgumentError,
    TableNotFoundError,
    UnreachableError,
)
from catalog_model.operations import table_status
from catalog_model.otel import trace_requests

PAGE = Path(__file__).parents[2] / "docs" / "observability.md"

UP = Movie(
    id=1, title="Up", genre_ids=[16, 35], popularity=7.0, vote_average=7.9, vote_count=12_000
)

ATTRIBUTES = "opentelemetry.semconv._incubating.attributes"
CONVENTIONS = {
    value
    for name in ("aws", "cloud", "db", "error", "rpc")
    for value in vars(import_module(f"{ATTRIBUTES}.{name}_attributes")).values()
    if isinstance(value, str)
}


class Spans:
    """The spans recorded by an SDK in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    def __iter__(self) -> Iterator[ReadableSpan]:
        return iter(self.exporter.get_finished_spans())

    @property
    def names(self) -> list[str]:
        return [span.name for span in self]


@pytest.fixture
def spans() -> Spans:
    return Spans()


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def everything_in(spans: Spans) -> str:
    """Return all recorded data as text, without times and random ids."""
    told = [json.loads(span.to_json()) for span in spans]
    names = ("name", "attributes", "status", "events", "links")
    return repr([{name: span[name] for name in names} for span in told])


def test_a_query_has_the_attributes_of_the_conventions(catalog: Catalog, spans: Spans) -> None:
    """All of them, and the charge as the service reports it."""
    ap.put_title(catalog, UP)
    trace_requests(catalog, spans.provider)
    with catalog.trace() as trace:
        ap.list_titles_in_genre(catalog, "movie", 16, limit=5)
    (span,) = spans
    units = trace.total_units
    assert units > 0
    assert (span.name, span.kind) == ("DynamoDB.Query", otel.SpanKind.CLIENT)
    shown = attributes_of(span)
    (consumed,) = shown.pop("aws.dynamodb.consumed_capacity")
    assert json.loads(consumed)["TableName"] == catalog.table
    assert json.loads(consumed)["CapacityUnits"] == units
    assert shown == {
        "db.system.name": "aws.dynamodb",
        "db.collection.name": catalog.table,
        "db.operation.name": "Query",
        "db.response.returned_rows": 1,
        "rpc.system": "aws-api",
        "rpc.service": "DynamoDB",
        "rpc.method": "Query",
        "cloud.region": "eu-west-1",
        "aws.dynamodb.table_names": (catalog.table,),
        "aws.dynamodb.index_name": "by_popularity",
        "aws.dynamodb.consistent_read": False,
        "aws.dynamodb.scan_forward": False,
        "aws.dynamodb.limit": trace.requests[0].asked["Limit"],
        "aws.dynamodb.projection": "#only",
        "aws.dynamodb.count": 1,
        "aws.dynamodb.scanned_count": 1,
        "catalog_model.pattern": "list_titles_in_genre",
        "catalog_model.round_trip": 1,
        "catalog_model.units": units,
    }


def test_capacity_is_reported_by_table_and_index(spans: Spans) -> None:
    """As in the service's ConsumedCapacity; the offline table charges like the service."""
    catalog = offline_catalog()
    with catalog.trace() as trace:
        trace_requests(catalog, spans.provider)
        ap.put_title(catalog, UP)
    write = list(spans)[-1]
    (text,) = attributes_of(write)["aws.dynamodb.consumed_capacity"]
    consumed = json.loads(text)
    shares = {"table": consumed["Table"], **consumed["GlobalSecondaryIndexes"]}
    assert len(shares) > 2
    charged = {name: share["CapacityUnits"] for name, share in shares.items()}
    assert charged == trace.requests[-1].units
    assert consumed["CapacityUnits"] == sum(charged.values())


def test_every_operation_has_a_span_of_the_conventions(catalog: Catalog, spans: Spans) -> None:
    """One for each request, in order; other attributes have a prefix of this package."""
    trace_requests(catalog, spans.provider, keys=True)
    with catalog.trace() as trace:
        ap.put_title(catalog, UP)
        ap.get_title(catalog, "movie", 1, consistent=True)
        ap.sample_titles(catalog, "movie")
        ap.list_titles(catalog, "movie", order="rating")
        ap.get_title_with_genres(catalog, "movie", 1)
        ap.delete_title(catalog, "movie", 1)
        table_status(catalog)
    assert spans.names == [f"DynamoDB.{request.operation}" for request in trace]
    assert len(set(spans.names)) == 5
    for span in spans:
        ours = {name for name in attributes_of(span) if name.startswith("catalog_model.")}
        assert attributes_of(span).keys() - ours <= CONVENTIONS
        assert span.status.status_code == otel.StatusCode.UNSET
        assert attributes_of(span)["db.collection.name"] == catalog.table


def test_requests_sent_at_once_have_the_same_round_trip(catalog: Catalog, spans: Spans) -> None:
    """The numbers are those of a trace: waits for answers, counted from 1."""
    ap.put_title(catalog, UP)
    trace_requests(catalog, spans.provider)
    ap.list_titles(catalog, "movie", order="rating")
    ap.sample_titles(catalog, "movie")
    trips = [attributes_of(span)["catalog_model.round_trip"] for span in spans]
    assert trips[-2:] == [1, 2]
    assert set(trips[:-2]) == {1}
    assert len(trips) > 3


def test_a_batch_says_how_many_items_it_names(catalog: Catalog, spans: Spans) -> None:
    """A single item is not a batch."""
    trace_requests(catalog, spans.provider)
    ap.get_titles(catalog, [TitleKey("movie", number) for number in range(1, 4)])
    ap.get_titles(catalog, [UP.key])
    many, one = map(attributes_of, spans)
    assert many["db.operation.batch.size"] == 3
    assert "db.operation.batch.size" not in one
    assert many["db.response.returned_rows"] == one["db.response.returned_rows"] == 0


def test_a_span_has_the_times_of_the_request(catalog: Catalog, spans: Spans) -> None:
    """When it was sent, and how long it took; not when the span was created."""
    ap.put_title(catalog, UP)
    trace_requests(catalog, spans.provider)
    before = time.time()
    with catalog.trace() as trace:
        ap.count_titles(catalog, "movie")
    (span,), (request,) = spans, trace
    assert span.start_time is not None
    assert span.end_time is not None
    assert before <= request.began
    assert span.start_time == pytest.approx(request.began * 1e9, abs=1_000)
    assert span.end_time - span.start_time == round(request.milliseconds * 1e6)


def test_botocores_retries_are_counted(spans: Spans, catalog: Catalog) -> None:
    """Only if there were any."""
    ap.put_title(catalog, UP)
    trace_requests(catalog, spans.provider)
    events = catalog.client.meta.events

    def pretend(parsed: dict[str, Any], **_: Any) -> None:
        parsed["ResponseMetadata"]["RetryAttempts"] = 2

    ap.count_titles(catalog, "movie")
    events.register("after-call.dynamodb", pretend)
    try:
        ap.count_titles(catalog, "movie")
    finally:
        events.unregister("after-call.dynamodb", pretend)
    first, second = map(attributes_of, spans)
    assert "catalog_model.retries" not in first
    assert second["catalog_model.retries"] == 2


def test_no_value_of_a_key_is_in_a_span_unless_asked_for(catalog: Catalog, spans: Spans) -> None:
    """Neither the keys of reads nor those of writes."""
    secret = UP.replace(id=424_242, title="Cosmos", genre_ids=[31_337])
    stop = trace_requests(catalog, spans.provider)
    ap.put_title(catalog, secret)
    ap.find_titles_by_name(catalog, "movie", "Cosmos")
    ap.list_titles_in_genre(catalog, "movie", 31_337)
    assert len(spans.names) == 6
    assert "find_titles_by_name" in everything_in(spans)
    assert not re.search("424242|(?i:cosmos)|31337", everything_in(spans))
    stop()
    trace_requests(catalog, spans.provider, keys=True)
    ap.get_title(catalog, "movie", 424_242)
    assert attributes_of(list(spans)[-1])["catalog_model.key_condition"] == (
        "PK = 'TITLE#movie#424242' AND SK = 'TITLE#movie#424242'"
    )


@pytest.mark.parametrize("keys", [False, True])
def test_a_failed_request_is_a_typed_error(catalog: Catalog, spans: Spans, keys: bool) -> None:
    """The service's code; its message may contain values, and is recorded only with keys."""
    missing = Catalog("not-there-at-all", client=catalog.client)
    trace_requests(missing, spans.provider, keys=keys)
    with pytest.raises(TableNotFoundError):
        ap.list_titles(missing, "movie")
    (span,) = spans
    shown = attributes_of(span)
    assert shown["error.type"] == "ResourceNotFoundException"
    assert span.status.status_code == otel.StatusCode.ERROR
    assert ("ResourceNotFoundException" in (span.status.description or "")) == keys
    assert not shown.keys() & {
        "aws.dynamodb.consumed_capacity",
        "aws.dynamodb.count",
        "db.response.returned_rows",
    }


def test_a_request_without_an_answer_has_the_name_of_the_exception(spans: Spans) -> None:
    """There is no code, as the service did not answer."""
    dead = Catalog("t", region="eu-west-1", endpoint_url="http://127.0.0.1:1")
    trace_requests(dead, spans.provider)
    with pytest.raises(UnreachableError):
        ap.get_title(dead, "movie", 1)
    (span,) = spans
    assert attributes_of(span)["error.type"] == "EndpointConnectionError"


def test_the_parent_is_the_span_of_the_caller(catalog: Catalog, spans: Spans) -> None:
    """Of its thread, though one handle serves them all; without one, a request begins a trace."""
    ap.put_title(catalog, UP)
    trace_requests(catalog, spans.provider)
    together = threading.Barrier(4)

    def page(number: int) -> None:
        with spans.tracer.start_as_current_span(f"page {number}"):
            together.wait()
            for _ in range(5):
                ap.count_titles(catalog, "movie")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(page, range(4)))
    pages = [span for span in spans if span.name.startswith("page")]
    assert len(pages) == 4
    for parent in pages:
        children = [span for span in spans if span.parent == parent.context]
        assert [span.name for span in children] == ["DynamoDB.Query"] * 5
    ap.count_titles(catalog, "movie")
    assert list(spans)[-1].parent is None


def test_only_the_handle_has_spans(catalog: Catalog, engine: Engine, spans: Spans) -> None:
    """Handles on the same table are separate; stopping one does not affect the other."""
    ap.put_title(catalog, UP)
    other, second = engine.catalog(catalog.table), Spans()
    stop = trace_requests(catalog, spans.provider)
    trace_requests(other, second.provider)
    ap.count_titles(catalog, "movie")
    stop()
    ap.count_titles(catalog, "movie")
    ap.count_titles(other, "movie")
    assert (len(spans.names), len(second.names)) == (1, 1)


def test_a_trace_that_is_not_sampled_has_no_spans(catalog: Catalog) -> None:
    """The sampler decides, and receives the attributes."""
    seen: list[dict[str, Any]] = []

    class Sampler(type(ALWAYS_OFF)):  # type: ignore[misc]
        def should_sample(self, *args: Any, **kwargs: Any) -> Any:
            seen.append(dict(kwargs.get("attributes") or args[4]))
            return super().should_sample(*args, **kwargs)

    ap.put_title(catalog, UP)
    spans = Spans()
    spans.provider.sampler = Sampler(ALWAYS_OFF._decision)
    trace_requests(catalog, spans.provider)
    ap.count_titles(catalog, "movie")
    assert spans.names == []
    assert [each["catalog_model.pattern"] for each in seen] == ["count_titles"]


def test_wrong_arguments_are_refused(catalog: Catalog, spans: Spans) -> None:
    """By name and value, before anything is observed."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"catalog": "t"}, "catalog must be a Catalog, not 't'"),
        ({"tracer_provider": spans.tracer}, "tracer_provider must be a TracerProvider"),
        ({"keys": 1}, "keys must be"),
    ]
    for arguments, message in wrong:
        with pytest.raises(InvalidArgumentError, match=message):
            trace_requests(**{"catalog": catalog, **arguments})


def test_the_error_says_what_to_install(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the package works without it."""
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'catalog-model\[otel\]'"):
        trace_requests(catalog)


def test_without_an_sdk_nothing_happens(catalog: Catalog) -> None:
    """The API alone makes spans that are not recorded."""
    stop = trace_requests(catalog)
    assert ap.count_titles(catalog, "movie") == 0
    stop()


def test_the_page_explains_each_field_of_the_record() -> None:
    """Each once, in the order of the record, followed by the derived ones."""
    table = PAGE.read_text("utf-8").split("| field | meaning |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    derived = [name for name, each in vars(Request).items() if isinstance(each, property)]
    assert listed == [field.name for field in fields(Request)] + derived

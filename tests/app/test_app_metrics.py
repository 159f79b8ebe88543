"""Metrics of the extension and of the example application: requests, and those to the table."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from example_app import NOT_EVEN_A_PORT, own_handle, post, serving_of
from flask import Flask
from packages import run
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.dynamodb.guard import Guard
from catalog_model.dynamodb.trace import Request as TracedRequest
from catalog_model.dynamodb.trace import Trace
from catalog_model.errors import ConfigurationError, InvalidArgumentError
from catalog_model.flask import FlaskCatalog
from catalog_model.prometheus import measure_requests
from examples.netflix_movie_catalog.app import create_app


def families(text: str) -> set[str]:
    """Return the names of the metric families on a page."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def requests_counted(app: Flask) -> list[str]:
    """Return the lines that count requests, by label."""
    text = app.test_client().get("/metrics").text
    names = "flask_http_request_duration_seconds_count|flask_http_request_total"
    return re.findall(rf"^(?:{names}){{.*", text, re.MULTILINE)


def test_metrics_have_the_families_of_the_original(dead: Flask) -> None:
    """Existing dashboards for the original keep working."""
    client = dead.test_client()
    client.get("/status")
    assert families(client.get("/metrics").text) >= {
        "python_gc_objects_collected_total",
        "python_info",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "flask_exporter_info",
        "flask_http_request_duration_seconds",
        "flask_http_request_duration_seconds_created",
        "flask_http_request_total",
        "flask_http_request_exceptions_total",
    }
    assert client.get("/metrics?name[]=python_info").text.count("# TYPE") == 1
    openmetrics = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert openmetrics.content_type.startswith("application/openmetrics-text")


def test_metrics_count_every_application_of_a_process(dead: Flask) -> None:
    """Each has a registry: requests are counted by method, path and status, without scrapes."""
    other = create_app(serving_of(dead).catalog)
    for app in (dead, other):
        client = app.test_client()
        client.get("/status")
        client.get("/status")
        client.get("/updatePopularity")
        client.get("/metrics")
        duration, total = "flask_http_request_duration_seconds_count", "flask_http_request_total"
        assert requests_counted(app) == [
            duration + '{method="GET",path="/status",status="200"} 2.0',
            duration + '{method="GET",path="/updatePopularity",status="405"} 1.0',
            total + '{method="GET",status="200"} 2.0',
            total + '{method="GET",status="405"} 1.0',
        ]


def test_unknown_paths_and_methods_make_no_new_series(dead: Flask) -> None:
    """The number of series is constant, whatever is requested."""
    client = dead.test_client()
    for number in range(20):
        client.get(f"/nope/{number}")
        client.get(f"/static/{number}")
        client.open(f"/{number}", method=f"FOO{number}")
        client.open("/status", method=f"FOO{number}")
    counted = "\n".join(requests_counted(dead))
    assert set(re.findall('path="(.*?)"', counted)) == {"(other)", "/status"}
    assert set(re.findall('method="(.*?)"', counted)) == {"GET", "OTHER"}
    assert counted.count("\n") < 10


Labels = tuple[str, str]


def figures(app: Flask, name: str) -> dict[Labels, float]:
    """Return the samples of a metric with the labels of access pattern and operation."""
    text = app.test_client().get("/metrics").text
    return {
        (sample.labels["pattern"], sample.labels["operation"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def summed(trace: Trace, figure: Callable[[TracedRequest], float]) -> dict[Labels, float]:
    """Add up a figure of the requests by label."""
    sums: dict[Labels, float] = {}
    for request in trace:
        labels = (request.pattern or "(none)", request.operation)
        sums[labels] = sums.get(labels, 0) + figure(request)
    return sums


def test_metrics_say_what_each_access_pattern_costs(few: Catalog) -> None:
    """The figures are those of a trace of the same requests."""
    app = create_app(few)
    client = app.test_client()
    assert figures(app, "catalog_request_duration_seconds_count") == {}
    with few.trace() as trace:
        client.get("/discover?genre=99")
        client.get("/discover?type=tv&genre=18")
        client.get("/discover")
        post(app, "699280", 5.5)
        client.get("/readyz")
    expected: dict[str, Callable[[TracedRequest], float]] = {
        "catalog_request_duration_seconds_count": lambda _: 1,
        "catalog_request_duration_seconds_sum": lambda request: request.milliseconds / 1000,
        "catalog_capacity_units_total": lambda request: request.total_units,
        "catalog_items_read_total": lambda request: request.items_read,
        "catalog_request_errors_total": lambda _: 0,
    }
    for name, figure in expected.items():
        assert figures(app, name) == pytest.approx(summed(trace, figure)), name
    assert figures(app, "catalog_request_duration_seconds_count") == {
        ("list_titles_in_genre", "Query"): 2,
        ("sample_titles", "Query"): 1,
        ("sample_titles", "BatchGetItem"): 1,
        ("update_popularity", "GetItem"): 1,
        ("update_popularity", "TransactWriteItems"): 1,
        ("(none)", "DescribeTable"): 1,
    }


def test_requests_that_fail_are_counted_and_timed(dead: Flask) -> None:
    """They cost users time, but no units."""
    dead.test_client().get("/discover?genre=28")
    asked = ("list_titles_in_genre", "Query")
    assert figures(dead, "catalog_request_errors_total") == {asked: 1}
    assert figures(dead, "catalog_request_duration_seconds_count") == {asked: 1}
    assert figures(dead, "catalog_capacity_units_total") == {asked: 0}


def test_what_a_client_sends_makes_no_new_series_of_the_table(few: Catalog) -> None:
    """The only labels are access patterns and operations."""
    app = create_app(few)
    client = app.test_client()
    client.get("/discover?genre=99")
    before = figures(app, "catalog_request_duration_seconds_count")
    for number in range(1, 20):
        client.get(f"/discover?genre={number}&type=x{number}", headers={"X-Number": str(number)})
    after = figures(app, "catalog_request_duration_seconds_count")
    assert before.keys() == after.keys()
    assert sum(after.values()) == 20


def test_the_metrics_of_several_processes_add_up(tmp_path: Path) -> None:
    """With ``PROMETHEUS_MULTIPROC_DIR``, every process returns the figures of all."""
    code = (
        "from catalog_model import Catalog\n"
        "from examples.netflix_movie_catalog.app import create_app\n"
        f"catalog = Catalog('t', region='us-east-1', endpoint_url={NOT_EVEN_A_PORT!r})\n"
        "client = create_app(catalog).test_client()\n"
        "assert client.get('/discover?genre=28').status_code == 503\n"
        "print(client.get('/metrics').text)"
    )
    shared = str(tmp_path)
    first, second = (
        run(sys.executable, "-c", code, PROMETHEUS_MULTIPROC_DIR=shared) for _ in range(2)
    )
    line = (
        'catalog_request_duration_seconds_count{operation="Query",pattern="list_titles_in_genre"}'
    )
    assert f"{line} 1.0\n" in first
    assert f"{line} 2.0\n" in second
    assert re.search("^catalog_request_errors_total{.*} 2.0$", second, re.MULTILINE)
    assert re.search("^flask_http_request_total{.*} 2.0$", second, re.MULTILINE)


def counted(registry: CollectorRegistry, pattern: str, operation: str) -> float | None:
    """Return the number of timed requests."""
    name = "catalog_request_duration_seconds_count"
    return registry.get_sample_value(name, {"pattern": pattern, "operation": operation})


def test_requests_to_the_table_are_counted_where_the_application_wants_it(catalog: Catalog) -> None:
    """By access pattern and operation; an application without a registry counts nothing."""
    registry = CollectorRegistry()
    own = own_handle(catalog)
    FlaskCatalog(Flask("test"), catalog=own, registry=registry)
    FlaskCatalog(Flask("other"), catalog=catalog)
    for handle in (own, own, catalog):
        ap.count_titles(handle, "movie")
    assert counted(registry, "count_titles", "Query") == 2


def test_measuring_ends_when_it_is_stopped(catalog: Catalog) -> None:
    """The counters keep their values."""
    registry = CollectorRegistry()
    stop = measure_requests(catalog, registry)
    ap.count_titles(catalog, "movie")
    stop()
    ap.count_titles(catalog, "movie")
    assert counted(registry, "count_titles", "Query") == 1


def test_one_registry_takes_one_handle(catalog: Catalog) -> None:
    """Two would be indistinguishable; the second is refused, and nothing is counted twice."""
    registry = CollectorRegistry()
    measure_requests(catalog, registry)
    with pytest.raises(InvalidArgumentError, match=r"registry must be .*Duplicated"):
        measure_requests(own_handle(catalog), registry)


def test_a_second_application_on_a_registry_is_refused_as_a_whole(catalog: Catalog) -> None:
    """Whichever of the metrics already exists."""
    registry, own, other = CollectorRegistry(), own_handle(catalog), Flask("other")
    Gauge("catalog_breaker_open", "Of something else", registry=registry)
    before = list(registry.collect())
    with pytest.raises(InvalidArgumentError, match=r"registry must be .*catalog_breaker_open"):
        FlaskCatalog(other, catalog=own, registry=registry)
    assert list(registry.collect()) == before
    assert not other.extensions
    assert not isinstance(own._observers.guard, Guard)
    FlaskCatalog(other, catalog=own, registry=CollectorRegistry())
    assert "catalog_model" in other.extensions


def test_measuring_needs_its_library(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ConfigurationError, match="pip install prometheus-client"):
        measure_requests(catalog)

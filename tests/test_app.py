"""The example application: every observed answer of the original, every deliberate difference."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from engines import Engine
from flask import Flask
from flask.testing import FlaskClient
from original_answers import (
    DIFFERENCES,
    DISCOVER,
    FIRST_PAGES,
    METHODS_AND_PATHS,
    UPDATES,
    Answer,
    AnyOf,
    First,
    Row,
)
from prometheus_client.parser import text_string_to_metric_families
from request_log import logged_requests
from werkzeug.serving import make_server

from catalog_model import Catalog, Movie, TVShow, operations
from catalog_model import access_patterns as ap
from catalog_model.errors import ThrottledError, UnknownEntityError
from catalog_model.flask import Serving
from catalog_model.trace import Request as TracedRequest
from catalog_model.trace import Trace
from examples.netflix_movie_catalog import app as application
from examples.netflix_movie_catalog.app import create_app

Records = Mapping[str, Mapping[str, Mapping[str, Any]]]

README = Path(application.__file__).with_name("README.md")
START = 325.323
NOT_EVEN_A_PORT = "http://127.0.0.1:1"


def movie(title_id: int, title: str, genre_ids: list[int], popularity: float) -> Movie:
    """Give a small movie for the rows that update one."""
    return Movie(
        adult=False,
        genre_ids=genre_ids,
        id=title_id,
        overview="",
        popularity=popularity,
        release_date="2020-05-06",
        title=title,
        vote_average=7.4,
        vote_count=148,
    )


def show(title_id: int, name: str, genre_ids: list[int], popularity: float) -> TVShow:
    """Give a small show whose id is a movie's, or nobody's."""
    return TVShow(
        genre_ids=genre_ids,
        id=title_id,
        overview="",
        popularity=popularity,
        first_air_date="1998-06-06",
        name=name,
        vote_average=7.4,
        vote_count=1955,
    )


BECOMING = movie(699280, "Becoming", [99], START)
FEW_TITLES = (
    BECOMING,
    movie(105, "Back to the Future", [12, 35, 878], 103.433),
    show(105, "Sex and the City", [35, 18], 793.311),
    show(1433, "American Dad!", [16, 35], 5399.802),
)


# -- What is compared -----------------------------------------------------------------------------


def compact(records: list[Any]) -> bytes:
    """Write records as the original writes them."""
    return json.dumps(records, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def first_of(records: Records, kind: str, genre_id: int) -> list[Any]:
    """Apply the original's rule: the first 20 in the file's order that have the genre."""
    return [record for record in records[kind].values() if genre_id in record["genre_ids"]][:20]


class Received(NamedTuple):
    """What came back, whichever way the request went."""

    status: int
    content_type: str | None
    allow: frozenset[str]
    length: int | None
    body: bytes


def over_test_client(app: Flask, row: Row) -> Received:
    """Send a row's request through Flask's test client."""
    response = app.test_client().open(
        row.target, method=row.method, headers=list(row.headers), data=row.body or None
    )
    return received(response.status_code, response.headers, response.data)


def over_socket(app: Flask, row: Row) -> Received:
    """Send a row's bytes to a server on the loopback interface."""
    with serving(app) as port, socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(row.wire)
        response = http.client.HTTPResponse(connection, method=row.method)
        response.begin()
        return received(response.status, response.headers, response.read())


def received(status: int, headers: Any, body: bytes) -> Received:
    """Gather what is compared of an answer."""
    allow = frozenset(name.strip() for name in headers.get("Allow", "").split(",") if name)
    length = headers.get("Content-Length")
    return Received(
        status, headers.get("Content-Type"), allow, int(length) if length else None, body
    )


@contextmanager
def serving(app: Flask) -> Iterator[int]:
    """Serve *app* with Werkzeug's server, as ``flask run`` does, on a free port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(app: Flask, row: Row) -> Received:
    """Send a row's request, over a socket where nothing else can."""
    return over_socket(app, row) if row.wire else over_test_client(app, row)


def assert_is(got: Received, expected: Answer, records: Records, *, method: str = "GET") -> None:
    """Compare an answer byte for byte, or a random one as far as it is fixed."""
    assert (got.status, got.content_type) == (expected.status, expected.content_type)
    assert not expected.allow or got.allow == expected.allow
    body = expected.body
    if isinstance(body, First):
        body = compact(first_of(records, body.kind, body.genre_id))
    if method == "HEAD":
        assert got.body == b""
        assert got.length == len(body) if isinstance(body, bytes) else got.length
    elif isinstance(body, AnyOf):
        assert_sample(got.body, records[body.kind])
    else:
        assert body is None or got.body == body


def assert_sample(body: bytes, known: Mapping[str, Any]) -> None:
    """Accept 20 records of one kind, each once and each as it is in the file."""
    answered = json.loads(body)
    assert body == compact(answered)
    assert len({record["id"] for record in answered}) == len(answered) == 20
    assert all(record == known[str(record["id"])] for record in answered)


def by_label(row: Row) -> str:
    """Name a row in the report."""
    return row.label


# -- The original's rows --------------------------------------------------------------------------


@pytest.fixture
def app(full_catalog: Catalog) -> Flask:
    """The application on the whole catalogue, which no test changes."""
    return create_app(own_handle(full_catalog))


def serving_of(app: Flask) -> Serving:
    """What the extension keeps for an application."""
    serving: Serving = app.extensions["catalog_model"]
    return serving


def own_handle(catalog: Catalog) -> Catalog:
    """Another handle on the same table: what observes it ends with the test."""
    return Catalog(catalog.table, client=catalog.client)


@pytest.fixture(scope="module")
def table_for_few(engine: Engine) -> Iterator[Catalog]:
    """A table that the tests of this module use in turn."""
    catalog = engine.catalog()
    operations.create_table(catalog)
    yield catalog
    operations.delete_table(catalog)


@pytest.fixture
def few(table_for_few: Catalog) -> Catalog:
    """The few titles that the rows about updates need, as if nothing had been updated."""
    for title in FEW_TITLES:
        ap.put_title(table_for_few, title)
    return own_handle(table_for_few)


@pytest.mark.parametrize("row", DISCOVER, ids=by_label)
def test_discover_answers_as_the_original(app: Flask, records: Records, row: Row) -> None:
    """Byte for byte; only a genre that is no whole number is told so, instead of a 500."""
    assert_is(send(app, row), row.expected, records)


@pytest.mark.parametrize("row", METHODS_AND_PATHS, ids=by_label)
def test_methods_and_paths_answer_as_the_original(app: Flask, records: Records, row: Row) -> None:
    """Every method on every path, and paths that look like one."""
    assert_is(send(app, row), row.expected, records, method=row.method)


@pytest.mark.parametrize("row", UPDATES, ids=by_label)
def test_updates_answer_as_the_original(few: Catalog, records: Records, row: Row) -> None:
    """The answer is the original's or the better one; the popularity changes only with a 200."""
    app = create_app(few)
    assert_is(send(app, row), row.expected, records)
    listed = app.test_client().get("/discover?genre=99").get_json()
    assert [record["popularity"] for record in listed] == [
        START if row.stored is None else row.stored
    ]


def test_every_type_and_genre_has_the_bytes_of_the_original(app: Flask, records: Records) -> None:
    """The rule: the first 20 in the file's order, as sorted compact JSON."""
    client = app.test_client()
    genres = {
        genre_id
        for kind in ("movie", "tv")
        for record in records[kind].values()
        for genre_id in record["genre_ids"]
    }
    wrong = [
        (kind, genre_id)
        for kind in ("movie", "tv")
        for genre_id in sorted(genres)
        if client.get(f"/discover?type={kind}&genre={genre_id}").data
        != compact(first_of(records, kind, genre_id))
    ]
    assert len(genres) > 20
    assert wrong == []


@pytest.mark.skipif(not os.environ.get("CATALOG_DATA"), reason="figures of the real catalogue")
@pytest.mark.parametrize(("kind", "genre_id"), FIRST_PAGES, ids=str)
def test_the_real_pages_have_the_observed_digest(app: Flask, kind: str, genre_id: int) -> None:
    """Not only our reading of the rule: the digest of what the original sent."""
    body = app.test_client().get(f"/discover?type={kind}&genre={genre_id}").data
    digest, size, count = FIRST_PAGES[kind, genre_id]
    assert (len(body), len(json.loads(body))) == (size, count)
    assert hashlib.sha256(body).hexdigest().startswith(digest)


# -- GET /discover --------------------------------------------------------------------------------


def test_a_number_that_can_be_no_genre_is_not_asked_for(app: Flask, full_catalog: Catalog) -> None:
    """0, negative numbers and those beyond any id answer an empty array without a request."""
    for genre in ("0", "-0", "-28", "9" * 39, "9" * 4300, "-" + "9" * 4300):
        with logged_requests(full_catalog) as sent:
            response = app.test_client().get("/discover", query_string={"genre": genre})
        assert (response.status_code, response.data, sent) == (200, b"[]\n", [])


def test_a_refused_genre_is_quoted_safely(app: Flask) -> None:
    """The value is named, but never as markup, and never at length."""
    for value in ("<script>alert(1)</script>", "a&b", "x" * 100_000, '"', "\r\nA:b", "\u2028" * 99):
        response = app.test_client().get("/discover", query_string={"genre": value})
        assert (response.status_code, response.content_type) == (400, "application/json")
        assert len(response.data) < 400
        assert not set(b"<>&") & set(response.data)
        assert repr(value[:40]) in response.get_json()["error"]


@pytest.mark.parametrize("kind", ["movie", "tv"])
def test_without_a_genre_every_answer_is_another_sample(
    app: Flask, records: Records, kind: str
) -> None:
    """20 different titles of the type each time, and soon most of the catalogue was seen."""
    client = app.test_client()
    seen: set[int] = set()
    for _ in range(60):
        body = client.get(f"/discover?type={kind}").data
        assert_sample(body, records[kind])
        seen.update(record["id"] for record in json.loads(body))
    assert len(seen) > len(records[kind]) / 2


def test_fewer_titles_than_a_page_are_all_answered(few: Catalog) -> None:
    """Where the original needs 20 and fails with 500, all there are come back."""
    client = create_app(few).test_client()
    for kind, ids in (("movie", {105, 699280}), ("tv", {105, 1433})):
        answered = client.get(f"/discover?type={kind}").get_json()
        assert {record["id"] for record in answered} == ids
        assert len(answered) == len(ids)


def test_an_empty_table_answers_an_empty_array(catalog: Catalog) -> None:
    """Nothing is no error."""
    client = create_app(catalog).test_client()
    assert client.get("/discover").data == b"[]\n"
    assert client.get("/discover?genre=28").data == b"[]\n"


def test_debug_mode_changes_no_byte(app: Flask, records: Records) -> None:
    """Flask writes indented JSON while debugging; this application does not."""
    app.debug = True
    assert app.test_client().get("/discover?genre=28").data == compact(
        first_of(records, "movie", 28)
    )


def test_concurrent_requests_get_the_same_answer(app: Flask, records: Records) -> None:
    """One handle serves all threads."""
    expected = compact(first_of(records, "movie", 28))
    with ThreadPoolExecutor(16) as pool:
        bodies = pool.map(lambda _: app.test_client().get("/discover?genre=28").data, range(24))
        assert set(bodies) == {expected}


# -- POST /updatePopularity -----------------------------------------------------------------------


def post(app: Flask, movie_id: object, popularity: object) -> Any:
    """Send an update."""
    body = {"movieId": movie_id, "popularity": popularity}
    return app.test_client().post("/updatePopularity", json=body)


def listed(app: Flask, genre_id: int, kind: str = "movie") -> list[tuple[int, float]]:
    """Read the ids and popularities of a genre, in their order."""
    found = app.test_client().get(f"/discover?type={kind}&genre={genre_id}").get_json()
    return [(record["id"], record["popularity"]) for record in found]


def test_an_update_moves_the_movie_in_the_order_of_its_genres(catalog: Catalog) -> None:
    """Most popular first, at once; on equal popularity the higher id comes first."""
    for title_id, popularity in ((1, 30.0), (2, 20.0), (3, 10.0)):
        ap.put_title(catalog, movie(title_id, "A film", [28, 35], popularity))
    app = create_app(catalog)
    assert post(app, "3", 25).status_code == 200
    assert listed(app, 28) == [(1, 30.0), (3, 25.0), (2, 20.0)] == listed(app, 35)
    assert post(app, "2", 30).status_code == 200
    assert listed(app, 28) == [(2, 30.0), (1, 30.0), (3, 25.0)] == listed(app, 35)
    assert post(app, "1", -1).status_code == 200
    assert listed(app, 28) == [(2, 30.0), (3, 25.0), (1, -1.0)] == listed(app, 35)


def test_an_update_lasts_and_every_process_sees_it(few: Catalog) -> None:
    """Two applications on one table, and a third that starts afterwards, answer the same."""
    one, other = create_app(few), create_app(few)
    assert post(one, "699280", 5.5).status_code == 200
    assert listed(other, 99) == [(699280, 5.5)]
    assert post(other, "699280", 6.5).status_code == 200
    assert listed(one, 99) == listed(create_app(few), 99) == [(699280, 6.5)]


def test_an_id_of_both_kinds_means_the_movie(few: Catalog) -> None:
    """The show that has the same id keeps its popularity."""
    app = create_app(few)
    assert post(app, "105", 6.5).get_json()["new_popularity"] == 6.5
    assert listed(app, 878) == [(105, 6.5)]
    assert listed(app, 18, "tv") == [(105, 793.311)]


def test_minus_zero_is_stored_as_zero(few: Catalog) -> None:
    """DynamoDB knows one zero; the answer shows what is stored."""
    app = create_app(few)
    assert b'"new_popularity":0.0}' in post(app, "699280", -0.0).data
    assert b'"popularity":0.0,' in app.test_client().get("/discover?genre=99").data


@pytest.mark.parametrize("popularity", [6.5, "abc", None, True, float("nan"), 1e130, [], {}])
def test_an_unknown_movie_is_reported_before_a_bad_popularity(
    few: Catalog, popularity: object
) -> None:
    """The order of the original's checks, for one request at the most."""
    app = create_app(few)
    nobody: list[object] = ["1", "x", "9" * 38, "9" * 39, "9" * 5000, "0", "-5", "1433", 5, []]
    for movie_id in nobody:
        with logged_requests(few) as sent:
            response = post(app, movie_id, popularity)
        assert response.status_code == 400
        assert response.get_json() == {"error": "Movie Id value not provided or not found"}
        assert len(sent) <= 1


@pytest.mark.parametrize(
    ("popularity", "most"), [(6.5, 2), ("abc", 1), (None, 1), (1e130, 1), (float("inf"), 1)]
)
def test_an_update_needs_few_requests(few: Catalog, popularity: object, most: int) -> None:
    """One read and one transaction; a bad popularity costs the look for the movie."""
    app = create_app(few)
    with logged_requests(few) as sent:
        post(app, "699280", popularity)
    assert 1 <= len(sent) <= most


def test_concurrent_updates_all_count_or_say_so(few: Catalog) -> None:
    """Each answer is 200, or 503 when others won every time; the last one stands everywhere."""
    app = create_app(few)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: post(app, "699280", n).status_code, range(12)))
    assert set(answers) <= {200, 503}
    assert 200 in answers
    stored = ap.get_title(few, "movie", 699280, consistent=True).popularity
    assert listed(app, 99) == [(699280, stored)]


# -- When the database is not there ---------------------------------------------------------------

ASKING: Mapping[str, Callable[[FlaskClient], Any]] = {
    "any movies": lambda client: client.get("/discover"),
    "any shows": lambda client: client.get("/discover?type=tv"),
    "a genre": lambda client: client.get("/discover?genre=28"),
    "an update": lambda client: post(client.application, "1", 5),
    "a bad update": lambda client: post(client.application, "1", "x"),
}


@pytest.fixture
def dead() -> Flask:
    """The application before an endpoint where nobody listens."""
    return create_app(Catalog("t", region="us-east-1", endpoint_url=NOT_EVEN_A_PORT))


def assert_unavailable(response: Any) -> None:
    """Accept a 503 that says when to come back, and nothing about the inside."""
    assert (response.status_code, response.content_type) == (503, "application/json")
    assert int(response.headers["Retry-After"]) > 0
    assert set(response.get_json()) <= {"error", "status", "reason"}
    assert not re.search(r"Traceback|File \"|127\.0\.0\.1|[Bb]oto|arn:", response.text)


@pytest.mark.parametrize("what", ASKING)
def test_a_database_that_does_not_answer_is_a_503(dead: Flask, what: str) -> None:
    """As JSON, with a time to come back, soon, and without a stack trace."""
    started = time.monotonic()
    assert_unavailable(ASKING[what](dead.test_client()))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("what", ASKING)
def test_a_missing_table_is_a_503(engine: Engine, what: str) -> None:
    """The table can still come: whoever asks may ask again."""
    assert_unavailable(ASKING[what](create_app(engine.catalog("not-there")).test_client()))


def test_pages_that_need_no_table_answer_without_one(dead: Flask) -> None:
    """The process is alive, and says so; the database has no part in it."""
    client = dead.test_client()
    assert client.get("/status").data == b"OK"
    assert client.get("/").status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.get("/discover?genre=abc").status_code == 400
    assert client.get("/discover?genre=0").data == b"[]\n"
    assert client.post("/updatePopularity", data="{").status_code == 415


@pytest.mark.parametrize(
    ("error", "status"), [(ThrottledError("slow down"), 503), (UnknownEntityError("<what>"), 500)]
)
def test_other_errors_of_the_catalogue_are_json_too(
    app: Flask, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """What may pass is a 503 with a time to come back, what will not is a 500."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(ap, "sample_titles", fail)
    response = app.test_client().get("/discover")
    assert (response.status_code, response.content_type) == (status, "application/json")
    assert ("Retry-After" in response.headers) == (status == 503)
    assert str(error) not in response.text


# -- Readiness ------------------------------------------------------------------------------------


def test_readiness_is_200_while_the_table_can_be_used(few: Catalog) -> None:
    """And it asks the service once for many probes."""
    client = create_app(few).test_client()
    with logged_requests(few) as sent:
        responses = [client.get("/readyz") for _ in range(5)]
    assert {(r.status_code, r.data) for r in responses} == {(200, b'{"status":"ready"}\n')}
    assert len(sent) <= 2


def test_readiness_gives_the_reason_and_recovers(
    catalog: Catalog,
) -> None:
    """A table that is gone is not ready; once it is back, so is the application."""
    app = create_app(catalog)
    serving_of(app).ready_seconds = -1.0
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    operations.delete_table(catalog)
    gone = client.get("/readyz")
    assert_unavailable(gone)
    assert gone.get_json() == {"status": "unavailable", "reason": "the table does not exist"}
    operations.create_table(catalog)
    assert client.get("/readyz").status_code == 200


def test_a_table_of_another_kind_is_not_ready(catalog: Catalog) -> None:
    """A table of that name that is not this model's is told apart."""
    operations.delete_table(catalog)
    catalog.client.create_table(
        TableName=catalog.table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    response = create_app(catalog).test_client().get("/readyz")
    assert_unavailable(response)
    assert response.get_json()["reason"] == "the table is not one of this model"


def test_a_table_that_is_being_changed_is_ready_and_one_that_is_being_made_is_not(
    few: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table answers while it is updated; while it, or an index, is created it does not."""
    found = operations.table_status(few)
    index = {**found.indexes, "by_popularity": "CREATING"}
    for status, indexes, expected in (
        ("UPDATING", found.indexes, 200),
        ("CREATING", found.indexes, 503),
        ("UPDATING", index, 503),
    ):
        shown = dataclasses.replace(found, status=status, indexes=indexes)
        monkeypatch.setattr(operations, "table_status", lambda _, shown=shown: shown)
        response = create_app(few).test_client().get("/readyz")
        assert response.status_code == expected
        assert expected == 200 or response.get_json()["reason"] == "the table is CREATING"


def test_readiness_says_when_the_database_does_not_answer(dead: Flask) -> None:
    """The reason is the class of the error; the rest is for the log."""
    response = dead.test_client().get("/readyz")
    assert_unavailable(response)
    assert "cannot be asked" in response.get_json()["reason"]


# -- Metrics --------------------------------------------------------------------------------------


def families(text: str) -> set[str]:
    """Read the names of the families in a page of metrics."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def requests_counted(app: Flask) -> list[str]:
    """Read the lines that count requests by label."""
    text = app.test_client().get("/metrics").text
    names = "flask_http_request_duration_seconds_count|flask_http_request_total"
    return re.findall(rf"^(?:{names}){{.*", text, re.MULTILINE)


def test_metrics_have_the_families_of_the_original(dead: Flask) -> None:
    """Dashboards that were made for the original still find what they show."""
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
    """A registry for each: requests are counted by method, path and status, scrapes are not."""
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
    """However many are tried, the number of series stays."""
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
    """Read the samples of a name that are labelled by access pattern and operation."""
    text = app.test_client().get("/metrics").text
    return {
        (sample.labels["pattern"], sample.labels["operation"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def summed(trace: Trace, figure: Callable[[TracedRequest], float]) -> dict[Labels, float]:
    """Add up a figure of the requests by what labels them."""
    sums: dict[Labels, float] = {}
    for request in trace:
        labels = (request.pattern or "(none)", request.operation)
        sums[labels] = sums.get(labels, 0) + figure(request)
    return sums


def test_metrics_say_what_each_access_pattern_costs(few: Catalog) -> None:
    """The same figures as a trace of the same requests."""
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
        ("sample_titles", "BatchGetItem"): sum(r.pattern == "sample_titles" for r in trace),
        ("update_popularity", "GetItem"): 1,
        ("update_popularity", "TransactWriteItems"): 1,
        ("(none)", "DescribeTable"): 1,
    }


def test_requests_that_fail_are_counted_and_timed(dead: Flask) -> None:
    """They cost a user time, and nobody units."""
    dead.test_client().get("/discover?genre=28")
    asked = ("list_titles_in_genre", "Query")
    assert figures(dead, "catalog_request_errors_total") == {asked: 1}
    assert figures(dead, "catalog_request_duration_seconds_count") == {asked: 1}
    assert figures(dead, "catalog_capacity_units_total") == {asked: 0}


def test_what_a_client_sends_makes_no_new_series_of_the_table(few: Catalog) -> None:
    """The labels are access patterns and operations, and nothing else."""
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
    """Where ``PROMETHEUS_MULTIPROC_DIR`` says so, whichever process answers tells of them all."""
    code = (
        "from catalog_model import Catalog\n"
        "from examples.netflix_movie_catalog.app import create_app\n"
        f"catalog = Catalog('t', region='us-east-1', endpoint_url={NOT_EVEN_A_PORT!r})\n"
        "client = create_app(catalog).test_client()\n"
        "assert client.get('/discover?genre=28').status_code == 503\n"
        "print(client.get('/metrics').text)"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=README.parents[2],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    )
    line = (
        'catalog_request_duration_seconds_count{operation="Query",pattern="list_titles_in_genre"}'
    )
    assert f"{line} 1.0\n" in first
    assert f"{line} 2.0\n" in second
    assert re.search("^catalog_request_errors_total{.*} 2.0$", second, re.MULTILINE)
    assert re.search("^flask_http_request_total{.*} 2.0$", second, re.MULTILINE)


# -- The application as a piece of code -----------------------------------------------------------


def test_the_application_takes_its_table_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``CATALOG_TABLE`` names the table; nothing is opened before the first request."""
    monkeypatch.setenv("CATALOG_TABLE", "another-table")
    assert serving_of(create_app()).catalog.table == "another-table"
    monkeypatch.delenv("CATALOG_TABLE")
    assert serving_of(create_app()).catalog.table == "netflix-movie-catalog"


def test_the_application_knows_of_the_table_through_the_package_alone() -> None:
    """No client, no key, no index in it: only `catalog_model`, Flask and the exporter."""
    tree = ast.parse(Path(application.__file__).read_text(encoding="utf-8"))
    names = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(name.name for name in node.names)
    outside = {name.split(".")[0] for name in names}
    assert not outside & {"boto3", "botocore", "pynamodb"}
    assert {name for name in names if name.startswith("catalog_model")} == {
        "catalog_model",
        "catalog_model.errors",
        "catalog_model.flask",
    }


def test_the_readme_lists_every_deliberate_difference() -> None:
    """One row of its table each, in the words that the rows here use, and no row more."""
    text = README.read_text(encoding="utf-8").split("## Where it differs")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if " | " in line]
    assert rows[1:] == list(DIFFERENCES.values())


def test_every_difference_of_a_row_is_one_of_the_list() -> None:
    """A row has another answer than the original's exactly when it says why."""
    for row in DISCOVER + METHODS_AND_PATHS + UPDATES:
        assert bool(row.difference) == (row.now is not None)
        assert not row.difference or row.difference in DIFFERENCES

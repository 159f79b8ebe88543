"""The example application: the observed answers of the original, and the differences.

Most tests use Flask's test client. The rows of observed answers are sent to the application as in
production: gunicorn with waitress, which must not change any byte of them.
"""

import ast
import hashlib
import http.client
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from app_answers import Received, assert_is, assert_sample, by_label, compact, first_of, received
from engines import has_dynoxide
from example_app import BECOMING, START, movie, own_handle, post, serving_of
from flask import Flask
from generated import Records
from loads import HOST, Served, served
from memory_engine import fill
from original_answers import DIFFERENCES, DISCOVER, FIRST_PAGES, METHODS_AND_PATHS, UPDATES, Row
from request_log import logged_requests

from catalog_model import Catalog, Movie, TVShow
from catalog_model import access_patterns as ap
from catalog_model.local import start_engine
from catalog_model.operations import create_table
from examples.netflix_movie_catalog import app as application
from examples.netflix_movie_catalog.app import create_app

pytestmark = pytest.mark.in_memory
README = Path(application.__file__).with_name("README.md")


@pytest.fixture
def app(full_catalog: Catalog) -> Flask:
    """The application on the whole catalogue, which tests do not change."""
    return create_app(own_handle(full_catalog))


def test_every_type_and_genre_has_the_bytes_of_the_original(app: Flask, records: Records) -> None:
    """The rule: the first 20 in file order, as sorted compact JSON."""
    client = app.test_client()
    each = [record for of_kind in records.values() for record in of_kind.values()]
    genres = {genre_id for record in each for genre_id in record["genre_ids"]}
    assert len(genres) > 20
    for kind, genre_id in product(records, genres):
        answer = client.get(f"/discover?type={kind}&genre={genre_id}")
        assert answer.data == compact(first_of(records, kind, genre_id)), (kind, genre_id)


@pytest.mark.skipif(not os.environ.get("CATALOG_DATA"), reason="figures of the real catalogue")
@pytest.mark.parametrize(("kind", "genre_id"), FIRST_PAGES, ids=str)
def test_the_real_pages_have_the_observed_digest(app: Flask, kind: str, genre_id: int) -> None:
    """Compares with the digest of the original's answers, independently of the rule."""
    body = app.test_client().get(f"/discover?type={kind}&genre={genre_id}").data
    digest, size, count = FIRST_PAGES[kind, genre_id]
    assert (len(body), len(json.loads(body))) == (size, count)
    assert hashlib.sha256(body).hexdigest().startswith(digest)


def test_a_number_that_can_be_no_genre_is_not_asked_for(app: Flask, full_catalog: Catalog) -> None:
    """0, negative numbers and those beyond any id answer an empty array without a request."""
    for genre in ("0", "-0", "-28", "9" * 39, "9" * 4300, "-" + "9" * 4300):
        with logged_requests(full_catalog) as sent:
            response = app.test_client().get("/discover", query_string={"genre": genre})
        assert (response.status_code, response.data, sent) == (200, b"[]\n", [])


def test_a_refused_genre_is_quoted_safely(app: Flask) -> None:
    """The value is shown, but never as markup, and is truncated."""
    for value in ("<script>alert(1)</script>", "a&b", "x" * 100_000, '"', "\r\nA:b", "\u2028" * 99):
        response = app.test_client().get("/discover", query_string={"genre": value})
        assert (response.status_code, response.content_type) == (400, "application/json")
        assert len(response.data) < 400
        assert not set(b"<>&") & set(response.data)
        assert repr(value[:40]) in response.get_json()["error"]


@pytest.mark.parametrize("kind", ["movie", "tv"])
def test_without_a_genre_each_answer_is_a_sample(app: Flask, records: Records, kind: str) -> None:
    """Each answer has 20 different titles of the type; together they soon cover the catalogue."""
    client = app.test_client()
    seen: set[int] = set()
    for _ in range(60):
        body = client.get(f"/discover?type={kind}").data
        assert_sample(body, records[kind])
        seen.update(record["id"] for record in json.loads(body))
    assert len(seen) > len(records[kind]) / 2


def test_fewer_titles_than_a_page_are_all_answered(few: Catalog) -> None:
    """The original needs 20 and otherwise fails with 500; this application returns all of them."""
    client = create_app(few).test_client()
    for kind, ids in (("movie", {105, 699280}), ("tv", {105, 1433})):
        answered = client.get(f"/discover?type={kind}").get_json()
        assert {record["id"] for record in answered} == ids
        assert len(answered) == len(ids)


def test_an_empty_table_answers_an_empty_array(catalog: Catalog) -> None:
    """An empty result is not an error."""
    client = create_app(catalog).test_client()
    assert client.get("/discover").data == b"[]\n"
    assert client.get("/discover?genre=28").data == b"[]\n"


def test_debug_mode_changes_no_byte(app: Flask, records: Records) -> None:
    """Flask indents JSON in debug mode; this application does not."""
    app.debug = True
    found = app.test_client().get("/discover?genre=28").data
    assert found == compact(first_of(records, "movie", 28))


def test_concurrent_requests_get_the_same_answer(app: Flask, records: Records) -> None:
    """One handle serves all threads."""
    expected = compact(first_of(records, "movie", 28))
    with ThreadPoolExecutor(16) as pool:
        bodies = pool.map(lambda _: app.test_client().get("/discover?genre=28").data, range(24))
        assert set(bodies) == {expected}


def listed(app: Flask, genre_id: int, kind: str = "movie") -> list[tuple[int, float]]:
    """Return the ids and popularities of a genre, in order."""
    found = app.test_client().get(f"/discover?type={kind}&genre={genre_id}").get_json()
    return [(record["id"], record["popularity"]) for record in found]


def test_an_update_moves_the_movie_in_the_order_of_its_genres(catalog: Catalog) -> None:
    """Immediately, most popular first; on equal popularity the higher id comes first."""
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
    """Two applications on one table, and a third one started later, return the same."""
    one, other = create_app(few), create_app(few)
    assert post(one, "699280", 5.5).status_code == 200
    assert listed(other, 99) == [(699280, 5.5)]
    assert post(other, "699280", 6.5).status_code == 200
    assert listed(one, 99) == listed(create_app(few), 99) == [(699280, 6.5)]


def test_an_id_of_both_kinds_means_the_movie(few: Catalog) -> None:
    """The show with the same id keeps its popularity."""
    app = create_app(few)
    assert post(app, "105", 6.5).get_json()["new_popularity"] == 6.5
    assert listed(app, 878) == [(105, 6.5)]
    assert listed(app, 18, "tv") == [(105, 793.311)]


def test_minus_zero_is_stored_as_zero(few: Catalog) -> None:
    """DynamoDB has only one zero; the answer shows what is stored."""
    app = create_app(few)
    assert b'"new_popularity":0.0}' in post(app, "699280", -0.0).data
    assert b'"popularity":0.0,' in app.test_client().get("/discover?genre=99").data


@pytest.mark.parametrize("popularity", [6.5, "abc", None, True, float("nan"), 1e130, [], {}])
def test_an_unknown_movie_comes_before_a_bad_popularity(few: Catalog, popularity: object) -> None:
    """The checks are in the original's order, and cost at most one request."""
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
    """One read and one transaction; an invalid popularity costs only the read."""
    app = create_app(few)
    with logged_requests(few) as sent:
        post(app, "699280", popularity)
    assert 1 <= len(sent) <= most


def test_concurrent_updates_all_count_or_say_so(few: Catalog) -> None:
    """Each answer is 200, or 503 if other writers won every time; the last value is stored."""
    app = create_app(few)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda n: post(app, "699280", n).status_code, range(12)))
    assert set(answers) <= {200, 503}
    assert 200 in answers
    stored = ap.get_title(few, "movie", 699280, consistent=True).popularity
    assert listed(app, 99) == [(699280, stored)]


def test_the_table_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """``CATALOG_TABLE`` names the table; no connection is opened before the first request."""
    monkeypatch.setenv("CATALOG_TABLE", "another-table")
    assert serving_of(create_app()).catalog.table == "another-table"
    monkeypatch.delenv("CATALOG_TABLE")
    assert serving_of(create_app()).catalog.table == "netflix-movie-catalog"


def test_the_application_knows_of_the_table_through_the_package_alone() -> None:
    """It has no client, key or index, and imports only `catalog_model`, Flask and the exporter."""
    tree = ast.parse(Path(application.__file__).read_text(encoding="utf-8"))
    names = {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = [each.names for each in ast.walk(tree) if isinstance(each, ast.Import)]
    names |= {name.name for each in plain for name in each}
    assert not {name.split(".")[0] for name in names} & {"boto3", "botocore", "pynamodb"}
    own = {name.partition(".")[2] for name in names if name.startswith("catalog_model")}
    assert own == {"", "errors", "flask", "checks.nesting"}


def test_the_readme_lists_every_deliberate_difference() -> None:
    """One row of its table for each, with the same text, and no others."""
    text = README.read_text(encoding="utf-8").split("## Where it differs")[1].split("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if " | " in line]
    assert rows[1:] == list(DIFFERENCES.values())


def test_every_difference_of_a_row_is_one_of_the_list() -> None:
    """A row's answer differs from the original's exactly if the row names a difference."""
    for row in DISCOVER + METHODS_AND_PATHS + UPDATES:
        assert bool(row.difference) == (row.now is not None)
        assert not row.difference or row.difference in DIFFERENCES


@pytest.fixture(scope="module")
def table(titles: list[Movie | TVShow]) -> Iterator[Catalog]:
    """A table with the whole catalogue, on a separate engine."""
    with start_engine("dynoxide" if has_dynoxide() else "moto") as engine:
        catalog = engine.catalog()
        create_table(catalog)
        fill(catalog, titles)
        yield catalog


@pytest.fixture(scope="module")
def deployed(table: Catalog) -> Iterator[Served]:
    """The application on that table."""
    assert table.endpoint_url is not None
    with served(table.endpoint_url) as app:
        yield app


def answer_of(app: Served, row: Row) -> Received:
    """Send a row's request as bytes."""
    with socket.create_connection((HOST, app.port), 30) as connection:
        connection.sendall(row.wire or written(row))
        response = http.client.HTTPResponse(connection, method=row.method)
        response.begin()
        return received(response.status, response.headers, response.read())


def written(row: Row) -> bytes:
    """Return a request in the form of a browser's."""
    fields = [f"{name}: {value}" for name, value in row.headers]
    if row.body or row.method in ("POST", "PUT", "PATCH"):
        fields.append(f"Content-Length: {len(row.body)}")
    head = "\r\n".join((f"{row.method} {row.target} HTTP/1.1", "Host: localhost", *fields, "", ""))
    return head.encode() + row.body


@pytest.mark.parametrize("row", DISCOVER + METHODS_AND_PATHS, ids=by_label)
def test_every_answer_is_that_of_the_original(deployed: Served, records: Records, row: Row) -> None:
    """Byte for byte; only a genre that is not a whole number gets an explanation, not a 500."""
    assert_is(answer_of(deployed, row), row.expected, records, method=row.method)


@pytest.mark.parametrize("row", UPDATES, ids=by_label)
def test_every_update_is_that_of_the_original(
    deployed: Served, table: Catalog, records: Records, row: Row
) -> None:
    """Or the better one; the popularity changes only with a 200."""
    ap.put_title(table, BECOMING)
    assert_is(answer_of(deployed, row), row.expected, records)
    stored: Any = ap.get_title(table, "movie", BECOMING.id, consistent=True).popularity
    assert stored == (START if row.stored is None else row.stored)

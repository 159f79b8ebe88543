"""Hostile input always leads to answers, errors of this package, or 4xx."""

import json
from collections.abc import Mapping
from inspect import signature
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scaled import scaled

from catalog_model import Catalog
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.entities import TITLE_CLASSES
from catalog_model.errors import CatalogError, InvalidArgumentError
from catalog_model.files.reader import FILE_NAMES, sample_folder
from examples.netflix_movie_catalog.app import create_app
from fuzz.targets import TARGETS, seeds

# -- Arguments ------------------------------------------------------------------------------------

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Lu"]))
    | st.binary()
    | st.decimals()
    | st.dates()
    | st.builds(lambda: 10**5000)  # which Python refuses to convert to text
    | st.sampled_from(("TITLE#movie#1", "GENRE#28", "movie", "ALL", ":a", "#", object)),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
some_kinds = st.sampled_from(KINDS)
some_ids = st.integers(1, 10**38 - 1) | st.sampled_from((105, 106, 28))
counts = st.integers(0, 10**9)

RIGHT: dict[str, st.SearchStrategy[Any]] = {
    "kind": some_kinds,
    "title_id": some_ids,
    "genre_id": some_ids,
    "genre_ids": st.lists(some_ids, max_size=3),
    "keys": st.lists(st.tuples(some_kinds, some_ids), max_size=4),
    "prefix": st.text(max_size=20),
    "since": st.dates().map(str),
    "until": st.dates(),
    "min_votes": counts,
    "min_rating": st.floats(-10, 10).map(lambda value: round(value, 3)),
    "count": st.integers(0, 5),
    "limit": st.integers(1, 5),
    "match": st.sampled_from(("all", "any")),
    "order": st.sampled_from(("popularity", "rating", "release")),
}
READS = [name for name, pattern in ap.PATTERNS.items() if pattern.role == "read"]


def check_message(error: CatalogError) -> None:
    """An error is short, and can be encoded."""
    assert len(str(error)) < 500
    str(error).encode()


@pytest.mark.parametrize("name", READS)
@settings(max_examples=scaled(30))
@given(data=st.data())
def test_any_value_is_taken_or_refused(attacked: Catalog, name: str, data: st.DataObject) -> None:
    """One argument is arbitrary, the others are valid: a result or an error of this package."""
    function = ap.PATTERNS[name].function
    arguments = [each for each in signature(function).parameters if each in RIGHT]
    hostile = data.draw(st.sampled_from(arguments))
    call = {
        each: data.draw(anything | RIGHT[each] if each == hostile else RIGHT[each])
        for each in arguments
    }
    try:
        function(attacked, **call)
    except CatalogError as error:
        check_message(error)


@settings(max_examples=scaled(30))
@given(kind=some_kinds, name=st.text(max_size=60), changes=st.dictionaries(st.text(), anything))
def test_any_record_is_kept_or_refused(
    catalog: Catalog, kind: Kind, name: str, changes: dict[str, Any]
) -> None:
    """Written and read again, or rejected; never in part."""
    name_field = TITLE_CLASSES[kind].name_field
    record = {"id": 5, name_field: name, "genre_ids": [28], "popularity": 1.0}
    record |= {"vote_average": 1.0, "vote_count": 3, **changes}
    try:
        title = TITLE_CLASSES[kind].from_json(record)
    except InvalidArgumentError as error:
        check_message(error)
        return
    ap.put_title(catalog, title)
    assert ap.get_title(catalog, kind, title.id) == title
    found = ap.find_titles_by_name(catalog, kind, title.display_name[:5])
    assert [each for each in found if each.id == title.id] == [title]
    ap.delete_title(catalog, kind, title.id)


# -- Files ----------------------------------------------------------------------------------------

SAMPLE = {kind: (sample_folder() / name).read_bytes() for kind, name in FILE_NAMES.items()}
json_things = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@st.composite
def mutated_samples(draw: st.DrawFn, kind: Kind) -> bytes:
    """Take a part of a real file, and replace some bytes of it."""
    data = SAMPLE[kind][: draw(st.integers(0, 6000))] + draw(st.sampled_from((b"", b"}", b"}}")))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=4) | st.sampled_from((b'"', b"{", b"}", b"\\u", b"1e999")))
        data = data[:at] + piece + data[at + draw(st.integers(0, 8)) :]
    return data


hostile_files = st.one_of(
    st.binary(),
    json_things.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.text(), json_things).map(lambda value: json.dumps(value).encode("utf-16")),
    mutated_samples("movie"),
    mutated_samples("tv"),
)


@example(b'{"1e5": {"id": 1e5}}')
@given(hostile_files)
def test_any_file_is_read_or_refused(data: bytes) -> None:
    """As records, as one record and as lines: titles and rejections, or one short error."""
    TARGETS["files"](data)


# -- The example application ----------------------------------------------------------------------

MARK = "<b>x&"
header_texts = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]))
paths = st.sampled_from(("/", "/discover", "/updatePopularity", "/status", "/readyz", "/metrics"))
methods = st.sampled_from(("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", MARK, "X"))
hostile_texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from((MARK, f"'\"><script>{MARK}", "\0", "\r\nX: y", "28", "-1", "9" * 5000, "..")),
    st.builds(lambda before, after: before + MARK + after, st.text(), st.text()),
)
bodies = st.one_of(
    st.binary(),
    json_things.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries(
        {}, optional={"movieId": json_things | hostile_texts, "popularity": json_things}
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from((b"[" * 100_000, b'{"a":' * 100_000, b'{"popularity": ' + b"9" * 5000 + b"}")),
)
HEADERS = (
    *("Host", "Content-Type", "Accept", "Cookie", "X-Forwarded-For", "Range", "Origin"),
    *("Transfer-Encoding", "If-None-Match", "Accept-Encoding", "Expect"),
)
hostile_headers = st.dictionaries(
    st.sampled_from(HEADERS),
    header_texts | st.sampled_from((MARK, "application/json", "text/html", "bytes=0-", "*")),
)


@pytest.fixture(scope="module")
def app(attacked: Catalog) -> Flask:
    """The application on that table."""
    return create_app(Catalog(attacked.table, client=attacked.client))


def check_answer(response: Any) -> None:
    """No 5xx, and no markup from the client in the answer."""
    assert response.status_code < 500
    assert b"<b>x" not in response.data
    assert b"<script" not in response.data
    is_error = response.status_code >= 400 and response.request.method != "HEAD"
    if response.content_type == "application/json" and is_error:
        assert not set(b"<>&") & set(response.data)
        assert set(json.loads(response.data)) == {"error"}
    for name, value in response.headers:
        assert "\n" not in name + value
        assert "<" not in value


@settings(max_examples=scaled(100))
@given(
    method=methods,
    path=paths | hostile_texts.map(lambda text: "/" + quote(text, errors="surrogatepass")),
    query=st.dictionaries(st.sampled_from(("genre", "type", MARK)), hostile_texts),
    body=bodies,
    headers=hostile_headers,
    is_json=st.booleans(),
)
def test_any_request_is_answered(
    app: Flask,
    method: str,
    path: str,
    query: Mapping[str, str],
    body: bytes,
    headers: dict[str, str],
    *,
    is_json: bool,
) -> None:
    """Paths, queries, bodies and headers of any kind."""
    if is_json:
        headers = {**headers, "Content-Type": "application/json"}
    query_string = "&".join(
        f"{quote(name)}={quote(value, errors='surrogatepass')}" for name, value in query.items()
    )
    response = app.test_client().open(
        path, method=method, query_string=query_string, data=body, headers=list(headers.items())
    )
    check_answer(response)


# -- Fuzz targets ---------------------------------------------------------------------------------

TITLE_5 = '"PK": {"S": "TITLE#movie#5"}, "SK": {"S": "TITLE#movie#5"}'
CRASHED: tuple[tuple[str, str], ...] = (
    ("codec", f'{{{TITLE_5}, "_form": {{"S": "{{\\"id\\":0}}"}}, "id": {{"N": "1E+99999999"}}}}'),
    ("codec", f'{{{TITLE_5}, "_form": {{"S": "{"[" * 5000}"}}}}'),
    ("codec", '{"_doc": {"S": "' + "[" * 5000 + '"}}'),
    ("codec", '{"PK": {"S": "TITLE#tv#6"}, "SK": {"S": {"S": "ALL"}}, "_schema": {"N": "1"}}'),
    ("codec", '{"g28": {"N": "1E+99999999"}}'),
    ("codec", '{"g28": {"N": "NaN"}}'),
    ("codec", '{"g28": {"S": "2"}}'),
    ("codec", '{"g28": null}'),
    ("cursor", "5"),
    ("cursor", "[]"),
    ("cursor", '""'),
    ("cursor", '"\\ud800#011"'),
    ("files", "[" * 5000),
    ("files", '{"1": ' + "9" * 5000),
)
"""Input that once raised a foreign error, or took forever."""


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_fuzzed_takes_its_seeds(target: str) -> None:
    """They are valid, so the fuzzer begins at relevant input."""
    found = list(seeds(target))
    assert len(found) > 20
    for data in found:
        TARGETS[target](data)


@pytest.mark.parametrize(("target", "text"), CRASHED)
def test_what_crashed_once_does_not_again(target: str, text: str) -> None:
    """Found by fuzzing and by hand."""
    TARGETS[target](text.encode())

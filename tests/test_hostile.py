"""Hostile input: whatever comes in, out come answers, refusals of this package, and 4xx."""

from __future__ import annotations

import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from engines import Engine
from flask import Flask
from generated import generated_records
from hypothesis import example, given, settings
from hypothesis import strategies as st
from itsdangerous.encoding import base64_encode

from catalog_model import Catalog, Page, Rejection, json_stream
from catalog_model import access_patterns as ap
from catalog_model.cursor import Cursors
from catalog_model.entities import TITLE_CLASSES, Title
from catalog_model.errors import CatalogError, InvalidArgumentError, InvalidCursorError
from catalog_model.files import FILE_NAMES, parse_title, read_titles, sample_folder
from catalog_model.keys import KINDS, Kind
from catalog_model.operations import create_table, delete_table
from catalog_model.sortable import NAME_BYTES
from examples.netflix_movie_catalog.app import create_app
from fuzz.targets import TARGETS, seeds

FEW = 40


@pytest.fixture(scope="module")
def attacked(engine: Engine) -> Iterator[Catalog]:
    """A handle on a table of some titles, whose secret is the default, which anybody can know."""
    catalog = engine.catalog()
    create_table(catalog)
    records = generated_records()
    some = [
        TITLE_CLASSES[kind].from_json(record)
        for kind in KINDS
        for record in list(records[kind].values())[:FEW]
    ]
    ap.load_titles(catalog, some)
    yield catalog
    delete_table(catalog)


# -- Cursors --------------------------------------------------------------------------------------

Ask = Callable[[Catalog, Any], Page[Any]]

LISTS: dict[str, Ask] = {
    "popularity": lambda c, after: ap.list_titles(c, "movie", limit=3, after=after),
    "name": lambda c, after: ap.list_titles(
        c, "movie", order="name", descending=False, limit=3, after=after
    ),
    "rating": lambda c, after: ap.list_titles(c, "tv", order="rating", limit=3, after=after),
    "genre": lambda c, after: ap.list_titles_in_genre(
        c, "movie", 28, order="release", limit=3, after=after
    ),
    "all": lambda c, after: ap.list_titles_in_genres(c, "movie", [28, 18], limit=1, after=after),
    "any": lambda c, after: ap.list_titles_in_genres(
        c, "movie", [28, 18], match="any", limit=3, after=after
    ),
    "top": lambda c, after: ap.list_top_rated(
        c, "movie", min_votes=10, min_rating=5, limit=3, after=after
    ),
    "released": lambda c, after: ap.list_released_between(
        c, "movie", "1950-01-01", "1999-12-31", limit=3, after=after
    ),
    "named": lambda c, after: ap.find_titles_by_name(c, "movie", "n", limit=3, after=after),
}
lists = pytest.mark.parametrize("name", LISTS)


def partitions(catalog: Catalog, ask: Ask, after: str | None) -> set[tuple[str, str]]:
    """Ask, and tell which tables and partitions were read."""
    with catalog.trace() as trace:
        ask(catalog, after)
    queries = [request.asked for request in trace if request.operation == "Query"]
    return {
        (asked["TableName"], value["S"])
        for asked in queries
        for value in asked["ExpressionAttributeValues"].values()
        if value["S"].startswith(("ALL#", "GENRE#"))
    }


def maker_of(catalog: Catalog, name: str) -> Cursors:
    """Give what signs the cursors of a list: as somebody can make it who knows the secret."""
    made: list[Cursors] = []

    def note(self: Cursors, after: object) -> None:
        assert after is None
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursors, "read", note)
        LISTS[name](catalog, None)
    return made[0]


def signed(cursors: Cursors, payload: bytes, *, mark: bytes = b"") -> str:
    """Sign anything at all as a cursor."""
    serializer = cursors._serializer
    signer = serializer.make_signer(serializer.salt)
    return str(signer.sign(mark + base64_encode(payload)).decode())


def forged(cursors: Cursors, place: Any) -> str:
    """Make the cursor of a place as it is made here, or where that fails by hand."""
    try:
        return cursors.make(place)
    except UnicodeEncodeError:
        return signed(cursors, json.dumps(place).encode())


EXTREMES = ("", "#", "p", "p9", "o", "n0~", "a", "zz", "0000-00-00", "9999-99-99", "\U0010fffd")
PLACES: tuple[Any, ...] = (
    *(f"{value}#{id_}" for value in EXTREMES for id_ in ("011", "38" + "9" * 38)),
    *(
        "",
        "#",
        "x",
        "\0",
        "#01",
        "#0x1",
        "a#b",
        "#011#011",
        "#0211",
        "#00",
        "#1",
        "\0#011",
        "ALL#tv",
    ),
    *("z" * 1020 + "#011", "z" * 1021 + "#011", "é" * 600 + "#011", "\ud800#011", "a\ud800"),
    *(5, True, 1.5, None, [], {}, ["a#011"], {"S": "a#011"}, [[]]),
)


@lists
def test_a_forged_cursor_leads_to_nothing_that_was_not_asked_for(
    attacked: Catalog, name: str
) -> None:
    """Who knows the secret, as everybody knows the default one, gains nothing by it.

    The partitions, and so the table, are those of the arguments; every title that comes could
    have come without a cursor.
    """
    cursors, ask = maker_of(attacked, name), LISTS[name]
    allowed = set(walk(attacked, ask))
    expected = partitions(attacked, ask, None)
    accepted = 0
    for place in PLACES:
        after = forged(cursors, place)
        try:
            page = ask(attacked, after)
        except InvalidCursorError:
            continue
        accepted += 1
        assert set(page.items) <= allowed
        assert partitions(attacked, ask, after) <= expected
    assert accepted > len(EXTREMES)


def walk(catalog: Catalog, ask: Ask) -> Iterator[Title]:
    """Give all titles of a list."""
    page = ask(catalog, None)
    yield from page
    while page.next:
        page = ask(catalog, page.next)
        yield from page


@lists
def test_a_real_cursor_stays_in_its_partitions(attacked: Catalog, name: str) -> None:
    """Page by page."""
    ask = LISTS[name]
    expected = partitions(attacked, ask, None)
    page = ask(attacked, None)
    assert page.next, "a list too short to say anything"
    while page.next:
        assert partitions(attacked, ask, page.next) <= expected
        page = ask(attacked, page.next)


def test_a_cursor_is_short_enough_to_be_looked_into(catalog: Catalog) -> None:
    """The longest place there is, in characters that take the most of everything."""
    for id_, name in enumerate(("\U00020000" * 300, "é" * 900, "千" * 300), start=10**37):
        longest = name + "".join(chr(0x4E00 + 7 * at) for at in range(NAME_BYTES))
        movie = TITLE_CLASSES["movie"](
            id=id_, title=longest, genre_ids=[], popularity=0, vote_average=0, vote_count=0
        )
        ap.put_title(catalog, movie)
    page = ap.list_titles(catalog, "movie", order="name", descending=False, limit=1)
    seen = [*page]
    while page.next:
        page = ap.list_titles(
            catalog, "movie", order="name", descending=False, limit=1, after=page.next
        )
        seen += page
    assert len(seen) == 3


def test_a_packed_cursor_is_not_unpacked_without_bounds(attacked: Catalog) -> None:
    """A megabyte of zeros takes a thousand bytes, and a signature comes with the default secret."""
    packed = zlib.compress(b'"' + b"0" * 100_000_000 + b'"')
    after = signed(maker_of(attacked, "popularity"), packed, mark=b".")
    tracemalloc.start()
    try:
        with pytest.raises(InvalidCursorError):
            LISTS["popularity"](attacked, after)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@given(st.sampled_from(list(LISTS)), st.text() | st.text("abcXYZ019-_.", min_size=20))
def test_no_text_is_a_cursor(attacked: Catalog, name: str, after: str) -> None:
    """Before anything is sent."""
    with attacked.trace() as trace, pytest.raises(InvalidCursorError):
        LISTS[name](attacked, after)
    assert not trace.requests


@pytest.mark.parametrize("piece", ["a", ".", "\0", "\ud800", "eJw"])
def test_a_huge_cursor_is_one_short_error(attacked: Catalog, piece: str) -> None:
    """A million characters are neither read nor repeated."""
    with pytest.raises(InvalidCursorError) as refused:
        LISTS["popularity"](attacked, piece * (1_000_000 // len(piece)))
    assert len(str(refused.value)) < 400


@lists
def test_a_cursor_of_another_table_list_or_kind_is_refused(
    engine: Engine, attacked: Catalog, name: str
) -> None:
    """Each with each, and with its twin of another table."""
    other = engine.catalog(f"{attacked.table}-other")
    cursor = LISTS[name](attacked, None).next
    with pytest.raises(InvalidCursorError):
        LISTS[name](other, cursor)
    for another in LISTS.keys() - {name}:
        with pytest.raises(InvalidCursorError):
            LISTS[another](attacked, cursor)


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
    | st.builds(lambda: 10**5000)  # which Python refuses to write
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
READS: dict[str, tuple[str, ...]] = {
    "get_title": ("kind", "title_id"),
    "get_titles": ("keys",),
    "get_title_with_genres": ("kind", "title_id"),
    "list_titles": ("kind", "order", "limit"),
    "list_titles_in_genre": ("kind", "genre_id", "order", "limit"),
    "list_titles_in_genres": ("kind", "genre_ids", "match", "limit"),
    "sample_titles": ("kind", "count"),
    "list_top_rated": ("kind", "min_votes", "min_rating", "genre_id"),
    "list_released_between": ("kind", "since", "until", "limit"),
    "find_titles_by_name": ("kind", "prefix", "limit"),
    "list_genres": ("kind",),
    "count_titles": ("kind", "genre_id"),
}


def check_message(error: CatalogError, source: str = "") -> None:
    """An error is short, can be written, and says where it comes from."""
    message = str(error)
    assert message.startswith(source)
    assert len(message) < 500 + len(source)
    message.encode()


@pytest.mark.parametrize("name", READS)
@settings(max_examples=30)
@given(data=st.data())
def test_any_argument_is_answered_or_refused(
    attacked: Catalog, name: str, data: st.DataObject
) -> None:
    """One argument is anything, the others are right: an answer or an error of this package."""
    hostile = data.draw(st.sampled_from(READS[name]))
    call = {
        each: data.draw(anything | RIGHT[each] if each == hostile else RIGHT[each])
        for each in READS[name]
    }
    try:
        ap.PATTERNS[name].function(attacked, **call)
    except CatalogError as error:
        check_message(error)


@settings(max_examples=30)
@given(kind=some_kinds, name=st.text(max_size=60), changes=st.dictionaries(st.text(), anything))
def test_any_record_is_kept_or_refused(
    catalog: Catalog, kind: Kind, name: str, changes: dict[str, Any]
) -> None:
    """Written and read again, or refused; never in part."""
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
    """Take a piece of a real file, and put some bytes in place of others, here and there."""
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


@example(kind="movie", data=b'{"1e5": {"id": 1e5}}')
@given(kind=some_kinds, data=hostile_files)
def test_any_file_is_read_or_refused(tmp_path: Path, kind: Kind, data: bytes) -> None:
    """Each record of it comes out, as a title or with a reason; or all of it is one error."""
    path = tmp_path / "hostile.json"
    path.write_bytes(data)
    try:
        found = read_titles(path, kind)
    except InvalidArgumentError as error:
        check_message(error, str(path))
        return
    assert len(found) == len(json.loads(data))
    for each in found:
        if isinstance(each, Rejection):
            f"{each.source}{each.key}{each.reason}".encode()
        else:
            assert TITLE_CLASSES[kind].from_json(json.loads(each.to_json_text())) == each


@given(kind=some_kinds, data=hostile_files)
def test_any_record_by_itself_is_read_or_refused(kind: Kind, data: bytes) -> None:
    """As `put-title` reads one, also from a pipe."""
    try:
        assert parse_title(data, kind, "hostile.json").kind == kind
    except InvalidArgumentError as error:
        check_message(error, "hostile.json")


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
    """No 5xx; and nothing that a browser would take for markup of the client's."""
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


@settings(max_examples=100)
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


# -- What is fuzzed -------------------------------------------------------------------------------

TITLE_5 = '"PK": {"S": "TITLE#movie#5"}, "SK": {"S": "TITLE#movie#5"}'
CRASHED: tuple[tuple[str, str], ...] = (
    ("codec", f'{{{TITLE_5}, "_form": {{"S": "{{\\"id\\":0}}"}}, "id": {{"N": "1E+99999999"}}}}'),
    ("codec", f'{{{TITLE_5}, "_form": {{"S": "{"[" * 5000}"}}}}'),
    ("codec", '{"_doc": {"S": "' + "[" * 5000 + '"}}'),
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
"""What raised something else once, or took forever."""


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_fuzzed_takes_its_seeds(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """They are right, so the fuzzer begins where it matters."""
    monkeypatch.setattr(json_stream, "CHUNK", json_stream.CHUNK)  # a target changes it
    found = list(seeds(target))
    assert len(found) > 20
    for data in found:
        TARGETS[target](data)


@pytest.mark.parametrize(("target", "text"), CRASHED)
def test_what_crashed_once_does_not_again(
    monkeypatch: pytest.MonkeyPatch, target: str, text: str
) -> None:
    """Found by fuzzing and by hand."""
    monkeypatch.setattr(json_stream, "CHUNK", json_stream.CHUNK)
    TARGETS[target](text.encode())

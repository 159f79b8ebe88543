"""The answers of the original application, observed row by row, and the deliberate differences.

A row is a request and the answer of the original. If that answer was wrong, the row names the
difference (a key of `DIFFERENCES`) and contains the correct answer.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"

HELLO: Final = b"Hi! This app is an API, there is no UI ;-)"
NOTHING: Final = b"[]\n"


@dataclass(frozen=True)
class First:
    """The first 20 records of a kind with the genre, in file order."""

    kind: str
    genre_id: int


@dataclass(frozen=True)
class AnyOf:
    """Any 20 distinct records of a kind."""

    kind: str


@dataclass(frozen=True)
class Answer:
    """A status, a content type and a body; None stands for a body that is not compared."""

    status: int
    content_type: str
    body: bytes | First | AnyOf | None
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Row:
    """One request and its answer.

    ``wire`` are the bytes of a request that only a socket can send. ``stored`` is the popularity of
    movie 699280 after a request that changes it. ``now`` is the answer that replaces the
    original's, for the reason named by ``difference``.
    """

    label: str
    method: str
    target: str
    original: Answer
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    wire: bytes = b""
    stored: float | None = None
    now: Answer | None = None
    difference: str = ""

    @property
    def expected(self) -> Answer:
        """The answer of this application."""
        return self.now or self.original


DIFFERENCES: Final = {
    "genre": "`genre` is not a whole number",
    "object": "the body is JSON, but not an object",
    "size": "the body is larger than 12 MB, or holds more than 250,000 values",
    "nesting": "the body is nested a thousand levels deep",
    "movie": "`movieId` is a list or an object",
    "popularity": "`popularity` is a list, an object or a whole number too large for a float",
    "finite": "`popularity` is NaN or infinite",
    "range": "`popularity` is beyond what DynamoDB can hold",
    "boolean": "`popularity` is `true` or `false`",
    "zero": "`popularity` is `-0.0`",
    "order": "a popularity was updated",
    "lasting": "the process ends, or there are several",
    "few": "fewer than 20 titles of the type exist",
    "database": "the database does not answer",
    "readiness": "`GET /readyz`",
    "series": "the labels `path` and `method` at `/metrics`",
}
"""Every deliberate difference, as described in the application's README."""


def page(status: int, title: str, heading: str, text: str) -> Answer:
    """Return Flask's page for an error."""
    body = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n"
    body += f"<h1>{heading}</h1>\n<p>{text}</p>\n"
    return Answer(status, HTML, body.encode())


E400: Final = page(
    400,
    "Bad Request",
    "Bad Request",
    "The browser (or proxy) sent a request that this server could not understand.",
)
E404: Final = page(
    404,
    "Not Found",
    "Not Found",
    "The requested URL was not found on the server. If you entered the URL manually please check"
    " your spelling and try again.",
)
E405: Final = page(
    405,
    "Method Not Allowed",
    "Method Not Allowed",
    "The method is not allowed for the requested URL.",
)
E415: Final = page(
    415,
    "Unsupported Media Type",
    "Unsupported Media Type",
    "Did not attempt to load JSON data because the request Content-Type was not"
    " &#39;application/json&#39;.",
)
E500: Final = page(
    500,
    "Internal Server Error",
    "Internal Server Error",
    "The server encountered an internal error and was unable to complete your request. Either the"
    " server is overloaded or there is an error in the application.",
)


def error(message: str) -> Answer:
    """Return the application's own answer with status 400."""
    return Answer(400, JSON, json.dumps({"error": message}, separators=(",", ":")).encode() + b"\n")


NO_MOVIE: Final = error("Movie Id value not provided or not found")
NO_POPULARITY: Final = error("Popularity value not provided")
NO_FLOAT: Final = error("Popularity value must be a float")
NO_OBJECT: Final = error("The body must be a JSON object")
TOO_DEEP: Final = error("The body is nested too deeply")


# -- GET /discover --------------------------------------------------------------------------------


def _discover() -> Iterator[Row]:
    """Return the rows of GET /discover."""
    for query, kind in _SAMPLED:
        yield _get("/discover" + query, Answer(200, JSON, AnyOf(kind)))
    for query, kind, genre_id in _LISTED:
        yield _get("/discover" + query, Answer(200, JSON, First(kind, genre_id)))
    for query in _EMPTY:
        yield _get("/discover" + query, Answer(200, JSON, NOTHING))
    for query, value in _BAD_GENRES:
        now = error(f"genre must be a whole number, not {value!r}")
        yield _get("/discover" + query, E500, now, "genre")


def _get(target: str, original: Answer, now: Answer | None = None, difference: str = "") -> Row:
    label = target if len(target) < 100 else target[:40] + "..."
    return Row(label, "GET", target, original, now=now, difference=difference)


_SAMPLED: Final = (
    ("", "movie"),
    ("?type=tv", "tv"),
    ("?type=movie", "movie"),
    ("?type=xyz", "movie"),
    ("?type=TV", "movie"),
    ("?type=", "movie"),
    ("?type=tv&type=movie", "tv"),
    ("?type=movie&type=tv", "movie"),
    ("?Type=tv", "movie"),
    ("?type=tv%20", "movie"),
    ("?genre=", "movie"),
    ("?type=tv&genre=", "tv"),
    ("?genre[]=28", "movie"),
    ("?genre", "movie"),
    ("?GENRE=28", "movie"),
)
_LISTED: Final = (
    ("?genre=28", "movie", 28),
    ("?type=movie&genre=28", "movie", 28),
    ("?type=tv&genre=16", "tv", 16),
    ("?type=tv&genre=10765", "tv", 10765),
    ("?type=xyz&genre=28", "movie", 28),
    ("?type=tv&genre=10749", "tv", 10749),
    ("?genre=99", "movie", 99),
    ("?genre=10770", "movie", 10770),
    ("?genre=%2B28", "movie", 28),
    ("?genre=+28", "movie", 28),
    ("?genre=28+", "movie", 28),
    ("?genre=%2028%20", "movie", 28),
    ("?genre=028", "movie", 28),
    ("?genre=2_8", "movie", 28),
    ("?genre=%D9%A2%D9%A8", "movie", 28),
    ("?genre=%EF%BC%92%EF%BC%98", "movie", 28),
    ("?genre=28&genre=35", "movie", 28),
    ("?genre=35&genre=28", "movie", 35),
    ("?&&genre=28", "movie", 28),
    ("?genre=28#frag", "movie", 28),
    ("?genre=28&page=2", "movie", 28),
    ("?genre=28&limit=5", "movie", 28),
    ("?genre=28%0a", "movie", 28),
)
_EMPTY: Final = (
    "?type=tv&genre=28",
    "?genre=999999",
    "?type=tv&genre=999999",
    "?genre=0",
    "?genre=-28",
    f"?genre={'9' * 74}",
)
_LONG: Final = "9" * 4301
_BAD_GENRES: Final = (
    ("?genre=abc", "abc"),
    ("?type=tv&genre=abc", "abc"),
    ("?genre=28.0", "28.0"),
    ("?genre=0x1c", "0x1c"),
    ("?genre=1e2", "1e2"),
    ("?genre=28,35", "28,35"),
    ("?genre=28%7C35", "28|35"),
    ("?genre=%20", " "),
    ("?genre=%00", "\0"),
    ("?genre=28%00", "28\0"),
    ("?genre=null", "null"),
    ("?genre=undefined", "undefined"),
    ("?genre=true", "true"),
    (f"?genre={_LONG}", _LONG[:40]),
    ("?genre=%FF", "%FF"),
    ("?genre=NaN", "NaN"),
    ("?genre=28;type=tv", "28;type=tv"),
)

DISCOVER: Final = tuple(_discover())

FIRST_PAGES: Final = {
    ("movie", 28): ("b48807cfb61f", 12773, 20),
    ("movie", 35): ("b90a117311e6", 11047, 20),
    ("movie", 99): ("c93e10eae3f9", 1007, 2),
    ("movie", 10770): ("28610410af71", 1500, 3),
    ("tv", 16): ("6831abe224d5", 13147, 20),
    ("tv", 10765): ("533881302fc0", 14899, 20),
    ("tv", 10749): ("c066a34e603a", 587, 1),
}
"""For the real catalogue: the beginning of the answer's SHA-256, its size, and its records."""


# -- Methods and paths ----------------------------------------------------------------------------

_PAGES: Final = {
    "/": Answer(200, HTML, HELLO),
    "/status": Answer(200, HTML, b"OK"),
    "/discover?genre=99": Answer(200, JSON, First("movie", 99)),
}
_READ: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WRITE: Final = frozenset({"POST", "OPTIONS"})
_ALLOW: Final = {
    "/": _READ,
    "/status": _READ,
    "/discover?genre=99": _READ,
    "/updatePopularity": _WRITE,
    "/metrics": _READ,
}
_PATHS: Final = (
    ("/nope", E404),
    ("/discover/", E404),
    ("/status/", E404),
    ("/updatePopularity/", E404),
    ("/metrics/", E404),
    ("//discover?genre=99", Answer(200, JSON, First("movie", 99))),
    ("/Discover", E404),
    ("/favicon.ico", E404),
    ("/static/x", E404),
    ("/status?x=1", Answer(200, HTML, b"OK")),
    ("/?a=b", Answer(200, HTML, HELLO)),
    ("/discover%3Fgenre=99", E404),
    ("/healthz", E404),
    ("/ready", E404),
)


def _methods_and_paths() -> Iterator[Row]:
    for method in ("GET", "HEAD"):
        for target, answer in _PAGES.items():
            yield Row(f"{method} {target}", method, target, answer)
        yield _not_allowed(method, "/updatePopularity")
    yield Row("HEAD /metrics", "HEAD", "/metrics", Answer(200, METRICS, None))
    for target, allow in _ALLOW.items():
        answer = Answer(200, HTML, b"", allow)
        yield Row(f"OPTIONS {target}", "OPTIONS", target, answer)
    for target, allow in _ALLOW.items():
        if "POST" not in allow:
            yield _not_allowed("POST", target)
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "FOO"):
        for target in _ALLOW:
            yield _not_allowed(method, target)
    for target, answer in _PATHS:
        wire = _wire("GET", target) if target.startswith("//") else b""
        yield Row(f"GET {target}", "GET", target, answer, wire=wire)


def _not_allowed(method: str, target: str) -> Row:
    answer = Answer(E405.status, E405.content_type, E405.body, _ALLOW[target])
    return Row(f"{method} {target}", method, target, answer)


def _wire(
    method: str, target: str, headers: str = "", body: bytes = b"", *, version: str = "1.1"
) -> bytes:
    """Return a request as bytes for a socket."""
    head = f"{method} {target} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n{headers}"
    return head.encode() + b"\r\n" + body


METHODS_AND_PATHS: Final = tuple(_methods_and_paths())


# -- POST /updatePopularity -----------------------------------------------------------------------

UPDATE: Final = "/updatePopularity"
AS_JSON: Final = (("Content-Type", JSON),)


def updated(shown: str) -> Answer:
    """Return the answer to a successful update."""
    text = f'{{"message":"Popularity updated successfully","new_popularity":{shown}}}\n'
    return Answer(200, JSON, text.encode())


def _popularity(
    label: str, value: str, original: Answer | str, now: Answer | str = "", difference: str = ""
) -> Row:
    """Return the row for a popularity, given as it appears in the JSON of the body."""
    body = f'{{"movieId":"699280","popularity":{value}}}'
    return _update(f"popularity {label}", body, original, now, difference)


def _movie(label: str, value: str, original: Answer | str, **more: Any) -> Row:
    """Return the row for a movie's id, given as it appears in the JSON of the body."""
    body = f'{{"movieId":{value},"popularity":6.5}}'
    return _update(f"movieId {label}", body, original, **more)


def _update(
    label: str,
    body: str | bytes,
    original: Answer | str,
    now: Answer | str = "",
    difference: str = "",
    **more: Any,
) -> Row:
    """Return the row for a body; an answer given as text is the popularity that it shows."""
    body = body.encode() if isinstance(body, str) else body
    expected = now or original
    more.setdefault("headers", AS_JSON)
    more.setdefault("stored", float(expected) if isinstance(expected, str) else None)
    return Row(
        label,
        "POST",
        more.pop("target", UPDATE),
        updated(original) if isinstance(original, str) else original,
        body=body,
        now=(updated(now) if isinstance(now, str) else now) if now else None,
        difference=difference,
        **more,
    )


def _content_type(value: str | None, original: Answer | str) -> Row:
    headers = () if value is None else (("Content-Type", value),)
    body = '{"movieId":"699280","popularity":11.5}'
    return _update(f"content-type {value!r}", body, original, headers=headers)


def _not_finite(shown: str) -> Answer:
    return error(f"popularity must be a finite number, not {shown}")


def _out_of_range(shown: str) -> Answer:
    wanted = "a number of a magnitude from 1E-130 to 9.99E+125"
    return error(f"popularity must be {wanted}, not {shown}")


NAN: Final = _not_finite("nan")
INF: Final = _not_finite("inf")
MINUS_INF: Final = _not_finite("-inf")


def _reset(number: int) -> Row:
    """Return the row that resets the number after rows that change it."""
    body = '{"movieId":"699280","popularity":5.5}'
    return _update(f"valid again (reset) {number}", body, "5.5")


_POPULARITIES: Final = (
    _update("valid float", '{"movieId":"699280","popularity":5.5}', "5.5"),
    _popularity("int 7", "7", "7.0"),
    _popularity("0", "0", "0.0"),
    _popularity("-0.0", "-0.0", "-0.0", "0.0", "zero"),
    _popularity("negative -3.25", "-3.25", "-3.25"),
    _popularity("17 significant digits", "0.12345678901234568", "0.12345678901234568"),
    _popularity("1e22", "1e22", "1e+22"),
    _popularity("1e16", "1e16", "1e+16"),
    _popularity("1e15", "1e15", "1000000000000000.0"),
    _popularity("1E400 (overflow literal)", "1E400", "Infinity", INF, "finite"),
    _popularity("1e-400", "1e-400", "0.0"),
    _popularity("1e-5", "1e-5", "1e-05"),
    _popularity("5e-324", "5e-324", "5e-324", _out_of_range("5e-324"), "range"),
    _popularity(
        "1.7976931348623157e308",
        "1.7976931348623157e308",
        "1.7976931348623157e+308",
        _out_of_range("1.7976931348623157e+308"),
        "range",
    ),
    _popularity(
        "1e130 (above DynamoDB range 9.99E+125)",
        "1e130",
        "1e+130",
        _out_of_range("1e+130"),
        "range",
    ),
    _popularity("1e-131", "1e-131", "1e-131", _out_of_range("1e-131"), "range"),
    _popularity(
        "123456789012345678901234567890123456789 (39 digits)",
        "123456789012345678901234567890123456789",
        "1.2345678901234568e+38",
    ),
    _popularity('string "7.25"', '"7.25"', "7.25"),
    _popularity('string " 7 "', '" 7 "', "7.0"),
    _popularity('string "1_000"', '"1_000"', "1000.0"),
    _popularity('string "+5"', '"+5"', "5.0"),
    _popularity('string "1e3"', '"1e3"', "1000.0"),
    _popularity('string ".5"', '".5"', "0.5"),
    _popularity('string "5."', '"5."', "5.0"),
    _popularity('string "abc"', '"abc"', NO_FLOAT),
    _popularity('string ""', '""', NO_FLOAT),
    _popularity('string " "', '" "', NO_FLOAT),
    _popularity('string "0x10"', '"0x10"', NO_FLOAT),
    _popularity('string "1,5"', '"1,5"', NO_FLOAT),
    _popularity('string "٣"', '"٣"', "3.0"),
    _popularity('string "null"', '"null"', NO_FLOAT),
    _popularity('string "true"', '"true"', NO_FLOAT),
    _popularity("null", "null", NO_POPULARITY),
    _update("popularity missing", '{"movieId":"699280"}', NO_POPULARITY),
    _popularity("true", "true", "1.0", NO_FLOAT, "boolean"),
    _popularity("false", "false", "0.0", NO_FLOAT, "boolean"),
    _popularity("list []", "[]", E500, NO_FLOAT, "popularity"),
    _popularity("list [5]", "[5]", E500, NO_FLOAT, "popularity"),
    _popularity("object {}", "{}", E500, NO_FLOAT, "popularity"),
    _popularity("int 10**308", str(10**308), "1e+308", _out_of_range("1e+308"), "range"),
    _popularity("int 10**400", str(10**400), E500, NO_FLOAT, "popularity"),
    _popularity("int of 5000 digits", "1" * 5000, E400),
    _popularity("NaN literal", "NaN", "NaN", NAN, "finite"),
    _reset(1),
    _popularity("Infinity literal", "Infinity", "Infinity", INF, "finite"),
    _reset(2),
    _popularity("-Infinity literal", "-Infinity", "-Infinity", MINUS_INF, "finite"),
    _reset(3),
    _popularity('string "NaN"', '"NaN"', "NaN", NAN, "finite"),
    _reset(4),
    _popularity('string "nan"', '"nan"', "NaN", NAN, "finite"),
    _reset(5),
    _popularity('string "-nan"', '"-nan"', "NaN", NAN, "finite"),
    _reset(6),
    _popularity('string "Infinity"', '"Infinity"', "Infinity", INF, "finite"),
    _reset(7),
    _popularity('string "inf"', '"inf"', "Infinity", INF, "finite"),
    _reset(8),
    _popularity('string "-inf"', '"-inf"', "-Infinity", MINUS_INF, "finite"),
    _reset(9),
    _popularity('string "iNfInItY"', '"iNfInItY"', "Infinity", INF, "finite"),
    _reset(10),
    _popularity('string "1e400"', '"1e400"', "Infinity", INF, "finite"),
    _reset(11),
)

_MOVIES: Final = (
    _movie("number 699280", "699280", NO_MOVIE),
    _movie("float", "699280.0", NO_MOVIE),
    _movie("null", "null", NO_MOVIE),
    _update("movieId missing", '{"popularity":6.5}', NO_MOVIE),
    _movie("true", "true", NO_MOVIE),
    _movie('""', '""', NO_MOVIE),
    _movie('" 699280"', '" 699280"', NO_MOVIE),
    _movie('"0699280"', '"0699280"', NO_MOVIE),
    _movie('"nope"', '"nope"', NO_MOVIE),
    _movie('list ["699280"]', '["699280"]', E500, now=NO_MOVIE, difference="movie"),
    _movie("list []", "[]", E500, now=NO_MOVIE, difference="movie"),
    _movie("object", '{"a":1}', E500, now=NO_MOVIE, difference="movie"),
    _movie('tv-only id "1433"', '"1433"', NO_MOVIE),
    _movie('id in both files "105"', '"105"', "6.5", stored=None),
    _update(
        "movieId unknown id and bad popularity", '{"movieId":"1","popularity":"abc"}', NO_MOVIE
    ),
    _update("movieId unknown id and no popularity", '{"movieId":"1"}', NO_MOVIE),
    _movie("unicode digits", '"\u0666\u0669\u0669\u0662\u0668\u0660"', NO_MOVIE),
    _movie("\\u escape of the id", '"\\u0036\\u00399280"', "6.5"),
    _movie("lone surrogate", '"\\ud800"', NO_MOVIE),
    _movie("1MB string", '"' + "6" * 1_000_000 + '"', NO_MOVIE),
)

_DEEP: Final = '{"movieId":"699280","popularity":%s}'

_BODIES: Final = (
    _update("empty object", "{}", NO_MOVIE),
    _update("array []", "[]", E500, NO_OBJECT, "object"),
    _update("array [1]", "[1]", E500, NO_OBJECT, "object"),
    _update('string "x"', '"x"', E500, NO_OBJECT, "object"),
    _update("number 5", "5", E500, NO_OBJECT, "object"),
    _update("null", "null", E500, NO_OBJECT, "object"),
    _update("true", "true", E500, NO_OBJECT, "object"),
    _update("wrong-case keys", '{"movieid":"699280","Popularity":5}', NO_MOVIE),
    _update("extra keys", '{"movieId":"699280","popularity":6,"title":"x","type":"tv"}', "6.0"),
    _update(
        "duplicate keys (last wins?)", '{"movieId":"699280","popularity":1,"popularity":2}', "2.0"
    ),
    _update("empty body", "", E400),
    _update(
        "no body, no content-length",
        "",
        E400,
        wire=_wire("POST", UPDATE, f"Content-Type: {JSON}\r\n"),
    ),
    _update("malformed {", "{", E400),
    _update("malformed trailing comma", '{"movieId":"699280","popularity":5,}', E400),
    _update("single quotes", "{'movieId':'699280','popularity':5}", E400),
    _update("garbage after", '{"movieId":"699280","popularity":5} x', E400),
    _update("unquoted", "{movieId:699280}", E400),
    _update("comment", '/*x*/{"movieId":"699280","popularity":5}', E400),
    _update("whitespace around", '\n\t {"movieId":"699280","popularity":8}\r\n ', "8.0"),
    _update("utf-8 BOM", '\ufeff{"movieId":"699280","popularity":9}', "9.0"),
    _update("invalid utf-8", b'{"movieId":"\xff","popularity":9}', E400),
    _update("utf-16 (BOM)", '{"movieId":"699280","popularity":9.5}'.encode("utf-16"), "9.5"),
    _update(
        "utf-16-le no BOM", '{"movieId":"699280","popularity":9.75}'.encode("utf-16-le"), "9.75"
    ),
    _update("utf-32", '{"movieId":"699280","popularity":9.875}'.encode("utf-32"), "9.875"),
    _update("NUL in body", '{"movieId":"699280","popularity":9}\0', E400),
    _update("literal control char in string", '{"movieId":"a\nb","popularity":9}', E400),
    _update("deep nesting 1000", _DEEP % ("[" * 1000 + "]" * 1000), E500, TOO_DEEP, "nesting"),
    _update(
        "deep nesting 100000", _DEEP % ("[" * 100_000 + "]" * 100_000), E500, TOO_DEEP, "nesting"
    ),
)

_CONTENT_TYPES: Final = (
    _content_type(None, E415),
    _content_type("", E415),
    _content_type("text/plain", E415),
    _content_type("text/json", E415),
    _content_type("application/x-www-form-urlencoded", E415),
    _content_type("multipart/form-data; boundary=x", E415),
    _content_type("application/json; charset=utf-8", "11.5"),
    _content_type("application/json;charset=latin1", "11.5"),
    _content_type("APPLICATION/JSON", "11.5"),
    _content_type("application/vnd.api+json", "11.5"),
    _content_type("application/ld+json; a=b", "11.5"),
    _content_type("application/jsonx", E415),
    _content_type("application/json, text/plain", E415),
    _content_type("application/javascript", E415),
    _content_type("*/*", E415),
    _content_type("json", E415),
    _content_type("application/+json", "11.5"),
    _update(
        "form body",
        "movieId=699280&popularity=5",
        E415,
        headers=(("Content-Type", "application/x-www-form-urlencoded"),),
    ),
    _update("bad json and no content type", "{", E415, headers=()),
)

_IN_QUERY: Final = UPDATE + "?movieId=699280&popularity=5"
_CHUNKED: Final = b'26\r\n{"movieId":"699280","popularity":12.5}\r\n0\r\n\r\n'
_EXPECTING: Final = b'{"movieId":"699280","popularity":13.5}'
_CUT: Final = b'{"movieId":"699280","popularity":14.5}'
_OLD: Final = b'{"movieId":"699280","popularity":15.5}'

_TRANSPORT: Final = (
    _update("query params instead of body", "", E415, target=_IN_QUERY, headers=()),
    _update("query params", "", E415, target=_IN_QUERY, headers=()),
    _update("query params with {} body", "{}", NO_MOVIE, target=_IN_QUERY),
    _update(
        "chunked body",
        _CHUNKED,
        "12.5",
        wire=_wire(
            "POST",
            UPDATE,
            f"Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n",
            _CHUNKED,
        ),
    ),
    _update(
        "Expect: 100-continue",
        _EXPECTING,
        "13.5",
        wire=_wire(
            "POST",
            UPDATE,
            f"Content-Type: {JSON}\r\nContent-Length: {len(_EXPECTING)}\r\n"
            "Expect: 100-continue\r\n",
            _EXPECTING,
        ),
    ),
    _update(
        "gzip content-encoding",
        gzip.compress(b'{"movieId":"699280","popularity":14.5}', mtime=0),
        E400,
        headers=(*AS_JSON, ("Content-Encoding", "gzip")),
    ),
    _update(
        "content-length too small (10)",
        _CUT,
        E400,
        wire=_wire("POST", UPDATE, f"Content-Type: {JSON}\r\nContent-Length: 10\r\n", _CUT),
    ),
    _update(
        "HTTP/1.0",
        _OLD,
        "15.5",
        wire=_wire(
            "POST",
            UPDATE,
            f"Content-Type: {JSON}\r\nContent-Length: {len(_OLD)}\r\n",
            _OLD,
            version="1.0",
        ),
    ),
    _update(
        "X-HTTP-Method-Override ignored",
        '{"movieId":"699280","popularity":16.5}',
        "16.5",
        headers=(*AS_JSON, ("X-HTTP-Method-Override", "GET")),
    ),
    _update(
        "10 MB of padding",
        '{"movieId":"699280","popularity":17.5,"padding":"' + "x" * 10_000_000 + '"}',
        "17.5",
    ),
)

UPDATES: Final = _POPULARITIES + _MOVIES + _BODIES + _CONTENT_TYPES + _TRANSPORT

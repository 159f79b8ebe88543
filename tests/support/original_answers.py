"""The answers of the original application, observed row by row, and the deliberate differences.

A row is a request and the answer of the original. If that answer was wrong, the row names the
difference (a key of `DIFFERENCES`) and contains the correct answer.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import unquote

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


def page(status: int, title: str, text: str) -> Answer:
    """Return Flask's page for an error."""
    head = f"<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n"
    return Answer(status, HTML, f"{head}<h1>{title}</h1>\n<p>{text}</p>\n".encode())


E400: Final = page(
    400,
    "Bad Request",
    "The browser (or proxy) sent a request that this server could not understand.",
)
E404: Final = page(
    404,
    "Not Found",
    "The requested URL was not found on the server. If you entered the URL manually please check"
    " your spelling and try again.",
)
E405: Final = page(405, "Method Not Allowed", "The method is not allowed for the requested URL.")
E415: Final = page(
    415,
    "Unsupported Media Type",
    "Did not attempt to load JSON data because the request Content-Type was not"
    " &#39;application/json&#39;.",
)
E500: Final = page(
    500,
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
    for kind, queries in _SAMPLED.items():
        for query in queries:
            yield _get(query, AnyOf(kind))
    for listed, queries in _LISTED.items():
        for query in queries:
            yield _get(query, First(*listed))
    for query in _EMPTY:
        yield _get(query, NOTHING)
    for query in _BAD_GENRES:
        value = _SHOWN.get(query) or unquote(query.partition("genre=")[2])
        now = error(f"genre must be a whole number, not {value!r}")
        row = _get(query, b"")
        yield replace(row, original=E500, now=now, difference="genre")


def _get(query: str, body: bytes | First | AnyOf) -> Row:
    target = "/discover" + query
    label = target if len(target) < 100 else target[:40] + "..."
    return Row(label, "GET", target, Answer(200, JSON, body))


_SAMPLED: Final = {
    "movie": (
        *("", "?type=movie", "?type=xyz", "?type=TV", "?type=", "?type=movie&type=tv", "?Type=tv"),
        *("?type=tv%20", "?genre=", "?genre[]=28", "?genre", "?GENRE=28"),
    ),
    "tv": ("?type=tv", "?type=tv&type=movie", "?type=tv&genre="),
}
_LISTED: Final = {
    ("movie", 28): (
        *("?genre=28", "?type=movie&genre=28", "?type=xyz&genre=28", "?genre=%2B28", "?genre=+28"),
        *("?genre=28+", "?genre=%2028%20", "?genre=028", "?genre=2_8", "?genre=%D9%A2%D9%A8"),
        *("?genre=%EF%BC%92%EF%BC%98", "?genre=28&genre=35", "?&&genre=28", "?genre=28#frag"),
        *("?genre=28&page=2", "?genre=28&limit=5", "?genre=28%0a"),
    ),
    ("movie", 35): ("?genre=35&genre=28",),
    ("movie", 99): ("?genre=99",),
    ("movie", 10770): ("?genre=10770",),
    ("tv", 16): ("?type=tv&genre=16",),
    ("tv", 10765): ("?type=tv&genre=10765",),
    ("tv", 10749): ("?type=tv&genre=10749",),
}
_EMPTY: Final = (
    *("?type=tv&genre=28", "?genre=999999", "?type=tv&genre=999999", "?genre=0", "?genre=-28"),
    f"?genre={'9' * 74}",
)
_LONG: Final = "9" * 4301
_BAD_GENRES: Final = (
    *("?genre=abc", "?type=tv&genre=abc", "?genre=28.0", "?genre=0x1c", "?genre=1e2"),
    *("?genre=28,35", "?genre=28%7C35", "?genre=%20", "?genre=%00", "?genre=28%00", "?genre=null"),
    *("?genre=undefined", "?genre=true", f"?genre={_LONG}", "?genre=%FF", "?genre=NaN"),
    "?genre=28;type=tv",
)
_SHOWN: Final = {f"?genre={_LONG}": _LONG[:40], "?genre=%FF": "%FF"}
"""How the message shows a genre that is not shown as it is."""

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

UPDATE: Final = "/updatePopularity"
_PAGES: Final = {
    "/": Answer(200, HTML, HELLO),
    "/status": Answer(200, HTML, b"OK"),
    "/discover?genre=99": Answer(200, JSON, First("movie", 99)),
}
_READ: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_WRITE: Final = frozenset({"POST", "OPTIONS"})
_ALLOW: Final = {**dict.fromkeys(_PAGES, _READ), UPDATE: _WRITE, "/metrics": _READ}
_PATHS: Final = {
    "//discover?genre=99": _PAGES["/discover?genre=99"],
    "/status?x=1": _PAGES["/status"],
    "/?a=b": _PAGES["/"],
    **dict.fromkeys(("/nope", "/discover/", "/status/", "/updatePopularity/", "/metrics/"), E404),
    **dict.fromkeys(("/Discover", "/favicon.ico", "/static/x", "/discover%3Fgenre=99"), E404),
    **dict.fromkeys(("/healthz", "/ready"), E404),
}


def _methods_and_paths() -> Iterator[Row]:
    for method in ("GET", "HEAD"):
        for target, answer in _PAGES.items():
            yield Row(f"{method} {target}", method, target, answer)
        yield _not_allowed(method, UPDATE)
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
    for target, answer in _PATHS.items():
        wire = _wire("GET", target) if target.startswith("//") else b""
        yield Row(f"GET {target}", "GET", target, answer, wire=wire)


def _not_allowed(method: str, target: str) -> Row:
    answer = replace(E405, allow=_ALLOW[target])
    return Row(f"{method} {target}", method, target, answer)


def _wire(
    method: str, target: str, headers: str = "", body: str = "", version: str = "1.1"
) -> bytes:
    """Return a request as bytes for a socket."""
    head = f"{method} {target} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\n{headers}"
    return f"{head}\r\n{body}".encode()


METHODS_AND_PATHS: Final = tuple(_methods_and_paths())


# -- POST /updatePopularity -----------------------------------------------------------------------

AS_JSON: Final = (("Content-Type", JSON),)


def updated(shown: str) -> Answer:
    """Return the answer to a successful update."""
    text = f'{{"message":"Popularity updated successfully","new_popularity":{shown}}}\n'
    return Answer(200, JSON, text.encode())


def _popularity(
    label: str, value: str, original: Answer | str, now: Answer | str = "", difference: str = ""
) -> Row:
    """Return the row for a popularity, given as it appears in the JSON of the body."""
    return _update(f"popularity {label}", _body(value), original, now, difference)


def _body(popularity: object, movie_id: str = '"699280"') -> str:
    return f'{{"movieId":{movie_id},"popularity":{popularity}}}'


def _literal(value: str, original: Answer | str, *now: Any) -> Row:
    """Return the row for a popularity that is its own label."""
    label = f"string {value}" if value.startswith('"') else value
    return _popularity(label, value, original, *now)


def _movie(label: str, value: str, original: Answer | str, **more: Any) -> Row:
    """Return the row for a movie's id, given as it appears in the JSON of the body."""
    return _update(f"movieId {label}", _body(6.5, value), original, **more)


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
    return _update(f"content-type {value!r}", _body(11.5), original, headers=headers)


def _on_the_wire(
    label: str, sent: str, original: Answer | str, headers: str, version: str = "1.1"
) -> Row:
    """Return the row for a request that only a socket can send."""
    headers = f"Content-Type: {JSON}\r\n{headers}"
    wire = _wire("POST", UPDATE, headers, sent, version)
    return _update(label, sent, original, wire=wire)


def _not_finite(shown: str) -> tuple[Answer, str]:
    return error(f"popularity must be a finite number, not {shown}"), "finite"


def _out_of_range(shown: str) -> tuple[Answer, str]:
    wanted = "a number of a magnitude from 1E-130 to 9.99E+125"
    return error(f"popularity must be {wanted}, not {shown}"), "range"


NAN: Final = _not_finite("nan")
INF: Final = _not_finite("inf")
MINUS_INF: Final = _not_finite("-inf")
_NO_FLOATS: Final = ('"abc"', '""', '" "', '"0x10"', '"1,5"', '"null"', '"true"')

_POPULARITIES: Final = (
    _update("valid float", _body(5.5), "5.5"),
    _popularity("int 7", "7", "7.0"),
    _literal("0", "0.0"),
    _literal("-0.0", "-0.0", "0.0", "zero"),
    _popularity("negative -3.25", "-3.25", "-3.25"),
    _popularity("17 significant digits", "0.12345678901234568", "0.12345678901234568"),
    _literal("1e22", "1e+22"),
    _literal("1e16", "1e+16"),
    _literal("1e15", "1000000000000000.0"),
    _popularity("1E400 (overflow literal)", "1E400", "Infinity", *INF),
    _literal("1e-400", "0.0"),
    _literal("1e-5", "1e-05"),
    _literal("5e-324", "5e-324", *_out_of_range("5e-324")),
    _literal(
        "1.7976931348623157e308",
        "1.7976931348623157e+308",
        *_out_of_range("1.7976931348623157e+308"),
    ),
    _popularity(
        "1e130 (above DynamoDB range 9.99E+125)", "1e130", "1e+130", *_out_of_range("1e+130")
    ),
    _literal("1e-131", "1e-131", *_out_of_range("1e-131")),
    _popularity(
        "123456789012345678901234567890123456789 (39 digits)",
        "123456789012345678901234567890123456789",
        "1.2345678901234568e+38",
    ),
    _literal('"7.25"', "7.25"),
    _literal('" 7 "', "7.0"),
    _literal('"1_000"', "1000.0"),
    _literal('"+5"', "5.0"),
    _literal('"1e3"', "1000.0"),
    _literal('".5"', "0.5"),
    _literal('"5."', "5.0"),
    *(_literal(text, NO_FLOAT) for text in _NO_FLOATS),
    _literal('"٣"', "3.0"),
    _literal("null", NO_POPULARITY),
    _update("popularity missing", '{"movieId":"699280"}', NO_POPULARITY),
    _literal("true", "1.0", NO_FLOAT, "boolean"),
    _literal("false", "0.0", NO_FLOAT, "boolean"),
    _popularity("list []", "[]", E500, NO_FLOAT, "popularity"),
    _popularity("list [5]", "[5]", E500, NO_FLOAT, "popularity"),
    _popularity("object {}", "{}", E500, NO_FLOAT, "popularity"),
    _popularity("int 10**308", str(10**308), "1e+308", *_out_of_range("1e+308")),
    _popularity("int 10**400", str(10**400), E500, NO_FLOAT, "popularity"),
    _popularity("int of 5000 digits", "1" * 5000, E400),
    _popularity("NaN literal", "NaN", "NaN", *NAN),
    _popularity("Infinity literal", "Infinity", "Infinity", *INF),
    _popularity("-Infinity literal", "-Infinity", "-Infinity", *MINUS_INF),
    *(_literal(text, "NaN", *NAN) for text in ('"NaN"', '"nan"', '"-nan"')),
    *(_literal(t, "Infinity", *INF) for t in ('"Infinity"', '"inf"', '"iNfInItY"', '"1e400"')),
    _literal('"-inf"', "-Infinity", *MINUS_INF),
)

_MOVIES: Final = (
    _movie("number 699280", "699280", NO_MOVIE),
    _movie("float", "699280.0", NO_MOVIE),
    _update("movieId missing", '{"popularity":6.5}', NO_MOVIE),
    *(_movie(value, value, NO_MOVIE) for value in ("null", "true", '""', '" 699280"', '"nope"')),
    _movie('"0699280"', '"0699280"', NO_MOVIE),
    _movie('list ["699280"]', '["699280"]', E500, now=NO_MOVIE, difference="movie"),
    _movie("list []", "[]", E500, now=NO_MOVIE, difference="movie"),
    _movie("object", '{"a":1}', E500, now=NO_MOVIE, difference="movie"),
    _movie('tv-only id "1433"', '"1433"', NO_MOVIE),
    _movie('id in both files "105"', '"105"', "6.5", stored=None),
    _update("movieId unknown id and bad popularity", _body('"abc"', '"1"'), NO_MOVIE),
    _update("movieId unknown id and no popularity", '{"movieId":"1"}', NO_MOVIE),
    _movie("unicode digits", '"\u0666\u0669\u0669\u0662\u0668\u0660"', NO_MOVIE),
    _movie("\\u escape of the id", '"\\u0036\\u00399280"', "6.5"),
    _movie("lone surrogate", '"\\ud800"', NO_MOVIE),
    _movie("1MB string", '"' + "6" * 1_000_000 + '"', NO_MOVIE),
)


def _deep(levels: int) -> Row:
    body = _body("[" * levels + "]" * levels)
    return _update(f"deep nesting {levels}", body, E500, TOO_DEEP, "nesting")


_NO_OBJECTS: Final = {
    "array []": "[]",
    "array [1]": "[1]",
    'string "x"': '"x"',
    "number 5": "5",
    "null": "null",
    "true": "true",
}
_MALFORMED: Final = {
    "empty body": "",
    "malformed {": "{",
    "malformed trailing comma": '{"movieId":"699280","popularity":5,}',
    "single quotes": "{'movieId':'699280','popularity':5}",
    "garbage after": _body(5) + " x",
    "unquoted": "{movieId:699280}",
    "comment": "/*x*/" + _body(5),
    "NUL in body": _body(9) + "\0",
    "literal control char in string": _body(9, '"a\nb"'),
}

_BODIES: Final = (
    _update("empty object", "{}", NO_MOVIE),
    *(_update(each, body, E500, NO_OBJECT, "object") for each, body in _NO_OBJECTS.items()),
    _update("wrong-case keys", '{"movieid":"699280","Popularity":5}', NO_MOVIE),
    _update("extra keys", '{"movieId":"699280","popularity":6,"title":"x","type":"tv"}', "6.0"),
    _update("duplicate keys (last wins?)", _body('1,"popularity":2'), "2.0"),
    _on_the_wire("no body, no content-length", "", E400, ""),
    *(_update(label, body, E400) for label, body in _MALFORMED.items()),
    _update("invalid utf-8", b'{"movieId":"\xff","popularity":9}', E400),
    _update("whitespace around", f"\n\t {_body(8)}\r\n ", "8.0"),
    _update("utf-8 BOM", "\ufeff" + _body(9), "9.0"),
    _update("utf-16 (BOM)", _body(9.5).encode("utf-16"), "9.5"),
    _update("utf-16-le no BOM", _body(9.75).encode("utf-16-le"), "9.75"),
    _update("utf-32", _body(9.875).encode("utf-32"), "9.875"),
    _deep(1000),
    _deep(100_000),
)

_OTHER_TYPES: Final = (
    *(None, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "*/*", "json"),
    *("multipart/form-data; boundary=x", "application/jsonx", "application/json, text/plain"),
    "application/javascript",
)
_JSON_TYPES: Final = (
    *("application/json; charset=utf-8", "application/json;charset=latin1", "APPLICATION/JSON"),
    *("application/vnd.api+json", "application/ld+json; a=b", "application/+json"),
)

_CONTENT_TYPES: Final = (
    *(_content_type(each, E415) for each in _OTHER_TYPES),
    *(_content_type(each, "11.5") for each in _JSON_TYPES),
    _update(
        "form body",
        "movieId=699280&popularity=5",
        E415,
        headers=(("Content-Type", "application/x-www-form-urlencoded"),),
    ),
    _update("bad json and no content type", "{", E415, headers=()),
)

_IN_QUERY: Final = UPDATE + "?movieId=699280&popularity=5"
_SIZE: Final = f"Content-Length: {len(_body(13.5))}\r\n"

_TRANSPORT: Final = (
    _update("query params instead of body", "", E415, target=_IN_QUERY, headers=()),
    _update("query params", "", E415, target=_IN_QUERY, headers=()),
    _update("query params with {} body", "{}", NO_MOVIE, target=_IN_QUERY),
    _on_the_wire(
        "chunked body",
        f"26\r\n{_body(12.5)}\r\n0\r\n\r\n",
        "12.5",
        "Transfer-Encoding: chunked\r\n",
    ),
    _on_the_wire("Expect: 100-continue", _body(13.5), "13.5", f"{_SIZE}Expect: 100-continue\r\n"),
    _update(
        "gzip content-encoding",
        gzip.compress(_body(14.5).encode(), mtime=0),
        E400,
        headers=(*AS_JSON, ("Content-Encoding", "gzip")),
    ),
    _on_the_wire("content-length too small (10)", _body(14.5), E400, "Content-Length: 10\r\n"),
    _on_the_wire("HTTP/1.0", _body(15.5), "15.5", _SIZE, "1.0"),
    _update(
        "X-HTTP-Method-Override ignored",
        _body(16.5),
        "16.5",
        headers=(*AS_JSON, ("X-HTTP-Method-Override", "GET")),
    ),
    _update("10 MB of padding", _body(f'17.5,"padding":"{"x" * 10_000_000}"'), "17.5"),
)

UPDATES: Final = _POPULARITIES + _MOVIES + _BODIES + _CONTENT_TYPES + _TRANSPORT

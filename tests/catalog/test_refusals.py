"""Invalid input is rejected before anything is sent, and errors of a table are translated."""

import math
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NoReturn

import pytest
from botocore.config import Config
from engines import Engine, create_of_another_model
from refused_calls import (
    BAD,
    CALLS,
    DATES,
    GENRE_LISTS,
    HUGE,
    IDS,
    NUMBERS,
    RECORDS,
    SURROGATE,
    Bad,
    bad,
    movie,
)

from catalog_model import Catalog, Movie, TVShow, errors, operations
from catalog_model import access_patterns as ap
from catalog_model.domain.kinds import Kind
from catalog_model.entities import FIELDS, TITLE_CLASSES
from catalog_model.errors import InvalidArgumentError, InvalidTitleError

LONGEST_MESSAGE = 400


def nested(levels: int, inner: Any = 0) -> Any:
    """Wrap a value in this number of lists and objects."""
    for level in range(levels):
        inner = [inner] if level % 2 else {"a": inner}
    return inner


BAD_HERE: dict[tuple[str, str], list[Bad]] = {
    ("list_titles_in_genre", "genre_id"): bad(None),
    ("list_titles_in_genre", "order"): bad("name"),
    ("list_titles_in_genres", "genre_ids"): [*bad([], ()), Bad(range(1, 22), "(1, 2, 3, 4")],
}
"""Values that only one function rejects."""

ARGUMENTS = [
    pytest.param(name, argument, wrong, id=f"{name}-{argument}-{index}")
    for name, call in CALLS.items()
    for argument in call
    for index, wrong in enumerate([*BAD[argument], *BAD_HERE.get((name, argument), [])])
]


def check_refusal(caught: pytest.ExceptionInfo[errors.CatalogError], wrong: Bad) -> None:
    """Check the class of the error, and that its message contains the value and is short."""
    message = str(caught.value)
    assert type(caught.value) is wrong.error
    assert wrong.part in message
    assert len(message) < LONGEST_MESSAGE
    message.encode()


@pytest.mark.parametrize(("name", "argument", "wrong"), ARGUMENTS)
def test_a_bad_argument_is_refused_and_nothing_is_sent(
    silent: Catalog, name: str, argument: str, wrong: Bad
) -> None:
    """For each argument of each function: the right error, the value in it, no request."""
    call = {**CALLS[name], argument: wrong.value}
    with pytest.raises(errors.CatalogError) as caught:
        ap.PATTERNS[name].function(silent, **call)
    check_refusal(caught, wrong)


class Unshowable:
    """A value of a class with a defect."""

    def __repr__(self) -> NoReturn:
        raise RuntimeError("no repr")

    def __eq__(self, _: object) -> NoReturn:
        raise RuntimeError("no comparison")

    __hash__ = object.__hash__


OPERATIONS = ("create_table", "delete_table", "migrate", "repair", "verify")
OTHERS: dict[str, Callable[[Any], object]] = {
    "table": Catalog,
    "client": lambda value: Catalog("films", client=value),
    "config": lambda value: Catalog("films", config=value),
    "region": lambda value: Catalog("films", region=value),
    "hook": lambda value: Catalog("films").on_request(value),
    "deadline": lambda value: Catalog("films", deadline=value),
    "fast": lambda value: Catalog("films", fast=value),
    "sharded_lists": lambda value: Catalog("films", sharded_lists=value),
    **{name: getattr(operations, name) for name in OPERATIONS},
    "from_json": Movie.from_json,
    "from_tmdb": TVShow.from_tmdb,
    "replace": lambda value: movie().replace(overview=value),
}


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_every_argument_refuses_what_cannot_be_shown(silent: Catalog, name: str) -> None:
    """By its class: the error is the package's, not the value's."""
    for argument in CALLS[name]:
        with pytest.raises(InvalidArgumentError, match="Unshowable that cannot be shown"):
            ap.PATTERNS[name].function(silent, **{**CALLS[name], argument: Unshowable()})


@pytest.mark.parametrize("name", OTHERS)
def test_so_does_what_surrounds_the_table(name: str) -> None:
    """Handles, operations and titles."""
    with pytest.raises(InvalidArgumentError, match="Unshowable that cannot be shown"):
        OTHERS[name](Unshowable())


@pytest.mark.parametrize("catalog", [None, "films", 5, Catalog], ids=repr)
@pytest.mark.parametrize("name", ap.PATTERNS)
def test_an_argument_other_than_a_catalog_is_refused(name: str, catalog: Any) -> None:
    """The first argument of every function is a `Catalog`."""
    with pytest.raises(InvalidArgumentError, match=r"^catalog must be") as caught:
        ap.PATTERNS[name].function(catalog, **CALLS[name])
    check_refusal(caught, Bad(catalog, repr(catalog)))


def test_what_is_no_title_is_reported_by_a_load_and_nothing_is_sent(silent: Catalog) -> None:
    """A load continues; its report lists the rejected titles with the reason."""
    too_large = movie(overview="x" * 400 * 1024)
    report = ap.load_titles(silent, [None, {}, too_large])  # type: ignore[list-item]
    assert [rejection.key for rejection in report.rejected] == ["None", "{}", "movie 949"]
    assert all(rejection.reason for rejection in report.rejected)


BAD_TEXTS = bad(5, True, b"x", ["x"], SURROGATE)
BAD_FIELDS: dict[str, list[Bad]] = {
    "adult": bad(1, 0, "true", []),
    "video": bad(1, 0, "true", []),
    "id": [*IDS, *bad(None)],
    "genre_ids": [*GENRE_LISTS, *bad({28}, {28: 1}.keys(), list(range(1, 50)))],
    "popularity": NUMBERS,
    "vote_average": NUMBERS,
    "vote_count": [*bad(-1, 1.5, True, None, "5", math.nan, 10**39 - 1, 10**126), HUGE],
    "title": [*BAD_TEXTS, *bad(None)],
    "name": [*BAD_TEXTS, *bad(None)],
    "release_date": DATES,
    "first_air_date": DATES,
    "origin_country": [
        *bad("US", 5, [5], [None], (b"US",), {"US"}),
        Bad([SURROGATE], repr(SURROGATE)),
    ],
}
BAD_EXTRAS = [
    *bad(math.nan, math.inf, 1e126, 1e-131, 10**39 - 1, b"x", {1}, Fraction(1, 3)),
    *[*bad(datetime(2023, 2, 1), date(2023, 2, 1), object, SURROGATE), HUGE],  # noqa: DTZ001
    *[Bad(nested(20, math.nan), "nan"), Bad([1, {"a": [math.nan]}], "extra[1].a[0]")],
    *[Bad(nested(40), "nested"), Bad(nested(100_000), "too large to be shown")],
    *[Bad([[SURROGATE]], repr(SURROGATE)), Bad({SURROGATE: 1}, repr(SURROGATE))],
    *[Bad({5: 1}, "5"), Bad([{None: 1}], "None"), Bad({"k" * 70_000: 1}, "'kkk")],
]
FIELDS_OF_KINDS = [
    pytest.param(kind, field, wrong, id=f"{kind}-{field}-{index}")
    for kind in RECORDS
    for field in [*FIELDS[kind], "extra"]
    for index, wrong in enumerate(
        BAD_EXTRAS if field == "extra" else BAD_FIELDS.get(field, BAD_TEXTS)
    )
]


@pytest.mark.parametrize(("kind", "field", "wrong"), FIELDS_OF_KINDS)
def test_a_record_with_a_bad_field_is_no_title(kind: Kind, field: str, wrong: Bad) -> None:
    """Each field of a record, and values that JSON or DynamoDB do not support, at any depth."""
    record = {**RECORDS[kind], field: wrong.value}
    with pytest.raises(errors.CatalogError) as caught:
        TITLE_CLASSES[kind].from_json(record)
    check_refusal(caught, wrong._replace(error=InvalidTitleError))


@pytest.mark.parametrize(
    ("kind", "field"),
    [(kind, name) for kind, fields in FIELDS.items() for name in fields if fields[name].required],
)
def test_a_record_without_a_required_field_is_no_title(kind: Kind, field: str) -> None:
    """The message names the missing field."""
    record = {name: value for name, value in RECORDS[kind].items() if name != field}
    with pytest.raises(InvalidTitleError, match=f"needs '{field}'"):
        TITLE_CLASSES[kind].from_json(record)


@pytest.mark.parametrize("title_class", [Movie, TVShow])
@pytest.mark.parametrize("record", [None, [], "x", 5, b"{}", [("id", 1)], True], ids=repr)
def test_what_is_no_object_is_no_title(title_class: type[Movie], record: Any) -> None:
    """A record is a mapping."""
    with pytest.raises(InvalidTitleError) as caught:
        title_class.from_json(record)
    check_refusal(caught, Bad(record, repr(record), InvalidTitleError))


@pytest.mark.parametrize(
    "key", [5, None, True, b"x", ("a",), SURROGATE, "k" * 70_000], ids=range(7)
)
def test_a_record_with_a_bad_key_is_no_title(key: Any) -> None:
    """Keys are texts that are valid as attribute names in DynamoDB."""
    with pytest.raises(InvalidTitleError) as caught:
        Movie.from_json({**RECORDS["movie"], key: 1})
    check_refusal(caught, Bad(key, repr(key)[:20], InvalidTitleError))


ODD_BUT_RIGHT: tuple[tuple[str, Any], ...] = (
    *[("popularity", value) for value in (-3.25, 7, 0, -0.0, 9.99e125, 1e-130, -9.99e125)],
    *[("vote_average", value) for value in (-1, 11.5, 1e-130)],
    *[("genre_ids", value) for value in ([], [28, 28, 12, 28], [99_999], [10**38 - 1])],
    *[("release_date", ""), ("release_date", None), ("title", ""), ("vote_count", 0)],
    *[("tagline", None), ("extra", nested(28, [1, 1.0, {"": ""}])), ("PK", "x"), ("_version", 5)],
    *[("extra", 10**38 - 1), ("extra", 10**125), ("k" * 900, 1), ("overview", "\0 é 🎬")],
)


def test_what_is_odd_but_right_is_kept(catalog: Catalog) -> None:
    """Unusual valid values are returned by the table as they were put."""
    put = [
        movie(**{"id": index, name: odd})
        for index, (name, odd) in enumerate(ODD_BUT_RIGHT, start=1)
    ]
    put += [movie(id=10**38 - 1)]
    for title in put:
        ap.put_title(catalog, title)
    for title in put:
        assert ap.get_title(catalog, "movie", title.id) == title
    assert ap.get_titles(catalog, [title.key for title in put]) == put


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_a_missing_table_is_named_and_not_created(engine: Engine, name: str) -> None:
    """In reads and writes."""
    missing = engine.catalog("not-there-at-all")
    with pytest.raises(errors.TableNotFoundError, match="'not-there-at-all'"):
        ap.PATTERNS[name].function(missing, **CALLS[name])
    assert missing.table not in engine.client.list_tables()["TableNames"]


@pytest.fixture(scope="module")
def foreign_catalog(engine: Engine) -> Iterator[Catalog]:
    """A handle on a table of another application, with another key and no index."""
    catalog = engine.catalog("somebody-elses")
    create_of_another_model(catalog)
    yield catalog
    engine.client.delete_table(TableName=catalog.table)


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_a_table_of_another_schema_is_an_error_of_the_package(
    engine: Engine, foreign_catalog: Catalog, name: str
) -> None:
    """Nothing is written, and its rejection is translated; moto does not give the reason."""
    expected = errors.CatalogError if engine.name == "moto" else errors.SchemaMismatchError
    with pytest.raises(expected, match="'somebody-elses'"):
        ap.PATTERNS[name].function(foreign_catalog, **CALLS[name])
    assert foreign_catalog.client.scan(TableName=foreign_catalog.table)["Count"] == 0


@pytest.mark.every_engine
def test_a_table_of_another_model_is_refused(foreign_catalog: Catalog) -> None:
    """By name, with the differences; it is not changed."""
    with pytest.raises(
        errors.SchemaMismatchError, match="is not of this model: the keys are"
    ) as on:
        operations.create_table(foreign_catalog)
    status = operations.table_status(foreign_catalog)
    assert str(on.value).endswith(status.remedy)
    assert status.remedy.endswith("this needs a new table")
    assert not status.is_ready
    assert any("by_popularity" in difference for difference in status.differences)


@pytest.mark.parametrize("name", ap.PATTERNS)
def test_a_dead_endpoint_is_unreachable_at_once(name: str) -> None:
    """The endpoint does not respond: a translated error with the table, in the time limit."""
    config = Config(connect_timeout=0.2, retries={"total_max_attempts": 1})
    dead = Catalog("films", endpoint_url="http://127.0.0.1:1", region="eu-west-1", config=config)
    start = time.monotonic()
    with pytest.raises(errors.UnreachableError, match="'films'"):
        ap.PATTERNS[name].function(dead, **CALLS[name])
    assert time.monotonic() - start < 5

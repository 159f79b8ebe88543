"""A title accepts the values that it returns, and other libraries' equivalent ones."""

import json
import random
from collections import UserString
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import pytest
from foreign_values import Array, Single, days, is_plain, others_of
from hypothesis import example, given
from hypothesis import strategies as st
from refused_calls import CALLS, RECORDS, movie
from strategies import full_titles, json_values, titles

from catalog_model import Catalog, Movie, TitleKey, TVShow
from catalog_model import access_patterns as ap
from catalog_model.analysis.offline import OfflineCatalog, offline_catalog
from catalog_model.checks.plain import how_to_convert, plain, plain_float
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.dynamodb.numbers import check_number
from catalog_model.entities import FIELDS, TITLE_CLASSES, Title
from catalog_model.errors import InvalidArgumentError, InvalidTitleError

pytestmark = pytest.mark.in_memory


@given(full_titles() | titles())
def test_every_field_and_extra_of_a_title_can_be_given_back_to_it(title: Movie | TVShow) -> None:
    """One by one, and all at once; nothing changes, not even for a missing field."""
    read = {name: getattr(title, name) for name in title.fields}
    for name, value in [*read.items(), *title.extra.items()]:
        assert title.replace(**{name: value}) == title
    assert title.replace(**read, **title.extra) == title


@given(full_titles())
def test_a_title_can_be_made_from_its_own_values(title: Movie | TVShow) -> None:
    """From its fields and extras, from its JSON, and with tuples instead of lists anywhere."""
    there = title.to_json()
    read = {name: getattr(title, name, there[name]) for name in there}
    assert type(title)(**read) == title
    assert type(title)(**(read | dict(title.extra))) == title
    assert type(title).from_json(MappingProxyType(read)) == title
    assert type(title).from_json({n: frozen(value) for n, value in there.items()}) == title
    assert is_plain(type(title)(**read).to_json())


def frozen(value: Any) -> Any:
    """Return a JSON value with tuples for lists and read-only objects, at any depth."""
    if isinstance(value, list):
        return tuple(map(frozen, value))
    if isinstance(value, dict):
        return MappingProxyType({name: frozen(each) for name, each in value.items()})
    return value


@given(json_values)
@example([7.5, {"a": [True, 3, "x", None]}])
@example({"a": 2**70, "b": [0.1, [1e-130]]})
@example(["a\0", "\0"])
@example([-0.0])
def test_a_value_written_in_another_way_becomes_pythons_own(value: Any) -> None:
    """At all levels: the same JSON text, with exact types, which none of the inputs had."""
    for other in others_of(value):
        assert json.dumps(plain(other)) == json.dumps(plain(value))
        assert is_plain(plain(other))


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in KINDS for name in [*FIELDS[kind], "extra"]]
)
def test_every_field_takes_what_says_the_same(kind: Kind, name: str) -> None:
    """In `from_json`, in a call of the class and in `replace`; stored values are Python's own."""
    record = {**RECORDS[kind], "extra": {"a": [1, 2.5, "x", True]}}
    title = TITLE_CLASSES[kind].from_json(record)
    is_date = FIELDS[kind].get(name) and FIELDS[kind][name].rule.kind is date
    others = list(days(record[name])) if is_date else others_of(record[name])
    assert others
    for other in others:
        for made in (
            TITLE_CLASSES[kind].from_json({**record, name: other}),
            TITLE_CLASSES[kind](**{**record, name: other}),
            title.replace(**{name: other}),
        ):
            assert made.to_json_text() == title.to_json_text()
            assert is_plain(made.to_json())


def test_what_boto3_gives_is_the_record_again() -> None:
    """Its resources give every number as a Decimal, and DynamoDB trims 7.0."""
    title = movie(popularity=7.0, vote_average=8.1, vote_count=9)
    numbers = {"id": "949", "popularity": "7", "vote_average": "8.1", "vote_count": "9"}
    given_back: dict[str, Any] = {name: Decimal(value) for name, value in numbers.items()}
    given_back["genre_ids"] = [*map(Decimal, title.genre_ids)]
    assert title.replace(**given_back) == title


@pytest.mark.parametrize("wrapped", [Array(True), Array(False)])
def test_a_truth_value_is_no_number(wrapped: Any) -> None:
    """Nor is a number a truth value, of any library."""
    for name in ("id", "popularity", "vote_count"):
        with pytest.raises(InvalidTitleError, match=f"^{name} must be"):
            movie(**{name: wrapped})
    for number in others_of(1):
        with pytest.raises(InvalidTitleError, match="video must be"):
            movie(video=number)


TITLES = [movie(id=number, popularity=float(number), genre_ids=[28, 12]) for number in range(1, 9)]
KEPT_AS_THEY_ARE = ("after", "if_unchanged", "keys", "on_progress", "rng", "title", "titles")
"""Arguments that are objects of this package, or functions."""

USED: dict[str, dict[str, Any]] = {
    name: {
        **call,
        **({"title_id": 5} if "title_id" in call else {}),
        **({"min_votes": 0, "min_rating": 0.5} if "min_votes" in call else {}),
        **({"count": 100} if "count" in call else {}),
    }
    for name, call in CALLS.items()
}
ARGUMENTS = [
    (name, argument)
    for name, call in USED.items()
    for argument, value in call.items()
    if argument not in KEPT_AS_THEY_ARE and not isinstance(value, MappingProxyType)
]


def outcome(name: str, call: dict[str, Any]) -> tuple[Any, list[Any], list[Any]]:
    """The answer of a call, its requests if it reads, and the contents of the table."""
    catalog = offline_catalog(TITLES)
    random.seed(1)
    with catalog.trace() as trace:
        answer = ap.PATTERNS[name].function(catalog, **call)
    reads = [dict(r.asked) for r in trace if ap.PATTERNS[name].role != "write"]
    return shown(answer), reads if name != "sample_titles" else [], stored(catalog)


def shown(answer: Any) -> str:
    """Return an answer as text with all types; a title as its JSON."""
    if isinstance(answer, Title):
        assert is_plain(answer.to_json())
        return answer.to_json_text()
    if isinstance(answer, list) and answer and isinstance(answer[0], Title):
        return str(sorted(title.to_json_text() for title in answer))
    return repr(answer)


def stored(catalog: OfflineCatalog) -> list[Any]:
    """Return the contents of a table without versions, which begin at random."""
    return [{n: v for n, v in item.items() if n != "_version"} for item in catalog.items()]


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_every_argument_takes_what_says_the_same(name: str, argument: str) -> None:
    """The same answer, requests and items as for Python's own value."""
    call = USED[name]
    value: Any = call[argument]
    if value is None:
        value = {"genre_id": 28, "write_units": 500}[argument]
    call = {**call, argument: value}
    expected = outcome(name, call)
    others = list(days(value)) if argument in ("since", "until") else others_of(value)
    assert others
    for other in others:
        assert outcome(name, {**call, argument: other}) == expected


def test_arguments_that_are_checked_are_all_but_a_few() -> None:
    """A new argument has to be added to one of the two lists."""
    names = {argument for call in CALLS.values() for argument in call}
    assert {argument for _, argument in ARGUMENTS} == names - set(KEPT_AS_THEY_ARE)


def test_keys_take_what_says_the_same() -> None:
    """As a pair, and as a TitleKey."""
    catalog = offline_catalog(TITLES)
    asked = [TitleKey("movie", 5), ("movie", Decimal(5)), *(("movie", n) for n in others_of(5))]
    asked += [(kind, 5) for kind in others_of("movie")]
    assert {title.id for title in ap.get_titles(catalog, asked) if title} == {5}  # type: ignore[arg-type]


class Plain(Enum):
    ONE = 5


LOSSY: list[tuple[Callable[[], Any], str]] = [
    (lambda: movie(popularity=Decimal("0.12345678901234567890")), "float(...)"),
    (lambda: movie(popularity=Fraction(1, 3)), "float(...)"),
    (lambda: movie(popularity="7.5"), "float(...)"),
    (lambda: movie(popularity=Plain.ONE), ".value"),
    (lambda: movie(vote_count=12.0), "int(...)"),
    (lambda: movie(vote_count=Decimal("12.5")), "int(...)"),
    (lambda: movie(vote_count="12"), "int(...)"),
    (lambda: movie(id=Plain.ONE), ".value"),
    (lambda: movie(title=b"Up"), ".decode()"),
    (lambda: movie(title=UserString("Up")), "str(...)"),
    (lambda: movie(release_date=datetime(2023, 2, 1, tzinfo=UTC)), ".date()"),
    (lambda: movie(genre_ids={28}), "list(...)"),
    (lambda: movie(genre_ids=(g for g in (28, 12))), "list(...)"),
    (lambda: movie(genre_ids={28: 1}.keys()), "list(...)"),
    (lambda: movie(extra=date(2023, 2, 1)), ".isoformat()"),
    (lambda: movie(extra=[{"a": b"x"}]), ".decode()"),
    (lambda: movie(extra=Decimal("0.12345678901234567890")), "float(...)"),
    (lambda: ap.get_title(OfflineCatalog("t"), "movie", 5.0), "int(...)"),  # type: ignore[arg-type]
    (lambda: ap.get_title(OfflineCatalog("t"), "movie", "5"), "int(...)"),  # type: ignore[arg-type]
    (lambda: ap.list_titles(OfflineCatalog("t"), "movie", limit=20.0), "int(...)"),  # type: ignore[arg-type]
    (lambda: ap.update_popularity(OfflineCatalog("t"), "movie", 5, 2**53 + 1), "float(...)"),
    (
        lambda: ap.find_titles_by_name(OfflineCatalog("t"), "movie", b"up"),  # type: ignore[arg-type]
        ".decode()",
    ),
]


@pytest.mark.parametrize(("call", "conversion"), LOSSY, ids=range(len(LOSSY)))
def test_a_loss_is_refused_with_its_conversion(call: Callable[[], Any], conversion: str) -> None:
    """So the loss is deliberate."""
    with pytest.raises(InvalidArgumentError) as caught:
        call()
    assert str(caught.value).endswith(f"; convert it with {conversion}")


@pytest.mark.parametrize(
    "value",
    [
        *(True, None, 5, 7.5, "x", [5], {"a": 5}, object(), 5j, float("nan"), Decimal("sNaN")),
        *(Decimal("1E+999999"), Decimal("-Infinity"), Fraction(10**400, 3), Single(float("inf"))),
    ],
    ids=lambda value: repr(value).partition(" at 0x")[0][:60],
)
def test_no_conversion_is_suggested_if_none_helps(value: Any) -> None:
    """For a value of the right type but out of range, or of an unrelated type."""
    wanted = int if type(value) is int else list if type(value) is list else type(value)
    assert how_to_convert(value, wanted if type(value) in (int, float, str, list) else bool) == ""


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_a_decimal_becomes_a_float_only_where_it_comes_back(value: Decimal) -> None:
    """By its digits, as in JSON, or by its value."""
    converted = plain_float(value)
    if isinstance(converted, float):
        assert value in (Decimal(repr(converted)), Decimal(converted))
    else:
        assert converted is value


@given(st.integers(-(10**30), 10**30) | st.integers(-(2**54), 2**54))
def test_a_whole_number_given_as_a_number_is_never_rounded(value: int) -> None:
    """It is exactly the float's, or rejected."""
    number = float(value)
    if value in (int(number), int(Decimal(repr(number)))):
        assert check_number(value, "popularity") == number
    else:
        with pytest.raises(InvalidArgumentError, match="popularity must be"):
            check_number(value, "popularity")


def test_what_has_no_end_or_bottom_is_refused() -> None:
    """It is not iterated over."""
    loop: list[Any] = []
    loop.append(loop)
    for extra in (loop, (loop,)):
        with pytest.raises(InvalidTitleError, match="nested at most 32 levels deep"):
            movie(extra=extra)
    with pytest.raises(InvalidTitleError, match="the keys of"):
        movie(extra={5: 1})


def test_a_handle_takes_no_title_for_a_catalogue() -> None:
    """Values are converted, but classes are checked."""
    with pytest.raises(InvalidArgumentError, match="catalog must be"):
        ap.get_title(Array(Catalog), "movie", 5)  # type: ignore[arg-type]

"""Records that are checked fast, and in full: the same titles, and the same errors."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from generated import Records
from hypothesis import given, settings
from hypothesis import strategies as st
from scaled import scaled

from catalog_model import Movie, entities
from catalog_model.domain.fields import COUNT, field
from catalog_model.domain.kinds import KINDS, Kind
from catalog_model.domain.usual import usual_copy
from catalog_model.entities import FIELDS, TITLE_CLASSES
from catalog_model.errors import InvalidTitleError


class Text(StrEnum):
    """Texts of a class of their own."""

    DAY = "2024-05-01"
    NAME = "id"


class Number(IntEnum):
    """Numbers of a class of their own."""

    SEVEN = 7


class Mine(dict[str, Any]):
    """A record of a class of its own."""


VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**63, 10**38 - 1, 10**38, -(10**38), 10**200, Number.SEVEN),
    *(0.0, -0.0, 7.0, 1e-99, 1e-101, 1e-131, 1e37, 1e38, 2.0**63, 1e126, -5e-324),
    *(float("nan"), float("inf"), Decimal("8.1"), Decimal("0.12345678901234567890")),
    *("", "x", "é", "\ud800", "a\udfff", "2024-05-01", "2024-02-30", "20240501", Text.DAY),
    *(date(2024, 5, 1), b"x", {}, {"a": 1}, {28}, (28, 16), [], [28, 16], [28.0], [True], [0]),
    *([Number.SEVEN], ["US"], ["\ud800"], [Text.NAME], [None], [[1]], list(range(1, 50))),
)


def outcome(kind: Kind, record: Any) -> str:
    """Return the exact record of the title, or the error."""
    try:
        title = TITLE_CLASSES[kind].from_json(record)
    except InvalidTitleError as error:
        return str(error)
    assert all(type(name) is str for name in title._record)
    return f"{type(title).__name__} {list(map(described, title._record.items()))}"


def described(value: Any) -> Any:
    """Describe a value with all classes in it."""
    parts = list(map(described, value)) if isinstance(value, (list, tuple)) else repr(value)
    return type(value), parts


def assert_same(kind: Kind, record: Any) -> None:
    """Compare the two ways."""
    fast = outcome(kind, record)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entities, "usual_copy", lambda *_: None)
        assert fast == outcome(kind, record)


def changed(records: Records, kind: Kind) -> Iterator[Any]:
    """Return one record with every value in place of each of its own, and in other forms."""
    (record, *_) = records[kind].values()
    for name in (*FIELDS[kind], "x"):
        for value in VALUES:
            yield {**record, name: value}
        yield {other: value for other, value in record.items() if other != name}
    yield Mine(record)
    yield {Text.NAME if name == "id" else name: value for name, value in record.items()}
    yield {**record, 7: 7}
    yield from (None, [], "x", [record])


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_every_field_is_checked_as_in_full(kind: Kind, records: Records) -> None:
    """Other classes, numbers out of range, lone surrogates, missing and unknown names."""
    for record in changed(records, kind):
        assert_same(kind, record)


@settings(max_examples=scaled(200))
@given(data=st.data())
def test_every_record_is_checked_as_in_full(data: st.DataObject, records: Records) -> None:
    """With several values replaced."""
    kind = data.draw(st.sampled_from(KINDS))
    record = data.draw(st.sampled_from(list(records[kind].values())))
    replaced = st.dictionaries(st.sampled_from(list(record)), st.sampled_from(VALUES), max_size=3)
    assert_same(kind, {**record, **data.draw(replaced)})


@pytest.mark.parametrize("kind", KINDS)
def test_records_of_the_files_are_checked_fast(kind: Kind, records: Records) -> None:
    """All of them are usual; the copy shares no list with the record."""
    check = TITLE_CLASSES[kind]._is_usual
    for record in records[kind].values():
        copy = usual_copy(record, check)
        assert copy == record
        assert copy["genre_ids"] is not record["genre_ids"]


def test_a_class_with_more_fields_has_its_own_check(records: Records) -> None:
    """The check is that of the class, not of its kind."""

    class Long(Movie):
        runtime: int = field(COUNT)

    (record, *_) = records["movie"].values()
    assert Movie._is_usual(record)
    assert Long._is_usual({**record, "runtime": 90})
    assert not Long._is_usual({**record, "runtime": -1})
    assert Long.from_json({**record, "runtime": 90}).runtime == 90

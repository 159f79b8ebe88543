"""The checks of a record: its fields, and what JSON and DynamoDB can hold. Pure."""

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from catalog_model.checks import advice, shown
from catalog_model.checks.plain import MAX_DEPTH, plain, plain_text
from catalog_model.domain.fields import Fields
from catalog_model.domain.kinds import Kind
from catalog_model.dynamodb.numbers import number_problem
from catalog_model.errors import InvalidTitleError

_OTHER_KIND: Final[Mapping[str, tuple[Kind, str]]] = {
    "title": ("tv", "name"),
    "name": ("movie", "title"),
}
"""For the name of a title of one kind, that of the other kind."""

_SHARED: Final = frozenset({str, int, bool, type(None)})
"""Classes of values that a copy shares with the original."""

MAX_NAME_BYTES: Final = 65_000
"""DynamoDB allows 64 KB for the name of an attribute, and escaping may add to it."""


def plain_record(record: object, kind: Kind, fields: Fields) -> dict[str, Any]:
    """Return a deep copy of a record of *kind*, converted to JSON where that is lossless."""
    if not isinstance(record, Mapping):
        raise InvalidTitleError(f"a {kind} record must be a JSON object, not {shown(record)}")
    copy = {
        plain_text(name): fields[name].rule.plain(value) if name in fields else plain(value)
        for name, value in record.items()
    }
    check_record(copy, kind, fields, shown_as=record)
    return copy


def check_record(
    record: object, kind: Kind, fields: Fields, *, shown_as: Mapping[str, Any] | None = None
) -> None:
    """Check that a record of *kind* is valid JSON; messages show the values of *shown_as*."""
    if not isinstance(record, Mapping):
        raise InvalidTitleError(f"a {kind} record must be a JSON object, not {shown(record)}")
    for name, field in fields.items():
        if name in record:
            problem = field.rule.problem(record[name])
            if problem:
                _refuse(name, (shown_as or record)[name], problem, field.rule.kind)
        elif field.required:
            needed = f"{name!r}{_other_kind(name, record)}"
            raise InvalidTitleError(f"a {kind} record needs {needed}: {shown(dict(record))}")
    for name, value in record.items():
        if name not in fields:
            _check_name(name)
        _check_value(name, value, 1)


def _other_kind(missing: str, record: Mapping[Any, Any]) -> str:
    """Return a remark on a record that has the name of the other kind instead; else ""."""
    if missing not in _OTHER_KIND or _OTHER_KIND[missing][1] not in record:
        return ""
    other, name = _OTHER_KIND[missing]
    return f" (it has the {name!r} of a {other} record)"


def _check_value(path: str, value: Any, depth: int) -> None:
    """Check that both JSON and DynamoDB can hold a value, at any depth."""
    if depth > MAX_DEPTH:
        _refuse(path, value, f"nested at most {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_unicode(path, value)
    elif type(value) in (int, float):
        problem = number_problem(value)
        if problem:
            _refuse(path, value, problem)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            _check_value(f"{path}[{index}]", element, depth + 1)
    elif isinstance(value, dict):
        for name, element in value.items():
            _check_name(name, path)
            _check_value(f"{path}.{name}", element, depth + 1)
    else:
        _refuse(path, value, "a JSON value", object)


def _check_name(name: object, path: str = "a record") -> None:
    if not isinstance(name, str):
        raise InvalidTitleError(f"the keys of {path} must be texts, not {shown(name)}")
    _check_unicode("a key", name)
    if len(name.encode()) > MAX_NAME_BYTES:
        raise InvalidTitleError(f"a key must have at most {MAX_NAME_BYTES:,} bytes: {shown(name)}")


def _check_unicode(path: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(path, text, "a text without lone surrogates")


def _refuse(path: str, value: Any, wanted: str, kind: type | None = None) -> NoReturn:
    raise InvalidTitleError(f"{path} must be {wanted}, not {shown(value)}{advice(value, kind)}")


def copy_json(value: Any) -> Any:
    """Return a deep copy of a JSON value. -0.0 becomes 0.0, because DynamoDB has only one zero."""
    kind = type(value)
    if kind in _SHARED:
        return value
    if kind is float:
        return value + 0.0
    if isinstance(value, list):
        return [each if type(each) in _SHARED else copy_json(each) for each in value]
    if isinstance(value, (dict, Mapping)):  # in this order: a dict is told at once
        return {
            name: each if type(each) in _SHARED else copy_json(each) for name, each in value.items()
        }
    return value

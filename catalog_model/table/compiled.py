"""Fast decoding of usual titles, by functions that are compiled once for each kind.

A usual title has every field of the model and nothing else. Its document is parsed by orjson if it
is installed, its attributes are decoded without `decimal`, and its fields are checked without a
loop. For everything else these functions return None, and `catalog_model.table.codec` decodes it in
full: neither results nor errors depend on which of the two did it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from operator import itemgetter
from typing import Any, Final

from catalog_model.checks.nesting import MAX_NESTING, parse_json
from catalog_model.domain.arguments import is_date
from catalog_model.domain.fields import COUNT, DATE, ID, Rule
from catalog_model.domain.kinds import END_OF_IDS, Kind
from catalog_model.dynamodb.typed_json import ALWAYS_HELD, JSON, MALFORMED, Value
from catalog_model.entities import FIELDS

try:
    from orjson import loads
except ImportError:

    def loads(text: str) -> Any:  # type: ignore[misc]  # orjson's may also be of bytes
        """Parse JSON as the full decoder does."""
        return parse_json(text, JSON)


Record = dict[str, Any]

INEXACT: Final = 2.0**63
"""orjson converts whole numbers from here on to floats, which lose digits."""

SHORT: Final = 2 * MAX_NESTING
"""Characters. Valid JSON that is not longer than this cannot be nested too deeply."""


class _UnusualError(ValueError):
    """The value needs the full decoder."""


def record_of_document(kind: Kind, text: str) -> Record | None:
    """Return the record of a title from its JSON text; None if it is not a usual one."""
    if type(text) is not str:
        return None
    if len(text) > SHORT and text.count("[") + text.count("{") > MAX_NESTING:
        return None
    try:
        record = loads(text)
        is_usual = type(record) is dict and _check_of(kind)(record)
    except MALFORMED:
        return None
    return record if is_usual else None


def record_of_item(kind: Kind, item: Mapping[str, Any]) -> Record | None:
    """Return the record of a title from the attributes of its item; None if it is not a usual one.

    The item has no attributes but the fields of the model and the package's own.
    """
    try:
        record = _decoder_of(kind)(item)
        is_usual = _check_of(kind)(record)
    except MALFORMED:
        return None
    return record if is_usual else None


_INLINE: Final[Mapping[Rule, str]] = {
    ID: "(type({0}) is int and 0 < {0} < END_OF_IDS)",
    COUNT: "(type({0}) is int and {0} >= 0)",
    DATE: "(type({0}) is str and (not {0} or is_date({0})))",
}
"""What these rules accept, without a call of a function; a test compares the two."""


@cache
def _check_of(kind: Kind) -> Callable[[Record], bool]:
    """Compile the check of a record's fields; a missing one is a `KeyError`."""
    fields = FIELDS[kind]
    known: dict[str, Any] = {
        "values_of": itemgetter(*fields),
        "INEXACT": INEXACT,
        "END_OF_IDS": END_OF_IDS,
        "is_date": is_date,
    }
    known.update({f"accepts_{name}": field.rule.accepts for name, field in fields.items()})
    source = (
        f"def is_usual(record):\n"
        f"    {', '.join(f'the_{name}' for name in fields)} = values_of(record)\n"
        f"    return len(record) == {len(fields)} and "
        f"{' and '.join(_test(name, field.rule) for name, field in fields.items())}\n"
    )
    is_usual: Callable[[Record], bool] = _compiled(source, "is_usual", known)
    return is_usual


def _test(name: str, rule: Rule) -> str:
    value = f"the_{name}"
    test = _INLINE.get(rule, f"accepts_{name}({{0}})").format(value)
    if rule.is_every:
        test = f"type({value}) is {rule.kind.__name__}"
    if rule.is_float:
        test = f"(-INEXACT < {value} < INEXACT if type({value}) is float else {test})"
    return f"({value} is None or {test})" if rule.is_nullable else test


@cache
def _decoder_of(kind: Kind) -> Callable[[Mapping[str, Value]], Record]:
    """Compile the decoder of an item's attributes to its record; a missing one is a `KeyError`."""
    parts = [
        f"{name!r}: {_DECODERS.get(field.rule.kind, _plain).__name__}(item[{name!r}])"
        for name, field in FIELDS[kind].items()
    ]
    source = f"def record_of(item):\n    return {{{', '.join(parts)}}}\n"
    known = {each.__name__: each for each in (_plain, *_DECODERS.values())}
    record_of: Callable[[Mapping[str, Value]], Record] = _compiled(source, "record_of", known)
    return record_of


def _compiled(source: str, name: str, known: Mapping[str, Any]) -> Any:
    """Compile a function, as `dataclasses` does, from names of fields and nothing else."""
    namespace = dict(known)
    exec(source, namespace)  # noqa: S102
    return namespace[name]


def _plain(value: Value) -> Any:
    ((kind, content),) = value.items()
    if kind in ("S", "BOOL"):
        return content
    if kind == "NULL":
        return None
    raise _UnusualError


def _whole(value: Value) -> int:
    content = value["N"]
    if len(value) == 1 and len(content) <= ALWAYS_HELD:
        return int(content)
    raise _UnusualError


def _number(value: Value) -> float:
    content = value["N"]
    if len(value) == 1 and len(content) <= ALWAYS_HELD:
        number = float(content)
        if number or content == "0":  # other zeros may have any exponent
            return number
    raise _UnusualError


def _list(value: Value) -> Any:
    ((kind, content),) = value.items()
    if kind == "L":
        return [_whole(each) if "N" in each else _plain(each) for each in content]
    return _plain(value)


_DECODERS: Final[Mapping[type, Callable[[Value], Any]]] = {
    int: _whole,
    float: _number,
    list: _list,
}
"""The decoders of fields of these types; `_plain` decodes all others."""

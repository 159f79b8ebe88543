"""Fast decoding of usual titles, by functions that are compiled once for each kind.

A usual title has every field of the model and nothing else. Its document is parsed by orjson if it
is installed, its attributes are decoded without `decimal`, and its fields are checked without a
loop. For everything else these functions return None, and `catalog_model.table.codec` decodes it in
full: neither results nor errors depend on which of the two did it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from catalog_model.checks.nesting import MAX_NESTING, nests_too_deeply
from catalog_model.domain.fields import Rule
from catalog_model.domain.kinds import Kind
from catalog_model.domain.usual import compiled
from catalog_model.dynamodb.typed_json import ALWAYS_HELD, JSON, MALFORMED, Value
from catalog_model.entities import FIELDS, TITLE_CLASSES

try:
    from orjson import loads
except ImportError:

    def loads(text: str) -> Any:  # type: ignore[misc]  # orjson's may also be of bytes
        """Parse JSON as the full decoder does; text around a value raises `ValueError`."""
        if len(text) > MAX_NESTING and nests_too_deeply(text):
            raise ValueError("it is nested too deeply")
        value, end = JSON.raw_decode(text)
        if end < len(text):
            raise ValueError("there is text after its value")
        return value


Record = dict[str, Any]

_IS_USUAL: Final = {kind: title_class._is_usual for kind, title_class in TITLE_CLASSES.items()}

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
        return record if type(record) is dict and _IS_USUAL[kind](record) else None
    except MALFORMED:
        return None


def records_of_documents(kind: Kind, texts: Sequence[str]) -> list[Record | None]:
    """Return the records of several titles, in their order; None in place of unusual ones.

    All texts are parsed, then all records are checked: that is faster than title by title.
    """
    is_usual = _IS_USUAL[kind]
    try:
        if {str}.issuperset(map(type, texts)) and max(map(len, texts), default=0) <= SHORT:
            records = [loads(text) for text in texts]
            return [each if type(each) is dict and is_usual(each) else None for each in records]
    except MALFORMED:
        pass
    return [record_of_document(kind, text) for text in texts]


def record_of_item(kind: Kind, item: Mapping[str, Any]) -> Record | None:
    """Return the record of a title from the attributes of its item; None if it is not a usual one.

    The item has no attributes but the fields of the model and the package's own.
    """
    try:
        record = _decoder_of(kind)(item)
        return record if _IS_USUAL[kind](record) else None
    except MALFORMED:
        return None


@cache
def _decoder_of(kind: Kind) -> Callable[[Mapping[str, Value]], Record]:
    """Compile the decoder of an item's attributes to its record; a missing one is a `KeyError`."""
    parts = [f"{name!r}: {_decoded(name, field.rule)}" for name, field in FIELDS[kind].items()]
    source = f"def record_of(item):\n    return {{{', '.join(parts)}}}\n"
    known = {each.__name__: each for each in (_plain, *_DECODERS.values())}
    record_of: Callable[[Mapping[str, Value]], Record] = compiled(source, "record_of", known)
    return record_of


def _decoded(name: str, rule: Rule) -> str:
    """Return the expression that decodes an attribute; of a text, without a call of a function."""
    if rule.kind in _DECODERS:
        return f"{_DECODERS[rule.kind].__name__}(item[{name!r}])"
    mark = "BOOL" if rule.kind is bool else "S"
    value = f"value := item[{name!r}]"
    return f"value[{mark!r}] if {mark!r} in ({value}) and len(value) == 1 else _plain(value)"


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

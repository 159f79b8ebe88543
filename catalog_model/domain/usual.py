"""The check of usual records, compiled from the fields of the model. Pure.

A usual record has every field of the model and nothing else, with values of JSON's own types. What
these functions accept is valid. Everything else is checked in full, by
`catalog_model.domain.records`, so neither results nor errors depend on which of the two did it.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, Final

from catalog_model.domain.arguments import is_date
from catalog_model.domain.fields import COUNT, DATE, ID, Fields, Rule
from catalog_model.domain.kinds import END_OF_IDS
from catalog_model.domain.records import copy_json

Record = dict[str, Any]
Check = Callable[[Record], bool]

INEXACT: Final = 2.0**63
"""orjson converts whole numbers from here on to floats, which lose digits."""

SMALL: Final = 1e-100
"""Within DynamoDB's range, so larger floats need no check of it."""

LARGE: Final[int] = END_OF_IDS
"""Whole numbers below this have at most 38 digits."""

INLINE: Final[Mapping[Rule, str]] = {
    ID: "(type({0}) is int and 0 < {0} < END_OF_IDS)",
    COUNT: "(type({0}) is int and {0} >= 0)",
    DATE: "(type({0}) is str and (not {0} or is_date({0})))",
}
"""What these rules accept, without a call of a function; a test compares the two."""


def compiled_check(fields: Fields) -> Check:
    """Compile the check of a record's fields, without a loop.

    Another name in place of a field's may be a `KeyError`.
    """
    known: dict[str, Any] = {
        "values_of": itemgetter(*fields),
        "INEXACT": INEXACT,
        "END_OF_IDS": END_OF_IDS,
        "is_date": is_date,
    }
    known.update({f"accepts_{name}": field.rule.accepts for name, field in fields.items()})
    source = (
        f"def is_usual(record):\n"
        f"    if len(record) != {len(fields)}:\n"
        f"        return False\n"
        f"    {', '.join(f'the_{name}' for name in fields)} = values_of(record)\n"
        f"    return {' and '.join(_test(name, field.rule) for name, field in fields.items())}\n"
    )
    is_usual: Check = compiled(source, "is_usual", known)
    return is_usual


def _test(name: str, rule: Rule) -> str:
    value = f"the_{name}"
    test = INLINE.get(rule, f"accepts_{name}({{0}})").format(value)
    if rule.is_every:
        test = f"type({value}) is {rule.kind.__name__}"
    if rule.is_float:
        test = f"(-INEXACT < {value} < INEXACT if type({value}) is float else {test})"
    return f"({value} is None or {test})" if rule.is_nullable else test


def compiled(source: str, name: str, known: Mapping[str, Any]) -> Any:
    """Compile a function, as `dataclasses` does, from names of fields and nothing else."""
    namespace = dict(known)
    exec(source, namespace)  # noqa: S102
    return namespace[name]


def usual_copy(record: object, is_usual: Check) -> Record | None:
    """Return a copy of a usual record that JSON and DynamoDB can hold; None for all others."""
    if type(record) is not dict or {str}.union(map(type, record)) != {str}:
        return None
    try:
        is_valid = is_usual(record)
    except KeyError:
        return None
    return copy_json(record) if is_valid and all(map(_is_held, record.values())) else None


def _is_held(value: object) -> bool:
    """Whether both JSON and DynamoDB hold a value as it is."""
    if type(value) is str:
        return _is_unicode(value)
    if type(value) is float:
        return not value or not -SMALL <= value <= SMALL
    if type(value) is int:
        return abs(value) < LARGE
    if type(value) is list:
        return all(map(_is_held, value))
    return type(value) is bool or value is None


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

"""Argument checks: each returns the value, or raises an error that names it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

from catalog_model.checks.plain import how_to_convert, plain, plain_text
from catalog_model.errors import InvalidArgumentError

SHOWN: Final = 80
"""Maximum number of characters of a value in an error message."""

_LEVELS: Final = 200
_LONG: Final = 10_000  # formatting longer texts takes too long

_Choice = TypeVar("_Choice", bound=str)


def shown(value: object) -> str:
    """Return the `repr` of *value* for an error message, truncated if it is long."""
    if isinstance(value, (str, bytes)) and len(value) > _LONG:
        return f"{shown(value[:SHOWN])[:SHOWN]}... ({len(value):,} characters)"
    try:
        text = _too_large(value) if _is_deep(value) else repr(value)
    except (ValueError, RecursionError):  # an int with too many digits
        text = _too_large(value)
    except Exception:  # noqa: BLE001  # from the value's class: report the value, not this error
        text = f"{type(value).__name__} that cannot be shown"
    text = text.encode("ascii", "backslashreplace").decode() if _has_surrogates(text) else text
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"


def counted(count: float | str, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "finding"), counted(1160, "title"), counted(1.5, "second"), counted("n", "unit")
    ('1 finding', '1,160 titles', '1.5 seconds', 'n units')
    """
    text = count if isinstance(count, str) else f"{count:,}" if type(count) is int else f"{count:g}"
    return f"{text} {noun}" if text == "1" else f"{text} {noun}s"


def _too_large(value: object) -> str:
    return f"{type(value).__name__} too large to be shown"


def _is_deep(value: object) -> bool:
    """Whether a value is nested more deeply than every Python version can format."""
    level, seen = [value], set[int]()
    for _ in range(_LEVELS):
        containers = [each for each in level if isinstance(each, (dict, list, tuple))]
        new = {id(each): each for each in containers if id(each) not in seen}
        if not new:
            return False
        seen |= new.keys()
        parts = (each.values() if isinstance(each, dict) else each for each in new.values())
        level = list(chain.from_iterable(parts))
    return True


def refuse(name: str, value: object, wanted: str, kind: type | None = None) -> NoReturn:
    """Raise `InvalidArgumentError`; with *kind*, the message suggests a conversion."""
    raise InvalidArgumentError(f"{name} must be {wanted}, not {shown(value)}{advice(value, kind)}")


def advice(value: object, kind: type | None) -> str:
    """Return advice on converting *value* to *kind*, for conversions that may lose information.

    >>> advice(7.0, int)
    '; convert it with int(...)'
    """
    conversion = how_to_convert(value, kind) if kind else ""
    return f"; convert it with {conversion}" if conversion else ""


def check_many(values: object, name: str, wanted: str) -> Iterator[Any]:
    """Return an iterator over *values*; a text or a numpy array without dimensions is rejected."""
    if not isinstance(values, (str, bytes)) and isinstance(values, Iterable):
        with suppress(TypeError):
            return iter(values)
    refuse(name, values, wanted)


def check_within(value: object, name: str, least: int, most: int) -> int:
    """Check for a whole number from *least* to *most*."""
    number = value if type(value) is int else plain(value)
    if type(number) is not int or not least <= number <= most:
        refuse(name, value, f"a whole number from {least} to {most}", int)
    return number


def check_choice(value: object, name: str, choices: tuple[_Choice, ...]) -> _Choice:
    """Check for one of *choices*."""
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    refuse(name, value, " or ".join(map(repr, choices)))


def check_flag(value: object, name: str) -> bool:
    """Check for True or False; other values are not interpreted as flags."""
    flag = plain(value)
    if not isinstance(flag, bool):
        refuse(name, value, "True or False")
    return flag


def check_text(value: object, name: str) -> str:
    """Check for a text that can be encoded as UTF-8."""
    if not isinstance(value, str):
        refuse(name, value, "a text", str)
    if _has_surrogates(value):
        refuse(name, value, "a text without lone surrogates")
    return str(plain_text(value))


def check_path(path: object, name: str, what: str = "a file") -> Path:
    """Check for a path, or its text."""
    if not isinstance(path, (str, Path)):
        refuse(name, path, f"the path of {what}")
    return Path(path)


def check_progress(on_progress: Callable[[int], None] | None) -> Callable[[int], None]:
    """Check a callback for progress; None becomes a function that does nothing."""
    if on_progress is None:
        return lambda _: None
    if not callable(on_progress):
        refuse("on_progress", on_progress, "a function of a number")
    return on_progress


def check_instance(value: object, name: str, kind: type[Any]) -> None:
    """Check for an instance of *kind*."""
    if not isinstance(value, kind):
        refuse(name, value, f"a {kind.__name__}")


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)

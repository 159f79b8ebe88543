"""Checks of arguments: each returns the value, or refuses it with an error that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, Final, NoReturn, TypeVar

from catalog_model.checks.plain import how_to_convert, plain, plain_text
from catalog_model.errors import InvalidArgumentError

SHOWN: Final = 80
"""Characters of a value that an error message shows."""

_LEVELS: Final = 200
_LONG: Final = 10_000  # longer texts take time to write out

_Choice = TypeVar("_Choice", bound=str)


def shown(value: object) -> str:
    """Show *value* in an error message: as Python writes it, cut where it gets long."""
    if isinstance(value, (str, bytes)) and len(value) > _LONG:
        return f"{shown(value[:SHOWN])[:SHOWN]}... ({len(value):,} characters)"
    try:
        text = _too_large(value) if _is_deep(value) else repr(value)
    except (ValueError, RecursionError):  # an int of too many digits
        text = _too_large(value)
    except Exception:  # noqa: BLE001  # a class's own: what is wrong is the value, not its words
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
    """Whether a value has more levels than every Python can show."""
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
    """Raise the one error for a bad argument; with the *kind* that it is to have, how to convert.

    Raises:
        InvalidArgumentError: Always.
    """
    raise InvalidArgumentError(f"{name} must be {wanted}, not {shown(value)}{advice(value, kind)}")


def advice(value: object, kind: type | None) -> str:
    """Say how *value* is converted to *kind* where that is not done here, as it is not exact.

    >>> advice(7.0, int)
    '; convert it with int(...)'
    """
    conversion = how_to_convert(value, kind) if kind else ""
    return f"; convert it with {conversion}" if conversion else ""


def check_many(values: object, name: str, wanted: str) -> Iterator[Any]:
    """Accept several values; a text is one, and so is numpy's array of no dimension."""
    if not isinstance(values, (str, bytes)) and isinstance(values, Iterable):
        with suppress(TypeError):
            return iter(values)
    refuse(name, values, wanted)


def check_within(value: object, name: str, least: int, most: int) -> int:
    """Accept a whole number from *least* to *most*."""
    number = plain(value)
    if type(number) is not int or not least <= number <= most:
        refuse(name, value, f"a whole number from {least} to {most}", int)
    return number


def check_choice(value: object, name: str, choices: tuple[_Choice, ...]) -> _Choice:
    """Accept one of a few words."""
    for choice in choices:
        if isinstance(value, str) and value == choice:
            return choice
    refuse(name, value, " or ".join(map(repr, choices)))


def check_flag(value: object, name: str) -> bool:
    """Accept True or False, and nothing that merely behaves like them."""
    flag = plain(value)
    if not isinstance(flag, bool):
        refuse(name, value, "True or False")
    return flag


def check_text(value: object, name: str) -> str:
    """Accept a text that can be written as UTF-8."""
    if not isinstance(value, str):
        refuse(name, value, "a text", str)
    if _has_surrogates(value):
        refuse(name, value, "a text without lone surrogates")
    return str(plain_text(value))


def check_progress(on_progress: Callable[[int], None] | None) -> Callable[[int], None]:
    """Accept a function of how much is done; for None give one that does nothing."""
    if on_progress is None:
        return lambda _: None
    if not callable(on_progress):
        refuse("on_progress", on_progress, "a function of a number")
    return on_progress


def check_instance(value: object, name: str, kind: type[Any]) -> None:
    """Accept an instance of *kind*."""
    if not isinstance(value, kind):
        refuse(name, value, f"a {kind.__name__}")


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)

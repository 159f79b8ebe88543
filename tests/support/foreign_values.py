"""Values and exceptions of other libraries.

The values are equivalent to those of Python's own types. numpy's are among them if it is installed;
otherwise, there are classes that behave like its scalars.
"""

import builtins
import enum
import http.client
import json
import numbers
import socket
import ssl
import string
from collections import OrderedDict, UserList, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple

import boto3.exceptions
import botocore.exceptions
import botocore.httpsession
import botocore.parsers
import botocore.tokens
import pynamodb.exceptions
import urllib3.exceptions

np: Any = import_module("numpy") if find_spec("numpy") else None


class Text(str):
    """A subclass of `str` with a different representation."""

    __slots__ = ()

    def __str__(self) -> str:
        return "another text"

    def __format__(self, _: str) -> str:
        return "another text"


class Int(int):
    """A subclass of `int`."""

    def __str__(self) -> str:
        return "another number"

    def __format__(self, _: str) -> str:
        return "another number"


class Float(float):
    """A subclass of `float`, like numpy's float64."""

    def __repr__(self) -> str:
        return "another number"


@numbers.Integral.register
@dataclass(frozen=True)
class Index:
    """A whole number that is not an `int`, like numpy's int64."""

    value: int

    def __index__(self) -> int:
        return self.value


@numbers.Real.register
@dataclass
class Single:
    """A number that is not a `float`, like numpy's float32."""

    value: float

    def __float__(self) -> float:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __hash__(self) -> int:
        return hash(self.value)


@dataclass
class Array:
    """An object that converts itself to Python's types, like numpy's bool and arrays."""

    value: Any

    def tolist(self) -> Any:
        """Return the value."""
        return self.value


class Many(Array):
    """An array of several values."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)


class Pair(NamedTuple):
    """A tuple with names."""

    first: Any
    second: Any


def member(kind: Any, value: Any, **mixed: type) -> Any:
    """Make an enumeration member of a kind."""
    return kind("Member", {"ONE": value}, **mixed)["ONE"]


def whole_numbers(value: int) -> Iterator[Any]:
    yield from (Int(value), Decimal(value), Fraction(value), Index(value))
    yield member(enum.IntEnum, value)
    yield member(enum.Enum, value, type=int)
    if np and 0 <= value < 2**62:
        yield from (kind(value) for kind in (np.int64, np.uint64, np.longlong))


def floats(value: float) -> Iterator[Any]:
    """Yield a float in all other representations; a whole Decimal is a whole number."""
    yield from (Float(value), Single(value), member(enum.Enum, value, type=float))
    if Decimal(repr(value)).as_tuple().exponent < 0:  # type: ignore[operator]  # it is finite
        yield Decimal(repr(value))
    if not value.is_integer():
        yield from (Decimal(value), Fraction(value))
    if np:
        yield from (np.float64(value), np.longdouble(value))
        if abs(value) < float(np.finfo(np.float16).max):
            others = (kind(value) for kind in (np.float32, np.float16))
            yield from (other for other in others if float(other) == value)


def texts(value: str) -> Iterator[Any]:
    yield Text(value)
    yield member(enum.StrEnum, value)
    yield member(enum.Enum, value, type=str)
    if np and not value.endswith("\0"):
        yield np.str_(value)


def flags(value: bool) -> Iterator[Any]:
    yield Array(value)
    if np:
        yield np.bool_(value)


def days(value: str) -> Iterator[Any]:
    yield date.fromisoformat(value)
    yield from texts(value)
    yield Array(date.fromisoformat(value))
    if np:
        yield np.datetime64(value)


def lists(value: list[Any]) -> Iterator[Any]:
    """Yield a list in all other representations, and those of its elements."""
    yield from (tuple(value), UserList(value), deque(value), Many(value))
    for others in zip(*map(others_of, value), strict=False):
        yield from (list(others), tuple(others))
    if len(value) == len(Pair._fields):
        yield Pair(*value)
    is_uniform = {type(each) for each in value} in ({int}, {str}, {float})
    if np and is_uniform and not any(str(each).endswith("\0") for each in value):  # it drops them
        yield np.array(value)


def objects(value: dict[str, Any]) -> Iterator[Any]:
    """Yield an object in all other representations, and those of its keys and values."""
    yield from (MappingProxyType(value), OrderedDict(value), {Text(n): e for n, e in value.items()})
    for others in zip(*map(others_of, value.values()), strict=False):
        yield dict(zip(value, others, strict=True))


_OTHERS: dict[type, Callable[[Any], Iterator[Any]]] = {
    bool: flags,
    dict: objects,
    float: floats,
    int: whole_numbers,
    list: lists,
    str: texts,
}


def others_of(value: Any) -> list[Any]:
    """Yield a value in all other representations."""
    return list(_OTHERS[type(value)](value)) if value is not None else [None]


def is_plain(value: Any) -> bool:
    """Whether a value consists only of Python's own types."""
    if type(value) is dict:
        return all(type(name) is str and is_plain(each) for name, each in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


# --- One exception of every class that libraries and Python can raise

MODULES = (
    *(boto3.exceptions, botocore.exceptions, botocore.httpsession, botocore.parsers),
    *(botocore.tokens, builtins, http.client, json, pynamodb.exceptions, socket, ssl),
    urllib3.exceptions,
)
PASS_THROUGH = (MemoryError, Warning)
"""Exceptions that pass through; a warning is only raised if the user configured it."""


def classes() -> list[type[Exception]]:
    """Yield each class once: those that the modules define, and their subclasses."""
    found = {
        derived
        for module in MODULES
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Exception)
        for derived in _with_derived(kind)
        if not issubclass(derived, PASS_THROUGH)
        and not derived.__module__.startswith("catalog_model")
    }
    return sorted(found, key=lambda kind: (kind.__module__, kind.__qualname__))


def _with_derived(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    if kind.__module__ != "builtins":  # the base of most other classes
        for derived in kind.__subclasses__():
            yield from _with_derived(derived)


def made(kind: type[Exception]) -> Exception:
    """Make an exception, with the arguments of its library if they are known."""
    fields = [name for _, name, _, _ in string.Formatter().parse(getattr(kind, "fmt", "")) if name]
    attempts: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((), dict.fromkeys(fields, "what was given")),
        (("what went wrong",), {}),
        (({"Error": {"Code": "Odd", "Message": "what went wrong"}}, "GetItem"), {}),
        (("utf-8", b"\xff", 0, 1, "what went wrong"), {}),
        (("what went wrong", "a document", 0), {}),
        (("what went wrong", [ValueError()]), {}),
    ]
    for args, kwargs in attempts[0 if fields else 1 :]:
        try:
            return kind(*args, **kwargs)
        except (TypeError, AttributeError, KeyError):
            continue
    bare = kind.__new__(kind, "what went wrong")
    assert isinstance(bare, kind)
    return bare

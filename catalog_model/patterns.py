"""The catalogue of access patterns: each function declares beside its code what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, MappingProxyType
from typing import Any, Final, Literal, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class AccessPattern:
    """One question that the table answers, or one change that it takes."""

    name: str
    question: str
    operation: str
    index: str
    key_condition: str
    order: str
    consistency: str
    cost: str
    role: Literal["read", "write"]
    function: Callable[..., Any]


_declared: Final[dict[str, AccessPattern]] = {}
_names: Final[dict[CodeType, str]] = {}


def access_pattern(
    *,
    question: str,
    operation: str,
    index: str,
    key_condition: str,
    cost: str,
    order: str = "",
    consistency: str = "",
    role: Literal["read", "write"] = "read",
) -> Callable[[_F], _F]:
    """Declare a function to be an access pattern, and give it back as it is."""

    def register(function: _F) -> _F:
        _declared[function.__name__] = AccessPattern(
            name=function.__name__,
            question=question,
            operation=operation,
            index=index,
            key_condition=key_condition,
            order=order,
            consistency=consistency,
            cost=cost,
            role=role,
            function=function,
        )
        _names[function.__code__] = function.__name__
        return function

    return register


def catalogue_of(*functions: Callable[..., Any]) -> Mapping[str, AccessPattern]:
    """Give the declarations of *functions* by their names, in this order."""
    return MappingProxyType({each.__name__: _declared[each.__name__] for each in functions})


def pattern_of(code: CodeType) -> str | None:
    """Name the access pattern that this code is the body of."""
    return _names.get(code)


def declared_names() -> frozenset[str]:
    """Name every function that was declared to be an access pattern."""
    return frozenset(_declared)

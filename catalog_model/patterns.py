"""The catalogue of access patterns: each function declares beside its code what it asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
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


_registered: dict[str, AccessPattern] = {}

PATTERNS: Final[Mapping[str, AccessPattern]] = MappingProxyType(_registered)
"""Every access pattern by the name of its function. Filled by importing `access_patterns`."""


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
    """Register a function as an access pattern, and give it back as it is."""

    def register(function: _F) -> _F:
        _registered[function.__name__] = AccessPattern(
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
        return function

    return register

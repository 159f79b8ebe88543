"""Parses DynamoDB's expressions: their names and values, and the assignments of an update."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

_TOKEN: Final = re.compile(r"[#:]?\w+|\[\d+\]|<=|>=|<>|[^\s\w]")
_WORDS: Final = frozenset({"AND", "BETWEEN", "IN", "NOT", "OR"})
_VERBS: Final = frozenset({"ADD", "DELETE", "REMOVE", "SET"})


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression of any kind; its names are in their original form, such as ``#a``."""

    tokens: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]
    attributes: tuple[str, ...]
    """The first names of all paths: ``#a`` in ``#a.b = :c``."""
    longest_list: int
    """The number of operands of the longest ``IN``."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One action of an UpdateExpression: the operation, the attribute and the operands."""

    verb: str
    path: tuple[str, ...]
    operand: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The operand's type if it is fixed; "" if it depends on the values."""
        if "+" in self.operand or "-" in self.operand:
            return "N"
        return "L" if self.operand[:1] == ("list_append",) else ""

    @property
    def value(self) -> str:
        """The only value written: ``:v`` or ``if_not_exists(.., :v)``; "" if none or several."""
        if self.operand[:1] == ("if_not_exists",):
            return self.operand[-2]
        return self.operand[0] if len(self.operand) == 1 else ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The condition on one attribute in a KeyConditionExpression."""

    attribute: str
    operator: str
    values: tuple[str, ...]


@lru_cache(4096)
def parsed(text: str) -> Expression:
    """Parse an expression. Invalid ones are also parsed somehow; engines reject them."""
    tokens = tuple(_TOKEN.findall(text))
    return Expression(
        tokens,
        frozenset(token for token in tokens if token[0] == "#"),
        frozenset(token for token in tokens if token[0] == ":"),
        tuple(_first_names(tokens)),
        max(_list_lengths(tokens), default=0),
    )


def _first_names(tokens: Sequence[str]) -> Iterator[str]:
    for before, token, after in zip(("", *tokens), tokens, (*tokens[1:], ""), strict=False):
        is_name = token[0] in "#_" or token[0].isalpha()
        if is_name and before != "." and after != "(" and token.upper() not in _WORDS:
            yield token


def _list_lengths(tokens: Sequence[str]) -> Iterator[int]:
    for at, token in enumerate(tokens):
        if token.upper() == "IN" and tokens[at + 1 : at + 2] == ("(",):
            inner = tokens[at + 2 :]
            end = inner.index(")") if ")" in inner else len(inner)
            yield inner[:end].count(",") + 1


@lru_cache(1024)
def assignments(text: str) -> tuple[Assignment, ...]:
    """Return the actions of an UpdateExpression in order."""
    found: list[Assignment] = []
    verb, depth = "", 0
    part: list[str] = []
    for word in (*parsed(text).tokens, ","):
        depth += (word == "(") - (word == ")")
        if word.upper() in _VERBS or (word == "," and depth <= 0):
            if part:
                found.append(_assignment(verb, tuple(part)))
            verb, part = (verb if word == "," else word.upper()), []
        else:
            part.append(word)
    return tuple(found)


def _assignment(verb: str, part: tuple[str, ...]) -> Assignment:
    if "=" in part:
        at = part.index("=")
        return Assignment(verb, part[:at], part[at + 1 :])
    if part[-1][0] == ":":
        return Assignment(verb, part[:-1], part[-1:])
    return Assignment(verb, part, ())


@lru_cache(1024)
def comparisons(text: str) -> tuple[Comparison, ...]:
    """Return the conditions of a KeyConditionExpression in order."""
    found: list[Comparison] = []
    part: list[str] = []
    is_between = False
    for token in (*parsed(text).tokens, "AND"):
        word = token.upper()
        if word == "AND" and not is_between:
            found.extend(_comparison(part))
            part = []
            continue
        is_between = word == "BETWEEN" or (is_between and word != "AND")
        part.append(token)
    return tuple(found)


def _comparison(part: Sequence[str]) -> Iterator[Comparison]:
    attributes = list(_first_names(part))
    if attributes:
        values = tuple(token for token in part if token[0] == ":")
        operators = [token for token in part if token in ("=", "<", ">", "<=", ">=")]
        operator = "begins_with" if "begins_with" in part else "".join(operators)
        yield Comparison(attributes[0], operator, values)


def resolved(name: str, names: Mapping[str, Any]) -> str:
    """Return the attribute name for a name in an expression."""
    return str(names.get(name, name))

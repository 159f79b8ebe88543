"""How deep JSON may be nested: one bound for every Python.

Each Python's parser gives up at a depth of its own, which also depends on how deep the caller is:
about 950 levels in 3.11, some thousands in 3.13. An answer must not.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

MAX_NESTING: Final = 850
"""Levels of arrays and objects; the least that a Python has, 1,000, is shared with its callers."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
"""A string, whole, also where its end is missing; or a bracket outside of strings."""

_NO_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^"\[\]{}]++', re.DOTALL)
_USUAL_LEVELS: Final = 12
"""Times that pairs are taken away before a text is read bracket by bracket; two levels each."""

_DECODER: Final = json.JSONDecoder()


def nests_too_deeply(text: str, at: int = 0, end: int | None = None) -> bool:
    """Return whether the JSON value that begins at *at* has more than `MAX_NESTING` levels.

    The text may be malformed or cut at *end*; what is there counts.

    >>> nests_too_deeply("[" * 850 + "]" * 850), nests_too_deeply("[" * 851)
    (False, True)
    >>> nests_too_deeply('["' + "[" * 851 + '"]')
    False
    """
    end = len(text) if end is None else end
    if _is_shallow(text, at, end):
        return False
    depth = 0
    for token in _TOKEN.finditer(text, at, end):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > MAX_NESTING:
                return True
        elif first in "]}":
            depth -= 1
            if depth <= 0:
                return False
    return False


def parse_json(text: str, decoder: json.JSONDecoder = _DECODER) -> Any:
    """Parse JSON as *decoder* does, whatever its depth, and never by a `RecursionError`.

    A parser that runs out of stack takes what happens to run inside of it along, such as the
    finalizers that a garbage collection calls.

    Raises:
        ValueError: If it is no JSON, or nested too deeply.
    """
    if nests_too_deeply(text):
        raise ValueError("it is nested too deeply")
    return decoder.decode(text)


def _is_shallow(text: str, at: int, end: int) -> bool:
    """Return True where counting is enough to see it, as it is for nearly every text."""
    if text.count("[", at, end) + text.count("{", at, end) <= MAX_NESTING:
        return True
    brackets = _NO_BRACKETS.sub("", text[at:end])
    for _ in range(_USUAL_LEVELS):
        brackets = brackets.replace("{}", "")
        brackets = brackets.replace("[]", "")
    return brackets.count("[") + brackets.count("{") <= MAX_NESTING - 2 * _USUAL_LEVELS

"""How deep JSON may be nested: one bound for every Python.

Each Python's parser gives up at a depth of its own, which also depends on how deep the caller is:
about 950 levels in 3.11, some thousands in 3.13. An answer must not.
"""

from __future__ import annotations

import re
from typing import Final

MAX_NESTING: Final = 850
"""Levels of arrays and objects; the least that a Python has, 1,000, is shared with its callers."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
"""A string, whole, also where its end is missing; or a bracket outside of strings."""


def nests_too_deeply(text: str, at: int = 0, end: int | None = None) -> bool:
    """Return whether the JSON value that begins at *at* has more than `MAX_NESTING` levels.

    The text may be malformed or cut at *end*; what is there counts.

    >>> nests_too_deeply("[" * 850 + "]" * 850), nests_too_deeply("[" * 851)
    (False, True)
    >>> nests_too_deeply('["' + "[" * 851 + '"]')
    False
    """
    end = len(text) if end is None else end
    if text.count("[", at, end) + text.count("{", at, end) <= MAX_NESTING:
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

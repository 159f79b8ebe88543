"""The maximum nesting depth of JSON, the same for every Python version.

The parser of each Python version fails at a different depth, which also depends on the depth of the
call stack: about 950 levels in 3.11, several thousand in 3.13. Results must not depend on that.
"""

import json
import re
from typing import Any, Final

MAX_NESTING: Final = 850
"""Levels of arrays and objects. The lowest recursion limit, 1,000, also covers the callers' frames.
"""

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)
"""A complete string, or one without its closing quote; or a bracket outside of strings."""

_NO_BRACKETS: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^"\[\]{}]++', re.DOTALL)
_USUAL_LEVELS: Final = 12
"""Rounds that remove pairs of brackets, two levels each, before the text is scanned in full."""

_DECODER: Final = json.JSONDecoder()


def nests_too_deeply(text: str, at: int = 0, end: int | None = None) -> bool:
    """Return whether the JSON value that begins at *at* has more than `MAX_NESTING` levels.

    The text may be malformed or cut at *end*; only the characters up to there count.

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
    """Parse JSON with *decoder*; deep nesting raises `ValueError`, never `RecursionError`.

    A parser that exhausts the stack also breaks unrelated code that runs inside it, such as
    finalizers called by the garbage collector.
    """
    if nests_too_deeply(text):
        raise ValueError("it is nested too deeply")
    return decoder.decode(text)


def _is_shallow(text: str, at: int, end: int) -> bool:
    """Return True if counting brackets is enough to show it, which is so for nearly every text."""
    if text.count("[", at, end) + text.count("{", at, end) <= MAX_NESTING:
        return True
    brackets = _NO_BRACKETS.sub("", text[at:end])
    for _ in range(_USUAL_LEVELS):
        brackets = brackets.replace("{}", "")
        brackets = brackets.replace("[]", "")
    return brackets.count("[") + brackets.count("{") <= MAX_NESTING - 2 * _USUAL_LEVELS

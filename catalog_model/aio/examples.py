"""Docstrings of access patterns for asyncio: their examples await each call of one."""

import ast
from collections.abc import Collection, Iterator

_PROMPT = ">>> "


def awaited(docstring: str, functions: Collection[str]) -> str:
    """Return a docstring in whose examples each call of one of *functions* is awaited.

    >>> awaited('>>> count_titles(catalog, "movie"), 1', ["count_titles"])
    '>>> await count_titles(catalog, "movie"), 1'
    """
    return "".join(_awaited(line, functions) for line in docstring.splitlines(keepends=True))


def _awaited(line: str, functions: Collection[str]) -> str:
    indent, prompt, source = line.partition(_PROMPT)
    if not prompt or indent.strip():
        return line
    for start, end, is_whole in reversed(list(_calls(source, functions))):
        call = f"await {source[start:end]}"
        source = source[:start] + (call if is_whole else f"({call})") + source[end:]
    return indent + prompt + source


def _calls(source: str, functions: Collection[str]) -> Iterator[tuple[int, int, bool]]:
    """Yield where calls of functions begin and end, and whether they need no parentheses."""
    tree = ast.parse(source)
    bound = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Attribute)}
    for each in ast.walk(tree):
        name = getattr(getattr(each, "func", None), "id", None)
        if isinstance(each, ast.Call) and name in functions and each.end_col_offset is not None:
            # The offsets are of bytes in UTF-8.
            start, end = (
                len(source.encode()[:offset].decode())
                for offset in (each.col_offset, each.end_col_offset)
            )
            yield start, end, id(each) not in bound

"""Writes the parts of the documentation that follow from the code, or checks that they are fresh.

``python -m docs.generate`` writes them; with ``--check`` it only tells, and fails if one is stale.
"""

from __future__ import annotations

import sys
from pathlib import Path

from catalog_model.access_patterns import PATTERNS
from catalog_model.patterns import AccessPattern

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Write or check; gives the exit code."""
    check = "--check" in sys.argv[1:]
    stale = [path for path, text in _documents() if path.read_text("utf-8") != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `python -m docs.generate`")  # noqa: T201
        return 1 if stale else 0
    for path, text in _documents():
        path.write_text(text, "utf-8")
    return 0


def _documents() -> list[tuple[Path, str]]:
    tables = {
        "reads": _table("read", ("question", "function", "request", "order", "cost")),
        "writes": _table("write", ("question", "function", "request", "cost")),
        "patterns": _table("read", ("question", "function", "request", "order", "cost")),
    }
    return [
        (path, _filled(path.read_text("utf-8"), tables))
        for path in (ROOT / "README.md", ROOT / "docs" / "access-patterns.md")
    ]


def _filled(text: str, tables: dict[str, str]) -> str:
    """Put each table between the two comments that carry its name."""
    for name, table in tables.items():
        begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
        if begin in text:
            before, rest = text.split(begin)
            _, after = rest.split(end)
            text = f"{before}{begin}\n{table}\n{end}{after}"
    return text


def _table(role: str, columns: tuple[str, ...]) -> str:
    rows = [columns, tuple("---" for _ in columns)]
    patterns = [pattern for pattern in PATTERNS.values() if pattern.role == role]
    rows += [tuple(_cell(pattern, column) for column in columns) for pattern in patterns]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(pattern: AccessPattern, column: str) -> str:
    match column:
        case "function":
            return f"`{pattern.name}`"
        case "request":
            return f"{pattern.operation} on {pattern.index}: `{pattern.key_condition}`"
    return str(getattr(pattern, column))


if __name__ == "__main__":
    sys.exit(main())

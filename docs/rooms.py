"""Where things are: every module with what it says of itself, in the order in which they import.

The layers are those that `lint-imports` enforces, so a module is in the list exactly if it exists.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]

ROOMS: Final = {
    "The command line": "__main__",
    "Engines, and what makes them strict or faulty": "testing",
    "Work on whole tables, on files, on figures": "files",
    "The access patterns": "access_patterns",
    "The way to DynamoDB": "catalog",
    "What a call may ask and cost": "steps",
    "What is stored": "plan",
}
"""Each room by the first module in it."""


def layers() -> list[tuple[str, ...]]:
    """Give the modules, layer by layer: each imports only from layers below its own."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = configured["tool"]["importlinter"]["contracts"]
    (listed,) = (each["layers"] for each in contracts if each["type"] == "layers")
    return [tuple(name.strip() for name in layer.split("|")) for layer in listed]


def rooms() -> Iterator[tuple[str, list[str]]]:
    """Give each room with its modules."""
    modules = list(chain.from_iterable(layers()))
    starts = [*map(modules.index, ROOMS.values()), len(modules)]
    for room, (start, end) in zip(ROOMS, pairwise(starts), strict=True):
        yield room, modules[start:end]


def says(module: str) -> str:
    """Give the first line of a module's docstring."""
    path = ROOT / "catalog_model" / f"{module}.py"
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return docstring.partition("\n")[0].replace("``", "`")


def markdown() -> str:
    """Write every room as a list."""
    parts = []
    for room, modules in rooms():
        lines = [f"- [`{name}`](catalog_model/{name}.py): {says(name)}" for name in modules]
        parts.append("\n".join([f"**{room}**", "", *lines]))
    return "\n\n".join(parts)

"""The map of the code: every package with its summary, from the top layer to the bottom one.

The layers are those that `lint-imports` enforces, so a package is in the list exactly if it exists.
"""

import ast
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]


def layers() -> list[tuple[str, ...]]:
    """Return the packages, layer by layer: each imports only from layers below its own."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = configured["tool"]["importlinter"]["contracts"]
    (listed,) = (each["layers"] for each in contracts if each["type"] == "layers")
    return [tuple(name.strip() for name in layer.split("|")) for layer in listed]


def path_of(name: str) -> Path:
    """Return the file with the docstring of a package or of a top-level module."""
    folder = ROOT / "catalog_model" / name
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def says(name: str) -> str:
    """Return the first line of a docstring."""
    docstring = ast.get_docstring(ast.parse(path_of(name).read_text("utf-8"))) or ""
    return docstring.partition("\n")[0].replace("``", "`")


def markdown() -> str:
    """Write the layers as a table, one line a package."""
    lines = ["| layer | package | what it is |", "|---|---|---|"]
    numbered = zip(range(len(layers()), 0, -1), layers(), strict=True)
    for number, name in ((number, name) for number, layer in numbered for name in layer):
        path = path_of(name).relative_to(ROOT)
        where = path.parent if path.name == "__init__.py" else path
        lines.append(f"| {number} | [`{name}`]({where.as_posix()}) | {says(name)} |")
    return "\n".join(lines)

"""Documentation pages, followed exactly: their code blocks are run, and their diffs are applied."""

import doctest
import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MEASURES = r" [\d,]+ +\d+\.\d$"
DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str | Path, language: str) -> list[str]:
    """Return the code blocks in a language, in order, of a page in docs/ or elsewhere."""
    text = (DOCS / page).read_text("utf-8")
    marked = rf"^( *)```{language}\n(.*?)^\1```$"
    found = re.finditer(marked, text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(each[2]) for each in found]


def commands_of(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, in order, each with the output that it shows."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    return [(command.replace("\\\n", ""), shown) for command, shown in found]


def is_as_shown(shown: str, printed: str) -> bool:
    """Compare texts, where ``...`` stands for anything and a space for any white space.

    The bytes and milliseconds at the end of an explanation's lines are not compared.
    """
    wanted, found = (re.sub(MEASURES, "", each, flags=re.MULTILINE) for each in (shown, printed))
    return doctest.OutputChecker().check_output(wanted, found, SHOWN)


def apply_diffs(page: str, folder: Path) -> list[str]:
    """Apply every diff of the page to the files in a folder; return the changed lines."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed, and it applies the page's diffs")
    changed = []
    for diff in blocks(page, "diff"):
        subprocess.run(
            ["git", "apply", "--whitespace=error-all", "-"],
            cwd=folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
            input=diff,
            text=True,
            check=True,
        )
        lines = diff.splitlines()
        changed += [line for line in lines if re.match(r"[+-](?!--|\+\+)", line)]
    return changed

"""Messages count in English: 1 finding, 2 findings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import catalog_model
from catalog_model.checks import counted

PACKAGE = Path(catalog_model.__file__).parent

NOUNS = re.compile(
    r"^ (?:\w+ )?(actions|bytes|characters|entries|findings|genres|items|keys|records|requests|"
    r"seconds|slots|tables|times|titles|units)\b"
)

NEVER_ONE = {
    "no number": ("kind",),
    "a bound": ("most", "retries.MAX_RACES"),
    "how many requests may wait": ("self._places",),
    "an item over 400 KB": ("largest", "self.largest", "size"),
    "a key or a text too long to show": ("len(key)", "len(text)", "len(value)"),
    "a transaction over 100 actions": ("len(plan)",),
    "a transaction over 4 MB": ("self.size", "self._size()", "total"),
}


def counts(source: str) -> Iterator[str]:
    """Every number in an f-string before a noun in the plural, except constants."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            for number, text in zip(node.values, node.values[1:], strict=False):
                if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant):
                    words = ast.unparse(number.value)
                    if not words.isupper() and NOUNS.match(str(text.value)):
                        yield words


def test_a_number_that_may_be_one_is_written_with_its_noun_by_one_helper() -> None:
    """`counted`: so that no report has "1 findings"."""
    found = {
        words
        for path in PACKAGE.rglob("*.py")
        for words in counts(path.read_text(encoding="utf-8"))
    }
    assert found - {words for each in NEVER_ONE.values() for words in each} == set()


def test_a_plural_is_found() -> None:
    """So that the test above can fail."""
    text = 'f"{found:,} findings, {report.units} write units, {MOST} items"'
    assert list(counts(text)) == ["found", "report.units"]


def test_one_is_singular_in_every_form() -> None:
    """Numbers with a thousands separator, fractions, and texts such as formulas."""
    shown = [counted(count, "unit") for count in (0, 1, 1.0, "1", 2, 1.5, 1160, "n + 1")]
    assert ", ".join(shown) == (
        "0 units, 1 unit, 1 unit, 1 unit, 2 units, 1.5 units, 1,160 units, n + 1 units"
    )

"""The prose check: the prose that it finds, and its reports."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from packages import run_in

import catalog_model
from catalog_model.checks import counted
from docs import prose
from docs.prose import Rules, check, prose_of

PLANTED = "Give the title, which nobody has changed meanwhile."


def planted(root: Path, name: str, text: str) -> list[str]:
    """Return the findings in a project of one file."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    rules = Rules(Rules.read().substitutions, exceptions=())
    return [line.partition(": write")[0] for line in check(root, rules)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", f"# A page\n\n{PLANTED}\n"),
        ("docs/page.md", f"| what | is |\n|---|---|\n| it | {PLANTED} |\n"),
        ("catalog_model/a.py", f'"""A module.\n\n{PLANTED}\n"""\n'),
        ("catalog_model/b.py", f"x = 1\n# {PLANTED}\n"),
        ("catalog_model/c.py", f'print(\n    "{PLANTED}")\n'),
        ("catalog_model/d.py", f'x = 1\nprint(f"{{x}}: {PLANTED}")\n'),
        ("Dockerfile", f"FROM python\n\n# {PLANTED}\n"),
        ("Makefile", f"target: other  ## {PLANTED}\n"),
    ],
)
def test_a_planted_sentence_is_found_in_all_prose(tmp_path: Path, name: str, text: str) -> None:
    """In pages, tables, docstrings, comments and messages; reports line and phrase."""
    line = text[: text.index("Give")].count("\n") + 1
    assert sorted(planted(tmp_path, name, text)) == [
        f'{name}:{line}: "Give the"',
        f'{name}:{line}: "nobody"',
    ]


def test_a_phrase_is_found_across_lines(tmp_path: Path) -> None:
    """In a paragraph, a comment, and a message in two parts."""
    text = 'x = ("its name is taken by so "\n    "many others")  # as good\n# as it'
    found = planted(tmp_path, "catalog_model/a.py", text)
    assert sorted(found) == [
        'catalog_model/a.py:1: "so many"',
        'catalog_model/a.py:2: "as good as"',
    ]
    (tmp_path / "catalog_model" / "a.py").unlink()
    page = planted(tmp_path, "README.md", "There are so\nmany.\n\nThis is so\n\nmany words.\n")
    assert page == ['README.md:1: "so many"']


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", f"```\n{PLANTED}\n```\n"),
        ("README.md", f"<!-- x y: generated -->\n{PLANTED}\n<!-- x y: end -->\n"),
        ("README.md", "The option `nobody`, or [this](nobody.md).\n"),
        ("catalog_model/a.py", 'nobody = "nobody"\n'),
        ("catalog_model/b.py", f'"""Runs.\n\n>>> print("{PLANTED}")\n"""\n'),
        ("catalog_model/c.py", '"""Sets ``nobody`` or `nobody`."""\n'),
        ("Makefile", "nobody:\n\techo nobody\n"),
    ],
)
def test_code_is_not_prose(tmp_path: Path, name: str, text: str) -> None:
    """Names, examples, quoted words and generated tables are not checked."""
    assert planted(tmp_path, name, text) == []


@pytest.mark.slow
def test_the_project_itself_passes() -> None:
    """Without needless exceptions."""
    assert check() == []


def test_make_lint_fails_on_a_planted_sentence(tmp_path: Path) -> None:
    """With its line, the phrase and what to write instead; and passes without it."""
    lint = (prose.ROOT / "Makefile").read_text("utf-8").partition("\nlint:")[2].partition("\n\n")[0]
    assert "python -m docs.prose\n" in f"{lint}\n"
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(prose.__file__, docs)
    rules = prose.LIST.read_text("utf-8").partition("[[exceptions]]")[0]
    (docs / "prose.toml").write_text(rules, "utf-8")
    codes = []
    for text in ("A page.\n", f"A page.\n{PLANTED}\n"):
        (tmp_path / "README.md").write_text(text, "utf-8")
        done = run_in(tmp_path, "-m", "docs.prose")
        codes.append((done.returncode, done.stdout.partition(": write")[0]))
    assert codes == [(0, ""), (1, 'README.md:2: "nobody"')]


def test_an_exception_covers_its_own_phrase_and_has_a_reason(tmp_path: Path) -> None:
    """Once its phrase is gone, the exception is reported."""
    (tmp_path / "README.md").write_text("Sees nobody.\n")
    exception = {"path": "README.md", "phrase": "nobody", "reason": "a test"}
    rules = Rules(Rules.read().substitutions, (exception,))
    assert check(tmp_path, rules) == []
    (tmp_path / "README.md").write_text("Sees no file.\n")
    (unneeded,) = check(tmp_path, rules)
    assert "no longer needed" in unneeded
    assert all(each["reason"].strip() for each in Rules.read().exceptions)


def test_every_rule_of_the_list_is_in_the_guide() -> None:
    """The guide names each rule; the list has its phrases."""
    guide = " ".join((prose.ROOT / "CONTRIBUTING.md").read_text("utf-8").split()).lower()
    for substitution in Rules.read().substitutions:
        assert substitution.rule.partition(",")[0] in guide, substitution.rule


def test_lines_stay_where_they_are() -> None:
    """Therefore a finding has the right line number."""
    for path in (prose.ROOT / "README.md", Path(prose.__file__)):
        text = path.read_text("utf-8")
        assert prose_of(path).count("\n") == text.count("\n")


PACKAGE = Path(catalog_model.__file__).parent
NOUNS = re.compile(
    r"^ (?:\w+ )?(actions|bytes|characters|entries|findings|genres|items|keys|records|requests|"
    r"seconds|slots|tables|times|titles|units)\b"
)
NEVER_ONE = {
    "no number": ("kind", "part", "self._catalog.table"),
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

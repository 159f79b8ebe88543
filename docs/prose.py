"""Checks the prose of the project: docstrings, comments, messages and pages.

``python -m docs.prose`` compares them with the list of substitutions in `docs/prose.toml` and fails
where a phrase on it is used. The style guide is in CONTRIBUTING.md.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
LIST: Final = ROOT / "docs" / "prose.toml"
FOLDERS: Final = (
    "catalog_model",
    "docs",
    "examples",
    "tests",
    "typing_tests",
    "bench",
    "fuzz",
    "deploy",
)
FILES: Final = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "Makefile",
    "Dockerfile",
    "compose.yaml",
    "pyproject.toml",
)
WITH_COMMENTS: Final = (".sh", ".toml", ".yaml", ".yml", "")
"""Files of which only the comments are prose; the last are those without a suffix."""

PLANTING: Final = ROOT / "tests" / "project" / "test_prose.py"
"""The test of this check, which plants what it has to find."""

CODE: Final = "\0"
"""Replaces all characters between two pieces of prose, so that a phrase cannot span them."""

_SPACE: Final = r"(?:[ \t]+|[ \t]*\n[ \t]*)"
_WORDS: Final = re.compile(r"\w \w")
_NOT_PROSE: Final = re.compile(r"``.+?``|`[^`]+`|^ *(?:>>>|\.\.\.) .*$", re.MULTILINE | re.DOTALL)
_IN_MARKDOWN: Final = re.compile(
    r"<!-- [^\n]*: (?:generated|examples|quoted) -->.*?<!-- [^\n]*: end -->"
    r"|<!--.*?-->"
    r"|^(?P<fence> *```).*?^(?P=fence)"
    r"|`[^`\n]+(?:\n[^`\n]+)?`"
    r"|\]\([^)]*\)"
    r"|\|",
    re.MULTILINE | re.DOTALL,
)
_NO_COMMENT: Final = re.compile(r"^(?:[^#\n]|(?<=[^\s#])#)*#*|`[^`\n]+`", re.MULTILINE)


class Substitution(NamedTuple):
    """A phrase to avoid, what to write instead, and the rule of the guide that says so."""

    pattern: re.Pattern[str]
    instead: str
    rule: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase on the list, where it is used."""

    path: str
    line: int
    phrase: str
    substitution: Substitution

    def __str__(self) -> str:
        wanted = f"{self.substitution.instead} ({self.substitution.rule})"
        return f'{self.path}:{self.line}: "{self.phrase}": write {wanted}'


@dataclass(frozen=True, slots=True)
class Rules:
    """The list: substitutions and exceptions."""

    substitutions: tuple[Substitution, ...]
    exceptions: tuple[Mapping[str, str], ...]

    @classmethod
    def read(cls, path: Path = LIST) -> Rules:
        """Read the list."""
        listed = tomllib.loads(path.read_text("utf-8"))
        return cls(
            tuple(_substitutions(listed["substitutions"])),
            tuple(listed.get("exceptions", ())),
        )

    def findings(self, path: str, prose: str) -> Iterator[Finding]:
        """Find the listed phrases in the prose of a file, without regard to exceptions."""
        if not _any_of(self.substitutions).search(prose):
            return
        for substitution in self.substitutions:
            for found in substitution.pattern.finditer(prose):
                line = prose.count("\n", 0, found.start()) + 1
                yield Finding(path, line, " ".join(found[0].split()), substitution)

    def excepted(self, finding: Finding) -> Mapping[str, str] | None:
        """Return the exception that covers a finding; None if there is none."""
        for each in self.exceptions:
            if (each["path"], each["phrase"]) == (finding.path, finding.phrase):
                return each
        return None


@cache
def _any_of(substitutions: tuple[Substitution, ...]) -> re.Pattern[str]:
    """Return a pattern for any of the phrases: one search of a file instead of one for each."""
    patterns = [each.pattern.pattern for each in substitutions]
    at_words = "|".join(each.removeprefix(r"\b") for each in patterns if each.startswith(r"\b"))
    others = [each for each in patterns if not each.startswith(r"\b")]
    return re.compile("|".join([rf"\b(?:{at_words})", *others]), re.IGNORECASE)


def _substitutions(rules: Mapping[str, Mapping[str, str]]) -> Iterator[Substitution]:
    for rule, phrases in rules.items():
        for phrase, instead in phrases.items():
            words = re.sub(r"(?<!\[\^) ", lambda _: _SPACE, phrase)
            # A phrase that begins or ends with punctuation has no word boundary there.
            before = r"\b" if phrase[0].isalnum() or phrase[0] == "(" else ""
            pattern = re.compile(f"{before}(?:{words})(?!\\w)", re.IGNORECASE)
            yield Substitution(pattern, instead, rule)


def check(root: Path = ROOT, rules: Rules | None = None) -> list[str]:
    """Return one line for each phrase to replace, and for each entry of the list without use."""
    rules = rules or Rules.read()
    problems: list[str] = []
    used: list[Mapping[str, str]] = []
    for path in files(root):
        name = path.relative_to(root).as_posix()
        for finding in rules.findings(name, prose_of(path)):
            exception = rules.excepted(finding)
            if exception is None:
                problems.append(str(finding))
            else:
                used.append(exception)
    unused = (each for each in rules.exceptions if each not in used)
    problems += [f"{LIST.name}: no longer needed: {dict(each)}" for each in unused]
    return problems


def files(root: Path) -> Iterator[Path]:
    """Iterate over the modules and pages of the project."""
    yield from (root / each for each in FILES if (root / each).exists())
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".md", ".sh", ".yaml") and path != PLANTING:
                yield path


def prose_of(path: Path) -> str:
    """Return the prose of a file, each word on its line; what lies between is one `CODE`."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        kept = _prose_of_python(text)
    else:
        kept = _blanked(_NO_COMMENT if path.suffix in WITH_COMMENTS else _IN_MARKDOWN, text)
    return re.sub(rf"(?:{CODE} *)+", CODE, kept)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: re.sub(r"[^\n]", CODE, found[0]), text)


def _prose_of_python(text: str) -> str:
    """Keep comments, docstrings and strings of two words or more."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    kept = list(re.sub(r"[^\s]", CODE, text))
    for token in _tokens(text):
        begin = starts[token.start[0] - 1] + token.start[1]
        kept[begin : begin + len(token.string)] = _in_token(token)
    return "".join(kept)


def _tokens(text: str) -> Iterable[tokenize.TokenInfo]:
    literal = getattr(tokenize, "FSTRING_MIDDLE", None)  # f-strings have parts since Python 3.12
    wanted = {tokenize.COMMENT, tokenize.STRING, literal}
    readline = io.StringIO(text).readline
    return (each for each in tokenize.generate_tokens(readline) if each.type in wanted)


def _in_token(token: tokenize.TokenInfo) -> str:
    """Return a token, as long as it was, with what is not prose blanked out."""
    text: str = token.string
    if token.type == tokenize.COMMENT:
        text = re.sub(r"noqa[^#]*|type: ignore\S*", lambda found: CODE * len(found[0]), text)
        return _blanked(_NOT_PROSE, text.replace("#", " "))
    if token.type == tokenize.STRING:
        quotes = re.match(r"\w*(\"\"\"|'''|\"|')", text)
        opening = quotes[0] if quotes else ""
        ending = quotes[1] if quotes else ""
        inner = text[len(opening) : len(text) - len(ending)]
        if len(ending) == 1 and not _WORDS.search(inner):
            return CODE * len(text)
        text = " " * len(opening) + inner + " " * len(ending)
    return _blanked(_NOT_PROSE, text)


def main() -> int:
    """Print the phrases to replace; return the exit code."""
    problems = check()
    for problem in problems:
        print(problem)  # noqa: T201  # its output
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
